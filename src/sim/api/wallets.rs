//! Subaccounts and shards: balances, and money moved between them.
//!
//! Transfers are complete when they are answered. Which transfers there were is kept here; the
//! exchange only knows where money lies.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::sim::api::body::{Body, camel, parse};
use crate::sim::api::failure::ApiError;
use crate::sim::api::portfolio::Reader;
use crate::sim::api::query::Query;
use crate::sim::api::writes::{Writer, json_response};
use crate::sim::exchange::Wallet;
use crate::sim::text::uuid_text;
use crate::sim::venue::{ApiResponse, UserId};
use crate::units::{Money, WallTime};

/// Transfers kept for reading and for telling duplicates, per exchange.
const TRANSFERS_MAX: usize = 1 << 16;

/// A dollar has this many of the transfer's units.
const CENTICENTS_PER_DOLLAR: i64 = 10_000;

/// One transfer.
#[derive(Clone, Copy, Debug)]
struct Transfer {
    user: UserId,
    from: Wallet,
    to: Wallet,
    amount: Money,
    client_id: Option<u128>,
    at: WallTime,
}

impl Transfer {
    /// Whether it stayed on one shard.
    const fn is_within_shard(&self) -> bool {
        self.from.exchange_index == self.to.exchange_index
    }
}

/// All transfers, and what members chose for their accounts.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    transfers: Vec<Transfer>,
    client_ids: HashSet<(UserId, u128)>,
    /// Accounts with event netting switched off. Kept and told; events do not net here.
    without_netting: HashSet<(UserId, u8)>,
}

/// The n-th transfer's id.
fn transfer_id(place: usize) -> String {
    uuid::Uuid::from_u64_pair(0x5eed_0000_0000_4000, (0x8001 << 48) | place as u64).to_string()
}

impl Ledger {
    /// `PUT /portfolio/subaccounts/netting`.
    pub(super) fn set_netting(
        &mut self,
        writer: &Writer<'_>,
        body: &[u8],
    ) -> Result<ApiResponse, ApiError> {
        let value = parse(body)?;
        let body = Body::new("UpdateSubaccountNettingRequest", &value)?;
        body.required_integer("subaccount_number")?;
        let account = (writer.user, writer.read_subaccount(&body, "subaccount_number")?);
        if body.flag("enabled")? {
            self.without_netting.remove(&account);
        } else {
            self.without_netting.insert(account);
        }
        Ok(ApiResponse { status: 200, body: String::new() })
    }

    /// `GET /portfolio/subaccounts/netting`.
    pub(super) fn netting(&self, reader: &Reader<'_>) -> ApiResponse {
        let configs: Vec<Value> = (0..reader.exchange.account_count(reader.user))
            .map(|number| {
                let off = self.without_netting.contains(&(reader.user, number));
                json!({ "enabled": !off, "exchange_index": 0, "subaccount_number": number })
            })
            .collect();
        json_response(200, &json!({ "netting_configs": configs }))
    }

