//! The plan's environment variables, and the `.env` file under them.
//!
//! Variables of other programs are left alone; a line of `.env` that is no assignment is refused,
//! since it may have been meant as a limit.

use std::collections::HashMap;
use std::env::VarError;
use std::io::ErrorKind;
use std::path::Path;

use super::ConfigError;
use super::setting::Origin;

/// The variables this program reads, as they were at start.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: HashMap<&'static str, Variable>,
}

#[derive(Clone, Debug)]
struct Variable {
    value: String,
    origin: Origin,
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

fn known(name: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| *known == name)
}

impl Environment {
    /// Reads the process's environment over the `.env` file in `dir`, when there is one.
    ///
    /// # Errors
    /// [`ConfigError`] when `.env` is there and cannot be read, or a variable is no text.
    pub fn capture(dir: &Path) -> Result<Self, ConfigError> {
        let path = dir.join(".env");
        let mut environment = Self::default();
        match std::fs::read_to_string(&path) {
            Ok(text) => environment.add_dot_env(&text)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(ConfigError::Unreadable { path, source }),
        }
        for variable in KNOWN {
            match std::env::var(variable) {
                Ok(value) => environment.set(variable, value, Origin::Environment { variable }),
                Err(VarError::NotPresent) => {}
                Err(VarError::NotUnicode(_)) => {
                    return Err(ConfigError::not_allowed(variable, "?", "text in UTF-8"));
                }
            }
        }
        Ok(environment)
    }

    /// An environment with exactly these variables.
    #[must_use]
    pub fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        let mut environment = Self::default();
        for (name, value) in pairs {
            if let Some(variable) = known(name) {
                environment.set(variable, (*value).to_owned(), Origin::Environment { variable });
            }
        }
        environment
    }

    /// A variable's value and where it stands; an empty one counts as unset.
    pub(super) fn find(&self, name: &str) -> Option<(&str, &Origin)> {
        self.variables.get(name).map(|variable| (variable.value.as_str(), &variable.origin))
    }

    /// The text of a `.env` file, under what is there already.
    pub(super) fn add_dot_env(&mut self, text: &str) -> Result<(), ConfigError> {
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            match assignment(line) {
                Assignment::None => {}
                Assignment::Of(name, value) => {
                    if let Some(variable) = known(name) {
                        let origin = Origin::DotEnv { line: line_number, variable };
                        self.set(variable, value.to_owned(), origin);
                    }
                }
                Assignment::Broken => {
                    let key = format!(".env line {line_number}");
                    let allowed = "NAME=value, a comment after #, or nothing";
                    // The line is not quoted: it may hold a secret of another program.
                    return Err(ConfigError::not_allowed(&key, "(not shown)", allowed));
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &'static str, value: String, origin: Origin) {
        if !value.is_empty() {
            self.variables.insert(name, Variable { value, origin });
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Assignment<'a> {
    None,
    Of(&'a str, &'a str),
    Broken,
}

/// `NAME=value`, comments and blank lines aside; quotes around the value are taken off.
fn assignment(line: &str) -> Assignment<'_> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Assignment::None;
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    match line.split_once('=') {
        Some((name, value)) => Assignment::Of(name.trim(), value.trim().trim_matches(['"', '\''])),
        None => Assignment::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_env_line_is_a_name_and_a_value() {
        assert_eq!(assignment("A=1"), Assignment::Of("A", "1"));
        assert_eq!(assignment("  export A = \"x y\" "), Assignment::Of("A", "x y"));
        assert_eq!(assignment("# A=1"), Assignment::None);
        assert_eq!(assignment(""), Assignment::None);
        assert_eq!(assignment("MAX_DAILY_LOSS 5"), Assignment::Broken);
    }
}
