//! The gate: one pure function per limit, and the proof that all of them were asked.
//!
//! In: an order, the books it would change, the configured limits, the time. Out:
//! [`Approved`] or the first [`Refusal`], cheapest limit first. Checking never changes state;
//! only sending does. A limit whose input is missing refuses.

mod approved;
mod day;
mod exposure;
mod gate;
mod kill_switch;
mod limits;
mod refusal;
mod throttle;

pub use approved::Approved;
pub use day::Day;
pub use exposure::{Exposure, MarketExposure, Place};
pub use gate::{Facts, Question, Readiness, approve};
pub use kill_switch::KillSwitch;
pub use limits::Limits;
pub use refusal::{Limit, Refusal, Unit};
pub use throttle::Throttle;
