//! Reads a faults file (TOML): `seed`, and `[[fault]]` entries with a `name` or a `story`.
//!
//! In: text. Out: a [`FaultPlan`], or an error that names the entry, the key and what would do.
//! A key that its fault does not have is refused: a misspelt fault would be a test that passes
//! for nothing. Never opens a file.

use toml::{Table, Value};

use super::plan::{
    Change, Edit, Event, FaultPlan, Field, Kind, MessageTrouble, Phase, RequestTrouble, Rule,
    Shape, Spread, Target, When,
};
use super::stories::{self, Told};
use crate::ids::Ticker;
use crate::kalshi::fees::FeeType;
use crate::sim::exchange::{FeeOverride, Outcome, PriceStructure, Subtitle};
use crate::units::Nanos;

/// Most entries of one file.
const FAULTS_MAX: usize = 1_000;

/// Longest time in a file: a week.
pub(super) const MS_MAX: u64 = 7 * 24 * 3_600 * 1_000;

/// How often a fault strikes that has no count: nobody gets there.
pub(super) const MANY: u64 = u64::MAX >> 1;

/// How far reads are behind unless told otherwise: 360 ms have been seen.
const READ_LAG_MS: u64 = 400;

/// Keys of every fault of requests and messages.
const WHEN_KEYS: [&str; 6] = ["on", "per_mille", "first", "count", "from_ms", "until_ms"];

/// Every fault by name, with the keys it has beside those of its family.
const REQUESTS: [(&str, &[&str]); 17] = [
    ("delay", &["delay_ms", "delay_max_ms", "shape", "phase"]),
    ("drop_before", &[]),
    ("drop_after", &[]),
    ("lost_response", &[]),
    ("close_after", &[]),
    ("too_many_requests", &[]),
    ("server_error", &["status", "phase"]),
    ("html_error", &["status", "phase"]),
    ("gone", &[]),
    ("forbidden", &[]),
    ("no_order_id", &[]),
    ("wrong_order_id", &[]),
    ("short_page", &[]),
    ("slow_read", &["piece_bytes", "delay_ms"]),
    ("chunked", &["piece_bytes"]),
    ("interim", &[]),
    ("changed_answer", &["how", "field", "to"]),
];
const MESSAGES: [(&str, &[&str]); 9] = [
    ("lost_message", &[]),
    ("duplicate", &[]),
    ("reorder", &[]),
    ("seq_gap", &[]),
    ("silent_stream", &[]),
    ("overflow", &[]),
    ("delay_message", &["delay_ms", "delay_max_ms", "shape"]),
    ("changed_message", &["how", "field", "to"]),
    ("subscription_error", &["code"]),
];
const EVENTS: [(&str, &[&str]); 20] = [
    ("trading_pause", &["at_ms", "for_ms"]),
    ("exchange_pause", &["at_ms", "for_ms"]),
    ("market_pause", &["at_ms", "for_ms", "market"]),
    ("close", &["at_ms", "market"]),
    ("settle", &["at_ms", "market", "outcome", "after_ms"]),
    ("determine", &["at_ms", "market", "outcome"]),
    ("dispute", &["at_ms", "for_ms", "market"]),
    ("amend_result", &["at_ms", "market", "outcome"]),
    ("close_at", &["at_ms", "market", "after_ms"]),
    ("restructure", &["at_ms", "market", "price_level_structure"]),
    ("fee_waiver", &["at_ms", "for_ms", "market"]),
    ("clock_skew", &["at_ms", "for_ms", "skew_ms"]),
    ("connection_lifetime", &["at_ms", "lifetime_ms"]),
    ("cut", &["at_ms"]),
    ("void_fill", &["at_ms", "market"]),
    ("list_market", &["at_ms", "market"]),
    ("event_fees", &["at_ms", "market", "fee_type", "fee_multiplier_ppm"]),
    ("retitle", &["at_ms", "market", "yes_sub_title"]),
    ("cancel_all_tail", &["at_ms", "per_mille"]),
    ("read_lag", &["at_ms", "for_ms", "lag_ms"]),
];

