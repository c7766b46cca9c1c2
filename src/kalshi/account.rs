//! Answers about the account's write tokens and order groups (reference §3.3, §5), for cold
//! callers.
//!
//! In: bodies of 2xx answers. Out: the bucket of the account's tier, what writes cost, a new
//! group's id; and the one body that is written here. Tolerant to fields that are new; what is
//! missing or absurd is an error that names it.

use serde::Deserialize;

use super::FieldError;
use crate::ids::OrderGroupId;

/// The account's bucket of write tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteBucket {
    /// Tokens that come back per second.
    pub refill_per_sec: u32,
    /// Tokens of a full bucket.
    pub capacity: u32,
}

/// What writes cost in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteCosts {
    /// A new order.
    pub create: u32,
    /// The cancel of one order, and one of a batch of cancels.
    pub cancel: u32,
}

#[derive(Deserialize)]
struct Limits {
    write: Bucket,
}

#[derive(Deserialize)]
struct Bucket {
    refill_rate: u32,
    bucket_capacity: u32,
}

#[derive(Deserialize)]
struct Costs {
    default_cost: u32,
    #[serde(default)]
    endpoint_costs: Vec<EndpointCost>,
}

#[derive(Deserialize)]
struct EndpointCost {
    cost: u32,
    method: String,
    path: String,
}

#[derive(Deserialize)]
struct Groups {
    order_groups: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
}

#[derive(Deserialize)]
struct Group {
    order_group_id: String,
}

/// Reads `GET /portfolio/order_groups`: the ids of the groups there are, whoever made them.
///
/// # Errors
/// [`FieldError`] when the list cannot be read.
pub fn listed_groups(body: &[u8]) -> Result<Vec<OrderGroupId>, FieldError> {
    let unreadable = FieldError { field: "order_groups" };
    let groups: Groups = serde_json::from_slice(body).map_err(|_| unreadable)?;
    // An id that does not fit is none of ours: ours were checked when they were made.
    let id = |group: &Listed| OrderGroupId::new(group.id.as_bytes());
    Ok(groups.order_groups.iter().filter_map(id).collect())
}

/// Reads `GET /account/limits`.
///
/// # Errors
/// [`FieldError`] when the write bucket is missing or cannot hold a token.
pub fn write_bucket(body: &[u8]) -> Result<WriteBucket, FieldError> {
    let unreadable = FieldError { field: "write" };
    let Limits { write } = serde_json::from_slice(body).map_err(|_| unreadable)?;
    if write.refill_rate == 0 || write.bucket_capacity == 0 {
        return Err(unreadable);
    }
    Ok(WriteBucket { refill_per_sec: write.refill_rate, capacity: write.bucket_capacity })
}

/// Reads `GET /account/endpoint_costs`. The listing names what differs from the default.
///
/// # Errors
/// [`FieldError`] when the default is missing.
pub fn write_costs(body: &[u8]) -> Result<WriteCosts, FieldError> {
    let costs: Costs =
        serde_json::from_slice(body).map_err(|_| FieldError { field: "default_cost" })?;
    let of = |method: &str, end: &str| {
        let listed = costs.endpoint_costs.iter();
        let mut listed = listed.filter(|it| it.method == method && it.path.ends_with(end));
        listed.next().map_or(costs.default_cost, |it| it.cost)
    };
    Ok(WriteCosts {
        create: of("POST", "/portfolio/events/orders"),
        cancel: of("DELETE", "/portfolio/events/orders/:order_id"),
    })
}

/// The body that asks for a group on one shard.
#[must_use]
pub fn new_group(contracts: u32, exchange_index: u8) -> String {
    format!("{{\"contracts_limit\":{contracts},\"exchange_index\":{exchange_index}}}")
}

/// Reads the answer (201) to it.
///
/// # Errors
/// [`FieldError`] when there is no id, or one that cannot stand in a request.
pub fn created_group(body: &[u8]) -> Result<OrderGroupId, FieldError> {
    let unreadable = FieldError { field: "order_group_id" };
    let group: Group = serde_json::from_slice(body).map_err(|_| unreadable)?;
    let plain = group.order_group_id.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    OrderGroupId::new(group.order_group_id.as_bytes()).filter(|_| plain).ok_or(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_answers_are_read() {
        let limits = br#"{"grants":[],"read":{"bucket_capacity":200,"refill_rate":200},
            "usage_tier":"premier","write":{"bucket_capacity":3600,"refill_rate":1200}}"#;
        let bucket = WriteBucket { refill_per_sec: 1_200, capacity: 3_600 };
        assert_eq!(write_bucket(limits), Ok(bucket));
        let costs = br#"{"default_cost":10,"endpoint_costs":[
            {"cost":2,"method":"DELETE","path":"/trade-api/v2/portfolio/events/orders/:order_id"},
            {"cost":2,"method":"DELETE","path":"/trade-api/v2/portfolio/events/orders/batched"},
            {"cost":20,"method":"POST","path":"/trade-api/v2/portfolio/orders"}]}"#;
        assert_eq!(write_costs(costs), Ok(WriteCosts { create: 10, cancel: 2 }));
        let plain = br#"{"default_cost":7}"#;
        assert_eq!(write_costs(plain), Ok(WriteCosts { create: 7, cancel: 7 }));
    }

    #[test]
    fn what_is_absurd_is_an_error() {
        for body in [&b"{}"[..], b"<html>", br#"{"write":{"bucket_capacity":0,"refill_rate":1}}"#] {
            assert!(write_bucket(body).is_err());
            assert!(write_costs(body).is_err());
            assert!(created_group(body).is_err());
        }
        assert!(created_group(br#"{"order_group_id":"a\"b"}"#).is_err());
        assert!(created_group(br#"{"order_group_id":""}"#).is_err());
    }

    #[test]
    fn a_group_is_asked_for_and_its_id_read() {
        assert_eq!(new_group(500, 3), r#"{"contracts_limit":500,"exchange_index":3}"#);
        let body = br#"{"exchange_index":3,"order_group_id":"2597b999-f887-4195-8bac-c3f97a1f2021",
            "subaccount":0}"#;
        assert_eq!(created_group(body).unwrap().as_str(), "2597b999-f887-4195-8bac-c3f97a1f2021");
    }

    #[test]
    fn groups_are_listed_by_their_ids() {
        let body = br#"{"order_groups":[{"id":"g-1","is_auto_cancel_enabled":true},{"id":"g-2"}]}"#;
        let ids = ["g-1", "g-2"].map(OrderGroupId::lossy);
        assert_eq!(listed_groups(body).unwrap(), ids);
        assert!(listed_groups(b"{}").is_err());
        assert!(listed_groups(b"<html>").is_err());
    }
}
