//! What happened while no engine ran: fills and settlements from before this run's books were read.
//!
//! The opening books contain them, so they change no cash and no position. But the day's loss, the
//! losses in a row and a market's result must know of them, each once. So a run takes over the
//! books of the run before it as that one last believed them ([`Past`]), asks the exchange for
//! what that run can have missed, and books it here, apart from the account.

use std::collections::HashSet;

use super::account::{Account, Holding};
use super::core::{Core, Outbox};
use crate::ids::{MarketIx, TradeId};
use crate::message::{Fill, MarketSettlement};
use crate::recorder::record::Record;
use crate::risk::{Past, Settlement};
use crate::units::{Money, Now, Position, WallTime};

/// The former run's books, and what is learnt of its time.
#[derive(Debug)]
pub(super) struct PastBooks {
    account: Account,
    trades: HashSet<TradeId>,
    fills_from: WallTime,
}

impl PastBooks {
    /// Of a first run: nothing was before it.
    pub(super) fn none(market_count: usize, opened_at: WallTime) -> Self {
        Self {
            account: Account::new(market_count, Money::ZERO),
            trades: HashSet::new(),
            fills_from: opened_at,
        }
    }
}

impl Core {
    /// Takes over the former run's books. Before the first input.
    pub(super) fn restore_past(&mut self, pieces: &[Past]) {
        for piece in pieces {
            match piece {
                Past::Market(former) => {
                    let Some(market) = self.market_of(&former.ticker) else { continue };
                    let holding = Holding { position: former.position, cost: former.cost };
                    self.past.account.open_with(market, holding);
                    self.past.account.earn(market, former.realized, former.fees);
                    self.account.earn(market, former.realized, former.fees);
                }
                Past::Trade(trade) => drop(self.past.trades.insert(*trade)),
                Past::Unheard { fills_from, settled_from } => {
                    self.past.fills_from = *fills_from;
                    self.gap.reach_back(*fills_from);
                    self.settlements.reach_back(*settled_from);
                }
            }
        }
    }

    /// Whether something that happened then counts for the day's profit.
    fn is_of_the_day(&self, at: WallTime) -> bool {
        at.utc_day() >= self.day.utc_day()
    }

    /// A fill from before the opening books that is not of an order of this run.
    pub(super) fn learn_past_fill(&mut self, fill: &Fill) {
        if fill.exchange_time < self.past.fills_from || !self.past.trades.insert(fill.trade_id) {
            return;
        }
        let Some(market) = self.markets.find(&fill.ticker).map(|market| market.ix) else { return };
        let booked = self.past.account.book(market, fill.side, fill.price, fill.quantity, fill.fee);
        self.earn_in_the_past(market, booked.realized, fill.fee, fill.exchange_time);
        if let Some((yes_pays, settled_at)) = self.settlements.paid(market) {
            let realized = self.past.account.settle(market, yes_pays);
            self.earn_in_the_past(market, realized, Money::ZERO, settled_at);
        }
    }

    fn earn_in_the_past(&mut self, market: MarketIx, realized: Money, fees: Money, at: WallTime) {
        self.account.earn(market, realized, fees);
        if self.is_of_the_day(at) {
            self.day.realized += realized;
            self.day.fees += fees;
        }
    }

    /// A market that settled before the opening books were read: they contain the money, the
    /// limits have not heard of the result.
    pub(super) fn settle_past(
        &mut self,
        now: Now,
        market: MarketIx,
        said: &MarketSettlement,
        out: &mut Outbox,
    ) {
        let before = self.past.account.pnl(market, None);
        let realized = self.past.account.settle(market, said.yes_pays);
        let result = before.realized + realized - before.fees;
        if before.position == Position::FLAT && result == Money::ZERO {
            return;
        }
        self.account.earn(market, realized, Money::ZERO);
        let of_the_day = self.is_of_the_day(said.settled_at);
        let counted = if of_the_day { realized } else { Money::ZERO };
        let settlement = Settlement { market, realized: counted, fee: Money::ZERO, result };
        self.record_settlement(now, &settlement);
        out.records.push(Record::Settled {
            ticker: said.ticker,
            position: before.position,
            yes_pays: said.yes_pays,
            result,
        });
    }
}
