//! Which signal ids have been here: a fixed-size memory that forgets the oldest.
//!
//! In: ids. Out: new or repeated. 128-bit hashes stand for the ids (a false match among a day's
//! ids is less likely than a bit flip in memory); open addressing at half load, oldest first out.
//! Nothing is allocated after [`Seen::new`].

use crate::ids::SignalId;

/// How many ids are remembered: at three signals per 50 ms cycle, the last 18 minutes of a
/// flood; at the plan's one-second cycles, six hours. The journal's day is preloaded at start.
pub const SEEN_MAX: usize = 65_536;

/// Slots of the table: twice the ids, so that probes stay short.
const SLOTS: usize = SEEN_MAX * 2;

const _: () = assert!(SLOTS.is_power_of_two(), "slots are masked, not divided");

/// Whether an id was here before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    /// For the first time.
    New,
    /// Again.
    Repeat,
}

/// The memory of ids.
#[derive(Debug)]
pub(super) struct Seen {
    /// Hashes by probe position; 0 is empty.
    slots: Box<[u128]>,
    /// Hashes by age: a ring whose next write is the oldest.
    ages: Box<[u128]>,
    next: usize,
}

impl Seen {
    /// An empty memory.
    pub(super) fn new() -> Self {
        Self {
            slots: vec![0; SLOTS].into_boxed_slice(),
            ages: vec![0; SEEN_MAX].into_boxed_slice(),
            next: 0,
        }
    }

    /// Writes every page, so that the first signals do not pay for it.
    pub(super) fn prefault(&mut self) {
        for page in self.slots.chunks_mut(256).chain(self.ages.chunks_mut(256)) {
            page[0] = core::hint::black_box(page[0]);
        }
    }

    /// Remembers `id` and says whether it was here before.
    pub(super) fn insert(&mut self, id: &SignalId) -> Novelty {
        let hash = hash(id.as_bytes());
        if let Ok(_present) = self.find(hash) {
            return Novelty::Repeat;
        }
        let oldest = core::mem::replace(&mut self.ages[self.next], hash);
        self.next = (self.next + 1) % SEEN_MAX;
        if oldest != 0 {
            self.remove(oldest);
        }
        // Looked up again: removing may have moved the free slot of this probe.
        if let Err(free) = self.find(hash) {
            self.slots[free] = hash;
        }
        Novelty::New
    }

    /// The slot that holds `hash`, or the free one that ends its probe.
    fn find(&self, hash: u128) -> Result<usize, usize> {
        let mut at = home(hash);
        // Ends: half of the slots are free.
        loop {
            match self.slots[at] {
                0 => return Err(at),
                held if held == hash => return Ok(at),
                _ => at = (at + 1) % SLOTS,
            }
        }
    }

    /// Removes `hash` and closes the gap, so that no probe breaks off early.
    fn remove(&mut self, hash: u128) {
        let Ok(mut gap) = self.find(hash) else { return };
        let mut at = gap;
        loop {
            at = (at + 1) % SLOTS;
            let held = self.slots[at];
            if held == 0 {
                break;
            }
            // May move back only if its home is not inside (gap, at].
            let distance = at.wrapping_sub(home(held)) % SLOTS;
            if distance >= at.wrapping_sub(gap) % SLOTS {
                self.slots[gap] = held;
                gap = at;
            }
        }
        self.slots[gap] = 0;
    }
}

/// Where a hash's probe begins. FNV alone leaves the ids of a counting producer side by side,
/// and probes would grow into thousands: the halves are mixed first (MurmurHash3's finaliser).
#[expect(clippy::cast_possible_truncation, reason = "only the low bits choose the slot")]
const fn home(hash: u128) -> usize {
    let mut mixed = (hash >> 64) as u64 ^ hash as u64;
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (mixed ^ (mixed >> 33)) as usize % SLOTS
}

/// FNV-1a in 128 bits, never 0.
fn hash(text: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash =
        text.iter().fold(OFFSET, |hash, &byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    if hash == 0 { 1 } else { hash }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> SignalId {
        SignalId::new(format!("sig-{number:06}").as_bytes()).unwrap()
    }

    #[test]
    fn an_id_is_new_once() {
        let mut seen = Seen::new();
        seen.prefault();
        assert_eq!(seen.insert(&id(1)), Novelty::New);
        assert_eq!(seen.insert(&id(2)), Novelty::New);
        assert_eq!(seen.insert(&id(1)), Novelty::Repeat);
    }

    #[test]
    fn the_oldest_is_forgotten_and_only_the_oldest() {
        let mut seen = Seen::new();
        let extra = 20_000;
        for number in 0..SEEN_MAX + extra {
            assert_eq!(seen.insert(&id(number)), Novelty::New, "{number}");
        }
        for number in extra..SEEN_MAX + extra {
            assert_eq!(seen.insert(&id(number)), Novelty::Repeat, "{number}");
        }
        assert_eq!(seen.slots.iter().filter(|&&slot| slot != 0).count(), SEEN_MAX);
        let probe = |at: usize| at.wrapping_sub(home(seen.slots[at])) % SLOTS;
        let longest = (0..SLOTS).filter(|&at| seen.slots[at] != 0).map(probe).max();
        assert!(longest < Some(64), "ids that count up do not crowd: {longest:?}");
        assert_eq!(seen.insert(&id(0)), Novelty::New);
        assert_eq!(seen.insert(&id(extra)), Novelty::New, "pushed out by the one before");
    }
}
