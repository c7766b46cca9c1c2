//! What was appended is read back, whatever happened to the process; what was lost is told.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::ids::MarketIx;
use crate::ids::{RunId, Ticker};
use crate::kalshi::market::{FeeSchedule, Market, TickGrid};
use crate::recorder::pack::sample::{Dice, Sample};
use crate::recorder::record::{CHILDREN_MAX, ExecutionResult, Hop};
use crate::units::{Nanos, Timestamp, WallTime};

const SMALL_SEGMENT: usize = 8 * FRAME_BYTES_MAX;

impl Sample for Entry {
    fn sample(dice: &mut Dice) -> Self {
        match dice.below(26) {
            0 => Self::RunStarted {
                run: dice.any(),
                config_digest: dice.any(),
                seed: dice.any(),
                mode: dice.any(),
            },
            1 => {
                let text: Vec<u8> = (0..dice.below(Chunk::BYTES_MAX)).map(|_| dice.any()).collect();
                Chunk::split(&text).next().map_or(Self::Timer, Self::Settings)
            }
            2 => Self::Market(Market {
                ticker: dice.any(),
                ix: MarketIx(dice.any()),
                event: dice.any(),
                grid: TickGrid::linear_cent(),
                exchange_index: dice.any(),
                fees: FeeSchedule::QUADRATIC,
                active: dice.any(),
            }),
            3 => Self::Opening { ticker: dice.any(), position: dice.any(), cost: dice.any() },
            4 => Self::OpeningCash { cash: dice.any() },
            5 => Self::Signal(dice.any()),
            6 => Self::Gateway(dice.any()),
            7 => Self::Feed(dice.any()),
            8 => Self::Fetch(dice.any()),
            9 => Self::Control(dice.any()),
            10 => Self::Timer,
            11 => Self::Submit(dice.any()),
            12 => Self::Cancel(dice.any()),
            13 => Self::CancelAll,
            14 => Self::Ask(dice.any()),
            15 => Self::Result(dice.any()),
            16 => Self::Risk(dice.any()),
            17 => Self::MarketRisk(dice.any()),
            18 => Self::Past(dice.any()),
            19 => Self::Amend(dice.any()),
            20 => Self::Decrease(dice.any()),
            21 => Self::Resend(dice.any()),
            22 => Self::Group { shard: dice.any(), group: dice.any() },
            23 => Self::Voided(dice.any()),
            24 => Self::Restated(dice.any()),
            _ => Self::RunEnded,
        }
    }
}

fn at(step: u64) -> Now {
    Now {
        mono: Timestamp::from_ns(step * 1_000),
        wall: WallTime::from_unix_ms(1_767_225_600_000 + step),
    }
}

fn entries(seed: u64, count: usize) -> Vec<Entry> {
    let mut dice = Dice::new(seed);
    (0..count).map(|_| dice.any()).collect()
}

fn append_all(journal: &mut impl Journal, entries: &[Entry]) {
    for (step, entry) in entries.iter().enumerate() {
        journal.append(at(step as u64), entry).unwrap();
    }
}

fn memory(seed: u64, count: usize) -> (Vec<u8>, Vec<Entry>) {
    let entries = entries(seed, count);
    let mut journal = MemoryJournal::new(RunId::new(7));
    append_all(&mut journal, &entries);
    (journal.bytes().to_vec(), entries)
}

fn read_all(mut reader: JournalReader) -> (Vec<Entry>, JournalReader) {
    let mut found = Vec::new();
    for item in reader.by_ref() {
        found.push(item.unwrap().1);
    }
    (found, reader)
}

fn read_dir(dir: &Path) -> Vec<Entry> {
    read_all(JournalReader::open(dir).unwrap()).0
}

fn open(dir: &Path, run: u64) -> (StateDir, Opened) {
    let state = StateDir::open(dir, "paper").unwrap();
    let opened = MappedJournal::open(&state, RunId::new(run), SMALL_SEGMENT).unwrap();
    (state, opened)
}

fn segment_files(dir: &Path) -> Vec<PathBuf> {
    state_dir::segments(dir).unwrap().into_iter().map(|(_, path)| path).collect()
}

