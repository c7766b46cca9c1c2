//! What a faults file means, what it refuses, and that its chances follow from its seed.

use super::*;
use crate::sim::exchange::Outcome;

const START: WallTime = WallTime::from_unix_ms(1_781_159_360_000);
const ORDERS: &str = "/trade-api/v2/portfolio/events/orders";
const SESSION: SessionId = SessionId(1);
const LOST: MessageFault = MessageFault::Other(MessageTrouble::Lose);

fn faults(text: &str) -> Faults {
    Faults::new(FaultPlan::parse(text).unwrap(), START)
}

fn after(ms: u64) -> WallTime {
    START + Nanos::from_ms(ms)
}

#[track_caller]
fn complains(text: &str, expected: &str) {
    let error = FaultPlan::parse(text).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn unknown_keys_and_values_are_refused_by_name() {
    complains("sead = 1", "unknown key \"sead\", allowed: seed, fault");
    complains("[[fault]]\nname = 'dealy'", "fault 1: name is \"dealy\", allowed: delay, drop");
    complains(
        "[[fault]]\nname = 'gone'\n[[fault]]\nname = 'gone'\nstatus = 1",
        "fault 2 (gone): unknown key \"status\", allowed: on, per_mille, first, count",
    );
    complains("[[fault]]\nname = 'delay'", "fault 1 (delay): delay_ms must be milliseconds");
    complains(
        "[[fault]]\nname = 'delay'\ndelay_ms = 5\ndelay_max_ms = 4",
        "fault 1 (delay): delay_max_ms must be no less than delay_ms",
    );
    complains("[[fault]]\nname = 'gone'\nper_mille = 1001", "fault 1 (gone): per_mille must be 0");
    complains("[[fault]]\nname = 'gone'\non = 'orders'", "fault 1 (gone): on must be any, create");
    complains("[[fault]]\nname = 'settle'", "fault 1 (settle): outcome must be yes, no or");
    complains("[[fault]]\nstory = 19", "fault 1: story 19 is not one an exchange can play");
    complains("x", "TOML parse error");
}

#[test]
fn every_fault_can_be_written_and_every_story_told() {
    let extra = |name: &str| match name {
        "delay" => "delay_ms = 1",
        "trading_pause" | "exchange_pause" | "market_pause" => "for_ms = 1",
        "settle" | "determine" | "amend_result" => "outcome = 'no'",
        "close_at" => "after_ms = 1",
        "restructure" => "price_level_structure = 'deci_cent'",
        "fee_waiver" => "for_ms = 1",
        "clock_skew" => "skew_ms = -5",
        "connection_lifetime" => "lifetime_ms = 10",
        "delay_message" => "delay_ms = 1",
        "list_market" | "event_fees" => "market = 'KX-A'",
        "retitle" => "market = 'KX-A'\nyes_sub_title = 'above 3'",
        "changed_answer" | "changed_message" => "how = 'new'",
        _ => "",
    };
    for name in names() {
        let plan = FaultPlan::parse(&format!("[[fault]]\nname = '{name}'\n{}", extra(name)));
        assert_eq!(plan.unwrap_or_else(|error| panic!("{error}")).rules.len(), 1, "{name}");
    }
    for (number, fact, told) in facts() {
        let plan = FaultPlan::parse(&format!("[[fault]]\nstory = {number}"));
        match told {
            Told::By(_) => {
                let plan = plan.unwrap_or_else(|error| panic!("{number}: {error}"));
                assert!(!plan.rules.is_empty());
            }
            Told::Always => assert!(plan.unwrap_err().to_string().ends_with(fact), "{number}"),
        }
    }
}

/// The stories of the list that need an exchange, or one that behaves; the others are a client's.
const OF_EXCHANGES: [i64; 28] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28,
    29, 30,
];

#[test]
fn every_story_that_an_exchange_can_cause_is_there() {
    let there: Vec<i64> = facts().into_iter().map(|(number, ..)| number).collect();
    for number in OF_EXCHANGES {
        assert!(there.contains(&number), "story {number}");
    }
}

#[test]
fn the_guide_and_the_example_name_every_fault_and_every_story() {
    let guide = include_str!("../testing_your_client.md");
    let example = include_str!("../../../examples/faults.toml");
    let row = |cell: &str| guide.lines().any(|line| line.starts_with(&format!("| {cell} |")));
    for name in names() {
        assert!(row(&format!("`{name}`")), "the guide has no row for {name}");
        assert!(example.contains(&format!(" {name}")), "the example does not name {name}");
    }
    for (number, fact, told) in facts() {
        let how = if told == Told::Always { "always" } else { "faults" };
        let line = format!("| {number} | {fact} | {how} |");
        assert!(guide.contains(&line), "the guide lacks: {line}");
    }
}

