//! Values, their places, precedence, and what is refused.

use super::*;
use crate::risk::{SignalTime, SportRule};
use crate::units::{Contracts, Money, PriceDelta};

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let file = File::parse(text, Path::new("test.toml"))?;
    let environment = Environment::from_pairs(environment);
    Config::resolve(Some(&file), &environment, &Arguments::default())
}

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load(text, environment).map(|loaded| loaded.config)
}

#[track_caller]
fn fails(text: &str, environment: &[(&str, &str)], parts: &[&str]) {
    let message = parse(text, environment).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

#[test]
fn nothing_configured_is_the_plans_defaults_on_paper() {
    let config = parse("", &[]).unwrap();
    assert_eq!(config.mode, Mode::Paper);
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.breaker, BreakerConfig::default());
    assert_eq!(config.orders, OrderConfig::default());
}

#[test]
fn the_weekly_window_is_kept_unless_the_file_says_there_is_none() {
    let kept = |text| parse(text, &[]).unwrap().exchange.weekly_maintenance;
    assert_eq!(kept(""), WeeklyMaintenance::Kept);
    assert_eq!(kept("[exchange]\nweekly_maintenance = true"), WeeklyMaintenance::Kept);
    assert_eq!(kept("[exchange]\nweekly_maintenance = false"), WeeklyMaintenance::None);
}

#[test]
fn the_file_sets_limits_and_the_environment_wins() {
    let text = "[risk]\nmax_position_size = 40\nminimum_edge_cents = -3\n\
                max_daily_loss_cents = 2500.5\n";
    let config = parse(text, &[("MAX_POSITION_SIZE", "7")]).unwrap();
    assert_eq!(config.limits.position_size_max, Contracts::from_whole(7));
    assert_eq!(config.limits.edge_min, PriceDelta::from_cents(-3));
    assert_eq!(config.limits.daily_loss_max, Money::from_e8(2_500_500_000));
}

#[test]
fn profiles_are_presets_that_every_stronger_layer_overrides() {
    let chosen =
        |name| parse("[risk]\nmax_daily_trades = 9", &[("TRADING_PROFILE", name)]).unwrap();
    let of = |name| {
        let config = chosen(name);
        let (limits, breaker) = (config.limits, config.breaker);
        assert_eq!(limits.daily_trades_max, 9, "{name}");
        [
            i64::from(limits.position_size_max.centis()) / 100,
            limits.risk_per_trade_max.cents_truncated(),
            limits.daily_loss_max.cents_truncated(),
            i64::from(limits.daily_volume_max.centis()) / 100,
            i64::from(limits.position_per_event_max.centis()) / 100,
            i64::from(limits.orders_per_minute_max),
            i64::from(limits.sport_exposure_max_bp) / 100,
            limits.resting_value_max.cents_truncated(),
            limits.edge_min.micros() / 10_000,
            i64::from(breaker.half_open_contracts.centis()) / 100,
            i64::from(breaker.consecutive_losses_max),
            i64::try_from(breaker.cooldown.ms()).unwrap() / 1_000,
        ]
    };
    assert_eq!(of("conservative"), [50, 25_000, 50_000, 2_500, 250, 5, 10, 50_000, 2, 5, 3, 120]);
    assert_eq!(of("STANDARD"), [100, 50_000, 100_000, 5_000, 500, 10, 20, 100_000, 1, 10, 5, 60]);
    let aggressive = [200, 100_000, 200_000, 10_000, 1_000, 20, 40, 200_000, 1, 20, 10, 60];
    assert_eq!(of("AGGRESSIVE"), aggressive);
}

/// Where the value of one key came from.
#[track_caller]
fn origin(loaded: &Loaded, key: &str) -> String {
    let setting = loaded.settings.iter().find(|setting| setting.key == key).unwrap();
    setting.to_string()
}

