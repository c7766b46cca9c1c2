//! The rules of fees.
