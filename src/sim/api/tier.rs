//! Usage tiers: what an account is told about its token buckets (reference §5).
//!
//! Filling and draining the buckets is the transport's business; this file only knows the table.

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

impl Tier {
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

    /// `GET /account/limits`.
    pub(crate) fn limits(self) -> ApiResponse {
        let bucket = |bucket: Bucket| {
            let Bucket { capacity, refill_rate } = bucket;
            json!({ "bucket_capacity": capacity, "refill_rate": refill_rate })
        };
        let body = json!({
            "grants": [],
            "read": bucket(self.read()),
            "usage_tier": self.as_str(),
            "write": bucket(self.write()),
        });
        json_response(200, &body)
    }
}
