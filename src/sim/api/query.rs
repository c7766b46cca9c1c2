//! Query strings: parameters, limits, cursors.

use crate::sim::api::body::camel;
use crate::sim::api::failure::ApiError;
use crate::units::WallTime;

/// How an operation cuts its lists into pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRule {
    /// Page size when none is asked for.
    usual: usize,
    /// Largest page size: one more is a hard 400.
    most: usize,
    /// Names of the validator's rules that a page size breaks.
    tags: (&'static str, &'static str),
}

impl PageRule {
    /// Most lists.
    const STANDARD: Self = Self { usual: 100, most: 1_000, tags: ("gte", "lte") };
    /// Lists of an account, whose validator has other names for the same rules.
    pub(crate) const PORTFOLIO: Self = Self { tags: ("min", "max"), ..Self::STANDARD };
    /// Lists of what went in and out of an account.
    pub(crate) const TRANSFERS: Self = Self { most: 500, ..Self::PORTFOLIO };
    /// Lists of rewards.
    pub(crate) const INCENTIVES: Self = Self { most: 10_000, ..Self::PORTFOLIO };
    /// Lists of events.
    pub(crate) const EVENTS: Self = Self { usual: 200, most: 200, tags: ("min", "max") };
}

/// The parameters of one request.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Name of the exchange's operation, for its validator's messages.
    operation: &'static str,
    parameters: Vec<(String, String)>,
    rule: PageRule,
}

/// A closed interval of Unix seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    from: i64,
    to: i64,
}

impl Span {
    pub(crate) fn contains(&self, time: WallTime) -> bool {
        let seconds = i64::try_from(time.unix_secs()).unwrap_or(i64::MAX);
        self.from <= seconds && seconds <= self.to
    }
}

/// One page of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Where the next page starts; empty on the last one.
    pub(crate) cursor: String,
}

impl Query {
    pub(crate) fn parse(operation: &'static str, query: &str) -> Self {
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name), decode(value))
        };
        let parameters = query.split('&').filter(|part| !part.is_empty()).map(pair).collect();
        Self { operation, parameters, rule: PageRule::STANDARD }
    }

    /// The same with other pages.
    pub(crate) fn paged(self, rule: PageRule) -> Self {
        Self { rule, ..self }
    }

    /// A parameter that does not validate.
    pub(crate) fn invalid(&self, name: &str, tag: &str) -> ApiError {
        let (operation, field) = (self.operation, camel(name));
        let msg = format!(
            "Parameter validation failed for {operation}: Key: '{operation}Params.{field}' \
             Error:Field validation for '{field}' failed on the '{tag}' tag"
        );
        ApiError::Bare { msg }
    }

    fn unreadable(&self, name: &str, kind: &str) -> ApiError {
        let operation = self.operation;
        let msg = format!("Parameter validation failed for {operation}: {name} is no {kind}");
        ApiError::Bare { msg }
    }

    /// A parameter that is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// Whether `value` is among the comma-separated values of a parameter, or that is absent.
    pub(crate) fn admits(&self, name: &str, value: &str) -> bool {
        self.text(name).is_none_or(|list| list.split(',').any(|item| item == value))
    }

    /// All values of a parameter that may be repeated.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.parameters.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    /// An integer parameter.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.unreadable(name, "integer"))
    }

    /// An integer that must not be negative.
    pub(crate) fn natural(&self, name: &str) -> Result<Option<u32>, ApiError> {
        let Some(number) = self.integer(name)? else { return Ok(None) };
        u32::try_from(number).map(Some).map_err(|_| self.invalid(name, "gte"))
    }

    /// A flag as the exchange's language reads it; false when absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.text(name) {
            None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some(_) => Err(self.unreadable(name, "boolean")),
        }
    }

    /// A parameter that has one of a few values.
    pub(crate) fn one_of(&self, name: &str, allowed: &[&str]) -> Result<Option<&str>, ApiError> {
        match self.text(name) {
            Some(text) if !allowed.contains(&text) => Err(self.invalid(name, "oneof")),
            other => Ok(other),
        }
    }

    /// The interval between two parameters in Unix seconds, both inclusive.
    pub(crate) fn span(&self, from: &str, to: &str) -> Result<Span, ApiError> {
        let (from, to) = (self.integer(from)?, self.integer(to)?);
        Ok(Span { from: from.unwrap_or(i64::MIN), to: to.unwrap_or(i64::MAX) })
    }

    /// Everything since a parameter in Unix seconds.
    pub(crate) fn from(&self, name: &str) -> Result<Span, ApiError> {
        let from = self.integer(name)?.unwrap_or(i64::MIN);
        Ok(Span { from, to: i64::MAX })
    }

    /// The page size.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let PageRule { usual, most, tags } = self.rule;
        let Some(limit) = self.integer("limit")? else { return Ok(usual) };
        match usize::try_from(limit) {
            Ok(0) => Ok(usual),
            Ok(limit) if limit <= most => Ok(limit),
            Ok(_) => Err(self.invalid("limit", tags.1)),
            Err(_) => Err(self.invalid("limit", tags.0)),
        }
    }

    /// Cuts a page out of `items`, which come in order of descending `key`. A cursor that is not
    /// ours is ignored, as the exchange does.
    pub(crate) fn page<T>(
        &self,
        items: impl Iterator<Item = T>,
        key: impl Fn(&T) -> u64,
    ) -> Result<Page<T>, ApiError> {
        let limit = self.limit()?;
        let after = self.text("cursor").and_then(|cursor| u64::from_str_radix(cursor, 16).ok());
        let mut rest = items.skip_while(|item| after.is_some_and(|after| key(item) >= after));
        let items: Vec<T> = rest.by_ref().take(limit).collect();
        let more = rest.next().is_some();
        let last = items.last().filter(|_| more).map(&key);
        Ok(Page { items, cursor: last.map_or_else(String::new, |last| format!("{last:016x}")) })
    }
}

/// Decodes `%XX` and `+`. Broken escapes stay as they are.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        let escaped = match (first, rest) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            out.push(high * 16 + low);
            bytes = &rest[2..];
        } else {
            out.push(if *first == b'+' { b' ' } else { *first });
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded() {
        let query = Query::parse("Get", "ticker=A%2CB&x=%zz&y=a+b&z");
        assert!(query.admits("ticker", "B") && !query.admits("ticker", "C"));
        assert_eq!(query.text("x"), Some("%zz"));
        assert_eq!(query.text("y"), Some("a b"));
        assert_eq!(query.text("z"), None);
    }

    #[test]
    fn pages_follow_their_cursors_to_an_empty_one() {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let query = Query::parse("Get", &format!("limit=4&cursor={cursor}"));
            let page = query.page((0..10_u64).rev(), |item| *item).unwrap();
            seen.extend(page.items);
            cursor = page.cursor;
            if cursor.is_empty() {
                break;
            }
        }
        assert_eq!(seen, (0..10).rev().collect::<Vec<_>>());
        let garbage = Query::parse("Get", "cursor=garbage!");
        assert_eq!(garbage.page((0..3_u64).rev(), |item| *item).unwrap().items.len(), 3);
    }

    #[test]
    fn a_limit_over_the_maximum_is_refused_in_the_recorded_words() {
        let error = Query::parse("GetMarkets", "limit=1001").limit().unwrap_err();
        let body = "{\"msg\":\"Parameter validation failed for GetMarkets: Key: \
                    'GetMarketsParams.Limit' Error:Field validation for 'Limit' failed on the \
                    'lte' tag\"}";
        assert_eq!(error.response().body, body);
        assert_eq!(error.response().status, 400);
    }
}
