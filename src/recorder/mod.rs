//! Recorder (stage 5 of 5, cold): what happened, kept and told.

pub mod console;
pub mod histograms;
pub mod journal;
mod mapping;
pub mod number;
pub mod pack;
pub mod record;
pub mod results;
pub mod sinks;
pub mod summary;