#[test]
fn each_layer_yields_to_the_stronger_one_and_is_named() {
    let text = "[run]\nprofile = \"CONSERVATIVE\"\n\n[risk]\nmax_position_size = 40\n";
    let file = File::parse(text, Path::new("run.toml")).unwrap();
    let (mut environment, mut arguments) = (Environment::default(), Arguments::default());
    let key = "risk.max_position_size";
    let say = |file: Option<&File>, environment: &Environment, arguments: &Arguments| {
        origin(&Config::resolve(file, environment, arguments).unwrap(), key)
    };

    assert_eq!(say(None, &environment, &arguments), format!("{key} = 100 (default)"));
    environment = Environment::from_pairs(&[("TRADING_PROFILE", "CONSERVATIVE")]);
    let profile = format!("{key} = 50 (profile CONSERVATIVE)");
    assert_eq!(say(None, &environment, &arguments), profile);
    assert_eq!(say(Some(&file), &environment, &arguments), format!("{key} = 40 (run.toml:5)"));
    environment = Environment::default();
    environment.add_dot_env("# limits\nMAX_POSITION_SIZE=30\n").unwrap();
    let dot_env = format!("{key} = 30 (.env line 2, MAX_POSITION_SIZE)");
    assert_eq!(say(Some(&file), &environment, &arguments), dot_env);
    environment = Environment::from_pairs(&[("MAX_POSITION_SIZE", "20")]);
    let variable = format!("{key} = 20 (environment MAX_POSITION_SIZE)");
    assert_eq!(say(Some(&file), &environment, &arguments), variable);
    arguments = arguments.with(key, "--size", 10);
    assert_eq!(say(Some(&file), &environment, &arguments), format!("{key} = 10 (--size)"));
}

#[test]
fn series_are_lists_of_beginnings_and_sports() {
    let text = "[risk]\nallowed_series = [\"KXNFL\"]\ndenied_series = [\"KXNFL-26\", \"KXA\"]\n\
                sports = [\"KXNFL=football\", \"KXA = tennis\"]";
    let series = parse(text, &[]).unwrap().series;
    assert_eq!(series.allow, ["KXNFL"]);
    assert_eq!(series.deny, ["KXNFL-26", "KXA"]);
    assert_eq!(series.sports[1], SportRule { prefix: "KXA".into(), sport: "tennis".into() });
    for (key, bad) in [
        ("allowed_series", "[\"\"]"),
        ("denied_series", "[\"kxnfl\"]"),
        ("allowed_series", "\"KXNFL\""),
        ("denied_series", "[1]"),
        ("sports", "[\"KXNFL\"]"),
        ("sports", "[\"KXNFL=\"]"),
    ] {
        fails(&format!("[risk]\n{key} = {bad}"), &[], &[&format!("risk.{key} = "), "a list of"]);
    }
    fails(
        "[risk]\nallowed_series = [\"KXA\"]\ndenied_series = [\"KXA\"]",
        &[],
        &["risk.allowed_series = [KXA] (test.toml:2)", "risk.denied_series = [KXA] (test.toml:3)"],
    );
}

#[test]
fn a_probe_nobody_speaks_of_is_no_larger_than_a_trade() {
    let breaker = |text| parse(text, &[]).unwrap().breaker.half_open_contracts;
    assert_eq!(breaker("[risk]\nmax_position_size = 4"), Contracts::from_whole(4));
    assert_eq!(breaker("[breaker]\nhalf_open_contracts = 3"), Contracts::from_whole(3));
}

#[test]
fn a_value_that_another_key_has_cut_names_that_key() {
    let loaded = load("", &[("MAX_DAILY_LOSS", "100"), ("MAX_POSITION_SIZE", "5")]).unwrap();
    let (risk, probe) = ("risk.max_risk_per_trade_cents", "breaker.half_open_contracts");
    let follows = |key| origin(&loaded, key);
    assert_eq!(follows(risk), format!("{risk} = 100 (follows risk.max_daily_loss_cents)"));
    assert_eq!(follows(probe), format!("{probe} = 5 (follows risk.max_position_size)"));
    let whole = load("", &[("MAX_DAILY_LOSS", "90000")]).unwrap();
    assert_eq!(origin(&whole, risk), format!("{risk} = 50000 (default)"));
}

