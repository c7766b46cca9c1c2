//! The fast decoder: one pass over a signal line in its common shape, without allocation.
//!
//! In: a line's bytes. Out: its [`Fields`], or `None` for anything unexpected (escapes in a key
//! or in a wanted string, deep nesting, bad JSON): then the full parser decides. It takes keys in
//! any order at both levels and never accepts what the full parser would refuse; the property
//! `scanner_and_reference_agree` holds the two together.

use super::fields::{Field, Fields, Group, Value};

/// Deepest nesting inside a skipped value: one bit each in a word. Signals nest three deep.
const DEPTH_MAX: u32 = 64;

/// Scans one line into `fields`. `None` means "ask the full parser", not "bad"; then `fields`
/// holds whatever was found before.
pub(super) fn scan<'a>(line: &'a [u8], fields: &mut Fields<'a>) -> Option<()> {
    let mut scanner = Scanner { line, at: 0, high: 0 };
    scanner.spaces();
    scanner.object(Group::Top, fields)?;
    scanner.spaces();
    let ended = scanner.at == line.len();
    let text = scanner.high & HIGH == 0 || core::str::from_utf8(line).is_ok();
    (ended && text).then_some(())
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that ends a plain run. Exact for the lowest one, which is the one
/// that counts: a borrow only runs upwards.
const fn stops(word: u64) -> u64 {
    let quote = word ^ (LOW * b'"' as u64);
    let backslash = word ^ (LOW * b'\\' as u64);
    let quotes = quote.wrapping_sub(LOW) & !quote;
    let backslashes = backslash.wrapping_sub(LOW) & !backslash;
    let controls = word.wrapping_sub(LOW * 0x20) & !word;
    (quotes | backslashes | controls) & HIGH
}

