//! Time: the only place that reads it. Everything else gets it as an argument.

use crate::units::{Now, Timestamp};

/// A source of time that stages hold; virtual in simulation.
pub trait Clock: Clone + Send + 'static {
    /// Monotonic and wall time of one reading.
    fn now(&self) -> Now;

    /// The monotonic part alone, for span stamps.
    fn mono(&self) -> Timestamp {
        self.now().mono
    }
}
