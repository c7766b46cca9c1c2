//! Every section of the file but the limits, in the order in which `config` shows them.
//!
//! Defaults stand here or in the `Default` of the stage's own settings, and are repeated in
//! `examples/defaults.toml` (test `the_file_of_defaults_says_what_holds_without_it`).

use super::layers::{Base, Layers, base, key};
use super::profile::Profile;
use super::ranges::{CASH_CENTS_MAX, DAY_MS, SIGNALS_PER_CYCLE_MAX};
use super::setting::{Origin, Setting, Shown};
use super::{
    Config, ConfigError, ExchangeConfig, MachineConfig, Mode, SimConfig, TokensBy,
    WeeklyMaintenance, WireConfig,
};
use super::{gateway, limits};
use crate::feed::LINKS_MAX;
use crate::feed::books::BooksConfig;
use crate::intake::Pace;
use crate::message::{Style, TimeInForce};
use crate::net::endpoint::Scheme;
use crate::oms::config::{OrderConfig, Orphans, ReconcileConfig, Repeg};
use crate::paper::PaperConfig;
use crate::runtime::topology::{CorePlan, Topology};
use crate::runtime::wait::Wait;
use crate::units::{Money, Nanos};

pub(super) fn config(layers: &mut Layers<'_>) -> Result<Config, ConfigError> {
    let mode = mode(layers)?;
    let profile = layers.name(
        key("run.profile").or("TRADING_PROFILE"),
        base(Profile::Standard),
        (Profile::parse, |profile| Some(profile.as_str())),
        (Profile::NAMES, ""),
    )?;
    let pace = layers.name(
        key("run.pace"),
        base(Pace::None),
        (|text: &str| text.parse().ok(), |pace: &Pace| Some(pace.as_str())),
        ("none, cycle, recorded", ""),
    )?;
    let cycle_interval = layers.ms(
        key("run.cycle_interval_ms").or("CYCLE_INTERVAL_MS"),
        base(Nanos::from_ms(1_000)),
        1..=DAY_MS,
    )?;
    let signals_per_cycle_max = layers.count(
        key("run.max_signals_per_cycle").or("MAX_SIGNALS_PER_CYCLE"),
        base(3),
        1..=SIGNALS_PER_CYCLE_MAX,
    )?;
    let cycle_linger =
        layers.ms(key("run.cycle_linger_ms"), base(Nanos::from_ms(2)), 0..=DAY_MS)?;
    let seed = layers.count(key("run.seed"), base(1), 0..=u64::MAX)?;
    let limits = limits::limits(layers, profile, mode)?;
    let series = limits::series(layers)?;
    let orders = orders(layers)?;
    let orders = gateway::resends(layers, orders)?;
    let group_contracts = gateway::group_contracts(layers)?;
    let breaker = limits::breaker(layers, profile, limits.position_size_max)?;
    let paper_cash_cents = cash(layers, "paper.cash_cents")?;
    let paper_cash = (mode == Mode::Paper).then(|| Money::from_cents(paper_cash_cents));
    limits::check(layers, (&limits, &breaker, &orders), paper_cash)?;
    Ok(Config {
        mode,
        profile,
        pace,
        cycle_interval,
        signals_per_cycle_max,
        cycle_linger,
        seed,
        limits,
        series,
        breaker,
        orders,
        paper: paper(layers, seed)?,
        paper_cash_cents,
        wire: wire(layers)?,
        books: books(layers)?,
        group_contracts,
        machine: machine(layers)?,
        sim: sim(layers)?,
        exchange: exchange(layers)?,
    })
}

