//! Requests about one order each, and their signatures: asked for once, taken when made.
//!
//! Cancels and changes wait in queues of their own and share one signer; a signature made for the
//! other queue is handed over.

use std::collections::VecDeque;

use super::cancel::CancelSigner;
use super::presign::{OrderCall, Presigned, SignTag};
use crate::ids::OrderKey;
use crate::units::Timestamp;

/// How far the signature of a waiting request is.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the queues are preallocated; no box per request")]
pub(super) enum Signing {
    Wanted,
    Asked,
    Made(Presigned),
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Waiting<W> {
    pub(super) what: W,
    pub(super) since: Timestamp,
    pub(super) signing: Signing,
}

/// Asks for the signatures that are missing and takes those made; what was made for requests of
/// another kind goes to `stray`.
pub(super) fn sign_waiting<W, S: CancelSigner, Text: AsRef<str>>(
    waiting: &mut VecDeque<Waiting<W>>,
    call: OrderCall,
    signer: &mut S,
    wall_ms: u64,
    path: impl Fn(&W) -> Option<(OrderKey, Text)>,
    mut stray: impl FnMut(OrderKey, Presigned),
) {
    for at in 0..waiting.len() {
        let Waiting { what, signing: Signing::Wanted, .. } = &waiting[at] else { continue };
        let Some((key, text)) = path(what) else { continue };
        if signer.request(wall_ms, SignTag { key, call }, text.as_ref()).is_err() {
            break;
        }
        waiting[at].signing = Signing::Asked;
        take_made(waiting, call, signer, &path, &mut stray);
    }
    take_made(waiting, call, signer, &path, &mut stray);
}

fn take_made<W, S: CancelSigner, Text>(
    waiting: &mut VecDeque<Waiting<W>>,
    call: OrderCall,
    signer: &mut S,
    path: &impl Fn(&W) -> Option<(OrderKey, Text)>,
    stray: &mut impl FnMut(OrderKey, Presigned),
) {
    // Bounded: at most one answer per request is ever made.
    while let Some((tag, signed)) = signer.poll() {
        if tag.call == call {
            hand(waiting, |what| path(what).is_some_and(|(key, _)| key == tag.key), signed);
        } else {
            stray(tag.key, signed);
        }
    }
}

/// Gives a signature to the request that waits for it. Nobody does any more when it has run out
/// of time.
pub(super) fn hand<W>(
    waiting: &mut VecDeque<Waiting<W>>,
    is_its: impl Fn(&W) -> bool,
    signed: Presigned,
) {
    let asked = |it: &&mut Waiting<W>| matches!(it.signing, Signing::Asked) && is_its(&it.what);
    if let Some(entry) = waiting.iter_mut().find(asked) {
        entry.signing = Signing::Made(signed);
    }
}
