//! What open positions may have cost, by the prices that were paid; and following the exchange
//! where it says otherwise.
//!
//! Closing a part of a position takes the average cost of what is held then. Where fills become
//! known in another order than they happened, the same total is split otherwise between cost and
//! realised profit; cash, fees and position do not depend on the order. The exchange knows the true
//! order, so its cost is taken over (R10), as long as the prices paid explain it: no order of fills
//! makes a contract cheaper than the cheapest of its side, or dearer than the dearest. What they do
//! not explain only a person can.

use super::account::Holding;
use super::core::{Core, Outbox};
use super::reconciling::READINGS_APART;
use super::repairs::alert;
use crate::ids::MarketIx;
use crate::message::{BookSide, Fill};
use crate::reconcile::diff::{Invariant, Pair, compare};
use crate::reconcile::suspects::{Subject, Weight};
use crate::recorder::record::{Record, Restated};
use crate::units::{Contracts, Money, Now, Position, Price, WallTime};

/// What each division of a cost by contracts may leave over, and each sum that the exchange rounds:
/// a cent is more than any number of them in a run comes to.
const ROUNDED_MAX: Money = Money::from_cents(1);

/// Costs of one contract of a side's own leg, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    least: Money,
    most: Money,
}

/// What is remembered of one market, by side of the YES book.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    paid: [Option<Span>; 2],
    newest: [WallTime; 2],
}

/// Whether a fill came after all that had happened before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    InOrder,
    Late,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Costs {
    lanes: Vec<Lane>,
}

const fn side_of(position: Position) -> BookSide {
    if position.centis() < 0 { BookSide::Ask } else { BookSide::Bid }
}

impl Costs {
    /// Of `market_count` markets in which nothing was paid.
    pub(super) fn new(market_count: usize) -> Self {
        Self { lanes: vec![Lane::default(); market_count] }
    }

    fn widen(&mut self, market: MarketIx, side: BookSide, to: Span) {
        let paid = &mut self.lanes[usize::from(market.0)].paid[side as usize];
        *paid = Some(paid.map_or(to, |known| Span {
            least: known.least.min(to.least),
            most: known.most.max(to.most),
        }));
    }

    /// Contracts are held that were not bought under our eyes: each cost the average.
    pub(super) fn note_opening(&mut self, market: MarketIx, holding: &Holding) {
        let centis = i64::from(holding.position.size().centis());
        if centis == 0 {
            return;
        }
        let share = holding.cost.e8() / centis * 100;
        let span = Span { least: Money::from_e8(share), most: Money::from_e8(share + 100) };
        self.widen(market, side_of(holding.position), span);
    }

    fn note_fill(&mut self, market: MarketIx, side: BookSide, price: Price, at: WallTime) -> Turn {
        let own = side.own_price(price) * Contracts::from_whole(1);
        self.widen(market, side, Span { least: own, most: own });
        let newest = &mut self.lanes[usize::from(market.0)].newest;
        // Fills of one side may change places among themselves.
        let other = newest[side.opposite() as usize];
        newest[side as usize] = newest[side as usize].max(at);
        if at <= other { Turn::Late } else { Turn::InOrder }
    }

    /// Whether some order of what was paid comes to this cost.
    fn explain(&self, market: MarketIx, position: Position, cost: Money) -> bool {
        let paid = self.lanes[usize::from(market.0)].paid[side_of(position) as usize];
        let times = |each: Money| {
            let whole = i128::from(each.e8()) * i128::from(position.size().centis()) / 100;
            Money::from_e8(i64::try_from(whole).unwrap_or(i64::MAX))
        };
        paid.is_some_and(|paid| {
            cost + ROUNDED_MAX >= times(paid.least) && cost <= times(paid.most) + ROUNDED_MAX
        })
    }
}

impl Core {
    /// A fill was booked. Where it came late, the exchange is asked how it splits the total.
    pub(super) fn note_paid(&mut self, now: Now, market: MarketIx, fill: &Fill) {
        let turn = self.costs.note_fill(market, fill.side, fill.price, fill.exchange_time);
        if turn == Turn::Late {
            let apart = READINGS_APART.max(self.config.orders.read_lag);
            self.reconciling.want(now.mono + apart);
        }
    }

