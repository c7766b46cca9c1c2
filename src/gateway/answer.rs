//! What became of a request, as the oms is told it. Pure: purpose and outcome in, event out.

use super::held::{Attempt, Taken};
use crate::ids::{ClientOrderId, OrderId, OrderKey};
use crate::kalshi::{decode, errors};
use crate::message::{CancelFailure, GatewayEvent, GroupStep, Loss, SendStamps, Unsent};

/// Why a request was sent, and what its answer must name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An order, for the first time or again: kept, in case nothing of it leaves.
    Order(Taken),
    /// The cancel of one order.
    Cancel {
        /// Its place in the oms.
        key: OrderKey,
        /// The id the answer must echo.
        order_id: OrderId,
    },
    /// The change of one order.
    Change {
        /// Its place in the oms.
        key: OrderKey,
        /// The id the answer must echo.
        order_id: OrderId,
    },
    /// Several orders for the first time, kept in this place.
    OrderBatch {
        /// Which they are is written there.
        place: u8,
    },
    /// The cancel of several orders, kept in this place.
    CancelBatch {
        /// Whose they are is written there.
        place: u8,
    },
    /// The cancel of everything.
    CancelAll,
    /// A step of an order group.
    Group {
        /// Its shard.
        shard: u8,
        /// What was asked of it.
        step: GroupStep,
    },
    /// A cheap read that keeps the connection warm.
    Warm,
}

impl Purpose {
    /// Whether the oms waits for the outcome.
    pub(super) const fn is_trading(self) -> bool {
        !matches!(self, Self::Warm)
    }
}

/// How a request ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Provably not one byte of it left.
    NothingLeft,
    /// Something of it may have arrived.
    Lost(Loss),
}

/// All bytes of the request are with the kernel.
pub(super) const fn sent(purpose: &Purpose, stamps: SendStamps) -> Option<GatewayEvent> {
    match *purpose {
        Purpose::Order(taken) => Some(GatewayEvent::Sent { key: taken.order.get().key, stamps }),
        Purpose::Cancel { key, .. } => Some(GatewayEvent::CancelSent { key }),
        Purpose::Change { key, .. } => Some(GatewayEvent::ChangeSent { key }),
        // Several events: the stage tells each of them.
        Purpose::CancelBatch { .. }
        | Purpose::OrderBatch { .. }
        | Purpose::CancelAll
        | Purpose::Group { .. }
        | Purpose::Warm => None,
    }
}

/// Not one byte of an order has left.
#[cold]
pub(super) const fn unsent(taken: &Taken, why: Unsent) -> GatewayEvent {
    let key = taken.order.get().key;
    match taken.attempt {
        Attempt::First => GatewayEvent::NotSent { key, why },
        Attempt::Again => GatewayEvent::NotResent { key, why },
    }
}

/// No answer will come.
#[cold]
pub(super) const fn ended(purpose: &Purpose, ending: Ending) -> Option<GatewayEvent> {
    Some(match (*purpose, ending) {
        (Purpose::Order(taken), Ending::NothingLeft) => unsent(&taken, Unsent::WriteFailed),
        (Purpose::Order(taken), Ending::Lost(why)) => {
            GatewayEvent::Lost { key: taken.order.get().key, why }
        }
        (Purpose::Cancel { key, .. }, Ending::NothingLeft) => {
            let why = CancelFailure::Unsent(Unsent::WriteFailed);
            GatewayEvent::CancelFailed { key, why }
        }
        (Purpose::Cancel { key, .. }, Ending::Lost(loss)) => {
            GatewayEvent::CancelFailed { key, why: CancelFailure::Lost(loss) }
        }
        (Purpose::Change { key, .. }, Ending::NothingLeft) => {
            let why = CancelFailure::Unsent(Unsent::WriteFailed);
            GatewayEvent::ChangeFailed { key, why }
        }
        (Purpose::Change { key, .. }, Ending::Lost(loss)) => {
            GatewayEvent::ChangeFailed { key, why: CancelFailure::Lost(loss) }
        }
        (Purpose::CancelAll, _) => GatewayEvent::CancelAllDone { ok: false },
        (Purpose::Group { shard, step }, _) => GatewayEvent::Group { shard, step, ok: false },
        (Purpose::CancelBatch { .. } | Purpose::OrderBatch { .. } | Purpose::Warm, _) => {
            return None;
        }
    })
}

/// The exchange, or something on the way to it, answered.
pub(super) fn answered(purpose: &Purpose, status: u16, body: &[u8]) -> Option<GatewayEvent> {
    match *purpose {
        Purpose::Order(Taken { order, .. }) => {
            let order = order.get();
            Some(created(order.key, order.client_order_id, status, body))
        }
        Purpose::Cancel { key, order_id } => Some(cancelled(key, &order_id, status, body)),
        Purpose::Change { key, order_id } => Some(changed(key, &order_id, status, body)),
        Purpose::CancelAll => Some(GatewayEvent::CancelAllDone { ok: matches!(status, 200..=299) }),
        Purpose::Group { shard, step } => {
            Some(GatewayEvent::Group { shard, step, ok: matches!(status, 200..=299) })
        }
        Purpose::CancelBatch { .. } | Purpose::OrderBatch { .. } | Purpose::Warm => None,
    }
}

fn created(key: OrderKey, expected: ClientOrderId, status: u16, body: &[u8]) -> GatewayEvent {
    match status {
        200..=299 => match decode::created(body, expected) {
            Ok(accepted) => GatewayEvent::Accepted { key, accepted },
            Err(why) => GatewayEvent::Lost { key, why },
        },
        _ => match loss(status) {
            Some(why) => GatewayEvent::Lost { key, why },
            None => GatewayEvent::Rejected { key, reject: errors::reject(status, body) },
        },
    }
}

