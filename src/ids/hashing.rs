//! How ids are hashed: fast, and without a random seed, so that nothing depends on the process.
//!
//! In: an id's text. Out: a place in a table. Never meant for keys that somebody could choose to
//! flood a table: these are the exchange's own ids and the tickers of its markets.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use super::InlineText;

/// Mixes eight bytes at a time: a key has over forty, and byte by byte they would cost more than
/// the rest of a look-up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words(u64);

/// Tables of ids.
pub type Seedless = BuildHasherDefault<Words>;

impl Words {
    /// The golden ratio's fraction: odd, and without pattern.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

    const fn mix(&mut self, word: u64) {
        // A product's high bits depend on all of the word; the rotation brings them down.
        self.0 = (self.0 ^ word).wrapping_mul(Self::FACTOR).rotate_left(29);
    }
}

impl Hasher for Words {
    fn write(&mut self, bytes: &[u8]) {
        let (words, tail) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        match bytes.last_chunk::<8>() {
            // Some of it twice, which costs less than what is left byte by byte.
            Some(last) if !tail.is_empty() => self.mix(u64::from_le_bytes(*last)),
            Some(_) => {}
            None => tail.iter().for_each(|byte| self.mix(u64::from(*byte))),
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(u64::from(byte));
    }

    fn write_usize(&mut self, length: usize) {
        self.mix(length as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes its place from the low bits and its tag from the high ones.
        self.0 ^ (self.0 >> 32)
    }
}

/// Only the text: what is behind it is the same in equal ids.
impl<const N: usize> Hash for InlineText<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.len);
        state.write(self.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher as _;

    use super::*;
    use crate::ids::Ticker;

    #[test]
    fn tickers_that_differ_in_one_place_have_places_of_their_own() {
        let mut texts: Vec<String> = (1..=64).map(|length| "A".repeat(length)).collect();
        for place in 0..40 {
            for other in ["B", "-", "7"] {
                let mut text = "KXNFL-26JAN11-BUFKXNFL-26JAN11-BUFKXNFL-26".to_owned();
                text.replace_range(place..=place, other);
                texts.push(text);
            }
        }
        texts.sort();
        texts.dedup();
        let hash = |text: &String| {
            Seedless::default().hash_one(Ticker::new(text.as_bytes()).expect("a plain ticker"))
        };
        let all: HashSet<u64> = texts.iter().map(hash).collect();
        assert_eq!(all.len(), texts.len());
        // A table of 256 places is not left half empty by them.
        let low: HashSet<u64> = all.iter().map(|hash| hash % 256).collect();
        let high: HashSet<u64> = all.iter().map(|hash| hash >> 57).collect();
        assert!(low.len() > 90 && high.len() > 60, "{} and {}", low.len(), high.len());
    }
}