/// `PAPER_TRADING` is a way to say where orders go, under `--mode` and with the file: where the
/// two do not fit, real money may be meant, and that is worth stopping for.
fn mode(layers: &mut Layers<'_>) -> Result<Mode, ConfigError> {
    let mode = key("run.mode");
    let flag =
        layers.variable("PAPER_TRADING").map(|(flag, origin)| (flag.to_owned(), origin.clone()));
    let said = layers.origin(mode);
    let start = match &flag {
        None => base(Mode::Paper),
        Some((flag, origin)) => {
            let mode = match flag.to_ascii_lowercase().as_str() {
                "true" => Mode::Paper,
                "false" => Mode::Live,
                _ => {
                    let allowed = "true or false";
                    return Err(ConfigError::not_allowed("PAPER_TRADING", flag, allowed));
                }
            };
            Base { value: mode, origin: origin.clone() }
        }
    };
    let by_flag = start.value;
    let chosen = layers.name(
        mode,
        start,
        (Mode::parse, |mode| Some(mode.as_str())),
        ("paper, sim, demo, live", ""),
    )?;
    let of_file = matches!(said, Some(Origin::File { .. }));
    let real = |mode| matches!(mode, Mode::Demo | Mode::Live);
    match flag {
        Some((flag, origin)) if of_file && real(chosen) != real(by_flag) && chosen != Mode::Sim => {
            let first = Setting { key: "PAPER_TRADING", value: Shown::Text(flag), origin };
            let second = Setting {
                key: "run.mode",
                value: Shown::Text(chosen.as_str().to_owned()),
                origin: said.unwrap_or(Origin::Default),
            };
            Err(ConfigError::Contradiction {
                first: first.to_string(),
                second: second.to_string(),
                why: "unset PAPER_TRADING, or take run.mode out of the file".to_owned(),
            })
        }
        _ => Ok(chosen),
    }
}

fn cash(layers: &mut Layers<'_>, name: &'static str) -> Result<i64, ConfigError> {
    let cents: u64 = layers.count(key(name), base(1_000_000), 0..=CASH_CENTS_MAX)?;
    Ok(cents.cast_signed())
}

fn orders(layers: &mut Layers<'_>) -> Result<OrderConfig, ConfigError> {
    let orders = OrderConfig::default();
    let style = layers.name(
        key("orders.style"),
        base(orders.style),
        (|text: &str| Style::parse(text.as_bytes()), |style: &Style| Some(style.as_str())),
        ("take, make, auto", ""),
    )?;
    let time_in_force = layers.name(
        key("orders.time_in_force"),
        base(orders.time_in_force),
        (
            |text: &str| TimeInForce::parse(text.as_bytes()),
            |time: &TimeInForce| Some(time.as_str()),
        ),
        ("immediate_or_cancel, good_till_canceled, fill_or_kill", ""),
    )?;
    let repeg = layers.name(
        key("orders.repeg"),
        base(orders.repeg),
        (Repeg::parse, |repeg| Some(repeg.as_str())),
        ("replace, amend", ""),
    )?;
    let mut distance = |name, default| layers.distance(key(name), base(default));
    let limit_offset = distance("orders.limit_offset_cents", orders.limit_offset)?;
    let retry_step = distance("orders.retry_step_cents", orders.retry_step)?;
    let improvement_max = distance("orders.max_price_improvement_cents", orders.improvement_max)?;
    let slippage_max = distance("orders.max_slippage_cents", orders.slippage_max)?;
    let repeg_step = distance("orders.repeg_step_cents", orders.repeg_step)?;
    let followers = 0..=u64::from(OrderConfig::FOLLOWERS_MAX);
    let mut count = |name, default| layers.count(key(name), base(default), followers.clone());
    let retries_max = count("orders.max_retries", orders.retries_max)?;
    let repegs_max = count("orders.max_repegs", orders.repegs_max)?;
    if retries_max > 0 && retry_step > improvement_max {
        return Err(layers.contradiction(
            "orders.retry_step_cents",
            "orders.max_price_improvement_cents",
            "no retry could be made; the step is at most the improvement, or max_retries is 0",
        ));
    }
    let mut span = |name, default| layers.ms(key(name), base(default), 0..=DAY_MS);
    Ok(OrderConfig {
        limit_offset,
        style,
        time_in_force,
        retries_max,
        retry_step,
        improvement_max,
        slippage_max,
        repeg,
        repegs_max,
        repeg_step,
        repeg_interval: span("orders.repeg_interval_ms", orders.repeg_interval)?,
        fill_timeout: span("orders.fill_timeout_ms", orders.fill_timeout)?,
        partial_wait: span("orders.partial_wait_ms", orders.partial_wait)?,
        drain_timeout: span("orders.drain_timeout_ms", orders.drain_timeout)?,
        read_lag: span("orders.read_lag_ms", orders.read_lag)?,
        absence_wait: span("orders.absence_wait_ms", orders.absence_wait)?,
        books_max: orders.books_max,
        reconcile: reconcile(layers)?,
        ..orders
    })
}