#[test]
fn entries_come_back_in_order_with_their_times() {
    let (bytes, entries) = memory(1, 200);
    for (index, item) in JournalReader::from_bytes(bytes).unwrap().enumerate() {
        let (header, entry) = item.unwrap();
        assert_eq!(header.seq, index as u64 + 1);
        assert_eq!(header.run, RunId::new(7));
        assert_eq!(header.now, at(index as u64));
        assert_eq!(entry, entries[index]);
    }
}

#[test]
fn every_entry_fits_a_frame() {
    let mut dice = Dice::new(3);
    let text = |byte: u8, count: usize| String::from_utf8(vec![byte; count]).unwrap();
    let mut child: crate::recorder::record::ChildResult = dice.any();
    child.order_id = crate::ids::OrderId::lossy(&text(b'o', 40));
    let largest = ExecutionResult {
        signal_id: crate::ids::SignalId::lossy(&text(b's', 64)),
        ticker: Ticker::lossy(&text(b'T', 64)),
        expected_price: Some(child.limit_price),
        error: Some(crate::recorder::record::ResultError {
            code: crate::ids::Reason::lossy(&text(b'c', 96)),
            message: crate::ids::Reason::lossy(&text(b'm', 96)),
        }),
        orders: [Some(child); CHILDREN_MAX],
        hops: crate::recorder::record::Hops { spans: [Some(Nanos::from_ns(1)); Hop::COUNT] },
        ..dice.any()
    };
    let chunk = Chunk::split(&[b'x'; Chunk::BYTES_MAX]).next().unwrap();
    let mut journal = MemoryJournal::new(RunId::new(1));
    append_all(&mut journal, &[Entry::Result(largest), Entry::Settings(chunk)]);
    assert_eq!(read_all(JournalReader::from_bytes(journal.bytes().to_vec()).unwrap()).0.len(), 2);
}

#[test]
fn identical_input_gives_identical_bytes() {
    assert_eq!(memory(9, 50).0, memory(9, 50).0);
    assert_ne!(memory(9, 50).0, memory(10, 50).0);
}

proptest! {
    #[test]
    fn a_cut_journal_keeps_every_whole_entry(
        seed in any::<u64>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let (bytes, entries) = memory(seed, 20);
        let cut = 64 + cut.index(bytes.len() - 64);
        let mut cut_bytes = bytes[..cut].to_vec();
        // As after a kill: the file is as long as before, the rest was never written.
        cut_bytes.resize(bytes.len(), 0);

        let (found, reader) = read_all(JournalReader::from_bytes(cut_bytes).unwrap());

        prop_assert_eq!(&found[..], &entries[..found.len()]);
        if found.len() < entries.len() && reader.torn().is_none() {
            // Cut exactly between two entries, or in bytes that were zero anyway.
            let (_, end) = reader.position().unwrap();
            let lost = bytes.get(end..cut).unwrap_or(&[]);
            prop_assert!(lost.iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn a_flipped_bit_is_never_read_as_an_entry(
        seed in any::<u64>(),
        place in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let (mut bytes, entries) = memory(seed, 20);
        let place = 64 + place.index(bytes.len() - 64);
        bytes[place] ^= 1 << bit;

        let items: Vec<_> = JournalReader::from_bytes(bytes).unwrap().collect();

        // Padding carries nothing: then all entries are there. Otherwise what is read is a
        // prefix, and unless the last entry was hit, the damage is an error.
        let good: Vec<Entry> = items.iter().flatten().map(|(_, entry)| *entry).collect();
        prop_assert_eq!(&good[..], &entries[..good.len()]);
        let damage = items.iter().any(Result::is_err);
        prop_assert!(damage || good.len() >= entries.len() - 1);
    }

    #[test]
    fn random_bytes_never_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let (mut journal, _) = memory(1, 1);
        journal.extend_from_slice(&bytes);
        let after_head = JournalReader::from_bytes(journal).unwrap().flatten().count();
        prop_assert!(after_head <= 1);
        let from_nothing =
            JournalReader::from_bytes(bytes).map_or(0, |reader| reader.flatten().count());
        prop_assert_eq!(from_nothing, 0);
    }
}

#[test]
fn segments_follow_each_other_without_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let entries = entries(5, 1_000);
    let (_state, Opened { mut journal, mut keeper, .. }) = open(dir.path(), 1);

    for (step, entry) in entries.iter().enumerate() {
        journal.append(at(step as u64), entry).unwrap();
        let _work = keeper.poll(Timestamp::from_ns(step as u64 * 2_000_000_000));
        assert!(keeper.failure().is_none());
    }

    assert_eq!(read_dir(dir.path()), entries, "while the engine runs");
    drop(journal);
    keeper.finish().unwrap();
    assert_eq!(read_dir(dir.path()), entries, "after it has ended");
    let files = segment_files(dir.path());
    assert!(files.len() > 3);
    let sizes: Vec<u64> = files.iter().map(|path| fs::metadata(path).unwrap().len()).collect();
    assert!(sizes.iter().all(|&size| size > 64 && size < SMALL_SEGMENT as u64), "{sizes:?}");
}

#[test]
fn what_is_rehearsed_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (_lock, Opened { mut journal, .. }) = open(dir.path(), 1);
    let written = entries(9, 4);
    for entry in &written {
        journal.rehearse(at(1), &written[3]);
        journal.append(at(1), entry).unwrap();
    }
    journal.rehearse(at(1), &written[0]);
    assert_eq!(journal.next_seq(), 5);
    drop(journal);
    assert_eq!(read_dir(dir.path()), written);
}

