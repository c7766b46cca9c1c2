//! One step of the pipeline, as a struct that is polled (Agrona's agent).
//!
//! The same stages run on one thread or on five, and under a virtual clock in simulation: a
//! stage neither knows which thread it is on nor who polls it.

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

/// One step of the pipeline. `on_start`, `poll` and `on_stop` are called by one thread, in that order.
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