fn reconcile(layers: &mut Layers<'_>) -> Result<ReconcileConfig, ConfigError> {
    let usual = ReconcileConfig::default();
    let every = usual.every.unwrap_or(Nanos::from_secs(60));
    let every = layers.ms(key("reconcile.interval_ms"), base(every), 1_000..=DAY_MS)?;
    let orphans = layers.name(
        key("reconcile.orphans"),
        base(usual.orphans),
        (Orphans::parse, |orphans| Some(orphans.as_str())),
        ("adopt, cancel", ""),
    )?;
    Ok(ReconcileConfig { every: Some(every), orphans, ..usual })
}

fn paper(layers: &mut Layers<'_>, seed: u64) -> Result<PaperConfig, ConfigError> {
    let model = PaperConfig::default();
    let mut chance = |name, default| layers.count(key(name), base(default), 0..=1_000);
    let fill_per_mille = chance("paper.fill_per_mille", model.fill_per_mille)?;
    let partial_per_mille = chance("paper.partial_per_mille", model.partial_per_mille)?;
    let slippage_per_mille = chance("paper.slippage_per_mille", model.slippage_per_mille)?;
    let improvement_per_mille = chance("paper.improvement_per_mille", model.improvement_per_mille)?;
    let mut span = |name, default| layers.ms(key(name), base(default), 0..=DAY_MS);
    let latency_min = span("paper.latency_min_ms", model.latency_min)?;
    let latency_max = span("paper.latency_max_ms", model.latency_max)?;
    if latency_min > latency_max {
        return Err(layers.contradiction(
            "paper.latency_min_ms",
            "paper.latency_max_ms",
            "the shortest latency is at most the longest",
        ));
    }
    Ok(PaperConfig {
        fill_per_mille,
        partial_per_mille,
        slippage_per_mille,
        improvement_per_mille,
        latency_min,
        latency_max,
        seed,
        ..model
    })
}

fn books(layers: &mut Layers<'_>) -> Result<Option<BooksConfig>, ConfigError> {
    let follows = layers.flag(key("feed.books"), base(true))?;
    let age_max = BooksConfig::default().age_max;
    let age_max = layers.ms(key("feed.book_age_max_ms"), base(age_max), 100..=60_000)?;
    Ok(follows.then_some(BooksConfig { age_max }))
}

