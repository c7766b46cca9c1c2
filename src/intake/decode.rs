//! A line's bytes to a signal: the scanner first, a full parser for whatever it leaves.
//!
//! In: one NDJSON line. Out: [`Line`] or [`Fault`]. The scanner takes every line a Python
//! producer normally writes and does not allocate; escapes in ids, exotic nesting and everything
//! that is wrong go to `serde_json`, which may allocate and is counted.

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::recorder::record::Malformed;

use super::batch::Batch;
use super::fault::{Fault, Quoted};
use super::fields::{Field, Fields, Group, Value};
use super::scan::scan;
use super::validate::{self, Content, Decoded};

/// Decodes one line that holds one signal.
///
/// ```
/// use kalshi_exec::intake::decode_line;
/// let line = br#"{"id":"sig-1","should_trade":true,"action":"BUY_YES",
///     "kalshi":{"ticker":"KXNFL-26JAN11-BUF","yes_ask":48,"no_ask":53},
///     "edge":{"cents":7},"position":{"contracts":25}}"#;
/// let decoded = decode_line(line).unwrap();
/// assert_eq!(decoded.signal.ticker.as_str(), "KXNFL-26JAN11-BUF");
/// ```
///
/// # Errors
/// Returns a [`Fault`] that names the field and value, or where the JSON breaks.
pub fn decode_line(line: &[u8]) -> Result<Decoded, Fault> {
    Decoder::default().member(line, None)
}

/// What one line holds.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "lives on the stack of one call")]
pub(super) enum Line {
    /// A signal.
    Signal(Decoded),
    /// Many, still to be decoded one by one.
    Batch(Batch),
}

/// Decodes lines and counts how many the scanner had to leave.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Decoder {
    /// Lines and members that the full parser took.
    pub(super) fallbacks: u64,
}

impl Decoder {
    /// Decodes a whole line, which may be a batch.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<Line, Fault> {
        match self.content(Content { text: line, batch_cycle: None }) {
            Ok(Meaning::Signal(decoded)) => Ok(Line::Signal(decoded)),
            Ok(Meaning::Batch) => match Batch::find(line)? {
                Some(batch) => Ok(Line::Batch(batch)),
                None => Err(Fault::bad(Field::Signals.path(), b"escaped key")),
            },
            // One bad member must not take the others along: where the brackets match, each
            // member is judged alone.
            Err(fault) if matches!(fault.kind, Malformed::Json | Malformed::Utf8) => {
                Batch::find(line)?.map(Line::Batch).ok_or(fault)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Decodes one signal: a line known to hold one, or a member of a batch.
    pub(super) fn member(
        &mut self,
        text: &[u8],
        batch_cycle: Option<u64>,
    ) -> Result<Decoded, Fault> {
        match self.content(Content { text, batch_cycle })? {
            Meaning::Batch => Err(Fault::bad(Field::Signals.path(), b"a batch inside a batch")),
            Meaning::Signal(mut decoded) => {
                decoded.signal.cycle = batch_cycle.or(decoded.signal.cycle);
                Ok(decoded)
            }
        }
    }

    /// Decodes for the sake of the caches: counts nothing, leaves nothing to the full parser.
    pub(super) fn rehearse(line: &[u8]) {
        let mut fields = Fields::new();
        if scan(core::hint::black_box(line), &mut fields).is_some() {
            let content = Content { text: line, batch_cycle: None };
            let judged = judge(&fields, content);
            debug_assert!(judged.is_ok(), "Invariant: a rehearsal is a signal");
            core::hint::black_box(&judged);
        }
    }

    fn content(&mut self, content: Content<'_>) -> Result<Meaning, Fault> {
        let mut fields = Fields::new();
        if scan(content.text, &mut fields).is_some() {
            return judge(&fields, content);
        }
        self.fallbacks += 1;
        reference(content)
    }
}

/// What well-formed JSON turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "lives on the stack of one call")]
pub(super) enum Meaning {
    /// A signal.
    Signal(Decoded),
    /// An object with an array `signals`.
    Batch,
}

fn judge(fields: &Fields<'_>, content: Content<'_>) -> Result<Meaning, Fault> {
    match fields.value(Field::Signals) {
        Value::Absent => validate::signal(fields, content).map(Meaning::Signal),
        Value::Compound([b'[', ..]) => Ok(Meaning::Batch),
        other => Err(Fault::bad(Field::Signals.path(), other.raw())),
    }
}

/// The full parser: slow, complete, and what the scanner is tested against.
pub(super) fn reference(content: Content<'_>) -> Result<Meaning, Fault> {
    let Ok(text) = core::str::from_utf8(content.text) else {
        return Err(Fault::new(Malformed::Utf8, format_args!("not utf-8")));
    };
    let mut found = Vec::new();
    collect(text, Group::Top, &mut found)?;
    let mut fields = Fields::new();
    for (field, owned) in &found {
        fields.set(*field, owned.borrow());
    }
    judge(&fields, content)
}

/// Gathers the wanted values of one object; objects among them are opened.
fn collect(text: &str, group: Group, found: &mut Vec<(Field, Owned)>) -> Result<(), Fault> {
    if group == Group::Top && !text.trim_start().starts_with('{') {
        return Err(not_an_object(text));
    }
    // A map keeps the last of repeated keys, as Python does.
    let object: HashMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|error| broken(text, &error))?;
    for (key, raw) in object {
        let Some(field) = Field::of(group, key.as_bytes()) else { continue };
        let raw = raw.get();
        if let (Some(inner), true) = (field.group(), raw.starts_with('{')) {
            found.push((field, Owned::Compound(raw.to_owned())));
            collect(raw, inner, found)?;
        } else {
            found.push((field, Owned::read(field, raw)?));
        }
    }
    Ok(())
}

fn not_an_object(text: &str) -> Fault {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => Fault::bad("line", text.trim().as_bytes()),
        Err(error) => broken(text, &error),
    }
}

