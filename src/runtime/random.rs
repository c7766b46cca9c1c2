//! Chance from a seed: SplitMix64. The same seed gives the same numbers; not for secrets.

/// A small seeded generator, well spread from any seed, zero included.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Starts from a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `bound`, which is small against 2^64: the remainder's bias is nothing. Zero
    /// for a bound of zero.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// A number from `low` to `high`, both included.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Whether an event of probability `per_mille` / 1000 happens.
    pub const fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1_000) < per_mille as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_reproduces_everything() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..8).map(|_| random.between(10, 50)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(0).iter().all(|value| (10..=50).contains(value)));
    }

    #[test]
    fn chances_come_out_about_as_often_as_they_say() {
        let mut random = Random::new(1);
        let hits = (0..10_000).filter(|_| random.chance(850)).count();
        assert!((8_300..8_700).contains(&hits), "{hits}");
    }
}