fn wire(layers: &mut Layers<'_>) -> Result<WireConfig, ConfigError> {
    let ms = |value| base(Nanos::from_ms(value));
    let any = 0..=u64::from(u32::MAX);
    let mut wire = WireConfig {
        tokens_by: TokensBy::Tier,
        order_tokens: WireConfig::ORDER_TOKENS,
        cancel_tokens: WireConfig::CANCEL_TOKENS,
        connections: layers.count(key("wire.connections"), base(4), 1..=16)?,
        ack_timeout: layers.ms(key("wire.ack_timeout_ms"), ms(2_000), 1..=60_000)?,
        signature_age_max: layers.ms(key("wire.signature_age_ms"), ms(1_000), 1..=10_000)?,
        signatures_ready: layers.count(key("wire.signatures_ready"), base(32), 1..=1_024)?,
        write_tokens_per_second: layers.count(
            key("wire.write_tokens_per_second"),
            base(100),
            any.clone(),
        )?,
        write_tokens_max: layers.count(key("wire.write_tokens_max"), base(100), any.clone())?,
        cancel_reserve_tokens: layers.count(key("wire.cancel_reserve_tokens"), base(20), any)?,
        feed_silence_max: layers.ms(key("wire.feed_silence_ms"), ms(15_000), 1_000..=DAY_MS)?,
        batch_orders: gateway::batch_orders(layers)?,
        busy_poll_us: gateway::busy_poll(layers)?,
        clock_check: layers.ms(key("wire.clock_check_ms"), ms(10_000), 100..=60_000)?,
        feed_connections: layers.count(key("feed.connections"), base(1), 1..=LINKS_MAX as u64)?,
    };
    wire.tokens_by = gateway::tokens_by(wire.write_tokens_per_second, wire.write_tokens_max);
    let for_orders = wire.write_tokens_max.saturating_sub(wire.cancel_reserve_tokens);
    if for_orders < WireConfig::ORDER_TOKENS {
        return Err(layers.contradiction(
            "wire.cancel_reserve_tokens",
            "wire.write_tokens_max",
            "an order costs ten tokens and may not touch the reserve; leave at least ten",
        ));
    }
    Ok(wire)
}

fn machine(layers: &mut Layers<'_>) -> Result<MachineConfig, ConfigError> {
    let by_count = "by the number of cores";
    let topology = layers.name(
        key("machine.topology"),
        base(None),
        (
            |text: &str| text.parse().ok().map(Some),
            |topology: &Option<Topology>| topology.map(Topology::as_str),
        ),
        ("compact, fused, dedicated", by_count),
    )?;
    let wait = layers.name(
        key("machine.wait"),
        base(None),
        (|text: &str| text.parse().ok().map(Some), |wait: &Option<Wait>| wait.map(Wait::as_str)),
        ("spin, spin_yield, park", by_count),
    )?;
    let mut core = |name| layers.optional_count(key(name), "the scheduler's choice");
    let cores = CorePlan {
        intake: core("cores.intake")?,
        oms: core("cores.oms")?,
        gateway: core("cores.gateway")?,
        feed: core("cores.feed")?,
        cold: core("cores.cold")?,
    };
    Ok(MachineConfig { topology, wait, cores })
}

fn sim(layers: &mut Layers<'_>) -> Result<SimConfig, ConfigError> {
    Ok(SimConfig {
        markets: layers.path(key("sim.markets"), "the built-in World Cup books")?,
        moving_quotes: layers.flag(key("sim.moving_quotes"), base(true))?,
        cash_cents: cash(layers, "sim.cash_cents")?,
    })
}

fn exchange(layers: &mut Layers<'_>) -> Result<ExchangeConfig, ConfigError> {
    let of_mode = "the mode's";
    let api_key_id = key("exchange.api_key_id").or("KALSHI_API_KEY_ID");
    let key_file = key("exchange.private_key_path").or("KALSHI_PRIVATE_KEY_PATH");
    Ok(ExchangeConfig {
        rest_url: layers.endpoint(key("exchange.rest_url"), of_mode, Scheme::Https)?,
        ws_url: layers.endpoint(key("exchange.ws_url"), of_mode, Scheme::Wss)?,
        ca_file: layers.path(key("exchange.ca_file"), "the public authorities built in")?,
        api_key_id: layers.secret(api_key_id, "none")?,
        private_key_path: layers.secret_path(key_file, "none")?,
        weekly_maintenance: if layers.flag(key("exchange.weekly_maintenance"), base(true))? {
            WeeklyMaintenance::Kept
        } else {
            WeeklyMaintenance::None
        },
    })
}