/// Says where JSON breaks and what stands there: `NaN`, most often.
fn broken(text: &str, error: &serde_json::Error) -> Fault {
    let line_start: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let column = line_start + error.column().saturating_sub(1);
    let rest = text.as_bytes().get(column..).unwrap_or_default();
    let end = rest.iter().position(|b| matches!(b, b',' | b'}' | b']')).unwrap_or(rest.len());
    let what = if error.is_eof() { "unexpected end" } else { "unexpected" };
    let quoted = Quoted(&rest[..end.max(1).min(rest.len())]);
    Fault::new(Malformed::Json, format_args!("{what} at byte {}: {quoted}", column + 1))
}

/// A value whose text the full parser had to copy.
#[derive(Clone, Debug)]
enum Owned {
    True,
    False,
    Null,
    Number(String),
    Text(String),
    Compound(String),
}

impl Owned {
    fn read(field: Field, raw: &str) -> Result<Self, Fault> {
        Ok(match raw.as_bytes().first() {
            Some(b't') => Self::True,
            Some(b'f') => Self::False,
            Some(b'n') => Self::Null,
            Some(b'"') => Self::Text(
                // Valid JSON can still hold half a surrogate pair, which is no text.
                serde_json::from_str(raw).map_err(|_| Fault::bad(field.path(), raw.as_bytes()))?,
            ),
            Some(b'{' | b'[') => Self::Compound(raw.to_owned()),
            _ => Self::Number(raw.to_owned()),
        })
    }

    fn borrow(&self) -> Value<'_> {
        match self {
            Self::True => Value::True,
            Self::False => Value::False,
            Self::Null => Value::Absent,
            Self::Number(text) => Value::Number(text.as_bytes()),
            Self::Text(text) => Value::Text(text.as_bytes()),
            Self::Compound(text) => Value::Compound(text.as_bytes()),
        }
    }
}
