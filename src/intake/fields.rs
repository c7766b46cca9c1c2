//! The fields of a signal line: their names, and the values found, as text.
//!
//! Both decoders (the scanner and the fallback) fill the same [`Fields`], so that what a value
//! means is decided in one place, `validate.rs`. Nothing here parses JSON.

/// Which object of a line a key stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// The line's own object.
    Top,
    /// `kalshi`.
    Kalshi,
    /// `edge`.
    Edge,
    /// `confidence`.
    Confidence,
    /// `position`.
    Position,
}

/// Every field the engine reads. Others are ignored at any depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    Id,
    TsNs,
    Cycle,
    ShouldTrade,
    Action,
    TimeInForce,
    Style,
    MaxPriceDollars,
    ExpiresNs,
    Signals,
    Kalshi,
    Edge,
    Confidence,
    Position,
    Ticker,
    YesAsk,
    NoAsk,
    YesAskDollars,
    NoAskDollars,
    EdgeCents,
    Score,
    Contracts,
    ContractsFp,
}

impl Field {
    /// How many fields there are.
    pub(super) const COUNT: usize = 23;

    /// The field a key names, if it is one of ours.
    pub(super) fn of(group: Group, key: &[u8]) -> Option<Self> {
        match group {
            Group::Top => Self::of_top(key),
            Group::Kalshi => match key {
                b"ticker" => Some(Self::Ticker),
                b"yes_ask" => Some(Self::YesAsk),
                b"no_ask" => Some(Self::NoAsk),
                b"yes_ask_dollars" => Some(Self::YesAskDollars),
                b"no_ask_dollars" => Some(Self::NoAskDollars),
                _ => None,
            },
            Group::Edge => (key == b"cents").then_some(Self::EdgeCents),
            Group::Confidence => (key == b"score").then_some(Self::Score),
            Group::Position => match key {
                b"contracts" => Some(Self::Contracts),
                b"contracts_fp" => Some(Self::ContractsFp),
                _ => None,
            },
        }
    }

    fn of_top(key: &[u8]) -> Option<Self> {
        match key {
            b"id" => Some(Self::Id),
            b"ts_ns" => Some(Self::TsNs),
            b"cycle" => Some(Self::Cycle),
            b"should_trade" => Some(Self::ShouldTrade),
            b"action" => Some(Self::Action),
            b"kalshi" => Some(Self::Kalshi),
            b"edge" => Some(Self::Edge),
            b"confidence" => Some(Self::Confidence),
            b"position" => Some(Self::Position),
            b"time_in_force" => Some(Self::TimeInForce),
            b"style" => Some(Self::Style),
            b"max_price_dollars" => Some(Self::MaxPriceDollars),
            b"expires_ns" => Some(Self::ExpiresNs),
            b"signals" => Some(Self::Signals),
            _ => None,
        }
    }

    /// The object this field opens, if it is one.
    pub(super) const fn group(self) -> Option<Group> {
        match self {
            Self::Kalshi => Some(Group::Kalshi),
            Self::Edge => Some(Group::Edge),
            Self::Confidence => Some(Group::Confidence),
            Self::Position => Some(Group::Position),
            _ => None,
        }
    }

    /// The path used in error details.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::TsNs => "ts_ns",
            Self::Cycle => "cycle",
            Self::ShouldTrade => "should_trade",
            Self::Action => "action",
            Self::TimeInForce => "time_in_force",
            Self::Style => "style",
            Self::MaxPriceDollars => "max_price_dollars",
            Self::ExpiresNs => "expires_ns",
            Self::Signals => "signals",
            Self::Kalshi => "kalshi",
            Self::Edge => "edge",
            Self::Confidence => "confidence",
            Self::Position => "position",
            Self::Ticker => "kalshi.ticker",
            Self::YesAsk => "kalshi.yes_ask",
            Self::NoAsk => "kalshi.no_ask",
            Self::YesAskDollars => "kalshi.yes_ask_dollars",
            Self::NoAskDollars => "kalshi.no_ask_dollars",
            Self::EdgeCents => "edge.cents",
            Self::Score => "confidence.score",
            Self::Contracts => "position.contracts",
            Self::ContractsFp => "position.contracts_fp",
        }
    }
}

/// One value as text. JSON's `null` is [`Value::Absent`]: Python writes an unset optional so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Not there, or null.
    #[default]
    Absent,
    /// `true`.
    True,
    /// `false`.
    False,
    /// A number, as written.
    Number(&'a [u8]),
    /// A string's content, unescaped, without quotes.
    Text(&'a [u8]),
    /// An object or array, as written.
    Compound(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The text to quote in an error.
    pub(super) const fn raw(self) -> &'a [u8] {
        match self {
            Self::Absent => b"null",
            Self::True => b"true",
            Self::False => b"false",
            Self::Number(text) | Self::Text(text) | Self::Compound(text) => text,
        }
    }
}

/// What a line's object held, by [`Field`]. A repeated key replaces the earlier one, as in
/// Python; a repeated object replaces the earlier one whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    values: [Value<'a>; Field::COUNT],
}

impl<'a> Fields<'a> {
    pub(super) const fn new() -> Self {
        Self { values: [Value::Absent; Field::COUNT] }
    }

    pub(super) const fn value(&self, field: Field) -> Value<'a> {
        self.values[field as usize]
    }

    /// Notes a value. For a field that opens an object, call [`Self::forget_inside`] before.
    pub(super) const fn set(&mut self, field: Field, value: Value<'a>) {
        self.values[field as usize] = value;
    }

    /// Forgets what an earlier object of the same name held.
    pub(super) fn forget_inside(&mut self, group: Group) {
        let inside = match group {
            Group::Top => 0..Field::COUNT,
            Group::Kalshi => Field::Ticker as usize..Field::EdgeCents as usize,
            Group::Edge => Field::EdgeCents as usize..Field::Score as usize,
            Group::Confidence => Field::Score as usize..Field::Contracts as usize,
            Group::Position => Field::Contracts as usize..Field::COUNT,
        };
        self.values[inside].fill(Value::Absent);
    }
}

const _: () = assert!(Field::ContractsFp as usize + 1 == Field::COUNT);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_object_replaces_the_earlier_one_whole() {
        let mut fields = Fields::new();
        let inside = [
            (Group::Kalshi, vec![Field::Ticker, Field::YesAsk, Field::NoAskDollars]),
            (Group::Edge, vec![Field::EdgeCents]),
            (Group::Confidence, vec![Field::Score]),
            (Group::Position, vec![Field::Contracts, Field::ContractsFp]),
        ];
        let all = || inside.iter().flat_map(|(group, fields)| fields.iter().map(|f| (*group, *f)));
        for (forgotten, _) in &inside {
            all().for_each(|(_, field)| fields.set(field, Value::True));
            fields.set(Field::Id, Value::True);
            fields.forget_inside(*forgotten);
            for (group, field) in all() {
                let kept = fields.value(field) == Value::True;
                assert_eq!(kept, group != *forgotten, "{}", field.path());
            }
            assert_eq!(fields.value(Field::Id), Value::True);
        }
    }
}
