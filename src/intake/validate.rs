//! What the fields of a line mean: the one place where text becomes a [`Signal`].
//!
//! In: [`Fields`] from either decoder. Out: a signal with every value checked, or the first
//! [`Fault`]. A line with `should_trade: false` only has to say which market and action it
//! speaks of: producers leave prices and sizes empty when there is nothing to trade.

use crate::ids::{SignalId, SourceId, Ticker};
use crate::message::{Action, BookSide, Signal, Style, TimeInForce};
use crate::units::{Contracts, Price, PriceDelta, Timestamp, WallTime};

use super::fault::Fault;
use super::fields::{Field, Fields, Value};
use super::number::{scaled, whole};

/// Whether the producer wants a signal traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// `should_trade: true`.
    Trade,
    /// `should_trade: false`: counted, answered, dropped.
    Pass,
}

/// A line that is a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The signal; source, line and times are still to be filled in.
    pub signal: Signal,
    /// Whether it is to be traded.
    pub intent: Intent,
}

/// Checks every field. `content` is what a missing id is derived from.
pub(super) fn signal(fields: &Fields<'_>, content: Content<'_>) -> Result<Decoded, Fault> {
    let found = Found { fields };
    let intent = match fields.value(Field::ShouldTrade) {
        Value::True => Intent::Trade,
        Value::False => Intent::Pass,
        Value::Absent => return Err(Fault::missing(Field::ShouldTrade.path())),
        other => return Err(Fault::bad(Field::ShouldTrade.path(), other.raw())),
    };
    let action = found.parsed(Field::Action, Action::parse)?;
    found.group(Field::Kalshi)?;
    let ticker = found.parsed(Field::Ticker, Ticker::new)?;
    let terms = match (intent, found.terms(action)) {
        (_, Ok(terms)) => terms,
        (Intent::Pass, Err(_)) => Terms::NONE,
        (Intent::Trade, Err(fault)) => return Err(fault),
    };
    let signal = Signal {
        source: SourceId::default(),
        line: 0,
        id: found.id(content)?,
        ticker,
        action,
        yes_ask: terms.yes_ask,
        no_ask: terms.no_ask,
        edge: terms.edge,
        confidence: terms.confidence,
        contracts: terms.contracts,
        max_price: terms.max_price,
        time_in_force: terms.time_in_force,
        style: terms.style,
        produced_at: found.optional_whole(Field::TsNs)?.map(WallTime::from_unix_ns),
        expires_at: found.optional_whole(Field::ExpiresNs)?.map(WallTime::from_unix_ns),
        cycle: found.optional_whole(Field::Cycle)?,
        received: Timestamp::ZERO,
        decoded: Timestamp::ZERO,
    };
    Ok(Decoded { signal, intent })
}

/// Reads a cycle number given as a batch's own value.
pub(super) fn cycle(value: Value<'_>) -> Result<Option<u64>, Fault> {
    let mut fields = Fields::new();
    fields.set(Field::Cycle, value);
    Found { fields: &fields }.optional_whole(Field::Cycle)
}

/// What an id is derived from when the producer gave none: the bytes of the signal, and the
/// cycle that its batch gave it (the same bytes in another cycle are another signal).
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub(super) text: &'a [u8],
    pub(super) batch_cycle: Option<u64>,
}

