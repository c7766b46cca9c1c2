//! The file as written: `section.key` with its value and line. Knows TOML, and no key.
//!
//! Numbers keep their digits: an amount of money never passes through a float.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// A value as somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// Of a variable or an argument: what it is depends on who asks.
    Word(String),
    /// A whole number.
    Integer(String),
    /// A number with a point or an exponent.
    Decimal(String),
    /// A string.
    Text(String),
    /// `true` or `false`.
    Flag(bool),
    /// An array of strings.
    List(Vec<String>),
    /// Something no key can be.
    Other(&'static str),
}

impl Written {
    /// As it is quoted in messages.
    pub(super) fn quoted(&self) -> String {
        match self {
            Self::Word(text) | Self::Integer(text) | Self::Decimal(text) => text.clone(),
            Self::Text(text) => format!("{text:?}"),
            Self::Flag(flag) => flag.to_string(),
            Self::List(words) => format!("{words:?}"),
            Self::Other(kind) => (*kind).to_owned(),
        }
    }

    fn of(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::Integer(digits) => {
                let whole = i128::from_str_radix(digits.as_str(), digits.radix());
                Self::Integer(whole.map_or_else(|_| digits.to_string(), |whole| whole.to_string()))
            }
            DeValue::Float(digits) => {
                let text = digits.as_str();
                Self::Decimal(text.strip_prefix('+').unwrap_or(text).to_owned())
            }
            DeValue::String(text) => Self::Text(text.clone().into_owned()),
            DeValue::Boolean(flag) => Self::Flag(*flag),
            DeValue::Array(values) => {
                let words = values.iter().map(|value| value.get_ref().as_str().map(str::to_owned));
                words.collect::<Option<_>>().map_or(Self::Other("an array of others"), Self::List)
            }
            DeValue::Datetime(_) => Self::Other("a date"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }
}

/// One key of a file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// From 1.
    pub(super) line: usize,
    /// What it says.
    pub(super) value: Written,
}

/// A file's keys.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    path: PathBuf,
    /// Sections and lone keys, with their lines.
    top: Vec<(String, usize)>,
    keys: BTreeMap<String, Entry>,
}

impl File {
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let table = DeTable::parse(text).map_err(|mut error| {
            error.set_input(Some(text));
            let detail = error.to_string().trim_end().to_owned();
            ConfigError::Syntax { path: path.to_owned(), detail }
        })?;
        let line = |start: usize| text.as_bytes()[..start].iter().filter(|b| **b == b'\n').count();
        let mut file = Self { path: path.to_owned(), ..Self::default() };
        for (section, content) in table.get_ref().iter() {
            let name = section.get_ref();
            let at = line(section.span().start) + 1;
            file.top.push((name.clone().into_owned(), at));
            let Some(content) = content.get_ref().as_table() else {
                // `risk = 3`: the section's name, and no section.
                return Err(ConfigError::Syntax {
                    path: path.to_owned(),
                    detail: format!("line {at}: {name} is no section; write [{name}]"),
                });
            };
            for (key, value) in content.iter() {
                let entry = Entry {
                    line: line(key.span().start) + 1,
                    value: Written::of(Spanned::get_ref(value)),
                };
                file.keys.insert(format!("{name}.{}", key.get_ref()), entry);
            }
        }
        Ok(file)
    }

    /// Where it was read from.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it says of one key.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.keys.get(key)
    }

    /// Refuses what is not among `known`: a misspelt limit must not be taken for a set one.
    pub(super) fn refuse_unknown(&self, known: &[&str]) -> Result<(), ConfigError> {
        let unknown = |key: &str, line: usize, allowed: Vec<&str>| ConfigError::Unknown {
            key: key.to_owned(),
            place: format!("{}:{line}", self.path.display()),
            allowed: allowed.join(", "),
        };
        let mut sections: Vec<&str> =
            known.iter().filter_map(|key| Some(key.split_once('.')?.0)).collect();
        sections.dedup();
        for (name, line) in &self.top {
            if !sections.contains(&name.as_str()) {
                return Err(unknown(name, *line, sections));
            }
        }
        for (key, entry) in &self.keys {
            if !known.contains(&key.as_str()) {
                let section = key.split_once('.').map_or("", |(section, _)| section);
                let split = known.iter().filter_map(|key| key.split_once('.'));
                let same = split.filter(|(of, _)| *of == section).map(|(_, key)| key);
                let allowed = same.collect();
                return Err(unknown(key, entry.line, allowed));
            }
        }
        Ok(())
    }
}
