//! What the exchange speaks: the only place that knows its field names, URLs and JSON.

pub mod account;
pub mod fees;
pub mod auth;
pub mod batch;
pub mod decode;
pub mod encode;
pub mod errors;
mod flat;
pub mod hosts;
pub mod market;
pub mod order_batch;
pub mod paths;
pub mod portfolio;
mod report;
mod scan;
pub mod stream;

pub use report::FieldError;
