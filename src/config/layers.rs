//! The layers a value may come from, asked one key at a time, strongest first: command line,
//! environment, `.env`, file, profile, default.
//!
//! In: a key with what holds when nobody says anything. Out: the domain type, or the error that
//! names key, value, place and what is allowed. Every key that is asked for becomes a
//! [`Setting`], so that what is shown is what is used. Never clamps.

use core::fmt::Display;
use core::ops::RangeInclusive;
use std::path::PathBuf;

use super::file::{File, Written};
use super::setting::{Origin, Setting, Shown};
use super::{ConfigError, Environment};
use crate::net::endpoint::{Endpoint, Scheme};
use crate::units::{Contracts, Money, Nanos, PriceDelta, parse_decimal};

/// Arguments of the command line that stand for keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    given: Vec<(&'static str, &'static str, String)>,
}

impl Arguments {
    /// Adds `value`, given with `flag`, for `key`.
    #[must_use]
    pub fn with(mut self, key: &'static str, flag: &'static str, value: impl Display) -> Self {
        self.given.push((key, flag, value.to_string()));
        self
    }

    fn find(&self, key: &str) -> Option<(&'static str, &str)> {
        let given = self.given.iter().find(|(of, _, _)| *of == key)?;
        Some((given.1, &given.2))
    }
}

/// A key, and the plan's variable for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    name: &'static str,
    variable: Option<&'static str>,
}

/// A key of the file.
pub(super) const fn key(name: &'static str) -> Key {
    Key { name, variable: None }
}

impl Key {
    /// That a variable sets as well.
    pub(super) const fn or(self, variable: &'static str) -> Self {
        Self { variable: Some(variable), ..self }
    }
}

/// What holds when nobody says anything.
#[derive(Clone, Debug)]
pub(super) struct Base<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

impl<T: Ord> Base<T> {
    /// The same, where `key` allows no more than `most`.
    pub(super) fn at_most(self, most: T, key: &'static str) -> Self {
        if self.value <= most { self } else { Self { value: most, origin: Origin::Follows(key) } }
    }
}

/// A default.
pub(super) const fn base<T>(value: T) -> Base<T> {
    Base { value, origin: Origin::Default }
}

/// What somebody wrote, and where.
struct Found {
    written: Written,
    origin: Origin,
}

/// See the module's page.
pub(super) struct Layers<'a> {
    file: Option<&'a File>,
    environment: &'a Environment,
    arguments: &'a Arguments,
    settings: Vec<Setting>,
}

impl<'a> Layers<'a> {
    pub(super) const fn new(
        file: Option<&'a File>,
        environment: &'a Environment,
        arguments: &'a Arguments,
    ) -> Self {
        Self { file, environment, arguments, settings: Vec::new() }
    }

    /// Every key asked for, section by section, each in the order in which it was first asked.
    pub(super) fn into_settings(self) -> Vec<Setting> {
        // Who asks for a key goes by what needs it, not by where the key stands in a file.
        let mut sections: Vec<&str> = Vec::new();
        let mut placed = Vec::with_capacity(self.settings.len());
        for setting in self.settings {
            let section = setting.key.split_once('.').map_or("", |(section, _)| section);
            let known = sections.iter().position(|it| *it == section);
            let place = known.unwrap_or(sections.len());
            if known.is_none() {
                sections.push(section);
            }
            placed.push((place, setting));
        }
        placed.sort_by_key(|(place, _)| *place);
        placed.into_iter().map(|(_, setting)| setting).collect()
    }

    fn find(&self, key: Key) -> Option<Found> {
        if let Some((flag, value)) = self.arguments.find(key.name) {
            let written = Written::Word(value.to_owned());
            return Some(Found { written, origin: Origin::CommandLine { flag } });
        }
        if let Some((value, origin)) = key.variable.and_then(|name| self.environment.find(name)) {
            let written = Written::Word(value.to_owned());
            return Some(Found { written, origin: origin.clone() });
        }
        let (file, entry) = self.file.and_then(|file| Some((file, file.entry(key.name)?)))?;
        let origin = Origin::File { path: file.path().to_owned(), line: entry.line };
        Some(Found { written: entry.value.clone(), origin })
    }

