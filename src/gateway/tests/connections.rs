//! The pool: warmed before use, kept warm, replaced before and after it breaks.

use super::*;

fn ready(count: u16) -> GatewayEvent {
    GatewayEvent::Connections { ready: count }
}

#[test]
fn a_connection_counts_once_it_has_answered() {
    let mut world = World::new(&config(3));
    world.poll();
    assert_eq!(world.dialled(), 3);
    assert_eq!(world.events(), []);
    world.submit(order(1));
    world.advance(SUBMIT_WAIT);
    assert_eq!(world.events(), [not_sent(1, Unsent::NoConnection)]);

    assert_eq!(world.answer_warm_ups(), 3);
    world.poll();
    assert_eq!(world.events(), [ready(3)]);
}

#[test]
fn an_idle_connection_is_kept_warm_one_at_a_time() {
    let mut world = World::warm(3);
    world.advance(Nanos::from_ms(9_999));
    assert!(world.busy().is_empty());
    world.advance(Nanos::from_ms(1));
    let mut warmed = 0;
    while world.answer_warm_ups() == 1 {
        warmed += 1;
        world.poll();
    }
    assert_eq!(warmed, 3);
    assert_eq!(world.events(), [], "all of them stayed ready");
}

#[test]
fn an_order_avoids_the_connection_that_is_being_warmed() {
    let mut world = World::warm(2);
    world.advance(Nanos::from_secs(10));
    let warming = world.busy_wire();
    world.submit(order(1));
    let outcomes = world.outcomes();
    assert!(is_sent(&outcomes[0], 1), "{outcomes:?}");
    assert_eq!(warming.lock().unwrap().request().method, "GET");
}

#[test]
fn a_keep_alive_without_an_answer_ends_the_connection() {
    let mut world = World::warm(2);
    world.advance(Nanos::from_secs(10));
    world.busy_wire().lock().unwrap().left.clear();
    world.advance(Nanos::from_secs(2));
    assert_eq!(world.events(), [ready(1)]);
    assert_eq!(world.dialled(), 3, "it is replaced at once");
}

#[test]
fn old_connections_are_replaced_one_by_one_without_a_gap() {
    let lifetime = Nanos::from_secs(5);
    let pool = PoolConfig { connections: 3, lifetime, ..PoolConfig::default() };
    let mut world = World::warmed(&GatewayConfig { pool, ..GatewayConfig::default() });
    world.advance(lifetime);
    assert_eq!(world.dialled(), 4, "one spare at a time");
    assert_eq!(world.events(), []);

    for replaced in 1..=3 {
        assert_eq!(world.answer_warm_ups(), 1);
        world.poll();
        let closed = (0..3).filter(|&at| world.wire(at).lock().unwrap().closed).count();
        assert_eq!(closed, replaced);
        assert!(world.gateway.pool.ready() >= 3, "never below the configured number");
    }
    assert_eq!(world.dialled(), 6);
    assert_eq!(world.answer_warm_ups(), 0);
}

#[test]
fn a_connection_at_work_outlives_its_lifetime() {
    let lifetime = Nanos::from_secs(1);
    let pool = PoolConfig { connections: 1, lifetime, ..PoolConfig::default() };
    let mut world = World::warmed(&GatewayConfig { pool, ..GatewayConfig::default() });
    world.submit(order(1));
    let wire = world.busy_wire();
    wire.lock().unwrap().request();
    world.advance(lifetime);
    world.answer_warm_ups();
    world.poll();
    assert!(!wire.lock().unwrap().closed);

    wire.lock().unwrap().answer(201, &created(&order(1)));
    world.poll();
    assert!(matches!(
        world.outcomes()[..],
        [GatewayEvent::Sent { .. }, GatewayEvent::Accepted { .. }]
    ));
    assert!(wire.lock().unwrap().closed);
}

#[test]
fn a_server_that_closes_is_replaced() {
    let mut world = World::warm(2);
    world.wire(0).lock().unwrap().closed = true;
    world.poll();
    assert_eq!(world.events(), [ready(1)]);
    assert_eq!(world.answer_warm_ups(), 1);
    world.poll();
    assert_eq!(world.events(), [ready(2)]);
}

