//! JSON scanner for the few message shapes that are hot: one pass, no copy, no allocation.
//!
//! In: the text of one message. Out: raw values in order, or `None` at the first thing it does
//! not expect (an escape, an unknown nested value, malformed text). `None` is no verdict: the
//! caller then asks a general parser. What it does accept is valid JSON with the same meaning.

/// A value as it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// The bytes between the quotes; there is no escape among them.
    Text(&'a [u8]),
    /// An integer without sign, fraction or exponent.
    Unsigned(u64),
    /// `true` or `false`.
    Flag(bool),
    /// `null`.
    Null,
    /// A number of another form.
    OtherNumber,
}

impl<'a> Value<'a> {
    /// The text, if it is one.
    pub(super) const fn text(self) -> Option<&'a [u8]> {
        match self {
            Self::Text(bytes) => Some(bytes),
            Self::Unsigned(_) | Self::Flag(_) | Self::Null | Self::OtherNumber => None,
        }
    }

    /// The integer, if it is one.
    pub(super) const fn unsigned(self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(number),
            Self::Text(_) | Self::Flag(_) | Self::Null | Self::OtherNumber => None,
        }
    }

    /// The flag, if it is one.
    pub(super) const fn flag(self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(flag),
            Self::Text(_) | Self::Unsigned(_) | Self::Null | Self::OtherNumber => None,
        }
    }
}

/// What stands between two members of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// The first key, or the end.
    FirstKeyOrEnd,
    /// A comma and a key, or the end.
    CommaOrEnd,
}

/// A place in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Reads an object, giving each key to `member`, which must read the value behind it.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a [u8]) -> Option<()>,
    ) -> Option<()> {
        self.punctuation(b'{')?;
        let mut expect = Expect::FirstKeyOrEnd;
        // Bounded: every turn consumes text.
        loop {
            match (self.peek()?, expect) {
                (b'}', _) => {
                    self.at += 1;
                    return Some(());
                }
                (b',', Expect::CommaOrEnd) => {
                    self.at += 1;
                    self.skip_space();
                }
                (b'"', Expect::FirstKeyOrEnd) => {}
                _ => return None,
            }
            let key = self.text()?;
            self.punctuation(b':')?;
            self.skip_space();
            member(self, key)?;
            expect = Expect::CommaOrEnd;
        }
    }

    /// Reads an array; `element` must read each of its values.
    pub(super) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.punctuation(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        // Bounded: every turn consumes text.
        loop {
            self.skip_space();
            element(self)?;
            let next = self.peek()?;
            self.at += 1;
            match next {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Reads a scalar; `None` for nested values.
    pub(super) fn value(&mut self) -> Option<Value<'a>> {
        match self.bytes.get(self.at)? {
            b'"' => self.text().map(Value::Text),
            b't' => self.literal(b"true").map(|()| Value::Flag(true)),
            b'f' => self.literal(b"false").map(|()| Value::Flag(false)),
            b'n' => self.literal(b"null").map(|()| Value::Null),
            _ => self.number(),
        }
    }

    /// Whether only white space is left.
    pub(super) fn at_end(&mut self) -> bool {
        self.skip_space();
        self.at == self.bytes.len()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.bytes.get(self.at).copied()
    }

    fn punctuation(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Reads a string without escapes or control characters.
    fn text(&mut self) -> Option<&'a [u8]> {
        let (b'"', rest) = self.bytes.get(self.at..)?.split_first()? else {
            return None;
        };
        let len = plain_len(rest);
        if rest.get(len) != Some(&b'"') {
            return None;
        }
        self.at += len + 2;
        Some(&rest[..len])
    }

    fn literal(&mut self, word: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    /// Reads a number by JSON's grammar, without exponent: whether that is in range is not for
    /// this file to say.
    fn number(&mut self) -> Option<Value<'a>> {
        let start = self.at;
        let negative = self.take(b'-');
        let whole = self.digits()?;
        if whole.len() > 1 && whole[0] == b'0' {
            return None;
        }
        let mut plain = !negative;
        if self.take(b'.') {
            self.digits()?;
            plain = false;
        }
        debug_assert!(self.at > start, "Invariant: a number has a digit");
        if !plain {
            return Some(Value::OtherNumber);
        }
        let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
        whole.iter().try_fold(0, add).map(Value::Unsigned)
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += len;
        (len > 0).then(|| &rest[..len])
    }
}

/// How many bytes there are before the first quote, backslash or control character.
///
/// Eight at a time: strings are most of a message, and byte by byte they were most of the time.
fn plain_len(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = special_bytes(u64::from_le_bytes(*word));
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    bytes.len() - tail.len() + tail.iter().position(is_special).unwrap_or(tail.len())
}

/// The high bit of each byte that ends a plain string. Only the lowest one set is exact: a borrow
/// can set bits above it, never below.
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    (is_control | is_quote | is_backslash) & HIGHS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Collects a flat object's members.
    fn members(text: &str) -> Option<Vec<(&[u8], Value<'_>)>> {
        let mut scanner = Scanner::new(text.as_bytes());
        let mut out = Vec::new();
        scanner.object(|scanner, key| {
            out.push((key, scanner.value()?));
            Some(())
        })?;
        scanner.at_end().then_some(out)
    }

    #[test]
    fn a_flat_object_is_read_in_order() {
        assert_eq!(
            members(" { \"a\" : \"x\" ,\"b\":17,\"c\":true,\"d\":null,\"e\":-1.5 }\n").unwrap(),
            [
                (&b"a"[..], Value::Text(b"x")),
                (b"b", Value::Unsigned(17)),
                (b"c", Value::Flag(true)),
                (b"d", Value::Null),
                (b"e", Value::OtherNumber),
            ]
        );
        assert_eq!(members("{}").unwrap(), []);
    }

    #[test]
    fn what_it_does_not_expect_it_leaves() {
        for text in [
            "",
            "{",
            "[]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,\"a\":1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":\"\\n\"}",
            "{\"a\":\"\n\"}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":tru}",
            "{\"a\":{}}",
            "{\"a\":[1]}",
            "{\"a\":1}}",
            "{\"a\":1e}",
            "{\"a\":1e5}",
            "{\"a\":99999999999999999999}",
            "{\"a",
        ] {
            assert_eq!(members(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn eight_bytes_at_a_time_find_what_one_at_a_time_finds(
            bytes in prop::collection::vec(
                prop_oneof![
                    4 => any::<u8>(),
                    1 => prop::sample::select(&b"\"\\\x1f\x00\x20\xff"[..]),
                ],
                0..40,
            )
        ) {
            let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
            let expected = bytes.iter().position(is_special).unwrap_or(bytes.len());
            prop_assert_eq!(plain_len(&bytes), expected);
        }

        #[test]
        fn what_it_accepts_is_json(text in "[{}\",:a1.eE+\\-0 \n\\\\truefalsn]{0,24}") {
            if members(&text).is_some() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
            }
        }

        #[test]
        fn flat_json_without_escapes_is_accepted(
            object in prop::collection::btree_map(
                "[a-z_]{0,8}",
                "[ -!#-\\[\\]-~\u{e4}\u{20ac}]{0,20}",
                0..6,
            )
        ) {
            let text = serde_json::to_string(&object).unwrap();
            let found = members(&text).unwrap();
            let expected: Vec<_> = object
                .iter()
                .map(|(key, value)| (key.as_bytes(), Value::Text(value.as_bytes())))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
