//! Where members' money lies: subaccounts, shards, and transfers between them.
//!
//! An order is paid from its own account on its market's shard and from nowhere else, so money
//! has to be moved before it is needed (reference §3.8).

use crate::sim::exchange::account::{Account, Role};
use crate::sim::exchange::member::SUBACCOUNTS_MAX;
use crate::sim::exchange::{Exchange, ExchangeState, Reject};
use crate::sim::venue::UserId;
use crate::units::Money;

/// One place for money: an account of a member, on a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wallet {
    /// Which of the member's accounts.
    pub subaccount: u8,
    /// Which shard.
    pub exchange_index: u8,
}

/// How a member is connected to the exchange: the grid that its cash moves on (reference §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// A hundredth of a cent.
    Direct,
    /// Behind a futures commission merchant: whole cents.
    Intermediated,
}

impl Membership {
    const fn grid_micros(self) -> u32 {
        match self {
            Self::Direct => 100,
            Self::Intermediated => 10_000,
        }
    }
}

impl Exchange {
    /// Says how a member is connected; all of its accounts are charged accordingly.
    pub fn set_membership(&mut self, user: UserId, membership: Membership) {
        for account in &mut self.members[user.0 as usize].accounts {
            account.grid_micros = membership.grid_micros();
        }
    }

    /// Opens the next numbered subaccount. Returns its number.
    ///
    /// # Errors
    /// [`Reject::TooManySubaccounts`], [`Reject::ExchangePaused`].
    pub fn create_subaccount(&mut self, user: UserId) -> Result<u8, Reject> {
        self.check_money_moves()?;
        let shards: Vec<u8> = self.markets.iter().map(|market| market.exchange_index).collect();
        let accounts = &mut self.members[user.0 as usize].accounts;
        let number = u8::try_from(accounts.len()).map_err(|_| Reject::TooManySubaccounts)?;
        if number > SUBACCOUNTS_MAX {
            return Err(Reject::TooManySubaccounts);
        }
        let grid_micros = accounts[0].grid_micros;
        accounts.push(Account { grid_micros, ..Account::new(Role::Member, &shards) });
        Ok(number)
    }

    /// Money lies still while the exchange is paused (`intra_exchange_transfers_active`).
    fn check_money_moves(&self) -> Result<(), Reject> {
        if self.state == ExchangeState::ExchangePaused {
            return Err(Reject::ExchangePaused);
        }
        Ok(())
    }

    /// How many accounts a member has, the primary one included.
    #[must_use]
    pub fn account_count(&self, user: UserId) -> u8 {
        u8::try_from(self.member(user).accounts.len()).unwrap_or(u8::MAX)
    }

    /// How many shards there are.
    #[must_use]
    pub fn shard_count(&self) -> u8 {
        u8::try_from(self.account(self.background).balances.len()).unwrap_or(u8::MAX)
    }

    /// Cash in one place that no order locks; nothing where there is no such place.
    #[must_use]
    pub fn balance(&self, user: UserId, wallet: Wallet) -> Money {
        let account = self.member(user).accounts.get(usize::from(wallet.subaccount));
        let balance =
            account.and_then(|account| account.balances.get(usize::from(wallet.exchange_index)));
        balance.map_or(Money::ZERO, |balance| balance.available())
    }

    /// Moves a member's money between two of its places.
    ///
    /// # Errors
    /// [`Reject::SubaccountNotFound`] when a place does not exist, [`Reject::InvalidAmount`] for
    /// nothing or less, [`Reject::InsufficientBalance`], [`Reject::ExchangePaused`].
    pub fn transfer(
        &mut self,
        user: UserId,
        from: Wallet,
        to: Wallet,
        amount: Money,
    ) -> Result<(), Reject> {
        self.check_money_moves()?;
        for wallet in [from, to] {
            if wallet.subaccount >= self.account_count(user)
                || wallet.exchange_index >= self.shard_count()
            {
                return Err(Reject::SubaccountNotFound);
            }
        }
        if amount <= Money::ZERO {
            return Err(Reject::InvalidAmount);
        }
        if self.balance(user, from) < amount {
            return Err(Reject::InsufficientBalance);
        }
        let accounts = &mut self.members[user.0 as usize].accounts;
        let mut cash = |wallet: Wallet, change: Money| {
            let account = &mut accounts[usize::from(wallet.subaccount)];
            account.balances[usize::from(wallet.exchange_index)].cash += change;
        };
        cash(from, -amount);
        cash(to, amount);
        Ok(())
    }
}
