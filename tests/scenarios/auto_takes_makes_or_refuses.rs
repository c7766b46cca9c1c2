//! Which fee an edge survives decides how it is traded: most edges seen are eaten by the taker's
//! fee, and most series charge makers nothing.

use kalshi_exec::order::State;
use kalshi_exec::recorder::record::{ExecutionResult, Outcome};
use kalshi_exec::risk::Limit;

use crate::theatre::{
    answer, await_answer, await_state, ended, finish, limits, line, order, with, world,
};

/// A signal in the first market, where makers pay nothing, with this edge.
fn auto(edge_cents: &str) -> String {
    let signal = line("a", "BUY_YES", 42, 10, "immediate_or_cancel");
    let edge = format!(r#""edge":{{"cents":{edge_cents}}}"#);
    with(&signal.replace(r#""edge":{"cents":12}"#, &edge), r#""style":"auto""#)
}

/// A signal in the market whose makers pay: YES is asked at 22.
fn auto_with_maker_fees(edge_cents: &str) -> String {
    let signal = auto(edge_cents).replace("KXONE-26JUL01-A", "KXTWO-26JUL01-A");
    signal.replace(r#""yes_ask":42"#, r#""yes_ask":22"#).replace(r#""no_ask":60"#, r#""no_ask":80"#)
}

#[track_caller]
fn refused_for_its_edge(result: &ExecutionResult) {
    let Outcome::Refused(refusal) = result.outcome else { panic!("{result:?}") };
    assert_eq!(refusal.limit, Limit::MinimumEdge);
}

#[test]
fn an_edge_that_survives_the_takers_fee_is_taken() {
    let mut world = world(vec![]);
    world.send_line(&auto("12"));
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert!(!order(&world, 0).unwrap().terms().post_only);
    assert_eq!(limits(&result), [43]);
    finish(&mut world);
}

#[test]
fn an_edge_that_only_survives_the_makers_fee_is_made() {
    let mut world = world(vec![]);
    // The taker's fee alone is 1.7 cents here.
    world.send_line(&auto("1.5"));
    await_state(&mut world, 0, State::Resting);

    assert!(order(&world, 0).unwrap().terms().post_only);
    assert!(answer(&world, "a").is_none());
    finish(&mut world);
    let result = answer(&world, "a").expect("answered at the latest by the drain");
    assert_eq!(limits(&result), [41]);
}

#[test]
fn an_edge_that_survives_neither_fee_is_refused() {
    let mut world = world(vec![]);
    // The maker's fee is 0.3 cents at 22.
    world.send_line(&auto_with_maker_fees("0.2"));
    let result = await_answer(&mut world, "a");

    refused_for_its_edge(&result);
    assert_eq!(world.core().orders().iter().count(), 0);
    finish(&mut world);
}

#[test]
fn an_edge_below_nothing_is_not_waited_for() {
    let mut world = world(vec![]);
    world.send_line(&auto("-0.5"));
    refused_for_its_edge(&await_answer(&mut world, "a"));
    finish(&mut world);
}