    /// `POST /portfolio/subaccounts/transfer`.
    pub(super) fn between_accounts(
        &mut self,
        writer: &mut Writer<'_>,
        body: &[u8],
    ) -> Result<ApiResponse, ApiError> {
        let value = parse(body)?;
        let body = Body::new("ApplySubaccountTransferRequest", &value)?;
        let client_id = read_uuid(&body, "client_transfer_id")?;
        if client_id.is_none() {
            return Err(ApiError::missing(body.request(), "ClientTransferId"));
        }
        for field in ["from_subaccount", "to_subaccount"] {
            body.required_integer(field)?;
        }
        let exchange_index = writer.read_shard(&body, "exchange_index")?;
        let place = |writer: &Writer<'_>, field| {
            let subaccount = writer.read_subaccount(&body, field)?;
            Ok::<_, ApiError>(Wallet { subaccount, exchange_index })
        };
        let (from, to) = (place(writer, "from_subaccount")?, place(writer, "to_subaccount")?);
        let cents = body.required_integer("amount_cents")?;
        let amount = read_amount(&body, "amount_cents", cents, 100)?;
        let (user, at) = (writer.user, writer.now);
        let transfer = Transfer { user, from, to, amount, client_id, at };
        self.make(writer, transfer, 400)?;
        Ok(json_response(200, &json!({})))
    }

    /// `POST /portfolio/intra_exchange_instance_transfer`.
    pub(super) fn between_shards(
        &mut self,
        writer: &mut Writer<'_>,
        body: &[u8],
    ) -> Result<ApiResponse, ApiError> {
        let value = parse(body)?;
        let body = Body::new("IntraExchangeInstanceTransferRequest", &value)?;
        for field in ["source", "destination"] {
            if body.required(field)? != "event_contract" {
                return Err(ApiError::invalid(body.request(), &camel(field), "oneof"));
            }
        }
        let place = |writer: &Writer<'_>, end: &str| {
            Ok::<_, ApiError>(Wallet {
                subaccount: writer.read_subaccount(&body, &format!("{end}_subaccount"))?,
                exchange_index: writer.read_shard(&body, &format!("{end}_exchange_shard"))?,
            })
        };
        let (from, to) = (place(writer, "source")?, place(writer, "destination")?);
        let centicents = body.required_integer("amount")?;
        let amount = read_amount(&body, "amount", centicents, CENTICENTS_PER_DOLLAR)?;
        let client_id = read_uuid(&body, "client_transfer_id")?;
        let (user, at) = (writer.user, writer.now);
        let transfer = Transfer { user, from, to, amount, client_id, at };
        let id = self.make(writer, transfer, 409)?;
        Ok(json_response(200, &json!({ "transfer_id": id })))
    }

    fn make(
        &mut self,
        writer: &mut Writer<'_>,
        transfer: Transfer,
        twice: u16,
    ) -> Result<String, ApiError> {
        let Transfer { user, from, to, amount, client_id, .. } = transfer;
        if client_id.is_some_and(|id| self.client_ids.contains(&(user, id))) {
            return Err(ApiError::nested(twice, "transfer_already_exists"));
        }
        if self.transfers.len() == TRANSFERS_MAX {
            return Err(ApiError::nested(400, "too_many_transfers"));
        }
        writer.exchange.transfer(user, from, to, amount)?;
        self.client_ids.extend(client_id.map(|id| (user, id)));
        self.transfers.push(transfer);
        Ok(transfer_id(self.transfers.len()))
    }

    /// A member's transfers with their places, newest first.
    fn of(&self, user: UserId) -> impl Iterator<Item = (usize, &Transfer)> {
        let all = self.transfers.iter().enumerate().rev();
        all.filter(move |(_, transfer)| transfer.user == user)
            .map(|(index, transfer)| (index + 1, transfer))
    }

    /// `GET /portfolio/subaccounts/transfers`.
    pub(super) fn account_transfers(
        &self,
        user: UserId,
        query: &Query,
    ) -> Result<ApiResponse, ApiError> {
        let within = self.of(user).filter(|(_, transfer)| transfer.is_within_shard());
        let page = query.page(within, |(place, _)| *place as u64)?;
        let transfers: Vec<Value> = page
            .items
            .iter()
            .map(|(place, transfer)| {
                json!({
                    "amount_cents": transfer.amount.cents_truncated(),
                    "created_ts": transfer.at.unix_secs(),
                    "exchange_index": transfer.from.exchange_index,
                    "from_subaccount": transfer.from.subaccount,
                    "to_subaccount": transfer.to.subaccount,
                    "transfer_id": transfer_id(*place),
                })
            })
            .collect();
        Ok(json_response(200, &json!({ "cursor": page.cursor, "transfers": transfers })))
    }

    /// `GET /portfolio/intra_exchange_instance_transfers`.
    pub(super) fn shard_transfers(
        &self,
        user: UserId,
        query: &Query,
    ) -> Result<ApiResponse, ApiError> {
        let across = self.of(user).filter(|(_, transfer)| !transfer.is_within_shard());
        let page = query.page(across, |(place, _)| *place as u64)?;
        let transfers: Vec<Value> =
            page.items.iter().map(|(place, transfer)| shard_json(*place, transfer)).collect();
        Ok(json_response(200, &json!({ "cursor": page.cursor, "transfers": transfers })))
    }

    /// `GET /portfolio/intra_exchange_instance_transfers/{transfer_id}`.
    pub(super) fn shard_transfer(&self, user: UserId, id: &str) -> Result<ApiResponse, ApiError> {
        let across = self.of(user).filter(|(_, transfer)| !transfer.is_within_shard());
        let mut named = across.filter(|(place, _)| transfer_id(*place) == id);
        let (place, transfer) = named.next().ok_or_else(ApiError::not_found)?;
        Ok(json_response(200, &json!({ "transfer": shard_json(place, transfer) })))
    }
}

