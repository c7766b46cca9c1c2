//! Cancels that wait together go out together: one request instead of one each.
//!
//! Connections are few and a cancel takes one for a round trip. When several cancels wait for one
//! (a drain, a person's cancel-all), the next free connection takes as many as the tokens allow.
//! Each order keeps a fate of its own; an answer that is lost is lost for each of them. Unlike the
//! cancel of everything this has no aftermath.

use super::Gateway;
use super::answer::{self, Ending, Purpose};
use super::cancel::{CancelSigner, sign};
use super::pool::Use;
use super::presign::Presign;
use super::submit::Bytes;
use crate::kalshi::batch::{BatchItem, CancelBatch};
use crate::kalshi::encode::CANCEL_BATCH_MAX;
use crate::kalshi::errors;
use crate::kalshi::paths::DELETE;
use crate::message::{CancelFailure, CancelOrder, GatewayEvent, SendStamps, Unsent};
use crate::net::{Connector, Transport};
use crate::runtime::clock::Clock;
use crate::runtime::stage::Work;
use crate::units::Now;

/// Cancels that have to wait for a batch to be made of them: one more request would serve fewer.
pub(super) const BATCH_MIN: usize = 3;

/// What is in the batches under way: one place for each connection and no more.
#[derive(Debug)]
pub(super) struct Batches<W> {
    places: Vec<Vec<W>>,
}

impl<W> Batches<W> {
    pub(super) fn new(places: usize, each_max: usize) -> Self {
        Self { places: (0..places).map(|_| Vec::with_capacity(each_max)).collect() }
    }

    /// How many are in one.
    pub(super) fn len(&self, place: u8) -> usize {
        self.places.get(usize::from(place)).map_or(0, Vec::len)
    }

    /// The `nth` in one.
    pub(super) fn get(&self, place: u8, nth: usize) -> &W {
        &self.places[usize::from(place)][nth]
    }

    /// Takes the last out of one.
    pub(super) fn pop(&mut self, place: u8) -> Option<W> {
        self.places[usize::from(place)].pop()
    }

    /// A place for a batch; there is one while a connection is free.
    pub(super) fn free(&mut self) -> Option<(u8, &mut Vec<W>)> {
        let place = self.places.iter().position(Vec::is_empty)?;
        Some((u8::try_from(place).ok()?, &mut self.places[place]))
    }
}

impl<T, K, P, C, S> Gateway<T, K, P, C, S>
where
    T: Transport,
    K: Connector<T>,
    P: Presign,
    C: Clock,
    S: CancelSigner,
{
    /// Sends what waits in one request, if enough does and a connection is free.
    pub(super) fn send_batch(&mut self, now: Now) -> Work {
        let room = self.budget.cancels().min(CANCEL_BATCH_MAX);
        // The cancel of everything goes first and may make these needless.
        if self.cancels.has_all()
            || self.cancels.ones() < BATCH_MIN
            || room < BATCH_MIN
            || self.pool.pick(Use::Batch).is_none()
        {
            return Work::Idle;
        }
        let signed = sign(&self.parts.key, now.wall.unix_ms(), DELETE, &self.batch_path);
        let Some(signed) = signed.filter(|signed| self.fits(signed)) else { return Work::Idle };
        let Some((place, orders)) = self.batches.free() else { return Work::Idle };
        self.cancels.take_ones(room, orders);
        let templates = &self.parts.templates;
        let out = &mut self.request[..];
        let length = templates.encode_cancel_batch(out, &self.batch_path, orders.iter(), &signed);
        let purpose = Purpose::CancelBatch { place };
        match self.send(Use::Batch, purpose, SendStamps::default(), length, now) {
            Bytes::Left => Work::Done,
            Bytes::Stayed => {
                self.end_batch(place, Ending::NothingLeft);
                Work::Done
            }
        }
    }

    /// All bytes of a batch are with the kernel.
    pub(super) fn batch_sent(&mut self, place: u8) {
        for nth in 0..self.batches.len(place) {
            let key = self.batches.get(place, nth).key;
            self.outbox.push(GatewayEvent::CancelSent { key });
        }
    }

    /// No answer will come.
    #[cold]
    pub(super) fn end_batch(&mut self, place: u8, ending: Ending) {
        let why = match ending {
            Ending::NothingLeft => CancelFailure::Unsent(Unsent::WriteFailed),
            Ending::Lost(loss) => CancelFailure::Lost(loss),
        };
        while let Some(CancelOrder { key, .. }) = self.batches.pop(place) {
            self.outbox.push(GatewayEvent::CancelFailed { key, why });
        }
    }

    /// What the exchange said of each.
    pub(super) fn batch_answered(&mut self, place: u8, status: u16, batch: &CancelBatch) {
        while let Some(CancelOrder { key, order_id, .. }) = self.batches.pop(place) {
            self.outbox.push(match (status, answer::loss(status)) {
                (200..=299, _) => match batch.of(&order_id) {
                    BatchItem::Cancelled(reduced_by) => {
                        GatewayEvent::CancelAccepted { key, reduced_by }
                    }
                    BatchItem::NotFound => GatewayEvent::CancelNotFound { key },
                    BatchItem::Failed(why) => GatewayEvent::CancelFailed { key, why },
                },
                (_, Some(why)) => GatewayEvent::CancelFailed { key, why: CancelFailure::Lost(why) },
                (_, None) => {
                    let why = CancelFailure::Rejected(errors::reject(status, b"").kind);
                    GatewayEvent::CancelFailed { key, why }
                }
            });
        }
    }
}
