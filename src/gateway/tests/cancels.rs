//! Cancels: they wait for what orders are refused for, but not for ever.

use super::*;
use crate::message::RejectKind;

fn failed(slot: u32, why: CancelFailure) -> GatewayEvent {
    GatewayEvent::CancelFailed { key: key(slot), why }
}

fn cancel_sent(slot: u32) -> GatewayEvent {
    GatewayEvent::CancelSent { key: key(slot) }
}

/// Every connection of a warm pool of two is busy: one with an order, one with a cancel.
fn all_busy() -> World {
    let mut world = World::warm(2);
    world.submit(order(1));
    world.command(Command::Cancel(cancel(2)));
    assert_eq!(world.outcomes().len(), 2);
    world
}

#[track_caller]
fn ends(answer: impl FnOnce(&mut Wire), expected: GatewayEvent) {
    let mut world = World::warm(2);
    world.command(Command::Cancel(cancel(1)));
    assert_eq!(world.outcomes(), [cancel_sent(1)]);
    answer(&mut world.busy_wire().lock().unwrap());
    world.poll();
    assert_eq!(world.outcomes(), [expected]);
}

#[test]
fn a_cancel_goes_out_signed_for_its_own_path() {
    let mut world = World::warm(2);
    world.command(Command::Cancel(cancel(1)));

    let sent = world.busy_wire().lock().unwrap().request();
    assert_eq!(sent.method, "DELETE");
    let (path, query) = sent.target.split_once('?').unwrap();
    assert_eq!(path, "/trade-api/v2/portfolio/events/orders/o-1");
    assert_eq!(query, "market_ticker=KXNFL-26JAN11-BUF&exchange_index=3");
    let signed = sign_delete(&signing_key(), 1_781_159_360_000, path).unwrap();
    let text = String::from_utf8(signed.signature.as_bytes().to_vec()).unwrap();
    assert!(sent.headers.contains(&("KALSHI-ACCESS-SIGNATURE".into(), text)));
}

#[test]
fn answers_to_cancels_say_what_they_prove() {
    let ok = r#"{"order_id":"o-1","reduced_by":"3.00","ts_ms":1}"#;
    let reduced_by = Contracts::from_whole(3);
    ends(|wire| wire.answer(200, ok), GatewayEvent::CancelAccepted { key: key(1), reduced_by });
    let gone = r#"{"error":{"code":"not_found","message":"not found"}}"#;
    ends(|wire| wire.answer(404, gone), GatewayEvent::CancelNotFound { key: key(1) });
    let paused = r#"{"error":{"code":"exchange_is_paused","message":"x"}}"#;
    let why = CancelFailure::Rejected(RejectKind::Paused);
    ends(|wire| wire.answer(409, paused), failed(1, why));
    let other = r#"{"order_id":"o-2","reduced_by":"3.00","ts_ms":1}"#;
    let misbehaved = CancelFailure::Lost(Loss::Misbehaved);
    ends(|wire| wire.answer(200, other), failed(1, misbehaved));
    let why = CancelFailure::Lost(Loss::ServerError);
    ends(|wire| wire.answer(503, ""), failed(1, why));
    let why = CancelFailure::Lost(Loss::Disconnected);
    ends(|wire| wire.closed = true, failed(1, why));
}

#[test]
fn a_cancel_takes_the_connection_that_orders_may_not() {
    let mut world = World::warm(2);
    world.submit(order(1));
    world.submit(order(2));
    world.command(Command::Cancel(cancel(3)));
    assert_eq!(world.outcomes()[1..], [cancel_sent(3)], "though an order waits");
    world.advance(SUBMIT_WAIT);
    assert_eq!(world.outcomes(), [not_sent(2, Unsent::NoConnection)]);
}

#[test]
fn a_cancel_waits_for_a_connection() {
    let mut world = all_busy();
    world.command(Command::Cancel(cancel(3)));
    world.command(Command::Cancel(cancel(4)));
    world.advance(Nanos::from_ms(999));
    assert_eq!(world.outcomes(), []);

    let wire = world.busy().remove(0);
    wire.lock().unwrap().request();
    wire.lock().unwrap().answer(400, "{}");
    world.poll();
    assert!(world.outcomes().contains(&cancel_sent(3)), "first come, first served");
    assert!(wire.lock().unwrap().request().target.contains("/o-3?"));
}

