//! Whatever the exchange, the kernel and the oms do: no order is told of twice, none is
//! forgotten, and `NotSent` is the truth.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Submit,
    Amend,
    Cancel,
    CancelAll,
    /// The peer answers what has reached it.
    Answer {
        wire: usize,
        status: u16,
    },
    Garbage {
        wire: usize,
    },
    Close {
        wire: usize,
    },
    Reset {
        wire: usize,
    },
    SealFails {
        wire: usize,
    },
    /// The kernel takes so many bytes more, then fails or waits.
    Takes {
        wire: usize,
        bytes: usize,
        fails: bool,
    },
    TakesAll {
        wire: usize,
    },
    Wait {
        ms: u64,
    },
    ReadEvents {
        count: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let wire = 0..12_usize;
    let status = prop_oneof![
        4 => Just(201_u16), 1 => Just(400), 1 => Just(404), 1 => Just(409), 1 => Just(429),
        1 => Just(500), 1 => Just(204),
    ];
    prop_oneof![
        6 => Just(Step::Submit),
        2 => Just(Step::Amend),
        3 => Just(Step::Cancel),
        1 => Just(Step::CancelAll),
        10 => (wire.clone(), status).prop_map(|(wire, status)| Step::Answer { wire, status }),
        1 => wire.clone().prop_map(|wire| Step::Garbage { wire }),
        1 => wire.clone().prop_map(|wire| Step::Close { wire }),
        1 => wire.clone().prop_map(|wire| Step::Reset { wire }),
        1 => wire.clone().prop_map(|wire| Step::SealFails { wire }),
        2 => (wire.clone(), 0..600_usize, any::<bool>())
            .prop_map(|(wire, bytes, fails)| Step::Takes { wire, bytes, fails }),
        2 => wire.prop_map(|wire| Step::TakesAll { wire }),
        3 => (0..1_500_u64).prop_map(|ms| Step::Wait { ms }),
        4 => (0..6_usize).prop_map(|count| Step::ReadEvents { count }),
    ]
}

struct Run {
    world: World,
    events: Vec<GatewayEvent>,
    slots: u32,
    orders: usize,
    cancels: usize,
    cancel_alls: usize,
}

impl Run {
    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Submit => {
                self.slots += 1;
                self.orders += 1;
                self.world.submit(order(self.slots));
            }
            Step::Amend => {
                self.slots += 1;
                self.orders += 1;
                let amend = changes::amend(self.slots, self.world.clock.mono());
                self.world.command(amend);
            }
            Step::Cancel => {
                self.slots += 1;
                self.cancels += 1;
                self.world.command(Command::Cancel(cancel(self.slots)));
            }
            Step::CancelAll => {
                self.cancel_alls += 1;
                self.world.command(Command::CancelAll);
            }
            Step::Wait { ms } => self.world.advance(Nanos::from_ms(ms)),
            Step::ReadEvents { count } => {
                let world = &mut self.world;
                self.events.extend((0..count).map_while(|_| world.events.pop().ok()));
            }
            Step::Answer { wire, status } => self.on_wire(wire, |wire| answer(wire, status)),
            Step::Garbage { wire } => self.on_wire(wire, |wire| wire.respond("junk\r\n\r\n")),
            Step::Close { wire } => self.on_wire(wire, |wire| wire.closed = true),
            Step::Reset { wire } => self.on_wire(wire, |wire| wire.reset = true),
            Step::SealFails { wire } => self.on_wire(wire, |wire| wire.seal_fails = true),
            Step::Takes { wire, bytes, fails } => self.on_wire(wire, |wire| {
                wire.takes = Some(bytes);
                wire.flush_fails = fails;
            }),
            Step::TakesAll { wire } => self.on_wire(wire, |wire| wire.takes = None),
        }
        self.world.poll();
    }

    fn on_wire(&mut self, place: usize, act: impl FnOnce(&mut Wire)) {
        let dialled = self.world.dialled();
        if dialled > 0 {
            // Counted from the newest: the oldest are mostly gone.
            act(&mut self.world.wire(dialled - 1 - place % dialled).lock().unwrap());
        }
    }

    /// Lets every request come to its end.
    fn finish(&mut self) {
        // An event ring of one slot passes one event a round.
        for _ in 0..200 {
            for place in 0..self.world.dialled() {
                self.world.wire(place).lock().unwrap().takes = None;
            }
            self.world.advance(Nanos::from_ms(500));
            self.events.extend(self.world.events());
        }
    }

    /// How many requests of `method` have begun to leave, whole or in part.
    fn begun(&self, method: &str) -> usize {
        let wires = &self.world.dials.lock().unwrap().wires;
        wires.iter().map(|wire| begun(&wire.lock().unwrap().history, method)).sum()
    }
}