    /// Reads `key` with `parse`, which answers what is allowed when it cannot.
    fn read<T>(
        &mut self,
        key: Key,
        base: Base<T>,
        parse: impl FnOnce(&Written) -> Result<T, String>,
        show: impl FnOnce(&T) -> Shown,
    ) -> Result<T, ConfigError> {
        let Base { value, origin } = match self.find(key) {
            None => base,
            Some(Found { written, origin }) => match parse(&written) {
                Ok(value) => Base { value, origin },
                Err(allowed) => return Err(refused(key, &written, &origin, &allowed)),
            },
        };
        self.settings.push(Setting { key: key.name, value: show(&value), origin });
        Ok(value)
    }

    /// A whole number.
    pub(super) fn count<T>(
        &mut self,
        key: Key,
        base: Base<T>,
        range: RangeInclusive<u64>,
    ) -> Result<T, ConfigError>
    where
        T: Copy + Display + TryFrom<u64>,
    {
        self.read(
            key,
            base,
            |written| {
                let value = whole(written).and_then(|value| u64::try_from(value).ok());
                let within = value.filter(|value| range.contains(value));
                let narrow = within.and_then(|value| T::try_from(value).ok());
                narrow.ok_or_else(|| allowed("a whole number from", &range))
            },
            |value| Shown::Number(value.to_string()),
        )
    }

    /// A whole number that may be left out.
    pub(super) fn optional_count(
        &mut self,
        key: Key,
        unset: &'static str,
    ) -> Result<Option<usize>, ConfigError> {
        self.read(
            key,
            base(None),
            |written| {
                let value = whole(written).and_then(|value| usize::try_from(value).ok());
                value.map(Some).ok_or_else(|| "a whole number from 0".to_owned())
            },
            |value| value.map_or(Shown::Unset(unset), |value| Shown::Number(value.to_string())),
        )
    }

    /// A span in milliseconds.
    pub(super) fn ms(
        &mut self,
        key: Key,
        base: Base<Nanos>,
        range: RangeInclusive<u64>,
    ) -> Result<Nanos, ConfigError> {
        let in_ms = Base { value: base.value.ms(), origin: base.origin };
        self.count(key, in_ms, range).map(Nanos::from_ms)
    }

    /// A span in seconds.
    pub(super) fn secs(
        &mut self,
        key: Key,
        base: Base<Nanos>,
        range: RangeInclusive<u64>,
    ) -> Result<Nanos, ConfigError> {
        let in_secs = Base { value: base.value.ms() / 1_000, origin: base.origin };
        self.count(key, in_secs, range).map(Nanos::from_secs)
    }

    /// Whole contracts.
    pub(super) fn contracts(
        &mut self,
        key: Key,
        base: Base<Contracts>,
    ) -> Result<Contracts, ConfigError> {
        self.read(
            key,
            base,
            |written| {
                let whole = whole(written).and_then(|whole| u32::try_from(whole).ok());
                let centis = whole.and_then(|whole| whole.checked_mul(100));
                let allowed = "whole contracts from 0 to 42949672";
                centis.map(Contracts::from_centis).ok_or_else(|| allowed.to_owned())
            },
            |value| Shown::Number((value.centis() / 100).to_string()),
        )
    }

    /// An amount in cents, decimals allowed.
    pub(super) fn money(&mut self, key: Key, base: Base<Money>) -> Result<Money, ConfigError> {
        self.read(
            key,
            base,
            |written| not_negative(written, 6).map(Money::from_e8),
            |value| Shown::Number(value.cents_display()),
        )
    }

    /// A distance of prices in cents: not negative.
    pub(super) fn distance(
        &mut self,
        key: Key,
        base: Base<PriceDelta>,
    ) -> Result<PriceDelta, ConfigError> {
        let parse = |written: &Written| not_negative(written, 4).map(PriceDelta::from_micros);
        self.read(key, base, parse, price_delta)
    }

    /// A difference of prices in cents: either sign.
    pub(super) fn delta(
        &mut self,
        key: Key,
        base: Base<PriceDelta>,
    ) -> Result<PriceDelta, ConfigError> {
        let parse = |written: &Written| scaled(written, 4).map(PriceDelta::from_micros);
        self.read(key, base, parse, price_delta)
    }

