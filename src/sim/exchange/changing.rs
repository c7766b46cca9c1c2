//! What members may change about a resting order: decrease it, amend it.
//!
//! Getting smaller keeps the place in the queue; another price or more contracts lose it. Every
//! check comes before the first change, so a [`Reject`] leaves everything as it was.

use crate::message::BookSide;
use crate::sim::exchange::book::OrderIx;
use crate::sim::exchange::matching::Matched;
use crate::sim::exchange::order::{ClientText, Order, OrderStatus, OrderTerms, UpdateReason};
use crate::sim::exchange::placing::{Receipt, receipt};
use crate::sim::exchange::{Exchange, Reject};
use crate::sim::venue::UserId;
use crate::units::{Contracts, Price, WallTime};

/// What an amendment does to the expiration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Leaves it.
    Keep,
    /// Removes it.
    Clear,
    /// Sets it.
    Set(WallTime),
}

/// A changed order, all fields understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// The market the caller believes it is in.
    pub market: usize,
    /// The side the caller believes it is on.
    pub side: BookSide,
    /// New limit.
    pub price: Price,
    /// New total: what has traded plus what shall rest.
    pub total: Contracts,
    /// The client id the caller believes it has, empty when not given.
    pub client_order_id: ClientText,
    /// Its new client id, empty to keep the old one.
    pub updated_client_order_id: ClientText,
    /// Its new expiration.
    pub expiry: Expiry,
}

/// By how much an order shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decrease {
    /// By this.
    By(Contracts),
    /// To this.
    To(Contracts),
}

impl Exchange {
    /// Makes a resting order smaller; it keeps its place in the queue.
    ///
    /// # Errors
    /// [`Reject::NotFound`], [`Reject::MoreThanRests`] when it would grow or go below zero.
    pub fn decrease(
        &mut self,
        now: WallTime,
        user: UserId,
        id: u128,
        decrease: Decrease,
    ) -> Result<Receipt, Reject> {
        self.advance(now);
        let ix = self.resting(user, id)?;
        let order = *self.orders.get(ix);
        let to = match decrease {
            Decrease::By(by) => order.remaining.checked_sub(by).ok_or(Reject::MoreThanRests)?,
            Decrease::To(to) => to,
        };
        let by = order.remaining.checked_sub(to).ok_or(Reject::MoreThanRests)?;
        let order = self.shrink(ix, to, UpdateReason::Decrease, now);
        Ok(receipt(&order, &Matched::NOTHING, by))
    }

    /// Lowers what rests of an order to `to`, in place; zero cancels it.
    fn shrink(&mut self, ix: OrderIx, to: Contracts, reason: UpdateReason, now: WallTime) -> Order {
        let order = *self.orders.get(ix);
        if to.is_zero() {
            self.close(ix, reason, now);
            return Order { remaining: to, status: OrderStatus::Canceled, reason, ..order };
        }
        let by = order.remaining - to;
        if !by.is_zero() {
            let market = &mut self.markets[order.market];
            market.clock += 1;
            market.book.reduce(order.side, order.priority(), by);
            self.account_of_mut(&order).unrest(&order, by);
            self.book_changed(ix, -i64::from(by.centis()), now);
        }
        let kept = self.orders.get_mut(ix);
        kept.remaining = to;
        kept.initial = kept.filled + to;
        kept.updated = now;
        kept.reason = reason;
        let kept = *kept;
        self.order_changed(ix);
        kept
    }

    /// Changes price, size, client id or expiration of a resting order. It keeps its place only
    /// when the price stays and the size does not grow.
    ///
    /// # Errors
    /// The first rule it breaks; the order rests unchanged then.
    pub fn amend(
        &mut self,
        now: WallTime,
        user: UserId,
        id: u128,
        change: &Amendment,
    ) -> Result<Receipt, Reject> {
        self.advance(now);
        let ix = self.resting(user, id)?;
        let before = *self.orders.get(ix);
        let after = self.check_amendment(now, &before, change)?;
        let same_price = after.price == before.price || after.remaining.is_zero();
        let in_place = same_price && after.remaining <= before.remaining;
        if !in_place {
            self.lift(ix, &after, now)?;
        }
        if !change.updated_client_order_id.is_empty() {
            let member = &mut self.members[user.0 as usize];
            member.client_ids.insert(change.updated_client_order_id);
        }
        let reduced_by = before.remaining.saturating_sub(after.remaining);
        if in_place {
            self.retime(ix, &after);
            let order = self.shrink(ix, after.remaining, UpdateReason::Amend, now);
            return Ok(receipt(&order, &Matched::NOTHING, reduced_by));
        }
        self.places += 1;
        *self.orders.get_mut(ix) = after;
        let matched = self.match_order(ix, now);
        let order = self.finish(ix, &matched, false, now);
        Ok(receipt(&order, &matched, reduced_by))
    }

    /// The order as the amendment wants it.
    fn check_amendment(
        &self,
        now: WallTime,
        order: &Order,
        change: &Amendment,
    ) -> Result<Order, Reject> {
        self.check_open(order.market)?;
        if change.market != order.market {
            return Err(Reject::TickerMismatch);
        }
        if change.side != order.side {
            return Err(Reject::SideMismatch);
        }
        let named = !change.client_order_id.is_empty();
        if named && change.client_order_id != order.client_order_id {
            return Err(Reject::ClientIdMismatch);
        }
        let renamed = change.updated_client_order_id;
        if !renamed.is_empty() && self.member(order.user).client_ids.contains(&renamed) {
            return Err(Reject::OrderAlreadyExists);
        }
        let expires = match change.expiry {
            Expiry::Keep => order.terms.expires,
            Expiry::Clear => None,
            Expiry::Set(time) if time <= now => return Err(Reject::ExpirationPast),
            Expiry::Set(time) => Some(time),
        };
        let remaining = change.total.checked_sub(order.filled).ok_or(Reject::BelowFilled)?;
        Ok(Order {
            price: change.price,
            initial: change.total,
            remaining,
            reason: UpdateReason::Amend,
            updated: now,
            client_order_id: if renamed.is_empty() { order.client_order_id } else { renamed },
            terms: OrderTerms { expires, ..order.terms },
            queued: self.places,
            ..*order
        })
    }

    /// Takes the old order off the book if the new one may take its place and can pay for what
    /// it meets there; else leaves it.
    fn lift(&mut self, ix: OrderIx, after: &Order, now: WallTime) -> Result<(), Reject> {
        self.check_market(after)?;
        let before = *self.orders.get(ix);
        self.account_of_mut(&before).unrest(&before, before.remaining);
        let fits =
            self.account_of(&before).can_rest(after, after.remaining) && self.can_start(after, now);
        self.account_of_mut(&before).rest(&before);
        if !fits {
            return Err(Reject::InsufficientBalance);
        }
        self.leave_book(ix, now);
        if let Some(expires) = before.terms.expires {
            self.expiries.remove(&(expires, before.seq, ix));
        }
        Ok(())
    }

    /// Gives a resting order the client id and the expiration of `after`.
    fn retime(&mut self, ix: OrderIx, after: &Order) {
        let order = self.orders.get_mut(ix);
        let (seq, old) = (order.seq, order.terms.expires);
        order.client_order_id = after.client_order_id;
        order.terms.expires = after.terms.expires;
        if let Some(time) = old {
            self.expiries.remove(&(time, seq, ix));
        }
        if let Some(time) = after.terms.expires {
            self.expiries.insert((time, seq, ix));
        }
    }
}
