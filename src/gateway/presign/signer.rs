//! The cold side of signing ahead: requests and free places in, signatures out, one key operation
//! per poll. Holds the private key; the rings' other ends are in [`super`].

use core::fmt;
use std::sync::Arc;

use rtrb::{Consumer, Producer};

use super::{Presigned, SignRequest, Signed};
use crate::kalshi::auth::{Signature, SigningKey};
use crate::runtime::clock::Clock;
use crate::runtime::stage::{Stage, Work};

/// The cold worker: signs what is asked for, then keeps the ring of ready signatures full.
///
/// Idle, it signs only what the gateway's refresh threw out: `depth` signatures in 0.8 of the
/// age limit, which is 40 in a second by default (Ed25519 0.6 ms, RSA-2048 18 ms of one core).
pub struct Signer {
    key: Arc<SigningKey>,
    create_path: String,
    ready: Producer<Presigned>,
    requests: Consumer<SignRequest>,
    answers: Producer<Signed>,
    failures: u64,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, {} failures)", self.key.kind(), self.failures)
    }
}

impl Signer {
    pub(super) fn new(
        key: Arc<SigningKey>,
        create_path: &str,
        ready: Producer<Presigned>,
        requests: Consumer<SignRequest>,
        answers: Producer<Signed>,
    ) -> Self {
        let create_path = create_path.to_owned();
        Self { key, create_path, ready, requests, answers, failures: 0 }
    }

    /// Makes at most one signature, one asked for before one ahead: a cancel never waits behind
    /// more than one key operation.
    pub fn poll(&mut self, wall_ms: u64) -> Work {
        match self.answer(wall_ms) {
            Work::Done => Work::Done,
            Work::Idle => self.sign_ahead(wall_ms),
        }
    }

    /// How many key operations failed. Each is tried again with the next poll.
    #[must_use]
    pub const fn failures(&self) -> u64 {
        self.failures
    }

    fn answer(&mut self, wall_ms: u64) -> Work {
        let Ok(request) = self.requests.peek().copied() else { return Work::Idle };
        if self.answers.is_full() {
            return Work::Idle;
        }
        let path = request.path.as_str();
        let made = sign(&self.key, wall_ms, request.tag.call.method(), path, &mut self.failures);
        let Some(signature) = made else { return Work::Idle };
        let popped = self.requests.pop();
        debug_assert!(popped.is_ok(), "Invariant: only this end empties the ring");
        let pushed = self.answers.push(Signed { tag: request.tag, wall_ms, signature });
        debug_assert!(pushed.is_ok(), "Invariant: only this end fills the ring, and it had room");
        Work::Done
    }

    fn sign_ahead(&mut self, wall_ms: u64) -> Work {
        if self.ready.is_full() {
            return Work::Idle;
        }
        let made = sign(&self.key, wall_ms, "POST", &self.create_path, &mut self.failures);
        let Some(signature) = made else { return Work::Idle };
        let pushed = self.ready.push(Presigned { wall_ms, signature });
        debug_assert!(pushed.is_ok(), "Invariant: only this end fills the ring, and it had room");
        Work::Done
    }
}

fn sign(
    key: &SigningKey,
    wall_ms: u64,
    method: &str,
    path: &str,
    failures: &mut u64,
) -> Option<Signature> {
    let mut signature = Signature::default();
    let made = key.sign(wall_ms, method, path, &mut signature);
    *failures += u64::from(made.is_err());
    made.ok().map(|()| signature)
}

/// A [`Signer`] with a clock, so that it can be run like any stage.
pub struct SignerStage<C: Clock> {
    signer: Signer,
    clock: C,
}

impl<C: Clock> fmt::Debug for SignerStage<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signer.fmt(f)
    }
}

impl<C: Clock> SignerStage<C> {
    /// Signs with the times that `clock` tells.
    #[must_use]
    pub const fn new(signer: Signer, clock: C) -> Self {
        Self { signer, clock }
    }
}

impl<C: Clock> Stage for SignerStage<C> {
    const NAME: &'static str = "signer";

    /// Fills the ring before the first order.
    fn on_start(&mut self) {
        while self.poll() == Work::Done {}
    }

    fn poll(&mut self) -> Work {
        self.signer.poll(self.clock.now().wall.unix_ms())
    }
}
