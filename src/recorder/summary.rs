//! What a run came to: counted from records, written as `summary.json` (`execution-layer` §9).

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::board::TroubleTold;
use super::feed_links::{self, FeedLink};
use super::histograms::{Histograms, Percentiles};
use super::number::{Cents, Held};
use super::record::{ExecutionResult, FillVoided, Hop, Outcome, Record};
use crate::ids::{ClientOrderId, RunId};
use crate::order::State;
use crate::risk::Limit;
use crate::units::{Contracts, Money, Nanos, Position, WallTime};

/// The whole of `summary.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The run, ten hexadecimal digits.
    pub run_id: String,
    /// `paper`, `sim`, `demo` or `live`.
    pub mode: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// How long it took.
    pub duration_ms: u64,
    /// Signals by fate.
    pub signals: Signals,
    /// Orders by fate.
    pub orders: Orders,
    /// Contracts bought and sold.
    pub contracts_filled: Held,
    /// Cash at the end; absent when the oms never told it.
    pub cash_cents: Option<Cents>,
    /// Fees charged.
    pub fees_cents: Cents,
    /// Profit realised by closing positions, before fees; absent when the oms never told it.
    pub realized_pnl_cents: Option<Cents>,
    /// What is held at the end; a negative number is NO contracts.
    pub positions: BTreeMap<String, Held>,
    /// What open positions have cost.
    pub position_cost_cents: BTreeMap<String, Cents>,
    /// Profit and loss of every market traded or held.
    #[serde(default)]
    pub pnl: BTreeMap<String, Pnl>,
    /// Markets that settled in this run.
    #[serde(default)]
    pub settled: u64,
    /// Stream messages that the exchange's clock sent after ours had received them: how often
    /// `feed_latency` counts none because the clocks differ.
    #[serde(default)]
    pub sent_ahead: u64,
    /// Signatures made ahead of the order that used them.
    pub presign: Presign,
    /// Commands to halt, and how long they took.
    #[serde(default)]
    pub kill_switch: KillSwitchTimes,
    /// What became of the orders that were alive when the run began to end; absent before.
    #[serde(default)]
    pub shutdown: Option<Shutdown>,
    /// From each loss of a link to the moment at which orders could go out again, in nanoseconds.
    #[serde(default)]
    pub reconnect: Percentiles,
    /// The connections to the exchange's stream.
    #[serde(default)]
    pub feed: Vec<FeedLink>,
    /// Conditions with a name that there were, by name.
    #[serde(default)]
    pub troubles: BTreeMap<String, TroubleTold>,
    /// Latency per hop, in nanoseconds.
    pub hops: BTreeMap<String, Percentiles>,
}

/// Signals by fate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signals {
    /// Lines and batch members that arrived.
    pub received: u64,
    /// Those that were no signal.
    pub malformed: u64,
    /// Those with `should_trade: false`.
    pub not_tradeable: u64,
    /// Those a limit refused, by limit.
    pub refused: BTreeMap<String, u64>,
    /// Those that became orders.
    pub accepted: u64,
}

/// Orders by fate; every ended order counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// Handed to the kernel.
    pub sent: u64,
    /// Completely filled.
    pub filled: u64,
    /// Ended in any other way with something filled.
    pub partial: u64,
    /// Cancelled with nothing filled.
    pub canceled: u64,
    /// Refused by the exchange.
    pub rejected: u64,
    /// Ran out of time with nothing filled.
    pub expired: u64,
    /// Fate not known, or still alive, at the end.
    pub unknown: u64,
    /// Approved and never handed to the kernel: none of the above. With those sent they are all
    /// the orders of the accepted signals.
    #[serde(default)]
    pub unsent: u64,
}

/// Profit and loss of one market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pnl {
    /// Of what was closed or settled, before fees.
    pub realized_cents: Cents,
    /// Of what is open, halfway between the best prices known; absent when none are.
    pub unrealized_cents: Option<Cents>,
    /// Fees.
    pub fees_cents: Cents,
}

