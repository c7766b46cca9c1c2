//! Lines of one or several producers: receipts, answers, duplicates, batches, ends.

use crate::ids::SignalId;
use crate::recorder::record::{Hop, Record};
use crate::risk::Limit;
use crate::units::Timestamp;

use super::*;

#[test]
fn bad_lines_are_told_with_their_number_and_harm_nobody() {
    let mut bytes = line("a").into_bytes();
    bytes.extend(line("b").replace("\"yes_ask\":48", "\"yes_ask\":0").bytes());
    bytes.extend(b"\n  \r\n{\"id\":\n\xff\xfe\n");
    bytes.extend(line("c").replace("\"cents\":7", "\"cents\":NaN").bytes());
    bytes.extend(vec![b'x'; 1 << 20]);
    bytes.push(b'\n');
    bytes.extend(line("d").bytes());
    let output = run(&bytes);
    assert_eq!(output.passed(), ["a", "d"]);
    let malformed = output.malformed();
    assert_eq!(malformed.len(), 5, "{malformed:?}");
    assert_eq!(malformed[0], "2 bad_value: kalshi.yes_ask: 0");
    assert!(malformed[1].starts_with("5 bad_json: unexpected end"), "{}", malformed[1]);
    assert!(malformed[2].starts_with("6 bad_utf8"), "{}", malformed[2]);
    assert!(malformed[3].starts_with("7 bad_json") && malformed[3].ends_with("NaN"));
    assert!(malformed[4].starts_with("8 line_too_long"), "{}", malformed[4]);
    assert_eq!(output.signals.iter().map(|signal| signal.line).collect::<Vec<_>>(), [1, 9]);
}

#[test]
fn the_outcome_is_the_same_wherever_the_stream_is_cut() {
    let batch = format!("{{\"cycle\":4,\"signals\":[{}, {{}}]}}\n", line("m").trim_end());
    let stream =
        [line("a"), "{\"bad\":1}\n".into(), batch, line("last").trim_end().into()].concat();
    let summary = |output: &Output| (output.signals.clone(), output.malformed(), output.refused());
    let whole = summary(&run(&stream));
    assert_eq!(whole.0.len(), 3);
    assert_eq!(whole.1.len(), 2);
    for cut in 0..=stream.len() {
        let mut bench = Bench::new(IntakeConfig::default());
        let (first, second) = stream.as_bytes().split_at(cut);
        // The second half becomes readable only after the first was taken.
        let memory = Source::scheduled(vec![
            (Timestamp::ZERO, first.to_vec()),
            (Timestamp::from_ns(1), second.to_vec()),
        ]);
        bench.add(0, memory);
        let mut output = bench.settle();
        bench.clock.set(1);
        let rest = bench.settle();
        output.signals.extend(rest.signals);
        output.records.extend(rest.records);
        let mut seen = summary(&output);
        for signal in &mut seen.0 {
            (signal.received, signal.decoded) = (Timestamp::ZERO, Timestamp::ZERO);
        }
        assert_eq!(seen, whole, "cut at {cut}");
    }
}

#[test]
fn the_last_line_needs_no_newline_but_must_be_whole() {
    let whole = line("a");
    assert_eq!(run(whole.trim_end()).passed(), ["a"]);
    let cut = &whole[..whole.len() - 3];
    assert_eq!(
        run(cut).malformed(),
        [format!("1 cut_short: source ended {} bytes into the line", cut.len())]
    );
    assert_eq!(run("{\"a\":1}").malformed(), ["1 missing_field: should_trade"]);
    assert_eq!(run(vec![b'x'; 200_000]).malformed().len(), 1);
    assert_eq!(run("").received(), 0);
}

#[test]
fn a_batch_cut_short_passes_nothing_on() {
    let batch = format!("{{\"cycle\":4,\"signals\":[{},", line("m").trim_end());
    let output = run(&batch);
    assert_eq!(output.passed(), Vec::<&str>::new());
    assert!(output.malformed()[0].starts_with("1 cut_short"));
}

