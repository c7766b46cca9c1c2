//! The whole hot path against an exchange of one spinning thread, for what measures all of it.
//!
//! In: a [`Setup`]. Out: a [`Plant`]: the real stages as `engine/` joins them in the compact
//! topology, over real TLS on loopback, with a real signer, dialler and journal. Only the
//! exchange ([`exchange`]) and the recorder ([`tally`]) are made for measuring.

pub(crate) mod exchange;
mod pages;
mod plant;
pub(crate) mod tally;
mod tls;

pub(crate) use plant::{Plant, Setup};
