//! Cancels on their way: signed, then waiting for a connection and tokens, but not for ever.
//!
//! A cancel's path carries the order's id, so it cannot be signed ahead. Ed25519 signs fast
//! enough on the spot ([`InlineCancelSigner`]); RSA would hold the hot thread up for 0.4 ms per
//! cancel and is left to the cold signer through its rings ([`SignDesk`]).

use std::collections::VecDeque;
use std::sync::Arc;

use super::presign::{OrderCall, Presigned, SignDesk, SignRequest, SignTag};
use super::signing::{Signing, Waiting, hand, sign_waiting};
use crate::ids::OrderKey;
use crate::kalshi::auth::{Signature, SigningKey};
use crate::kalshi::paths::DELETE;
use crate::message::{CancelOrder, Unsent};
use crate::units::{Nanos, Timestamp};

/// Cancels that may wait: every open order the limits allow, three times over.
pub(super) const CANCELS_MAX: usize = 64;
/// Cancels of everything that may wait besides: each says the same, a few are plenty.
pub(super) const CANCEL_ALLS_MAX: usize = 4;

/// The signer cannot take a request now; ask again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignerBusy;

/// Makes the signatures of cancels and of changes of orders.
pub trait CancelSigner: Send {
    /// Asks for a signature over the call's method and `path` at `wall_ms`, or later.
    ///
    /// # Errors
    /// [`SignerBusy`] when too many requests wait.
    fn request(&mut self, wall_ms: u64, tag: SignTag, path: &str) -> Result<(), SignerBusy>;

    /// The next signature made.
    fn poll(&mut self) -> Option<(SignTag, Presigned)>;
}

/// Signs at the moment of asking.
#[derive(Debug)]
pub struct InlineCancelSigner {
    key: Arc<SigningKey>,
    made: Option<(SignTag, Presigned)>,
}

impl InlineCancelSigner {
    /// Signs with `key`.
    #[must_use]
    pub const fn new(key: Arc<SigningKey>) -> Self {
        Self { key, made: None }
    }
}

impl CancelSigner for InlineCancelSigner {
    fn request(&mut self, wall_ms: u64, tag: SignTag, path: &str) -> Result<(), SignerBusy> {
        if self.made.is_some() {
            return Err(SignerBusy);
        }
        let signed = sign(&self.key, wall_ms, tag.call.method(), path);
        self.made = signed.map(|signed| (tag, signed));
        if self.made.is_some() { Ok(()) } else { Err(SignerBusy) }
    }

    fn poll(&mut self) -> Option<(SignTag, Presigned)> {
        self.made.take()
    }
}

impl CancelSigner for SignDesk {
    fn request(&mut self, _wall_ms: u64, tag: SignTag, path: &str) -> Result<(), SignerBusy> {
        let request = SignRequest::new(tag, path).ok_or(SignerBusy)?;
        Self::request(self, request).map_err(|_| SignerBusy)
    }

    fn poll(&mut self) -> Option<(SignTag, Presigned)> {
        let signed = Self::poll(self)?;
        let presigned = Presigned { wall_ms: signed.wall_ms, signature: signed.signature };
        Some((signed.tag, presigned))
    }
}

/// A signature over `DELETE path`; `None` when the key fails.
#[must_use]
pub fn sign_delete(key: &SigningKey, wall_ms: u64, path: &str) -> Option<Presigned> {
    sign(key, wall_ms, DELETE, path)
}

/// A signature over any call; `None` when the key fails.
pub(super) fn sign(key: &SigningKey, wall_ms: u64, method: &str, path: &str) -> Option<Presigned> {
    let mut signature = Signature::default();
    key.sign(wall_ms, method, path, &mut signature).ok()?;
    Some(Presigned { wall_ms, signature })
}

/// What is to be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancel {
    One(CancelOrder),
    All,
}

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

/// Cancels in the order in which they came, those of everything first.
#[derive(Debug)]
pub(super) struct CancelQueue {
    waiting: VecDeque<Waiting<Cancel>>,
    patience: Nanos,
}

impl CancelQueue {
    pub(super) fn new(patience: Nanos) -> Self {
        Self { waiting: VecDeque::with_capacity(CANCELS_MAX + CANCEL_ALLS_MAX), patience }
    }

