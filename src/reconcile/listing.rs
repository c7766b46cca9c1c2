//! A listing that is read page by page: which GET is next, and whether it was the last.
//!
//! The exchange ignores a cursor it does not know and answers with the first page again
//! (reference §3.0), so a cursor that repeats, or too many pages, ends in an error instead of a
//! listing that looks complete and is not.

use super::client::RestFailure;
use crate::kalshi::paths::escape;

/// Most pages of one listing: a million rows are more than an account makes in the two weeks the
/// exchange keeps them in these listings.
const PAGES_MAX: u32 = 1_000;
/// Rows per page: the most the exchange gives.
const ROWS_PER_PAGE: &str = "1000";
/// The same, to count by.
const ROWS_PER_PAGE_MAX: usize = 1_000;

/// Whether a listing has another page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum More {
    Yes,
    No,
}

/// Where in a listing the reader is.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    path: &'static str,
    filters: String,
    cursor: Option<String>,
    pages: u32,
}

impl Listing {
    /// The listing at `path` (below the base path), restricted by `filters`.
    pub(super) fn new(path: &'static str, filters: &[(&str, &str)]) -> Self {
        let mut text = String::new();
        for (name, value) in filters {
            push_parameter(&mut text, name, value);
        }
        Self { path, filters: text, cursor: None, pages: 0 }
    }

    /// The path of the next page.
    pub(super) const fn path(&self) -> &'static str {
        self.path
    }

    /// The query of the next page.
    pub(super) fn query(&self) -> String {
        let mut query = self.filters.clone();
        push_parameter(&mut query, "limit", ROWS_PER_PAGE);
        if let Some(cursor) = &self.cursor {
            push_parameter(&mut query, "cursor", cursor);
        }
        query
    }

    /// As [`Self::advance`], of a listing whose missing rows would be taken for things that are
    /// gone: a page as full as it gets that names no next one was cut short.
    pub(super) fn advance_whole(
        &mut self,
        cursor: Option<String>,
        rows: usize,
    ) -> Result<More, RestFailure> {
        if cursor.is_none() && rows >= ROWS_PER_PAGE_MAX {
            return Err(RestFailure::Endless);
        }
        self.advance(cursor)
    }

    /// A page was read, and said where the next one begins.
    pub(super) fn advance(&mut self, cursor: Option<String>) -> Result<More, RestFailure> {
        let Some(cursor) = cursor else {
            return Ok(More::No);
        };
        self.pages += 1;
        if self.pages >= PAGES_MAX || self.cursor.as_ref() == Some(&cursor) {
            return Err(RestFailure::Endless);
        }
        self.cursor = Some(cursor);
        Ok(More::Yes)
    }
}

/// Appends `name=value`, percent-encoded, to a query.
fn push_parameter(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(name);
    query.push('=');
    for byte in value.bytes() {
        let (escaped, len) = escape(byte);
        query.extend(escaped[..len].iter().map(|&byte| char::from(byte)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_escaped_and_carries_the_cursor() {
        let mut listing = Listing::new("/portfolio/orders", &[("ticker", "A&B"), ("status", "x")]);
        assert_eq!(listing.query(), "ticker=A%26B&status=x&limit=1000");
        assert_eq!(listing.advance(Some("c=+/".into())), Ok(More::Yes));
        assert_eq!(listing.query(), "ticker=A%26B&status=x&limit=1000&cursor=c%3D%2B%2F");
        assert_eq!(listing.advance(None), Ok(More::No));
    }

    #[test]
    fn a_repeated_cursor_is_no_progress() {
        let mut listing = Listing::new("/portfolio/fills", &[]);
        assert_eq!(listing.advance(Some("a".into())), Ok(More::Yes));
        assert_eq!(listing.advance(Some("a".into())), Err(RestFailure::Endless));
    }

    #[test]
    fn a_full_page_without_a_next_one_was_cut_short() {
        let mut listing = Listing::new("/portfolio/positions", &[]);
        assert_eq!(listing.advance_whole(Some("a".into()), 1_000), Ok(More::Yes));
        assert_eq!(listing.advance_whole(None, 1_000), Err(RestFailure::Endless));
        assert_eq!(listing.advance_whole(None, 999), Ok(More::No));
    }

    #[test]
    fn pages_are_bounded() {
        let mut listing = Listing::new("/portfolio/fills", &[]);
        let end = (0..2 * PAGES_MAX).find(|page| listing.advance(Some(page.to_string())).is_err());
        assert_eq!(end, Some(PAGES_MAX - 1));
    }
}
