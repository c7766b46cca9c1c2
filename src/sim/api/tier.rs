//! Usage tiers: what an account is told about its token buckets (reference §5).
//!
//! Filling and draining the buckets is done in `limits.rs`; this file only knows the table.

use serde_json::json;

use crate::sim::api::writes::json_response;
use crate::sim::venue::ApiResponse;

/// One token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Tokens per second.
    pub refill_rate: u32,
    /// Most tokens it holds.
    pub capacity: u32,
}

/// An account's usage tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// What everybody gets.
    #[default]
    Basic,
    /// Self-service upgrade.
    Advanced,
    /// 0.075 % of volume.
    Expert,
    /// 0.125 %.
    Premier,
    /// 0.25 %.
    Paragon,
    /// 0.5 %.
    Prime,
    /// 1 %.
    Prestige,
}

/// Where an account's tier comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Every account of this exchange begins with it.
    Default,
    /// The account was lifted to it.
    Granted,
}

impl From<bool> for Origin {
    fn from(granted: bool) -> Self {
        if granted { Self::Granted } else { Self::Default }
    }
}

impl Tier {
    /// From the smallest to the largest.
    pub const ALL: [Self; 7] = [
        Self::Basic,
        Self::Advanced,
        Self::Expert,
        Self::Premier,
        Self::Paragon,
        Self::Prime,
        Self::Prestige,
    ];

    /// Reads the exchange's spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text)
    }

    /// The exchange's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Advanced => "advanced",
            Self::Expert => "expert",
            Self::Premier => "premier",
            Self::Paragon => "paragon",
            Self::Prime => "prime",
            Self::Prestige => "prestige",
        }
    }

    /// Tokens for reads.
    #[must_use]
    pub const fn read(self) -> Bucket {
        let (refill_rate, seconds) = match self {
            Self::Basic => (200, 3),
            Self::Advanced => (300, 3),
            Self::Expert => (600, 1),
            Self::Premier => (1_200, 1),
            Self::Paragon => (2_400, 1),
            Self::Prime => (4_800, 1),
            Self::Prestige => (12_000, 1),
        };
        Bucket { refill_rate, capacity: refill_rate * seconds }
    }

    /// Tokens for writes.
    #[must_use]
    pub const fn write(self) -> Bucket {
        let (refill_rate, seconds) = match self {
            Self::Basic => (100, 1),
            Self::Advanced => (300, 3),
            Self::Expert => (600, 3),
            Self::Premier => (1_200, 3),
            Self::Paragon => (2_400, 3),
            Self::Prime => (4_800, 3),
            Self::Prestige => (9_600, 3),
        };
        Bucket { refill_rate, capacity: refill_rate * seconds }
    }

    /// Requests for the balance.
    #[must_use]
    pub const fn balance(self) -> Bucket {
        let per_second = match self {
            Self::Basic | Self::Advanced => 1,
            Self::Expert | Self::Premier | Self::Paragon | Self::Prime | Self::Prestige => 5,
        };
        Bucket { refill_rate: per_second, capacity: 1 }
    }

    /// `GET /account/limits`.
    pub(crate) fn limits(self, origin: Origin) -> ApiResponse {
        let bucket = |bucket: Bucket| {
            let Bucket { capacity, refill_rate } = bucket;
            json!({ "bucket_capacity": capacity, "refill_rate": refill_rate })
        };
        let grants = match origin {
            Origin::Default => json!([]),
            Origin::Granted => json!([{
                "exchange_instance": "event_contract",
                "level": self.as_str(),
                "source": "api",
            }]),
        };
        let body = json!({
            "grants": grants,
            "read": bucket(self.read()),
            "usage_tier": self.as_str(),
            "write": bucket(self.write()),
        });
        json_response(200, &body)
    }
}

/// `GET /account/api_usage_level/volume_progress`: tiers are set, not earned, here.
pub(crate) fn volume_progress() -> ApiResponse {
    json_response(200, &json!({ "volume_progress": [] }))
}
