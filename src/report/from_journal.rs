//! A report rebuilt from a journal alone: its last run.
//!
//! The journal holds what the oms took in and gave out. Malformed and not tradeable lines never
//! reach it, so their counts are zero here; latencies are those the results carry. Cash follows
//! the fills: exact, because collateral is exactly the price of the leg.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::Report;
use crate::ids::{ClientOrderId, ExecutionId, OrderId, OrderKey, Ticker, TradeId};
use crate::message::{BookSide, FeedEvent, FetchEvent, Fill, GatewayEvent};
use crate::recorder::histograms::Histograms;
use crate::recorder::journal::{Entry, Header, JournalError, JournalReader};
use crate::recorder::number::{Cents, Held};
use crate::recorder::record::{BookedFill, ChildResult, ExecutionResult, FillVoided, Hop, Record};
use crate::recorder::summary::{Run, Tally};
use crate::units::{Contracts, Money, Now, Position, Price};

/// Rebuilds the last run of the journal at `path`.
pub(super) fn last_run(path: &Path) -> Result<Report, JournalError> {
    let mut rebuild = Rebuild::default();
    for item in JournalReader::open(path)? {
        let (header, entry) = item?;
        rebuild.take(&header, &entry);
    }
    Ok(rebuild.report())
}

/// What a run has come to so far.
#[derive(Default)]
struct Rebuild {
    run: Run,
    began: Now,
    latest: Now,
    tally: Tally,
    histograms: Histograms,
    submitted: HashMap<OrderKey, ClientOrderId>,
    sent: HashSet<ClientOrderId>,
    ours: HashMap<OrderId, ClientOrderId>,
    seen: HashSet<TradeId>,
    positions: BTreeMap<Ticker, Position>,
    /// What a YES contract paid in markets that are over.
    settled: BTreeMap<Ticker, Money>,
    cash: Option<Money>,
}

impl Rebuild {
    fn take(&mut self, header: &Header, entry: &Entry) {
        self.latest = header.now;
        match entry {
            Entry::RunStarted { run, mode, .. } => {
                let run = Run { id: *run, mode: mode_name(*mode), started: header.now.wall };
                *self = Self { run, began: header.now, latest: header.now, ..Self::default() };
            }
            Entry::Opening { ticker, position, .. } => {
                self.positions.insert(*ticker, *position);
            }
            Entry::OpeningCash { cash } => self.cash = Some(*cash),
            Entry::Signal(_) => self.tally.count(&Record::Received),
            Entry::Submit(order) => {
                self.submitted.insert(order.key, order.client_order_id);
            }
            Entry::Gateway(event) => self.gateway(event),
            Entry::Feed(FeedEvent::Fill(fill)) | Entry::Fetch(FetchEvent::Fill(fill)) => {
                self.fill(fill);
            }
            Entry::Fetch(FetchEvent::Settled(settlement)) => {
                self.settled.insert(settlement.ticker, settlement.yes_pays);
                self.pay_out(settlement.ticker);
            }
            Entry::Result(result) => self.result(result),
            Entry::Voided(voided) => self.take_back(voided),
            Entry::Settings(_)
            | Entry::Market(_)
            | Entry::Feed(_)
            | Entry::Fetch(_)
            | Entry::Book(_)
            | Entry::Control(_)
            | Entry::Timer
            | Entry::Resend(_)
            | Entry::Group { .. }
            | Entry::Amend(_)
            | Entry::Decrease(_)
            | Entry::Cancel(_)
            | Entry::CancelAll
            | Entry::Ask(_)
            | Entry::RunEnded
            | Entry::Risk(_)
            | Entry::MarketRisk(_)
            // Cash and positions do not change, and nothing else of it is told here.
            | Entry::Restated(_)
            | Entry::Past(_) => {}
        }
    }