/// Why a faults file cannot be used. Fits "failed to read the faults: {error}".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultFileError {
    /// Not TOML.
    #[error("{0}")]
    Syntax(String),
    /// A key at the top that is none.
    #[error("unknown key {key:?}, allowed: seed, fault")]
    Top {
        /// The key.
        key: String,
    },
    /// More entries than anybody writes.
    #[error("more than {FAULTS_MAX} faults")]
    TooMany,
    /// An entry's name is none.
    #[error("fault {number}: name is {name:?}, allowed: {}", names().join(", "))]
    Name {
        /// Entry from 1.
        number: usize,
        /// Its name.
        name: String,
    },
    /// An entry has a key that its fault does not have.
    #[error("fault {number} ({name}): unknown key {key:?}, allowed: {allowed}")]
    Key {
        /// Entry from 1.
        number: usize,
        /// Its name.
        name: String,
        /// The key.
        key: String,
        /// What would do.
        allowed: String,
    },
    /// A value is missing or wrong.
    #[error("fault {number} ({name}): {key} must be {allowed}")]
    Value {
        /// Entry from 1.
        number: usize,
        /// Its name.
        name: String,
        /// The key.
        key: &'static str,
        /// What would do.
        allowed: &'static str,
    },
    /// A story that no exchange can tell, or none at all.
    #[error(
        "fault {number}: story {story} is not one an exchange can play; there are {}",
        stories::numbers()
    )]
    Story {
        /// Entry from 1.
        number: usize,
        /// Its number.
        story: i64,
    },
    /// A story that is told without any fault.
    #[error("fault {number}: story {story} needs no fault, this exchange is like that: {fact}")]
    Always {
        /// Entry from 1.
        number: usize,
        /// Its number.
        story: i64,
        /// What it says.
        fact: &'static str,
    },
}

/// Names of all faults.
#[must_use]
pub fn names() -> Vec<&'static str> {
    REQUESTS.iter().chain(&MESSAGES).chain(&EVENTS).map(|(name, _)| *name).collect()
}

impl FaultPlan {
    /// Reads a faults file.
    ///
    /// # Errors
    /// [`FaultFileError`], at the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, FaultFileError> {
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| FaultFileError::Syntax(error.to_string()))?;
        if let Some(key) = table.keys().find(|key| !["seed", "fault"].contains(&key.as_str())) {
            return Err(FaultFileError::Top { key: key.clone() });
        }
        let wrong = |key, allowed| FaultFileError::Value {
            number: 0,
            name: "file".to_owned(),
            key,
            allowed,
        };
        let seed = match table.get("seed") {
            None => 1,
            Some(seed) => seed
                .as_integer()
                .and_then(|seed| u64::try_from(seed).ok())
                .ok_or_else(|| wrong("seed", "a whole number"))?,
        };
        let mut plan = Self { seed, rules: Vec::new() };
        let entries = match table.get("fault") {
            None => &Vec::new(),
            Some(Value::Array(entries)) => entries,
            Some(_) => return Err(wrong("fault", "written [[fault]]")),
        };
        for (index, entry) in entries.iter().enumerate() {
            let entry = entry.as_table().ok_or_else(|| wrong("fault", "written [[fault]]"))?;
            plan.add(index + 1, entry)?;
        }
        if plan.rules.len() > FAULTS_MAX { Err(FaultFileError::TooMany) } else { Ok(plan) }
    }

    fn add(&mut self, number: usize, table: &Table) -> Result<(), FaultFileError> {
        if let Some(story) = table.get("story") {
            let story = story.as_integer().unwrap_or(0);
            let told = stories::find(story).filter(|_| table.len() == 1);
            return match told.ok_or(FaultFileError::Story { number, story })? {
                (_, Told::By(faults)) => {
                    self.rules.extend(Self::parse(faults)?.rules);
                    Ok(())
                }
                (fact, Told::Always) => Err(FaultFileError::Always { number, story, fact }),
            };
        }
        let name = table.get("name").and_then(Value::as_str).unwrap_or_default();
        let entry = Entry { number, name, table };
        let rule = if let Some(keys) = find(&REQUESTS, name) {
            entry.check_keys(&[&WHEN_KEYS, keys])?;
            let trouble = entry.request()?;
            Rule::Request { on: entry.target()?, when: entry.when()?, trouble }
        } else if let Some(keys) = find(&MESSAGES, name) {
            entry.check_keys(&[&WHEN_KEYS, keys])?;
            let trouble = entry.message()?;
            Rule::Message { on: entry.kind()?, when: entry.when()?, trouble }
        } else if let Some(keys) = find(&EVENTS, name) {
            entry.check_keys(&[keys])?;
            Rule::Event { at: entry.ms("at_ms", Some(0))?, event: entry.event()? }
        } else {
            return Err(FaultFileError::Name { number, name: name.to_owned() });
        };
        self.rules.push(rule);
        Ok(())
    }
}

