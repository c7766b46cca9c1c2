//! The exchange's refusals as it writes them: three body shapes, recorded codes and statuses
//! (reference §3.0). Which shape comes from where is part of what clients must cope with.

use serde_json::{Value, json};

use crate::sim::exchange::Reject;
use crate::sim::venue::ApiResponse;

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// `{"error":{"code","message","details"?}}`: the exchange and authentication.
    Nested { status: u16, code: &'static str, message: String, details: Option<String> },
    /// `{"code","message","details"}`: bodies that do not decode.
    Flat { details: String },
    /// `{"msg"}`: query parameters that do not validate.
    Bare { msg: String },
    /// `{"error":"too many requests"}`: a token bucket is empty.
    TooMany,
}

impl ApiError {
    /// A refusal whose message is its code with spaces.
    pub(crate) fn nested(status: u16, code: &'static str) -> Self {
        Self::Nested { status, code, message: code.replace('_', " "), details: None }
    }

    /// The same with details.
    pub(crate) fn detailed(status: u16, code: &'static str, details: impl Into<String>) -> Self {
        let (message, details) = (code.replace('_', " "), Some(details.into()));
        Self::Nested { status, code, message, details }
    }

    /// Anything that is not there.
    pub(crate) fn not_found() -> Self {
        Self::nested(404, "not_found")
    }

    /// A request to a private endpoint without authentication headers.
    pub(crate) fn unsigned() -> Self {
        let message = "signature is missing from headers".to_owned();
        let code = "signature_is_missing_from_headers";
        Self::Nested { status: 401, code, message, details: None }
    }

    /// A required body field that is absent.
    pub(crate) fn missing(request: &str, field: &str) -> Self {
        Self::detailed(400, "missing_parameters", validation(request, field, "required"))
    }

    /// A body field with a value that is not allowed.
    pub(crate) fn invalid(request: &str, field: &str, tag: &str) -> Self {
        Self::detailed(400, "invalid_parameters", validation(request, field, tag))
    }

    /// The status and the body.
    pub(crate) fn response(&self) -> ApiResponse {
        let status = match self {
            Self::Nested { status, .. } => *status,
            Self::Flat { .. } | Self::Bare { .. } => 400,
            Self::TooMany => 429,
        };
        let body = match self {
            Self::Nested { .. } => json!({ "error": self.object() }),
            Self::Flat { .. } => self.object(),
            Self::Bare { msg } => json!({ "msg": msg }),
            Self::TooMany => json!({ "error": "too many requests" }),
        };
        ApiResponse { status, body: body.to_string() }
    }

    /// The error as batch answers carry it per item.
    pub(crate) fn object(&self) -> Value {
        match self {
            Self::Nested { code, message, details: None, .. } => {
                json!({ "code": code, "message": message })
            }
            Self::Nested { code, message, details: Some(details), .. } => {
                json!({ "code": code, "message": message, "details": details })
            }
            Self::Flat { details } | Self::Bare { msg: details } => {
                json!({ "code": "bad_request", "message": "bad request", "details": details })
            }
            Self::TooMany => json!({ "code": "too_many_requests", "message": "too many requests" }),
        }
    }
}

/// The validator's sentence, e.g. for an absent required field.
fn validation(request: &str, field: &str, tag: &str) -> String {
    format!(
        "Key: '{request}.{field}' Error:Field validation for '{field}' failed on the '{tag}' tag"
    )
}

impl From<Reject> for ApiError {
    fn from(reject: Reject) -> Self {
        let details = reject.to_string();
        match reject {
            Reject::OrderAlreadyExists => Self::nested(409, "order_already_exists"),
            Reject::InsufficientBalance => Self::nested(400, "insufficient_balance"),
            Reject::InvalidPrice => Self::nested(400, "invalid_price"),
            Reject::InvalidOrderSize => Self::nested(400, "invalid_order_size"),
            Reject::PostOnlyCross
            | Reject::NothingToReduce
            | Reject::BelowFilled
            | Reject::MoreThanRests
            | Reject::TooManyOrders => Self::detailed(400, "invalid_order", details),
            Reject::FillOrKill => Self::nested(409, "fill_or_kill_insufficient_resting_volume"),
            Reject::ReduceOnlyResting | Reject::ExpirationNotResting | Reject::ExpirationPast => {
                Self::detailed(400, "invalid_parameters", details)
            }
            Reject::TradingPaused => Self::nested(409, "trading_is_paused"),
            Reject::ExchangePaused => Self::nested(409, "exchange_is_paused"),
            Reject::MarketNotActive => Self::nested(400, "MARKET_NOT_ACTIVE"),
            Reject::MarketClosed => Self::nested(400, "market_inactive"),
            Reject::GroupTriggered => Self::nested(400, "exceeded_order_group_risk_limit"),
            Reject::TooManyGroups | Reject::TooManySubaccounts | Reject::InvalidAmount => {
                Self::detailed(400, "invalid_parameters", reject.to_string())
            }
            Reject::SubaccountNotFound => {
                Self::detailed(400, "invalid_parameters", "subaccount not found")
            }
            Reject::MarketNotFound => Self::nested(404, "market_not_found"),
            Reject::NotFound => Self::not_found(),
            Reject::ClientIdMismatch => Self::nested(400, "order_id_and_client_order_id_mismatch"),
            Reject::SideMismatch => Self::nested(400, "order_side_mismatch"),
            Reject::TickerMismatch => Self::nested(400, "order_ticker_mismatch"),
        }
    }
}
