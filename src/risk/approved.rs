//! The proof type: what the gateway accepts, and nothing but `risk` can make.

/// Proof that `T` passed every limit. Only `risk` can make one, and the gateway takes nothing
/// else, so "unchecked order on the wire" does not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approved<T>(T);

impl<T> Approved<T> {
    /// The one place an approval comes from: `risk` after every limit said yes.
    pub(in crate::risk) const fn new(value: T) -> Self {
        Self(value)
    }

    /// What was approved.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// An approval that no limit has seen, for benches and tests of what comes after the gate.
    #[doc(hidden)]
    #[must_use]
    pub const fn unchecked_for_tests(value: T) -> Self {
        Self(value)
    }
}
