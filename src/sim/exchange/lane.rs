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
        let place = self.waiting.partition_point(|it| it.seq < seq);
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
