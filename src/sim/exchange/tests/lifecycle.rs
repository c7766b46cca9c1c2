//! The rules of lifecycle.