#[test]
fn the_example_can_be_read() {
    let plan = FaultPlan::parse(include_str!("../../../examples/faults.toml")).unwrap();
    assert_eq!((plan.seed, plan.rules.len()), (7, 5));
}

#[test]
fn requests_are_told_apart() {
    let order = format!("{ORDERS}/5e");
    let check = |method, path: &str, kind| assert_eq!(Target::of(method, path), kind, "{path}");
    check("POST", ORDERS, Target::Create);
    check("POST", &format!("{ORDERS}/batched"), Target::Create);
    check("POST", &format!("{order}/amend"), Target::Amend);
    check("POST", &format!("{order}/decrease"), Target::Decrease);
    check("DELETE", ORDERS, Target::CancelAll);
    check("DELETE", &order, Target::Cancel);
    check("GET", "/trade-api/v2/portfolio/orders", Target::Read);
    check("GET", "/trade-api/ws/v2", Target::Upgrade);
    check("PUT", "/trade-api/v2/portfolio/order_groups/1/reset", Target::Any);
    assert!(Target::Any.covers(Target::Create) && !Target::Any.covers(Target::Upgrade));
}

#[test]
fn a_rule_strikes_from_its_first_match_as_often_as_it_may() {
    let mut faults = faults("[[fault]]\nname = 'gone'\non = 'create'\nfirst = 2\ncount = 2");
    let struck: Vec<bool> =
        (0..5).map(|_| faults.request(START, "POST", ORDERS).is_some()).collect();
    assert_eq!(struck, [false, true, true, false, false]);
    assert_eq!(faults.request(START, "DELETE", ORDERS), None);
}

#[test]
fn a_rule_strikes_in_its_window_only() {
    let text = "[[fault]]\nname = 'too_many_requests'\nfrom_ms = 100\nuntil_ms = 200";
    let mut faults = faults(text);
    let at = |faults: &mut Faults, ms| faults.request(after(ms), "GET", "/x").is_some();
    assert!(!at(&mut faults, 99));
    assert!(at(&mut faults, 100) && at(&mut faults, 199));
    assert!(!at(&mut faults, 200));
}

#[test]
fn chances_follow_from_the_seed_and_come_as_often_as_they_say() {
    let run = |seed: u32| -> Vec<Option<RequestFault>> {
        let rules = "[[fault]]\nname = 'drop_after'\nper_mille = 100\n\
                     [[fault]]\nname = 'delay'\ndelay_ms = 5\ndelay_max_ms = 50\nper_mille = 300";
        let mut faults = faults(&format!("seed = {seed}\n{rules}"));
        (0..5_000).map(|_| faults.request(START, "POST", ORDERS)).collect()
    };
    let first = run(1);
    assert_eq!(first, run(1));
    assert_ne!(first, run(2));
    let dropped =
        first.iter().filter(|fault| matches!(fault, Some(RequestFault::Other(_)))).count();
    assert!((400..600).contains(&dropped), "{dropped} of 5000 at one in ten");
}

#[test]
fn delays_lie_where_their_distribution_says() {
    let spans = |shape: &str| -> Vec<u64> {
        let text = format!(
            "[[fault]]\nname = 'delay'\ndelay_ms = 10\ndelay_max_ms = 90\nshape = '{shape}'"
        );
        let mut faults = faults(&text);
        let span = |_| match faults.request(START, "GET", "/x") {
            Some(RequestFault::Delay(Phase::Before, span)) => span.ms(),
            other => panic!("{other:?}"),
        };
        (0..2_000).map(span).collect()
    };
    let (even, long_tailed) = (spans("uniform"), spans("exponential"));
    for span in even.iter().chain(&long_tailed) {
        assert!((10..=90).contains(span), "{span} ms");
    }
    let mean = |spans: &[u64]| spans.iter().sum::<u64>() / spans.len() as u64;
    assert!((45..55).contains(&mean(&even)), "{}", mean(&even));
    assert!((15..35).contains(&mean(&long_tailed)), "{}", mean(&long_tailed));
    assert!(long_tailed.iter().any(|span| *span > 70), "the tail is there");
}

#[test]
fn messages_are_chosen_by_their_type() {
    let mut faults = faults("[[fault]]\nname = 'seq_gap'\ncount = 1");
    let fill = "{\"type\":\"fill\",\"sid\":1,\"msg\":{}}";
    let delta = "{\"type\":\"orderbook_delta\",\"sid\":1,\"seq\":2,\"msg\":{}}";
    assert_eq!(faults.message(START, SESSION, fill), None);
    assert_eq!(faults.message(START, SESSION, delta), Some(LOST));
    assert_eq!(faults.message(START, SESSION, delta), None);
}