struct Scanner<'a> {
    line: &'a [u8],
    at: usize,
    /// All string bytes or-ed together: whether UTF-8 has to be checked.
    high: u64,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        if self.peek()? != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn spaces(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    /// An object whose keys belong to `group`; the cursor stands on its brace.
    fn object(&mut self, group: Group, fields: &mut Fields<'a>) -> Option<()> {
        self.expect(b'{')?;
        self.spaces();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let key = self.plain_string()?;
            self.spaces();
            self.expect(b':')?;
            self.spaces();
            match Field::of(group, key) {
                Some(field) => self.field(field, fields)?,
                None => self.skip()?,
            }
            self.spaces();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return None,
            }
            self.spaces();
        }
        self.at += 1;
        Some(())
    }

    fn field(&mut self, field: Field, fields: &mut Fields<'a>) -> Option<()> {
        let value = match field.group() {
            None => self.value()?,
            Some(group) => {
                fields.forget_inside(group);
                let start = self.at;
                match self.peek()? {
                    b'{' => {
                        self.object(group, fields)?;
                        Value::Compound(&self.line[start..self.at])
                    }
                    _ => self.value()?,
                }
            }
        };
        fields.set(field, value);
        Some(())
    }

    fn value(&mut self) -> Option<Value<'a>> {
        let start = self.at;
        match self.peek()? {
            b'"' => return Some(Value::Text(self.plain_string()?)),
            b't' => return self.literal(b"true").map(|()| Value::True),
            b'f' => return self.literal(b"false").map(|()| Value::False),
            b'n' => return self.literal(b"null").map(|()| Value::Absent),
            b'{' | b'[' => {
                self.skip()?;
                return Some(Value::Compound(&self.line[start..self.at]));
            }
            _ => {}
        }
        self.number()?;
        Some(Value::Number(&self.line[start..self.at]))
    }

    fn literal(&mut self, word: &[u8]) -> Option<()> {
        if !self.line[self.at..].starts_with(word) {
            return None;
        }
        self.at += word.len();
        Some(())
    }

    /// JSON's number grammar, nothing more: no leading zeros, no bare points, no `NaN`.
    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// A string without escapes; the cursor stands on its quote.
    fn plain_string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let start = self.at;
        self.plain_run();
        let text = &self.line[start..self.at];
        self.expect(b'"')?;
        Some(text)
    }

    /// Moves over string content up to a quote, a backslash, a control byte or the line's end.
    fn plain_run(&mut self) {
        let rest = &self.line[self.at..];
        let (words, _) = rest.as_chunks::<8>();
        let (mut at, mut high) = (0, 0_u64);
        for word in words {
            let word = u64::from_le_bytes(*word);
            let stops = stops(word);
            if stops != 0 {
                let before = stops.trailing_zeros() / 8;
                high |= word & !(u64::MAX << (before * 8));
                self.high |= high;
                self.at += at + before as usize;
                return;
            }
            high |= word;
            at += 8;
        }
        for &byte in &rest[at..] {
            if byte == b'"' || byte == b'\\' || byte < 0x20 {
                break;
            }
            high |= u64::from(byte);
            at += 1;
        }
        self.high |= high;
        self.at += at;
    }

    /// A string that nobody wants: escapes are checked, not resolved.
    fn skip_string(&mut self) -> Option<()> {
        self.expect(b'"')?;
        loop {
            self.plain_run();
            match self.peek()? {
                b'"' => break,
                b'\\' => self.skip_escape()?,
                _ => return None,
            }
        }
        self.at += 1;
        Some(())
    }

    fn skip_escape(&mut self) -> Option<()> {
        self.at += 1;
        let digits = match self.peek()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 0,
            b'u' => 4,
            _ => return None,
        };
        self.at += 1;
        let hex = self.line.get(self.at..self.at + digits)?;
        self.at += digits;
        hex.iter().all(u8::is_ascii_hexdigit).then_some(())
    }

    /// Any value that nobody wants, without recursion.
    fn skip(&mut self) -> Option<()> {
        let mut nest = Nest::default();
        loop {
            self.spaces();
            match self.peek()? {
                open @ (b'{' | b'[') => {
                    self.at += 1;
                    self.spaces();
                    let close = if open == b'{' { b'}' } else { b']' };
                    if self.peek()? == close {
                        self.at += 1;
                    } else {
                        nest.enter(open)?;
                        self.skip_key(&nest)?;
                        continue;
                    }
                }
                b'"' => self.skip_string()?,
                _ => {
                    self.value()?;
                }
            }
            if self.after_value(&mut nest)? == Skip::Done {
                return Some(());
            }
        }
    }

    /// Closes what ends here and moves on to the next value, if there is one inside `nest`.
    fn after_value(&mut self, nest: &mut Nest) -> Option<Skip> {
        while nest.depth > 0 {
            self.spaces();
            let byte = self.peek()?;
            self.at += 1;
            if byte == b',' {
                self.spaces();
                self.skip_key(nest)?;
                return Some(Skip::More);
            }
            if byte != nest.close() {
                return None;
            }
            nest.leave();
        }
        Some(Skip::Done)
    }

    /// Inside an object, the key and colon before the next value.
    fn skip_key(&mut self, nest: &Nest) -> Option<()> {
        if nest.close() == b'}' {
            self.skip_string()?;
            self.spaces();
            self.expect(b':')?;
        }
        Some(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skip {
    More,
    Done,
}

/// Which brackets are open: one bit each, set for objects.
#[derive(Clone, Copy, Debug, Default)]
struct Nest {
    objects: u64,
    depth: u32,
}

impl Nest {
    const fn enter(&mut self, open: u8) -> Option<()> {
        if self.depth == DEPTH_MAX {
            return None;
        }
        self.objects = (self.objects << 1) | (open == b'{') as u64;
        self.depth += 1;
        Some(())
    }

    const fn leave(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    const fn close(&self) -> u8 {
        if self.objects & 1 == 1 { b'}' } else { b']' }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(line: &[u8]) -> bool {
        scan(line, &mut Fields::new()).is_some()
    }

    #[track_caller]
    fn skips(json: &str, expected: bool) {
        let line = format!("{{\"other\":{json}}}");
        assert_eq!(takes(line.as_bytes()), expected, "{json}");
    }

    #[test]
    fn only_json_is_skipped() {
        for json in ["[]", "{}", "[[],{}]", r#"{"a":[1,{"b":null}],"c":"\u00fc\n"}"#, "-0.5e+7"] {
            skips(json, true);
        }
        for json in ["[", "[1,]", "{\"a\"}", "{\"a\":1,}", "01", "1.", "NaN", "-Infinity"] {
            skips(json, false);
        }
        for json in [r#""\q""#, r#""\u12g4""#, "\"a\nb\"", "[1}", "{]", "tru", "", "1 2"] {
            skips(json, false);
        }
        skips(&format!("{}{}", "[".repeat(65), "]".repeat(65)), true);
        skips(&format!("{}{}", "[".repeat(66), "]".repeat(66)), false);
    }

    #[test]
    fn bytes_that_are_not_utf8_go_to_the_full_parser() {
        assert!(takes("{\"team\":\"Türkiye\"}".as_bytes()));
        assert!(!takes(b"{\"team\":\"T\xfcrkiye\"}"));
    }

    #[test]
    fn a_wanted_string_with_an_escape_goes_to_the_full_parser() {
        assert!(!takes(br#"{"id":"a\u0041"}"#));
        assert!(takes(br#"{"tier":"a\u0041"}"#));
        assert!(!takes(br#"{"i\u0064":"a"}"#));
    }

    #[test]
    fn a_run_of_plain_bytes_ends_at_the_same_place_as_byte_by_byte() {
        let bytes: Vec<u8> = (0..=255).collect();
        for first in &bytes {
            for second in [b'a', b'"', b'\\', 0x1f, 0x20, 0x80, 0xff] {
                for length in [1, 7, 8, 9, 17] {
                    let mut line = vec![b'a'; length];
                    line[length / 2] = *first;
                    line.push(second);
                    let stop = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < 0x20;
                    let expected = line.iter().position(stop).unwrap_or(line.len());
                    let mut scanner = Scanner { line: &line, at: 0, high: 0 };
                    scanner.plain_run();
                    assert_eq!(scanner.at, expected, "{line:?}");
                    let high = line[..expected].iter().any(|&byte| byte >= 0x80);
                    assert_eq!(scanner.high & HIGH != 0, high, "{line:?}");
                }
            }
        }
    }
}