    fn gateway(&mut self, event: &GatewayEvent) {
        match event {
            GatewayEvent::Sent { key, stamps } => {
                // A repetition is the same order.
                if let Some(&client_order_id) = self.submitted.get(key)
                    && self.sent.insert(client_order_id)
                {
                    self.tally.count(&Record::OrderSent { client_order_id, at: stamps.sent });
                }
            }
            GatewayEvent::Accepted { key, accepted } => {
                if let Some(&client_order_id) = self.submitted.get(key) {
                    self.ours.insert(accepted.order_id, client_order_id);
                }
            }
            GatewayEvent::NotSent { .. }
            | GatewayEvent::NotResent { .. }
            | GatewayEvent::Rejected { .. }
            | GatewayEvent::Lost { .. }
            | GatewayEvent::CancelSent { .. }
            | GatewayEvent::CancelAccepted { .. }
            | GatewayEvent::CancelNotFound { .. }
            | GatewayEvent::CancelFailed { .. }
            | GatewayEvent::CancelAllDone { .. }
            | GatewayEvent::ChangeSent { .. }
            | GatewayEvent::Changed { .. }
            | GatewayEvent::ChangeFailed { .. }
            | GatewayEvent::Group { .. }
            | GatewayEvent::Connections { .. } => {}
        }
    }

    fn fill(&mut self, fill: &Fill) {
        let known = self.ours.get(&fill.order_id).copied();
        let Some(client_order_id) = fill.client_order_id.or(known) else { return };
        if !self.seen.insert(fill.trade_id) {
            return;
        }
        self.book(fill.ticker, fill.side, fill.price, fill.quantity, fill.fee);
        self.tally.count(&Record::Fill(BookedFill {
            // The journal ties fills to orders, not to executions; nothing here needs those.
            execution_id: ExecutionId::default(),
            trade_id: fill.trade_id,
            client_order_id,
            ticker: fill.ticker,
            side: fill.side,
            price: fill.price,
            quantity: fill.quantity,
            fee: fill.fee,
            is_taker: fill.is_taker,
        }));
    }

    fn book(
        &mut self,
        ticker: Ticker,
        side: BookSide,
        price: Price,
        quantity: Contracts,
        fee: Money,
    ) {
        let held = self.positions.entry(ticker).or_default();
        let flow = cash_flow(*held, side, price, quantity);
        *held = held.after(side, quantity);
        self.cash = self.cash.map(|cash| cash + flow - fee);
        self.pay_out(ticker);
    }

    /// Undoes what was booked of a fill; one that was never counted here takes nothing away.
    fn take_back(&mut self, voided: &FillVoided) {
        if !self.seen.contains(&voided.trade_id) {
            return;
        }
        let FillVoided { ticker, side, price, quantity, fee, .. } = *voided;
        self.book(ticker, side.opposite(), price, quantity, -fee);
        self.tally.count(&Record::FillVoided(*voided));
    }

    /// Pays the position in a market that is over, whatever made it known so late.
    fn pay_out(&mut self, ticker: Ticker) {
        let Some(yes_pays) = self.settled.get(&ticker).copied() else { return };
        let Some(held) = self.positions.remove(&ticker) else { return };
        let paid = held.worth(yes_pays);
        self.cash = self.cash.map(|cash| cash + paid);
    }

    fn result(&mut self, result: &ExecutionResult) {
        self.tally.count(&Record::Result(*result));
        // As in the run itself, what never left is no order.
        let sent = result.hops.spans[Hop::Send as usize].is_some();
        let left = |child: &&ChildResult| sent || !child.order_id.is_empty();
        for child in result.orders.iter().flatten().filter(left) {
            self.tally.count(&Record::OrderEnded {
                client_order_id: child.client_order_id,
                state: child.state,
                filled: child.filled,
            });
        }
        for hop in Hop::ALL {
            if let Some(span) = result.hops.spans[hop as usize] {
                self.histograms.record(hop, span);
            }
        }
    }

