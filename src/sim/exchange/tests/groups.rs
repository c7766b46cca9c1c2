//! The rules of groups.
