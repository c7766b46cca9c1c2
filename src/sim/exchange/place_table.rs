//! Where an order is, by the hash of its id: a table of small slots.
//!
//! In: hashes and places. Out: candidates for a hash, which the caller holds against the id
//! itself. Eight bytes a slot and one stretch of memory per operation: what orders cost here is
//! what they cost in waiting for memory (bench `sim_matching`). A slot knows its own hash, so
//! that removing one looks at no order. Never shrinks.

/// A slot that holds nothing: no order is ever there.
const EMPTY: u32 = u32::MAX;

/// Slots of the first table.
const SLOTS_MIN: usize = 16;

/// One order's entry.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    place: u32,
}

const _: () = assert!(size_of::<Slot>() == 8);

/// Places by hash. Open addressing, linear probing; at most half of the slots are taken.
#[derive(Clone, Debug, Default)]
pub(super) struct PlaceTable {
    /// A power of two of them, or none.
    slots: Vec<Slot>,
    len: usize,
}

/// A random id, folded: all its bits are good ones but the version's and the variant's.
pub(super) fn hash_of(id: u128) -> u32 {
    let words = [id >> 96, id >> 64, id >> 32, id].map(|word| word & u128::from(u32::MAX));
    let [a, b, c, d] = words.map(|word| u32::try_from(word).unwrap_or_default());
    a ^ b.rotate_left(7) ^ c.rotate_left(13) ^ d
}

impl PlaceTable {
    fn mask(&self) -> usize {
        self.slots.len() - 1
    }

    /// Notes that what has this hash is at `place`, which it was not before.
    pub(super) fn insert(&mut self, hash: u32, place: u32) {
        assert!(place != EMPTY, "a place below 2^32 - 1");
        if self.slots.len() < 2 * (self.len + 1) {
            self.grow();
        }
        let at = self.probe(hash, |slot| slot.place == EMPTY);
        self.slots[at.expect("half of the slots are empty")] = Slot { hash, place };
        self.len += 1;
    }

    /// The place of what has this hash, where `is_it` says so.
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let is_it = |slot: &Slot| slot.place != EMPTY && slot.hash == hash && is_it(slot.place);
        self.probe(hash, is_it).map(|at| self.slots[at].place)
    }

    /// Forgets what has this hash and is at `place`.
    pub(super) fn remove(&mut self, hash: u32, place: u32) {
        let at = self.probe(hash, |slot| slot.place == place);
        let mut hole = at.expect("what is removed was inserted");
        self.len -= 1;
        // Whatever was pushed along by it moves back, so that no search ends too soon.
        let mask = self.mask();
        let mut next = (hole + 1) & mask;
        while self.slots[next].place != EMPTY {
            let home = self.slots[next].hash as usize & mask;
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(hole) & mask {
                self.slots[hole] = self.slots[next];
                hole = next;
            }
            next = (next + 1) & mask;
        }
        self.slots[hole].place = EMPTY;
    }

    /// The first slot from the hash's own on that is wanted; an empty one ends the search.
    fn probe(&self, hash: u32, is_wanted: impl Fn(&Slot) -> bool) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mut at = hash as usize & self.mask();
        loop {
            let slot = &self.slots[at];
            // An empty slot may itself be what is wanted.
            if is_wanted(slot) {
                return Some(at);
            }
            if slot.place == EMPTY {
                return None;
            }
            at = (at + 1) & self.mask();
        }
    }

    fn grow(&mut self) {
        let count = (2 * self.slots.len()).max(SLOTS_MIN);
        let empty = Slot { hash: 0, place: EMPTY };
        let old = core::mem::replace(&mut self.slots, vec![empty; count]);
        self.len = 0;
        for slot in old.into_iter().filter(|slot| slot.place != EMPTY) {
            self.insert(slot.hash, slot.place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::sim::exchange::random::Random;

    #[test]
    fn agrees_with_a_plain_map_where_hashes_collide() {
        let (mut table, mut plain) = (PlaceTable::default(), HashMap::new());
        let mut random = Random::new(3);
        for place in 0..20_000_u32 {
            // Few hashes, close together and around the table's end: all of them collide.
            let hash = u32::try_from(random.below(200)).unwrap().wrapping_sub(100);
            table.insert(hash, place);
            plain.insert(place, hash);
            let other = u32::try_from(random.below(u64::from(place) + 1)).unwrap();
            if let Some(hash) = plain.get(&other).copied().filter(|_| plain.len() > 300) {
                table.remove(hash, other);
                plain.remove(&other);
                assert_eq!(table.find(hash, |it| it == other), None);
            }
            if place % 1_000 == 0 {
                for (place, hash) in &plain {
                    assert_eq!(table.find(*hash, |it| it == *place), Some(*place));
                }
            }
        }
        assert_eq!(table.len, plain.len());
    }

    #[test]
    fn a_hash_alone_finds_nothing() {
        let mut table = PlaceTable::default();
        assert_eq!(table.find(7, |_| true), None);
        table.insert(7, 1);
        assert_eq!(table.find(7, |_| false), None);
        assert_eq!(table.find(8, |_| true), None);
        assert_eq!(table.find(7, |place| place == 1), Some(1));
        table.remove(7, 1);
        assert_eq!(table.find(7, |_| true), None);
    }
}
