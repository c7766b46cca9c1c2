//! Intake (stage 1 of 5). Reads producers' bytes, writes `Signal`s to the oms.
//!
//! Files, standard input and connections deliver NDJSON lines; each line is framed, decoded,
//! checked for a repeated id, ranked within its cycle and passed on, or answered here. Answers
//! and counts go to the recorder's ring. What has no room on a ring is not read: nothing is
//! dropped. New producers come over a ring from the cold [`Listener`] thread.
//!
//! Thread `intake`. Budget: p99 ≤ 1 µs per line (bench `intake_decode`). Invariants: every line
//! and every batch member makes exactly one `Received` and has exactly one final answer, here or
//! at the oms (tests `nothing_is_lost_when_the_rings_are_full` and below); a signal id passes
//! once; a cycle passes at most `max_signals_per_cycle`, best edges first.
//!
//! Blank lines are no lines. A producer that disconnects harms nobody but its unfinished line.
//! A source that has ended gives its buffers back on this thread: once per connection.

mod address;
mod answer;
mod batch;
mod decode;
mod fault;
mod fields;
mod frame;
mod inlet;
mod listener;
mod number;
mod pace;
mod rank;
mod scan;
mod seen;
mod source;
mod validate;

#[cfg(test)]
mod tests;

pub use address::{Endpoint, SignalSource, SignalSourceError};
pub use decode::decode_line;
pub use fault::Fault;
pub use frame::LINE_BYTES_MAX;
pub use listener::{ListenError, Listener, OutStream};
pub use pace::{Pace, PaceError};
pub use rank::CYCLE_SIGNALS_MAX;
pub use seen::SEEN_MAX;
pub use source::{Memory, NewSource, OpenError, Source};
pub use validate::{Decoded, Intent};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rtrb::{Consumer, Producer};

use crate::ids::SignalId;
use crate::message::Signal;
use crate::recorder::record::Record;
use crate::runtime::clock::Clock;
use crate::runtime::stage::{Stage, Work};
use crate::units::{Nanos, Timestamp};

use answer::Ports;
use decode::Decoder;
use inlet::{Inlet, Shared, Step};
use seen::Seen;

/// Most producers at one time. Each holds about 220 KiB of buffers, and every one of them costs
/// a system call per poll.
pub const SOURCES_MAX: usize = 64;

/// Most steps per poll: a few microseconds, so that other stages on the thread get their turn.
const STEPS_PER_POLL_MAX: usize = 16;

/// Idle time after which the decoder runs dry: caches go cold within some ten microseconds.
const REHEARSAL_EVERY: Nanos = Nanos::from_us(20);

/// What it then decodes; nothing comes of it.
const REHEARSAL: &[u8] = br#"{"id":"rehearsal","ts_ns":1767225600123456789,"should_trade":true,
    "action":"BUY_YES","kalshi":{"ticker":"KXREHEARSAL-26JAN11-A","yes_ask":48,"no_ask":53},
    "edge":{"cents":7},"confidence":{"score":75},"position":{"contracts":25}}"#;

/// What the intake has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntakeConfig {
    /// `MAX_SIGNALS_PER_CYCLE`: how many of a cycle go on. More than [`CYCLE_SIGNALS_MAX`] never
    /// do.
    pub max_signals_per_cycle: u32,
    /// A connection that has been quiet for so long has finished its cycle. Its signals wait for
    /// that, and `tick_to_wire` shows it; a producer that sends batches has no such wait.
    pub cycle_linger: Nanos,
    /// How fast a file is played.
    pub pace: Pace,
    /// `CYCLE_INTERVAL_MS`: distance of the cycles of a file played by [`Pace::Cycle`].
    pub cycle_interval: Nanos,
}

impl Default for IntakeConfig {
    fn default() -> Self {
        Self {
            max_signals_per_cycle: 3,
            cycle_linger: Nanos::from_ms(2),
            pace: Pace::None,
            cycle_interval: Nanos::from_ms(1_000),
        }
    }
}