fn shard_json(place: usize, transfer: &Transfer) -> Value {
    let mut json = json!({
        "amount": transfer.amount.dollars_display(4),
        "created_ts": transfer.at.unix_secs(),
        "destination": "event_contract",
        "destination_exchange_shard": transfer.to.exchange_index,
        "source": "event_contract",
        "source_exchange_shard": transfer.from.exchange_index,
        "status": "complete",
        "transfer_id": transfer_id(place),
    });
    if let Some(id) = transfer.client_id {
        json["client_transfer_id"] = uuid_text(id).into();
    }
    json
}

fn read_uuid(body: &Body<'_>, field: &str) -> Result<Option<u128>, ApiError> {
    let Some(text) = body.text(field)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    let id = uuid::Uuid::parse_str(text).map(|id| id.as_u128());
    id.map(Some).map_err(|_| ApiError::invalid(body.request(), &camel(field), "uuid"))
}

/// A positive amount of units of which a dollar has `per_dollar`.
fn read_amount(
    body: &Body<'_>,
    field: &str,
    units: i64,
    per_dollar: i64,
) -> Result<Money, ApiError> {
    let amount = Some(units).filter(|units| *units > 0);
    let e8 = amount.and_then(|units| units.checked_mul(Money::E8_PER_DOLLAR / per_dollar));
    let e8 = e8.ok_or_else(|| ApiError::invalid(body.request(), &camel(field), "gt"))?;
    Ok(Money::from_e8(e8))
}

impl Reader<'_> {
    /// `GET /portfolio/subaccounts/balances`: every account on every shard.
    pub(crate) fn account_balances(&self) -> ApiResponse {
        let accounts = &self.exchange.member(self.user).accounts;
        let mut balances = Vec::new();
        for (number, account) in (0_u8..).zip(accounts) {
            for index in 0..self.exchange.shard_count() {
                let wallet = Wallet { subaccount: number, exchange_index: index };
                let balance = self.past.balance(self.exchange, self.user, wallet);
                balances.push(json!({
                    "balance": balance.dollars_display(4),
                    "exchange_index": index,
                    "subaccount_number": number,
                    "updated_ts": account.updated.unix_secs(),
                }));
            }
        }
        json_response(200, &json!({ "subaccount_balances": balances }))
    }
}

impl Writer<'_> {
    /// `POST /portfolio/subaccounts`.
    pub(crate) fn create_subaccount(&mut self, body: &[u8]) -> Result<ApiResponse, ApiError> {
        let value = parse(body)?;
        self.read_shard(&Body::new("CreateSubaccountRequest", &value)?, "exchange_index")?;
        let number = self.exchange.create_subaccount(self.user)?;
        Ok(json_response(201, &json!({ "subaccount_number": number })))
    }

    /// One of the member's accounts by number; the primary one when none is named.
    pub(super) fn read_subaccount(&self, body: &Body<'_>, field: &str) -> Result<u8, ApiError> {
        self.subaccount(body.integer(field)?)
    }

    /// The same for a number that was read already.
    pub(super) fn subaccount(&self, number: Option<i64>) -> Result<u8, ApiError> {
        let number = u8::try_from(number.unwrap_or(0)).ok();
        let there = number.filter(|number| *number < self.exchange.account_count(self.user));
        there.ok_or_else(|| ApiError::detailed(400, "invalid_parameters", "subaccount not found"))
    }

    /// A shard by number; shard 0 when none is named.
    pub(super) fn read_shard(&self, body: &Body<'_>, field: &str) -> Result<u8, ApiError> {
        let index = body.integer(field)?.filter(|index| *index != -1).unwrap_or(0);
        let there = u8::try_from(index).ok().filter(|it| *it < self.exchange.shard_count());
        there.ok_or_else(|| ApiError::invalid(body.request(), &camel(field), "gte"))
    }
}
