//! The books: positions, what they cost, cash, fees, realised profit. Equal to the exchange's.
//!
//! One signed net position per market; YES and NO of one market cancel to one dollar (reference
//! §7), so a fill first closes what is held on the other side and opens with the rest.

use crate::ids::MarketIx;
use crate::message::BookSide;
use crate::units::{Contracts, Money, Position, Price};

/// What is held in one market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Net position.
    pub position: Position,
    /// What the open position cost, without fees.
    pub cost: Money,
}

/// What one market has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarketPnl {
    /// Net position: YES less NO.
    pub position: Position,
    /// What the open position cost, without fees.
    pub cost: Money,
    /// Profit of what was closed or settled, without fees; of former runs too, while the market
    /// lasts.
    pub realized: Money,
    /// Profit of the open position if it were closed at the mark, without fees; `None` without a
    /// mark.
    pub unrealized: Option<Money>,
    /// Fees, likewise.
    pub fees: Money,
}

impl MarketPnl {
    /// Of a market in which nothing was held or traded.
    pub const UNTOUCHED: Self = Self {
        position: Position::FLAT,
        cost: Money::ZERO,
        realized: Money::ZERO,
        unrealized: Some(Money::ZERO),
        fees: Money::ZERO,
    };
}

/// What a market has earned and cost since its first fill.
#[derive(Clone, Copy, Debug, Default)]
struct Earnings {
    realized: Money,
    fees: Money,
}

/// What one fill did to the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booked {
    /// The position after it.
    pub position: Position,
    /// Profit realised by closing, without fees.
    pub realized: Money,
}

/// The account as we have booked it.
#[derive(Debug)]
pub struct Account {
    holdings: Vec<Holding>,
    earnings: Vec<Earnings>,
    cash: Money,
    fees: Money,
    realized: Money,
}

impl Account {
    /// Flat in `market_count` markets with this much cash.
    #[must_use]
    pub fn new(market_count: usize, cash: Money) -> Self {
        Self {
            holdings: vec![Holding::default(); market_count],
            earnings: vec![Earnings::default(); market_count],
            cash,
            fees: Money::ZERO,
            realized: Money::ZERO,
        }
    }

    /// Takes over a position held before this run.
    pub fn open_with(&mut self, market: MarketIx, holding: Holding) {
        self.holdings[usize::from(market.0)] = holding;
    }

    /// A market has earned and paid something that this account's cash knows already: before the
    /// run, or before its books were read.
    pub fn earn(&mut self, market: MarketIx, realized: Money, fees: Money) {
        let earnings = &mut self.earnings[usize::from(market.0)];
        earnings.realized += realized;
        earnings.fees += fees;
    }

    /// Cash, orders alive not deducted.
    #[must_use]
    pub const fn cash(&self) -> Money {
        self.cash
    }

    /// Fees of this run.
    #[must_use]
    pub const fn fees(&self) -> Money {
        self.fees
    }

    /// Profit realised in this run, without fees.
    #[must_use]
    pub const fn realized(&self) -> Money {
        self.realized
    }

    /// What is held in one market.
    #[must_use]
    pub fn holding(&self, market: MarketIx) -> &Holding {
        &self.holdings[usize::from(market.0)]
    }

    /// Books a fill of `quantity` at YES price `price` on `side`.
    pub fn book(
        &mut self,
        market: MarketIx,
        side: BookSide,
        price: Price,
        quantity: Contracts,
        fee: Money,
    ) -> Booked {
        let holding = &mut self.holdings[usize::from(market.0)];
        let held = holding.position;
        let opposes = match side {
            BookSide::Bid => held.centis() < 0,
            BookSide::Ask => held.centis() > 0,
        };
        let closing = if opposes { held.size().min(quantity) } else { Contracts::ZERO };
        let opening = quantity - closing;

        // Closing NO by buying YES at p returns 1 - p a contract, closing YES returns p.
        let proceeds = side.opposite().own_price(price) * closing;
        let released = share(holding.cost, closing, held.size());
        let spent = side.own_price(price) * opening;

        let realized = proceeds - released;
        holding.position = held.after(side, quantity);
        holding.cost = holding.cost - released + spent;
        self.cash = self.cash + proceeds - spent - fee;
        self.fees += fee;
        self.realized += realized;
        let earnings = &mut self.earnings[usize::from(market.0)];
        earnings.realized += realized;
        earnings.fees += fee;
        Booked { position: holding.position, realized }
    }

