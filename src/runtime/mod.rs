//! The machine under the stages: rings, threads, cores, time. Nothing here knows an order.

pub mod clock;
pub mod stage;
