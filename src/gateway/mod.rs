//! Orders to the exchange.

pub mod presign;