fn find(family: &[(&str, &'static [&'static str])], name: &str) -> Option<&'static [&'static str]> {
    family.iter().find(|(known, _)| *known == name).map(|(_, keys)| *keys)
}

/// One entry on its way to a rule.
struct Entry<'a> {
    number: usize,
    name: &'a str,
    table: &'a Table,
}

impl Entry<'_> {
    fn wrong(&self, key: &'static str, allowed: &'static str) -> FaultFileError {
        FaultFileError::Value { number: self.number, name: self.name.to_owned(), key, allowed }
    }

    fn check_keys(&self, allowed: &[&[&str]]) -> Result<(), FaultFileError> {
        let allowed: Vec<&str> = allowed.concat();
        let stray = |key: &&String| key.as_str() != "name" && !allowed.contains(&key.as_str());
        let Some(key) = self.table.keys().find(stray) else { return Ok(()) };
        Err(FaultFileError::Key {
            number: self.number,
            name: self.name.to_owned(),
            key: key.clone(),
            allowed: if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") },
        })
    }

    fn number(
        &self,
        key: &'static str,
        default: Option<u64>,
        most: u64,
        allowed: &'static str,
    ) -> Result<u64, FaultFileError> {
        let Some(value) = self.table.get(key) else {
            return default.ok_or_else(|| self.wrong(key, allowed));
        };
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        number.filter(|number| *number <= most).ok_or_else(|| self.wrong(key, allowed))
    }

    fn ms(&self, key: &'static str, default: Option<u64>) -> Result<Nanos, FaultFileError> {
        self.number(key, default, MS_MAX, "milliseconds, a week at most").map(Nanos::from_ms)
    }

    fn text(&self, key: &'static str) -> Result<Option<&str>, FaultFileError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.wrong(key, "text"))
    }

    fn per_mille(&self) -> Result<u32, FaultFileError> {
        let chance = self.number("per_mille", Some(1_000), 1_000, "0 to 1000")?;
        Ok(u32::try_from(chance).unwrap_or(1_000))
    }

    fn when(&self) -> Result<When, FaultFileError> {
        Ok(When {
            per_mille: self.per_mille()?,
            first: self.number("first", Some(1), MANY, "a number from 1")?.max(1),
            count: self.number("count", Some(MANY), MANY, "a number")?,
            from: self.ms("from_ms", Some(0))?,
            until: self.ms("until_ms", Some(MS_MAX))?,
        })
    }

    fn target(&self) -> Result<Target, FaultFileError> {
        let creates = ["lost_response", "no_order_id", "wrong_order_id", "forbidden"];
        let creates = creates.contains(&self.name);
        let usual = match self.name {
            "short_page" => Target::Read,
            _ if creates => Target::Create,
            _ => Target::Any,
        };
        let Some(text) = self.text("on")? else { return Ok(usual) };
        let known = Target::ALL.iter().find(|(name, _)| *name == text);
        known.map(|(_, target)| *target).ok_or_else(|| {
            self.wrong("on", "any, create, amend, decrease, cancel, cancel_all, read or upgrade")
        })
    }

    fn kind(&self) -> Result<Kind, FaultFileError> {
        let usual = match self.name {
            "seq_gap" => Kind::Type("orderbook_delta".to_owned()),
            "lost_message" => Kind::Type("fill".to_owned()),
            _ => Kind::Any,
        };
        Ok(match self.text("on")? {
            None => usual,
            Some("any") => Kind::Any,
            Some(kind) => Kind::Type(kind.to_owned()),
        })
    }

    fn phase(&self) -> Result<Phase, FaultFileError> {
        match self.text("phase")? {
            None | Some("before") => Ok(Phase::Before),
            Some("after") => Ok(Phase::After),
            Some(_) => Err(self.wrong("phase", "before or after (the exchange has processed it)")),
        }
    }

    fn status(&self, usual: u64) -> Result<u16, FaultFileError> {
        let allowed = "a status from 200 to 599";
        let status = self.number("status", Some(usual), 599, allowed)?;
        let status = u16::try_from(status).ok().filter(|status| *status >= 200);
        status.ok_or_else(|| self.wrong("status", allowed))
    }

    fn spread(&self) -> Result<Spread, FaultFileError> {
        let least = self.ms("delay_ms", None)?;
        let most = self.ms("delay_max_ms", Some(least.ms()))?;
        if most < least {
            return Err(self.wrong("delay_max_ms", "no less than delay_ms"));
        }
        let shape = match self.text("shape")? {
            None | Some("uniform") => Shape::Uniform,
            Some("exponential") => Shape::Exponential,
            Some(_) => return Err(self.wrong("shape", "uniform or exponential")),
        };
        Ok(Spread { least, most, shape })
    }

    fn request(&self) -> Result<RequestTrouble, FaultFileError> {
        Ok(match self.name {
            "delay" => RequestTrouble::Delay(self.phase()?, self.spread()?),
            "drop_before" => RequestTrouble::Drop(Phase::Before),
            "drop_after" => RequestTrouble::Drop(Phase::After),
            "lost_response" => RequestTrouble::LostResponse,
            "close_after" => RequestTrouble::CloseAfter,
            "too_many_requests" => RequestTrouble::Status(Phase::Before, 429),
            "server_error" => RequestTrouble::Status(self.phase()?, self.status(503)?),
            "html_error" => RequestTrouble::Html(self.phase()?, self.status(502)?),
            "gone" => RequestTrouble::Status(Phase::Before, 410),
            "forbidden" => RequestTrouble::Status(Phase::Before, 403),
            "no_order_id" => RequestTrouble::Edited(Edit::NoOrderId),
            "wrong_order_id" => RequestTrouble::Edited(Edit::WrongOrderId),
            "short_page" => RequestTrouble::Edited(Edit::ShortPage),
            "interim" => RequestTrouble::Interim,
            "changed_answer" => RequestTrouble::Edited(Edit::Changed(self.change()?)),
            "chunked" => RequestTrouble::SlowRead(self.piece(16)?, Nanos::ZERO),
            _ => RequestTrouble::SlowRead(self.piece(1)?, self.ms("delay_ms", Some(20))?),
        })
    }

    fn piece(&self, usual: u64) -> Result<usize, FaultFileError> {
        let bytes = self.number("piece_bytes", Some(usual), 1 << 20, "1 to 1048576")?;
        Ok(usize::try_from(bytes).unwrap_or(1).max(1))
    }

    fn field(&self, key: &'static str) -> Result<Field, FaultFileError> {
        let field = self.text(key)?.and_then(|text| Field::new(text.as_bytes()));
        field.ok_or_else(|| self.wrong(key, "the name of a field, 32 letters at most"))
    }

    fn change(&self) -> Result<Change, FaultFileError> {
        Ok(match self.text("how")? {
            Some("new") => Change::New,
            Some("missing") => Change::Missing(self.field("field")?),
            Some("renamed") => Change::Renamed(self.field("field")?, self.field("to")?),
            Some("reordered") => Change::Reordered,
            Some("numbers") => Change::Numbers,
            _ => return Err(self.wrong("how", "new, missing, renamed, reordered or numbers")),
        })
    }

    fn code(&self) -> Result<u32, FaultFileError> {
        let allowed = "10 (channel error) or 25 (buffer overflow)";
        match self.number("code", Some(10), 25, allowed)? {
            10 => Ok(10),
            25 => Ok(25),
            _ => Err(self.wrong("code", allowed)),
        }
    }

    fn message(&self) -> Result<MessageTrouble, FaultFileError> {
        Ok(match self.name {
            "delay_message" => MessageTrouble::Delay(self.spread()?),
            "changed_message" => MessageTrouble::Changed(self.change()?),
            "subscription_error" => MessageTrouble::Ended(self.code()?),
            "duplicate" => MessageTrouble::Duplicate,
            "reorder" => MessageTrouble::Reorder,
            "silent_stream" => MessageTrouble::Silence,
            "overflow" => MessageTrouble::Overflow,
            // What is lost where messages are numbered is a gap.
            _ => MessageTrouble::Lose,
        })
    }

    fn market(&self) -> Result<Option<Ticker>, FaultFileError> {
        let Some(text) = self.text("market")? else { return Ok(None) };
        let ticker = Ticker::new(text.as_bytes());
        ticker.map(Some).ok_or_else(|| self.wrong("market", "a ticker"))
    }

    fn one_market(&self) -> Result<Ticker, FaultFileError> {
        self.market()?.ok_or_else(|| self.wrong("market", "a ticker"))
    }

    fn fees(&self) -> Result<Option<FeeOverride>, FaultFileError> {
        let Some(text) = self.text("fee_type")? else { return Ok(None) };
        let allowed = "quadratic, quadratic_with_maker_fees or quadratic_with_combo_maker_fees";
        let fee_type = FeeType::parse(text).ok_or_else(|| self.wrong("fee_type", allowed))?;
        let allowed = "millionths, 100000000 at most";
        let one = u64::from(FeeType::MULTIPLIER_ONE_PPM);
        let ppm = self.number("fee_multiplier_ppm", Some(one), 100_000_000, allowed)?;
        let multiplier_ppm = u32::try_from(ppm).unwrap_or(FeeType::MULTIPLIER_ONE_PPM);
        Ok(Some(FeeOverride { fee_type, multiplier_ppm }))
    }

    fn outcome(&self) -> Result<Outcome, FaultFileError> {
        let allowed = "yes, no or a value in dollars, e.g. \"0.37\"";
        match self.text("outcome")? {
            Some("yes") => Ok(Outcome::Yes),
            Some("no") => Ok(Outcome::No),
            Some(value) => crate::units::Price::parse_dollars(value.as_bytes())
                .map(|price| Outcome::Scalar(price.micros()))
                .ok_or_else(|| self.wrong("outcome", allowed)),
            None => Err(self.wrong("outcome", allowed)),
        }
    }

    fn structure(&self) -> Result<PriceStructure, FaultFileError> {
        let (key, allowed) = ("price_level_structure", "one that `--markets` takes");
        let structure = self.text(key)?.and_then(PriceStructure::parse);
        structure.ok_or_else(|| self.wrong(key, allowed))
    }

    fn skew(&self) -> Result<i64, FaultFileError> {
        let allowed = "milliseconds ahead (negative: behind), a day at most";
        let skew = self.table.get("skew_ms").and_then(Value::as_integer);
        let skew = skew.filter(|skew| skew.unsigned_abs() <= MS_MAX / 7);
        skew.ok_or_else(|| self.wrong("skew_ms", allowed))
    }

    fn event(&self) -> Result<Event, FaultFileError> {
        Ok(match self.name {
            "trading_pause" => Event::TradingPause(self.ms("for_ms", None)?),
            "exchange_pause" => Event::ExchangePause(self.ms("for_ms", None)?),
            "market_pause" => Event::MarketPause(self.market()?, self.ms("for_ms", None)?),
            "close" => Event::Close(self.market()?),
            "cut" => Event::Cut,
            "void_fill" => Event::VoidFill(self.market()?),
            "list_market" => Event::ListMarket(self.one_market()?),
            "event_fees" => Event::EventFees(self.one_market()?, self.fees()?),
            "retitle" => {
                let title = self.text("yes_sub_title")?.map(Subtitle::lossy);
                let title = title.ok_or_else(|| self.wrong("yes_sub_title", "text"))?;
                Event::Retitle(self.one_market()?, title)
            }
            "settle" => {
                let after = self.ms("after_ms", Some(0))?;
                Event::Settle(self.market()?, self.outcome()?, after)
            }
            "determine" => Event::Determine(self.market()?, self.outcome()?),
            "dispute" => Event::Dispute(self.market()?, self.ms("for_ms", Some(MS_MAX))?),
            "amend_result" => Event::AmendResult(self.market()?, self.outcome()?),
            "close_at" => Event::CloseAt(self.market()?, self.ms("after_ms", None)?),
            "restructure" => Event::Restructure(self.market()?, self.structure()?),
            "fee_waiver" => Event::FeeWaiver(self.market()?, self.ms("for_ms", None)?),
            "clock_skew" => Event::ClockSkew(self.skew()?, self.ms("for_ms", Some(MS_MAX))?),
            "connection_lifetime" => {
                let lifetime = self.ms("lifetime_ms", None)?;
                if lifetime < Nanos::from_ms(10) {
                    return Err(self.wrong("lifetime_ms", "10 or more"));
                }
                Event::ConnectionLifetime(lifetime)
            }
            "read_lag" => {
                let lag = self.ms("lag_ms", Some(READ_LAG_MS))?;
                Event::ReadLag(lag, self.ms("for_ms", Some(MS_MAX))?)
            }
            _ => Event::CancelAllTail(self.per_mille()?),
        })
    }
}