#[test]
fn a_silent_stream_stays_silent_for_its_session_only() {
    let mut faults = faults("[[fault]]\nname = 'silent_stream'\nfirst = 2\ncount = 1");
    let mut say = |session, text| faults.message(START, session, text);
    assert_eq!(say(SESSION, "a"), None);
    assert_eq!(say(SESSION, "b"), Some(LOST));
    assert_eq!(say(SESSION, "c"), Some(LOST));
    assert_eq!(say(SessionId(2), "d"), None);
}

#[test]
fn events_come_at_their_times_and_pauses_end() {
    let text = "[[fault]]\nname = 'trading_pause'\nat_ms = 100\nfor_ms = 50\n\
                [[fault]]\nname = 'settle'\nat_ms = 120\nmarket = 'KX-A'\noutcome = '0.37'";
    let mut faults = faults(text);
    assert_eq!(faults.deadline(), Some(after(100)));
    assert_eq!(faults.due(after(99)), []);
    let state = |state| Act::Venue(VenueAction::State(state));
    assert_eq!(faults.due(after(100)), [state(ExchangeState::TradingPaused)]);
    let settled = faults.due(after(120));
    assert_eq!(settled.len(), 3);
    let market = crate::ids::Ticker::new(b"KX-A");
    let command = MarketCommand::Determine(Outcome::Scalar(370_000));
    assert_eq!(settled[1], Act::Venue(VenueAction::Market { market, command }));
    assert_eq!(faults.due(after(1_000)), [state(ExchangeState::Open)]);
    assert_eq!(faults.deadline(), None);
}

#[test]
fn a_market_comes_out_is_disputed_and_settles_at_the_plans_times() {
    let text = "[[fault]]\nname = 'settle'\noutcome = 'yes'\nafter_ms = 500\n\
                [[fault]]\nname = 'dispute'\nat_ms = 10\nfor_ms = 40\n\
                [[fault]]\nname = 'amend_result'\nat_ms = 20\noutcome = 'no'\n\
                [[fault]]\nname = 'close_at'\nat_ms = 60\nafter_ms = 7\n\
                [[fault]]\nname = 'fee_waiver'\nat_ms = 70\nfor_ms = 30";
    let mut faults = faults(text);
    let market = None;
    let command = |command| Act::Venue(VenueAction::Market { market, command });
    let determined = MarketCommand::Determine(Outcome::Yes);
    assert_eq!(faults.due(START), [command(MarketCommand::Close), command(determined)]);
    assert_eq!(faults.due(after(10)), [command(MarketCommand::Dispute)]);
    assert_eq!(faults.due(after(20)), [command(MarketCommand::Amend(Outcome::No))]);
    assert_eq!(faults.due(after(50)), [command(MarketCommand::Uphold)]);
    assert_eq!(faults.due(after(60)), [command(MarketCommand::CloseAt(after(67)))]);
    let waiver = VenueAction::WaiveFees { market, until: after(100) };
    assert_eq!(faults.due(after(70)), [Act::Venue(waiver)]);
    assert_eq!(faults.due(after(500)), [command(MarketCommand::Settle)]);
    assert_eq!(faults.deadline(), None);
}

#[test]
fn what_a_plan_has_begun_is_undone_with_it() {
    let text = "[[fault]]\nname = 'trading_pause'\nfor_ms = 50\n\
                [[fault]]\nname = 'market_pause'\nat_ms = 10\nfor_ms = 50\n\
                [[fault]]\nname = 'cancel_all_tail'\n[[fault]]\nname = 'read_lag'\n\
                [[fault]]\nname = 'connection_lifetime'\nlifetime_ms = 100\n\
                [[fault]]\nname = 'clock_skew'\nskew_ms = 7\n[[fault]]\nname = 'close'";
    let mut faults = faults(text);
    assert_eq!(faults.due(START).len(), 5);
    assert_eq!(faults.skewed(START), after(7));

    let venue = |action| Act::Venue(action);
    let mut undone = faults.undo();
    undone.sort_by_key(|act| format!("{act:?}"));

    // The market's pause has not begun, and what has closed stays closed.
    let expected = [
        Act::Lifetime(None),
        venue(VenueAction::CancelAllTail(0)),
        venue(VenueAction::ReadLag(None)),
        venue(VenueAction::State(ExchangeState::Open)),
    ];
    assert_eq!(undone, expected);
    assert_eq!(faults.skewed(START), START);
    assert_eq!((faults.deadline(), faults.undo()), (None, Vec::new()));
}

#[test]
fn a_spell_that_is_over_is_not_undone_again() {
    let mut faults = faults("[[fault]]\nname = 'exchange_pause'\nfor_ms = 50");
    assert_eq!(faults.due(after(60)).len(), 2);
    assert_eq!(faults.undo(), []);
}

