//! What a world is made of.

use std::collections::BTreeSet;

use super::fault::{FaultRates, Rule};
use super::pipe::LinkProfile;
use crate::feed::FeedConfig;
use crate::feed::books::BooksConfig;
use crate::gateway::GatewayConfig;
use crate::ids::Ticker;
use crate::message::Style;
use crate::oms::config::{OrderConfig, Repeg};
use crate::risk::{BreakerConfig, Limits, MessageLimits};
use crate::runtime::random::Random;
use crate::sim::api::QuoteMode;
use crate::sim::exchange::{BookSeed, parse_books};
use crate::units::{Contracts, Money, Nanos, PriceDelta, WallTime};

/// Two events with two markets each, one of them on a finer grid with maker fees.
const BOOKS: &str = "\
KXONE-26JUL01-A,linear_cent,quadratic,0,,0.40:60 0.39:80 0.38:200,0.58:50 0.57:90 0.56:200
KXONE-26JUL01-B,linear_cent,quadratic,0,,0.55:40 0.54:60 0.53:100,0.43:30 0.42:60 0.41:100
KXTWO-26JUL01-A,tapered_deci_cent,quadratic_with_maker_fees,3,,\
0.20:100 0.19:100 0.18:150,0.78:100 0.77:100 0.76:150
KXTWO-26JUL01-B,linear_cent,quadratic,3,,0.70:25 0.69:50 0.68:80,0.28:25 0.27:50 0.26:80
";

/// See the module's page.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// Everything that happens by chance follows from it.
    pub seed: u64,
    /// Markets and opening books.
    pub books: Vec<BookSeed>,
    /// Cash of the engine's account.
    pub cash: Money,
    /// The engine's bounds.
    pub limits: Limits,
    /// What trips the engine's circuit breaker.
    pub breaker: BreakerConfig,
    /// How the engine follows orders.
    pub orders: OrderConfig,
    /// The engine's gateway.
    pub gateway: GatewayConfig,
    /// The engine's feed.
    pub feed: FeedConfig,
    /// How many connections it has, one or two.
    pub feed_connections: usize,
    /// How the engine follows books.
    pub books_seen: BooksConfig,
    /// Whether the background's quotes wander.
    pub quotes: QuoteMode,
    /// How healthy links behave.
    pub link: LinkProfile,
    /// How far reads are behind.
    pub read_lag: Nanos,
    /// What goes wrong by chance.
    pub rates: FaultRates,
    /// What goes wrong by script.
    pub rules: Vec<Rule>,
    /// Markets that are not open when the run begins.
    pub unopened: Vec<Ticker>,
    /// What the account's order groups let trade within 15 s, in contracts; none without groups.
    pub group_contracts: u32,
    /// Slots of every ring: few, so that full rings are met.
    pub ring_slots: usize,
    /// Unix time at the start.
    pub starts: WallTime,
}

impl WorldConfig {
    /// Quiet books, healthy links, bounds that let a test trade.
    #[must_use]
    pub fn calm(seed: u64) -> Self {
        let mut gateway = GatewayConfig::default();
        // Plenty of tokens: the budget has tests of its own.
        gateway.budget.refill_per_sec = 1_000;
        gateway.budget.capacity = 1_000;
        Self {
            seed,
            books: default_books(),
            cash: Money::from_cents(1_000_000),
            limits: open_limits(),
            breaker: patient_breaker(),
            orders: OrderConfig {
                // Nothing in this world arrives later than that.
                absence_wait: Nanos::from_secs(3),
                // One signal, one order, unless a test is about what follows.
                retries_max: 0,
                ..OrderConfig::default()
            },
            gateway,
            feed: FeedConfig::default(),
            feed_connections: 1,
            books_seen: BooksConfig::default(),
            quotes: QuoteMode::Still,
            link: LinkProfile::default(),
            read_lag: Nanos::ZERO,
            rates: FaultRates::default(),
            rules: Vec::new(),
            unopened: Vec::new(),
            group_contracts: 1_000_000,
            ring_slots: 64,
            // Noon, so that a run stays within one UTC day.
            starts: WallTime::from_unix_ms(1_782_820_800_000),
        }
    }

