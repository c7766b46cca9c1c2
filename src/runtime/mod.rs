//! The machine under the stages: rings, threads, cores, time. Nothing here knows an order.

pub mod ring;
pub mod stage;
pub mod wait;
pub mod thread;
pub mod topology;
pub mod affinity;
pub mod memory;
pub mod random;
pub mod signals;
pub mod clock;
