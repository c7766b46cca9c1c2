//! What shall go wrong, when, and how often: the meaning of a faults file.
//!
//! A rule is one entry of the file. Rules for requests and messages have a [`When`]; events have
//! a time. Nothing here decides anything: [`super::Faults`] does.

use crate::ids::{InlineText, Ticker};
use crate::sim::exchange::{FeeOverride, Outcome, PriceStructure, Subtitle};
use crate::units::Nanos;

/// Which requests a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// All but upgrades.
    Any,
    /// A new order, alone or in a batch.
    Create,
    /// An amendment.
    Amend,
    /// A decrease.
    Decrease,
    /// A cancel, alone or in a batch.
    Cancel,
    /// The cancel of everything.
    CancelAll,
    /// Every signed or unsigned read.
    Read,
    /// The opening of a WebSocket connection.
    Upgrade,
}

impl Target {
    pub(super) const ALL: [(&'static str, Self); 8] = [
        ("any", Self::Any),
        ("create", Self::Create),
        ("amend", Self::Amend),
        ("decrease", Self::Decrease),
        ("cancel", Self::Cancel),
        ("cancel_all", Self::CancelAll),
        ("read", Self::Read),
        ("upgrade", Self::Upgrade),
    ];

    /// Reads it off a request; [`Self::Any`] for what has no name of its own.
    #[must_use]
    pub fn of(method: &str, path: &str) -> Self {
        let orders = path.split_once("/portfolio/events/orders").map(|(_, rest)| rest);
        match (method, orders) {
            ("GET", _) if path.ends_with("/trade-api/ws/v2") => Self::Upgrade,
            ("GET", _) => Self::Read,
            ("POST", Some("" | "/batched")) => Self::Create,
            ("POST", Some(rest)) if rest.ends_with("/amend") => Self::Amend,
            ("POST", Some(rest)) if rest.ends_with("/decrease") => Self::Decrease,
            ("DELETE", Some("")) => Self::CancelAll,
            ("DELETE", Some(_)) => Self::Cancel,
            _ => Self::Any,
        }
    }

    /// Whether a rule about `self` is about a request of kind `kind`.
    #[must_use]
    pub fn covers(self, kind: Self) -> bool {
        self == kind || (self == Self::Any && kind != Self::Upgrade)
    }
}

/// When a rule strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// Chance in thousandths of each match.
    pub per_mille: u32,
    /// The first match it may strike, from 1.
    pub first: u64,
    /// How often it strikes at most.
    pub count: u64,
    /// Time since the start before which it does not.
    pub from: Nanos,
    /// Time since the start from which on it does not.
    pub until: Nanos,
}

/// How delays are distributed between their least and their most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Every span alike.
    Uniform,
    /// Short ones often, long ones seldom; the most cuts the tail off.
    Exponential,
}

/// A distribution of delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The least.
    pub least: Nanos,
    /// The most.
    pub most: Nanos,
    /// What lies between.
    pub shape: Shape,
}

/// Whether the exchange has processed a request when something goes wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It never sees it, or sees it late.
    Before,
    /// It has.
    After,
}

/// A field's name.
pub type Field = InlineText<32>;

/// How the format of a JSON text is changed, in every object of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is a field that nobody has heard of.
    New,
    /// A field is missing.
    Missing(Field),
    /// A field has another name.
    Renamed(Field, Field),
    /// The fields come in the opposite order.
    Reordered,
    /// Decimals that were strings are numbers.
    Numbers,
}

/// How an answer is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Its format is another one.
    Changed(Change),
    /// The order id is missing from a 2xx.
    NoOrderId,
    /// The order id is another order's.
    WrongOrderId,
    /// A list says that this page is its last.
    ShortPage,
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestTrouble {
    /// It, or its answer, is late.
    Delay(Phase, Spread),
    /// Its connection dies.
    Drop(Phase),
    /// It is processed; the answer never comes.
    LostResponse,
    /// It is answered, and the answer says `connection: close`.
    CloseAfter,
    /// An interim answer (`103`) comes before the answer.
    Interim,
    /// Something answers with this status and a JSON body.
    Status(Phase, u16),
    /// A proxy answers with this status and a page.
    Html(Phase, u16),
    /// It is answered wrongly.
    Edited(Edit),
    /// Its answer comes in pieces of so many bytes, so far apart.
    SlowRead(usize, Nanos),
}

/// What goes wrong with a WebSocket message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageTrouble {
    /// It is late, and what follows it on its subscription waits for it.
    Delay(Spread),
    /// Its format is another one.
    Changed(Change),
    /// An error with this code comes instead and ends its subscription.
    Ended(u32),
    /// It is lost.
    Lose,
    /// It comes twice.
    Duplicate,
    /// The next message of its session passes it.
    Reorder,
    /// From it on its session hears nothing but pings.
    Silence,
    /// Its session is told of an overflow and ends.
    Overflow,
}

/// Which messages a rule is about: their `type`, or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All.
    Any,
    /// Those of one type, e.g. `fill`.
    Type(String),
}

/// What happens to the exchange itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// No new orders for so long.
    TradingPause(Nanos),
    /// Nothing works for so long.
    ExchangePause(Nanos),
    /// A market, or every market, is paused for so long and then re-activated.
    MarketPause(Option<Ticker>, Nanos),
    /// A market, or every market, closes.
    Close(Option<Ticker>),
    /// A market, or every market, closes, comes out and is paid out so long after that.
    Settle(Option<Ticker>, Outcome, Nanos),
    /// A closed market, or every closed one, comes out.
    Determine(Option<Ticker>, Outcome),
    /// How a market, or every market, came out is disputed for so long.
    Dispute(Option<Ticker>, Nanos),
    /// A disputed market, or every disputed one, came out otherwise.
    AmendResult(Option<Ticker>, Outcome),
    /// The close of a market, or of every market, is moved to so long after that.
    CloseAt(Option<Ticker>, Nanos),
    /// A market, or every market, gets other valid prices.
    Restructure(Option<Ticker>, PriceStructure),
    /// A market, or every market, charges nothing for so long.
    FeeWaiver(Option<Ticker>, Nanos),
    /// The exchange's clock is so many milliseconds ahead (or behind) for so long.
    ClockSkew(i64, Nanos),
    /// From then on each connection lives no longer than so long.
    ConnectionLifetime(Nanos),
    /// All connections are cut, without a close.
    Cut,
    /// A new market is listed.
    ListMarket(Ticker),
    /// The fees of a market's event are overridden, or its series' again.
    EventFees(Ticker, Option<FeeOverride>),
    /// A market says something else about what YES means.
    Retitle(Ticker, Subtitle),
    /// The newest fill in a market, or in every market, is taken back.
    VoidFill(Option<Ticker>),
    /// A cancel-all takes later orders with it, with this chance in thousandths.
    CancelAllTail(u32),
    /// Reads of accounts are so far behind, for so long.
    ReadLag(Nanos, Nanos),
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// About requests.
    Request {
        /// Which.
        on: Target,
        /// When.
        when: When,
        /// What.
        trouble: RequestTrouble,
    },
    /// About WebSocket messages.
    Message {
        /// Which.
        on: Kind,
        /// When.
        when: When,
        /// What.
        trouble: MessageTrouble,
    },
    /// About the exchange.
    Event {
        /// Time since the start.
        at: Nanos,
        /// What.
        event: Event,
    },
}

/// A faults file, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// Seed of every chance and every delay.
    pub seed: u64,
    /// In the order of the file: the first that strikes counts.
    pub rules: Vec<Rule>,
}
