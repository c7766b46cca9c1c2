//! Markets that are over: positions paid out, the result booked once, the limits told.
//!
//! The exchange is asked once a minute ([`FetchCommand::Settlements`]); what it says comes in as an
//! input like any other. A position is paid out as we have booked it: a fill that becomes known
//! after its market's settlement is booked and paid out at once, so that the books end where the
//! exchange's do whatever comes first.

use super::core::{Core, Outbox, Phase};
use crate::ids::{MarketIx, Reason};
use crate::message::{BookSide, FetchCommand, MarketSettlement};
use crate::recorder::record::Record;
use crate::risk::Settlement;
use crate::units::{Money, Nanos, Now, Position, Timestamp, WallTime};

/// How often the exchange is asked. Settlements are minutes after a market's end.
const EVERY: Nanos = Nanos::from_secs(60);

/// A reading begins this much before the newest settlement known: several may share a time, and
/// reads lag.
const OVERLAP: Nanos = Nanos::from_secs(600);

/// Which markets have settled, and when to ask for more.
#[derive(Debug)]
pub(super) struct Settlements {
    /// What a YES contract paid, and when, by market.
    paid: Vec<Option<(Money, WallTime)>>,
    /// Nothing from before this time is asked for.
    floor: WallTime,
    newest: WallTime,
    due: Timestamp,
    asked: bool,
    /// When the last question was asked.
    asked_at: Timestamp,
    /// When the last question that was answered whole had been asked.
    read_at: Timestamp,
}

impl Settlements {
    /// None yet since `opened_at`; nothing is asked before [`Self::begin`].
    #[must_use]
    pub(super) fn since(opened_at: WallTime, market_count: usize) -> Self {
        Self {
            paid: vec![None; market_count],
            floor: opened_at,
            newest: opened_at,
            due: Timestamp::NEVER,
            asked: false,
            asked_at: Timestamp::ZERO,
            read_at: Timestamp::ZERO,
        }
    }

    /// A former run may have missed settlements from here on.
    pub(super) fn reach_back(&mut self, from: WallTime) {
        self.floor = self.floor.min(from);
        self.newest = self.newest.min(from);
    }

    /// What a YES contract of a market paid and when, once it has settled.
    pub(super) fn paid(&self, market: MarketIx) -> Option<(Money, WallTime)> {
        self.paid[usize::from(market.0)]
    }

    /// The exchange can be asked from now on.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.due = self.due.min(now);
    }

    /// When to ask next.
    pub(super) const fn due(&self) -> Timestamp {
        self.due
    }

    /// The question has been answered, whole.
    pub(super) const fn read(&mut self) {
        self.asked = false;
        self.read_at = self.asked_at;
    }

    /// The question has not been answered, or not whole.
    pub(super) const fn failed(&mut self) {
        self.asked = false;
    }

    /// Whether every settlement that the exchange had told of by `at` is known here.
    pub(super) fn known_until(&self, at: Timestamp) -> bool {
        self.read_at >= at
    }
}

impl Core {
    /// Asks for new settlements when it is time.
    pub(super) fn poll_settlements(&mut self, now: Now, out: &mut Outbox) {
        let state = &mut self.settlements;
        if now.mono < state.due {
            return;
        }
        state.due = if self.phase == Phase::Drained { Timestamp::NEVER } else { now.mono + EVERY };
        if core::mem::replace(&mut state.asked, true) {
            return;
        }
        state.asked_at = now.mono;
        let known = state.newest.unix_ns().saturating_sub(OVERLAP.ns());
        let since = WallTime::from_unix_ns(known).max(state.floor);
        out.asks.push(FetchCommand::Settlements { since });
    }

    /// Books a settlement, once.
    pub(super) fn on_settled(&mut self, now: Now, said: &MarketSettlement, out: &mut Outbox) {
        self.settlements.newest = self.settlements.newest.max(said.settled_at);
        let Some(market) = self.markets.find(&said.ticker).map(|market| market.ix) else {
            return;
        };
        let paid = &mut self.settlements.paid[usize::from(market.0)];
        if paid.is_some() {
            return;
        }
        *paid = Some((said.yes_pays, said.settled_at));
        self.markets.close(market);
        if said.settled_at < self.opened_at {
            // The opening books contain it; what it came to is still to be counted.
            return self.settle_past(now, market, said, out);
        }
        let before = self.account.pnl(market, None);
        self.check_count(before.position, said, out);
        let realized = self.pay_out(market, said.yes_pays);
        let result = before.realized + realized - before.fees;
        if before.position != Position::FLAT || result != Money::ZERO {
            // The exchange tells of no fee of a settlement's own.
            let settlement = Settlement { market, realized, fee: Money::ZERO, result };
            self.record_settlement(now, &settlement);
            out.records.push(Record::Settled {
                ticker: said.ticker,
                position: before.position,
                yes_pays: said.yes_pays,
                result,
            });
        }
    }

    /// What is held should be what the exchange paid out: else a fill is still to come.
    fn check_count(&self, held: Position, said: &MarketSettlement, out: &mut Outbox) {
        let theirs = Position::FLAT.after(BookSide::Bid, said.yes).after(BookSide::Ask, said.no);
        if held != theirs {
            let reason = Reason::lossy("the market settled with another position than is booked");
            out.records.push(Record::Alert { ticker: said.ticker, reason });
        }
    }

    /// A fill of a market that has settled already: it is paid out with the rest.
    pub(super) fn settle_late_fill(&mut self, market: MarketIx) {
        if let Some((yes_pays, _)) = self.settlements.paid(market) {
            let realized = self.pay_out(market, yes_pays);
            self.day.realized += realized;
        }
    }

    fn pay_out(&mut self, market: MarketIx, yes_pays: Money) -> Money {
        let before = self.account.cash();
        let realized = self.account.settle(market, yes_pays);
        self.note_cash_on(market, self.account.cash() - before);
        let holding = *self.account.holding(market);
        self.hold(market, &holding);
        realized
    }
}
