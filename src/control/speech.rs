//! Answers as JSON: what the oms told and the recorder counted.

use serde_json::{Map, Value, json};

use super::service::About;
use crate::reconcile::diff::Invariant;
use crate::recorder::number::{Cents, Held};
use crate::recorder::summary::{Summary, rfc3339};
use crate::recorder::told::{OrderTold, PositionTold, StatusTold, Told};
use crate::units::{Contracts, Nanos, Position};

/// The answer to `status`.
pub(super) fn status(about: &About, up: Nanos, told: &[Told], counted: Option<&Summary>) -> Value {
    let mut answer = json!({
        "ok": true,
        "run_id": format!("{:010x}", about.run.bits()),
        "mode": about.mode,
        "pid": std::process::id(),
        "started": rfc3339(about.started),
        "uptime_ms": up.ms(),
    });
    let fields = answer.as_object_mut();
    let status = told.iter().find_map(|told| match told {
        Told::Status(status) => Some(status),
        _ => None,
    });
    if let (Some(fields), Some(status)) = (fields, status) {
        fields.extend(engine(status));
        if let Some(counted) = counted {
            fields.extend(counts(counted));
        }
    }
    answer
}

fn engine(status: &StatusTold) -> Map<String, Value> {
    object(json!({
        "trading": status.trading.as_str(),
        "halted": status.halted.map(|halt| halt.reason.to_string()),
        "halted_since": status.halted.map(|halt| rfc3339(halt.since)),
        "breaker": status.breaker.as_str(),
        "consecutive_losses": status.consecutive_losses,
        "connections": status.connections,
        "open_orders": status.open_orders,
        "stopped_markets": status.stopped_markets,
        "cash_cents": Cents(status.cash),
        "reserved_cents": Cents(status.reserved),
        "day": {
            "orders": status.day_orders,
            "contracts": contracts(status.day_volume),
            "loss_cents": Cents(status.day_loss),
        },
    }))
}

fn counts(summary: &Summary) -> Map<String, Value> {
    object(json!({
        "signals": summary.signals,
        "orders": summary.orders,
        "contracts_filled": summary.contracts_filled,
        "fees_cents": summary.fees_cents,
        "kill_switch": summary.kill_switch,
        "presign": summary.presign,
        "reconnect": summary.reconnect,
        "feed": summary.feed,
        "troubles": summary.troubles,
    }))
}

/// The answer to `cancel-all`: how many orders it found alive.
pub(super) fn cancelling(told: &[Told]) -> Value {
    let alive = told.iter().find_map(|told| match told {
        Told::Status(status) => Some(status.open_orders),
        _ => None,
    });
    json!({ "ok": true, "open_orders": alive })
}

/// The answer to `reconcile`: what the last comparison found, by invariant.
pub(super) fn reconciliation(told: &[Told]) -> Value {
    let found = told.iter().find_map(|told| match told {
        Told::Reconciliation(reconciliation) => Some(reconciliation),
        _ => None,
    });
    let Some(found) = found else { return json!({ "ok": true }) };
    let invariants = Invariant::ALL.into_iter().map(|invariant| {
        json!({
            "invariant": invariant.as_str(),
            "differences": found.found[invariant as usize - 1],
        })
    });
    json!({
        "ok": true,
        "complete": !found.under_way,
        "comparisons": found.readings,
        "failures": found.failures,
        "read_at": found.read_at.map(rfc3339),
        "mismatches": found.mismatches,
        "repaired": found.repaired,
        "open": found.open,
        "invariants": invariants.collect::<Vec<_>>(),
    })
}

/// The answer to `positions`.
pub(super) fn positions(told: &[Told]) -> Value {
    let one = |told: &Told| match told {
        Told::Position(position) => Some(position_value(position)),
        _ => None,
    };
    json!({ "ok": true, "positions": told.iter().filter_map(one).collect::<Vec<_>>() })
}

fn position_value(told: &PositionTold) -> Value {
    json!({
        "ticker": told.ticker.as_str(),
        "position": Held(told.position),
        "cost_cents": Cents(told.cost),
        "worst_case": contracts(told.worst_case),
        "open_orders": told.open_orders,
        "stopped": told.stopped,
    })
}

/// The answer to `orders`.
pub(super) fn orders(told: &[Told]) -> Value {
    let one = |told: &Told| match told {
        Told::Order(order) => Some(order_value(order)),
        _ => None,
    };
    json!({ "ok": true, "orders": told.iter().filter_map(one).collect::<Vec<_>>() })
}

fn order_value(told: &OrderTold) -> Value {
    let order_id = told.order_id;
    json!({
        "client_order_id": told.client_order_id.to_string(),
        "order_id": (!order_id.is_empty()).then(|| order_id.to_string()),
        "ticker": told.ticker.as_str(),
        "side": told.side.as_str(),
        "price_dollars": told.price.to_string(),
        "state": told.state.to_string(),
        "contracts": contracts(told.quantity),
        "filled_contracts": contracts(told.filled),
        "age_ms": told.age.ms(),
    })
}

/// Contracts as a JSON number.
fn contracts(contracts: Contracts) -> Held {
    Held(Position::from_centis(i64::from(contracts.centis())))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
