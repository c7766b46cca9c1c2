//! Signatures made ahead. A signature covers time, method and path but not the body, so the
//! cold [`Signer`] keeps a ring of fresh ones for the create-order path and the gateway only
//! takes one: no key operation between a signal and its order.
//!
//! Cancels and changes have the order's id in their path; they are signed on request through a
//! second pair of rings ([`SignDesk`]). Every signature is used once and never when older than the
//! age limit. A miss is the gateway's to handle (sign inline, count it).
//!
//! Rings: `ready` signer → gateway ([`Presigned`]); `requests` gateway → signer
//! ([`SignRequest`]); `answers` signer → gateway ([`Signed`]). What lies in them is a bearer
//! credential: never printed, wiped when dropped.

mod signer;

use core::fmt;
use std::sync::Arc;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::ids::{InlineText, OrderKey};
use crate::kalshi::auth::{Signature, SigningKey};
use crate::kalshi::paths::{DELETE, POST};
use crate::units::Nanos;

pub use self::signer::{Signer, SignerStage};

/// Longest path signed on request; the longest call on one order (decrease) has 87 bytes.
const PATH_BYTES_MAX: usize = 88;
/// Heads dropped by one [`Presign::refresh`]: a few tens of nanoseconds each.
const REFRESH_DROPS_MAX: usize = 4;

/// How signatures are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresignConfig {
    /// How many are kept ready: the largest burst of orders without a miss.
    pub depth: usize,
    /// No signature older than this is used. The exchange takes at least 10 s; less is safer,
    /// because whoever reads one from memory can use it for as long.
    pub age_max: Nanos,
    /// How many cancels may wait for a signature.
    pub requests_max: usize,
}

impl Default for PresignConfig {
    fn default() -> Self {
        Self { depth: 32, age_max: Nanos::from_secs(1), requests_max: 64 }
    }
}

pub use crate::kalshi::auth::Presigned;

/// Where the gateway gets its signatures for new orders from.
pub trait Presign: Send {
    /// A signature not older than the age limit at `wall_ms`, for one use. `None` is a miss.
    fn take(&mut self, wall_ms: u64) -> Option<Presigned>;

    /// Throws out what is about to get too old, so that it is replaced before an order needs
    /// it. For idle moments; bounded.
    fn refresh(&mut self, wall_ms: u64);
}

/// What is done to one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderCall {
    /// It is cancelled (DELETE).
    Cancel,
    /// It is amended or decreased (POST).
    Change,
}

impl OrderCall {
    /// The call's method.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Cancel => DELETE,
            Self::Change => POST,
        }
    }
}

/// Names a signature asked for: a cancel and a change of one order may wait for one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignTag {
    /// Which order the call is about.
    pub key: OrderKey,
    /// What is done to it.
    pub call: OrderCall,
}

/// Asks for the signature of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignRequest {
    tag: SignTag,
    path: InlineText<PATH_BYTES_MAX>,
}

impl SignRequest {
    /// `None` when `path` is empty, longer than 88 bytes or not plain ASCII.
    #[must_use]
    pub fn new(tag: SignTag, path: &str) -> Option<Self> {
        Some(Self { tag, path: InlineText::new(path.as_bytes())? })
    }

    /// Which call it is.
    #[must_use]
    pub const fn tag(&self) -> SignTag {
        self.tag
    }
}

/// The answer to a [`SignRequest`].
#[derive(Debug)]
pub struct Signed {
    /// Which call it is for.
    pub tag: SignTag,
    /// The time signed.
    pub wall_ms: u64,
    /// The signature.
    pub signature: Signature,
}

/// Makes the three ends: new orders' signatures, cancels' signatures, and the cold worker.
#[must_use]
pub fn presign(
    key: Arc<SigningKey>,
    create_path: &str,
    config: PresignConfig,
) -> (PresignRing, SignDesk, Signer) {
    let (ready_in, ready_out) = RingBuffer::new(config.depth.max(1));
    let (requests_in, requests_out) = RingBuffer::new(config.requests_max.max(1));
    let (answers_in, answers_out) = RingBuffer::new(config.requests_max.max(1));
    (
        PresignRing::new(ready_out, config.age_max),
        SignDesk { requests: requests_in, answers: answers_out },
        Signer::new(key, create_path, ready_in, requests_out, answers_in),
    )
}

