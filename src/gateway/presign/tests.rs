//! Tests of signatures made ahead.

use super::*;

use crate::runtime::clock::Clock;
use crate::runtime::stage::{Stage as _, Work};
use crate::units::{Now, Timestamp, WallTime};

const PATH: &str = "/trade-api/v2/portfolio/events/orders";
const T0: u64 = 1_703_123_456_789;
/// RFC 8032, test 1.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::from_pem(PEM.as_bytes()).unwrap())
}

fn cancel_tag(slot: u32) -> SignTag {
    SignTag { key: OrderKey { slot, generation: 0 }, call: OrderCall::Cancel }
}

fn ends(depth: usize, requests_max: usize) -> (PresignRing, SignDesk, Signer) {
    presign(key(), PATH, PresignConfig { depth, age_max: Nanos::from_secs(1), requests_max })
}

/// Polls until there is nothing to do; returns how many signatures that made.
fn settle(signer: &mut Signer, wall_ms: u64) -> usize {
    let mut made = 0;
    while signer.poll(wall_ms) == Work::Done {
        made += 1;
        assert!(made < 1000, "the signer never rests");
    }
    made
}

fn reference(wall_ms: u64, method: &str, path: &str) -> String {
    let mut signature = Signature::default();
    key().sign(wall_ms, method, path, &mut signature).unwrap();
    signature.as_str().to_owned()
}

#[test]
fn the_ring_is_kept_full_and_every_signature_is_used_once() {
    let (mut ring, _desk, mut signer) = ends(8, 4);

    assert_eq!(settle(&mut signer, T0), 8);
    let taken: Vec<_> = core::iter::from_fn(|| ring.take(T0 + 5)).collect();

    assert_eq!(taken.len(), 8);
    assert_eq!(taken[0].wall_ms, T0);
    assert_eq!(taken[0].signature.as_str(), reference(T0, "POST", PATH));
    assert!(ring.take(T0 + 5).is_none(), "a miss is told, not hidden");
    assert_eq!(settle(&mut signer, T0 + 6), 8);
}

#[test]
fn a_signature_is_good_up_to_the_age_limit_and_no_longer() {
    let (mut ring, _desk, mut signer) = ends(2, 4);
    let mut age = |wall_signed: u64, wall_used: u64| {
        settle(&mut signer, wall_signed);
        let taken = ring.take(wall_used);
        while ring.take(wall_signed).is_some() {}
        taken.is_some()
    };

    assert!(age(T0, T0));
    assert!(age(T0, T0 + 1_000));
    assert!(!age(T0, T0 + 1_001));
    // The wall clock was set back by NTP: what was signed lies in the future.
    assert!(age(T0, T0 - 1_000));
    assert!(!age(T0, T0 - 1_001));
}

#[test]
fn stale_heads_do_not_hide_fresh_ones() {
    let (mut ring, _desk, mut signer) = ends(4, 4);
    settle(&mut signer, T0);
    ring.take(T0).unwrap();
    settle(&mut signer, T0 + 900);

    let taken = ring.take(T0 + 1_500).unwrap();

    assert_eq!(taken.wall_ms, T0 + 900);
    assert_eq!(ring.ready(), 0);
}

#[test]
fn idle_refresh_replaces_signatures_before_they_are_too_old() {
    let (mut ring, _desk, mut signer) = ends(32, 4);
    let mut made = settle(&mut signer, T0);

    for ms in 1..=5_000 {
        ring.refresh(T0 + ms);
        if ms % 10 == 0 {
            made += settle(&mut signer, T0 + ms);
        }
        // An order at any moment finds a usable signature.
        let age_ms = ring.head_age_ms(T0 + ms).unwrap();
        assert!(age_ms <= 1_000, "{age_ms} ms old at {ms}");
        assert!(ring.ready() >= 16, "{} ready at {ms}", ring.ready());
    }

    // One lifetime is 0.8 s: about six rounds of 32 in five seconds, no busy work.
    assert!((32 * 5..=32 * 8).contains(&made), "{made} signatures in 5 s of idling");
}

#[test]
fn refresh_clears_the_ring_after_a_long_sleep_in_bounded_steps() {
    let (mut ring, _desk, mut signer) = ends(32, 4);
    settle(&mut signer, T0);

    ring.refresh(T0 + 60_000);
    assert_eq!(ring.ready(), 32 - REFRESH_DROPS_MAX);
    for _ in 0..32 {
        ring.refresh(T0 + 60_000);
    }

    assert_eq!(ring.ready(), 0);
    assert!(ring.take(T0 + 60_000).is_none());
}

