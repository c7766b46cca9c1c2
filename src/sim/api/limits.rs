//! What requests cost, and the token buckets that pay for them (reference §5).
//!
//! In: requests with their time and account. Out: nothing, or the refusal of a request that one
//! of its buckets cannot pay; a refused request takes nothing. Buckets fill continuously.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::sim::api::failure::ApiError;
use crate::sim::api::query::Query;
use crate::sim::api::tier::{Bucket, Tier};
use crate::sim::api::writes::json_response;
use crate::sim::venue::{ApiRequest, ApiResponse, UserId};
use crate::units::WallTime;

/// Tokens of a request that [`COSTS`] does not name.
const DEFAULT_COST: u32 = 10;

/// Costs that differ from the default, for the endpoints that exist here.
const COSTS: [(&str, &str, u32); 5] = [
    ("POST", "/trade-api/v2/account/api_usage_level/upgrade", 30),
    ("DELETE", "/trade-api/v2/portfolio/events/orders", 2),
    ("DELETE", "/trade-api/v2/portfolio/events/orders/:order_id", 2),
    ("DELETE", "/trade-api/v2/portfolio/events/orders/batched", 2),
    ("GET", "/trade-api/v2/portfolio/orders/:order_id", 2),
];

const ORDERS: &str = "/trade-api/v2/portfolio/events/orders";
const BATCHES: &str = "/trade-api/v2/portfolio/events/orders/batched";
const BALANCE: &str = "/trade-api/v2/portfolio/balance";

/// `GET /account/endpoint_costs`.
pub(super) fn endpoint_costs() -> ApiResponse {
    let costs: Vec<Value> = COSTS
        .iter()
        .map(|(method, path, cost)| json!({ "cost": cost, "method": method, "path": path }))
        .collect();
    json_response(200, &json!({ "default_cost": DEFAULT_COST, "endpoint_costs": costs }))
}

/// One of an account's buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Purse {
    /// Reads other than the balance.
    Read,
    /// The balance has a bucket of its own.
    Balance,
    /// Writes to shard 0 and to no shard in particular.
    Write,
    /// Writes to one of the other shards.
    Shard(u8),
}

impl Purse {
    const fn bucket(self, tier: Tier) -> Bucket {
        match self {
            Self::Read => tier.read(),
            Self::Balance => tier.balance(),
            Self::Write | Self::Shard(_) => tier.write(),
        }
    }
}

/// What is in a bucket, in billionths of a token.
#[derive(Clone, Copy, Debug)]
struct Gauge {
    nanotokens: u64,
    at: WallTime,
}

const NANOTOKENS: u64 = 1_000_000_000;

/// The buckets of all accounts. A bucket that was never used is full.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    gauges: HashMap<(UserId, Purse), Gauge>,
}

impl Buckets {
    /// Pays for a request out of all its buckets, or out of none.
    ///
    /// # Errors
    /// [`ApiError::TooMany`].
    pub(super) fn charge(
        &mut self,
        now: WallTime,
        (user, tier): (UserId, Tier),
        request: &ApiRequest<'_>,
        shards: &[u8],
    ) -> Result<(), ApiError> {
        let bill = Bill::of(request, shards);
        let due = u64::from(bill.tokens) * NANOTOKENS;
        for purse in &bill.purses {
            if self.filled(now, user, *purse, tier).nanotokens < due {
                return Err(ApiError::TooMany);
            }
        }
        for purse in bill.purses {
            let mut gauge = self.filled(now, user, purse, tier);
            gauge.nanotokens -= due;
            self.gauges.insert((user, purse), gauge);
        }
        Ok(())
    }

    fn filled(&self, now: WallTime, user: UserId, purse: Purse, tier: Tier) -> Gauge {
        let bucket = purse.bucket(tier);
        let full = u64::from(bucket.capacity) * NANOTOKENS;
        let nanotokens = self.gauges.get(&(user, purse)).map_or(full, |gauge| {
            let fresh = now.since(gauge.at).ns().saturating_mul(u64::from(bucket.refill_rate));
            gauge.nanotokens.saturating_add(fresh).min(full)
        });
        Gauge { nanotokens, at: now }
    }
}

/// What a request costs and who pays.
struct Bill {
    purses: Vec<Purse>,
    tokens: u32,
}

impl Bill {
    fn of(request: &ApiRequest<'_>, shards: &[u8]) -> Self {
        let tokens = cost(request.method, request.path);
        match (request.method, request.path) {
            ("GET", BALANCE) => Self { purses: vec![Purse::Balance], tokens: 1 },
            ("GET", _) => Self { purses: vec![Purse::Read], tokens },
            (_, BATCHES) => Self { purses: vec![Purse::Write], tokens: tokens * items(request) },
            (_, path) => Self { purses: route(request, path, shards), tokens },
        }
    }
}

fn cost(method: &str, path: &str) -> u32 {
    let exact = COSTS.iter().find(|(verb, known, _)| *verb == method && *known == path);
    let like = || COSTS.iter().find(|(verb, known, _)| *verb == method && matches(known, path));
    exact.or_else(like).map_or(DEFAULT_COST, |(_, _, cost)| *cost)
}

/// Last parts of paths that are operations of their own, where others have an order's id.
const NO_IDS: [&str; 2] = ["queue_positions", "batched"];

