//! A line in which everybody has a number: who came later stands behind.
//!
//! In: numbers that only grow, and what each stands for. Out: what is still there, first come
//! first. Leaving from the middle leaves a gap that is closed later, so that it costs a search
//! and not a shift. Invariant: the front is no gap.

use std::collections::VecDeque;

/// So many may have left before the line is tidied up, when they are more than those who wait.
const LEFT_MAX: usize = 32;

/// One place.
#[derive(Clone, Copy, Debug)]
struct Waiting<T> {
    seq: u64,
    /// `None` once it has left; what follows moves up later.
    it: Option<T>,
}

/// A line of what is known by its number.
#[derive(Clone, Debug)]
pub(super) struct Lane<T> {
    waiting: VecDeque<Waiting<T>>,
    /// How many of them have left.
    left: usize,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), left: 0 }
    }
}

impl<T: Copy> Lane<T> {
    /// Adds one at the end.
    pub(super) fn push(&mut self, seq: u64, it: T) {
        let last = self.waiting.back().map(|last| last.seq);
        assert!(last.is_none_or(|last| last < seq), "numbers only grow");
        self.waiting.push_back(Waiting { seq, it: Some(it) });
    }

    /// Takes out what has this number.
    pub(super) fn remove(&mut self, seq: u64) {
        let place = self.place_of(seq);
        let waiting = self.waiting.get_mut(place).filter(|it| it.seq == seq);
        let left = waiting.and_then(|it| it.it.take());
        assert!(left.is_some(), "what is taken out is there");
        self.left += 1;
        while self.waiting.front().is_some_and(|it| it.it.is_none()) {
            self.waiting.pop_front();
            self.left -= 1;
        }
        if self.left > LEFT_MAX && self.left * 2 > self.waiting.len() {
            self.waiting.retain(|it| it.it.is_some());
            self.left = 0;
        }
    }

    /// Where a number is, or would be. Looks from the front in growing steps: who leaves has
    /// mostly come early, and a long line is not in the caches as a whole.
    fn place_of(&self, seq: u64) -> usize {
        let (mut low, mut high) = (0, 1);
        while high < self.waiting.len() && self.waiting[high].seq < seq {
            (low, high) = (high, 2 * high);
        }
        high = high.min(self.waiting.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.waiting[middle].seq < seq {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Whether nobody is left.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The one in front.
    pub(super) fn first(&self) -> Option<T> {
        self.waiting.front().and_then(|front| front.it)
    }

    /// Who is there, first come first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = T> + use<'_, T> {
        self.waiting.iter().filter_map(|waiting| waiting.it)
    }

    /// Who is in front of a number.
    pub(super) fn ahead_of(&self, seq: u64) -> impl Iterator<Item = T> + use<'_, T> {
        self.waiting.iter().take_while(move |it| it.seq < seq).filter_map(|waiting| waiting.it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::exchange::random::Random;

    #[test]
    fn whoever_leaves_the_others_keep_their_order() {
        let (mut lane, mut plain) = (Lane::default(), Vec::new());
        let mut random = Random::new(11);
        let mut seq = 0;
        for _ in 0..5_000 {
            if random.below(2) == 0 || plain.is_empty() {
                seq += 1 + random.below(3);
                lane.push(seq, seq);
                plain.push(seq);
            } else {
                // Early ones more often, any one sometimes.
                let bound = if random.below(4) == 0 { plain.len() } else { plain.len().min(9) };
                let place = usize::try_from(random.below(bound as u64)).unwrap();
                lane.remove(plain.remove(place));
            }
            assert_eq!(lane.first(), plain.first().copied());
            assert_eq!(lane.is_empty(), plain.is_empty());
        }
        assert!(lane.iter().eq(plain.iter().copied()));
        let middle = plain[plain.len() / 2];
        assert_eq!(lane.ahead_of(middle).count(), plain.len() / 2);
    }

    #[test]
    #[should_panic(expected = "what is taken out is there")]
    fn nobody_leaves_twice() {
        let mut lane = Lane::default();
        lane.push(1, ());
        lane.push(2, ());
        lane.remove(2);
        lane.remove(2);
    }
}
