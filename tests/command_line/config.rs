//! What holds and where it comes from, as `config` prints it; and what is refused.

use std::path::Path;

use serde_json::{Value, json};

use crate::process::{Ended, Running, run};
use crate::{check, directory, says, write};

/// Runs `config` with more arguments and variables.
fn config(dir: &Path, args: &[&str], variables: &[(&str, &str)]) -> Ended {
    Running::start_with(dir, &[&["config"], args].concat(), variables).wait()
}

#[track_caller]
fn as_json(dir: &Path, args: &[&str], variables: &[(&str, &str)]) -> Value {
    let ended = config(dir, &[args, &["--format", "json"]].concat(), variables);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    serde_json::from_str(&ended.stdout).expect("it is JSON")
}

#[test]
fn every_layer_yields_to_the_stronger_one_and_is_named() {
    let dir = directory();
    let shown = |args: &[&str], variables: &[(&str, &str)]| {
        let settings = as_json(dir.path(), args, variables);
        let size = &settings["risk.max_position_size"];
        (size["value"].clone(), size["origin"].clone(), size["place"].clone())
    };
    let is = |value: u32, origin: &str, place: Value| (json!(value), json!(origin), place);
    let file: &[&str] = &["--config", "run.toml"];
    write(dir.path(), "run.toml", "[run]\nprofile = \"AGGRESSIVE\"\n\n[risk]\n");

    assert_eq!(shown(&[], &[]), is(100, "default", Value::Null));
    assert_eq!(shown(file, &[]), is(200, "profile", json!("AGGRESSIVE")));
    let conservative = [("TRADING_PROFILE", "CONSERVATIVE")];
    assert_eq!(shown(file, &conservative), is(50, "profile", json!("CONSERVATIVE")));
    write(dir.path(), "run.toml", "[risk]\n\nmax_position_size = 40\n");
    assert_eq!(shown(file, &conservative), is(40, "file", json!("run.toml:3")));
    write(dir.path(), ".env", "# mine\nexport MAX_POSITION_SIZE=30\n");
    assert_eq!(shown(file, &[]), is(30, ".env", json!("line 2, MAX_POSITION_SIZE")));
    let variable = [("MAX_POSITION_SIZE", "20")];
    assert_eq!(shown(file, &variable), is(20, "environment", json!("MAX_POSITION_SIZE")));
    let empty = [("MAX_POSITION_SIZE", "")];
    assert_eq!(shown(file, &empty), is(30, ".env", json!("line 2, MAX_POSITION_SIZE")));

    let more = ["--mode", "sim", "--seed", "7", "--pace", "cycle"];
    let settings = as_json(dir.path(), &more, &[("PAPER_TRADING", "true")]);
    for (key, value, flag) in [
        ("run.mode", json!("sim"), "--mode"),
        ("run.seed", json!(7), "--seed"),
        ("run.pace", json!("cycle"), "--pace"),
    ] {
        let expected = json!({"value": value, "origin": "command line", "place": flag});
        assert_eq!(settings[key], expected);
    }
}

#[test]
fn every_variable_of_the_plan_is_obeyed() {
    let dir = directory();
    let variables = [
        ("PAPER_TRADING", "false", "run.mode", json!("live")),
        ("TRADING_PROFILE", "aggressive", "run.profile", json!("AGGRESSIVE")),
        ("CYCLE_INTERVAL_MS", "250", "run.cycle_interval_ms", json!(250)),
        ("MAX_SIGNALS_PER_CYCLE", "9", "run.max_signals_per_cycle", json!(9)),
        ("MAX_POSITION_SIZE", "11", "risk.max_position_size", json!(11)),
        ("MAX_RISK_PER_TRADE", "1234", "risk.max_risk_per_trade_cents", json!(1234)),
        ("MAX_DAILY_LOSS", "777", "risk.max_daily_loss_cents", json!(777)),
        ("MAX_DAILY_TRADES", "8", "risk.max_daily_trades", json!(8)),
        ("KALSHI_PRIVATE_KEY_PATH", "keys/a.pem", "exchange.private_key_path", json!("keys/a.pem")),
        ("KALSHI_API_KEY_ID", "8c35ecb3", "exchange.api_key_id", Value::Null),
    ];
    for (variable, value, key, expected) in variables {
        let settings = as_json(dir.path(), &[], &[(variable, value)]);
        let place = &settings[key]["place"];
        assert_eq!((&settings[key]["value"], place), (&expected, &json!(variable)));
        assert!(!settings.to_string().contains("8c35ecb3"));
    }
}

#[test]
fn what_config_prints_as_toml_configures_the_same() {
    let dir = directory();
    let variables = [("TRADING_PROFILE", "CONSERVATIVE"), ("MAX_DAILY_LOSS", "12.5")];
    let refused = config(dir.path(), &["--format", "toml"], &[("MAX_DAILY_LOSS", "much")]);
    check(&refused, 2, &["MAX_DAILY_LOSS = much", "amount in cents"]);

    let printed = config(dir.path(), &["--format", "toml"], &variables);
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    write(dir.path(), "effective.toml", &printed.stdout);

    let values = |settings: Value| -> Vec<Value> {
        let all = settings.as_object().expect("an object").values();
        all.map(|setting| setting["value"].clone()).collect()
    };
    let again = as_json(dir.path(), &["--config", "effective.toml"], &[]);
    assert_eq!(values(again), values(as_json(dir.path(), &[], &variables)));
}