#[test]
fn without_a_next_segment_an_append_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_state, Opened { mut journal, mut keeper, .. }) = open(dir.path(), 1);
    let entry = entries(2, 1)[0];

    let mut kept = 0;
    let error = loop {
        match journal.append(at(kept), &entry) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };

    assert!(matches!(error, JournalError::Full));
    assert_eq!(read_dir(dir.path()).len() as u64, kept);
    // The recorder wakes up: the same entry is taken, under the next number.
    let _work = keeper.poll(Timestamp::from_ns(1));
    journal.append(at(kept), &entry).unwrap();
    assert_eq!(read_dir(dir.path()).len() as u64, kept + 1);
}

#[test]
fn a_second_run_continues_the_numbers_in_a_new_segment() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (entries(1, 10), entries(2, 10));
    for (run, entries) in [(1, &first), (2, &second)] {
        let (_state, Opened { mut journal, keeper, cut }) = open(dir.path(), run);
        assert_eq!(cut, None);
        append_all(&mut journal, entries);
        drop(journal);
        keeper.finish().unwrap();
    }

    let headers: Vec<Header> =
        JournalReader::open(dir.path()).unwrap().map(|item| item.unwrap().0).collect();
    assert_eq!(
        headers.iter().map(|header| header.seq).collect::<Vec<_>>(),
        (1..=20).collect::<Vec<_>>()
    );
    assert_eq!(headers[9].run, RunId::new(1));
    assert_eq!(headers[10].run, RunId::new(2));

    let mut copy = Vec::new();
    assert_eq!(copy_run(dir.path(), RunId::new(2), &mut copy).unwrap(), 10);
    let (copied, reader) = read_all(JournalReader::from_bytes(copy).unwrap());
    assert_eq!(copied, second);
    assert_eq!(reader.next_seq(), 21);
}

#[test]
fn a_torn_tail_is_cut_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let before = entries(4, 12);
    let (state, Opened { mut journal, keeper, .. }) = open(dir.path(), 1);
    append_all(&mut journal, &before);
    let at_kill = segment_files(dir.path())[0].clone();
    let mut bytes = fs::read(&at_kill).unwrap();
    drop((journal, keeper, state));

    // Half of an entry, as a kill in the middle of the copy leaves it.
    let (_, reader) = read_all(JournalReader::open(&at_kill).unwrap());
    let (_, end) = reader.position().unwrap();
    bytes[end..end + 20].copy_from_slice(&[0x5a; 20]);
    fs::write(&at_kill, &bytes).unwrap();

    let (_state, Opened { mut journal, cut, .. }) = open(dir.path(), 2);
    assert_eq!(cut, Some(Torn { path: at_kill.clone(), offset: end }));
    assert_eq!(fs::metadata(&at_kill).unwrap().len(), end as u64);
    assert_eq!(journal.next_seq(), 13);
    append_all(&mut journal, &before[..1]);
    assert_eq!(read_dir(dir.path()).len(), 13);
}

