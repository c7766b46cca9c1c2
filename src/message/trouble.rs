//! Conditions at the exchange or on the way to it that have a name, and what a person does about
//! each. Pure: names and remedies; who notices one, and what follows from it, is written there.

use core::fmt;

use crate::ids::{Reason, Ticker};

/// A condition with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Trouble {
    /// The exchange, or trading on it, is paused.
    ExchangePaused = 0,
    /// One market takes no orders.
    MarketPaused = 1,
    /// The weekly maintenance window.
    Maintenance = 2,
    /// The account's location attestation is missing or expired (403).
    RegionAttestation = 3,
    /// The exchange has retired an endpoint that this version uses (410).
    EndpointGone = 4,
    /// Our clock and the exchange's are too far apart.
    ClockSkew = 5,
    /// The fill feed is down or silent.
    FeedDown = 6,
    /// No order connection is up.
    OrderLinkDown = 7,
    /// The exchange does not take the API key or its signatures (401, 403).
    KeyRefused = 8,
    /// TLS failed: unknown issuer, expired or changed certificate, another name.
    TlsFailed = 9,
    /// The exchange's name does not resolve.
    NameUnresolved = 10,
    /// Nobody answers at the exchange's address.
    Unreachable = 11,
    /// The exchange takes no more requests for now (429).
    RateLimited = 12,
    /// Of two connections to the stream one is down.
    FeedNotRedundant = 13,
    /// Books that are followed on the stream are not to be believed.
    BooksUnseen = 14,
}

impl Trouble {
    /// How many there are.
    pub const COUNT: usize = 15;

    /// All of them.
    pub const ALL: [Self; Self::COUNT] = [
        Self::ExchangePaused,
        Self::MarketPaused,
        Self::Maintenance,
        Self::RegionAttestation,
        Self::EndpointGone,
        Self::ClockSkew,
        Self::FeedDown,
        Self::OrderLinkDown,
        Self::KeyRefused,
        Self::TlsFailed,
        Self::NameUnresolved,
        Self::Unreachable,
        Self::RateLimited,
        Self::FeedNotRedundant,
        Self::BooksUnseen,
    ];

    /// The name in alerts, reports and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExchangePaused => "exchange_paused",
            Self::MarketPaused => "market_paused",
            Self::Maintenance => "maintenance",
            Self::RegionAttestation => "region_attestation",
            Self::EndpointGone => "endpoint_gone",
            Self::ClockSkew => "clock_skew",
            Self::FeedDown => "feed_down",
            Self::OrderLinkDown => "order_link_down",
            Self::KeyRefused => "key_refused",
            Self::TlsFailed => "tls_failed",
            Self::NameUnresolved => "name_unresolved",
            Self::Unreachable => "unreachable",
            Self::RateLimited => "rate_limited",
            Self::FeedNotRedundant => "feed_not_redundant",
            Self::BooksUnseen => "books_unseen",
        }
    }

    /// What a person does about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::ExchangePaused => "wait: trading goes on by itself once the exchange is open",
            Self::MarketPaused => "wait: the market is asked again after half a minute",
            Self::Maintenance => "wait: Thursday 03:00 to 05:00 New York time",
            Self::RegionAttestation => {
                "verify your location in the exchange's app or website, then `kalshi-exec resume`"
            }
            Self::EndpointGone => {
                "update kalshi-exec: this version speaks an API that is gone; nothing is sent again"
            }
            Self::ClockSkew => {
                "set the clock (`timedatectl set-ntp true`, or `chronyc makestep`); orders wait \
                 until both agree"
            }
            Self::FeedDown => "wait: it is dialled again, and missed fills are read before trading",
            Self::OrderLinkDown => "wait: connections are dialled again; else look at the network",
            Self::KeyRefused => {
                "check that key id and key file belong together and to this environment, that the \
                 key may trade, and the clock; then `kalshi-exec resume`"
            }
            Self::TlsFailed => {
                "find out who answers there before trusting it: compare host names, this machine's \
                 date, and exchange.ca_file"
            }
            Self::NameUnresolved => "look at the machine's resolver and the configured host names",
            Self::Unreachable => "look at the network, and whether the exchange is running",
            Self::BooksUnseen => {
                "wait: prices are read instead, which takes longer; else look at feed_latency and \
                 the network, or set feed.books = false"
            }
            Self::RateLimited => "wait; else lower wire.write_tokens_per_second to the tier's",
            Self::FeedNotRedundant => {
                "wait: trading goes on over the other, and it is dialled again; if it stays, look \
                 at the network and at how many connections the account may have"
            }
        }
    }

    /// Whether only a person can end it: trading halts then, since sending on would only repeat
    /// the refusal.
    #[must_use]
    pub const fn needs_a_person(self) -> bool {
        matches!(self, Self::RegionAttestation | Self::EndpointGone | Self::KeyRefused)
    }

    /// Why trading halts because of it, for whoever finds it halted.
    #[must_use]
    pub fn halt_reason(self) -> String {
        format!("{self}: {}", self.remedy())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a condition has begun or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It has begun, or is still there.
    Began,
    /// It is over.
    Over,
}

/// News of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TroubleNews {
    /// Which.
    pub trouble: Trouble,
    /// The market it concerns; empty when it concerns all.
    pub ticker: Ticker,
    /// Whether it has begun.
    pub turn: Turn,
    /// What was seen, in the words of who said it.
    pub detail: Reason,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_has_a_name_of_its_own_and_a_remedy() {
        let mut names: Vec<&str> = Trouble::ALL.map(Trouble::as_str).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Trouble::COUNT);
        for (index, trouble) in Trouble::ALL.into_iter().enumerate() {
            assert_eq!(trouble as usize, index);
            assert!(!trouble.remedy().is_empty());
        }
    }
}
