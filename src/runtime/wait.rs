//! What a thread does when its stage found nothing to do.
//!
//! In: one call per poll. Out: a processor hint, a yield or a short sleep. The only place that
//! sleeps: on hot threads with [`Wait::Park`] (laptops, CI), on cold threads with [`pause`].

use core::fmt;
use core::str::FromStr;
use std::thread;

use crate::units::Nanos;

/// How an idle thread waits: latency against what the rest of the machine gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Wait {
    /// Never gives the core away. For a core of its own: sharing one with it starves the other.
    Spin,
    /// Spins shortly, then offers the core to others at every turn.
    SpinYield,
    /// Spins, yields, then sleeps some tens of microseconds at a time.
    #[default]
    Park,
}

impl Wait {
    /// All strategies.
    pub const ALL: [Self; 3] = [Self::Spin, Self::SpinYield, Self::Park];

    /// The name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spin => "spin",
            Self::SpinYield => "spin_yield",
            Self::Park => "park",
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no wait strategy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no wait strategy: spin, spin_yield or park")]
pub struct UnknownWait(String);

impl FromStr for Wait {
    type Err = UnknownWait;

    fn from_str(text: &str) -> Result<Self, UnknownWait> {
        let found = Self::ALL.into_iter().find(|wait| wait.as_str() == text);
        found.ok_or_else(|| UnknownWait(text.to_owned()))
    }
}

/// What [`Waiter::idle`] did: for tests, and for whoever counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// A processor hint.
    Spun,
    /// Offered the core.
    Yielded,
    /// Slept.
    Slept,
}

/// Carries out a [`Wait`] for one thread: remembers how long it has been idle.
#[derive(Clone, Copy, Debug)]
pub struct Waiter {
    wait: Wait,
    idle_count: u32,
}

impl Waiter {
    /// Idle turns spent spinning before anything else: about 10 us, longer than any gap inside
    /// one order's flow.
    pub const SPINS_MAX: u32 = 256;
    /// Idle turns after which [`Wait::Park`] sleeps instead of yielding.
    pub const YIELDS_MAX: u32 = 64;
    /// How long one sleep of [`Wait::Park`] takes at least; the kernel adds about 50 us of slack.
    pub const SLEEP: Nanos = Nanos::from_us(50);

    /// A waiter that has not been idle yet.
    #[must_use]
    pub const fn new(wait: Wait) -> Self {
        Self { wait, idle_count: 0 }
    }

    /// The stage found something: the next idle turn spins again.
    pub const fn busy(&mut self) {
        self.idle_count = 0;
    }

    /// The stage found nothing: waits as long as the strategy says.
    pub fn idle(&mut self) -> Waited {
        self.idle_count = self.idle_count.saturating_add(1);
        if self.wait == Wait::Spin || self.idle_count <= Self::SPINS_MAX {
            core::hint::spin_loop();
            return Waited::Spun;
        }
        if self.wait == Wait::SpinYield || self.idle_count <= Self::SPINS_MAX + Self::YIELDS_MAX {
            thread::yield_now();
            return Waited::Yielded;
        }
        pause(Self::SLEEP);
        Waited::Slept
    }
}

/// Sleeps. For cold threads between two rounds of work, never on a stage's thread.
#[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
pub fn pause(span: Nanos) {
    thread::sleep(span.to_duration());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn waits(wait: Wait, after: u32, expected: Waited) {
        let mut waiter = Waiter { wait, idle_count: after };
        assert_eq!(waiter.idle(), expected, "{wait} after {after} idle turns");
    }

    #[test]
    fn strategies_give_the_core_away_in_steps() {
        let (spins, yields) = (Waiter::SPINS_MAX, Waiter::SPINS_MAX + Waiter::YIELDS_MAX);
        waits(Wait::Spin, 0, Waited::Spun);
        waits(Wait::Spin, u32::MAX, Waited::Spun);
        waits(Wait::SpinYield, spins - 1, Waited::Spun);
        waits(Wait::SpinYield, spins, Waited::Yielded);
        waits(Wait::SpinYield, u32::MAX, Waited::Yielded);
        waits(Wait::Park, spins - 1, Waited::Spun);
        waits(Wait::Park, yields - 1, Waited::Yielded);
        waits(Wait::Park, yields, Waited::Slept);
    }

    #[test]
    fn work_makes_the_waiter_spin_again() {
        let mut waiter = Waiter { wait: Wait::Park, idle_count: Waiter::SPINS_MAX };
        assert_eq!(waiter.idle(), Waited::Yielded);
        waiter.busy();
        assert_eq!(waiter.idle(), Waited::Spun);
    }

    #[test]
    fn names_read_back() {
        for wait in Wait::ALL {
            assert_eq!(wait.to_string().parse(), Ok(wait));
        }
        assert!("sleep".parse::<Wait>().is_err());
    }
}