    /// Pays a market's position out, a YES contract at `yes_pays` and a NO contract at the rest of
    /// the dollar, and returns what that realised.
    pub fn settle(&mut self, market: MarketIx, yes_pays: Money) -> Money {
        let holding = &mut self.holdings[usize::from(market.0)];
        let proceeds = holding.position.worth(yes_pays);
        let realized = proceeds - holding.cost;
        *holding = Holding::default();
        self.cash += proceeds;
        self.realized += realized;
        self.earnings[usize::from(market.0)].realized += realized;
        realized
    }

    /// The open position has cost so much, and the rest of the same total is profit; returns by how
    /// much that profit grows.
    pub fn restate(&mut self, market: MarketIx, cost: Money) -> Money {
        let holding = &mut self.holdings[usize::from(market.0)];
        let realized = cost - holding.cost;
        holding.cost = cost;
        self.realized += realized;
        self.earnings[usize::from(market.0)].realized += realized;
        realized
    }

    /// Money came from outside, or went there when below zero.
    pub fn deposit(&mut self, amount: Money) {
        self.cash += amount;
    }

    /// What a market has come to, its position valued at `mark_micros` micro-dollars a YES
    /// contract.
    #[must_use]
    pub fn pnl(&self, market: MarketIx, mark_micros: Option<u32>) -> MarketPnl {
        let Holding { position, cost } = *self.holding(market);
        let Earnings { realized, fees } = self.earnings[usize::from(market.0)];
        let value = |micros: u32| position.worth(Money::from_micros(i64::from(micros)));
        let unrealized = match position.centis() {
            0 => Some(Money::ZERO),
            _ => mark_micros.map(|micros| value(micros) - cost),
        };
        MarketPnl { position, cost, realized, unrealized, fees }
    }
}