#[test]
fn a_repeated_id_is_refused_whoever_sends_it() {
    let mut bench = Bench::new(IntakeConfig::default());
    bench.intake.remember(SignalId::new(b"before").unwrap());
    bench.add(1, Source::memory([line("a"), line("before"), line("a")].concat().as_bytes()));
    bench.add(2, Source::memory(line("a").as_bytes()));
    let output = bench.settle();
    output.check_answered();
    assert_eq!(output.passed(), ["a"]);
    assert_eq!(output.refused_by(Limit::DuplicateSignal), 3);
    assert!(output.refused().contains(&"before duplicate_signal 2/1".to_owned()));
    let mut ended = output.ended();
    ended.sort_unstable();
    assert_eq!(ended, [1, 2]);
}

#[test]
fn signals_not_to_be_traded_are_counted_and_leave_their_id_free() {
    let idle = line("a").replace("true", "false");
    let output = run([idle.clone(), idle, line("a")].concat());
    assert_eq!((output.received(), output.not_tradeable()), (3, 2));
    assert_eq!(output.passed(), ["a"]);
}

#[test]
fn identical_lines_without_an_id_are_one_signal() {
    let nameless = line("").replace("\"id\":\"\",", "");
    let output = run([nameless.clone(), nameless].concat());
    assert_eq!(output.signals.len(), 1);
    assert_eq!(output.refused_by(Limit::DuplicateSignal), 1);
}

#[test]
fn batch_members_live_and_fail_alone() {
    let member = |id: &str| line(id).trim_end().to_owned();
    let nan = member("n").replace("\"cents\":7", "\"cents\":NaN");
    let batch = format!(
        "{{\"cycle\":9,\"signals\":[{}, {nan} ,7,{},{}]}}\n",
        member("a"),
        member("p").replace("\"yes_ask\":48", "\"yes_ask\":100"),
        member("b"),
    );
    let output = run([batch, line("c")].concat());
    assert_eq!(output.passed(), ["a", "b", "c"]);
    let malformed = output.malformed();
    assert!(malformed[0].starts_with("1 bad_json: signals[1]: unexpected at byte"));
    assert_eq!(malformed[1], "1 bad_value: signals[2]: line: 7");
    assert_eq!(malformed[2], "1 bad_value: signals[3]: kalshi.yes_ask: 100");
    assert_eq!(output.received(), 6);
    assert_eq!(output.signals[1].cycle, Some(9), "the batch's cycle is its members'");
}

#[test]
fn members_without_an_id_are_told_apart_by_their_batchs_cycle() {
    let member = line("").replace("\"id\":\"\",", "");
    let batch = |cycle| format!("{{\"cycle\":{cycle},\"signals\":[{}]}}\n", member.trim_end());
    let output = run([batch(1), batch(2), batch(2)].concat());
    assert_eq!(output.signals.len(), 2);
    assert_eq!(output.refused_by(Limit::DuplicateSignal), 1);
}

#[test]
fn lines_may_end_as_on_windows() {
    let bytes = [line("a"), line("b")].concat().replace('\n', "\r\n");
    assert_eq!(run(bytes).passed(), ["a", "b"]);
}

#[test]
fn an_odd_batch_is_one_malformed_line() {
    for (batch, answer) in [
        ("{\"signals\":7}", "1 bad_value: signals: 7"),
        ("{\"cycle\":-1,\"signals\":[]}", "1 bad_value: cycle: -1"),
        (
            "{\"signals\":[{\"signals\":[]}]}",
            "1 bad_value: signals[0]: signals: a batch inside a batch",
        ),
    ] {
        assert_eq!(run(format!("{batch}\n")).malformed(), [answer], "{batch}");
    }
    let empty = run("{\"cycle\":1,\"signals\":[]}\n");
    assert_eq!(empty.received(), 0);
}

#[test]
fn every_line_has_a_receipt_a_span_and_an_intended_time() {
    let mut bench = Bench::new(IntakeConfig::default());
    bench.clock.set(500);
    bench.add(3, Source::memory(line("a").as_bytes()));
    let output = bench.settle();
    let signal = output.signals[0];
    assert_eq!(signal.source, SourceId(3));
    assert_eq!((signal.received.ns(), signal.decoded.ns()), (500, 500));
    let spans = output
        .records
        .iter()
        .filter(|record| matches!(record, Record::Span { hop: Hop::Decode, .. }));
    assert_eq!(spans.count(), 1);
    assert_eq!(bench.intake.decode_fallbacks(), 0);
}