fn cancelled(key: OrderKey, expected: &OrderId, status: u16, body: &[u8]) -> GatewayEvent {
    let why = match (status, loss(status)) {
        (200..=299, _) => match decode::cancelled(body, expected) {
            Ok(reduced_by) => return GatewayEvent::CancelAccepted { key, reduced_by },
            Err(why) => CancelFailure::Lost(why),
        },
        (404, _) => return GatewayEvent::CancelNotFound { key },
        (_, Some(why)) => CancelFailure::Lost(why),
        (_, None) => CancelFailure::Rejected(errors::reject(status, body).kind),
    };
    GatewayEvent::CancelFailed { key, why }
}

fn changed(key: OrderKey, expected: &OrderId, status: u16, body: &[u8]) -> GatewayEvent {
    let why = match (status, loss(status)) {
        (200..=299, _) => match decode::changed(body, expected) {
            Ok(remaining) => return GatewayEvent::Changed { key, remaining },
            Err(why) => CancelFailure::Lost(why),
        },
        (_, Some(why)) => CancelFailure::Lost(why),
        (_, None) => CancelFailure::Rejected(errors::reject(status, body).kind),
    };
    GatewayEvent::ChangeFailed { key, why }
}

/// Whether a status other than success leaves the request's fate open.
///
/// 408 is an intermediary's word that time ran out, often on an idle connection that was used
/// at that very moment: it does not say how far the request got.
pub(super) const fn loss(status: u16) -> Option<Loss> {
    match status {
        408 => Some(Loss::Timeout),
        400..=499 => None,
        500..=599 => Some(Loss::ServerError),
        _ => Some(Loss::Misbehaved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{NewOrder, RejectKind};
    use crate::risk::Approved;
    use crate::units::Timestamp;

    const KEY: OrderKey = OrderKey { slot: 3, generation: 1 };

    fn taken(attempt: Attempt) -> Taken {
        let order = NewOrder::sample(KEY);
        Taken { order: Approved::unchecked_for_tests(order), at: Timestamp::ZERO, attempt }
    }

    #[test]
    fn a_repetition_that_has_not_left_does_not_say_that_the_order_never_did() {
        let why = Unsent::WriteFailed;
        let of = |attempt| ended(&Purpose::Order(taken(attempt)), Ending::NothingLeft);
        assert_eq!(of(Attempt::First), Some(GatewayEvent::NotSent { key: KEY, why }));
        assert_eq!(of(Attempt::Again), Some(GatewayEvent::NotResent { key: KEY, why }));
    }

    fn order() -> Purpose {
        Purpose::Order(taken(Attempt::First))
    }

    fn cancel() -> Purpose {
        Purpose::Cancel { key: KEY, order_id: OrderId::new(b"o-1").unwrap() }
    }

    #[track_caller]
    fn loses(status: u16, why: Loss) {
        let html = b"<html>502</html>";
        assert_eq!(answered(&order(), status, html), Some(GatewayEvent::Lost { key: KEY, why }));
        let why = CancelFailure::Lost(why);
        let expected = Some(GatewayEvent::CancelFailed { key: KEY, why });
        assert_eq!(answered(&cancel(), status, html), expected);
    }

    #[test]
    fn only_the_exchanges_own_words_are_an_answer() {
        loses(200, Loss::Misbehaved);
        loses(201, Loss::Misbehaved);
        loses(204, Loss::Misbehaved);
        loses(301, Loss::Misbehaved);
        loses(408, Loss::Timeout);
        loses(500, Loss::ServerError);
        loses(502, Loss::ServerError);
        loses(503, Loss::ServerError);
        loses(504, Loss::ServerError);
        loses(600, Loss::Misbehaved);
    }

    #[test]
    fn every_4xx_refuses_an_order() {
        for status in (400..=499).filter(|&status| status != 408) {
            let event = answered(&order(), status, b"{}");
            let Some(GatewayEvent::Rejected { key: KEY, reject }) = event else {
                panic!("{status}: {event:?}");
            };
            assert_eq!(reject.status, status);
        }
    }

    #[test]
    fn a_404_leaves_a_cancelled_orders_fate_open() {
        let body = br#"{"error":{"code":"not_found","message":"not found"}}"#;
        let expected = Some(GatewayEvent::CancelNotFound { key: KEY });
        assert_eq!(answered(&cancel(), 404, body), expected);
        let why = CancelFailure::Rejected(RejectKind::TooManyRequests);
        let expected = Some(GatewayEvent::CancelFailed { key: KEY, why });
        assert_eq!(answered(&cancel(), 429, b"{\"error\":\"too many requests\"}"), expected);
    }

    #[test]
    fn cancel_all_is_done_or_not() {
        for (status, ok) in [(204, true), (200, true), (401, false), (429, false), (503, false)] {
            let expected = Some(GatewayEvent::CancelAllDone { ok });
            assert_eq!(answered(&Purpose::CancelAll, status, b""), expected, "{status}");
        }
        let expected = Some(GatewayEvent::CancelAllDone { ok: false });
        assert_eq!(ended(&Purpose::CancelAll, Ending::NothingLeft), expected);
    }

    #[test]
    fn warming_is_nobodys_business() {
        assert_eq!(sent(&Purpose::Warm, SendStamps::default()), None);
        assert_eq!(ended(&Purpose::Warm, Ending::Lost(Loss::Timeout)), None);
        assert_eq!(answered(&Purpose::Warm, 200, b""), None);
    }
}
