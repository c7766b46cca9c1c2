//! What must be equal here and there, numbered, and what is done when it is not. Pure.
//!
//! In: one [`Pair`] of the same thing as the engine has it and as the exchange reports it. Out:
//! nothing, or the invariant that does not hold with both values. Who pairs them decides when they
//! may be compared at all: reads lag writes by 0.4 to 1 s (reference §3.4), so a pair counts only
//! when nothing was in flight around it, and a discrepancy only when a second reading, later than
//! the lag after the first, has it too (`suspects.rs`). A listing that was cut short pairs nothing.

use crate::units::{Contracts, Money, Position};

/// What must hold between books and exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Invariant {
    /// R1: an order that rests under our mark is known here (spec §7, "orphans").
    OrdersKnown = 1,
    /// R2: an order that rests here rests there (nautilus#4152, hummingbot#8457).
    OrdersAlive = 2,
    /// R3: an order that is over here does not rest there (ibx#113, reference §3.1).
    OrdersOver = 3,
    /// R4: an order has filled here as much as there (Lean TradeStation#101).
    OrdersFilled = 4,
    /// R5: a fill there is booked here, once (Lean IB#249, nautilus#3046).
    FillsBooked = 5,
    /// R6: a fill booked here is there (nautilus#4876: provisional fills are voided).
    FillsThere = 6,
    /// R7: positions are equal (kalshi-ai-trading-bot#49, nautilus#3622).
    Positions = 7,
    /// R8: cash is equal where no order locks any (spec §7); between shards it may have been moved,
    /// and then the books follow.
    Cash = 8,
    /// R9: nobody else's order rests on the account; asked only with `--cancel-foreign`.
    NobodyElse = 9,
    /// R10: an open position cost what it cost there. Closing takes the average of what is held
    /// then, so fills that became known in another order split the same total otherwise.
    Costs = 10,
}

/// What is done about a discrepancy that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repair {
    /// Give the order a place here, its worst case reserved, and look it up; then let it live or
    /// cancel it, as configured.
    Adopt,
    /// Look the order up with its fills: what the look-up says is what it is.
    LookUp,
    /// Cancel it there.
    Cancel,
    /// Book it.
    Replay,
    /// Book it backwards: the books follow the exchange.
    TakeBack,
    /// Take the exchange's split of cost and profit over, if the prices paid explain it; else as
    /// [`Self::Person`].
    Restate,
    /// None known: trading stops until a later reading is clean or a person decides.
    Person,
}

impl Invariant {
    /// All, in order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::OrdersKnown,
        Self::OrdersAlive,
        Self::OrdersOver,
        Self::OrdersFilled,
        Self::FillsBooked,
        Self::FillsThere,
        Self::Positions,
        Self::Cash,
        Self::NobodyElse,
        Self::Costs,
    ];

    /// Number and name, for alerts and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrdersKnown => "R1 orders known",
            Self::OrdersAlive => "R2 orders alive",
            Self::OrdersOver => "R3 orders over",
            Self::OrdersFilled => "R4 orders filled",
            Self::FillsBooked => "R5 fills booked",
            Self::FillsThere => "R6 fills there",
            Self::Positions => "R7 positions",
            Self::Cash => "R8 cash",
            Self::NobodyElse => "R9 nobody else",
            Self::Costs => "R10 costs",
        }
    }

    /// What is done when it does not hold.
    #[must_use]
    pub const fn repair(self) -> Repair {
        match self {
            Self::OrdersKnown => Repair::Adopt,
            Self::OrdersAlive | Self::OrdersFilled => Repair::LookUp,
            Self::OrdersOver | Self::NobodyElse => Repair::Cancel,
            Self::FillsBooked => Repair::Replay,
            Self::FillsThere => Repair::TakeBack,
            Self::Positions | Self::Cash => Repair::Person,
            Self::Costs => Repair::Restate,
        }
    }

    /// Whether one sighting is enough: the repair asks the exchange again before it believes
    /// anything, or cannot be wrong.
    #[must_use]
    pub const fn is_evident(self) -> bool {
        matches!(self, Self::OrdersKnown | Self::FillsBooked)
    }
}

