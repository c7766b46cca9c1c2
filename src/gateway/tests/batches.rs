//! Cancels that wait together, answers in every framing, and connections by the thousand.

use super::*;
use crate::message::RejectKind;

/// Five cancels that could not go while an order was under way on the only connection.
fn five_waiting() -> (World, SharedWire) {
    let mut world = World::warm(1);
    world.submit(order(9));
    let wire = world.busy_wire();
    assert_eq!(wire.lock().unwrap().request().method, "POST");
    for slot in 1..=5 {
        world.command(Command::Cancel(cancel(slot)));
    }
    wire.lock().unwrap().answer(201, &created(&order(9)));
    world.poll();
    (world, wire)
}

fn failed(event: &GatewayEvent, expected: CancelFailure) -> bool {
    matches!(event, GatewayEvent::CancelFailed { why, .. } if *why == expected)
}

fn item(slot: u32) -> String {
    format!("{{\"order_id\":\"o-{slot}\",\"reduced_by\":\"10.00\",\"error\":null}}")
}

#[test]
fn cancels_that_wait_together_go_out_together() {
    let (mut world, wire) = five_waiting();
    let sent = wire.lock().unwrap().request();

    assert_eq!(sent.method, "DELETE");
    assert_eq!(sent.target, "/trade-api/v2/portfolio/events/orders/batched");
    let orders = sent.body["orders"].as_array().unwrap();
    assert_eq!(orders.len(), 5);
    assert_eq!(orders[0]["order_id"], "o-1");
    assert_eq!(orders[0]["market_ticker"], "KXNFL-26JAN11-BUF");
    assert_eq!(orders[0]["exchange_index"], 3);
    let told = world.outcomes();
    let sent = told.iter().filter(|it| matches!(it, GatewayEvent::CancelSent { .. })).count();
    assert_eq!(sent, 5, "{told:?}");
}

#[test]
fn each_order_of_a_batch_has_its_own_fate() {
    let (mut world, wire) = five_waiting();
    wire.lock().unwrap().request();
    world.outcomes();
    let gone = r#"{"order_id":"o-2","error":{"code":"not_found","message":"not found"}}"#;
    let body = format!("{{\"orders\":[{},{gone},{},{}]}}", item(1), item(3), item(4));
    wire.lock().unwrap().answer(200, &body);
    world.poll();
    let told = world.outcomes();
    let lost = CancelFailure::Lost(Loss::Misbehaved);
    for expected in [
        GatewayEvent::CancelAccepted { key: key(1), reduced_by: Contracts::from_whole(10) },
        GatewayEvent::CancelNotFound { key: key(2) },
        GatewayEvent::CancelAccepted { key: key(4), reduced_by: Contracts::from_whole(10) },
        GatewayEvent::CancelFailed { key: key(5), why: lost },
    ] {
        assert!(told.contains(&expected), "{expected:?} in {told:?}");
    }
    assert_eq!(told.len(), 5, "each has one fate");
}

#[test]
fn an_answer_to_a_batch_that_is_lost_or_refused_is_so_for_each() {
    let (mut world, _wire) = five_waiting();
    world.outcomes();
    world.advance(Nanos::from_secs(2));
    let why = CancelFailure::Lost(Loss::Timeout);
    let told = world.outcomes();
    assert_eq!(told.len(), 5);
    assert!(told.iter().all(|it| failed(it, why)), "{told:?}");

    let (mut world, wire) = five_waiting();
    world.outcomes();
    wire.lock().unwrap().answer(429, "{\"error\":\"too many requests\"}");
    world.poll();
    let why = CancelFailure::Rejected(RejectKind::TooManyRequests);
    let told = world.outcomes();
    assert!(told.iter().all(|it| failed(it, why)), "{told:?}");
    assert_eq!(told.len(), 5);
}

#[test]
fn a_batch_pays_for_each_of_its_cancels() {
    let (world, wire) = five_waiting();
    let before = world.gateway.budget.cancels();
    // 100 tokens, less an order's ten and five cancels of two.
    assert_eq!(before, 40);
    wire.lock().unwrap().request();
}

#[test]
fn two_cancels_go_out_each_for_itself() {
    let mut world = World::warm(4);
    for slot in 1..=2 {
        world.command(Command::Cancel(cancel(slot)));
    }
    assert_eq!(world.busy().len(), 2);
}

