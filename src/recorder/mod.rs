//! Recorder (stage 5 of 5, cold): what happened, kept and told.

pub mod histograms;
pub mod journal;
mod mapping;
pub mod pack;
pub mod record;
pub mod results;
pub mod sinks;