/// Signatures by when they were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presign {
    /// Made ahead.
    pub hits: u64,
    /// Made on the way out.
    pub misses: u64,
}

/// What became of the orders that were alive when a run began to end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shutdown {
    /// Cancelled, or ended otherwise with something left unfilled.
    pub canceled: u64,
    /// Completely filled before their cancel.
    pub filled: u64,
    /// Client order ids of those that may still be alive: they could not be cancelled.
    pub left: Vec<String>,
}

impl Presign {
    /// Hits in whole per cent, rounded down; `None` before the first order.
    #[must_use]
    pub const fn hit_rate(&self) -> Option<u64> {
        (self.hits * 100).checked_div(self.hits + self.misses)
    }
}

/// Commands to halt, from their arrival to the oms having halted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillSwitchTimes {
    /// How many.
    pub count: u64,
    /// The last one's time.
    pub last_ns: u64,
    /// The longest time.
    pub max_ns: u64,
}

/// Counts records as they come.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    received: u64,
    malformed: u64,
    not_tradeable: u64,
    accepted: u64,
    refused: Refused,
    sent: u64,
    orders: HashMap<ClientOrderId, Fate>,
    unsent: u64,
    trades: u64,
    filled_centis: u64,
    fees: Money,
    account: Option<Account>,
    positions: BTreeMap<String, (Position, Money)>,
    pnl: BTreeMap<String, Pnl>,
    settled: u64,
    sent_ahead: u64,
    presign: Presign,
    kill_switch: KillSwitchTimes,
    feed: Vec<FeedLink>,
    /// Orders that were alive when the run began to end, or have left since.
    ending: Option<Vec<ClientOrderId>>,
}

/// Refused signals by limit.
#[derive(Clone, Copy, Debug)]
struct Refused([u64; Limit::COUNT]);

impl Default for Refused {
    fn default() -> Self {
        Self([0; Limit::COUNT])
    }
}

/// How an order ended, as far as is known.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    state: Option<State>,
    filled: Contracts,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    cash: Money,
    fees: Money,
    realized: Money,
}

impl Tally {
    /// Counts one record.
    pub fn count(&mut self, record: &Record) {
        match record {
            Record::Received => self.received += 1,
            Record::Malformed { .. } => self.malformed += 1,
            Record::Result(result) => match result.outcome {
                Outcome::Refused(refusal) => self.refused.0[refusal.limit as usize] += 1,
                Outcome::NotTradeable => self.not_tradeable += 1,
                Outcome::Ended(_) => self.count_ended(result),
            },
            Record::Presign { hit: true } => self.presign.hits += 1,
            Record::Presign { hit: false } => self.presign.misses += 1,
            Record::OrderSent { client_order_id, .. } => {
                self.sent += 1;
                self.orders.entry(*client_order_id).or_default();
                if let Some(ending) = &mut self.ending {
                    ending.push(*client_order_id);
                }
            }
            // A late fill ends a cancelled order once more: the last word counts.
            Record::OrderEnded { client_order_id, state, filled } => {
                let fate = Fate { state: Some(*state), filled: *filled };
                self.orders.insert(*client_order_id, fate);
            }
            Record::Fill(fill) => {
                self.filled_centis += u64::from(fill.quantity.centis());
                self.fees += fill.fee;
            }
            Record::FillVoided(FillVoided { quantity, fee, .. }) => {
                let centis = u64::from(quantity.centis());
                self.filled_centis = self.filled_centis.saturating_sub(centis);
                self.fees -= *fee;
            }
            Record::FinalPosition { ticker, position, cost } => {
                self.positions.insert(ticker.to_string(), (*position, *cost));
            }
            Record::FinalPnl { ticker, realized, unrealized, fees } => {
                let pnl = Pnl {
                    realized_cents: Cents(*realized),
                    unrealized_cents: unrealized.map(Cents),
                    fees_cents: Cents(*fees),
                };
                self.pnl.insert(ticker.to_string(), pnl);
            }
            Record::FeedLink(told) => feed_links::note(&mut self.feed, told),
            Record::Draining => {
                let alive = self.orders.iter().filter(|(_, fate)| !fate.is_over());
                self.ending = Some(alive.map(|(id, _)| *id).collect());
            }
            Record::Settled { .. } => self.settled += 1,
            Record::SentAhead => self.sent_ahead += 1,
            Record::FinalAccount { cash, fees, realized, .. } => {
                self.account = Some(Account { cash: *cash, fees: *fees, realized: *realized });
            }
            Record::KillSwitch { span } => {
                let times = &mut self.kill_switch;
                times.count += 1;
                times.last_ns = span.ns();
                times.max_ns = times.max_ns.max(span.ns());
            }
            Record::SourceEnded { .. }
            | Record::Span { .. }
            | Record::Halted { .. }
            | Record::Resumed
            | Record::Told(_)
            | Record::Alert { .. }
            | Record::Trouble(_)
            | Record::Reconnected { .. }
            | Record::Restated(_)
            | Record::Drained => {}
        }
    }