#[test]
fn a_connection_that_announces_its_end_is_not_used_again() {
    let mut world = World::warm(2);
    world.submit(order(1));
    let wire = world.busy_wire();
    wire.lock().unwrap().request();
    let body = created(&order(1));
    let length = body.len();
    wire.lock().unwrap().respond(&format!(
        "HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    ));
    world.poll();
    let events = world.events();
    assert!(
        matches!(
            events[..],
            [_, GatewayEvent::Accepted { .. }, GatewayEvent::Connections { ready: 1 }]
        ),
        "{events:?}"
    );
    assert!(wire.lock().unwrap().closed);
}

#[test]
fn a_connection_that_speaks_unasked_is_not_trusted() {
    let mut world = World::warm(2);
    world.wire(0).lock().unwrap().answer(408, "");
    world.poll();
    assert_eq!(world.events(), [ready(1)]);
    assert!(world.wire(0).lock().unwrap().closed);

    let mut world = World::warm(1);
    world.submit(order(1));
    let wire = world.busy_wire();
    let refused = "HTTP/1.1 400 X\r\ncontent-length: 2\r\n\r\n{}";
    wire.lock().unwrap().respond(&format!("{refused}{refused}"));
    world.poll();
    assert_eq!(world.outcomes().len(), 2, "sent, and refused once");
    assert!(wire.lock().unwrap().closed);
}

#[test]
fn what_follows_an_answer_is_never_the_answer_to_the_next_order() {
    let mut world = World::warm(1);
    world.submit(order(1));
    let wire = world.busy_wire();
    let refused = "HTTP/1.1 400 X\r\ncontent-length: 2\r\n\r\n{}";
    wire.lock().unwrap().respond(&format!("{refused}{refused}"));
    let next = Approved::unchecked_for_tests(order(2));

    let _work: Work = world.gateway.poll();
    world.commands.push(Command::Submit(next)).unwrap();
    let _work: Work = world.gateway.poll();

    assert!(wire.lock().unwrap().closed, "the connection was given up at once");
    assert!(!world.outcomes().iter().any(|it| is_sent(it, 2)));
}

#[test]
fn failed_dials_are_repeated_ever_more_slowly() {
    let mut world = World::new(&config(1));
    world.dials.lock().unwrap().fails = true;
    world.poll();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let deadline = world.gateway.deadline();
        waits.push(deadline.since(world.clock.mono()).ms());
        world.advance(deadline.since(world.clock.mono()));
    }
    assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);

    world.dials.lock().unwrap().fails = false;
    world.advance(Nanos::from_secs(5));
    world.answer_warm_ups();
    world.poll();
    assert_eq!(world.events(), [ready(1)]);
}

#[test]
fn links_that_die_before_their_first_answer_are_not_dialled_in_a_storm() {
    let mut world = World::new(&config(1));
    let mut dialled = Vec::new();
    for _ in 0..30 {
        world.poll();
        for place in 0..world.dialled() {
            world.wire(place).lock().unwrap().closed = true;
        }
        world.advance(Nanos::from_ms(50));
        dialled.push(world.dialled());
    }
    // 1.5 s: the first, then after 100, 200, 400 and 800 ms.
    assert!((4..=6).contains(dialled.last().unwrap()), "{dialled:?}");
}

#[test]
fn time_alone_brings_the_next_keep_alive_or_the_end_of_waiting() {
    let mut world = World::warm(1);
    let idle = world.gateway.deadline();
    assert_eq!(idle.since(world.clock.mono()), Nanos::from_secs(10));
    world.submit(order(1));
    assert_eq!(world.gateway.deadline().since(world.clock.mono()), Nanos::from_secs(2));
    world.command(Command::Cancel(cancel(2)));
    assert_eq!(world.gateway.deadline().since(world.clock.mono()), Nanos::from_secs(1));
}