/// The part of `cost` that belongs to `part` of `whole` contracts. What division leaves over
/// stays with the rest of the position, so that nothing is lost when it is closed in pieces.
fn share(cost: Money, part: Contracts, whole: Contracts) -> Money {
    if whole.is_zero() {
        return Money::ZERO;
    }
    let exact = i128::from(cost.e8()) * i128::from(part.centis()) / i128::from(whole.centis());
    // A share of an i64 is an i64: part never exceeds whole.
    Money::from_e8(i64::try_from(exact).unwrap_or_else(|_| cost.e8()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MARKET: MarketIx = MarketIx(0);

    fn cents(cents: u32) -> Price {
        Price::from_cents(cents).unwrap()
    }

    #[test]
    fn yes_and_no_of_one_market_cancel_to_a_dollar() {
        let mut account = Account::new(1, Money::from_cents(10_000));
        let ten = Contracts::from_whole(10);
        // Buying NO at 40c is an ask at 60c.
        account.book(MARKET, BookSide::Ask, cents(60), ten, Money::ZERO);
        assert_eq!(account.cash(), Money::from_cents(10_000 - 400));
        assert_eq!(account.holding(MARKET).position, Position::from_centis(-1_000));

        // Buying YES at 50c closes it: 50c come back a contract, ten cents of profit each.
        let booked = account.book(MARKET, BookSide::Bid, cents(50), ten, Money::ZERO);
        assert_eq!(account.cash(), Money::from_cents(10_000 + 100));
        assert_eq!(booked.realized, Money::from_cents(100));
        assert_eq!(*account.holding(MARKET), Holding::default());
    }

    #[test]
    fn a_fill_larger_than_the_position_turns_it() {
        let mut account = Account::new(1, Money::from_cents(10_000));
        account.book(MARKET, BookSide::Bid, cents(30), Contracts::from_whole(4), Money::ZERO);
        let booked =
            account.book(MARKET, BookSide::Ask, cents(50), Contracts::from_whole(10), Money::ZERO);
        assert_eq!(booked.realized, Money::from_cents(80));
        assert_eq!(account.holding(MARKET).position, Position::from_centis(-600));
        assert_eq!(account.holding(MARKET).cost, Money::from_cents(300));
    }

    #[test]
    fn a_settlement_pays_the_winning_leg_a_dollar_and_the_other_nothing() {
        let bought = |side, price| {
            let mut account = Account::new(1, Money::from_cents(10_000));
            let fee = Money::from_cents(2);
            account.book(MARKET, side, cents(price), Contracts::from_whole(10), fee);
            account
        };
        let mut yes = bought(BookSide::Bid, 48);
        assert_eq!(yes.settle(MARKET, Money::from_cents(100)), Money::from_cents(520));
        assert_eq!(yes.cash(), Money::from_cents(10_000 - 480 - 2 + 1_000));
        let mut lost = bought(BookSide::Bid, 48);
        assert_eq!(lost.settle(MARKET, Money::ZERO), Money::from_cents(-480));
        // NO at 45c is an ask at 55c.
        let mut no = bought(BookSide::Ask, 55);
        assert_eq!(no.settle(MARKET, Money::ZERO), Money::from_cents(550));
        let mut scalar = bought(BookSide::Ask, 55);
        assert_eq!(scalar.settle(MARKET, Money::from_cents(30)), Money::from_cents(700 - 450));
        assert_eq!(*scalar.holding(MARKET), Holding::default());
        assert_eq!(scalar.settle(MARKET, Money::from_cents(30)), Money::ZERO, "nothing is left");
    }

    #[test]
    fn profit_and_loss_is_told_by_market() {
        let mut account = Account::new(1, Money::from_cents(10_000));
        let fee = Money::from_cents(1);
        account.book(MARKET, BookSide::Bid, cents(40), Contracts::from_whole(10), fee);
        account.book(MARKET, BookSide::Ask, cents(45), Contracts::from_whole(4), fee);
        let expected = MarketPnl {
            position: Position::from_centis(600),
            cost: Money::from_cents(240),
            realized: Money::from_cents(20),
            unrealized: Some(Money::from_cents(60)),
            fees: Money::from_cents(2),
        };
        assert_eq!(account.pnl(MARKET, Some(500_000)), expected);
        assert_eq!(account.pnl(MARKET, None).unrealized, None);
        // NO is worth what YES is not.
        account.book(MARKET, BookSide::Ask, cents(50), Contracts::from_whole(10), fee);
        assert_eq!(account.pnl(MARKET, Some(600_000)).unrealized, Some(Money::from_cents(-40)));
    }

    proptest! {
        #[test]
        fn cash_plus_cost_of_what_is_held_is_start_plus_realized_minus_fees(
            fills in proptest::collection::vec(
                (any::<bool>(), 1_u32..100, 1_u32..5_000, 0_i64..2_000),
                0..80,
            )
        ) {
            let start = Money::from_cents(1_000_000);
            let mut account = Account::new(1, start);
            for (bid, price, centis, fee) in fills {
                let side = if bid { BookSide::Bid } else { BookSide::Ask };
                let (quantity, fee) = (Contracts::from_centis(centis), Money::from_micros(fee));
                account.book(MARKET, side, cents(price), quantity, fee);
            }
            let held = account.holding(MARKET).cost;
            prop_assert_eq!(account.cash() + held, start + account.realized() - account.fees());
        }
    }
}