/// Answers a request that has reached the peer whole.
fn answer(wire: &mut Wire, status: u16) {
    if wire.closed || !wire.sealed.is_empty() || wire.left.is_empty() {
        return;
    }
    let sent = wire.request();
    match (sent.method.as_str(), status) {
        ("GET", _) => wire.respond(OK),
        ("POST", 201) if sent.target.ends_with("/amend") => {
            let id = sent.target.split('/').nth(6).unwrap_or("").to_owned();
            wire.answer(200, &format!("{{\"order_id\":\"{id}\",\"ts_ms\":1}}"));
        }
        ("POST", 201) if sent.target.ends_with("/batched") => {
            let orders = sent.body["orders"].as_array().unwrap();
            let item = |order: &Value| {
                serde_json::json!({"client_order_id": order["client_order_id"], "order_id": "x",
                    "fill_count": "0.00", "remaining_count": "1.00", "error": null})
            };
            let items: Vec<Value> = orders.iter().map(item).collect();
            wire.answer(201, &serde_json::json!({ "orders": items }).to_string());
        }
        ("POST", 201) => {
            let id = sent.body["client_order_id"].as_str().unwrap();
            let body = format!(
                "{{\"client_order_id\":\"{id}\",\"fill_count\":\"0.00\",\"order_id\":\"x\",\
                 \"remaining_count\":\"1.00\",\"ts_ms\":1}}",
            );
            wire.answer(201, &body);
        }
        ("DELETE", 201) => {
            let id = sent.target.split(['/', '?']).nth(6).unwrap_or("").to_owned();
            wire.answer(200, &format!("{{\"order_id\":\"{id}\",\"reduced_by\":\"1.00\"}}"));
        }
        _ => wire.answer(status, "{}"),
    }
}

/// Requests of `method` in the bytes of one connection; the last may be cut short.
fn begun(mut bytes: &[u8], method: &str) -> usize {
    let mut count = 0;
    while let Some(first) = bytes.first() {
        count += usize::from(*first == method.as_bytes()[0]);
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut parsed = httparse::Request::new(&mut headers);
        let Ok(httparse::Status::Complete(head)) = parsed.parse(bytes) else { break };
        let length = parsed.headers.iter().find(|it| it.name == "Content-Length");
        let body = length.map_or(0, |it| core::str::from_utf8(it.value).unwrap().parse().unwrap());
        bytes = bytes.get(head + body..).unwrap_or(&[]);
    }
    count
}

/// Final events per order or cancel, and how many of them say that nothing left.
#[derive(Debug, Default)]
struct Tally {
    finals: HashMap<OrderKey, usize>,
    sent: HashMap<OrderKey, usize>,
    orders_unsent: usize,
    cancels_unsent: usize,
    cancel_alls: usize,
}

fn tally(events: &[GatewayEvent]) -> Tally {
    let mut tally = Tally::default();
    for event in events {
        let key = match *event {
            GatewayEvent::Sent { key, .. }
            | GatewayEvent::CancelSent { key }
            | GatewayEvent::ChangeSent { key } => {
                *tally.sent.entry(key).or_default() += 1;
                assert!(!tally.finals.contains_key(&key), "sent comes before the outcome");
                continue;
            }
            GatewayEvent::Connections { .. } | GatewayEvent::Group { .. } => continue,
            GatewayEvent::CancelAllDone { .. } => {
                tally.cancel_alls += 1;
                continue;
            }
            GatewayEvent::NotSent { key, .. }
            | GatewayEvent::NotResent { key, .. }
            | GatewayEvent::ChangeFailed { key, why: CancelFailure::Unsent(_) } => {
                tally.orders_unsent += 1;
                key
            }
            GatewayEvent::CancelFailed { key, why: CancelFailure::Unsent(_) } => {
                tally.cancels_unsent += 1;
                key
            }
            GatewayEvent::Accepted { key, .. }
            | GatewayEvent::Rejected { key, .. }
            | GatewayEvent::Lost { key, .. }
            | GatewayEvent::CancelAccepted { key, .. }
            | GatewayEvent::Changed { key, .. }
            | GatewayEvent::ChangeFailed { key, .. }
            | GatewayEvent::CancelNotFound { key }
            | GatewayEvent::CancelFailed { key, .. } => key,
        };
        *tally.finals.entry(key).or_default() += 1;
    }
    tally
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_request_ends_once_and_not_sent_means_that_nothing_left(
        steps in proptest::collection::vec(step(), 1..120),
        event_ring in 1..8_usize,
        connections in 1..4_u16,
    ) {
        let world = World::with_event_ring(&config(connections), event_ring);
        let mut run =
            Run { world, events: vec![], slots: 0, orders: 0, cancels: 0, cancel_alls: 0 };
        run.world.poll();
        run.world.answer_warm_ups();
        for step in &steps {
            run.apply(step);
        }
        run.finish();

        let tally = tally(&run.events);
        prop_assert_eq!(tally.finals.len(), run.orders + run.cancels);
        prop_assert!(tally.finals.values().all(|&count| count == 1), "{:?}", tally);
        prop_assert!(tally.sent.values().all(|&count| count == 1), "{:?}", tally);
        prop_assert_eq!(tally.cancel_alls, run.cancel_alls);
        let orders_left = run.orders - tally.orders_unsent;
        let least = orders_left.div_ceil(ORDER_BATCH_MAX);
        prop_assert!((least..=orders_left).contains(&run.begun("POST")));
        let cancels_left = run.cancels - tally.cancels_unsent;
        let deletes = run.begun("DELETE");
        // A batch is one request for up to twenty cancels.
        let least = cancels_left.div_ceil(CANCEL_BATCH_MAX);
        prop_assert!((least..=cancels_left + run.cancel_alls).contains(&deletes));
    }
}
