//! What the exchange says to every order alike, and only a person can change.
//!
//! In: refusals of orders and cancels. Out: a halt whose reason begins with the name of the
//! [`Trouble`], so that whoever reads the halt (status, journal, the next run) can tell. Nothing is
//! sent again: the answer would be the same.

use super::core::{Core, Outbox};
use crate::ids::Reason;
use crate::kalshi::errors;
use crate::message::{Reject, RejectKind, Trouble};
use crate::risk::Halt;
use crate::units::Now;

/// The halt's words when the exchange's own limit on what trades within 15 s was exceeded.
const GROUP_TRIGGERED: &str =
    "order_group_triggered: more has traded within 15 s than the exchange was told to let us";

/// The trouble that a halt was made for, when it has a name that only a person can end.
#[must_use]
pub fn behind(halt: &Halt) -> Option<Trouble> {
    let name = halt.reason.as_str().split(':').next()?;
    Trouble::ALL.into_iter().find(|it| it.needs_a_person() && it.as_str() == name)
}

/// The halt's words: what happened, and how the exchange put it.
fn reason(trouble: Trouble, said: &str) -> Reason {
    Reason::lossy(&format!("{trouble}: {said}"))
}

impl Core {
    /// Why the exchange takes no order, when it has said so and nobody has resumed since.
    #[must_use]
    pub fn obstacle(&self) -> Option<Trouble> {
        self.halt.as_ref().and_then(behind)
    }

    /// Halts when an order's refusal is one that every order would meet.
    pub(super) fn meet_refusal(&mut self, now: Now, reject: &Reject, out: &mut Outbox) {
        if reject.kind == RejectKind::GroupTriggered {
            // The exchange's own limit has stopped us: that ours have not is for a person to
            // understand. Resuming resets the group.
            return self.meet(now, Reason::lossy(GROUP_TRIGGERED), out);
        }
        let trouble = errors::trouble(reject.status, reject.code.as_str());
        if let Some(trouble) = trouble.filter(|it| it.needs_a_person()) {
            self.meet(now, reason(trouble, reject.message.as_str()), out);
        }
    }

    /// The same of a cancel.
    pub(super) fn meet_refused_cancel(&mut self, now: Now, kind: RejectKind, out: &mut Outbox) {
        let trouble = match kind {
            RejectKind::Gone => Trouble::EndpointGone,
            RejectKind::Region => Trouble::RegionAttestation,
            _ => return,
        };
        self.meet(now, reason(trouble, "a cancel was refused; cancel by hand what rests"), out);
    }

    /// The same of a change of an order.
    pub(super) fn meet_refused_change(&mut self, now: Now, kind: RejectKind, out: &mut Outbox) {
        let trouble = match kind {
            RejectKind::GroupTriggered => {
                return self.meet(now, Reason::lossy(GROUP_TRIGGERED), out);
            }
            RejectKind::Gone => Trouble::EndpointGone,
            RejectKind::Region => Trouble::RegionAttestation,
            RejectKind::Unauthorized => Trouble::KeyRefused,
            _ => return,
        };
        self.meet(now, reason(trouble, "a change of an order was refused"), out);
    }

    /// The first halt stands: what is refused after it leads to nothing further.
    fn meet(&mut self, now: Now, reason: Reason, out: &mut Outbox) {
        if self.halt.is_none() {
            self.halt(now, reason, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::WallTime;

    #[test]
    fn a_halt_tells_the_trouble_behind_it() {
        let halt = |reason| Halt { reason, since: WallTime::default() };
        for trouble in Trouble::ALL {
            let found = behind(&halt(reason(trouble, "Please switch to the V2 endpoints")));
            assert_eq!(found, trouble.needs_a_person().then_some(trouble));
        }
        assert_eq!(behind(&halt(Reason::lossy("drill"))), None);
    }
}