    pub(super) fn push(&mut self, cancel: CancelOrder, now: Timestamp) -> Result<(), QueueFull> {
        if self.ones() >= CANCELS_MAX {
            return Err(QueueFull);
        }
        let signing = Signing::Wanted;
        self.waiting.push_back(Waiting { what: Cancel::One(cancel), since: now, signing });
        Ok(())
    }

    /// Whether a cancel of everything waits.
    pub(super) fn has_all(&self) -> bool {
        self.waiting.front().is_some_and(|it| it.what == Cancel::All)
    }

    /// How many cancels of single orders wait.
    pub(super) fn ones(&self) -> usize {
        self.waiting.iter().filter(|it| it.what != Cancel::All).count()
    }

    /// Moves up to `count` of them out, first come, first served. A signature that was made for
    /// one is wiped with it; one still asked for finds nobody.
    pub(super) fn take_ones(&mut self, count: usize, out: &mut Vec<CancelOrder>) {
        self.waiting.retain(|it| match it.what {
            Cancel::One(cancel) if out.len() < count => {
                out.push(cancel);
                false
            }
            Cancel::One(_) | Cancel::All => true,
        });
    }

    /// A cancel of everything overtakes the cancels of single orders.
    pub(super) fn push_all(&mut self, signed: Presigned, now: Timestamp) -> Result<(), QueueFull> {
        let alls = self.waiting.iter().take_while(|it| it.what == Cancel::All).count();
        if alls >= CANCEL_ALLS_MAX {
            return Err(QueueFull);
        }
        let signing = Signing::Made(signed);
        self.waiting.insert(alls, Waiting { what: Cancel::All, since: now, signing });
        Ok(())
    }

    /// Asks for missing signatures and takes those made. `path` names what is signed; what was
    /// made for changes goes to `stray`.
    pub(super) fn sign<S: CancelSigner, Text: AsRef<str>>(
        &mut self,
        signer: &mut S,
        wall_ms: u64,
        path: impl Fn(&CancelOrder) -> (OrderKey, Text),
        stray: impl FnMut(OrderKey, Presigned),
    ) {
        let path = |cancel: &Cancel| match cancel {
            Cancel::One(cancel) => Some(path(cancel)),
            Cancel::All => None,
        };
        sign_waiting(&mut self.waiting, OrderCall::Cancel, signer, wall_ms, path, stray);
    }

    /// Takes a signature that was made for the cancel of an order.
    pub(super) fn hand(&mut self, key: OrderKey, signed: Presigned) {
        let is_its = |cancel: &Cancel| matches!(cancel, Cancel::One(one) if one.key == key);
        hand(&mut self.waiting, is_its, signed);
    }

    /// The first cancel that could go out, and its place.
    pub(super) fn next(&self) -> Option<(usize, Cancel, &Presigned)> {
        self.waiting.iter().enumerate().find_map(|(at, entry)| match &entry.signing {
            Signing::Made(signed) => Some((at, entry.what, signed)),
            Signing::Wanted | Signing::Asked => None,
        })
    }

    /// Takes a cancel out that was sent.
    pub(super) fn remove(&mut self, at: usize) {
        self.waiting.remove(at);
    }

    /// Takes the next cancel out that has waited too long. `unsent` is why those with a
    /// signature could not go.
    pub(super) fn pop_overdue(
        &mut self,
        now: Timestamp,
        unsent: Unsent,
    ) -> Option<(Cancel, Unsent)> {
        let overdue = |it: &Waiting<Cancel>| now >= it.since + self.patience;
        let at = self.waiting.iter().position(overdue)?;
        let entry = self.waiting.remove(at)?;
        let why = match entry.signing {
            Signing::Made(_) => unsent,
            Signing::Wanted | Signing::Asked => Unsent::NoSignature,
        };
        Some((entry.what, why))
    }

    /// When the first of them has waited too long.
    pub(super) fn deadline(&self) -> Timestamp {
        let since = self.waiting.iter().map(|it| it.since).min();
        since.map_or(Timestamp::NEVER, |since| since + self.patience)
    }
}