#[test]
fn the_table_has_a_line_for_every_key() {
    let dir = directory();
    let settings = as_json(dir.path(), &[], &[]);
    let table = config(dir.path(), &[], &[]).stdout;
    for key in settings.as_object().unwrap().keys() {
        assert!(table.lines().any(|line| line.starts_with(key.as_str())), "{key}");
    }
    assert!(table.lines().all(|line| line.len() <= 100), "fits a terminal");
}

#[test]
fn limits_that_cannot_be_meant_together_are_refused_by_name() {
    let dir = directory();
    let refused = |text: &str, parts: &[&str]| {
        write(dir.path(), "run.toml", text);
        says(dir.path(), &["config", "--config", "run.toml"], 2, parts);
        let run = ["run", "--signals", "signals.ndjson", "--config", "run.toml"];
        says(dir.path(), &run, 2, parts);
    };
    refused(
        "[risk]\nmax_position_size = 501",
        &["risk.max_position_size = 501 (run.toml:2)", "risk.max_position_per_event = 500", "most"],
    );
    refused(
        "[breaker]\nhalf_open_contracts = 101",
        &["breaker.half_open_contracts = 101 (run.toml:2)", "risk.max_position_size = 100"],
    );
    refused(
        "[orders]\nlimit_offset_cents = 6",
        &["orders.limit_offset_cents = 6", "risk.price_collar_cents = 5 (default)"],
    );
    let risk = "risk.max_risk_per_trade_cents = ";
    refused(
        "[risk]\nmax_risk_per_trade_cents = 5001\nmax_daily_loss_cents = 5000",
        &[&format!("{risk}5001"), "risk.max_daily_loss_cents = 5000", "at most the day's loss"],
    );
    refused(
        "[risk]\nmax_resting_value_cents = 49999",
        &[&format!("{risk}50000 (default)"), "risk.max_resting_value_cents = 49999", "at most"],
    );
    refused(
        "[risk]\nmin_balance_cents = 500\n[paper]\ncash_cents = 500",
        &["risk.min_balance_cents = 500", "paper.cash_cents = 500", "less than the cash"],
    );
    refused(
        "[risk]\nmin_time_between_orders_ms = 7000\nmax_orders_per_minute = 10",
        &["risk.max_orders_per_minute = 10", "risk.min_time_between_orders_ms = 7000", "lower"],
    );
    refused(
        "[risk]\nmax_open_orders_per_market = 21",
        &["risk.max_open_orders_per_market = 21", "risk.max_open_orders = 20", "all together"],
    );
    refused(
        "[risk]\nmax_daily_volume = 99",
        &["risk.max_position_size = 100", "risk.max_daily_volume = 99", "at most"],
    );
    refused(
        "[wire]\ncancel_reserve_tokens = 91",
        &["wire.cancel_reserve_tokens = 91", "wire.write_tokens_max = 100", "ten"],
    );
}

#[test]
fn bounds_that_just_fit_together_are_taken() {
    let dir = directory();
    for text in [
        "[risk]\nmax_risk_per_trade_cents = 5000\nmax_daily_loss_cents = 5000",
        "[risk]\nmax_resting_value_cents = 50000",
        "[risk]\nmin_balance_cents = 499\n[paper]\ncash_cents = 500",
        "[orders]\nlimit_offset_cents = 5",
        "[risk]\nmin_time_between_orders_ms = 6666\nmax_orders_per_minute = 10",
        "[risk]\nmin_time_between_orders_ms = 7000",
    ] {
        write(dir.path(), "run.toml", text);
        let taken = config(dir.path(), &["--config", "run.toml"], &[]);
        assert_eq!(taken.code, Some(0), "{text}: {}", taken.stderr);
    }
}

#[test]
fn the_risk_of_a_trade_follows_the_days_loss_where_nobody_speaks_of_it() {
    let dir = directory();
    let settings = as_json(dir.path(), &[], &[("MAX_DAILY_LOSS", "777")]);
    assert_eq!(settings["risk.max_risk_per_trade_cents"]["value"], json!(777));
}

#[test]
fn a_dot_env_file_that_cannot_be_meant_is_refused() {
    let dir = directory();
    write(dir.path(), ".env", "MAX_DAILY_LOSS 500\n");
    says(dir.path(), &["config"], 2, &[".env line 1", "NAME=value"]);
    std::fs::remove_file(dir.path().join(".env")).unwrap();
    std::fs::create_dir(dir.path().join(".env")).unwrap();
    says(dir.path(), &["config"], 2, &[".env"]);
}

#[test]
fn a_core_that_is_not_there_is_named_by_its_key() {
    let dir = directory();
    write(dir.path(), "run.toml", "[cores]\ncold = 4095\n");
    let args = ["run", "--signals", "signals.ndjson", "--config", "run.toml"];

    check(&run(dir.path(), &args), 2, &["cores.cold = 4095", "this machine has"]);
}