#[test]
fn paper_trading_and_the_file_may_not_point_to_different_money() {
    let mode = |text: &str, flag| parse(text, &[("PAPER_TRADING", flag)]).map(|c| c.mode);
    assert_eq!(mode("", "true").unwrap(), Mode::Paper);
    assert_eq!(mode("", "false").unwrap(), Mode::Live);
    assert_eq!(mode("[run]\nmode = \"sim\"", "true").unwrap(), Mode::Sim);
    assert_eq!(mode("[run]\nmode = \"live\"", "false").unwrap(), Mode::Live);
    let parts =
        ["PAPER_TRADING = false (environment PAPER_TRADING)", "run.mode = paper (test.toml:2)"];
    fails("[run]\nmode = \"paper\"", &[("PAPER_TRADING", "false")], &parts);
    fails("", &[("PAPER_TRADING", "yes")], &["PAPER_TRADING = yes", "true or false"]);
    let arguments = Arguments::default().with("run.mode", "--mode", "sim");
    let environment = Environment::from_pairs(&[("PAPER_TRADING", "false")]);
    let loaded = Config::resolve(None, &environment, &arguments).unwrap();
    assert_eq!(origin(&loaded, "run.mode"), "run.mode = sim (--mode)");
}

#[test]
fn secrets_are_never_shown() {
    let key = [("KALSHI_API_KEY_ID", "8c35ecb3"), ("KALSHI_PRIVATE_KEY_PATH", "keys/k.pem")];
    let loaded = load("", &key).unwrap();
    assert_eq!(loaded.config.exchange.api_key_id.as_deref(), Some("8c35ecb3"));
    assert!(loaded.settings.iter().all(|setting| !setting.to_string().contains("8c35")));
    let path = "exchange.private_key_path = keys/k.pem (environment KALSHI_PRIVATE_KEY_PATH)";
    assert_eq!(origin(&loaded, "exchange.private_key_path"), path);

    let pem = [("KALSHI_PRIVATE_KEY_PATH", "-----BEGIN PRIVATE KEY-----\nMC4C")];
    let error = load("", &pem).unwrap_err().to_string();
    assert!(!error.contains("MC4C") && error.contains("not the key itself"), "{error}");
    let mut environment = Environment::default();
    let error = environment.add_dot_env("A=1\nMC4C\n").unwrap_err().to_string();
    assert!(!error.contains("MC4C") && error.contains(".env line 2"), "{error}");
}

#[test]
fn errors_name_the_key_the_value_and_what_is_allowed() {
    fails(
        "[risk]\nmax_positon_size = 1",
        &[],
        &["risk.max_positon_size (test.toml:2)", "max_position_size"],
    );
    fails(
        "[rsik]",
        &[],
        &["rsik (test.toml:1)", "run, risk, orders, reconcile, gateway, breaker, paper"],
    );
    fails("risk = 3", &[], &["test.toml", "[risk]"]);
    fails(
        "[risk]\nmax_position_size = \"x\"",
        &[],
        &["risk.max_position_size = \"x\" (test.toml:2)", "whole contracts"],
    );
    fails("[sim]\nmoving_quotes = 1", &[], &["sim.moving_quotes = 1", "true or false"]);
    fails("[risk]\nmax_position_size = -1", &[], &["risk.max_position_size", "-1", "0"]);
    fails("[run]\nmode = \"sin\"", &[], &["run.mode", "sin", "paper, sim, demo, live"]);
    fails("", &[("MAX_DAILY_TRADES", "many")], &["MAX_DAILY_TRADES", "many"]);
    fails("", &[("TRADING_PROFILE", "BRAVE")], &["TRADING_PROFILE", "BRAVE", "STANDARD"]);
    fails("[orders]\ntime_in_force = \"day\"", &[], &["orders.time_in_force", "day"]);
    fails("[orders]\nstyle = \"steal\"", &[], &["orders.style", "steal", "auto"]);
    fails("[reconcile]\norphans = \"keep\"", &[], &["reconcile.orphans", "keep", "adopt"]);
    fails("[orders]\nmax_retries = 8", &[], &["orders.max_retries", "8", "0 to 7"]);
}