/// Whose mark an order carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// An engine of ours made its id, in this run or another.
    Ours,
    /// Somebody else.
    Foreign,
}

/// An order as the engine has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderHere {
    /// Whether it is terminal here.
    pub is_over: bool,
    /// How much of it has filled.
    pub filled: Contracts,
}

/// An order as a complete listing of what rests has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderThere {
    /// Whose it is.
    pub mark: Mark,
    /// How much of it has filled.
    pub filled: Contracts,
}

/// One thing, here and there. `None`: it is not there at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// An order: here whatever became of it, there only while it rests.
    Order {
        /// Here.
        here: Option<OrderHere>,
        /// There.
        there: Option<OrderThere>,
    },
    /// A fill: how much of it.
    Fill {
        /// Here.
        here: Option<Contracts>,
        /// There.
        there: Option<Contracts>,
    },
    /// The position in a market.
    Position {
        /// Here.
        here: Position,
        /// There.
        there: Position,
    },
    /// What the open position in a market cost.
    Cost {
        /// Here.
        here: Money,
        /// There.
        there: Money,
    },
    /// Cash in one place that no order locks.
    Cash {
        /// Here.
        here: Money,
        /// There.
        there: Money,
    },
}

/// Two values that should be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What does not hold.
    pub invariant: Invariant,
    /// Hundredths of a contract, or 1e-8 dollars, here.
    pub here: i64,
    /// The same there.
    pub there: i64,
}

/// Less than this in cash is rounding: the exchange tells balances in 1e-4 dollars and cuts the
/// rest off.
const CASH_NOTICED: Money = Money::from_cents(1);

/// Less than this in a cost is rounding: the exchange tells it in micro-dollars.
const COST_NOTICED: Money = Money::from_micros(1);

/// Compares one thing.
#[must_use]
pub fn compare(pair: &Pair) -> Option<Difference> {
    match pair {
        Pair::Order { here, there } => order(here.as_ref(), there.as_ref()),
        Pair::Fill { here, there } => {
            let invariant = match (here, there) {
                (None, Some(_)) => Invariant::FillsBooked,
                (Some(_), None) => Invariant::FillsThere,
                (None, None) | (Some(_), Some(_)) => return None,
            };
            Some(differ(invariant, centis(*here), centis(*there)))
        }
        Pair::Position { here, there } => {
            let differs = here != there;
            differs.then(|| differ(Invariant::Positions, here.centis(), there.centis()))
        }
        Pair::Cost { here, there } => {
            let gap = *here - *there;
            let differs = gap >= COST_NOTICED || -gap >= COST_NOTICED;
            differs.then(|| differ(Invariant::Costs, here.e8(), there.e8()))
        }
        Pair::Cash { here, there } => {
            let gap = *here - *there;
            let differs = gap >= CASH_NOTICED || -gap >= CASH_NOTICED;
            differs.then(|| differ(Invariant::Cash, here.e8(), there.e8()))
        }
    }
}

fn order(here: Option<&OrderHere>, there: Option<&OrderThere>) -> Option<Difference> {
    let filled = |order: Option<&OrderHere>| centis(order.map(|order| order.filled));
    let there_filled = centis(there.map(|order| order.filled));
    let invariant = match (here, there) {
        (None, Some(OrderThere { mark: Mark::Ours, .. })) => Invariant::OrdersKnown,
        (None, Some(OrderThere { mark: Mark::Foreign, .. })) => Invariant::NobodyElse,
        (Some(here), None) if !here.is_over => Invariant::OrdersAlive,
        (Some(here), Some(_)) if here.is_over => Invariant::OrdersOver,
        // More here than there is a listing that lags: fills are booked on evidence.
        (Some(here), Some(there)) if here.filled < there.filled => Invariant::OrdersFilled,
        (None, None) | (Some(_), _) => return None,
    };
    Some(differ(invariant, filled(here), there_filled))
}

const fn differ(invariant: Invariant, here: i64, there: i64) -> Difference {
    Difference { invariant, here, there }
}

