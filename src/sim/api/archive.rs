//! Lists that are empty here: what happened before the exchange opened, money that came from or
//! went outside, and what no simulated market has: combos, rewards, milestones.
//!
//! Their queries are read like all others, so that a client learns what is wrong with one.

use serde_json::{Value, json};

use crate::sim::api::failure::ApiError;
use crate::sim::api::query::Query;
use crate::sim::api::writes::json_response;
use crate::sim::venue::ApiResponse;

/// A last page without items, under each of `names`.
pub(super) fn empty(query: &Query, names: &[&str]) -> Result<ApiResponse, ApiError> {
    query.limit()?;
    query.span("min_ts", "max_ts")?;
    query.natural("subaccount")?;
    query.flag("is_block_trade")?;
    query.one_of("mve_filter", &["exclude"])?;
    let mut body = json!({ "cursor": "" });
    for name in names {
        body[*name] = Value::Array(Vec::new());
    }
    Ok(json_response(200, &body))
}

/// The same where no cursor is told, or under another name.
pub(super) fn none(
    query: &Query,
    name: &str,
    choices: &[(&str, &[&str])],
) -> Result<ApiResponse, ApiError> {
    query.limit()?;
    query.integer("min_updated_ts")?;
    query.flag("with_nested_markets")?;
    for (parameter, allowed) in choices {
        query.one_of(parameter, allowed)?;
    }
    let mut body = json!({});
    body[name] = Value::Array(Vec::new());
    Ok(json_response(200, &body))
}
