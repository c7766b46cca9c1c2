//! The scanner and the full parser are one decoder: same signal or same kind of fault.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::intake::decode::{Decoder, Line, Meaning, reference};
use crate::intake::fault::Fault;
use crate::intake::fields::Fields;
use crate::intake::scan::scan;
use crate::intake::validate::Content;
use crate::intake::{Decoded, decode_line};
use crate::recorder::record::Malformed;

fn by_reference(line: &[u8]) -> Result<Decoded, Fault> {
    match reference(Content { text: line, batch_cycle: None })? {
        Meaning::Signal(decoded) => Ok(decoded),
        Meaning::Batch => Err(Fault::bad("signals", b"a batch inside a batch")),
    }
}

#[track_caller]
fn agree(line: &[u8]) {
    let shown = String::from_utf8_lossy(line);
    let reference = by_reference(line);
    assert_eq!(decode_line(line), reference, "{shown}");
    // What the scanner takes, the full parser must take as JSON.
    if scan(line, &mut Fields::new()).is_some() {
        let kind = reference.map_err(|fault| fault.kind);
        assert!(!matches!(kind, Err(Malformed::Json | Malformed::Utf8)), "{shown}");
    }
}

fn spaces() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "", "", " ", "\t", "  "]).prop_map(str::to_owned)
}

/// Values as producers write them, and as they should not.
fn scalar() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "NaN",
        "-Infinity",
        "{}",
        "[]",
        "\"\"",
        "0",
        "-0",
        "01",
        "1.",
        ".5",
        "1e5",
        "1E-2",
        "0.0",
        "48.0",
        "100",
        "\"a\\u0041\"",
        "\"\\ud800\"",
        "\"é\"",
        "[1,[2,{\"a\":3}]]",
        "{\"cents\":{\"cents\":1}}",
        "\"unterminated",
        "\"tab\t\"",
        "18446744073709551616",
        "",
    ]);
    prop_oneof![
        odd.prop_map(str::to_owned),
        (-5_i64..120).prop_map(|number| number.to_string()),
        (-1_000_000_i64..1_000_000).prop_map(|micros| format!(
            "{}.{:04}",
            micros / 10_000,
            micros.abs() % 10_000
        )),
        any::<u64>().prop_map(|number| number.to_string()),
        "\"[a-zA-Z0-9_.-]{0,70}\"",
        any::<f64>().prop_map(|number| format!("{number:?}")),
    ]
}

fn object(pairs: Vec<(String, String)>, space: &str) -> String {
    let body: Vec<String> = pairs
        .into_iter()
        .map(|(key, value)| format!("{space}\"{key}\"{space}:{space}{value}{space}"))
        .collect();
    format!("{{{}}}", body.join(","))
}

fn pair(key: &'static str, good: &'static str) -> impl Strategy<Value = Vec<(String, String)>> {
    let good = good.to_owned();
    prop_oneof![
        12 => Just(vec![(key.to_owned(), good.clone())]),
        1 => Just(Vec::new()),
        1 => scalar().prop_map(move |value| vec![(key.to_owned(), value)]),
        1 => scalar().prop_map(move |value| {
            vec![(key.to_owned(), value), (key.to_owned(), good.clone())]
        }),
    ]
}

fn extra() -> impl Strategy<Value = Vec<(String, String)>> {
    let keys =
        prop::sample::select(vec!["sport", "percent", "tier", "cents", "i\\u0064", "é", "id"]);
    prop::collection::vec((keys.prop_map(str::to_owned), scalar()), 0..2)
}

fn group(members: Vec<BoxedStrategy<Vec<(String, String)>>>) -> BoxedStrategy<String> {
    (members, extra(), spaces(), any::<prop::sample::Index>())
        .prop_map(|(members, extra, space, shift)| {
            let mut pairs: Vec<_> = members.into_iter().chain([extra]).flatten().collect();
            let count = pairs.len();
            pairs.rotate_left(if count == 0 { 0 } else { shift.index(count) });
            object(pairs, &space)
        })
        .boxed()
}

fn signal_line() -> impl Strategy<Value = String> {
    let kalshi = group(vec![
        pair("ticker", "\"KXNFL-26JAN11-BUF\"").boxed(),
        pair("yes_ask", "48").boxed(),
        pair("no_ask_dollars", "\"0.5300\"").boxed(),
    ]);
    let edge = group(vec![pair("cents", "1.6661").boxed()]);
    let position =
        group(vec![pair("contracts", "25").boxed(), pair("contracts_fp", "null").boxed()]);
    let nested = |key: &'static str, inner: BoxedStrategy<String>| {
        prop_oneof![
            20 => inner.prop_map(move |text| vec![(key.to_owned(), text)]),
            1 => scalar().prop_map(move |text| vec![(key.to_owned(), text)]),
        ]
        .boxed()
    };
    let twice = nested("edge", edge.clone());
    group(vec![
        pair("id", "\"sig-1\"").boxed(),
        pair("ts_ns", "1767225600123456789").boxed(),
        pair("should_trade", "true").boxed(),
        pair("action", "\"BUY_YES\"").boxed(),
        nested("kalshi", kalshi),
        nested("edge", edge),
        nested("position", position),
        prop_oneof![8 => Just(Vec::new()).boxed(), 1 => twice].boxed(),
        pair("time_in_force", "\"fill_or_kill\"").boxed(),
        pair("style", "\"make\"").boxed(),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn scanner_and_reference_agree(line in signal_line()) {
        agree(line.as_bytes());
    }

    #[test]
    fn they_agree_on_damaged_lines(
        line in signal_line(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = line.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        agree(&bytes);
    }

    #[test]
    fn batches_are_split_or_refused_whatever_they_look_like(
        noise in r#"[ \[\]{},:"\\a1]{0,40}"#,
        signal in signal_line(),
        cycle in scalar(),
    ) {
        let batch = format!("{{\"cycle\":{cycle},\"signals\":[{signal},{noise}]}}");
        for line in [noise.as_str(), batch.as_str(), &batch[..batch.len() - noise.len()]] {
            let mut decoder = Decoder::default();
            let Ok(Line::Batch(mut batch)) = decoder.line(line.as_bytes()) else { continue };
            let mut end = 0;
            while let Some(member) = batch.next_member(line.as_bytes()) {
                prop_assert!(end < member.start, "members are told once, in order: {line}");
                end = member.end;
            }
            prop_assert!(end < line.len(), "the array's bracket is no member: {line}");
        }
    }

    #[test]
    fn they_agree_on_noise(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        agree(&bytes);
    }
}

#[test]
fn most_generated_lines_are_signals() {
    // The properties above would mean little if nearly every line were refused early.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut sound = 0;
    for _ in 0..400 {
        let line = signal_line().new_tree(&mut runner).unwrap().current();
        sound += usize::from(decode_line(line.as_bytes()).is_ok());
    }
    assert!(sound > 60, "{sound} of 400");
}