fn centis(contracts: Option<Contracts>) -> i64 {
    contracts.map_or(0, |contracts| i64::from(contracts.centis()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(contracts: u32) -> Contracts {
        Contracts::from_whole(contracts)
    }

    #[track_caller]
    fn check(pair: &Pair, expected: Option<Invariant>) {
        assert_eq!(compare(pair).map(|it| it.invariant), expected, "{pair:?}");
    }

    #[test]
    fn an_order_is_compared_by_where_it_is_and_what_it_filled() {
        let here = |is_over, filled| Some(OrderHere { is_over, filled: whole(filled) });
        let there = |mark, filled| Some(OrderThere { mark, filled: whole(filled) });
        let pair = |here, there| Pair::Order { here, there };
        check(&pair(None, None), None);
        check(&pair(None, there(Mark::Ours, 0)), Some(Invariant::OrdersKnown));
        check(&pair(None, there(Mark::Foreign, 0)), Some(Invariant::NobodyElse));
        check(&pair(here(false, 3), None), Some(Invariant::OrdersAlive));
        check(&pair(here(true, 3), None), None);
        check(&pair(here(true, 3), there(Mark::Ours, 3)), Some(Invariant::OrdersOver));
        check(&pair(here(false, 3), there(Mark::Ours, 4)), Some(Invariant::OrdersFilled));
        check(&pair(here(false, 4), there(Mark::Ours, 3)), None);
        check(&pair(here(false, 3), there(Mark::Ours, 3)), None);
    }

    #[test]
    fn a_fill_is_on_both_sides_or_on_one() {
        let pair = |here, there| Pair::Fill { here, there };
        check(&pair(Some(whole(1)), Some(whole(1))), None);
        check(&pair(None, Some(whole(1))), Some(Invariant::FillsBooked));
        check(&pair(Some(whole(1)), None), Some(Invariant::FillsThere));
    }

    #[test]
    fn what_the_balance_cuts_off_is_no_difference() {
        let cash =
            |here, there| Pair::Cash { here: Money::from_e8(here), there: Money::from_e8(there) };
        check(&cash(100_000_000, 100_999_999), None);
        check(&cash(100_000_000, 101_000_000), Some(Invariant::Cash));
        check(&cash(101_000_000, 100_000_000), Some(Invariant::Cash));
    }

    #[test]
    fn costs_differ_by_a_micro_dollar_or_more() {
        let cost =
            |here, there| Pair::Cost { here: Money::from_e8(here), there: Money::from_e8(there) };
        check(&cost(400_000_000, 400_000_099), None);
        check(&cost(400_000_000, 400_000_100), Some(Invariant::Costs));
        check(&cost(400_000_100, 400_000_000), Some(Invariant::Costs));
    }

    #[test]
    fn every_invariant_has_a_number_of_its_own_and_a_repair() {
        for (at, invariant) in Invariant::ALL.into_iter().enumerate() {
            assert_eq!(invariant as usize, at + 1);
            assert!(invariant.as_str().starts_with(&format!("R{} ", at + 1)));
        }
        let unrepaired = Invariant::ALL.into_iter().filter(|it| it.repair() == Repair::Person);
        assert!(unrepaired.eq([Invariant::Positions, Invariant::Cash]));
    }

    proptest! {
        #[test]
        fn equal_things_never_differ(
            filled in any::<u32>(),
            over in any::<bool>(),
            cash in any::<i32>(),
        ) {
            let filled = Contracts::from_centis(filled);
            let here = OrderHere { is_over: over, filled };
            let there = (!over).then_some(OrderThere { mark: Mark::Ours, filled });
            prop_assert_eq!(compare(&Pair::Order { here: Some(here), there }), None);
            let both = Some(filled);
            prop_assert_eq!(compare(&Pair::Fill { here: both, there: both }), None);
            let cash = Money::from_e8(i64::from(cash));
            prop_assert_eq!(compare(&Pair::Cash { here: cash, there: cash }), None);
            let position = Position::from_centis(i64::from(filled.centis()));
            prop_assert_eq!(compare(&Pair::Position { here: position, there: position }), None);
        }

        #[test]
        fn different_positions_always_differ(here in any::<i32>(), there in any::<i32>()) {
            let at = |centis: i32| Position::from_centis(i64::from(centis));
            let found = compare(&Pair::Position { here: at(here), there: at(there) });
            prop_assert_eq!(found.is_some(), here != there);
        }
    }
}
