//! Amendments and decreases on their way out: signed, sent when a connection and tokens are there.
//!
//! They are orders in what they cost and in what holds them up (the kill switch, a triggered
//! group, age) and cancels in how they are signed: their path names one order. One that cannot go
//! within an order's patience is given up, and its order stays as it was.

use std::collections::VecDeque;

use super::Gateway;
use super::answer::Purpose;
use super::budget::Spend;
use super::cancel::CancelSigner;
use super::pool::Use;
use super::presign::{OrderCall, Presign, Presigned};
use super::signing::{Signing, Waiting, hand, sign_waiting};
use super::submit::Bytes;
use crate::ids::{MarketIx, OrderId, OrderKey};
use crate::kalshi::encode::OrderTemplates;
use crate::kalshi::paths::PathText;
use crate::message::{AmendOrder, CancelFailure, DecreaseOrder, GatewayEvent, SendStamps, Unsent};
use crate::net::{Connector, Transport};
use crate::risk::Approved;
use crate::runtime::clock::Clock;
use crate::runtime::stage::Work;
use crate::units::{Nanos, Now, Timestamp};

/// Changes that may wait: one for every order that may be open, by default.
pub(super) const CHANGES_MAX: usize = 32;

/// What is to become of an order that rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Another price.
    Amend(Approved<AmendOrder>),
    /// Fewer contracts.
    Decrease(DecreaseOrder),
}

impl Change {
    /// The order's place in the oms.
    pub(super) const fn key(&self) -> OrderKey {
        match self {
            Self::Amend(amend) => amend.get().key,
            Self::Decrease(decrease) => decrease.key,
        }
    }

    /// The id the answer must echo.
    const fn order_id(&self) -> OrderId {
        match self {
            Self::Amend(amend) => amend.get().order_id,
            Self::Decrease(decrease) => decrease.order_id,
        }
    }

    /// Whose stop holds it back.
    const fn market(&self) -> MarketIx {
        match self {
            Self::Amend(amend) => amend.get().market,
            Self::Decrease(decrease) => decrease.market,
        }
    }

    /// Since when it waits.
    const fn since(&self) -> Timestamp {
        match self {
            Self::Amend(amend) => amend.get().approved,
            Self::Decrease(decrease) => decrease.decided,
        }
    }

    fn path(&self, templates: &OrderTemplates) -> PathText {
        match self {
            Self::Amend(amend) => templates.amend_path(amend.get()),
            Self::Decrease(decrease) => templates.decrease_path(decrease),
        }
    }

    fn encode(&self, templates: &OrderTemplates, out: &mut [u8], signed: &Presigned) -> usize {
        match self {
            Self::Amend(amend) => templates.encode_amend(out, amend, signed),
            Self::Decrease(decrease) => templates.encode_decrease(out, decrease, signed),
        }
    }
}

/// Changes in the order in which they came.
#[derive(Debug)]
pub(super) struct ChangeQueue {
    waiting: VecDeque<Waiting<Change>>,
}

impl ChangeQueue {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::with_capacity(CHANGES_MAX) }
    }

    /// Takes a signature that was made for the change of an order.
    pub(super) fn hand(&mut self, key: OrderKey, signed: Presigned) {
        hand(&mut self.waiting, |change| change.key() == key, signed);
    }

    /// When the first of them has waited for `patience`.
    pub(super) fn deadline(&self, patience: Nanos) -> Timestamp {
        let front = self.waiting.front();
        front.map_or(Timestamp::NEVER, |it| it.since + patience)
    }

    pub(super) fn pop(&mut self) -> Option<Change> {
        self.waiting.pop_front().map(|it| it.what)
    }
}

/// What is said of a change that never left.
pub(super) const fn unsent(change: &Change, why: Unsent) -> GatewayEvent {
    GatewayEvent::ChangeFailed { key: change.key(), why: CancelFailure::Unsent(why) }
}

impl<T, K, P, C, S> Gateway<T, K, P, C, S>
where
    T: Transport,
    K: Connector<T>,
    P: Presign,
    C: Clock,
    S: CancelSigner,
{
    pub(super) fn take_change(&mut self, change: Change) {
        if self.changes.waiting.len() >= CHANGES_MAX {
            return self.outbox.push(unsent(&change, Unsent::NoConnection));
        }
        let (since, signing) = (change.since(), Signing::Wanted);
        self.changes.waiting.push_back(Waiting { what: change, since, signing });
    }

    /// Signs what waits, sends what is signed, gives up what must not go or has waited too long.
    pub(super) fn serve_changes(&mut self, now: Now) -> Work {
        let templates = &self.parts.templates;
        let path = |change: &Change| Some((change.key(), change.path(templates)));
        let wall_ms = now.wall.unix_ms();
        let signer = &mut self.parts.cancel_signer;
        let waiting = &mut self.changes.waiting;
        sign_waiting(waiting, OrderCall::Change, signer, wall_ms, path, |key, signed| {
            self.cancels.hand(key, signed);
        });
        let mut work = Work::Idle;
        while self.serve_change(now) == Work::Done {
            work = Work::Done;
        }
        work
    }

    /// Sends or gives up the first change, if either is due.
    fn serve_change(&mut self, now: Now) -> Work {
        let Some(Waiting { what, since, .. }) = self.changes.waiting.front() else {
            return Work::Idle;
        };
        let (change, waited) = (*what, now.mono.since(*since));
        let why = if let Some(why) = self.kill_switch.refuses(change.since(), change.market()) {
            why
        } else if !self.groups.take_orders() {
            Unsent::GroupTriggered
        } else if matches!(change, Change::Amend(_)) && waited > self.submit_age_max {
            // It was priced for another market, as an order is that waited so long.
            Unsent::Stale
        } else if !self.budget.allows(Spend::Create) {
            Unsent::NoTokens
        } else {
            match self.send_change(&change, now) {
                Ok(Bytes::Left) => {
                    self.changes.waiting.pop_front();
                    return Work::Done;
                }
                Ok(Bytes::Stayed) if waited < self.submit_wait => return Work::Idle,
                Ok(Bytes::Stayed) => Unsent::NoConnection,
                Err(Unsigned::NotYet) if waited < self.submit_wait => return Work::Idle,
                Err(Unsigned::NotYet | Unsigned::Never) => Unsent::NoSignature,
            }
        };
        self.changes.waiting.pop_front();
        self.outbox.push(unsent(&change, why));
        Work::Done
    }

    fn send_change(&mut self, change: &Change, now: Now) -> Result<Bytes, Unsigned> {
        let Some(Waiting { signing: Signing::Made(signed), .. }) = self.changes.waiting.front()
        else {
            return Err(Unsigned::NotYet);
        };
        if !self.fits(signed) {
            return Err(Unsigned::Never);
        }
        if self.pool.pick(Use::Order).is_none() {
            return Ok(Bytes::Stayed);
        }
        let out = &mut self.request[..];
        let length = change.encode(&self.parts.templates, out, signed);
        let purpose = Purpose::Change { key: change.key(), order_id: change.order_id() };
        Ok(self.send(Use::Order, purpose, SendStamps::default(), length, now))
    }
}

/// Why a change has no signature.
enum Unsigned {
    /// It is being made.
    NotYet,
    /// It does not fit the requests.
    Never,
}