#[test]
fn a_cancel_that_waited_too_long_is_given_up() {
    let mut world = all_busy();
    world.command(Command::Cancel(cancel(3)));
    world.advance(Nanos::from_secs(1));
    let why = CancelFailure::Unsent(Unsent::NoConnection);
    assert_eq!(world.outcomes(), [failed(3, why)]);
    assert_eq!(world.gateway.cancels.deadline(), Timestamp::NEVER);
}

#[test]
fn too_many_waiting_cancels_are_refused_one_by_one() {
    let mut world = all_busy();
    assert_eq!(CANCELS_MAX, 64);
    for slot in 100..166 {
        world.command(Command::Cancel(cancel(slot)));
    }
    let why = CancelFailure::Unsent(Unsent::NoConnection);
    assert_eq!(world.outcomes(), [failed(164, why), failed(165, why)]);
}

#[test]
fn cancels_use_the_reserve_and_then_wait_for_tokens() {
    let budget = BudgetConfig { refill_per_sec: 1, ..BudgetConfig::default() };
    let mut world = World::warmed(&GatewayConfig { budget, ..config(2) });
    for slot in 0..8 {
        world.submit(order(slot));
        let wire = world.busy_wire();
        wire.lock().unwrap().request();
        wire.lock().unwrap().answer(400, "{}");
        world.poll();
    }
    world.outcomes();
    for slot in 0..10 {
        world.command(Command::Cancel(cancel(slot)));
        let wire = world.busy_wire();
        wire.lock().unwrap().request();
        wire.lock().unwrap().answer(404, "{}");
        world.poll();
        let expected = [cancel_sent(slot), GatewayEvent::CancelNotFound { key: key(slot) }];
        assert_eq!(world.outcomes(), expected);
    }

    world.command(Command::Cancel(cancel(11)));
    world.advance(Nanos::from_secs(1));
    let why = CancelFailure::Unsent(Unsent::NoTokens);
    assert_eq!(world.outcomes(), [failed(11, why)]);

    world.command(Command::Cancel(cancel(12)));
    world.advance(Nanos::from_ms(999));
    assert_eq!(world.outcomes(), []);
    world.clock.0.fetch_add(1_000_000, Ordering::Relaxed);
    world.gateway.budget.refill(world.clock.mono());
    world.poll();
    assert_eq!(world.outcomes(), [cancel_sent(12)]);
}

#[test]
fn a_broken_connection_passes_the_cancel_on() {
    let mut world = World::warm(2);
    let first = world.gateway.pool.pick(Use::Cancel).unwrap();
    world.wire(first).lock().unwrap().seal_fails = true;
    world.command(Command::Cancel(cancel(1)));
    assert_eq!(world.outcomes(), [cancel_sent(1)]);
    assert!(world.wire(first).lock().unwrap().left.is_empty());
}

#[test]
fn cancel_all_overtakes_single_cancels_and_says_whether_it_worked() {
    let mut world = all_busy();
    world.command(Command::Cancel(cancel(3)));
    world.command(Command::CancelAll);
    let wire = world.busy().remove(0);
    wire.lock().unwrap().request();
    wire.lock().unwrap().answer(400, "{}");
    world.poll();
    world.outcomes();

    let sent = wire.lock().unwrap().request();
    assert_eq!(
        (sent.method.as_str(), sent.target.as_str()),
        ("DELETE", "/trade-api/v2/portfolio/events/orders")
    );
    wire.lock().unwrap().respond("HTTP/1.1 204 No Content\r\n\r\n");
    world.poll();
    let outcomes = world.outcomes();
    assert_eq!(outcomes[0], GatewayEvent::CancelAllDone { ok: true });
    assert_eq!(outcomes[1], cancel_sent(3));
}

