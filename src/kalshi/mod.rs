//! What the exchange speaks: the only place that knows its field names, URLs and JSON.

pub mod market;
mod report;
mod scan;
pub mod stream;

pub use report::FieldError;
