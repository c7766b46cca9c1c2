//! The circuit breaker as `execution-layer` §4 says it, kept by the judge.

use kalshi_exec::ids::ClientOrderId;
use kalshi_exec::units::{Nanos, Timestamp};

/// How a probing order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    Badly,
    Unsent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Timestamp,
    },
    /// The order that probes, and what was heard of it.
    HalfOpen {
        probe: Option<(ClientOrderId, Heard)>,
    },
}

/// What was heard of the order that probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// Nothing since it was sent.
    Nothing(Timestamp),
    /// A fill, where an end should have come: whether the order counts as lost after all depends
    /// on who told of the fill and when. It was sent then.
    Fill(Timestamp),
    /// An answer.
    Answer,
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Breaker {
    state: State,
    cooldown: Nanos,
    /// Without a word for so long an order counts as lost.
    silence_max: Nanos,
    daily: bool,
    other: bool,
}

impl Breaker {
    pub(crate) const fn new(cooldown: Nanos, silence_max: Nanos) -> Self {
        Self { state: State::Closed, cooldown, silence_max, daily: false, other: false }
    }

    pub(crate) fn trip(&mut self, now: Timestamp) {
        self.other = true;
        self.open(now);
    }

    /// The day's loss has reached its bound: once a day.
    pub(crate) fn trip_for_the_day(&mut self, now: Timestamp) {
        if !self.daily {
            self.daily = true;
            self.open(now);
        }
    }

    fn open(&mut self, now: Timestamp) {
        self.state = State::Open { until: now + self.cooldown };
    }

    pub(crate) fn tick(&mut self, now: Timestamp) {
        if let State::HalfOpen { probe: Some((_, Heard::Nothing(sent))) } = self.state
            && sent + self.silence_max <= now
        {
            self.trip(sent + self.silence_max);
        }
        if let State::Open { until } = self.state
            && until <= now
            && !self.daily
        {
            self.state = State::HalfOpen { probe: None };
        }
    }

    pub(crate) fn midnight(&mut self) {
        if std::mem::replace(&mut self.daily, false) && !self.other {
            self.state = State::Closed;
        }
    }

    /// An order was answered: silence means nothing any more.
    pub(crate) fn answered(&mut self, id: ClientOrderId) {
        if let State::HalfOpen { probe: Some((probe, heard)) } = &mut self.state
            && *probe == id
        {
            *heard = Heard::Answer;
        }
    }

    /// A part of an order that does not rest has filled.
    pub(crate) fn filled(&mut self, id: ClientOrderId) {
        if let State::HalfOpen { probe: Some((probe, heard)) } = &mut self.state
            && *probe == id
            && let Heard::Nothing(sent) = *heard
        {
            *heard = Heard::Fill(sent);
        }
    }

    /// Whether closed again.
    pub(crate) fn ended(&mut self, now: Timestamp, id: ClientOrderId, how: Ended) -> bool {
        let State::HalfOpen { probe: Some((probe, _)) } = self.state else { return false };
        if probe != id {
            return false;
        }
        match how {
            Ended::Well => self.close(),
            Ended::Badly => self.trip(now),
            Ended::Unsent => self.state = State::HalfOpen { probe: None },
        }
        how == Ended::Well
    }

    pub(crate) const fn close(&mut self) {
        (self.daily, self.other) = (false, false);
        self.state = State::Closed;
    }

    /// A new run begins: of a cooldown the time without an engine counts, a probe is made again.
    /// Only the wall clock can tell that time: where that was set, the rest is not known.
    pub(crate) fn restart(&mut self, now: Timestamp, wall_was_set: bool) {
        match &mut self.state {
            State::HalfOpen { .. } => self.open(now),
            State::Open { until } if wall_was_set => *until = now.min(*until),
            State::Open { .. } | State::Closed => {}
        }
    }

    pub(crate) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    pub(crate) const fn is_half_open(&self) -> bool {
        matches!(self.state, State::HalfOpen { .. })
    }

    /// An order leaves.
    pub(crate) fn sent(&mut self, now: Timestamp, id: ClientOrderId) {
        let lost_after = self.silence_max + self.cooldown;
        match &mut self.state {
            State::Closed => {}
            State::Open { .. } => panic!("an open breaker lets nothing out: {self:?}"),
            State::HalfOpen { probe } => {
                let over = probe.is_none_or(|(_, heard)| match heard {
                    Heard::Fill(sent) => sent + lost_after <= now,
                    Heard::Nothing(_) | Heard::Answer => false,
                });
                assert!(over, "a second order while one probes");
                *probe = Some((id, Heard::Nothing(now)));
            }
        }
    }
}
