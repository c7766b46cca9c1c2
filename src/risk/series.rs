//! Which markets may be traded and which sport they belong to, by the beginning of their ticker.
//!
//! In: lists from the configuration. Out: the answer for one ticker, asked once a market, when
//! the market enters the table: prices and orders never come here.

use crate::ids::Ticker;

/// Number of a sport in [`SeriesRules::sports`]; one number more stands for every market that no
/// rule names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SportIx(pub u16);

/// One row of the series to sport table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SportRule {
    /// Series, or the beginning of a ticker.
    pub prefix: String,
    /// The sport's name.
    pub sport: String,
}

/// Series of the exchange that are games of one sport.
const SPORTS: [(&str, &str); 24] = [
    ("KXNFL", "football"),
    ("KXNCAAF", "football"),
    ("KXSB", "football"),
    ("KXNBA", "basketball"),
    ("KXWNBA", "basketball"),
    ("KXNCAAMB", "basketball"),
    ("KXNCAAWB", "basketball"),
    ("KXMLB", "baseball"),
    ("KXNHL", "hockey"),
    ("KXWC", "soccer"),
    ("KXEPL", "soccer"),
    ("KXUCL", "soccer"),
    ("KXUEL", "soccer"),
    ("KXMLS", "soccer"),
    ("KXLALIGA", "soccer"),
    ("KXSERIEA", "soccer"),
    ("KXBUNDESLIGA", "soccer"),
    ("KXLIGUE1", "soccer"),
    ("KXATP", "tennis"),
    ("KXWTA", "tennis"),
    ("KXPGA", "golf"),
    ("KXUFC", "fighting"),
    ("KXBOXING", "fighting"),
    ("KXF1", "racing"),
];

/// See the module's page. Without lists everything is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesRules {
    /// What may be traded: everything when empty.
    pub allow: Vec<String>,
    /// What may not, whatever `allow` says.
    pub deny: Vec<String>,
    /// Series to sport; the longest prefix that fits wins.
    pub sports: Vec<SportRule>,
}

impl Default for SeriesRules {
    /// Everything is allowed; the exchange's large sports are told apart.
    fn default() -> Self {
        let sports = SPORTS
            .iter()
            .map(|(prefix, sport)| SportRule {
                prefix: (*prefix).to_owned(),
                sport: (*sport).to_owned(),
            })
            .collect();
        Self { allow: Vec::new(), deny: Vec::new(), sports }
    }
}

/// What the rules say of one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Whether it may be traded.
    pub allowed: bool,
    /// Its sport.
    pub sport: SportIx,
}

impl SeriesRules {
    /// How many sports there are, the one for everything else included.
    #[must_use]
    pub fn sport_count(&self) -> usize {
        self.names().count() + 1
    }

    /// The sport's name; `other` for what no rule names.
    #[must_use]
    pub fn sport_name(&self, sport: SportIx) -> &str {
        self.names().nth(usize::from(sport.0)).unwrap_or("other")
    }

    /// What the rules say of `ticker`. An empty rule fits nothing: a list that was meant to be
    /// filled must not open or close everything.
    #[must_use]
    pub fn listing(&self, ticker: &Ticker) -> Listing {
        let fits = |prefix: &String| is_prefix(prefix, ticker);
        let listed = self.allow.is_empty() || self.allow.iter().any(fits);
        Listing { allowed: listed && !self.deny.iter().any(fits), sport: self.sport(ticker) }
    }

    fn sport(&self, ticker: &Ticker) -> SportIx {
        let fitting = self.sports.iter().filter(|rule| is_prefix(&rule.prefix, ticker));
        let longest = fitting.max_by_key(|rule| rule.prefix.len());
        let number = longest.and_then(|rule| self.names().position(|name| name == rule.sport));
        let number = number.unwrap_or_else(|| self.names().count());
        SportIx(u16::try_from(number).unwrap_or(u16::MAX))
    }

    /// Each sport once, in the order of its first rule.
    fn names(&self) -> impl Iterator<Item = &str> {
        let first = |at: usize, rule: &SportRule| {
            self.sports[..at].iter().all(|earlier| earlier.sport != rule.sport)
        };
        self.sports
            .iter()
            .enumerate()
            .filter(move |(at, rule)| first(*at, rule))
            .map(|(_, rule)| rule.sport.as_str())
    }
}

fn is_prefix(prefix: &str, ticker: &Ticker) -> bool {
    !prefix.is_empty() && ticker.as_bytes().starts_with(prefix.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str], sports: &[(&str, &str)]) -> SeriesRules {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let sports = sports.iter().map(|(prefix, sport)| SportRule {
            prefix: (*prefix).to_owned(),
            sport: (*sport).to_owned(),
        });
        SeriesRules { allow: texts(allow), deny: texts(deny), sports: sports.collect() }
    }

    #[track_caller]
    fn allowed(rules: &SeriesRules, ticker: &str, expected: bool) {
        let ticker = Ticker::new(ticker.as_bytes()).unwrap();
        assert_eq!(rules.listing(&ticker).allowed, expected, "{ticker}");
    }

    #[test]
    fn without_lists_everything_may_be_traded() {
        allowed(&SeriesRules::default(), "KXNFL-26JAN11-BUF", true);
    }

    #[test]
    fn what_is_denied_is_denied_even_when_allowed() {
        let rules = rules(&["KXNFL", "KXNBA"], &["KXNFL-26JAN11"], &[]);
        allowed(&rules, "KXNBA-26JAN11-LAL", true);
        allowed(&rules, "KXNFL-26JAN12-BUF", true);
        allowed(&rules, "KXNFL-26JAN11-BUF", false);
        allowed(&rules, "KXMLB-26JAN11-NYY", false);
    }

    #[test]
    fn an_empty_rule_fits_nothing() {
        allowed(&rules(&[""], &[], &[]), "KXNFL-26JAN11-BUF", false);
        allowed(&rules(&[], &[""], &[]), "KXNFL-26JAN11-BUF", true);
    }

    #[test]
    fn the_longest_rule_names_the_sport() {
        let sports = [("KXNFL", "football"), ("KX", "mixed"), ("KXNCAAF", "football")];
        let rules = rules(&[], &[], &sports);
        let sport = |text: &str| {
            let ix = rules.listing(&Ticker::new(text.as_bytes()).unwrap()).sport;
            rules.sport_name(ix).to_owned()
        };
        assert_eq!(rules.sport_count(), 3);
        assert_eq!(sport("KXNFL-26JAN11-BUF"), "football");
        assert_eq!(sport("KXNCAAF-26JAN11-BUF"), "football");
        assert_eq!(sport("KXMLB-26JAN11-NYY"), "mixed");
        assert_eq!(sport("HIGHNY-24JAN01-T60"), "other");
    }
}