#[test]
fn lost_entries_before_the_end_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (state, Opened { mut journal, keeper, .. }) = open(dir.path(), 1);
    append_all(&mut journal, &entries(4, 12));
    drop((journal, keeper));
    let path = segment_files(dir.path())[0].clone();
    let mut bytes = fs::read(&path).unwrap();
    bytes[64..128].fill(0);
    fs::write(&path, &bytes).unwrap();

    let error = MappedJournal::open(&state, RunId::new(2), SMALL_SEGMENT).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { offset: 64, .. }), "{error}");
}

#[test]
fn a_missing_segment_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    for run in 1..=3 {
        let (_state, Opened { mut journal, keeper, .. }) = open(dir.path(), run);
        append_all(&mut journal, &entries(run, 5));
        drop(journal);
        keeper.finish().unwrap();
    }
    let files = segment_files(dir.path());
    assert_eq!(files.len(), 3);
    fs::remove_file(&files[1]).unwrap();

    let last = JournalReader::open(dir.path()).unwrap().last().unwrap();
    assert!(matches!(last, Err(JournalError::Gap { found: 11, expected: 6, .. })));
}

#[test]
fn a_state_directory_has_one_engine() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path(), "paper").unwrap();
    let opened = MappedJournal::open(&state, RunId::new(1), SMALL_SEGMENT).unwrap();

    let error = StateDir::open(dir.path(), "paper").unwrap_err();
    assert!(matches!(&error, JournalError::Locked { path } if path == dir.path()));
    assert!(error.to_string().contains(dir.path().to_str().unwrap()));
    drop(state);
    let error = StateDir::open(dir.path(), "paper").unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "the journal still uses it");
    drop(opened);
    assert!(StateDir::open(dir.path(), "paper").is_ok());
}

#[test]
fn a_state_directory_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    drop(StateDir::open(dir.path(), "demo key-1").unwrap());
    let error = StateDir::open(dir.path(), "live key-2").unwrap_err();
    assert!(matches!(&error, JournalError::OwnedByOther { owner, .. } if owner == "demo key-1"));
    assert!(StateDir::open(dir.path(), "demo key-1").is_ok());
}

#[test]
fn what_is_no_directory_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("taken");
    fs::write(&file, "x").unwrap();
    let error = StateDir::open(&file, "paper").unwrap_err();
    assert!(matches!(error, JournalError::Io { .. }));
    assert!(error.to_string().contains("taken"), "{error}");
    assert!(matches!(JournalReader::open(dir.path()), Err(JournalError::NotAJournal { .. })));
}

#[test]
fn a_segment_that_cannot_be_made_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path(), "paper").unwrap();
    // Refused before the disk is asked: a test must not fill anybody's disk.
    let error = MappedJournal::open(&state, RunId::new(1), usize::MAX).unwrap_err();
    assert!(matches!(error, JournalError::Io { .. }), "{error}");
    assert_eq!(segment_files(dir.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_full_disk_is_told_from_other_trouble() {
    let path = Path::new("/state/journal-00000001.kxj");
    for kind in [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded] {
        let error = JournalError::unmade(path, 64, kind.into());
        assert!(matches!(error, JournalError::DiskFull { bytes: 64, .. }), "{error}");
    }
    let error = JournalError::unmade(path, 64, std::io::ErrorKind::PermissionDenied.into());
    assert!(matches!(error, JournalError::Io { .. }), "{error}");
}

#[test]
fn a_journal_of_another_version_is_refused() {
    let (mut bytes, _) = memory(1, 1);
    bytes[8] = 99;
    let error = JournalReader::from_bytes(bytes).unwrap_err();
    assert!(matches!(error, JournalError::Version { found: 99, .. }), "{error}");
}
