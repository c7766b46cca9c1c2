//! A batch line, `{"cycle":n,"signals":[…]}`, split into its members by structure alone.
//!
//! In: a line. Out: the batch's cycle and the extent of one member after the other. Only quotes,
//! escapes and brackets are looked at, so that a member that is no JSON (Python writes `NaN`)
//! costs itself and not its neighbours; each member is decoded like a line of its own.

use core::ops::Range;

use super::fault::Fault;
use super::fields::Value;
use super::validate;

/// Where a batch stands: which members are still to come. Offsets count from the line's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// The cycle all members belong to.
    pub(super) cycle: Option<u64>,
    /// Number of the next member, from 0.
    pub(super) index: usize,
    at: usize,
    end: usize,
}

impl Batch {
    /// Finds the members of a line. `None` when the line is no object with an array `signals`,
    /// or its brackets do not match.
    pub(super) fn find(line: &[u8]) -> Result<Option<Self>, Fault> {
        let Some((cycle, members)) = top_level(line) else {
            return Ok(None);
        };
        let cycle = validate::cycle(value(cycle))?;
        Ok(Some(Self { cycle, index: 0, at: members.start, end: members.end }))
    }

    /// The extent of the next member. `line` is the line the batch was found in.
    pub(super) fn next_member(&mut self, line: &[u8]) -> Option<Range<usize>> {
        let inside = &line[..self.end];
        self.at = after_spaces(inside, self.at);
        if self.at > self.end || (self.at == self.end && self.index == 0) {
            return None;
        }
        let start = self.at;
        let comma = until(inside, start, |byte| byte == b',').unwrap_or(self.end);
        self.at = comma + 1;
        self.index += 1;
        Some(start..comma)
    }
}

/// The raw `cycle` (empty when absent) and the inside of `signals`, last of repeated keys.
fn top_level(line: &[u8]) -> Option<(&[u8], Range<usize>)> {
    let mut cycle: &[u8] = b"";
    let mut members = None;
    let mut at = after_spaces(line, 0);
    if line.get(at) != Some(&b'{') {
        return None;
    }
    loop {
        let key_start = after_spaces(line, at + 1);
        let key_end = string_end(line, key_start)?;
        at = after_spaces(line, key_end);
        if line.get(at) != Some(&b':') {
            return None;
        }
        let start = after_spaces(line, at + 1);
        let end = until(line, start, |byte| matches!(byte, b',' | b'}'))?;
        let raw = line[start..end].trim_ascii_end();
        match &line[key_start..key_end] {
            b"\"cycle\"" => cycle = raw,
            b"\"signals\"" => members = array_inside(raw, start),
            _ => {}
        }
        at = end;
        if line[at] == b'}' {
            break;
        }
    }
    let ended = after_spaces(line, at + 1) == line.len();
    Some((cycle, members.filter(|_| ended)?))
}

fn array_inside(raw: &[u8], start: usize) -> Option<Range<usize>> {
    let array = raw.len() >= 2 && raw.first() == Some(&b'[') && raw.last() == Some(&b']');
    array.then(|| start + 1..start + raw.len() - 1)
}

fn value(raw: &[u8]) -> Value<'_> {
    match raw.first() {
        None => Value::Absent,
        Some(_) if raw == b"null" => Value::Absent,
        Some(b'-' | b'0'..=b'9') => Value::Number(raw),
        Some(_) => Value::Compound(raw),
    }
}

fn after_spaces(line: &[u8], at: usize) -> usize {
    let spaces = |&&byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    at + line.get(at..).unwrap_or_default().iter().take_while(spaces).count()
}

/// The end of the string that starts at `at`, behind its closing quote.
fn string_end(line: &[u8], at: usize) -> Option<usize> {
    if line.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        match line.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The first byte from `at` that `stops`, outside strings and with all brackets closed.
fn until(line: &[u8], at: usize, stops: impl Fn(u8) -> bool) -> Option<usize> {
    let (mut at, mut depth) = (at, 0_usize);
    loop {
        match *line.get(at)? {
            byte if depth == 0 && stops(byte) => return Some(at),
            b'"' => {
                at = string_end(line, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(line: &str) -> Option<Vec<&str>> {
        let mut batch = Batch::find(line.as_bytes()).unwrap()?;
        let mut out = Vec::new();
        while let Some(range) = batch.next_member(line.as_bytes()) {
            out.push(line[range].trim());
        }
        Some(out)
    }

    #[track_caller]
    fn splits(line: &str, expected: &[&str]) {
        assert_eq!(members(line).as_deref(), Some(expected), "{line}");
    }

    #[test]
    fn members_are_split_by_structure() {
        splits(r#"{"cycle":1,"signals":[]}"#, &[]);
        splits(r#"{"signals":[ ],"cycle":1}"#, &[]);
        splits(
            r#"{"cycle":1,"signals":[{"a":[1,2]}, {"b":"],\"}"}] }"#,
            &[r#"{"a":[1,2]}"#, r#"{"b":"],\"}"}"#],
        );
        splits(r#"{"signals":[NaN,{"a":1} {"b":2},]}"#, &["NaN", r#"{"a":1} {"b":2}"#, ""]);
        splits(r#"{"signals":[1],"signals":[2]}"#, &["2"]);
    }

    #[test]
    fn what_does_not_close_is_no_batch() {
        for line in [
            "",
            "[]",
            "{}",
            r#"{"signals":[{"a":1}"#,
            r#"{"signals":[{"a":1}}"#,
            r#"{"signals":["a]}"#,
            r#"{"signals":[]} x"#,
            r#"{"signals":7}"#,
            r#"{"signals" []}"#,
            r#"{"signals":[]"#,
        ] {
            assert_eq!(members(line), None, "{line}");
        }
    }

    #[test]
    fn a_bad_cycle_is_named() {
        let fault = Batch::find(br#"{"cycle":-1,"signals":[]}"#).unwrap_err();
        assert_eq!(fault.to_string(), "bad_value: cycle: -1");
        let batch = Batch::find(br#"{"cycle":17,"signals":[]}"#).unwrap().unwrap();
        assert_eq!(batch.cycle, Some(17));
        assert_eq!(Batch::find(br#"{"cycle":null,"signals":[]}"#).unwrap().unwrap().cycle, None);
    }
}
