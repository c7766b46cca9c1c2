//! Order groups: create, read, limit, reset, trigger, delete.
//!
//! A group belongs to one account of its member and to one shard; asked for with another of
//! either it does not exist.

use serde_json::{Value, json};

use crate::sim::api::body::{Body, parse};
use crate::sim::api::failure::ApiError;
use crate::sim::api::portfolio::Reader;
use crate::sim::api::query::Query;
use crate::sim::api::writes::{Writer, json_response};
use crate::sim::exchange::{NewGroup, OrderGroup};
use crate::sim::text::uuid_text;
use crate::sim::venue::ApiResponse;
use crate::units::Contracts;

/// Largest limit of a group, in contracts.
const LIMIT_MAX: u32 = 1_000_000;

/// Reads the id of a group; what is no id names no group.
pub(super) fn group_id(text: &str) -> Result<u128, ApiError> {
    uuid::Uuid::parse_str(text).map(|id| id.as_u128()).map_err(|_| ApiError::not_found())
}

impl Reader<'_> {
    /// `GET /portfolio/order_groups`.
    pub(crate) fn groups(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let subaccount = query.natural("subaccount")?;
        let groups: Vec<Value> = self
            .exchange
            .groups_of(self.user)
            .filter(|group| subaccount.is_none_or(|it| it == u32::from(group.subaccount)))
            .map(|group| {
                json!({
                    "contracts_limit_fp": group.limit.to_string(),
                    "exchange_index": group.exchange_index,
                    "id": uuid_text(group.id),
                    "is_auto_cancel_enabled": true,
                })
            })
            .collect();
        Ok(json_response(200, &json!({ "order_groups": groups })))
    }

    /// `GET /portfolio/order_groups/{order_group_id}`.
    pub(crate) fn group(&self, id: &str, query: &Query) -> Result<ApiResponse, ApiError> {
        let group =
            self.exchange.group(self.user, group_id(id)?).ok_or_else(ApiError::not_found)?;
        check_place(group, query)?;
        let orders: Vec<String> = self.exchange.group_orders(group).map(uuid_text).collect();
        let body = json!({
            "contracts_limit_fp": group.limit.to_string(),
            "exchange_index": group.exchange_index,
            "is_auto_cancel_enabled": true,
            "orders": orders,
        });
        Ok(json_response(200, &body))
    }
}

/// A group asked for in another account or on another shard is not there.
fn check_place(group: &OrderGroup, query: &Query) -> Result<(), ApiError> {
    let subaccount = query.natural("subaccount")?;
    let index = query.integer("exchange_index")?.filter(|index| *index >= 0);
    let here = subaccount.is_none_or(|it| it == u32::from(group.subaccount))
        && index.is_none_or(|it| it == i64::from(group.exchange_index));
    if here { Ok(()) } else { Err(ApiError::not_found()) }
}

impl Writer<'_> {
    /// `POST /portfolio/order_groups/create`.
    pub(crate) fn create_group(&mut self, body: &[u8]) -> Result<ApiResponse, ApiError> {
        let value = parse(body)?;
        let body = Body::new("CreateOrderGroupRequest", &value)?;
        let limit = read_limit(&body)?;
        let subaccount = self.read_subaccount(&body, "subaccount")?;
        let exchange_index = self.read_shard(&body, "exchange_index")?;
        let new = NewGroup { subaccount, exchange_index, limit };
        let id = self.exchange.create_group(self.now, self.user, &new)?;
        let answer = json!({
            "exchange_index": exchange_index,
            "order_group_id": uuid_text(id),
            "subaccount": subaccount,
        });
        Ok(json_response(201, &answer))
    }

    /// `PUT` or `DELETE` of one group.
    pub(crate) fn change_group(
        &mut self,
        id: &str,
        change: GroupWrite<'_>,
        query: &Query,
    ) -> Result<ApiResponse, ApiError> {
        let id = group_id(id)?;
        let (now, user) = (self.now, self.user);
        let group = self.exchange.group(user, id).ok_or_else(ApiError::not_found)?;
        check_place(group, query)?;
        match change {
            GroupWrite::Delete => self.exchange.delete_group(now, user, id)?,
            GroupWrite::Reset => self.exchange.reset_group(now, user, id)?,
            GroupWrite::Trigger => self.exchange.trigger_group(now, user, id)?,
            GroupWrite::Limit(body) => {
                let value = parse(body)?;
                let limit = read_limit(&Body::new("UpdateOrderGroupLimitRequest", &value)?)?;
                self.exchange.limit_group(now, user, id, limit)?;
            }
        }
        Ok(json_response(200, &json!({})))
    }
}

/// What a request does to one group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GroupWrite<'a> {
    /// `DELETE`.
    Delete,
    /// `PUT …/reset`.
    Reset,
    /// `PUT …/trigger`.
    Trigger,
    /// `PUT …/limit` with a body.
    Limit(&'a [u8]),
}

/// `contracts_limit` or `contracts_limit_fp`; where both are given they must agree.
fn read_limit(body: &Body<'_>) -> Result<Contracts, ApiError> {
    let whole = match body.integer("contracts_limit")? {
        None | Some(0) => None,
        Some(limit) => {
            let limit = u32::try_from(limit).ok().filter(|limit| *limit <= LIMIT_MAX);
            let wrong = || ApiError::invalid(body.request(), "ContractsLimit", "gte");
            Some(Contracts::from_whole(limit.ok_or_else(wrong)?))
        }
    };
    let wrong = || ApiError::invalid(body.request(), "ContractsLimitFp", "fixedpointcount");
    let fixed = match body.text("contracts_limit_fp")? {
        None => None,
        Some(text) => Some(Contracts::parse_fp(text.as_bytes()).ok_or_else(wrong)?),
    };
    let limit = match (whole, fixed) {
        (Some(whole), Some(fixed)) if whole != fixed => {
            let details = "contracts_limit and contracts_limit_fp must match";
            return Err(ApiError::detailed(400, "invalid_parameters", details));
        }
        (whole, fixed) => whole.or(fixed),
    };
    let limit = limit.ok_or_else(|| ApiError::missing(body.request(), "ContractsLimit"))?;
    let allowed = Contracts::from_whole(1)..=Contracts::from_whole(LIMIT_MAX);
    if allowed.contains(&limit) { Ok(limit) } else { Err(wrong()) }
}
