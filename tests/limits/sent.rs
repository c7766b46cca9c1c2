//! One order as the judge remembers it.

use kalshi_exec::message::NewOrder;
use kalshi_exec::units::{Contracts, Timestamp};

/// One order as the engine sent it and as it was told of it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) terms: NewOrder,
    pub(crate) market: usize,
    /// The place of the signal behind it.
    pub(crate) signal: usize,
    pub(crate) at: Timestamp,
    pub(crate) written: Option<Timestamp>,
    pub(crate) day: u32,
    pub(crate) unsent: bool,
    pub(crate) filled: Contracts,
    pub(crate) filled_today: u64,
    /// What the exchange says had filled when it ended.
    pub(crate) word: Option<Contracts>,
    /// Since when its fate is open, and how many listings have lacked it since.
    pub(crate) doubted: Option<(Timestamp, u32)>,
    /// How often it went out again, and whether the gateway has yet to say what came of that.
    pub(crate) again: (u8, bool),
    /// Whether the exchange has said that the id is taken.
    pub(crate) there: bool,
    /// Whether something the exchange said named the order: its own id, or its answer.
    pub(crate) named: bool,
    /// Whether somebody wanted everything cancelled since.
    pub(crate) unwanted: bool,
    pub(crate) over: bool,
}

impl Sent {
    /// What may still fill.
    pub(crate) fn open(&self) -> Contracts {
        if self.over { Contracts::ZERO } else { self.terms.quantity.saturating_sub(self.filled) }
    }
}