    /// The position is the exchange's; its cost should be, too.
    pub(super) fn compare_cost(
        &mut self,
        index: usize,
        there: (Position, Money),
        out: &mut Outbox,
    ) {
        let market = self.markets.all()[index].ix;
        let holding = *self.account.holding(market);
        let pair = Pair::Cost { here: holding.cost, there: there.1 };
        let Some(difference) = compare(&pair) else { return };
        let touched = self.reconciling.markets[index].touched;
        let weight = self.weigh((Subject::Cost(market), difference), touched);
        if weight == Weight::Suspected {
            return;
        }
        if self.costs.explain(market, there.0, there.1) || self.reconciling.follow {
            self.restate(market, there, out);
        } else if weight == Weight::Confirmed {
            let text = format!(
                "{}: {} paid here, {} there, which no price paid explains",
                Invariant::Costs.as_str(),
                holding.cost,
                there.1
            );
            alert(self.ticker_of(market), &text, out);
        }
    }

    /// Takes the exchange's split of cost and profit over.
    fn restate(&mut self, market: MarketIx, there: (Position, Money), out: &mut Outbox) {
        let ticker = self.ticker_of(market);
        let realized = self.account.restate(market, there.1);
        self.day.realized += realized;
        let holding = *self.account.holding(market);
        self.costs.note_opening(market, &holding);
        self.hold(market, &holding);
        self.reconciling.suspects.mend(&Subject::Cost(market));
        self.reconciling.tally.repaired += 1;
        let (position, cost) = there;
        let here = cost - realized;
        let text = format!("{}: {here} here, {cost} there, taken over", Invariant::Costs.as_str());
        alert(ticker, &text, out);
        out.records.push(Record::Restated(Restated { ticker, position, cost, realized }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKET: MarketIx = MarketIx(0);

    fn paid(fills: &[(BookSide, u32)]) -> Costs {
        let mut costs = Costs::new(1);
        for (nth, (side, cents)) in fills.iter().enumerate() {
            let at = WallTime::from_unix_ms(1_000 + u64::try_from(nth).unwrap());
            let price = Price::from_cents(*cents).unwrap();
            assert_eq!(costs.note_fill(MARKET, *side, price, at), Turn::InOrder);
        }
        costs
    }

    #[track_caller]
    fn check(costs: &Costs, whole: i64, cents: i64, expected: bool) {
        let position = Position::from_centis(whole * 100);
        let explained = costs.explain(MARKET, position, Money::from_cents(cents));
        assert_eq!(explained, expected, "{whole} for {cents}");
    }

    #[test]
    fn a_cost_lies_between_the_cheapest_and_the_dearest_of_its_side() {
        let costs = paid(&[(BookSide::Bid, 40), (BookSide::Ask, 45), (BookSide::Bid, 60)]);
        for (cents, expected) in [(398, false), (399, true), (500, true), (601, true), (602, false)]
        {
            check(&costs, 10, cents, expected);
        }
        // NO was bought at 55.
        check(&costs, -10, 550, true);
        check(&costs, -10, 600, false);
    }

    #[test]
    fn what_was_never_paid_explains_nothing() {
        check(&Costs::new(1), 10, 400, false);
        check(&paid(&[(BookSide::Ask, 45)]), 10, 450, false);
    }

    #[test]
    fn what_was_held_before_cost_its_average() {
        let mut costs = Costs::new(1);
        let cost = Money::from_cents(333);
        costs.note_opening(MARKET, &Holding { position: Position::from_centis(1_000), cost });
        check(&costs, 10, 333, true);
        check(&costs, 5, 167, true);
        check(&costs, 10, 340, false);
    }

    #[test]
    fn a_fill_before_the_other_sides_newest_is_late() {
        let mut costs = paid(&[(BookSide::Bid, 40), (BookSide::Ask, 45)]);
        let price = Price::from_cents(50).unwrap();
        let mut note = |side, ms| costs.note_fill(MARKET, side, price, WallTime::from_unix_ms(ms));
        assert_eq!(note(BookSide::Bid, 900), Turn::Late);
        assert_eq!(note(BookSide::Ask, 950), Turn::Late, "after a purchase of 1000");
        assert_eq!(note(BookSide::Ask, 1_005), Turn::InOrder);
    }
}
