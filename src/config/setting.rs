//! One effective value: its key, how it is shown, and which layer it came from.
//!
//! Made while the configuration is read, one per key, so that what is shown is what is used.
//! Never holds a secret.

use core::fmt;
use std::path::PathBuf;

/// Words of a list that are shown to people; files get all.
const LISTED_MAX: usize = 2;

/// Which layer a value came from, weakest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The preset says something else than the default.
    Profile(&'static str),
    /// Nobody said anything of it, and another key's value allows no more.
    Follows(&'static str),
    /// A line of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A line of `.env`.
    DotEnv {
        /// From 1.
        line: usize,
        /// Its variable.
        variable: &'static str,
    },
    /// The environment of the process.
    Environment {
        /// The variable.
        variable: &'static str,
    },
    /// An argument.
    CommandLine {
        /// The option.
        flag: &'static str,
    },
}

impl Origin {
    /// The layer's name.
    #[must_use]
    pub const fn layer(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Profile(_) => "profile",
            Self::Follows(_) => "follows",
            Self::File { .. } => "file",
            Self::DotEnv { .. } => ".env",
            Self::Environment { .. } => "environment",
            Self::CommandLine { .. } => "command line",
        }
    }

    /// Whether somebody has chosen the value, rather than a default or a preset.
    #[must_use]
    pub const fn is_chosen(&self) -> bool {
        !matches!(self, Self::Default | Self::Profile(_) | Self::Follows(_))
    }

    /// Where in that layer; empty for a default.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Default => String::new(),
            Self::Profile(name) | Self::Follows(name) => (*name).to_owned(),
            Self::File { path, line } => format!("{}:{line}", path.display()),
            Self::DotEnv { line, variable } => format!("line {line}, {variable}"),
            Self::Environment { variable } => (*variable).to_owned(),
            Self::CommandLine { flag } => (*flag).to_owned(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { .. } | Self::CommandLine { .. } => f.write_str(&self.place()),
            Self::Profile(_)
            | Self::Follows(_)
            | Self::DotEnv { .. }
            | Self::Environment { .. } => {
                write!(f, "{} {}", self.layer(), self.place())
            }
        }
    }
}

/// A value as the file would have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A whole or decimal number: valid TOML and JSON.
    Number(String),
    /// A word or a path.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// Words.
    List(Vec<String>),
    /// Left out, with what that means.
    Unset(&'static str),
    /// Set, and nobody else's business.
    Hidden,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(text) | Self::Text(text) => f.write_str(text),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::List(words) if words.len() > LISTED_MAX => {
                let more = words.len() - LISTED_MAX;
                write!(f, "[{}, and {more} more]", words[..LISTED_MAX].join(", "))
            }
            Self::List(words) => write!(f, "[{}]", words.join(", ")),
            Self::Unset(meaning) => write!(f, "({meaning})"),
            Self::Hidden => f.write_str("(set, not shown)"),
        }
    }
}

/// One effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `section.key`.
    pub key: &'static str,
    /// The value.
    pub value: Shown,
    /// Where it came from.
    pub origin: Origin,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.key, self.value, self.origin)
    }
}