#[test]
fn contradictions_are_refused() {
    fails(
        "[risk]\nmax_open_orders = 1\nmax_open_orders_per_market = 2",
        &[],
        &["max_open_orders_per_market", "max_open_orders"],
    );
    fails(
        "[paper]\nlatency_min_ms = 9\nlatency_max_ms = 3",
        &[],
        &["paper.latency_min_ms", "paper.latency_max_ms"],
    );
    fails("[run]\nmode = \"live\"", &[("PAPER_TRADING", "true")], &["PAPER_TRADING", "live"]);
    for reserve in [91, 100, 101] {
        fails(
            &format!("[wire]\nwrite_tokens_max = 100\ncancel_reserve_tokens = {reserve}"),
            &[],
            &[
                &format!("wire.cancel_reserve_tokens = {reserve} (test.toml:3)"),
                "write_tokens_max = 100 (test.toml:2)",
            ],
        );
    }
    let least = "[wire]\nwrite_tokens_max = 100\ncancel_reserve_tokens = 90";
    assert_eq!(parse(least, &[]).unwrap().wire.cancel_reserve_tokens, 90);
}

#[test]
fn limits_that_cannot_be_meant_together_name_both_and_what_is_allowed() {
    fails(
        "[risk]\nmax_position_per_event = 500",
        &[("MAX_POSITION_SIZE", "501")],
        &[
            "risk.max_position_size = 501 (environment MAX_POSITION_SIZE) contradicts",
            "risk.max_position_per_event = 500 (test.toml:2)",
            "at most the event's",
        ],
    );
    assert!(parse("", &[("MAX_POSITION_SIZE", "500")]).is_ok());
    fails(
        "[risk]\nmax_daily_volume = 99",
        &[],
        &["risk.max_position_size = 100 (default)", "risk.max_daily_volume = 99"],
    );
    assert!(parse("[risk]\nmax_daily_volume = 100", &[]).is_ok());
    fails(
        "[breaker]\nhalf_open_contracts = 101",
        &[],
        &["breaker.half_open_contracts = 101 (test.toml:2)", "risk.max_position_size = 100"],
    );
    assert!(parse("[breaker]\nhalf_open_contracts = 100", &[]).is_ok());
    fails(
        "[orders]\nlimit_offset_cents = 5.0001",
        &[],
        &["orders.limit_offset_cents = 5.0001", "risk.price_collar_cents = 5 (default)"],
    );
    assert!(parse("[orders]\nlimit_offset_cents = 5", &[]).is_ok());
    fails(
        "[orders]\nretry_step_cents = 4",
        &[],
        &["orders.retry_step_cents = 4", "orders.max_price_improvement_cents = 3 (default)"],
    );
    assert!(parse("[orders]\nretry_step_cents = 4\nmax_retries = 0", &[]).is_ok());
}

#[test]
fn signals_must_tell_their_time_in_mode_live_unless_somebody_says_otherwise() {
    let rule = |text: &str| parse(text, &[]).unwrap().limits.signal_time;
    assert_eq!(rule(""), SignalTime::Arrival);
    assert_eq!(rule("[run]\nmode = \"demo\""), SignalTime::Arrival);
    assert_eq!(rule("[run]\nmode = \"live\""), SignalTime::Required);
    let said = "[risk]\nrequire_signal_time = ";
    assert_eq!(rule(&format!("{said}true")), SignalTime::Required);
    let live = "[run]\nmode = \"live\"\n";
    assert_eq!(rule(&format!("{live}{said}false")), SignalTime::Arrival);
    fails(&format!("{said}1"), &[], &["risk.require_signal_time", "true or false"]);
}

/// `section.key` accepts the ends of its range and names it beyond them.
#[track_caller]
fn ranges(key: &str, least: i64, most: i64) {
    let (section, name) = key.split_once('.').unwrap();
    let text = |value: i64| format!("[{section}]\n{name} = {value}");
    for value in [least, most] {
        let outcome = parse(&text(value), &[]).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(outcome, Ok(()), "{key} = {value}");
    }
    let allowed = format!("{least} to {most}");
    for value in [least - 1, most + 1] {
        fails(&text(value), &[], &[&format!("{key} = {value}"), &allowed]);
    }
}

