//! One member: its name, its accounts, and the history that it can read.
//!
//! Client order ids, orders and fills belong to the member; money and positions to one of its
//! accounts: 0 is the primary one, the others are numbered in the order of their creation. What
//! orders and fills were is kept for all members together, so that it is bounded together.

use std::collections::{HashSet, VecDeque};

use crate::sim::exchange::account::{Account, FillRecord, Role};
use crate::sim::exchange::lane::Lane;
use crate::sim::exchange::order::{ClientText, Order};
use crate::sim::exchange::settling::Settlement;
use crate::sim::venue::UserId;
use crate::units::{Contracts, Money};

/// Fills kept for reading, all members' together. About 200 bytes each.
const FILLS_KEPT_MAX: u64 = 1 << 18;

/// Numbered subaccounts a member can have beside the primary account.
pub(crate) const SUBACCOUNTS_MAX: u8 = 63;

/// A member, or the background.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) user_id: String,
    /// By subaccount number.
    pub(crate) accounts: Vec<Account>,
    /// How many of its orders rest.
    pub(crate) resting: u32,
    /// Ids of all readable orders by arrival, oldest first.
    orders: Lane<u128>,
    pub(crate) client_ids: HashSet<ClientText>,
    /// Numbers of its fills that are kept, oldest first.
    fills: VecDeque<u64>,
    /// Oldest first: one per settled market and account that held something there.
    pub(crate) settlements: Vec<Settlement>,
}

impl Member {
    /// A member with an empty primary account.
    pub(crate) fn new(user_id: String, role: Role, shards: &[u8]) -> Self {
        Self::with_accounts(user_id, vec![Account::new(role, shards)])
    }

    /// What it has, without what it has done.
    pub(crate) fn without_history(&self) -> Self {
        let copy = Self::with_accounts(self.user_id.clone(), self.accounts.clone());
        Self { resting: self.resting, ..copy }
    }

    fn with_accounts(user_id: String, accounts: Vec<Account>) -> Self {
        Self {
            user_id,
            accounts,
            resting: 0,
            orders: Lane::default(),
            client_ids: HashSet::new(),
            fills: VecDeque::new(),
            settlements: Vec::new(),
        }
    }

    /// Cash of all accounts and shards.
    pub(crate) fn cash(&self) -> Money {
        self.accounts.iter().fold(Money::ZERO, |sum, account| sum + account.cash())
    }

    /// Cash of all accounts and shards that no order locks.
    pub(crate) fn available(&self) -> Money {
        self.accounts.iter().fold(Money::ZERO, |sum, account| sum + account.available())
    }

    /// Notes its newest order.
    pub(crate) fn note_order(&mut self, order: &Order) {
        self.orders.push(order.seq, order.id);
    }

    /// Takes the order that arrived `seq`-th off its list.
    pub(crate) fn forget_order(&mut self, seq: u64) {
        self.orders.remove(seq);
    }

    /// Ids of its readable orders, oldest first.
    pub(crate) fn order_ids(&self) -> impl DoubleEndedIterator<Item = u128> + use<'_> {
        self.orders.iter()
    }
}

/// The newest fills of all members: a ring, and each member's list of places in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fills {
    ring: Vec<(UserId, FillRecord)>,
    /// Fills so far.
    count: u64,
}

impl Fills {
    const fn place(number: u64) -> usize {
        (number % FILLS_KEPT_MAX) as usize
    }

    /// Keeps a member's fill in place of the oldest one.
    pub(crate) fn keep(&mut self, members: &mut [Member], user: UserId, fill: FillRecord) {
        let place = Self::place(self.count);
        if let Some(oldest) = self.ring.get_mut(place) {
            let fills = &mut members[oldest.0.0 as usize].fills;
            // It is not there any more when it was voided.
            fills.pop_front_if(|number| *number + FILLS_KEPT_MAX == self.count);
            *oldest = (user, fill);
        } else {
            self.ring.push((user, fill));
        }
        members[user.0 as usize].fills.push_back(self.count);
        self.count += 1;
    }

    /// Every side of the newest trade in a market that is kept and not voided.
    pub(crate) fn newest_trade(&self, market: usize) -> Vec<(UserId, FillRecord)> {
        let kept = u64::try_from(self.ring.len()).unwrap_or(FILLS_KEPT_MAX);
        let newest_first = (self.count - kept..self.count).rev();
        let mut sides: Vec<(UserId, FillRecord)> = Vec::new();
        for (user, fill) in newest_first.map(|number| self.ring[Self::place(number)]) {
            let same = sides.first().is_none_or(|(_, first)| first.trade_id == fill.trade_id);
            if fill.market == market && same && !fill.quantity.is_zero() {
                sides.push((user, fill));
            } else if !sides.is_empty() {
                break;
            }
        }
        sides
    }

    /// Takes a fill out of its member's list; what is left of it is of no contracts.
    pub(crate) fn forget(&mut self, member: &mut Member, fill: &FillRecord) {
        let is_it = |number: &u64| {
            let it = &self.ring[Self::place(*number)].1;
            (it.trade_id, it.order_id) == (fill.trade_id, fill.order_id)
        };
        let place = member.fills.iter().rposition(is_it);
        if let Some(number) = place.and_then(|place| member.fills.remove(place)) {
            self.ring[Self::place(number)].1.quantity = Contracts::ZERO;
        }
    }

    /// A member's fills, oldest first.
    pub(crate) fn of<'a>(
        &'a self,
        member: &'a Member,
    ) -> impl DoubleEndedIterator<Item = &'a FillRecord> + use<'a> {
        member.fills.iter().map(|number| &self.ring[Self::place(*number)].1)
    }
}