    /// One name of a fixed set.
    pub(super) fn name<T>(
        &mut self,
        key: Key,
        base: Base<T>,
        (parse, as_str): (impl Fn(&str) -> Option<T>, impl Fn(&T) -> Option<&'static str>),
        (names, unset): (&str, &'static str),
    ) -> Result<T, ConfigError> {
        self.read(
            key,
            base,
            |written| {
                match written {
                    Written::Word(text) | Written::Text(text) => parse(text),
                    _ => None,
                }
                .ok_or_else(|| format!("one of {names}"))
            },
            |value| as_str(value).map_or(Shown::Unset(unset), |name| Shown::Text(name.to_owned())),
        )
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: Key, base: Base<bool>) -> Result<bool, ConfigError> {
        self.read(
            key,
            base,
            |written| match written {
                Written::Flag(flag) => Ok(*flag),
                _ => Err("true or false".to_owned()),
            },
            |flag| Shown::Flag(*flag),
        )
    }

    /// A flag that may be left out.
    pub(super) fn optional_flag(
        &mut self,
        key: Key,
        unset: &'static str,
    ) -> Result<Option<bool>, ConfigError> {
        self.read(
            key,
            base(None),
            |written| match written {
                Written::Flag(flag) => Ok(Some(*flag)),
                _ => Err("true or false".to_owned()),
            },
            |flag| flag.map_or(Shown::Unset(unset), Shown::Flag),
        )
    }

    /// Words, each of which `read` understands.
    pub(super) fn list<T>(
        &mut self,
        key: Key,
        base: Base<Vec<T>>,
        read: impl Fn(&str) -> Option<T>,
        (show, what): (impl Fn(&T) -> String, &str),
    ) -> Result<Vec<T>, ConfigError> {
        self.read(
            key,
            base,
            |written| {
                match written {
                    Written::List(words) => words.iter().map(|word| read(word)).collect(),
                    _ => None,
                }
                .ok_or_else(|| format!("a list of {what}"))
            },
            |values| Shown::List(values.iter().map(show).collect()),
        )
    }

    /// A path that may be left out.
    pub(super) fn path(
        &mut self,
        key: Key,
        unset: &'static str,
    ) -> Result<Option<PathBuf>, ConfigError> {
        self.read(
            key,
            base(None),
            |written| match written {
                Written::Word(text) | Written::Text(text) if !text.is_empty() => {
                    Ok(Some(PathBuf::from(text)))
                }
                _ => Err("a path in quotes".to_owned()),
            },
            |path| {
                let show = |path: &PathBuf| Shown::Text(path.display().to_string());
                path.as_ref().map_or(Shown::Unset(unset), show)
            },
        )
    }

    /// A URL that may be left out.
    pub(super) fn endpoint(
        &mut self,
        key: Key,
        unset: &'static str,
        scheme: Scheme,
    ) -> Result<Option<Endpoint>, ConfigError> {
        self.read(
            key,
            base(None),
            |written| match written {
                Written::Word(text) | Written::Text(text) => match Endpoint::parse(text) {
                    Ok(endpoint) if endpoint.scheme() == scheme => Ok(Some(endpoint)),
                    Ok(_) => Err("https:// for rest_url, wss:// for ws_url".to_owned()),
                    Err(error) => Err(error.to_string()),
                },
                _ => Err("a URL in quotes".to_owned()),
            },
            |url| {
                let show = |url: &Endpoint| Shown::Text(url.to_string());
                url.as_ref().map_or(Shown::Unset(unset), show)
            },
        )
    }

    /// A word that no output may show.
    pub(super) fn secret(
        &mut self,
        key: Key,
        unset: &'static str,
    ) -> Result<Option<String>, ConfigError> {
        let Some((text, origin)) = self.hidden(key)? else {
            return Ok(self.leave_unset(key, unset));
        };
        self.settings.push(Setting { key: key.name, value: Shown::Hidden, origin });
        Ok(Some(text))
    }

    /// The path of the file of a secret, which may not be the secret itself.
    pub(super) fn secret_path(
        &mut self,
        key: Key,
        unset: &'static str,
    ) -> Result<Option<PathBuf>, ConfigError> {
        let Some((text, origin)) = self.hidden(key)? else {
            return Ok(self.leave_unset(key, unset));
        };
        if text.contains("-----") || text.contains('\n') {
            let allowed = "the path of the file that holds the key, not the key itself";
            return Err(ConfigError::not_allowed(key.name, "(not shown)", allowed));
        }
        let value = Shown::Text(text.clone());
        self.settings.push(Setting { key: key.name, value, origin });
        Ok(Some(PathBuf::from(text)))
    }

    /// A text that no message quotes, and where it stands.
    fn hidden(&self, key: Key) -> Result<Option<(String, Origin)>, ConfigError> {
        match self.find(key) {
            None => Ok(None),
            Some(Found { written: Written::Word(text) | Written::Text(text), origin })
                if !text.is_empty() =>
            {
                Ok(Some((text, origin)))
            }
            Some(_) => Err(ConfigError::not_allowed(key.name, "(not shown)", "text in quotes")),
        }
    }

    fn leave_unset<T>(&mut self, key: Key, unset: &'static str) -> Option<T> {
        let value = Shown::Unset(unset);
        self.settings.push(Setting { key: key.name, value, origin: Origin::Default });
        None
    }

    /// A variable with a meaning of its own, and where it stands.
    pub(super) fn variable(&self, name: &str) -> Option<(&str, &Origin)> {
        self.environment.find(name)
    }

    /// Where `key` is said, if anywhere.
    pub(super) fn origin(&self, key: Key) -> Option<Origin> {
        self.find(key).map(|found| found.origin)
    }

    /// Whether somebody has chosen a key's value, rather than a preset.
    pub(super) fn is_chosen(&self, key: &str) -> bool {
        let setting = self.settings.iter().find(|setting| setting.key == key);
        setting.is_some_and(|it| it.origin.is_chosen())
    }

    /// Two keys that were read contradict each other.
    pub(super) fn contradiction(&self, first: &str, second: &str, why: &str) -> ConfigError {
        let shown = |key: &str| {
            let setting = self.settings.iter().find(|setting| setting.key == key);
            setting.map_or_else(|| key.to_owned(), Setting::to_string)
        };
        ConfigError::Contradiction {
            first: shown(first),
            second: shown(second),
            why: why.to_owned(),
        }
    }
}

/// Variables and arguments go by their own names, keys of a file by file and line.
fn refused(key: Key, written: &Written, origin: &Origin, allowed: &str) -> ConfigError {
    let value = written.quoted();
    match origin {
        Origin::Environment { variable } => ConfigError::not_allowed(variable, value, allowed),
        Origin::DotEnv { variable, line } => {
            ConfigError::not_allowed(variable, format!("{value} (.env:{line})"), allowed)
        }
        Origin::CommandLine { flag } => ConfigError::not_allowed(flag, value, allowed),
        Origin::Default | Origin::Profile(_) | Origin::Follows(_) | Origin::File { .. } => {
            ConfigError::not_allowed(key.name, format!("{value} ({origin})"), allowed)
        }
    }
}

fn allowed(what: &str, range: &RangeInclusive<u64>) -> String {
    format!("{what} {} to {}", range.start(), range.end())
}

fn whole(written: &Written) -> Option<i128> {
    match written {
        Written::Word(text) | Written::Integer(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A decimal scaled by `10^places`.
fn scaled(written: &Written, places: u32) -> Result<i64, String> {
    let digits = match written {
        Written::Word(text) | Written::Integer(text) | Written::Decimal(text) => Some(text.trim()),
        _ => None,
    };
    let value = digits.and_then(|digits| parse_decimal(digits.as_bytes(), places));
    value.ok_or_else(|| format!("an amount in cents with at most {places} decimals"))
}

fn not_negative(written: &Written, places: u32) -> Result<i64, String> {
    let value = scaled(written, places)?;
    if value < 0 { Err("0 or more cents".to_owned()) } else { Ok(value) }
}

fn price_delta(value: &PriceDelta) -> Shown {
    // A micro-dollar is to a cent what 1e-6 of a cent is to 1e-2: Money shows it exactly.
    Shown::Number(Money::from_micros(value.micros()).cents_display())
}