    /// A signal that became orders has its answer. What left has said so before.
    fn count_ended(&mut self, result: &ExecutionResult) {
        self.accepted += 1;
        self.trades += u64::from(!result.filled.is_zero());
        let left = |id| self.orders.contains_key(id);
        let children = result.orders.iter().flatten();
        let unsent = children.filter(|child| !left(&child.client_order_id)).count();
        self.unsent += unsent as u64;
    }

    /// Signals that arrived.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Signals that became orders and were answered.
    #[must_use]
    pub const fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Signals that were answered with something filled.
    #[must_use]
    pub const fn trades(&self) -> u64 {
        self.trades
    }

    /// Signals that arrived and have no final answer yet.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        let refused: u64 = self.refused.0.iter().sum();
        let answered = self.malformed + self.not_tradeable + self.accepted + refused;
        self.received.saturating_sub(answered)
    }

    fn orders(&self) -> Orders {
        let mut orders = Orders { sent: self.sent, unsent: self.unsent, ..Orders::default() };
        for fate in self.orders.values() {
            let place = match fate.state {
                Some(State::Filled) => &mut orders.filled,
                Some(_) if !fate.filled.is_zero() && fate.is_over() => &mut orders.partial,
                Some(State::Canceled) => &mut orders.canceled,
                Some(State::Rejected) => &mut orders.rejected,
                Some(State::Expired) => &mut orders.expired,
                Some(_) | None => &mut orders.unknown,
            };
            *place += 1;
        }
        orders
    }

    /// What became of orders that were alive when the run began to end.
    fn shutdown(&self) -> Option<Shutdown> {
        let mut shutdown = Shutdown::default();
        for id in self.ending.as_ref()? {
            let fate = self.orders.get(id).copied().unwrap_or_default();
            match fate.state {
                Some(State::Filled) => shutdown.filled += 1,
                Some(_) if fate.is_over() => shutdown.canceled += 1,
                Some(_) | None => shutdown.left.push(id.to_string()),
            }
        }
        shutdown.left.sort_unstable();
        Some(shutdown)
    }

    /// The summary as of now: at the end of a run, or of a run that goes on.
    #[must_use]
    pub fn summary(&self, run: &Run, length: Nanos, histograms: &Histograms) -> Summary {
        let refused = Limit::ALL.iter().zip(self.refused.0).filter(|(_, count)| *count > 0);
        let open = self.positions.iter().filter(|(_, (position, _))| *position != Position::FLAT);
        let hop = |hop: &Hop| (hop.as_str().to_owned(), histograms.percentiles(*hop));
        Summary {
            run_id: format!("{:010x}", run.id.bits()),
            mode: run.mode.clone(),
            started: rfc3339(run.started),
            duration_ms: length.ms(),
            signals: Signals {
                received: self.received,
                malformed: self.malformed,
                not_tradeable: self.not_tradeable,
                refused: refused.map(|(limit, count)| (limit.to_string(), count)).collect(),
                accepted: self.accepted,
            },
            orders: self.orders(),
            contracts_filled: Held(Position::from_centis(
                i64::try_from(self.filled_centis).unwrap_or(i64::MAX),
            )),
            cash_cents: self.account.map(|account| Cents(account.cash)),
            fees_cents: Cents(self.account.map_or(self.fees, |account| account.fees)),
            realized_pnl_cents: self.account.map(|account| Cents(account.realized)),
            positions: open.clone().map(|(ticker, held)| (ticker.clone(), Held(held.0))).collect(),
            position_cost_cents: open
                .map(|(ticker, held)| (ticker.clone(), Cents(held.1)))
                .collect(),
            pnl: self.pnl.clone(),
            settled: self.settled,
            sent_ahead: self.sent_ahead,
            presign: self.presign,
            kill_switch: self.kill_switch,
            shutdown: self.shutdown(),
            reconnect: Percentiles::default(),
            feed: self.feed.clone(),
            troubles: BTreeMap::new(),
            hops: Hop::ALL.iter().map(hop).collect(),
        }
    }
}