/// The gateway's end of the ring of ready signatures.
pub struct PresignRing {
    ready: Consumer<Presigned>,
    age_ms_max: u64,
    /// From this age on a signature is replaced while there is time.
    age_ms_refresh: u64,
}

impl fmt::Debug for PresignRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresignRing({} ready)", self.ready.slots())
    }
}

impl PresignRing {
    fn new(ready: Consumer<Presigned>, age_max: Nanos) -> Self {
        let age_ms_max = age_max.ms();
        Self { ready, age_ms_max, age_ms_refresh: age_ms_max - age_ms_max / 5 }
    }

    /// How many signatures are in the ring, whatever their age.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.ready.slots()
    }

    /// Age of the oldest signature. A wall clock set back makes signatures of the future: those
    /// are as far off as the exchange will find them.
    fn head_age_ms(&self, wall_ms: u64) -> Option<u64> {
        self.ready.peek().ok().map(|head| head.wall_ms.abs_diff(wall_ms))
    }

    /// Reads the oldest signature: the signer wrote it on another core, and an order should not
    /// have to wait for it to come from there.
    fn fetch_head(&self) {
        let Ok(head) = self.ready.peek() else { return };
        let sum = head.signature.as_bytes().iter().fold(0_u8, |sum, byte| sum ^ byte);
        core::hint::black_box(sum);
    }

    fn drop_head(&mut self) {
        drop(self.ready.pop());
    }
}

impl Presign for PresignRing {
    fn take(&mut self, wall_ms: u64) -> Option<Presigned> {
        // Bounded by what the ring can hold, though the signer adds behind.
        for _ in 0..self.ready.buffer().capacity() {
            let head = self.ready.pop().ok()?;
            if head.wall_ms.abs_diff(wall_ms) <= self.age_ms_max {
                return Some(head);
            }
        }
        None
    }

    fn refresh(&mut self, wall_ms: u64) {
        let half = self.ready.buffer().capacity() / 2;
        for _ in 0..REFRESH_DROPS_MAX {
            let Some(age_ms) = self.head_age_ms(wall_ms) else { return };
            // Usable ones are given up only while half of the ring stays: signatures made in one
            // burst are replaced in turns instead of leaving a moment without any.
            let replace = age_ms > self.age_ms_refresh && self.ready.slots() > half;
            if age_ms <= self.age_ms_max && !replace {
                return self.fetch_head();
            }
            self.drop_head();
        }
    }
}

/// The gateway's end for calls whose path is not known ahead.
pub struct SignDesk {
    requests: Producer<SignRequest>,
    answers: Consumer<Signed>,
}

impl fmt::Debug for SignDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignDesk({} answers)", self.answers.slots())
    }
}

impl SignDesk {
    /// Asks for a signature.
    ///
    /// # Errors
    /// Gives the request back when too many wait.
    pub fn request(&mut self, request: SignRequest) -> Result<(), SignRequest> {
        self.requests.push(request).map_err(|rtrb::PushError::Full(request)| request)
    }

    /// The next answer, in the order of the requests. Mind its age before use.
    pub fn poll(&mut self) -> Option<Signed> {
        self.answers.pop().ok()
    }
}

/// Signs at the moment of asking: the deterministic simulation's way. With Ed25519 the same
/// times give the same signatures.
pub struct InlineSigner {
    key: Arc<SigningKey>,
    create_path: String,
}

impl fmt::Debug for InlineSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InlineSigner({})", self.key.kind())
    }
}

impl InlineSigner {
    /// Signs `POST create_path` with `key`.
    #[must_use]
    pub fn new(key: Arc<SigningKey>, create_path: &str) -> Self {
        Self { key, create_path: create_path.to_owned() }
    }
}

impl Presign for InlineSigner {
    fn take(&mut self, wall_ms: u64) -> Option<Presigned> {
        let mut signature = Signature::default();
        self.key.sign(wall_ms, "POST", &self.create_path, &mut signature).ok()?;
        Some(Presigned { wall_ms, signature })
    }

    fn refresh(&mut self, _wall_ms: u64) {}
}

#[cfg(test)]
mod tests;