impl Content<'_> {
    /// `auto-` and the FNV-1a hash in 16 hexadecimal digits.
    fn derived_id(self) -> SignalId {
        let cycle = self.batch_cycle.map(u64::to_le_bytes);
        let bytes = cycle.as_ref().map_or(&[][..], |bytes| bytes).iter();
        let hash = bytes
            .chain(self.text.trim_ascii())
            .fold(FNV_OFFSET, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        let mut text = *b"auto-0000000000000000";
        for (index, slot) in text.iter_mut().skip(5).enumerate() {
            let nibble = (hash >> (60 - 4 * index)) & 0xf;
            *slot = b"0123456789abcdef"[nibble as usize];
        }
        SignalId::new(&text).expect("21 printable bytes")
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// What the signal would trade at.
struct Terms {
    yes_ask: Option<Price>,
    no_ask: Option<Price>,
    edge: PriceDelta,
    confidence: u16,
    contracts: Contracts,
    max_price: Option<Price>,
    time_in_force: Option<TimeInForce>,
    style: Option<Style>,
}

impl Terms {
    const NONE: Self = Self {
        yes_ask: None,
        no_ask: None,
        edge: PriceDelta::ZERO,
        confidence: 0,
        contracts: Contracts::ZERO,
        max_price: None,
        time_in_force: None,
        style: None,
    };
}

struct Found<'f, 'a> {
    fields: &'f Fields<'a>,
}

impl<'a> Found<'_, 'a> {
    fn terms(&self, action: Action) -> Result<Terms, Fault> {
        let yes_ask = self.ask(Field::YesAskDollars, Field::YesAsk)?;
        let no_ask = self.ask(Field::NoAskDollars, Field::NoAsk)?;
        // The order trades on the YES book: bids start from the YES ask, asks from the NO ask.
        let (needed, field) = match action.book_side() {
            BookSide::Bid => (yes_ask, Field::YesAsk),
            BookSide::Ask => (no_ask, Field::NoAsk),
        };
        if needed.is_none() {
            return Err(Fault::missing(field.path()));
        }
        for group in [Field::Edge, Field::Confidence, Field::Position] {
            self.group(group)?;
        }
        Ok(Terms {
            yes_ask,
            no_ask,
            edge: self.edge()?,
            confidence: self.confidence()?,
            contracts: self.contracts()?,
            max_price: self.optional(Field::MaxPriceDollars, Price::parse_dollars)?,
            time_in_force: self.optional(Field::TimeInForce, TimeInForce::parse)?,
            style: self.optional(Field::Style, Style::parse)?,
        })
    }

    fn id(&self, content: Content<'_>) -> Result<SignalId, Fault> {
        match self.fields.value(Field::Id) {
            Value::Absent | Value::Text(b"") => Ok(content.derived_id()),
            Value::Text(text) | Value::Number(text) => {
                SignalId::new(text).ok_or_else(|| Fault::bad(Field::Id.path(), text))
            }
            other => Err(Fault::bad(Field::Id.path(), other.raw())),
        }
    }

    /// A nested object must be one when it is there; what is missing in it is found later.
    fn group(&self, field: Field) -> Result<(), Fault> {
        match self.fields.value(field) {
            Value::Absent => Ok(()),
            Value::Compound(text) if text.first() == Some(&b'{') => Ok(()),
            other => Err(Fault::bad(field.path(), other.raw())),
        }
    }

    /// An ask in dollars if there is one, else in whole cents. When both are given the cents are
    /// not looked at: rounding makes them 0 or 100 in sub-cent markets.
    fn ask(&self, dollars: Field, cents: Field) -> Result<Option<Price>, Fault> {
        if let Some(price) = self.optional(dollars, Price::parse_dollars)? {
            return Ok(Some(price));
        }
        let Some(value) = self.optional_whole(cents)? else {
            return Ok(None);
        };
        let price = u32::try_from(value).ok().and_then(Price::from_cents);
        price.map(Some).ok_or_else(|| Fault::bad(cents.path(), self.fields.value(cents).raw()))
    }

    fn edge(&self) -> Result<PriceDelta, Fault> {
        match self.fields.value(Field::EdgeCents) {
            Value::Absent => Err(Fault::missing(Field::EdgeCents.path())),
            Value::Number(text) => scaled(text, 4)
                .map(PriceDelta::from_micros)
                .ok_or_else(|| Fault::bad(Field::EdgeCents.path(), text)),
            other => Err(Fault::bad(Field::EdgeCents.path(), other.raw())),
        }
    }

    fn confidence(&self) -> Result<u16, Fault> {
        match self.fields.value(Field::Score) {
            Value::Absent => Ok(0),
            Value::Number(text) => scaled(text, 0)
                .and_then(|score| u16::try_from(score).ok())
                .ok_or_else(|| Fault::bad(Field::Score.path(), text)),
            other => Err(Fault::bad(Field::Score.path(), other.raw())),
        }
    }

    fn contracts(&self) -> Result<Contracts, Fault> {
        let (field, value) = match self.fields.value(Field::ContractsFp) {
            Value::Absent => (Field::Contracts, self.fields.value(Field::Contracts)),
            value => (Field::ContractsFp, value),
        };
        let parsed = match (field, value) {
            (Field::Contracts, Value::Absent) => return Err(Fault::missing(field.path())),
            (Field::Contracts, Value::Number(text)) => {
                whole(text).and_then(|count| u32::try_from(count.checked_mul(100)?).ok())
            }
            (Field::ContractsFp, Value::Text(text) | Value::Number(text)) => {
                Contracts::parse_fp(text).map(Contracts::centis)
            }
            _ => None,
        };
        let centis = parsed.filter(|&centis| centis > 0);
        centis.map(Contracts::from_centis).ok_or_else(|| Fault::bad(field.path(), value.raw()))
    }

    fn optional_whole(&self, field: Field) -> Result<Option<u64>, Fault> {
        match self.fields.value(field) {
            Value::Absent => Ok(None),
            Value::Number(text) => {
                whole(text).map(Some).ok_or_else(|| Fault::bad(field.path(), text))
            }
            other => Err(Fault::bad(field.path(), other.raw())),
        }
    }

    /// A string (or a number where dollars are meant), parsed when it is there.
    fn optional<T>(
        &self,
        field: Field,
        parse: impl Fn(&'a [u8]) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        match self.fields.value(field) {
            Value::Absent => Ok(None),
            Value::Text(text) | Value::Number(text) => {
                parse(text).map(Some).ok_or_else(|| Fault::bad(field.path(), text))
            }
            other => Err(Fault::bad(field.path(), other.raw())),
        }
    }

    fn parsed<T>(&self, field: Field, parse: impl Fn(&'a [u8]) -> Option<T>) -> Result<T, Fault> {
        self.optional(field, parse)?.ok_or_else(|| Fault::missing(field.path()))
    }
}