impl Fate {
    fn is_over(self) -> bool {
        self.state.is_some_and(State::is_terminal)
    }
}

/// What a run is, besides what happens in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// `paper`, `sim`, `demo` or `live`.
    pub mode: String,
    /// When it began.
    pub started: WallTime,
}

/// RFC 3339 in UTC with the decimals there are.
#[must_use]
pub fn rfc3339(time: WallTime) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.unix_ns()))
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SourceId, Ticker};
    use crate::recorder::pack::sample::Dice;
    use crate::recorder::record::{BookedFill, CHILDREN_MAX, ChildResult};
    use crate::risk::Refusal;
    use crate::units::Timestamp;

    fn id(seq: u64) -> ClientOrderId {
        ClientOrderId::new(RunId::new(1), seq)
    }

    fn result(outcome: Outcome) -> Record {
        Record::Result(ExecutionResult { outcome, ..Dice::new(1).any() })
    }

    fn summary(records: &[Record]) -> Summary {
        let mut tally = Tally::default();
        for record in records {
            tally.count(record);
        }
        let run = Run {
            id: RunId::new(0xabc),
            mode: "sim".to_owned(),
            started: WallTime::from_unix_ms(1_767_225_600_500),
        };
        tally.summary(&run, Nanos::from_secs(3), &Histograms::new())
    }

    #[test]
    fn signals_count_by_fate() {
        let refusal = Refusal { limit: Limit::MinimumEdge, value: 1, bound: 2 };
        let of = summary(&[
            Record::Received,
            Record::Received,
            Record::Received,
            Record::Received,
            Record::Malformed {
                source: SourceId(0),
                line: 1,
                kind: crate::recorder::record::Malformed::Json,
                detail: crate::ids::Reason::EMPTY,
            },
            result(Outcome::NotTradeable),
            result(Outcome::Refused(refusal)),
            result(Outcome::Ended(State::Filled)),
        ])
        .signals;
        assert_eq!((of.received, of.malformed, of.not_tradeable, of.accepted), (4, 1, 1, 1));
        assert_eq!(of.refused, BTreeMap::from([("minimum_edge".to_owned(), 1)]));
    }

    #[test]
    fn every_order_counts_once_by_its_last_word() {
        let sent = |seq| Record::OrderSent { client_order_id: id(seq), at: Timestamp::ZERO };
        let ended = |seq, state, filled| Record::OrderEnded {
            client_order_id: id(seq),
            state,
            filled: Contracts::from_whole(filled),
        };
        let of = summary(&[
            sent(1),
            ended(1, State::Filled, 5),
            sent(2),
            ended(2, State::Canceled, 2),
            sent(3),
            ended(3, State::Canceled, 0),
            ended(3, State::Filled, 5),
            sent(4),
            ended(4, State::Expired, 0),
            ended(5, State::Rejected, 0),
            sent(6),
            ended(6, State::Unknown, 1),
            sent(7),
        ])
        .orders;
        let expected = Orders {
            sent: 6,
            filled: 2,
            partial: 1,
            canceled: 0,
            rejected: 1,
            expired: 1,
            unknown: 2,
            unsent: 0,
        };
        assert_eq!(of, expected);
    }

    #[test]
    fn orders_sent_and_unsent_are_all_orders_of_the_accepted_signals() {
        let child = |seq| ChildResult { client_order_id: id(seq), ..Dice::new(1).any() };
        let ended = |seqs: &[u64]| {
            let mut orders = [None; CHILDREN_MAX];
            orders.iter_mut().zip(seqs).for_each(|(place, seq)| *place = Some(child(*seq)));
            let outcome = Outcome::Ended(State::Rejected);
            Record::Result(ExecutionResult { outcome, orders, ..Dice::new(1).any() })
        };
        let sent = |seq| Record::OrderSent { client_order_id: id(seq), at: Timestamp::ZERO };
        let refusal = Refusal { limit: Limit::Halted, value: 1, bound: 0 };
        // One filled, one retried and then out of tokens, one that never left, one refused.
        let of = summary(&[
            sent(1),
            ended(&[1]),
            sent(2),
            ended(&[2, 3]),
            ended(&[4]),
            result(Outcome::Refused(refusal)),
        ]);
        assert_eq!((of.signals.accepted, of.orders.sent, of.orders.unsent), (3, 2, 2));
        let retries = 1;
        assert_eq!(of.signals.accepted + retries, of.orders.sent + of.orders.unsent);
    }

    #[test]
    fn money_comes_from_the_oms_and_positions_without_the_flat() {
        let ticker = Ticker::new(b"KXA-1-B").unwrap();
        let flat = Ticker::new(b"KXA-1-C").unwrap();
        let fill = BookedFill {
            quantity: Contracts::from_centis(1_050),
            fee: Money::from_cents(9),
            ..booked(ticker)
        };
        let of = summary(&[
            Record::Fill(fill),
            Record::FinalPosition {
                ticker,
                position: Position::from_centis(-1_050),
                cost: Money::from_cents(500),
            },
            Record::FinalPosition { ticker: flat, position: Position::FLAT, cost: Money::ZERO },
            Record::FinalAccount {
                cash: Money::from_micros(9_995_012_500),
                fees: Money::from_cents(9),
                realized: Money::ZERO,
                unknown_orders: 0,
            },
        ]);
        let value = serde_json::to_value(&of).unwrap();
        assert_eq!(value["contracts_filled"], 10.5);
        assert_eq!(value["cash_cents"], 999_501.25);
        assert_eq!(value["fees_cents"], 9);
        assert_eq!(value["positions"], serde_json::json!({"KXA-1-B": -10.5}));
        assert_eq!(value["run_id"], "0000000abc");
        assert_eq!(value["started"], "2026-01-01T00:00:00.5Z");
        assert_eq!(value["hops"].as_object().unwrap().len(), Hop::COUNT);
        assert_eq!(serde_json::from_value::<Summary>(value).unwrap(), of);
    }

    fn booked(ticker: Ticker) -> BookedFill {
        let mut dice = Dice::new(2);
        BookedFill {
            execution_id: dice.any(),
            trade_id: dice.any(),
            client_order_id: id(1),
            ticker,
            side: crate::message::BookSide::Bid,
            price: dice.any(),
            quantity: Contracts::ZERO,
            fee: Money::ZERO,
            is_taker: true,
        }
    }
}
