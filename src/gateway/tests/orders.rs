//! Orders: every way in which one can go out, be answered, or not.

use super::super::held::HELD_MAX;
use super::*;
use crate::message::{Accepted, RejectKind};

/// A warm world with one order under way; its `Sent` is taken.
fn under_way() -> (World, SharedWire) {
    let mut world = World::warm(4);
    world.submit(order(1));
    let sent = world.outcomes();
    assert!(matches!(&sent[..], [event] if is_sent(event, 1)), "{sent:?}");
    let wire = world.busy_wire();
    wire.lock().unwrap().request();
    (world, wire)
}

#[track_caller]
fn ends(answer: impl FnOnce(&mut Wire), expected: GatewayEvent) {
    let (mut world, wire) = under_way();
    answer(&mut wire.lock().unwrap());
    world.poll();
    assert_eq!(world.outcomes(), [expected]);
}

#[test]
fn an_order_goes_out_signed_and_whole() {
    let mut world = World::warm(4);
    let mut signature = Signature::default();
    signing_key().sign(123, "POST", "/any", &mut signature).unwrap();
    let text = String::from_utf8(signature.as_bytes().to_vec()).unwrap();
    world.ahead.lock().unwrap().push_back(Presigned { wall_ms: 1_781_159_360_123, signature });

    world.submit(order(1));

    let sent = world.busy_wire().lock().unwrap().request();
    assert_eq!(
        (sent.method.as_str(), sent.target.as_str()),
        ("POST", "/trade-api/v2/portfolio/events/orders")
    );
    assert!(sent.headers.contains(&("KALSHI-ACCESS-TIMESTAMP".into(), "1781159360123".into())));
    assert!(sent.headers.contains(&("KALSHI-ACCESS-SIGNATURE".into(), text)));
    assert_eq!(sent.body["client_order_id"], order(1).client_order_id.to_string());
    assert_eq!(sent.body["exchange_index"], 3);
    assert_eq!(world.records.pop(), Ok(Record::Presign { hit: true }));
}

#[test]
fn without_a_signature_made_ahead_one_is_made_and_counted() {
    let mut world = World::warm(4);
    world.clock.0.fetch_add(9_000_000, Ordering::Relaxed);
    world.submit(order(1));

    let sent = world.busy_wire().lock().unwrap().request();
    let mut expected = Signature::default();
    signing_key().sign(1_781_159_360_009, "POST", &sent.target, &mut expected).unwrap();
    let expected = String::from_utf8(expected.as_bytes().to_vec()).unwrap();
    assert!(sent.headers.contains(&("KALSHI-ACCESS-TIMESTAMP".into(), "1781159360009".into())));
    assert!(sent.headers.contains(&("KALSHI-ACCESS-SIGNATURE".into(), expected)));
    assert_eq!(world.records.pop(), Ok(Record::Presign { hit: false }));
}

#[test]
fn a_signature_of_another_length_is_not_used() {
    let mut world = World::warm(4);
    let signature = Signature::default();
    world.ahead.lock().unwrap().push_back(Presigned { wall_ms: 5, signature });
    world.submit(order(1));
    assert_eq!(world.outcomes(), [not_sent(1, Unsent::NoSignature)]);
    assert!(world.busy().is_empty());
}

#[test]
fn a_201_with_matching_ids_accepts_however_it_is_split() {
    let body = created(&order(1));
    let raw = format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    for cut in 1..raw.len() {
        let (mut world, wire) = under_way();
        wire.lock().unwrap().respond(&raw[..cut]);
        world.poll();
        assert_eq!(world.outcomes(), [], "cut at {cut}");
        wire.lock().unwrap().respond(&raw[cut..]);
        world.poll();
        let accepted = Accepted {
            order_id: OrderId::new(b"o-1").unwrap(),
            filled: Contracts::from_whole(4),
            remaining: Contracts::from_whole(6),
            exchange_time: WallTime::from_unix_ms(1_781_159_360_866),
        };
        assert_eq!(world.outcomes(), [GatewayEvent::Accepted { key: key(1), accepted }]);
    }
}

