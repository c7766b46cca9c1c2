//! One channel subscription of one session: which markets it covers, and its sequence.

use std::collections::BTreeSet;

/// A channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Book snapshots and deltas.
    OrderbookDelta,
    /// Public numbers.
    Ticker,
    /// Public trades.
    Trade,
    /// The account's fills.
    Fill,
    /// The account's positions.
    MarketPositions,
    /// The account's orders.
    UserOrders,
    /// What becomes of markets.
    MarketLifecycle,
    /// The account's order groups.
    OrderGroupUpdates,
    /// Acknowledged and silent: combos are not simulated.
    MultivariateLifecycle,
    /// Acknowledged and silent: requests for quotes are not simulated.
    Communications,
}

impl Channel {
    const ALL: [Self; 10] = [
        Self::OrderbookDelta,
        Self::Ticker,
        Self::Trade,
        Self::Fill,
        Self::MarketPositions,
        Self::UserOrders,
        Self::MarketLifecycle,
        Self::OrderGroupUpdates,
        Self::MultivariateLifecycle,
        Self::Communications,
    ];

    /// The exchange's spelling.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::OrderbookDelta => "orderbook_delta",
            Self::Ticker => "ticker",
            Self::Trade => "trade",
            Self::Fill => "fill",
            Self::MarketPositions => "market_positions",
            Self::UserOrders => "user_orders",
            Self::MarketLifecycle => "market_lifecycle_v2",
            Self::OrderGroupUpdates => "order_group_updates",
            Self::MultivariateLifecycle => "multivariate_market_lifecycle",
            Self::Communications => "communications",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text)
    }

    /// Whether its messages are numbered.
    const fn is_sequenced(self) -> bool {
        match self {
            Self::OrderbookDelta
            | Self::Trade
            | Self::MarketLifecycle
            | Self::OrderGroupUpdates
            | Self::MultivariateLifecycle
            | Self::Communications => true,
            Self::Ticker | Self::Fill | Self::MarketPositions | Self::UserOrders => false,
        }
    }

    /// Whether a subscription must name its markets.
    pub(crate) const fn needs_markets(self) -> bool {
        matches!(self, Self::OrderbookDelta)
    }
}

/// What a client may ask of a subscription beside its markets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// The NO side of books is told in YES prices.
    pub(crate) use_yes_price: bool,
    /// Acknowledgements do not list its markets.
    pub(crate) skip_ticker_ack: bool,
    /// Public numbers are told at once for the markets it names.
    pub(crate) send_initial_snapshot: bool,
}

/// A subscription.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) sid: u64,
    pub(crate) channel: Channel,
    /// `None` covers all markets.
    pub(crate) markets: Option<BTreeSet<usize>>,
    pub(crate) wishes: Wishes,
    seq: u64,
}

impl Subscription {
    pub(crate) const fn new(
        sid: u64,
        channel: Channel,
        markets: Option<BTreeSet<usize>>,
        wishes: Wishes,
    ) -> Self {
        Self { sid, channel, markets, wishes, seq: 0 }
    }

    pub(crate) fn covers(&self, market: usize) -> bool {
        self.markets.as_ref().is_none_or(|markets| markets.contains(&market))
    }

    /// The number of the next message; `None` on channels without numbers.
    pub(crate) fn next_seq(&mut self) -> Option<u64> {
        self.seq += 1;
        self.channel.is_sequenced().then_some(self.seq)
    }

    /// The number of the message that ends the subscription, which always has one.
    pub(crate) const fn last_seq(&self) -> u64 {
        self.seq + 1
    }
}
