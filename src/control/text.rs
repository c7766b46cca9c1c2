//! Answers of an engine as text for people: aligned, one thing a line.

use serde_json::Value;

use super::Request;

/// What `answer` to `request` says.
#[must_use]
pub fn render(request: &Request, answer: &Value) -> String {
    match request {
        Request::Halt { .. } => {
            let us = answer["latency_ns"].as_u64().unwrap_or(0) / 1_000;
            let reason = plain(&answer["halted"]);
            format!("halted after {us} us: {reason}\nno order leaves until `resume`\n")
        }
        Request::Resume => "trading again\n".to_owned(),
        Request::CancelAll => {
            format!("asked to cancel what rests; {} orders alive\n", plain(&answer["open_orders"]))
        }
        Request::Status => status(answer),
        Request::Reconcile => reconciliation(answer),
        Request::Positions => table(
            &answer["positions"],
            &["ticker", "position", "cost_cents", "worst_case", "open_orders", "stopped"],
            "nothing is held\n",
        ),
        Request::Orders => table(
            &answer["orders"],
            &[
                "ticker",
                "side",
                "price_dollars",
                "contracts",
                "filled_contracts",
                "state",
                "age_ms",
                "client_order_id",
            ],
            "no order is alive\n",
        ),
    }
}

fn reconciliation(answer: &Value) -> String {
    let number = |name: &str| answer[name].as_u64().unwrap_or(0);
    let verdict = match (answer["complete"].as_bool(), number("mismatches"), number("open")) {
        (Some(false), ..) => "not complete yet; ask again".to_owned(),
        (_, 0, 0) => "books and exchange agree".to_owned(),
        (_, 0, open) => format!("{open} differences that may be reads lagging; ask again"),
        (_, mismatches, _) => format!("{mismatches} MISMATCHES: trading has stopped"),
    };
    let (readings, repaired) = (number("comparisons"), number("repaired"));
    let failures = number("failures");
    let counts = format!("{readings} comparisons, {repaired} repaired in the last");
    let head = format!("{verdict}\n{counts}, {failures} readings failed\n");
    let differs = |row: &&Value| row["differences"].as_u64().unwrap_or(0) > 0;
    let rows = answer["invariants"].as_array().map_or(&[][..], Vec::as_slice);
    let found: Vec<Value> = rows.iter().filter(differs).cloned().collect();
    let columns = &["invariant", "differences"];
    head + &if found.is_empty() { String::new() } else { table(&Value::from(found), columns, "") }
}

fn status(answer: &Value) -> String {
    let of = |value: &Value, names: &[&str]| {
        let parts = names.iter().map(|name| format!("{} {name}", plain(&value[name])));
        parts.collect::<Vec<_>>().join(", ").replace('_', " ")
    };
    let trading = match answer["halted"].as_str() {
        Some(reason) => format!("HALTED: {reason}"),
        None => plain(&answer["trading"]).replace('_', " "),
    };
    let breaker = of(answer, &["breaker", "consecutive_losses"]);
    let since = plain(&answer["halted_since"]);
    let uptime = answer["uptime_ms"].as_u64().unwrap_or(0) / 1_000;
    let rows = [
        ("Trading", trading),
        ("Since", since),
        ("Breaker", breaker),
        (
            "Run",
            format!(
                "{} {}, process {}, up {uptime} s",
                plain(&answer["mode"]),
                plain(&answer["run_id"]),
                plain(&answer["pid"])
            ),
        ),
        (
            "Signals",
            of(&answer["signals"], &["received", "accepted", "not_tradeable", "malformed"]),
        ),
        (
            "Orders",
            of(&answer["orders"], &["sent", "filled", "partial", "canceled", "rejected"])
                + &format!(", {} alive", plain(&answer["open_orders"])),
        ),
        ("Today", of(&answer["day"], &["orders", "contracts", "loss_cents"])),
        ("Cash", of(answer, &["cash_cents", "reserved_cents"])),
        ("Halts", halts(&answer["kill_switch"])),
        ("Links", of(answer, &["connections"])),
        ("Stopped", of(answer, &["stopped_markets"])),
    ];
    let said = rows.into_iter().filter(|(_, text)| text != "-");
    let lines = said.map(|(name, text)| format!("{name:<10}{text}\n")).collect::<String>();
    lines + &troubles(&answer["troubles"])
}

/// How long halts took, from the word to the oms; nothing before the first.
fn halts(told: &Value) -> String {
    let us = |name: &str| told[name].as_u64().unwrap_or(0) / 1_000;
    match told["count"].as_u64() {
        None | Some(0) => "-".to_owned(),
        Some(count) => format!("{count}, after {} us, {} us at most", us("last_ns"), us("max_ns")),
    }
}

/// Conditions that hold now, each with what to do about it.
fn troubles(told: &Value) -> String {
    let Some(told) = told.as_object() else { return String::new() };
    let holds = told.iter().filter(|(_, told)| told["active"] == Value::Bool(true));
    let line = |(name, told): (&String, &Value)| {
        let (detail, remedy, since) =
            (plain(&told["detail"]), plain(&told["remedy"]), plain(&told["last"]));
        format!("{:<10}{name} since {since} - {detail}; {remedy}\n", "Trouble")
    };
    holds.map(line).collect()
}

/// Rows of objects under the names of their columns.
fn table(rows: &Value, columns: &[&str], none: &str) -> String {
    let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
    if rows.is_empty() {
        return none.to_owned();
    }
    let cell = |row: &Value, column: &str| plain(&row[column]);
    let width = |column: &&str| {
        rows.iter().map(|row| cell(row, column).len()).max().unwrap_or(0).max(column.len())
    };
    let widths: Vec<usize> = columns.iter().map(width).collect();
    let line = |cells: Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let head = line(columns.iter().map(|column| (*column).to_owned()).collect());
    let body = rows.iter().map(|row| line(columns.iter().map(|name| cell(row, name)).collect()));
    head + &body.collect::<String>()
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_stand_under_their_names() {
        let positions = json!({ "positions": [
            { "ticker": "KXA-1-B", "position": -10, "cost_cents": 420.5, "worst_case": 12,
              "open_orders": 1, "stopped": false },
        ] });
        let text = render(&Request::Positions, &positions);
        let expected = "ticker   position  cost_cents  worst_case  open_orders  stopped\n\
                        KXA-1-B  -10       420.5       12          1            false\n";
        assert_eq!(text, expected);
        assert_eq!(render(&Request::Orders, &json!({ "orders": [] })), "no order is alive\n");
    }

    #[test]
    fn what_holds_is_told_with_its_remedy_and_what_is_over_is_not() {
        let told = |active: bool| {
            let (detail, remedy) = ("seen", "wait");
            json!({ "active": active, "detail": detail, "remedy": remedy, "last": "2026" })
        };
        let answer = json!({ "troubles": { "feed_down": told(true), "maintenance": told(false) } });
        let text = render(&Request::Status, &answer);
        assert!(text.ends_with("Trouble   feed_down since 2026 - seen; wait\n"), "{text}");
        assert!(!text.contains("maintenance"), "{text}");
    }

    #[test]
    fn a_halt_is_the_first_thing_status_says() {
        let text = render(&Request::Status, &json!({ "halted": "x", "trading": "halted" }));
        assert!(text.starts_with("Trading   HALTED: x\n"), "{text}");
    }
}