#[test]
fn an_answer_about_another_order_leaves_the_fate_open() {
    ends(|wire| wire.answer(201, &created(&order(2))), lost(1, Loss::Misbehaved));
}

#[test]
fn success_without_an_order_id_leaves_the_fate_open() {
    ends(|wire| wire.answer(201, "{}"), lost(1, Loss::Misbehaved));
    ends(|wire| wire.answer(200, "{\"status\":\"ok\"}"), lost(1, Loss::Misbehaved));
    ends(|wire| wire.answer(204, ""), lost(1, Loss::Misbehaved));
}

#[test]
fn server_errors_leave_the_fate_open() {
    ends(|wire| wire.answer(500, "{}"), lost(1, Loss::ServerError));
    ends(|wire| wire.answer(503, ""), lost(1, Loss::ServerError));
    let page = "<html><head><title>502 Bad Gateway</title></head></html>";
    ends(|wire| wire.answer(502, page), lost(1, Loss::ServerError));
}

#[test]
fn bytes_that_are_no_answer_leave_the_fate_open() {
    ends(|wire| wire.respond("SSH-2.0-OpenSSH\r\n\r\n"), lost(1, Loss::Misbehaved));
    let huge = "HTTP/1.1 201 X\r\ncontent-length: 999999\r\n\r\n";
    ends(|wire| wire.respond(huge), lost(1, Loss::Misbehaved));
}

