//! The plan's environment variables, and the `.env` file under them.

use std::collections::HashMap;
use std::path::Path;

use super::ConfigError;

/// The variables this program reads, as they were at start.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: HashMap<String, String>,
}

/// Every variable that means something here.
const KNOWN: [&str; 10] = [
    "PAPER_TRADING",
    "TRADING_PROFILE",
    "CYCLE_INTERVAL_MS",
    "MAX_SIGNALS_PER_CYCLE",
    "MAX_POSITION_SIZE",
    "MAX_RISK_PER_TRADE",
    "MAX_DAILY_LOSS",
    "MAX_DAILY_TRADES",
    "KALSHI_API_KEY_ID",
    "KALSHI_PRIVATE_KEY_PATH",
];

impl Environment {
    /// Reads the process's environment over the `.env` file in `dir`, when there is one.
    #[must_use]
    pub fn capture(dir: &Path) -> Self {
        let file = std::fs::read_to_string(dir.join(".env")).unwrap_or_default();
        let mut variables: HashMap<String, String> = file.lines().filter_map(assignment).collect();
        for name in KNOWN {
            if let Ok(value) = std::env::var(name) {
                variables.insert(name.to_owned(), value);
            }
        }
        Self { variables }
    }

    /// An environment with exactly these variables.
    #[must_use]
    pub fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { variables: pairs.iter().map(own).collect() }
    }

    /// A variable's value; an empty one counts as unset.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable that holds a whole number.
    ///
    /// # Errors
    /// [`ConfigError::NotAllowed`] when it holds anything else.
    pub fn number(&self, name: &str) -> Result<Option<u64>, ConfigError> {
        let parse = |text: &str| {
            text.trim()
                .parse::<u64>()
                .map_err(|_| ConfigError::not_allowed(name, text, "a whole number, not negative"))
        };
        self.text(name).map(parse).transpose()
    }
}

/// `NAME=value`, comments and blank lines aside; quotes around the value are taken off.
fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    if line.starts_with('#') {
        return None;
    }
    let (name, value) = line.split_once('=')?;
    let value = value.trim().trim_matches(|c| c == '"' || c == '\'');
    Some((name.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_env_line_is_a_name_and_a_value() {
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(assignment("A=1"), pair("A", "1"));
        assert_eq!(assignment("  export A = \"x y\" "), pair("A", "x y"));
        assert_eq!(assignment("# A=1"), None);
        assert_eq!(assignment(""), None);
    }
}
