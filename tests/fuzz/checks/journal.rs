//! Journals: a damaged file gives entries and an error or an end, never a panic or a long wait;
//! an entry that can be read is written back to the same bytes.
//!
//! In: a byte that says as what the rest is read: a file, the frames of a file, or one entry.
//! Fails when more entries come out than could be in, or when an entry has two spellings.

use kalshi_exec::ids::RunId;
use kalshi_exec::recorder::journal::{Entry, FRAME_BYTES_MAX, JournalReader, MemoryJournal};
use kalshi_exec::recorder::pack::{Packer, Unpacker};

/// Checks one input.
pub(crate) fn check(data: &[u8]) {
    let [which, bytes @ ..] = data else { return };
    match which % 3 {
        0 => read(bytes.to_vec()),
        1 => read([MemoryJournal::new(RunId::new(7)).bytes(), bytes].concat()),
        _ => unpack(bytes),
    }
}

fn read(file: Vec<u8>) {
    let bound = file.len();
    if let Ok(reader) = JournalReader::from_bytes(file) {
        let entries = reader.take_while(Result::is_ok).count();
        assert!(entries <= bound, "{entries} entries of {bound} bytes");
    }
}

fn unpack(bytes: &[u8]) {
    let Some(entry) = Unpacker::new(bytes).take::<Entry>() else { return };
    let mut out = [0; FRAME_BYTES_MAX];
    let mut packer = Packer::new(&mut out);
    packer.put(&entry);
    let written = packer.finish().expect("an entry fits its frame");
    assert_eq!(bytes.get(..written), Some(&out[..written]), "{entry:?}");
}
