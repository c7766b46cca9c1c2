//! One source's pipeline cycles: gathered, ranked by edge, cut at the bound.
//!
//! In: signals that name a cycle, and the news that the cycle is over. Out: each signal once,
//! best edge first, with its rank and whether it goes on. What a cycle has taken is remembered
//! after it closed, so that late lines cannot exceed the bound. Nothing allocates after `new`.

use core::cmp::Reverse;

use crate::message::Signal;

/// Most signals gathered per cycle. A cycle is one look at a few dozen markets; beyond this the
/// lowest edges are refused early, which changes nothing as long as the bound is below it.
pub const CYCLE_SIGNALS_MAX: usize = 256;

/// How many closed cycles a source's counts are kept for: a minute of late lines at the plan's
/// one-second cycle.
const REMEMBERED_MAX: usize = 64;

/// A signal in its cycle's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ranked {
    /// The signal.
    pub(super) signal: Signal,
    /// Its place by edge, from 1, counting what the cycle took before.
    pub(super) rank: u32,
}

/// The open cycle of one source.
#[derive(Debug)]
pub(super) struct Cycle {
    state: State,
    signals: Vec<Signal>,
    order: Vec<u16>,
    /// What the open cycle had taken before it was opened again.
    taken: u32,
    closed: [(u64, u32); REMEMBERED_MAX],
    closed_count: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No cycle.
    None,
    /// Signals are being gathered.
    Open(u64),
    /// The cycle is over; this many of its signals were handed out.
    Closing(u64, usize),
}

impl Cycle {
    /// No cycle yet.
    pub(super) fn new() -> Self {
        Self {
            state: State::None,
            signals: Vec::with_capacity(CYCLE_SIGNALS_MAX),
            order: Vec::with_capacity(CYCLE_SIGNALS_MAX),
            taken: 0,
            closed: [(0, 0); REMEMBERED_MAX],
            closed_count: 0,
        }
    }

    /// The cycle being gathered.
    pub(super) const fn open(&self) -> Option<u64> {
        match self.state {
            State::Open(cycle) => Some(cycle),
            State::None | State::Closing(..) => None,
        }
    }

    /// Whether ranked signals are still to be taken.
    pub(super) const fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing(..))
    }

    /// Starts gathering `cycle`.
    pub(super) fn begin(&mut self, cycle: u64) {
        debug_assert!(self.state == State::None, "Invariant: one cycle at a time");
        self.state = State::Open(cycle);
        self.taken = self.remembered().iter().find(|(id, _)| *id == cycle).map_or(0, |c| c.1);
    }

    /// Gathers a signal of the open cycle. When there is no room the lowest edge comes back.
    pub(super) fn add(&mut self, signal: Signal) -> Option<Signal> {
        debug_assert!(signal.cycle == self.open(), "Invariant: a cycle holds its own signals");
        if self.signals.len() < CYCLE_SIGNALS_MAX {
            self.signals.push(signal);
            return None;
        }
        // The latest of the lowest loses, and the newcomer is the latest of all.
        let lowest = (0..CYCLE_SIGNALS_MAX).min_by_key(|&at| (self.signals[at].edge, Reverse(at)));
        match lowest.filter(|&at| self.signals[at].edge < signal.edge) {
            None => Some(signal),
            Some(at) => {
                // Kept in order of arrival: that decides between equal edges.
                let evicted = self.signals.remove(at);
                self.signals.push(signal);
                Some(evicted)
            }
        }
    }

    /// The cycle is over: ranks what was gathered. Does nothing when none is open.
    pub(super) fn close(&mut self) {
        let State::Open(cycle) = self.state else { return };
        self.state = State::Closing(cycle, 0);
        self.order.clear();
        #[expect(clippy::cast_possible_truncation, reason = "at most CYCLE_SIGNALS_MAX")]
        self.order.extend((0..self.signals.len()).map(|at| at as u16));
        let signals = &self.signals;
        // Stable without allocating: arrival is part of the key.
        self.order.sort_unstable_by_key(|&at| (Reverse(signals[usize::from(at)].edge), at));
    }

    /// The next ranked signal of the closing cycle; at `None` the cycle is done. `max` is how
    /// many a cycle may take.
    pub(super) fn next_ranked(&mut self, max: u32) -> Option<Ranked> {
        let State::Closing(cycle, next) = self.state else { return None };
        let rank = |place: usize| self.taken.saturating_add(u32::try_from(place).unwrap_or(max));
        if let Some(&at) = self.order.get(next) {
            let ranked = Ranked { signal: self.signals[usize::from(at)], rank: rank(next + 1) };
            self.state = State::Closing(cycle, next + 1);
            return Some(ranked);
        }
        let taken = rank(self.order.len()).min(max.max(self.taken));
        self.remember(cycle, taken);
        self.signals.clear();
        self.state = State::None;
        None
    }

    fn remembered(&self) -> &[(u64, u32)] {
        &self.closed[..self.closed_count.min(REMEMBERED_MAX)]
    }

    fn remember(&mut self, cycle: u64, taken: u32) {
        if let Some(at) = self.remembered().iter().position(|(id, _)| *id == cycle) {
            self.closed[at].1 = taken;
            return;
        }
        self.closed[self.closed_count % REMEMBERED_MAX] = (cycle, taken);
        self.closed_count += 1;
    }
}
