//! Cancels on their way out: queued, signed, sent when a connection and tokens are there.

use super::Gateway;
use super::answer::Purpose;
use super::budget::Spend;
use super::cancel::{Cancel, CancelSigner, sign, sign_delete};
use super::pool::Use;
use super::presign::Presign;
use super::submit::Bytes;
use crate::kalshi::paths::PUT;
use crate::message::{CancelFailure, CancelOrder, GatewayEvent, GroupStep, SendStamps, Unsent};
use crate::net::{Connector, Transport};
use crate::runtime::clock::Clock;
use crate::runtime::stage::Work;
use crate::units::Now;

impl<T, K, P, C, S> Gateway<T, K, P, C, S>
where
    T: Transport,
    K: Connector<T>,
    P: Presign,
    C: Clock,
    S: CancelSigner,
{
    pub(super) fn take_cancel(&mut self, cancel: CancelOrder, now: Now) {
        if self.cancels.push(cancel, now.mono).is_err() {
            let why = CancelFailure::Unsent(Unsent::NoConnection);
            self.outbox.push(GatewayEvent::CancelFailed { key: cancel.key, why });
        }
    }

    pub(super) fn take_cancel_all(&mut self, now: Now) {
        let path = self.parts.templates.create_path();
        let signed = sign_delete(&self.parts.key, now.wall.unix_ms(), path);
        let queued = signed
            .filter(|signed| self.fits(signed))
            .is_some_and(|signed| self.cancels.push_all(signed, now.mono).is_ok());
        if !queued {
            self.outbox.push(GatewayEvent::CancelAllDone { ok: false });
        }
    }

    /// Sends what waits and can go, gives up what has waited too long.
    pub(super) fn serve_cancels(&mut self, now: Now) -> Work {
        // Before signatures are asked for that a batch needs only one of.
        let mut work = Work::Idle;
        while self.send_batch(now) == Work::Done {
            work = Work::Done;
        }
        let templates = &self.parts.templates;
        self.cancels.sign(
            &mut self.parts.cancel_signer,
            now.wall.unix_ms(),
            |cancel| (cancel.key, templates.cancel_path(cancel)),
            |key, signed| self.changes.hand(key, signed),
        );
        while self.send_cancel(now) == Work::Done {
            work = Work::Done;
        }
        let unsent =
            if self.budget.allows(Spend::Cancel) { Unsent::NoConnection } else { Unsent::NoTokens };
        while let Some((cancel, why)) = self.cancels.pop_overdue(now.mono, unsent) {
            self.outbox.push(match cancel {
                Cancel::One(CancelOrder { key, .. }) => {
                    GatewayEvent::CancelFailed { key, why: CancelFailure::Unsent(why) }
                }
                Cancel::All => GatewayEvent::CancelAllDone { ok: false },
            });
            work = Work::Done;
        }
        work
    }

    /// Sends the first cancel that is signed, if a connection is free and tokens are left.
    fn send_cancel(&mut self, now: Now) -> Work {
        let Some((at, cancel, signed)) = self.cancels.next() else { return Work::Idle };
        if !self.budget.allows(Spend::Cancel) || self.pool.pick(Use::Cancel).is_none() {
            return Work::Idle;
        }
        if !self.fits(signed) {
            self.cancels.remove(at);
            return self.refuse_cancel(cancel);
        }
        let out = &mut self.request[..];
        let templates = &self.parts.templates;
        let (purpose, length) = match cancel {
            Cancel::One(one) => (
                Purpose::Cancel { key: one.key, order_id: one.order_id },
                templates.encode_cancel(out, &one, signed),
            ),
            Cancel::All => (Purpose::CancelAll, templates.encode_cancel_all(out, signed)),
        };
        // What has not left waits for another connection as long as any cancel does.
        match self.send(Use::Cancel, purpose, SendStamps::default(), length, now) {
            Bytes::Left => {
                self.cancels.remove(at);
                Work::Done
            }
            Bytes::Stayed => Work::Idle,
        }
    }

    /// Triggers and resets the order groups as the kill switch is.
    pub(super) fn serve_groups(&mut self, now: Now) -> Work {
        let thrown = self.kill_switch.is_thrown();
        self.groups.want(if thrown { GroupStep::Trigger } else { GroupStep::Reset });
        let Some(request) = self.groups.next(now.mono) else { return Work::Idle };
        if !self.budget.allows(Spend::Group) || self.pool.pick(Use::Group).is_none() {
            return Work::Idle;
        }
        let path = self.parts.templates.group_path(&request.id, request.step);
        let signed = sign(&self.parts.key, now.wall.unix_ms(), PUT, path.as_str());
        let Some(signed) = signed.filter(|signed| self.fits(signed)) else {
            self.groups.handle_failed(request.shard, now.mono);
            return Work::Done;
        };
        let (shard, step) = (request.shard, request.step);
        let out = &mut self.request[..];
        let length = self.parts.templates.encode_group(out, &path, shard, &signed);
        let purpose = Purpose::Group { shard, step };
        match self.send(Use::Group, purpose, SendStamps::default(), length, now) {
            Bytes::Left => self.groups.handle_sent(shard),
            Bytes::Stayed => self.groups.handle_failed(shard, now.mono),
        }
        Work::Done
    }

    /// What the exchange has said of a group, or has not.
    pub(super) fn note_group(&mut self, event: Option<&GatewayEvent>, now: Now) {
        match event {
            Some(&GatewayEvent::Group { shard, step, ok: true }) => {
                self.groups.handle_done(shard, step);
            }
            Some(&GatewayEvent::Group { shard, ok: false, .. }) => {
                self.groups.handle_failed(shard, now.mono);
            }
            _ => {}
        }
    }

    #[cold]
    fn refuse_cancel(&mut self, cancel: Cancel) -> Work {
        self.outbox.push(match cancel {
            Cancel::One(CancelOrder { key, .. }) => {
                let why = CancelFailure::Unsent(Unsent::NoSignature);
                GatewayEvent::CancelFailed { key, why }
            }
            Cancel::All => GatewayEvent::CancelAllDone { ok: false },
        });
        Work::Done
    }
}