#[test]
fn cancel_all_that_cannot_go_says_so() {
    let mut world = all_busy();
    for _ in 0..=CANCEL_ALLS_MAX {
        world.command(Command::CancelAll);
    }
    assert_eq!(world.outcomes(), [GatewayEvent::CancelAllDone { ok: false }]);
    world.advance(Nanos::from_secs(1));
    assert_eq!(world.outcomes(), [GatewayEvent::CancelAllDone { ok: false }; CANCEL_ALLS_MAX]);
}

fn tag(slot: u32, call: OrderCall) -> SignTag {
    SignTag { key: key(slot), call }
}

fn path_of(cancel: &CancelOrder) -> (OrderKey, &'static str) {
    (cancel.key, "/x")
}

/// A signer that answers when the test lets it.
#[derive(Default)]
struct SlowSigner {
    asked: VecDeque<OrderKey>,
    made: VecDeque<SignTag>,
    room: usize,
}

impl CancelSigner for SlowSigner {
    fn request(&mut self, _: u64, tag: SignTag, _: &str) -> Result<(), cancel::SignerBusy> {
        if self.asked.len() >= self.room {
            return Err(cancel::SignerBusy);
        }
        self.asked.push_back(tag.key);
        Ok(())
    }

    fn poll(&mut self) -> Option<(SignTag, Presigned)> {
        let signed = sign_delete(&signing_key(), 5, "/x").unwrap();
        self.made.pop_front().map(|tag| (tag, signed))
    }
}

#[test]
fn signatures_made_elsewhere_find_their_cancels_in_any_order() {
    let mut queue = CancelQueue::new(Nanos::from_secs(1));
    let mut signer = SlowSigner { room: 2, ..SlowSigner::default() };
    for slot in 1..=3 {
        queue.push(cancel(slot), Timestamp::ZERO).unwrap();
    }
    queue.sign(&mut signer, 5, path_of, |_, _| {});
    assert_eq!(signer.asked, [key(1), key(2)]);
    assert!(queue.next().is_none());

    signer.made.extend([tag(9, OrderCall::Cancel), tag(2, OrderCall::Cancel)]);
    queue.sign(&mut signer, 5, path_of, |_, _| {});
    let (at, next, _) = queue.next().unwrap();
    assert_eq!((at, next), (1, Cancel::One(cancel(2))));

    queue.remove(at);
    signer.asked.clear();
    queue.sign(&mut signer, 5, path_of, |_, _| {});
    assert_eq!(signer.asked, [key(3)], "asked once each");

    let overdue = queue.pop_overdue(Timestamp::ZERO + Nanos::from_secs(1), Unsent::NoTokens);
    assert_eq!(overdue, Some((Cancel::One(cancel(1)), Unsent::NoSignature)));
}

#[test]
fn a_signature_for_a_change_is_none_for_the_cancel_of_the_same_order() {
    let mut queue = CancelQueue::new(Nanos::from_secs(1));
    let mut signer = SlowSigner { room: 2, ..SlowSigner::default() };
    queue.push(cancel(1), Timestamp::ZERO).unwrap();
    queue.sign(&mut signer, 5, path_of, |_, _| {});
    signer.made.push_back(tag(1, OrderCall::Change));
    let mut strays = Vec::new();
    queue.sign(&mut signer, 5, path_of, |key, _| strays.push(key));
    assert_eq!(strays, [key(1)]);
    assert!(queue.next().is_none());
}

#[test]
fn the_cold_signer_signs_cancels_through_its_rings() {
    let config = presign::PresignConfig::default();
    let (_ready, mut desk, mut signer) = presign::presign(signing_key(), "/create", config);
    let mut queue = CancelQueue::new(Nanos::from_secs(1));
    queue.push(cancel(1), Timestamp::ZERO).unwrap();
    queue.sign(&mut desk, 5, path_of, |_, _| {});
    assert!(queue.next().is_none());

    assert_eq!(signer.poll(77), Work::Done);
    queue.sign(&mut desk, 5, path_of, |_, _| {});

    let (_, _, signed) = queue.next().unwrap();
    let expected = sign_delete(&signing_key(), 77, "/x").unwrap();
    assert_eq!(signed.wall_ms, 77);
    assert_eq!(signed.signature.as_bytes(), expected.signature.as_bytes());
}
