//! Why a line is not a signal, in words that fit a record.
//!
//! In: the kind of fault, the field, the offending bytes. Out: a [`Fault`] that is `Copy` and
//! fits a ring. Never allocates: a producer that sends rubbish must not slow the others down.

use core::fmt::{self, Write};

use crate::ids::Reason;
use crate::recorder::record::Malformed;

/// Most bytes of an offending value that are quoted back.
const QUOTED_BYTES_MAX: usize = 32;

/// A line or batch member that is not a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", kind.as_str())]
pub struct Fault {
    /// What sort of fault.
    pub kind: Malformed,
    /// Which field and value, e.g. `kalshi.yes_ask: 0`.
    pub detail: Reason,
}

impl Fault {
    /// A fault described by `message`, cut to what fits.
    #[cold]
    pub(super) fn new(kind: Malformed, message: fmt::Arguments<'_>) -> Self {
        let mut text = Text::default();
        // `Text` never fails: it cuts.
        text.write_fmt(message).ok();
        Self { kind, detail: Reason::lossy(text.as_str()) }
    }

    /// A required field is absent or null.
    #[cold]
    pub(super) fn missing(field: &str) -> Self {
        Self::new(Malformed::MissingField, format_args!("{field}"))
    }

    /// A field has a value that is not allowed.
    #[cold]
    pub(super) fn bad(field: &str, value: &[u8]) -> Self {
        Self::new(Malformed::BadValue, format_args!("{field}: {}", Quoted(value)))
    }

    /// The same fault, told of the `index`-th member of a batch.
    #[cold]
    pub(super) fn of_member(self, index: usize) -> Self {
        Self::new(self.kind, format_args!("signals[{index}]: {}", self.detail))
    }
}

/// The start of an offending value, readable whatever its bytes are.
pub(super) struct Quoted<'a>(pub(super) &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in self.0.iter().take(QUOTED_BYTES_MAX) {
            f.write_char(if matches!(byte, 0x20..=0x7e) { char::from(byte) } else { '?' })?;
        }
        if self.0.len() > QUOTED_BYTES_MAX { f.write_str("...") } else { Ok(()) }
    }
}

/// A small text buffer that cuts what does not fit.
struct Text {
    bytes: [u8; Self::BYTES_MAX],
    len: usize,
}

impl Text {
    /// As much as a [`Reason`] holds.
    const BYTES_MAX: usize = 96;

    fn as_str(&self) -> &str {
        // Only ASCII is written by this module's callers; a cut character reads as empty.
        core::str::from_utf8(&self.bytes[..self.len]).unwrap_or("")
    }
}

impl Default for Text {
    fn default() -> Self {
        Self { bytes: [0; Self::BYTES_MAX], len: 0 }
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = Self::BYTES_MAX - self.len;
        let taken = text.len().min(room);
        self.bytes[self.len..self.len + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_field_and_value() {
        let fault = Fault::bad("kalshi.yes_ask", b"0");
        assert_eq!(fault.to_string(), "bad_value: kalshi.yes_ask: 0");
        assert_eq!(fault.of_member(3).detail.as_str(), "signals[3]: kalshi.yes_ask: 0");
    }

    #[test]
    fn long_and_strange_values_are_cut_and_readable() {
        let value = [0xff; 100];
        let detail = Fault::bad("id", &value).detail;
        assert_eq!(detail.as_str(), format!("id: {}...", "?".repeat(32)));
        let nested = Fault::new(Malformed::Json, format_args!("{}", "x".repeat(300)));
        assert_eq!(nested.detail.as_bytes().len(), 96);
    }
}
