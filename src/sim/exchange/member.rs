//! One member: its name, its accounts, and the history that it can read.
//!
//! Client order ids, orders and fills belong to the member; money and positions to one of its
//! accounts: 0 is the primary one, the others are numbered in the order of their creation.

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::sim::exchange::account::{Account, FillRecord, Role};
use crate::sim::exchange::book::OrderIx;
use crate::sim::exchange::order::ClientText;
use crate::sim::exchange::settling::Settlement;
use crate::units::Money;

/// Fills kept for reading per member. About 200 bytes each.
pub(crate) const FILLS_KEPT_MAX: usize = 1 << 18;

/// Numbered subaccounts a member can have beside the primary account.
pub(crate) const SUBACCOUNTS_MAX: u8 = 63;

/// A member, or the background.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) user_id: String,
    /// By subaccount number.
    pub(crate) accounts: Vec<Account>,
    /// All readable orders, oldest first.
    pub(crate) orders: BTreeMap<u64, OrderIx>,
    pub(crate) client_ids: HashSet<ClientText>,
    pub(crate) fills: VecDeque<FillRecord>,
    /// Oldest first: one per settled market and account that held something there.
    pub(crate) settlements: Vec<Settlement>,
}

impl Member {
    /// A member with an empty primary account.
    pub(crate) fn new(user_id: String, role: Role, shards: &[u8]) -> Self {
        Self::with_accounts(user_id, vec![Account::new(role, shards)])
    }

    /// A member with accounts and no history.
    pub(crate) fn with_accounts(user_id: String, accounts: Vec<Account>) -> Self {
        Self {
            user_id,
            accounts,
            orders: BTreeMap::new(),
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

    /// Keeps a fill readable.
    pub(crate) fn keep(&mut self, fill: FillRecord) {
        if self.fills.len() == FILLS_KEPT_MAX {
            self.fills.pop_front();
        }
        self.fills.push_back(fill);
    }
}