#[test]
fn a_refusal_carries_its_reason() {
    let body = r#"{"error":{"code":"insufficient_balance","message":"insufficient balance"}}"#;
    let (mut world, wire) = under_way();
    wire.lock().unwrap().answer(400, body);
    world.poll();
    let outcomes = world.outcomes();
    let [GatewayEvent::Rejected { key: refused, reject }] = &outcomes[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!((*refused, reject.status), (key(1), 400));
    assert_eq!(reject.kind, RejectKind::InsufficientBalance);
}

#[test]
fn silence_leaves_the_fate_open_and_the_late_answer_reaches_nobody() {
    let (mut world, wire) = under_way();
    world.advance(Nanos::from_ms(1_999));
    assert_eq!(world.outcomes(), []);
    world.advance(Nanos::from_ms(1));
    assert_eq!(world.outcomes(), [lost(1, Loss::Timeout)]);
    assert!(wire.lock().unwrap().closed, "the connection went with its answer");

    wire.lock().unwrap().answer(201, &created(&order(1)));
    world.submit(order(2));
    assert_eq!(world.outcomes().len(), 1, "the next order is sent and not answered");
}

#[test]
fn an_end_after_the_bytes_left_leaves_the_fate_open() {
    ends(|wire| wire.closed = true, lost(1, Loss::Disconnected));
    ends(|wire| wire.reset = true, lost(1, Loss::Disconnected));
    ends(
        |wire| {
            wire.respond("HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{");
            wire.closed = true;
        },
        lost(1, Loss::Disconnected),
    );
}

#[test]
fn an_answer_that_is_complete_counts_even_when_the_connection_breaks_behind_it() {
    let (mut world, wire) = under_way();
    wire.lock().unwrap().answer(201, &created(&order(1)));
    wire.lock().unwrap().reset = true;
    world.poll();
    assert!(matches!(world.outcomes()[..], [GatewayEvent::Accepted { .. }]));
}

#[test]
fn a_connection_that_takes_nothing_is_replaced_by_another_at_once() {
    for break_it in [
        |wire: &mut Wire| wire.seal_fails = true,
        |wire: &mut Wire| {
            wire.takes = Some(0);
            wire.flush_fails = true;
        },
    ] {
        let mut world = World::warm(3);
        let first = world.gateway.pool.pick(Use::Order).unwrap();
        break_it(&mut world.wire(first).lock().unwrap());

        world.submit(order(1));

        let outcomes = world.outcomes();
        assert!(matches!(&outcomes[..], [event] if is_sent(event, 1)), "{outcomes:?}");
        assert!(world.wire(first).lock().unwrap().left.is_empty());
        assert_eq!(world.busy().iter().filter(|it| it.lock().unwrap().left[0] == b'P').count(), 1);
    }
}

#[test]
fn when_no_connection_takes_a_byte_the_order_was_not_sent() {
    let mut world = World::warm(3);
    for place in 0..3 {
        world.wire(place).lock().unwrap().seal_fails = true;
    }
    world.submit(order(1));
    assert!(world.wire(2).lock().unwrap().left.is_empty());
    assert_eq!(world.outcomes(), [], "it waits for the connections that are made in their place");
    world.advance(SUBMIT_WAIT);
    assert_eq!(world.outcomes(), [not_sent(1, Unsent::NoConnection)]);
}

#[test]
fn an_order_of_which_not_a_byte_left_goes_out_on_the_next_connection_that_is_warm() {
    let mut world = World::warm(1);
    world.wire(0).lock().unwrap().takes = Some(0);
    world.submit(order(1));
    world.wire(0).lock().unwrap().flush_fails = true;
    world.poll();
    assert_eq!(world.outcomes(), [], "taken back");

    world.advance(Nanos::from_ms(10));
    world.answer_warm_ups();
    world.poll();

    let outcomes = world.outcomes();
    assert!(matches!(&outcomes[..], [event] if is_sent(event, 1)), "{outcomes:?}");
    let (first, sent) = (world.wire(0), world.wire(1).lock().unwrap().request());
    assert!(first.lock().unwrap().history.len() < 200, "the first has seen its warm-up only");
    assert_eq!(sent.body["client_order_id"], order(1).client_order_id.to_string());
}

#[test]
fn every_warm_connection_is_tried_before_an_order_waits() {
    let mut world = World::warm(4);
    let last = (0..4).min_by_key(|&at| world.gateway.pool.connection(at).used()).unwrap();
    for place in (0..4).filter(|&place| place != last) {
        world.wire(place).lock().unwrap().seal_fails = true;
    }
    world.submit(order(1));
    let outcomes = world.outcomes();
    assert!(matches!(&outcomes[..], [event] if is_sent(event, 1)), "{outcomes:?}");
}

#[test]
fn a_repetition_carries_the_same_body_and_tells_its_own_fate() {
    let mut world = World::warm(2);
    world.submit(order(1));
    let first = world.busy_wire().lock().unwrap().request();
    world.advance(Nanos::from_secs(2));
    let outcomes = world.outcomes();
    assert_eq!(outcomes.last(), Some(&lost(1, Loss::Timeout)), "{outcomes:?}");

    let again =
        Approved::unchecked_for_tests(NewOrder { approved: world.clock.mono(), ..order(1) });
    world.advance(Nanos::from_ms(100));
    world.answer_warm_ups();
    world.command(Command::Resend(again));
    let wire = world.busy_wire();
    let second = wire.lock().unwrap().request();
    assert_eq!((second.method, second.target), (first.method, first.target));
    assert_eq!(second.body, first.body);
    let outcomes = world.outcomes();
    assert!(matches!(&outcomes[..], [event] if is_sent(event, 1)), "{outcomes:?}");
    wire.lock().unwrap().answer(201, &created(&order(1)));
    world.poll();
    assert!(matches!(world.outcomes()[..], [GatewayEvent::Accepted { .. }]));

    // However old the order is, its age counts from when the repetition was asked for.
    world.advance(Nanos::from_secs(1));
    world.answer_warm_ups();
    world.command(Command::Resend(again));
    assert!(is_sent(&world.outcomes()[0], 1));
}

#[test]
fn a_repetition_that_cannot_go_says_so_and_nothing_of_the_order() {
    let mut world = World::warm(1);
    world.wire(0).lock().unwrap().closed = true;
    world.dials.lock().unwrap().fails = true;
    world.poll();
    world.events();
    let again = || Command::Resend(Approved::unchecked_for_tests(order(1)));
    world.command(again());
    world.advance(SUBMIT_WAIT);
    let why = Unsent::NoConnection;
    assert_eq!(world.outcomes(), [GatewayEvent::NotResent { key: key(1), why }]);

    let kill_switch = KillSwitch::default();
    world.gateway.kill_switch = kill_switch.clone();
    kill_switch.throw();
    world.command(again());
    let why = Unsent::Halted;
    assert_eq!(world.outcomes(), [GatewayEvent::NotResent { key: key(1), why }]);
}

#[test]
fn a_failure_after_one_byte_leaves_the_fate_open_and_is_not_repeated() {
    let mut world = World::warm(3);
    for place in 0..3 {
        let wire = world.wire(place);
        let mut wire = wire.lock().unwrap();
        (wire.takes, wire.flush_fails) = (Some(1), true);
    }
    world.submit(order(1));
    assert_eq!(world.outcomes(), [lost(1, Loss::Disconnected)]);
    let touched = (0..3).filter(|&at| !world.wire(at).lock().unwrap().left.is_empty()).count();
    assert_eq!(touched, 1);
}

#[test]
fn a_flush_that_is_cut_goes_on_before_anything_else() {
    let mut world = World::warm(1);
    let wire = world.wire(0);
    wire.lock().unwrap().takes = Some(10);
    world.submit(order(1));
    assert_eq!(world.outcomes(), [], "not sent yet, and not lost");

    world.submit(order(2));
    assert_eq!(world.outcomes(), [], "held");
    world.advance(SUBMIT_WAIT);
    assert_eq!(world.outcomes(), [not_sent(2, Unsent::NoConnection)]);

    wire.lock().unwrap().takes = None;
    world.poll();
    let outcomes = world.outcomes();
    assert!(matches!(&outcomes[..], [event] if is_sent(event, 1)), "{outcomes:?}");
    assert_eq!(wire.lock().unwrap().request().method, "POST");
}

#[test]
fn a_cut_flush_that_never_goes_on_is_lost_only_if_a_byte_had_left() {
    for (takes, expected) in [(10, lost(1, Loss::Timeout)), (0, not_sent(1, Unsent::Stale))] {
        let mut world = World::warm(1);
        world.wire(0).lock().unwrap().takes = Some(takes);
        world.submit(order(1));
        world.advance(Nanos::from_secs(2));
        assert_eq!(world.outcomes(), [expected]);
    }
    for (takes, expected) in
        [(10, lost(1, Loss::Disconnected)), (0, not_sent(1, Unsent::NoConnection))]
    {
        let mut world = World::warm(1);
        world.wire(0).lock().unwrap().takes = Some(takes);
        world.submit(order(1));
        world.wire(0).lock().unwrap().flush_fails = true;
        world.advance(SUBMIT_WAIT);
        assert_eq!(world.outcomes(), [expected]);
    }
}

#[test]
fn one_connection_is_left_to_cancels_and_none_carries_two_orders() {
    let mut world = World::warm(4);
    for slot in 1..=5 {
        world.submit(order(slot));
    }
    let mut outcomes = world.outcomes();
    for slot in 1..=3 {
        assert!(outcomes.iter().any(|it| is_sent(it, slot)), "{outcomes:?}");
    }
    world.advance(SUBMIT_WAIT);
    outcomes.extend(world.outcomes());
    assert_eq!(outcomes[3..], [4, 5].map(|slot| not_sent(slot, Unsent::NoConnection)));
    assert_eq!(world.busy().len(), 3);
    for wire in world.busy() {
        wire.lock().unwrap().request();
    }
}

#[test]
fn an_answered_connection_is_the_warmest() {
    let (mut world, wire) = under_way();
    world.clock.0.fetch_add(1_000, Ordering::Relaxed);
    wire.lock().unwrap().answer(201, &created(&order(1)));
    world.poll();
    world.submit(order(2));
    assert!(Arc::ptr_eq(&world.busy_wire(), &wire));
}

#[test]
fn orders_stop_at_the_reserve_and_go_on_when_tokens_come_back() {
    let mut world = World::warm(4);
    for slot in 1..=8 {
        world.submit(order(slot));
        let wire = world.busy_wire();
        wire.lock().unwrap().request();
        wire.lock().unwrap().answer(201, &created(&order(slot)));
        world.poll();
    }
    world.outcomes();
    world.submit(order(9));
    assert_eq!(world.outcomes(), [not_sent(9, Unsent::NoTokens)]);

    world.advance(Nanos::from_ms(100));
    world.submit(order(10));
    assert!(is_sent(&world.outcomes()[0], 10));
}

#[test]
fn a_refused_order_uses_no_tokens() {
    let mut world = World::warm(2);
    world.submit(order(1));
    for slot in 2..=30 {
        world.submit(order(slot));
        world.advance(SUBMIT_WAIT);
        assert_eq!(world.outcomes().last(), Some(&not_sent(slot, Unsent::NoConnection)));
    }
    assert!(world.gateway.budget.allows(Spend::Create));
}

#[test]
fn a_429_refuses_and_holds_further_orders_back() {
    let (mut world, wire) = under_way();
    wire.lock().unwrap().answer(429, "{\"error\":\"too many requests\"}");
    world.poll();
    let outcomes = world.outcomes();
    let throttled = matches!(&outcomes[..], [GatewayEvent::Rejected { reject, .. }]
        if reject.kind == RejectKind::TooManyRequests);
    assert!(throttled, "{outcomes:?}");

    world.submit(order(2));
    assert_eq!(world.outcomes(), [not_sent(2, Unsent::NoTokens)]);
}

#[test]
fn stamps_follow_the_order_of_the_steps() {
    let mut world = World::warm(4);
    world.clock.0.fetch_add(500, Ordering::Relaxed);
    world.submit(order(1));
    let outcomes = world.outcomes();
    let [GatewayEvent::Sent { stamps, .. }] = outcomes[..] else { panic!("{outcomes:?}") };
    let steps = [stamps.taken, stamps.encoded, stamps.sealed, stamps.sent];
    assert!(steps.is_sorted());
    assert_eq!(stamps.taken.ns(), 500);
}

#[test]
fn events_are_kept_while_their_ring_is_full_and_commands_wait() {
    let mut world = World::with_event_ring(&config(4), 1);
    world.poll();
    world.answer_warm_ups();
    world.poll();
    for slot in 1..=3 {
        world.submit(order(slot));
    }
    assert!(world.busy().len() < 3, "a full ring stops the taking of commands");

    let mut seen = Vec::new();
    for _ in 0..20 {
        seen.extend(world.events());
        world.poll();
    }
    for slot in 1..=3 {
        assert_eq!(seen.iter().filter(|it| is_sent(it, slot)).count(), 1, "{seen:?}");
    }
}

/// Lets the exchange answer the order in `slot` with its 201.
fn answer(world: &mut World, slot: u32) {
    let wire = world.busy_wire();
    let mut wire = wire.lock().unwrap();
    let sent = wire.request();
    assert_eq!(sent.body["client_order_id"], order(slot).client_order_id.to_string());
    wire.answer(201, &created(&order(slot)));
}

#[test]
fn a_burst_waits_for_free_connections_and_goes_in_its_order() {
    let mut world = World::warmed(&GatewayConfig { batch_orders_max: 1, ..config(2) });
    for slot in 1..=4 {
        world.submit(order(slot));
    }
    for slot in 1..=4 {
        answer(&mut world, slot);
        world.advance(Nanos::from_ms(1));
    }
    let sent: Vec<_> =
        world.outcomes().into_iter().filter(|it| matches!(it, GatewayEvent::Sent { .. })).collect();
    assert_eq!(sent.len(), 4, "{sent:?}");
    assert!(sent.iter().zip(1..).all(|(event, slot)| is_sent(event, slot)), "{sent:?}");
}

#[test]
fn a_cancel_does_not_wait_behind_held_orders() {
    let mut world = World::warm(2);
    for slot in 1..=3 {
        world.submit(order(slot));
    }
    world.busy_wire().lock().unwrap().request();
    world.command(Command::Cancel(cancel(9)));
    assert_eq!(world.busy_wire().lock().unwrap().request().method, "DELETE");
}

#[test]
fn more_than_can_be_held_waits_in_the_ring() {
    let mut world = World::warm(2);
    let held_max = u32::try_from(HELD_MAX).unwrap();
    for slot in 1..=held_max + 4 {
        world.submit(order(slot));
    }
    assert_eq!(world.gateway.commands.slots(), 3, "one is on its way, the rest is held");
    world.advance(SUBMIT_WAIT);
    assert_eq!(world.outcomes().len(), 1 + held_max as usize + 3, "each has its answer");
}

#[test]
fn an_order_that_has_grown_old_on_the_way_is_not_sent() {
    for (age, sent) in [(250, true), (251, false)] {
        let mut world = World::warm(4);
        let approved = world.clock.mono();
        world.clock.0.fetch_add(Nanos::from_ms(age).ns(), Ordering::Relaxed);
        let old = NewOrder { approved, ..order(1) };
        world.command(Command::Submit(Approved::unchecked_for_tests(old)));
        let outcomes = world.outcomes();
        assert_eq!(is_sent(&outcomes[0], 1), sent, "{outcomes:?}");
        assert_eq!(outcomes[0] == not_sent(1, Unsent::Stale), !sent);
    }
}

#[test]
fn a_thrown_kill_switch_stops_orders_already_on_their_way_and_no_cancel() {
    let kill_switch = KillSwitch::default();
    let mut world = World::warm(2);
    world.gateway = world.gateway.with_kill_switch(kill_switch.clone());
    world.submit(order(1));
    world.submit(order(2));
    answer(&mut world, 1);
    world.outcomes();
    kill_switch.throw();
    world.submit(order(3));
    world.command(Command::Cancel(cancel(9)));
    let outcomes = world.outcomes();
    for slot in [2, 3] {
        assert!(outcomes.contains(&not_sent(slot, Unsent::Halted)), "{outcomes:?}");
    }
    assert_eq!(world.busy_wire().lock().unwrap().request().method, "DELETE");
    world.advance(Nanos::from_secs(2));
    world.answer_warm_ups();
    kill_switch.reset();
    world.submit(order(4));
    assert!(world.outcomes().iter().any(|it| is_sent(it, 4)));
}

#[test]
fn an_opening_breaker_holds_back_what_was_approved_before_it_and_no_probe() {
    let kill_switch = KillSwitch::default();
    let mut world = World::warm(2);
    world.gateway = world.gateway.with_kill_switch(kill_switch.clone());
    world.submit(order(1));
    let approved = world.clock.mono();
    world.submit(NewOrder { approved, ..order(2) });
    world.outcomes();
    kill_switch.hold(approved);
    let again = NewOrder { approved, ..order(3) };
    world.command(Command::Resend(Approved::unchecked_for_tests(again)));
    let why = Unsent::HeldBack;
    let outcomes = world.outcomes();
    assert_eq!(outcomes, [not_sent(2, why), GatewayEvent::NotResent { key: key(3), why }]);

    answer(&mut world, 1);
    world.advance(Nanos::from_ms(1));
    world.submit(NewOrder { approved: world.clock.mono(), ..order(4) });
    assert!(world.outcomes().iter().any(|it| is_sent(it, 4)));
}

#[test]
fn stopping_refuses_orders_and_passes_cancels_on() {
    let mut world = World::warm(4);
    for slot in 1..=3 {
        let order = Approved::unchecked_for_tests(order(slot));
        world.commands.push(Command::Submit(order)).unwrap();
    }
    world.commands.push(Command::Cancel(cancel(9))).unwrap();
    world.gateway.on_stop();
    let outcomes = world.outcomes();
    let refused = [1, 2, 3].map(|slot| not_sent(slot, Unsent::Stopping));
    assert_eq!(outcomes[..3], refused);
    assert_eq!(outcomes[3..], [GatewayEvent::CancelSent { key: key(9) }]);
    assert_eq!(world.busy_wire().lock().unwrap().request().method, "DELETE");
}