#[test]
fn cancels_are_signed_on_request_before_anything_ahead() {
    let (_ring, mut desk, mut signer) = ends(32, 4);
    let tag = cancel_tag(7);
    let path = "/trade-api/v2/portfolio/events/orders/2597b999-0000-0000-0000-000000000000";
    desk.request(SignRequest::new(tag, path).unwrap()).unwrap();

    assert_eq!(signer.poll(T0), Work::Done);

    let signed = desk.poll().unwrap();
    assert_eq!((signed.tag, signed.wall_ms), (tag, T0));
    assert_eq!(signed.signature.as_str(), reference(T0, "DELETE", path));
    assert!(desk.poll().is_none());
    assert_eq!(signer.failures(), 0);
}

#[test]
fn a_change_of_an_order_is_signed_as_a_post() {
    let (_ring, mut desk, mut signer) = ends(1, 4);
    let tag = SignTag { call: OrderCall::Change, ..cancel_tag(7) };
    let path = "/trade-api/v2/portfolio/events/orders/2597b999-0000-0000-0000-000000000000/amend";
    desk.request(SignRequest::new(tag, path).unwrap()).unwrap();
    assert_eq!(signer.poll(T0), Work::Done);
    let signed = desk.poll().unwrap();
    assert_eq!(signed.tag, tag);
    assert_eq!(signed.signature.as_str(), reference(T0, "POST", path));
}

#[test]
fn requests_are_bounded_and_none_is_lost() {
    let (_ring, mut desk, mut signer) = ends(1, 2);
    let request = |slot| SignRequest::new(cancel_tag(slot), "/trade-api/v2/x").unwrap();
    desk.request(request(0)).unwrap();
    desk.request(request(1)).unwrap();
    assert_eq!(desk.request(request(2)), Err(request(2)), "a full ring gives the request back");

    settle(&mut signer, T0);
    desk.request(request(2)).unwrap();
    desk.request(request(3)).unwrap();
    // Nobody has read the answers: the requests stay where they are.
    settle(&mut signer, T0);

    let mut slots = Vec::new();
    while let Some(signed) = desk.poll() {
        slots.push(signed.tag.key.slot);
        settle(&mut signer, T0);
    }
    assert_eq!(slots, [0, 1, 2, 3]);
}

#[test]
fn requests_that_cannot_be_signed_are_refused_at_once() {
    let tag = cancel_tag(0);
    assert!(SignRequest::new(tag, "").is_none());
    assert!(SignRequest::new(tag, "/a b").is_none());
    assert!(SignRequest::new(tag, &"x".repeat(PATH_BYTES_MAX + 1)).is_none());
    let longest = SignRequest::new(tag, &"x".repeat(PATH_BYTES_MAX)).unwrap();
    assert_eq!(longest.tag(), tag);
}

#[test]
fn inline_signing_is_deterministic() {
    let mut signer = InlineSigner::new(key(), PATH);
    let taken = signer.take(T0).unwrap();
    assert_eq!(taken.wall_ms, T0);
    assert_eq!(taken.signature.as_str(), reference(T0, "POST", PATH));
}

#[test]
fn nothing_prints_a_signature() {
    let (mut ring, desk, mut signer) = ends(2, 2);
    settle(&mut signer, T0);
    let taken = ring.take(T0);
    let text = format!("{ring:?} {desk:?} {signer:?} {taken:?}");
    assert!(!text.contains(&reference(T0, "POST", PATH)[..8]), "{text}");
}

/// Shows the same time for ever.
#[derive(Clone)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Now {
        Now { mono: Timestamp::ZERO, wall: WallTime::from_unix_ms(T0) }
    }
}

#[test]
fn the_ring_is_full_before_the_first_order() {
    let (mut ring, _desk, signer) = ends(8, 4);
    let mut stage = SignerStage::new(signer, Stopped);
    stage.on_start();
    assert_eq!(ring.ready(), 8);
    assert_eq!(ring.take(T0).unwrap().wall_ms, T0);
    assert_eq!(stage.poll(), Work::Done);
    assert_eq!(stage.poll(), Work::Idle);
}
