//! The gate: one pure function per limit, and the proof that all of them were asked.
//!
//! In: an order, the books it would change, the configured limits, the time. Out:
//! [`Approved`] or the first [`Refusal`], cheapest limit first. Checking never changes state;
//! only sending does. A limit whose input is missing refuses.

mod amendment;
mod approved;
mod breaker;
mod breaker_config;
mod calendar;
mod carried;
mod day;
mod exposure;
mod gate;
mod guard;
mod kill_switch;
mod ledger;
mod limits;
mod messages;
mod refusal;
mod repeats;
mod series;
mod stakes;
mod throttle;

pub use amendment::approve_amendment;
pub use approved::Approved;
pub use breaker::{Breaker, BreakerState, CarriedBreaker, Probe, Trip, Trips};
pub use breaker_config::BreakerConfig;
pub use calendar::{Minute, Schedule};
pub use carried::{Carried, CarriedMarket, Halt, Kept, Past, PastMarket};
pub use day::{Day, DayClock};
pub use exposure::{Exposure, MarketExposure, Place, Rests};
pub use gate::{Child, Facts, Question, Readiness, allow_again, approve};
pub use guard::{FeedHeard, Guard, Settlement, Skew, day_loss, is_trouble, is_trouble_of_change};
pub use kill_switch::KillSwitch;
pub use ledger::{Flow, Ledger, RESENDS_MAX};
pub use limits::{Limits, MessageLimits, OpenRisk, SignalTime};
pub use messages::{MessageKind, Messages};
pub use refusal::{Limit, Refusal, Unit};
pub use repeats::Repeats;
pub use series::{Listing, SeriesRules, SportIx, SportRule};
pub use stakes::Stakes;
pub use throttle::Throttle;
