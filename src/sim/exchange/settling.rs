//! Settlement: the dollar behind every open pair goes to who was right, positions close.
//!
//! A YES contract gets the outcome's value, a NO contract the rest of the dollar, so a market's
//! settlement moves exactly what its pairs had locked. No fee is taken (reference §6).

use crate::sim::exchange::Exchange;
use crate::sim::exchange::account::{Account, Holding};
use crate::sim::exchange::event::ExchangeEvent;
use crate::sim::venue::UserId;
use crate::units::{Contracts, Money, Position, WallTime};

/// How a market came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// YES gets the dollar.
    Yes,
    /// NO gets the dollar.
    No,
    /// YES gets this many micro-dollars, NO the rest. At most a dollar.
    Scalar(u32),
}

impl Outcome {
    /// A dollar in micro-dollars.
    const WHOLE_MICROS: u32 = 1_000_000;

    /// The exchange's spelling (`market_result`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Scalar(_) => "scalar",
        }
    }

    /// What a YES contract gets, in micro-dollars.
    #[must_use]
    pub const fn yes_micros(self) -> u32 {
        match self {
            Self::Yes => Self::WHOLE_MICROS,
            Self::No => 0,
            Self::Scalar(micros) if micros > Self::WHOLE_MICROS => Self::WHOLE_MICROS,
            Self::Scalar(micros) => micros,
        }
    }

    /// What a position gets.
    #[must_use]
    pub fn payout(self, position: Position) -> Money {
        let micros = if position < Position::FLAT {
            Self::WHOLE_MICROS - self.yes_micros()
        } else {
            self.yes_micros()
        };
        // Micro-dollars per contract times hundredths of a contract are 1e-8 dollars.
        Money::from_e8(i64::from(micros) * i64::from(position.size().centis()))
    }
}

/// One account's settlement in one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Index of the market.
    pub market: usize,
    /// Which of the member's accounts.
    pub subaccount: u8,
    /// How it came out.
    pub outcome: Outcome,
    /// YES contracts held.
    pub yes: Contracts,
    /// What they had cost, without fees.
    pub yes_cost: Money,
    /// NO contracts held.
    pub no: Contracts,
    /// What they had cost, without fees.
    pub no_cost: Money,
    /// What the account got.
    pub revenue: Money,
    /// Fees paid in this market over its life.
    pub fees: Money,
    /// When.
    pub time: WallTime,
}

impl Account {
    /// Pays an account out and closes its position. `None` when it holds nothing there.
    fn settle(
        &mut self,
        market: usize,
        subaccount: u8,
        outcome: Outcome,
        time: WallTime,
    ) -> Option<Settlement> {
        let holding: &mut Holding = &mut self.holdings[market];
        if holding.position == Position::FLAT {
            return None;
        }
        let (position, cost) = (holding.position, holding.cost);
        let revenue = outcome.payout(position);
        holding.realized += revenue - cost;
        holding.position = Position::FLAT;
        (holding.cost, holding.open_fees) = (Money::ZERO, Money::ZERO);
        holding.updated = time;
        let fees = holding.fees;
        let shard = usize::from(holding.shard);
        self.balances[shard].cash += revenue;
        self.updated = time;
        let nothing = (Contracts::ZERO, Money::ZERO);
        let held = (position.size(), cost);
        let is_no = position < Position::FLAT;
        let ((yes, yes_cost), (no, no_cost)) =
            if is_no { (nothing, held) } else { (held, nothing) };
        Some(Settlement {
            market,
            subaccount,
            outcome,
            yes,
            yes_cost,
            no,
            no_cost,
            revenue,
            fees,
            time,
        })
    }
}

impl Exchange {
    /// Pays out everybody in a market in which nothing rests any more.
    pub(super) fn pay_out(&mut self, market: usize, outcome: Outcome, now: WallTime) {
        let background = self.background;
        for (index, member) in self.members.iter_mut().enumerate() {
            let user = UserId(u32::try_from(index).expect("members are numbered in 32 bits"));
            for (number, account) in (0_u8..).zip(&mut member.accounts) {
                let Some(settlement) = account.settle(market, number, outcome, now) else {
                    continue;
                };
                if user < background {
                    member.settlements.push(settlement);
                    let subaccount = number;
                    self.events.push(ExchangeEvent::Settlement { user, settlement });
                    self.events.push(ExchangeEvent::Position { user, subaccount, market });
                }
            }
        }
        self.markets[market].open_interest_centis = 0;
    }

    /// A member's settlements, oldest first.
    #[must_use]
    pub fn settlements(&self, user: UserId) -> &[Settlement] {
        &self.member(user).settlements
    }
}
