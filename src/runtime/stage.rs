//! One step of the pipeline, as a struct that is polled (Agrona's agent).
//!
//! The same stages run on one thread or on five, and under a virtual clock in simulation: a
//! stage neither knows which thread it is on nor who polls it. [`Together`] puts several on one.

/// Whether a duty cycle found anything to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Work {
    /// All inputs were empty.
    Idle,
    /// At least one item was processed.
    Done,
}

impl Work {
    /// `Done` when either found something.
    pub const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Idle, Self::Idle) => Self::Idle,
            _ => Self::Done,
        }
    }
}

/// One step of the pipeline. `on_start`, `poll` and `on_stop` are called by one thread, in that
/// order.
pub trait Stage: Send {
    /// Thread and metric name, e.g. `"oms"`.
    const NAME: &'static str;

    /// Touches every page and fills every cache the hot path will use.
    fn on_start(&mut self) {}

    /// Does a bounded amount of work and returns. Must not block, allocate or log.
    fn poll(&mut self) -> Work;

    /// Drains inputs that upstream has already published.
    fn on_stop(&mut self) {}
}

/// A stage that never has anything to do, where a mode has no such stage.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Stage for Nothing {
    const NAME: &'static str = "nothing";

    fn poll(&mut self) -> Work {
        Work::Idle
    }
}

/// Two stages polled in turn as one: how a topology puts several on a thread. Nests.
///
/// ```
/// use kalshi_exec::runtime::stage::{Stage, Together, Work};
///
/// struct Countdown(u32);
/// impl Stage for Countdown {
///     const NAME: &'static str = "countdown";
///     fn poll(&mut self) -> Work {
///         if self.0 == 0 {
///             return Work::Idle;
///         }
///         self.0 -= 1;
///         Work::Done
///     }
/// }
///
/// let mut both = Together::new(Countdown(1), Countdown(2));
/// assert_eq!(both.poll(), Work::Done);
/// assert_eq!(both.poll(), Work::Done); // the second one alone
/// assert_eq!(both.poll(), Work::Idle);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Together<A, B> {
    /// Polled first: the one upstream, so that what it writes is read in the same turn.
    pub first: A,
    /// Polled second.
    pub second: B,
}

impl<A: Stage, B: Stage> Together<A, B> {
    const JOINED: JoinedName = JoinedName::new(A::NAME, B::NAME);

    /// Polls `first`, then `second`, in every turn.
    pub const fn new(first: A, second: B) -> Self {
        Self { first, second }
    }

    /// The two stages.
    pub fn into_parts(self) -> (A, B) {
        (self.first, self.second)
    }
}

impl<A: Stage, B: Stage> Stage for Together<A, B> {
    /// Both names: `oms+gateway`.
    const NAME: &'static str = Self::JOINED.as_str();

    fn on_start(&mut self) {
        self.first.on_start();
        self.second.on_start();
    }

    fn poll(&mut self) -> Work {
        // Both are polled in every turn: a busy first stage must not starve the second.
        let first = self.first.poll();
        first.or(self.second.poll())
    }

    fn on_stop(&mut self) {
        // Upstream first: what it drains, the second one still sees.
        self.first.on_stop();
        self.second.on_stop();
    }
}

/// `a+b`, put together at compile time.
struct JoinedName {
    bytes: [u8; Self::BYTES_MAX],
    length: usize,
}

impl JoinedName {
    /// Five stages with names of 15 bytes, the longest a thread can have, and their signs.
    const BYTES_MAX: usize = 80;

    const fn new(first: &str, second: &str) -> Self {
        let joined = Self { bytes: [0; Self::BYTES_MAX], length: 0 };
        joined.append(first.as_bytes()).append(b"+").append(second.as_bytes())
    }

    const fn append(mut self, part: &[u8]) -> Self {
        let mut index = 0;
        while index < part.len() {
            self.bytes[self.length] = part[index];
            self.length += 1;
            index += 1;
        }
        self
    }

    const fn as_str(&self) -> &str {
        let (name, _) = self.bytes.split_at(self.length);
        match core::str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => panic!("two names and a sign are valid text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::ring::{Consumer, Producer, ring};

    /// Notes what is done to it in a ring of its own.
    struct Probe<const ID: char> {
        log: Producer<(char, &'static str)>,
        work: Work,
    }

    impl<const ID: char> Stage for Probe<ID> {
        const NAME: &'static str = match ID {
            'a' => "oms",
            _ => "gateway",
        };

        fn on_start(&mut self) {
            self.log.push((ID, "start")).unwrap();
        }

        fn poll(&mut self) -> Work {
            self.log.push((ID, "poll")).unwrap();
            self.work
        }

        fn on_stop(&mut self) {
            self.log.push((ID, "stop")).unwrap();
        }
    }

    fn probe<const ID: char>(work: Work) -> (Probe<ID>, Consumer<(char, &'static str)>) {
        let (log, notes) = ring(8);
        (Probe { log, work }, notes)
    }

    fn drain(notes: &mut Consumer<(char, &'static str)>) -> Vec<(char, &'static str)> {
        core::iter::from_fn(|| notes.pop().ok()).collect()
    }

    #[test]
    fn both_stages_are_polled_however_busy_the_first_is() {
        for (first, second, expected) in [
            (Work::Idle, Work::Idle, Work::Idle),
            (Work::Done, Work::Idle, Work::Done),
            (Work::Idle, Work::Done, Work::Done),
            (Work::Done, Work::Done, Work::Done),
        ] {
            let (a, mut notes_a) = probe::<'a'>(first);
            let (b, mut notes_b) = probe::<'b'>(second);
            let mut both = Together::new(a, b);

            both.on_start();
            assert_eq!(both.poll(), expected);
            both.on_stop();

            assert_eq!(drain(&mut notes_a), [('a', "start"), ('a', "poll"), ('a', "stop")]);
            assert_eq!(drain(&mut notes_b), [('b', "start"), ('b', "poll"), ('b', "stop")]);
        }
    }

    #[test]
    fn joined_stages_go_by_both_names() {
        type Pair = Together<Probe<'a'>, Probe<'b'>>;
        assert_eq!(Pair::NAME, "oms+gateway");
        assert_eq!(Together::<Pair, Probe<'a'>>::NAME, "oms+gateway+oms");
    }
}
