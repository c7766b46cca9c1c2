//! Members of a small JSON object, one after the other, without copy or allocation.
//!
//! In: a response body. Out: keys and values as they stand there. What it reads is valid JSON
//! with the same meaning; at the first thing it does not expect it says [`NotFlat`], which is no
//! verdict: the caller asks a general parser. Nested values are skipped, not checked.

/// The text is not JSON, or is JSON that this scanner leaves to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotFlat;

/// A value as it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// The bytes between the quotes; none of them is an escape.
    Text(&'a [u8]),
    /// The bytes between the quotes, with escapes among them.
    Escaped(&'a [u8]),
    /// A number's token.
    Number(&'a [u8]),
    /// An object, with its braces, unchecked.
    Object(&'a [u8]),
    /// An array, unchecked.
    Array,
    /// `true` or `false`.
    Flag,
    /// `null`.
    Null,
}

/// An object being read.
#[derive(Clone, Debug)]
pub(super) struct Members<'a> {
    bytes: &'a [u8],
    at: usize,
    first: First,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Yes,
    No,
}

impl<'a> Members<'a> {
    /// Starts at the opening brace.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, NotFlat> {
        let mut members = Self { bytes, at: 0, first: First::Yes };
        members.expect(b'{')?;
        Ok(members)
    }

    /// The next member, or `None` after the closing brace and nothing but space behind it.
    pub(super) fn next(&mut self) -> Result<Option<(&'a [u8], Value<'a>)>, NotFlat> {
        if self.peek()? == b'}' {
            self.at += 1;
            let rest = self.bytes.get(self.at..).unwrap_or(&[]);
            return if rest.iter().all(|&byte| is_space(byte)) { Ok(None) } else { Err(NotFlat) };
        }
        if self.first == First::No {
            self.expect(b',')?;
        }
        self.first = First::No;
        self.expect(b'"')?;
        let Value::Text(key) = self.text()? else { return Err(NotFlat) };
        self.expect(b':')?;
        Ok(Some((key, self.value()?)))
    }

    fn value(&mut self) -> Result<Value<'a>, NotFlat> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.text()
            }
            b'{' => Ok(Value::Object(self.nested()?)),
            b'[' => self.nested().map(|_| Value::Array),
            b't' => self.word(b"true", Value::Flag),
            b'f' => self.word(b"false", Value::Flag),
            b'n' => self.word(b"null", Value::Null),
            _ => self.number(),
        }
    }

    /// The rest of a string whose opening quote is behind us.
    fn text(&mut self) -> Result<Value<'a>, NotFlat> {
        let start = self.at;
        let mut escaped = false;
        loop {
            match *self.bytes.get(self.at).ok_or(NotFlat)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                0..=0x1f => return Err(NotFlat),
                _ => self.at += 1,
            }
        }
        let text = self.bytes.get(start..self.at).ok_or(NotFlat)?;
        self.at += 1;
        Ok(if escaped { Value::Escaped(text) } else { Value::Text(text) })
    }

    /// A number: `-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?`.
    fn number(&mut self) -> Result<Value<'a>, NotFlat> {
        let start = self.at;
        self.skip_one(b"-");
        let whole = self.at;
        self.digits()?;
        if self.bytes[whole] == b'0' && self.at > whole + 1 {
            return Err(NotFlat);
        }
        if self.skip_one(b".") {
            self.digits()?;
        }
        if self.skip_one(b"eE") {
            self.skip_one(b"+-");
            self.digits()?;
        }
        Ok(Value::Number(&self.bytes[start..self.at]))
    }

    fn digits(&mut self) -> Result<(), NotFlat> {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { Err(NotFlat) } else { Ok(()) }
    }

    /// Whether one byte out of `set` was there, and is now behind us.
    fn skip_one(&mut self, set: &[u8]) -> bool {
        let there = self.bytes.get(self.at).is_some_and(|byte| set.contains(byte));
        self.at += usize::from(there);
        there
    }

    /// An object or array, found by counting brackets outside of strings.
    fn nested(&mut self) -> Result<&'a [u8], NotFlat> {
        let start = self.at;
        let mut depth = 0_u32;
        loop {
            let byte = *self.bytes.get(self.at).ok_or(NotFlat)?;
            self.at += 1;
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b'"' => {
                    self.text()?;
                }
                _ => {}
            }
            if depth == 0 {
                return Ok(&self.bytes[start..self.at]);
            }
        }
    }

    fn word(&mut self, word: &[u8], value: Value<'a>) -> Result<Value<'a>, NotFlat> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(NotFlat);
        }
        self.at += word.len();
        Ok(value)
    }

    /// The next byte that is not space.
    fn peek(&mut self) -> Result<u8, NotFlat> {
        loop {
            let byte = *self.bytes.get(self.at).ok_or(NotFlat)?;
            if !is_space(byte) {
                return Ok(byte);
            }
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotFlat> {
        if self.peek()? != byte {
            return Err(NotFlat);
        }
        self.at += 1;
        Ok(())
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &[u8]) -> Result<Vec<(&[u8], Value<'_>)>, NotFlat> {
        let mut members = Members::new(text)?;
        let mut out = Vec::new();
        while let Some(member) = members.next()? {
            out.push(member);
        }
        Ok(out)
    }

    #[test]
    fn members_come_in_order_with_their_text() {
        let text = br#" {"a" : "x\"y","b":-1.5e3 ,"c":{"d":"}"},"e":[1,"]"],"f":null,"g":true} "#;
        let expected: [(&[u8], Value<'_>); 6] = [
            (b"a", Value::Escaped(br#"x\"y"#)),
            (b"b", Value::Number(b"-1.5e3")),
            (b"c", Value::Object(br#"{"d":"}"}"#)),
            (b"e", Value::Array),
            (b"f", Value::Null),
            (b"g", Value::Flag),
        ];
        assert_eq!(all(text), Ok(expected.to_vec()));
        assert_eq!(all(b"{}"), Ok(vec![]));
    }

    #[track_caller]
    fn refuses(text: &str) {
        assert_eq!(all(text.as_bytes()), Err(NotFlat), "{text}");
    }

    #[test]
    fn what_is_not_an_object_is_left_to_others() {
        refuses("");
        refuses("[]");
        refuses("<html></html>");
        refuses("{\"a\":1,}");
        refuses("{,\"a\":1}");
        refuses("{\"a\" 1}");
        refuses("{\"a\":01}");
        refuses("{\"a\":1.}");
        refuses("{\"a\":-}");
        refuses("{\"a\":nul}");
        refuses("{\"a\":\"x}");
        refuses("{\"a\":\"x\\");
        refuses("{\"a\":\"\n\"}");
        refuses("{\"a\":1} x");
        refuses("{\"a\":{}");
        refuses("{\"\\u0061\":1}");
    }

    proptest! {
        #[test]
        fn flat_objects_are_accepted_exactly_when_they_are_json(
            text in concat!(
                r#"\{("[ab]{1,2}" ?: ?(-?[0-9]{1,3}(\.[0-9]{0,2})?|"[x\\n,}]{0,4}"|"#,
                r#"null|tru?e),?){0,3}\}?"#,
            ),
        ) {
            let ours = all(text.as_bytes()).is_ok();
            let theirs = serde_json::from_str::<serde_json::Map<_, _>>(&text).is_ok();
            // Escapes are not checked here, so that alone may differ.
            if !text.contains('\\') {
                prop_assert_eq!(ours, theirs, "{}", text);
            } else if theirs {
                prop_assert!(ours, "{}", text);
            }
        }
    }
}