#[test]
fn numbers_out_of_range_are_refused_with_the_range() {
    const DAY: i64 = 86_400_000;
    ranges("run.cycle_interval_ms", 1, DAY);
    ranges("run.cycle_linger_ms", 0, DAY);
    ranges("run.max_signals_per_cycle", 1, 256);
    ranges("risk.min_time_between_orders_ms", 0, DAY);
    ranges("risk.signal_age_ms", 0, 36_525 * DAY);
    ranges("orders.fill_timeout_ms", 0, DAY);
    ranges("orders.partial_wait_ms", 0, DAY);
    ranges("orders.drain_timeout_ms", 0, DAY);
    ranges("orders.max_retries", 0, 7);
    ranges("orders.max_repegs", 0, 7);
    ranges("orders.repeg_interval_ms", 0, DAY);
    ranges("reconcile.interval_ms", 1_000, DAY);
    ranges("paper.cash_cents", 0, 1_000_000_000_000);
    ranges("gateway.batch_orders", 1, 8);
    ranges("gateway.busy_poll_us", 0, 1_000);
    ranges("wire.connections", 1, 16);
    ranges("wire.ack_timeout_ms", 1, 60_000);
    ranges("wire.signature_age_ms", 1, 10_000);
    ranges("wire.signatures_ready", 1, 1_024);
    ranges("wire.feed_silence_ms", 1_000, DAY);
    ranges("wire.clock_check_ms", 100, 60_000);
    ranges("feed.connections", 1, 2);
    ranges("feed.book_age_max_ms", 100, 60_000);
    ranges("sim.cash_cents", 0, 1_000_000_000_000);
    ranges("breaker.cooldown_s", 1, DAY / 1_000);
    ranges("breaker.max_consecutive_losses", 1, 1_000);
    ranges("breaker.max_rejects_per_minute", 1, 1_000);
    ranges("breaker.max_repeats", 1, 1_000);
    ranges("breaker.repeats_window_s", 1, 3_600);
    ranges("breaker.latency_budget_ms", 1, 60_000);
    ranges("breaker.max_latency_breaches", 1, 1_000);
    fails("", &[("CYCLE_INTERVAL_MS", "0")], &["CYCLE_INTERVAL_MS = 0", "1 to 86400000"]);
    for count in ["0", "257", "4294967297"] {
        let key = format!("MAX_SIGNALS_PER_CYCLE = {count}");
        fails("", &[("MAX_SIGNALS_PER_CYCLE", count)], &[&key, "1 to 256"]);
    }
}

#[test]
fn amounts_below_zero_are_refused_except_the_edge() {
    for key in [
        "risk.price_collar_cents",
        "orders.limit_offset_cents",
        "risk.max_risk_per_trade_cents",
        "risk.max_daily_loss_cents",
        "risk.min_balance_cents",
        "paper.cash_cents",
        "sim.cash_cents",
    ] {
        let (section, name) = key.split_once('.').unwrap();
        let text = |value: &str| format!("[{section}]\n{name} = {value}");
        fails(&text("-1"), &[], &[&format!("{key} = -1"), "0"]);
        // A collar of nothing leaves no room for an offset.
        let more =
            if name == "price_collar_cents" { "[orders]\nlimit_offset_cents = 0" } else { "" };
        assert!(parse(&format!("{}\n{more}", text("0")), &[]).is_ok(), "{key} = 0");
    }
    fails("[risk]\nmin_balance_cents = -0.5", &[], &["risk.min_balance_cents = -0.5", "0 or more"]);
    let edge = parse("[risk]\nminimum_edge_cents = -1.5", &[]).unwrap().limits.edge_min;
    assert_eq!(edge, PriceDelta::from_micros(-15_000));
}

fn defaults_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/defaults.toml")
}

#[test]
fn the_file_of_defaults_says_what_holds_without_it() {
    let (none, arguments) = (Environment::default(), Arguments::default());
    let written = Config::load(Some(&defaults_file()), &none, &arguments).unwrap();
    let unwritten = Config::load(None, &none, &arguments).unwrap();
    assert_eq!(written.config, unwritten.config);

    let text = std::fs::read_to_string(defaults_file()).unwrap();
    for (said, holds) in written.settings.iter().zip(&unwritten.settings) {
        assert_eq!((said.key, &said.value), (holds.key, &holds.value));
        let (section, name) = said.key.split_once('.').unwrap();
        match &holds.value {
            // What is left out by default can only be told of.
            Shown::Unset(_) => {
                let start = text.find(&format!("[{section}]\n")).expect(section);
                let part = text[start..].split("\n[").next().unwrap();
                assert!(part.contains(&format!(" {name}: ")), "{} is missing", said.key);
            }
            _ => assert!(matches!(said.origin, Origin::File { .. }), "{} is missing", said.key),
        }
    }
}
