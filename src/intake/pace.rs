//! When a file's signals are due.
//!
//! In: the cycles and recorded times met on the way through a file. Out: intended times, on a
//! grid that does not drift, whatever the engine was busy with. Sockets and pipes are not paced:
//! their producer is.

use core::str::FromStr;

use crate::units::{Nanos, Timestamp, WallTime};

/// How fast a file is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pace {
    /// As fast as the engine takes it.
    #[default]
    None,
    /// One cycle per `cycle_interval`; signals without a cycle as they come.
    Cycle,
    /// At the distances of the recorded `ts_ns`; signals without one follow at once.
    Recorded,
}

/// `--pace` has a value that is none of the three.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pace {value:?} is not one of none, cycle, recorded")]
pub struct PaceError {
    /// What was given.
    pub value: String,
}

impl Pace {
    /// The name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cycle => "cycle",
            Self::Recorded => "recorded",
        }
    }
}

impl FromStr for Pace {
    type Err = PaceError;

    fn from_str(text: &str) -> Result<Self, PaceError> {
        match text {
            "none" => Ok(Self::None),
            "cycle" => Ok(Self::Cycle),
            "recorded" => Ok(Self::Recorded),
            _ => Err(PaceError { value: text.to_owned() }),
        }
    }
}

/// The timetable of one file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timetable {
    /// When the first cycle was due, and how many were due since.
    cycles: Option<(Timestamp, u64)>,
    /// The first recorded time and when it was played.
    recording: Option<(WallTime, Timestamp)>,
    /// The latest time given to a recorded signal: a recording that steps back is due at once.
    latest: Timestamp,
}

impl Timetable {
    /// When the next cycle is due: `start + k * interval`.
    pub(super) fn next_cycle(&mut self, now: Timestamp, interval: Nanos) -> Timestamp {
        let (start, count) = self.cycles.map_or((now, 0), |(start, count)| (start, count + 1));
        self.cycles = Some((start, count));
        start + Nanos::from_ns(interval.ns().saturating_mul(count))
    }

    /// When a signal recorded at `recorded` is due.
    pub(super) fn recorded(&mut self, now: Timestamp, recorded: WallTime) -> Timestamp {
        let (first, start) = *self.recording.get_or_insert((recorded, now));
        self.latest = self.latest.max(start + recorded.since(first));
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ns: u64) -> Timestamp {
        Timestamp::from_ns(ns)
    }

    #[test]
    fn cycles_are_due_on_a_grid_that_lateness_does_not_move() {
        let mut table = Timetable::default();
        let interval = Nanos::from_ns(100);
        assert_eq!(table.next_cycle(at(7), interval), at(7));
        assert_eq!(table.next_cycle(at(90), interval), at(107));
        assert_eq!(table.next_cycle(at(450), interval), at(207));
    }

    #[test]
    fn a_recording_keeps_its_distances_and_never_steps_back() {
        let mut table = Timetable::default();
        let wall = WallTime::from_unix_ns;
        assert_eq!(table.recorded(at(5), wall(1_000)), at(5));
        assert_eq!(table.recorded(at(6), wall(1_300)), at(305));
        assert_eq!(table.recorded(at(7), wall(900)), at(305));
    }

    #[test]
    fn a_pace_is_one_of_three_words() {
        assert_eq!("recorded".parse(), Ok(Pace::Recorded));
        let error = "fast".parse::<Pace>().unwrap_err();
        assert_eq!(error.to_string(), "pace \"fast\" is not one of none, cycle, recorded");
    }
}