    fn report(self) -> Report {
        let length = self.latest.mono.since(self.began.mono);
        let mut summary = self.tally.summary(&self.run, length, &self.histograms);
        summary.cash_cents = self.cash.map(Cents);
        let held = self.positions.iter().filter(|(_, position)| **position != Position::FLAT);
        summary.positions =
            held.map(|(ticker, position)| (ticker.to_string(), Held(*position))).collect();
        Report { summary, histograms: self.histograms }
    }
}

/// What a fill does to cash, fee aside: what closes the position held is paid out at the price
/// of its leg, the rest is bought at the price of the other.
fn cash_flow(held: Position, side: BookSide, price: Price, quantity: Contracts) -> Money {
    let against = match side {
        BookSide::Bid => held.centis() < 0,
        BookSide::Ask => held.centis() > 0,
    };
    let closing = if against { held.size().min(quantity) } else { Contracts::ZERO };
    let opening = quantity.saturating_sub(closing);
    let cost = side.own_price(price);
    cost.complement() * closing - cost * opening
}

/// The names of `Entry::RunStarted::mode`, in the order of `execution-layer` §5.
fn mode_name(mode: u8) -> String {
    ["paper", "sim", "demo", "live"].get(usize::from(mode)).copied().unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunId;
    use crate::message::{Accepted, SendStamps};
    use crate::order::State;
    use crate::recorder::journal::{Journal, MemoryJournal};
    use crate::recorder::pack::sample::Dice;
    use crate::recorder::record::{CHILDREN_MAX, ChildResult, Hops, Outcome};
    use crate::recorder::summary::Summary;
    use crate::units::{Nanos, Timestamp, WallTime};

    fn fill(trade: &[u8], side: BookSide, cents: u32, whole: u32) -> Fill {
        Fill {
            trade_id: TradeId::new(trade).unwrap(),
            order_id: OrderId::new(b"o-1").unwrap(),
            client_order_id: None,
            ticker: Ticker::new(b"KXA-1-B").unwrap(),
            side,
            price: Price::from_cents(cents).unwrap(),
            quantity: Contracts::from_whole(whole),
            fee: Money::from_cents(1),
            ..Dice::new(8).any()
        }
    }

    fn journal() -> Vec<Entry> {
        let mut dice = Dice::new(3);
        let id = ClientOrderId::new(RunId::new(2), 1);
        let order = crate::message::NewOrder { client_order_id: id, ..dice.any() };
        let accepted = Accepted { order_id: OrderId::new(b"o-1").unwrap(), ..dice.any() };
        let mut orders = [None; CHILDREN_MAX];
        orders[0] = Some(ChildResult {
            client_order_id: id,
            order_id: OrderId::new(b"o-1").unwrap(),
            state: State::Filled,
            filled: Contracts::from_whole(10),
            ..dice.any()
        });
        let mut hops = Hops::default();
        hops.set(Hop::Ack, Nanos::from_ms(4));
        let result =
            ExecutionResult { outcome: Outcome::Ended(State::Filled), orders, hops, ..dice.any() };
        let started =
            |run| Entry::RunStarted { run: RunId::new(run), config_digest: 0, seed: 0, mode: 1 };
        vec![
            started(1),
            Entry::Signal(dice.any()),
            started(2),
            Entry::OpeningCash { cash: Money::from_cents(10_000) },
            Entry::Signal(dice.any()),
            Entry::Submit(order),
            Entry::Gateway(GatewayEvent::Sent { key: order.key, stamps: SendStamps::default() }),
            Entry::Gateway(GatewayEvent::Accepted { key: order.key, accepted }),
            Entry::Feed(FeedEvent::Fill(fill(b"t-1", BookSide::Bid, 48, 10))),
            Entry::Fetch(FetchEvent::Fill(fill(b"t-1", BookSide::Bid, 48, 10))),
            Entry::Feed(FeedEvent::Fill(Fill {
                order_id: OrderId::new(b"foreign").unwrap(),
                ..fill(b"t-9", BookSide::Bid, 48, 10)
            })),
            Entry::Result(result),
        ]
    }

    #[test]
    fn the_last_run_is_rebuilt_and_fills_count_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("journal.kxj");
        let mut memory = MemoryJournal::new(RunId::new(2));
        for (step, entry) in journal().iter().enumerate() {
            let now = Now {
                mono: Timestamp::from_ns(step as u64 * 1_000_000),
                wall: WallTime::from_unix_ms(1_767_225_600_000 + step as u64),
            };
            memory.append(now, entry).unwrap();
        }
        std::fs::write(&file, memory.bytes()).unwrap();

        let Report { summary, histograms } = Report::load(&file).unwrap();
        let Summary { run_id, mode, started, duration_ms, .. } = &summary;
        assert_eq!(
            (run_id.as_str(), mode.as_str(), started.as_str(), *duration_ms),
            ("0000000002", "sim", "2026-01-01T00:00:00.002Z", 9)
        );
        let counts = (summary.signals.received, summary.signals.accepted, summary.orders.sent);
        assert_eq!((counts, summary.orders.filled), ((1, 1, 1), 1));
        assert_eq!(summary.contracts_filled, Held(Position::from_centis(1_000)));
        assert_eq!(summary.positions["KXA-1-B"], Held(Position::from_centis(1_000)));
        // 100.00 less ten at 48c, less a fee of 1c, once.
        assert_eq!(summary.cash_cents, Some(Cents(Money::from_cents(10_000 - 480 - 1))));
        assert_eq!(histograms.percentiles(Hop::Ack).count, 1);
    }

    fn rebuilt(entries: &[Entry]) -> Summary {
        let mut rebuild = Rebuild::default();
        for (seq, entry) in (1_u64..).zip(entries) {
            let (run, now) = (RunId::new(2), Now::default());
            rebuild.take(&Header { seq, run, now }, entry);
        }
        rebuild.report().summary
    }

    #[test]
    fn a_voided_fill_is_taken_back_once_it_was_counted() {
        let (_, before) = (journal(), rebuilt(&journal()));
        let voided = |trade: &[u8]| {
            let Fill { trade_id, ticker, side, price, quantity, fee, .. } =
                fill(trade, BookSide::Bid, 48, 10);
            Entry::Voided(FillVoided { trade_id, ticker, side, price, quantity, fee })
        };
        let with = |entry: Entry| rebuilt(&[journal(), vec![entry]].concat());

        let summary = with(voided(b"t-1"));
        assert_eq!(summary.contracts_filled, Held(Position::FLAT));
        assert!(summary.positions.is_empty(), "{:?}", summary.positions);
        assert_eq!(summary.cash_cents, Some(Cents(Money::from_cents(10_000))));
        assert_eq!(summary.fees_cents, Cents(Money::ZERO));
        // A trade of somebody else was never counted.
        let untouched = with(voided(b"t-9"));
        assert_eq!(untouched.cash_cents, before.cash_cents);
        assert_eq!(untouched.contracts_filled, before.contracts_filled);
    }

    #[test]
    fn closing_pays_out_and_the_rest_opens_the_other_side() {
        let held = Position::from_centis(400);
        // 4 YES sold at 60c bring 240c; the other 6 are NO bought at 40c.
        let at = |side, whole| (side, Price::from_cents(60).unwrap(), Contracts::from_whole(whole));
        let flow = |held, (side, price, quantity)| cash_flow(held, side, price, quantity);
        let sold = at(BookSide::Ask, 10);
        assert_eq!(flow(held, sold), Money::from_cents(240 - 240));
        assert_eq!(flow(Position::FLAT, sold), Money::from_cents(-400));
        // 4 NO held, 4 YES bought at 60c: the pair pays $1 each, 40c a contract come back.
        let bought = at(BookSide::Bid, 4);
        assert_eq!(flow(Position::from_centis(-400), bought), Money::from_cents(160));
    }
}