#[test]
fn a_skewed_clock_is_right_again_afterwards() {
    let mut faults = faults("[[fault]]\nname = 'clock_skew'\nskew_ms = -30000\nfor_ms = 50");
    assert_eq!(faults.skewed(START), START);
    assert_eq!(faults.due(START), []);
    assert_eq!(faults.skewed(after(30_000)), START);
    faults.due(after(50));
    assert_eq!(faults.skewed(START), START);
}

#[test]
fn lifetimes_and_cuts_are_acts_of_the_server() {
    let mut faults = faults(
        "[[fault]]\nname = 'connection_lifetime'\nlifetime_ms = 100\n\
         [[fault]]\nname = 'cut'\nat_ms = 50\n[[fault]]\nname = 'void_fill'\nat_ms = 60",
    );
    assert_eq!(faults.due(START), [Act::Lifetime(Some(Nanos::from_ms(100)))]);
    assert_eq!(faults.due(after(50)), [Act::DropConnections]);
    let market = None;
    assert_eq!(faults.due(after(60)), [Act::Venue(VenueAction::VoidFill { market })]);
    assert_eq!(faults.deadline(), None);
}

#[test]
fn messages_are_late_by_a_distribution() {
    let text = "[[fault]]\nname = 'delay_message'\non = 'fill'\ndelay_ms = 10\ndelay_max_ms = 90";
    let mut faults = faults(text);
    let fill = "{\"type\":\"fill\",\"sid\":1,\"msg\":{}}";
    let mut spans = std::collections::BTreeSet::new();
    for _ in 0..100 {
        match faults.message(START, SESSION, fill) {
            Some(MessageFault::Delay(span)) => spans.insert(span.ns()),
            other => panic!("{other:?}"),
        };
    }
    assert!(spans.len() > 50, "{} spans", spans.len());
    assert!(spans.iter().all(|ns| (10_000_000..=90_000_000).contains(ns)));
    assert_eq!(faults.message(START, SESSION, "{\"type\":\"trade\"}"), None);
}

#[test]
fn formats_change_as_the_fault_says() {
    let text = r#"{"type":"fill","msg":{"count_fp":"1.50","order_id":"5e-1","ts":[{"a":null}]}}"#;
    let check = |rule: &str, expected: &str| {
        let plan = FaultPlan::parse(&format!("[[fault]]\nname = 'changed_message'\n{rule}"));
        let Rule::Message { trouble: MessageTrouble::Changed(change), .. } =
            plan.unwrap().rules[0].clone()
        else {
            panic!("{rule} is no change")
        };
        assert_eq!(change.apply(text), expected);
        assert_eq!(change.apply("no JSON"), "no JSON");
    };
    check(
        "how = 'reordered'",
        r#"{"msg":{"ts":[{"a":null}],"order_id":"5e-1","count_fp":"1.50"},"type":"fill"}"#,
    );
    check(
        "how = 'numbers'",
        r#"{"type":"fill","msg":{"count_fp":1.5,"order_id":"5e-1","ts":[{"a":null}]}}"#,
    );
    check(
        "how = 'missing'\nfield = 'count_fp'",
        r#"{"type":"fill","msg":{"order_id":"5e-1","ts":[{"a":null}]}}"#,
    );
    check(
        "how = 'renamed'\nfield = 'a'\nto = 'b'",
        r#"{"type":"fill","msg":{"count_fp":"1.50","order_id":"5e-1","ts":[{"b":null}]}}"#,
    );
    let plan = FaultPlan::parse("[[fault]]\nname = 'changed_answer'\nhow = 'new'").unwrap();
    let Rule::Request { trouble: RequestTrouble::Edited(edit), .. } = plan.rules[0] else {
        panic!("an answer is edited")
    };
    let unheard_of = r#"{"unheard_of":{"of":[1,null,"sorts"]},"a":1}"#;
    assert_eq!(edit.apply(r#"{"a":1}"#), unheard_of);
    complains(
        "[[fault]]\nname = 'changed_answer'\nhow = 'renamed'\nfield = 'a'",
        "fault 1 (changed_answer): to must be the name of a field",
    );
    complains(
        "[[fault]]\nname = 'subscription_error'\ncode = 12",
        "fault 1 (subscription_error): code must be 10",
    );
}

#[test]
fn answers_are_changed_where_the_fault_says() {
    let body = r#"{"cursor":"x","order_id":"1","orders":[{"order_id":"2","side":"bid"}]}"#;
    assert_eq!(Edit::NoOrderId.apply(body), r#"{"cursor":"x","orders":[{"side":"bid"}]}"#);
    assert!(!Edit::WrongOrderId.apply(body).contains("\"order_id\":\"2\""));
    assert!(Edit::ShortPage.apply(body).starts_with("{\"cursor\":\"\""));
    assert_eq!(Edit::NoOrderId.apply("<html>"), "<html>");
}