/// Whether `path` has the form of `pattern`, whose `:names` stand for any id.
fn matches(pattern: &str, path: &str) -> bool {
    let (mut known, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (known.next(), given.next()) {
            (None, None) => return true,
            (Some(known), Some(given)) if known == given => {}
            (Some(known), Some(given)) if known.starts_with(':') && !NO_IDS.contains(&given) => {}
            _ => return false,
        }
    }
}

/// Orders in a batch; one that cannot be read costs as one.
fn items(request: &ApiRequest<'_>) -> u32 {
    let body = serde_json::from_slice::<Value>(request.body).unwrap_or_default();
    let items = body["orders"].as_array().map_or(1, Vec::len);
    u32::try_from(items).unwrap_or(u32::MAX / DEFAULT_COST).clamp(1, u32::MAX / DEFAULT_COST)
}

/// Shard 0 or none in particular pay from the unscoped bucket, another shard from its own. An
/// order without a shard is found by its market: everybody pays for the search.
fn route(request: &ApiRequest<'_>, path: &str, shards: &[u8]) -> Vec<Purse> {
    let body = serde_json::from_slice::<Value>(request.body).unwrap_or_default();
    let query = Query::parse("", request.query);
    let named = body["exchange_index"].as_i64().or_else(|| {
        let index = query.integer("exchange_index");
        index.ok().flatten()
    });
    let market = ["ticker", "market_ticker"].iter().any(|name| body[name].is_string());
    let by_market = market || query.text("market_ticker").is_some();
    match named {
        Some(index @ 1..) => vec![u8::try_from(index).map_or(Purse::Write, Purse::Shard)],
        Some(0) => vec![Purse::Write],
        Some(_) | None if path.starts_with(ORDERS) && by_market => {
            let others =
                shards.iter().filter(|shard| **shard > 0).map(|shard| Purse::Shard(*shard));
            core::iter::once(Purse::Write).chain(others).collect()
        }
        Some(_) | None => vec![Purse::Write],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;

    const USER: UserId = UserId(0);
    const NOW: WallTime = WallTime::from_unix_ns(1_781_159_370_000_000_000);

    fn charge(buckets: &mut Buckets, now: WallTime, method: &str, path: &str, body: &str) -> bool {
        let path = format!("/trade-api/v2/{path}");
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let request = ApiRequest { method, path, query, body: body.as_bytes() };
        buckets.charge(now, (USER, Tier::Basic), &request, &[0, 3]).is_ok()
    }

    #[test]
    fn ten_orders_a_second_are_what_basic_pays_for() {
        let mut buckets = Buckets::default();
        let order = |buckets: &mut _, now| {
            charge(buckets, now, "POST", "portfolio/events/orders", r#"{"exchange_index":0}"#)
        };
        for _ in 0..10 {
            assert!(order(&mut buckets, NOW));
        }
        assert!(!order(&mut buckets, NOW));
        assert!(!order(&mut buckets, NOW + Nanos::from_ms(99)));
        assert!(order(&mut buckets, NOW + Nanos::from_ms(100)));
        // A refused request has taken nothing: a cancel of two tokens fits 20 ms later.
        let cancel = "portfolio/events/orders/x?exchange_index=0";
        assert!(charge(&mut buckets, NOW + Nanos::from_ms(120), "DELETE", cancel, ""));
    }

    #[test]
    fn each_shard_has_a_bucket_and_a_search_empties_all_of_them() {
        let mut buckets = Buckets::default();
        let mut order =
            |body: &str| charge(&mut buckets, NOW, "POST", "portfolio/events/orders", body);
        for _ in 0..9 {
            assert!(order(r#"{"exchange_index":3}"#));
            assert!(order(r#"{"exchange_index":0}"#));
        }
        assert!(order(r#"{"ticker":"A"}"#));
        assert!(!order(r#"{"exchange_index":3}"#));
        assert!(!order(r#"{"exchange_index":0}"#));
    }

    #[test]
    fn batches_pay_per_order_and_the_balance_from_its_own_bucket() {
        let mut buckets = Buckets::default();
        let batch = "portfolio/events/orders/batched";
        let orders = |count: usize| format!("{{\"orders\":[{}]}}", vec!["{}"; count].join(","));
        assert!(!charge(&mut buckets, NOW, "POST", batch, &orders(11)));
        assert!(charge(&mut buckets, NOW, "POST", batch, &orders(9)));
        assert!(charge(&mut buckets, NOW, "DELETE", batch, &orders(5)));
        assert!(!charge(&mut buckets, NOW, "DELETE", batch, &orders(1)));

        let one = "/trade-api/v2/portfolio/orders/5eed0000";
        let queue = "/trade-api/v2/portfolio/orders/queue_positions";
        assert_eq!((cost("GET", one), cost("GET", queue)), (2, DEFAULT_COST));
        assert!(charge(&mut buckets, NOW, "GET", "portfolio/balance", ""));
        assert!(!charge(&mut buckets, NOW, "GET", "portfolio/balance", ""));
        assert!(charge(&mut buckets, NOW, "GET", "portfolio/orders", ""));
        assert!(charge(&mut buckets, NOW + Nanos::from_secs(1), "GET", "portfolio/balance", ""));
    }
}
