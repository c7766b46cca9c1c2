//! What the exchange speaks: the only place that knows its field names, URLs and JSON.

pub mod auth;
pub mod hosts;
pub mod market;
