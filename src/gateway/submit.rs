//! New orders on their way out: the hot path from command to `send`.

use super::answer::{self, Ending, Purpose};
use super::budget::Spend;
use super::cancel::CancelSigner;
use super::connection::{Request, SendOutcome};
use super::held::{Attempt, Taken};
use super::pool::Use;
use super::presign::{Presign, Presigned};
use super::{Gateway, REHEARSAL_EVERY};
use crate::kalshi::auth::Signature;
use crate::kalshi::paths::POST;
use crate::message::{GatewayEvent, Loss, NewOrder, SendStamps, Unsent};
use crate::net::{Connector, Transport};
use crate::risk::Approved;
use crate::runtime::clock::Clock;
use crate::runtime::stage::Work;
use crate::units::{Now, Timestamp};

/// Whether an order is done with, as far as the commands are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It is on its way, or was refused.
    Told,
    /// It may wait for a connection.
    NotYet,
}

/// How far the bytes of a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Bytes {
    /// Something of it may be at the exchange; an answer or its loss will be told.
    Left,
    /// Every connection tried has died before the first byte: nothing has been told or spent.
    Stayed,
}

impl<T, K, P, C, S> Gateway<T, K, P, C, S>
where
    T: Transport,
    K: Connector<T>,
    P: Presign,
    C: Clock,
    S: CancelSigner,
{
    /// Takes an order from the ring: it goes at once, or behind those that wait already.
    pub(super) fn take_order(&mut self, order: Approved<NewOrder>, attempt: Attempt, now: Now) {
        let taken = Taken { order, at: self.parts.clock.mono(), attempt };
        if !self.held.is_empty() || self.ends(&taken, taken.at, now) == Ended::NotYet {
            self.held.push(taken);
        }
    }

    /// Sends what is held as far as connections are free, gives up what has waited too long.
    pub(super) fn serve_held(&mut self, now: Now) -> Work {
        let mut work = Work::Idle;
        while self.outbox.is_empty() && self.send_orders_together(now) == Work::Done {
            work = Work::Done;
        }
        while let Some(taken) = self.held.front().filter(|_| self.outbox.is_empty()) {
            let mono = self.parts.clock.mono();
            if self.ends(&taken, mono, now) == Ended::NotYet {
                break;
            }
            self.held.pop();
            work = Work::Done;
        }
        work
    }

    /// Sends an order or says why not, unless it may wait for a connection. `mono` is this very
    /// moment. The refusals come cheapest first and use nothing up.
    fn ends(&mut self, taken: &Taken, mono: Timestamp, now: Now) -> Ended {
        self.last_market = taken.order.get().market;
        let age = mono.since(taken.since());
        let NewOrder { approved, market, .. } = *taken.order.get();
        if let Some(why) = self.kill_switch.refuses(approved, market) {
            self.not_sent(taken, why);
        } else if !self.groups.take_orders() {
            self.not_sent(taken, Unsent::GroupTriggered);
        } else if age > self.submit_age_max {
            self.not_sent(taken, Unsent::Stale);
        } else if !self.budget.allows(Spend::Create) {
            self.not_sent(taken, Unsent::NoTokens);
        } else if self.pool.pick(Use::Order).is_some() && self.submit(taken, now) == Ended::Told {
            return Ended::Told;
        } else if age < self.submit_wait {
            return Ended::NotYet;
        } else {
            self.not_sent(taken, Unsent::NoConnection);
        }
        Ended::Told
    }

    /// Signs, encodes and sends.
    fn submit(&mut self, taken: &Taken, now: Now) -> Ended {
        let Some(signed) = self.create_signature(now) else {
            self.not_sent(taken, Unsent::NoSignature);
            return Ended::Told;
        };
        let out = &mut self.request[..];
        let length = self.parts.templates.encode_order(out, &taken.order, &signed);
        let encoded = self.parts.clock.mono();
        let stamps = SendStamps { taken: taken.at, encoded, ..SendStamps::default() };
        match self.send(Use::Order, Purpose::Order(*taken), stamps, length, now) {
            Bytes::Left => Ended::Told,
            Bytes::Stayed => Ended::NotYet,
        }
    }

    /// A flush that had not begun has failed. The order goes out on another connection at once,
    /// as far as its time is not up: it is the next one.
    pub(super) fn take_back(&mut self, taken: Taken) -> Option<GatewayEvent> {
        if self.held.is_full() {
            return Some(answer::unsent(&taken, Unsent::WriteFailed));
        }
        self.held.push_front(taken);
        None
    }

    /// A signature made ahead, or one made on the spot.
    fn create_signature(&mut self, now: Now) -> Option<Presigned> {
        let wall_ms = now.wall.unix_ms();
        let ahead = self.parts.presign.take(wall_ms);
        let signed = if let Some(signed) = ahead {
            self.signatures.hits += 1;
            signed
        } else {
            self.signatures.misses += 1;
            let mut signature = Signature::default();
            let path = self.parts.templates.create_path();
            self.parts.key.sign(wall_ms, POST, path, &mut signature).ok()?;
            Presigned { wall_ms, signature }
        };
        self.fits(&signed).then_some(signed)
    }

    /// Whether a signature is of the length the requests have room for.
    pub(super) fn fits(&self, signed: &Presigned) -> bool {
        signed.signature.as_bytes().len() == self.parts.templates.signature_len()
    }

    /// Sends the first `length` bytes of the request buffer on the warmest connection, or on the
    /// next ones as long as not a byte has left. Each that fails so is closed, which bounds it.
    pub(super) fn send(
        &mut self,
        wanted: Use,
        purpose: Purpose,
        stamps: SendStamps,
        length: usize,
        now: Now,
    ) -> Bytes {
        while let Some(place) = self.pool.pick(wanted) {
            let deadline = now.mono + self.ack_timeout;
            let request = Request { purpose, bytes: &self.request[..length], stamps, deadline };
            let clock = &self.parts.clock;
            let outcome = self.pool.connection(place).send(&request, || clock.mono());
            let event = match outcome {
                SendOutcome::NothingLeft => continue,
                SendOutcome::Sent(stamps) => answer::sent(&purpose, stamps),
                SendOutcome::Pending => None,
                SendOutcome::Lost => answer::ended(&purpose, Ending::Lost(Loss::Disconnected)),
            };
            self.pay(wanted, &purpose);
            self.note_group(event.as_ref(), now);
            self.emit(event);
            self.note_batch(&purpose, outcome);
            return Bytes::Left;
        }
        Bytes::Stayed
    }

    /// Tells of each of several in one request how far their bytes got.
    fn note_batch(&mut self, purpose: &Purpose, outcome: SendOutcome) {
        let gone = Ending::Lost(Loss::Disconnected);
        match (*purpose, outcome) {
            (Purpose::CancelBatch { place }, SendOutcome::Sent(_)) => self.batch_sent(place),
            (Purpose::CancelBatch { place }, SendOutcome::Lost) => self.end_batch(place, gone),
            (Purpose::OrderBatch { place }, SendOutcome::Sent(stamps)) => {
                self.orders_sent(place, stamps);
            }
            (Purpose::OrderBatch { place }, SendOutcome::Lost) => self.end_orders(place, gone),
            _ => {}
        }
    }

    fn pay(&mut self, wanted: Use, purpose: &Purpose) {
        match (wanted, *purpose) {
            (_, Purpose::OrderBatch { place }) => {
                for _ in 0..self.order_batches.len(place) {
                    self.budget.take(Spend::Create);
                }
            }
            (Use::Order, _) => self.budget.take(Spend::Create),
            (Use::Group, _) => self.budget.take(Spend::Group),
            (_, Purpose::CancelBatch { place }) => {
                for _ in 0..self.batches.len(place) {
                    self.budget.take(Spend::Cancel);
                }
            }
            (Use::Cancel | Use::Batch, _) => self.budget.take(Spend::Cancel),
        }
    }

    /// Keeps what an order needs in the caches while none comes: template, pool, sealing.
    pub(super) fn rehearse(&mut self, now: Now) {
        if now.mono < self.rehearsed + REHEARSAL_EVERY {
            return;
        }
        self.rehearsed = now.mono;
        let market = self.last_market;
        let length = self.parts.templates.rehearse(&mut self.request[..], market, now);
        if let Some(place) = self.pool.pick(Use::Order) {
            self.pool.connection(place).rehearse(&self.request[..length]);
        }
    }
}