    /// The account's cash by shard: as much on each that has markets.
    ///
    /// # Panics
    /// Never: there are fewer shards than cents.
    #[must_use]
    pub fn shard_cash(&self) -> Vec<(u8, Money)> {
        let shards: BTreeSet<u8> =
            self.books.iter().map(|book| book.exchange_index).chain([0]).collect();
        let count = i64::try_from(shards.len()).expect("shards are numbered in eight bits");
        let share =
            Money::from_e8(self.cash.e8() / count / Money::E8_PER_CENT * Money::E8_PER_CENT);
        let others = Money::from_e8(share.e8() * (count - 1));
        let on = |shard| if shard == 0 { self.cash - others } else { share };
        shards.into_iter().map(|shard| (shard, on(shard))).collect()
    }

    /// A bad day whose details follow from the seed: wandering quotes, reads that lag, everything
    /// that can go wrong, and bounds that are sometimes tight.
    #[must_use]
    pub fn rough(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x7072_6f66_696c_6531);
        let mut config = Self::calm(seed);
        config.quotes = QuoteMode::Moving;
        config.rates = FaultRates::rough();
        config.read_lag = Nanos::from_ms(random.between(0, 1_000));
        config.ring_slots = usize::try_from(random.between(16, 64)).unwrap_or(64);
        config.orders.fill_timeout = Nanos::from_ms(random.between(2_500, 30_000));
        config.orders.partial_wait = Nanos::from_ms(random.between(500, 5_000));
        if random.chance(300) {
            config.limits.position_per_event_max = Contracts::from_whole(40);
        }
        if random.chance(300) {
            config.limits.open_orders_max = 3;
            config.limits.open_orders_per_market_max = 1;
        }
        if random.chance(200) {
            config.limits.daily_trades_max = 20;
            config.limits.daily_volume_max = Contracts::from_whole(150);
        }
        if random.chance(200) {
            // Enough for a few orders only.
            config.cash = Money::from_cents(13_000);
        }
        if random.chance(300) {
            config.gateway.pool.connections = 2;
        }
        config.orders.style =
            [Style::Take, Style::Take, Style::Make, Style::Auto][pick(&mut random, 4)];
        config.orders.retries_max = [0, 1, 3, 7][pick(&mut random, 4)];
        config.orders.repegs_max = [0, 5, 7][pick(&mut random, 3)];
        config.orders.repeg_interval = Nanos::from_ms(random.between(100, 2_000));
        config.orders.slippage_max = PriceDelta::from_cents([0, 2, 50][pick(&mut random, 3)]);
        if random.chance(300) {
            config.limits.order_spacing_min = Nanos::from_ms(random.between(1, 100));
        }
        if random.chance(400) {
            config.feed_connections = 2;
        }
        config.orders.repeg = [Repeg::Replace, Repeg::Amend][pick(&mut random, 2)];
        config
    }
}

/// An index below `count`.
fn pick(random: &mut Random, count: u64) -> usize {
    usize::try_from(random.below(count)).unwrap_or(0)
}

/// The opening books of [`WorldConfig::calm`].
///
/// # Panics
/// Never: every test of the world reads them.
#[must_use]
pub fn default_books() -> Vec<BookSeed> {
    parse_books(BOOKS).expect("the books above are read by every test of the world")
}

/// Nothing that goes wrong in a world trips it: it has tests of its own.
fn patient_breaker() -> BreakerConfig {
    BreakerConfig {
        rejects_per_minute_max: BreakerConfig::REJECTS_PER_MINUTE_CEILING,
        repeats_max: BreakerConfig::REPEATS_CEILING,
        repeats_window: Nanos::from_ms(1),
        latency_budget: Nanos::from_secs(60),
        ..BreakerConfig::default()
    }
}

fn open_limits() -> Limits {
    Limits {
        daily_trades_max: 10_000,
        daily_volume_max: Contracts::from_whole(100_000),
        position_per_event_max: Contracts::from_whole(500),
        orders_per_minute_max: 6_000,
        order_spacing_min: Nanos::ZERO,
        open_orders_max: 50,
        open_orders_per_market_max: 20,
        sport_exposure_max_bp: 10_000,
        resting_value_max: Money::from_cents(1_000_000),
        messages: MessageLimits {
            refill_per_sec: 1_000,
            capacity: 1_000,
            ..MessageLimits::default()
        },
        ..Limits::default()
    }
}
