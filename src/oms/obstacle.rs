//! What the exchange says to every order alike, and only a person can change: a named state.
//!
//! In: refusals of orders and cancels. Out: a halt whose reason begins with the obstacle's name,
//! so that whoever reads the halt (status, journal, the next run) can tell. Nothing is sent again:
//! the answer would be the same.

use super::core::{Core, Outbox};
use crate::ids::Reason;
use crate::message::RejectKind;
use crate::risk::Halt;
use crate::units::Now;

/// Why the exchange takes no order of this account, until a person has done something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// 410: the endpoint is gone, and with it this version of the engine.
    DeprecatedEndpoint,
    /// 403: the account's location is not attested, or no longer.
    RegionNotAttested,
}

impl Obstacle {
    /// Both.
    pub const ALL: [Self; 2] = [Self::DeprecatedEndpoint, Self::RegionNotAttested];

    /// The name in status, alerts and halts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeprecatedEndpoint => "deprecated_endpoint",
            Self::RegionNotAttested => "region_not_attested",
        }
    }

    /// What a refusal of this kind stands for.
    #[must_use]
    pub const fn of_refusal(kind: RejectKind) -> Option<Self> {
        match kind {
            RejectKind::Gone => Some(Self::DeprecatedEndpoint),
            RejectKind::Region => Some(Self::RegionNotAttested),
            _ => None,
        }
    }

    /// The obstacle behind a halt.
    #[must_use]
    pub fn of_halt(halt: &Halt) -> Option<Self> {
        Self::ALL.into_iter().find(|it| halt.reason.as_str().starts_with(it.as_str()))
    }

    /// The halt's words: what happened, and what a person can do.
    fn reason(self) -> Reason {
        Reason::lossy(match self {
            Self::DeprecatedEndpoint => {
                "deprecated_endpoint: the exchange has withdrawn it (410); update the engine"
            }
            Self::RegionNotAttested => {
                "region_not_attested: attest the account's location with the exchange, then resume"
            }
        })
    }
}

impl Core {
    /// Why the exchange takes no order, when it has said so and nobody has resumed since.
    #[must_use]
    pub fn obstacle(&self) -> Option<Obstacle> {
        self.halt.as_ref().and_then(Obstacle::of_halt)
    }

    /// Halts when a refusal is one that every order would meet. The first halt stands: cancels
    /// that are refused as well lead to nothing further.
    pub(super) fn meet_obstacle(&mut self, now: Now, kind: RejectKind, out: &mut Outbox) {
        if let Some(obstacle) = Obstacle::of_refusal(kind).filter(|_| self.halt.is_none()) {
            self.halt(now, obstacle.reason(), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::WallTime;

    #[test]
    fn a_halt_tells_its_obstacle() {
        for obstacle in Obstacle::ALL {
            let halt = Halt { reason: obstacle.reason(), since: WallTime::default() };
            assert_eq!(Obstacle::of_halt(&halt), Some(obstacle));
        }
        let halt = Halt { reason: Reason::lossy("drill"), since: WallTime::default() };
        assert_eq!(Obstacle::of_halt(&halt), None);
    }
}
