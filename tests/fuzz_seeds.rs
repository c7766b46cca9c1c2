//! The checks of the fuzz targets over their seeds and some thousand seeded mutations of each.
//!
//! In: `tests/fuzz/seeds`. Out: the first input that fails a check, by its seed file and number.
//! libFuzzer looks further (`tests/fuzz/README.md`); this keeps what it found from coming back.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use kalshi_exec::runtime::random::Random;

#[path = "fuzz/checks/exchange_json.rs"]
mod exchange_json;
#[path = "fuzz/checks/http1.rs"]
mod http1;
#[path = "fuzz/checks/journal.rs"]
mod journal;
#[path = "fuzz/checks/ndjson.rs"]
mod ndjson;
#[path = "fuzz/checks/websocket.rs"]
mod websocket;

/// Enough to meet each branch of a reader, and a few seconds of an unoptimised build.
const MUTATIONS: u64 = 2_000;

#[test]
fn http_responses_read_the_same_however_they_are_cut() {
    mutate("http1", http1::check);
}

#[test]
fn websocket_bytes_read_the_same_however_they_are_cut() {
    mutate("websocket", websocket::check);
}

#[test]
fn the_exchanges_json_means_the_same_however_it_is_written() {
    mutate("exchange_json", exchange_json::check);
}

#[test]
fn every_line_of_a_producer_has_its_answer() {
    mutate("ndjson", ndjson::check);
}

#[test]
fn damaged_journals_end_in_an_error() {
    mutate("journal", journal::check);
}

#[track_caller]
fn mutate(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target);
    let entries = fs::read_dir(&folder).expect("seeds are there");
    let mut seeds: Vec<_> = entries.map(|entry| entry.expect("a folder of files").path()).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "no seed in {}", folder.display());
    for path in seeds {
        let seed = fs::read(&path).expect("seeds are files");
        for number in 0..MUTATIONS {
            let input = mutation(&seed, number);
            let ended = catch_unwind(AssertUnwindSafe(|| check(&input)));
            assert!(ended.is_ok(), "{} mutation {number}: {input:02x?}", path.display());
        }
    }
}

/// The seed with up to eight places changed; number 0 is the seed itself.
fn mutation(seed: &[u8], number: u64) -> Vec<u8> {
    let mut random = Random::new(number);
    let mut input = seed.to_vec();
    for _ in 0..number.min(1 + random.below(8)) {
        let at = place(&mut random, input.len());
        match random.below(5) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = random.next().to_le_bytes()[0],
            2 if at < input.len() => drop(input.remove(at)),
            3 => input.insert(at, random.next().to_le_bytes()[0]),
            _ => {
                // A piece of itself, somewhere else.
                let from = place(&mut random, input.len());
                let to = (from + place(&mut random, 32)).min(input.len());
                let piece = input[from..to].to_vec();
                input.splice(at..at, piece);
            }
        }
    }
    input
}

fn place(random: &mut Random, len: usize) -> usize {
    let bound = u64::try_from(len).expect("inputs are small") + 1;
    usize::try_from(random.below(bound)).expect("below a length")
}