/// The stage.
#[derive(Debug)]
pub struct Intake<C: Clock> {
    shared: Shared<C>,
    new_sources: Consumer<NewSource>,
    #[expect(clippy::vec_box, reason = "an inlet is moved in from a ring and out when it ends")]
    inlets: Vec<Box<Inlet>>,
    /// Whose turn is first in the next poll.
    turn: usize,
    /// Set when the run closes.
    closing: Arc<AtomicBool>,
    rehearsed: Timestamp,
}

impl<C: Clock> Intake<C> {
    /// An intake without sources: they come over `new_sources`.
    ///
    /// # Panics
    /// When `to_oms` has no slot or `records` fewer than three: the rings are sized in code.
    #[must_use]
    pub fn new(
        config: IntakeConfig,
        clock: C,
        to_oms: Producer<Signal>,
        records: Producer<Record>,
        new_sources: Consumer<NewSource>,
    ) -> Self {
        let shared = Shared {
            config,
            clock,
            ports: Ports::new(to_oms, records),
            seen: Seen::new(),
            decoder: Decoder::default(),
        };
        let inlets = Vec::with_capacity(SOURCES_MAX);
        Self {
            shared,
            new_sources,
            inlets,
            turn: 0,
            closing: Arc::default(),
            rehearsed: Timestamp::ZERO,
        }
    }

    /// Lets whoever sets `closing` end the intake's work. From then on it reads no new bytes: it
    /// closes every gathered cycle, finishes the lines it has read (an unfinished one is
    /// malformed), tells every source's end, and idles. Each `Received` keeps its one answer:
    /// what is still passed on, a draining oms refuses.
    #[must_use]
    pub fn with_closing(mut self, closing: Arc<AtomicBool>) -> Self {
        self.closing = closing;
        self
    }

    /// Notes an id that was executed before a restart, oldest first: its repeat is refused.
    pub fn remember(&mut self, id: SignalId) {
        self.shared.seen.insert(&id);
    }

    /// When [`Stage::poll`] next has something to do if nothing arrives before, for virtual time.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        let deadlines = self.inlets.iter().map(|inlet| inlet.deadline(&self.shared.config));
        deadlines.min().unwrap_or(Timestamp::NEVER)
    }

    /// How many lines were left to the full parser, which allocates.
    #[must_use]
    pub const fn decode_fallbacks(&self) -> u64 {
        self.shared.decoder.fallbacks
    }

    /// Keeps what a line needs in the caches while none comes.
    fn rehearse(&mut self, now: Timestamp) {
        if now >= self.rehearsed + REHEARSAL_EVERY {
            self.rehearsed = now;
            Decoder::rehearse(REHEARSAL);
        }
    }

    fn admit(&mut self) -> Work {
        if self.inlets.len() == SOURCES_MAX {
            return Work::Idle;
        }
        let Ok(source) = self.new_sources.pop() else { return Work::Idle };
        self.inlets.push(source.inlet);
        Work::Done
    }
}

impl<C: Clock> Stage for Intake<C> {
    const NAME: &'static str = "intake";

    fn on_start(&mut self) {
        self.shared.seen.prefault();
    }

    fn poll(&mut self) -> Work {
        let mut work = self.admit();
        // Acquire: pairs with the Release of whoever ends the run.
        if self.closing.load(Ordering::Acquire) {
            self.inlets.iter_mut().for_each(|inlet| inlet.stop_reading());
        }
        let now = self.shared.clock.mono();
        let mut steps = 0;
        // Every source is asked once, and stays on for as long as it has something to do.
        for _ in 0..self.inlets.len() {
            if self.turn >= self.inlets.len() {
                self.turn = 0;
            }
            while steps < STEPS_PER_POLL_MAX && self.shared.ports.have_room() {
                match self.inlets[self.turn].step(now, &mut self.shared) {
                    Step::Quiet => break,
                    Step::Done => {}
                    // The oms may be polled next on this very thread: a read that will most
                    // likely bring nothing is not for the signal to wait for.
                    Step::Passed => {
                        self.turn += 1;
                        return Work::Done;
                    }
                    Step::Ended => {
                        self.inlets.swap_remove(self.turn);
                        return Work::Done;
                    }
                }
                steps += 1;
                work = Work::Done;
            }
            self.turn += 1;
            if steps == STEPS_PER_POLL_MAX {
                break;
            }
        }
        if work == Work::Idle {
            self.rehearse(now);
        }
        work
    }
}