/// An order's answer, framed so.
#[track_caller]
fn accepted_when(framed: impl Fn(&str) -> String, stays: bool) {
    let mut world = World::warm(1);
    world.submit(order(1));
    let wire = world.busy_wire();
    wire.lock().unwrap().request();
    world.outcomes();
    let raw = framed(&created(&order(1)));
    // However the bytes are cut.
    let (head, rest) = raw.split_at(raw.len() / 2);
    wire.lock().unwrap().respond(head);
    world.poll();
    wire.lock().unwrap().respond(rest);
    world.poll();
    let told = world.outcomes();
    assert!(matches!(told[..], [GatewayEvent::Accepted { .. }]), "{raw}: {told:?}");
    assert_eq!(!wire.lock().unwrap().closed, stays, "{raw}");
}

#[test]
fn answers_are_read_in_every_framing_there_is() {
    let plain = |body: &str| format!("content-length: {}\r\n\r\n{body}", body.len());
    let created = "HTTP/1.1 201 Created\r\n";
    accepted_when(|body| format!("{created}{}", plain(body)), true);
    accepted_when(|body| format!("HTTP/1.1 100 Continue\r\n\r\n{created}{}", plain(body)), true);
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    accepted_when(|body| format!("{hints}{hints}{created}{}", plain(body)), true);
    accepted_when(|body| format!("{created}connection: close\r\n{}", plain(body)), false);
    accepted_when(
        |body| {
            let (one, two) = body.split_at(7);
            let chunked = "transfer-encoding: chunked\r\n\r\n";
            let (first, second) = (one.len(), two.len());
            format!(
                "{created}{chunked}{first:x}\r\n{one}\r\n{second:x};x=y\r\n{two}\r\n0\r\nt: 1\r\n\r\n"
            )
        },
        true,
    );
}

#[test]
fn an_answer_too_large_or_a_page_of_a_proxy_leaves_the_fate_open() {
    for (raw, why) in [
        (format!("HTTP/1.1 201 X\r\nx: {}\r\n", "y".repeat(20_000)), Loss::Misbehaved),
        (
            format!(
                "HTTP/1.1 201 X\r\ntransfer-encoding: chunked\r\n\r\nffff\r\n{}",
                "z".repeat(20_000)
            ),
            Loss::Misbehaved,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>"
                .to_owned(),
            Loss::Misbehaved,
        ),
        (
            "HTTP/1.1 504 Gateway Time-out\r\ncontent-length: 13\r\n\r\n<html></html>".to_owned(),
            Loss::ServerError,
        ),
    ] {
        let mut world = World::warm(1);
        world.submit(order(1));
        let wire = world.busy_wire();
        world.outcomes();
        wire.lock().unwrap().respond(&raw);
        world.poll();
        assert_eq!(world.outcomes(), [lost(1, why)], "{}", &raw[..40]);
    }
}

#[test]
fn a_pause_that_a_429_asks_for_is_kept() {
    let mut world = World::warm(1);
    world.submit(order(1));
    let wire = world.busy_wire();
    wire.lock().unwrap().request();
    let body = "{\"error\":\"too many requests\"}";
    let length = body.len();
    let head = format!("HTTP/1.1 429 X\r\nretry-after: 3\r\ncontent-length: {length}\r\n\r\n");
    wire.lock().unwrap().respond(&format!("{head}{body}"));
    world.poll();
    world.outcomes();
    world.advance(Nanos::from_ms(2_900));
    world.submit(order(2));
    assert_eq!(world.outcomes(), [not_sent(2, Unsent::NoTokens)]);
    world.advance(Nanos::from_ms(200));
    world.submit(order(3));
    assert!(is_sent(&world.outcomes()[0], 3));
}

#[test]
fn ten_thousand_reconnects_leave_no_connection_behind() {
    let mut world = World::warm(4);
    // About a quarter of the rounds break what is broken already.
    for round in 0..20_000 {
        if world.dialled() > 10_000 {
            break;
        }
        let open: Vec<SharedWire> = {
            let wires = &world.dials.lock().unwrap().wires;
            let tail = wires.len().saturating_sub(8);
            wires[tail..].iter().filter(|it| !it.lock().unwrap().closed).cloned().collect()
        };
        assert!((1..=5).contains(&open.len()), "round {round}: {} open", open.len());
        // One breaks in each round: by reset, by close, or with an order under way.
        let victim = &open[round % open.len()];
        match round % 3 {
            0 => victim.lock().unwrap().reset = true,
            1 => victim.lock().unwrap().closed = true,
            _ => {
                world.submit(order(1));
                for wire in world.busy() {
                    wire.lock().unwrap().reset = true;
                }
            }
        }
        world.advance(Nanos::from_ms(10));
        world.answer_warm_ups();
        world.poll();
        world.events();
    }
    let dials = world.dials.lock().unwrap();
    let open = dials.wires.iter().filter(|it| !it.lock().unwrap().closed).count();
    assert!(dials.wires.len() > 10_000, "{} connections were made", dials.wires.len());
    assert!(open <= 5, "{open} connections are open");
}
