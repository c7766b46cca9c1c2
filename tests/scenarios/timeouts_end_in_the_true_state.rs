//! Time runs out on an order, in every way there is: what it ends in is what the exchange has.
//!
//! The plan took a timeout for an end: an order was canceled or rejected because nobody had heard
//! of it, and filled all the same.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{FrameFault, RequestFault, Rule};
use kalshi_exec::units::Nanos;

use crate::theatre::{
    await_answer, await_state, cancel, create, ended, finish, frame, held, rest_in_front,
    somebody_sells, take, world_with, yes,
};

/// Somebody's doing, once the order is in a state.
type Meanwhile = (State, fn(&mut World));

/// What happens, and what the order must end in.
struct Case {
    name: &'static str,
    rules: Vec<Rule>,
    line: String,
    meanwhile: Option<Meanwhile>,
    ends: (State, u32),
}

/// The stream says nothing of the order.
fn deaf() -> Vec<Rule> {
    vec![frame("fill", 1, FrameFault::Lost), frame("user_order", 1, FrameFault::Lost)]
}

fn resting(name: &'static str, rules: Vec<Rule>, ends: (State, u32)) -> Case {
    Case { name, rules, line: rest_in_front("a"), meanwhile: None, ends }
}

fn taking(name: &'static str, rules: Vec<Rule>, ends: (State, u32)) -> Case {
    Case { name, rules, line: take("a"), meanwhile: None, ends }
}

fn cases() -> Vec<Case> {
    let unheard =
        vec![frame("fill", 1, FrameFault::Lost), frame("user_order", 2, FrameFault::Lost)];
    let late = cancel(1, RequestFault::Late(Nanos::from_ms(500)));
    let never = (1..=3).map(|nth| create(nth, RequestFault::Vanished)).collect();
    let landed = create(1, RequestFault::AnswerVanished);
    vec![
        resting("nobody met it", vec![], (State::Canceled, 0)),
        Case {
            meanwhile: Some((State::Resting, |world| somebody_sells(world, 4))),
            ..resting("somebody took a part", vec![], (State::Canceled, 4))
        },
        Case {
            meanwhile: Some((State::CancelPending, |world| somebody_sells(world, 10))),
            ..resting("a fill beat the cancel", [vec![late], unheard].concat(), (State::Filled, 10))
        },
        resting(
            "the cancel's answer never came",
            vec![cancel(1, RequestFault::AnswerVanished)],
            (State::Canceled, 0),
        ),
        taking(
            "the answer never came, and it had landed",
            [vec![landed], deaf()].concat(),
            (State::Filled, 10),
        ),
        taking("the answer never came, and the stream had told", vec![landed], (State::Filled, 10)),
        taking("the answer never came, and it was nowhere", never, (State::Rejected, 0)),
    ]
}

#[test]
fn timeouts_end_in_the_true_state() {
    for Case { name, rules, line, meanwhile, ends } in cases() {
        let mut world =
            world_with(rules, |config| config.orders.fill_timeout = Nanos::from_secs(3));
        world.send_line(&line);
        if let Some((state, act)) = meanwhile {
            await_state(&mut world, 0, state);
            act(&mut world);
        }

        let result = await_answer(&mut world, "a");

        println!("{name}: {:?}", result.outcome);
        ended(&result, ends.0, ends.1);
        assert_eq!(held(&world), yes(ends.1), "{name}");
        finish(&mut world);
    }
}
