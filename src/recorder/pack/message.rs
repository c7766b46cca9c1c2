//! Bytes of the ring messages: a variant's number, then its fields in the order declared.

use super::{Pack, Packer, Unpacker};
use crate::message::{
    Accepted, BestQuote, CancelFailure, CancelOrder, CashThere, ControlCommand, FeedEvent,
    FetchCommand, FetchEvent, Fill, GatewayEvent, HeldThere, MarketSettlement, NewOrder,
    OrderReport, Reject, SendStamps, Signal,
};

impl Pack for Signal {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.source);
        out.put(&self.line);
        out.put(&self.id);
        out.put(&self.ticker);
        out.put(&self.action);
        out.put(&self.yes_ask);
        out.put(&self.no_ask);
        out.put(&self.edge);
        out.put(&self.confidence);
        out.put(&self.contracts);
        out.put(&self.max_price);
        out.put(&self.time_in_force);
        out.put(&self.style);
        out.put(&self.produced_at);
        out.put(&self.expires_at);
        out.put(&self.cycle);
        out.put(&self.received);
        out.put(&self.decoded);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            source: from.take()?,
            line: from.take()?,
            id: from.take()?,
            ticker: from.take()?,
            action: from.take()?,
            yes_ask: from.take()?,
            no_ask: from.take()?,
            edge: from.take()?,
            confidence: from.take()?,
            contracts: from.take()?,
            max_price: from.take()?,
            time_in_force: from.take()?,
            style: from.take()?,
            produced_at: from.take()?,
            expires_at: from.take()?,
            cycle: from.take()?,
            received: from.take()?,
            decoded: from.take()?,
        })
    }
}

impl Pack for NewOrder {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.key);
        out.put(&self.client_order_id);
        out.put(&self.market);
        out.put(&self.side);
        out.put(&self.price);
        out.put(&self.quantity);
        out.put(&self.time_in_force);
        out.put(&self.expiration_secs);
        out.put(&self.reduce_only);
        out.put(&self.post_only);
        out.put(&self.reference);
        out.put(&self.received);
        out.put(&self.approved);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            key: from.take()?,
            client_order_id: from.take()?,
            market: from.take()?,
            side: from.take()?,
            price: from.take()?,
            quantity: from.take()?,
            time_in_force: from.take()?,
            expiration_secs: from.take()?,
            reduce_only: from.take()?,
            post_only: from.take()?,
            reference: from.take()?,
            received: from.take()?,
            approved: from.take()?,
        })
    }
}

impl Pack for CancelOrder {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.key);
        out.put(&self.order_id);
        out.put(&self.market);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { key: from.take()?, order_id: from.take()?, market: from.take()? })
    }
}

impl Pack for SendStamps {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.taken);
        out.put(&self.encoded);
        out.put(&self.sealed);
        out.put(&self.sent);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            taken: from.take()?,
            encoded: from.take()?,
            sealed: from.take()?,
            sent: from.take()?,
        })
    }
}

impl Pack for Accepted {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.order_id);
        out.put(&self.filled);
        out.put(&self.remaining);
        out.put(&self.exchange_time);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            order_id: from.take()?,
            filled: from.take()?,
            remaining: from.take()?,
            exchange_time: from.take()?,
        })
    }
}

impl Pack for Reject {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.status);
        out.put(&self.kind);
        out.put(&self.code);
        out.put(&self.message);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            status: from.take()?,
            kind: from.take()?,
            code: from.take()?,
            message: from.take()?,
        })
    }
}

impl Pack for CancelFailure {
    fn pack(&self, out: &mut Packer<'_>) {
        match self {
            Self::Unsent(why) => {
                out.put(&0_u8);
                out.put(why);
            }
            Self::Lost(why) => {
                out.put(&1_u8);
                out.put(why);
            }
            Self::Rejected(kind) => {
                out.put(&2_u8);
                out.put(kind);
            }
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        match from.take::<u8>()? {
            0 => from.take().map(Self::Unsent),
            1 => from.take().map(Self::Lost),
            2 => from.take().map(Self::Rejected),
            _ => None,
        }
    }
}

impl Pack for GatewayEvent {
    fn pack(&self, out: &mut Packer<'_>) {
        match self {
            Self::Sent { key, stamps } => pair(out, 0, key, stamps),
            Self::NotSent { key, why } => pair(out, 1, key, why),
            Self::Accepted { key, accepted } => pair(out, 2, key, accepted),
            Self::Rejected { key, reject } => pair(out, 3, key, reject),
            Self::Lost { key, why } => pair(out, 4, key, why),
            Self::CancelSent { key } => one(out, 5, key),
            Self::CancelAccepted { key, reduced_by } => pair(out, 6, key, reduced_by),
            Self::CancelNotFound { key } => one(out, 7, key),
            Self::CancelFailed { key, why } => pair(out, 8, key, why),
            Self::CancelAllDone { ok } => one(out, 9, ok),
            Self::Connections { ready } => one(out, 10, ready),
            Self::NotResent { key, why } => pair(out, 11, key, why),
            Self::Group { shard, step, ok } => {
                pair(out, 12, shard, step);
                out.put(ok);
            }
            Self::ChangeSent { key } => one(out, 13, key),
            Self::Changed { key, remaining } => pair(out, 14, key, remaining),
            Self::ChangeFailed { key, why } => pair(out, 15, key, why),
        }
    }

    #[expect(clippy::cognitive_complexity, reason = "one arm per variant, no nesting")]
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.take::<u8>()? {
            0 => Self::Sent { key: from.take()?, stamps: from.take()? },
            1 => Self::NotSent { key: from.take()?, why: from.take()? },
            2 => Self::Accepted { key: from.take()?, accepted: from.take()? },
            3 => Self::Rejected { key: from.take()?, reject: from.take()? },
            4 => Self::Lost { key: from.take()?, why: from.take()? },
            5 => Self::CancelSent { key: from.take()? },
            6 => Self::CancelAccepted { key: from.take()?, reduced_by: from.take()? },
            7 => Self::CancelNotFound { key: from.take()? },
            8 => Self::CancelFailed { key: from.take()?, why: from.take()? },
            9 => Self::CancelAllDone { ok: from.take()? },
            10 => Self::Connections { ready: from.take()? },
            11 => Self::NotResent { key: from.take()?, why: from.take()? },
            12 => Self::Group { shard: from.take()?, step: from.take()?, ok: from.take()? },
            13 => Self::ChangeSent { key: from.take()? },
            14 => Self::Changed { key: from.take()?, remaining: from.take()? },
            15 => Self::ChangeFailed { key: from.take()?, why: from.take()? },
            _ => return None,
        })
    }
}

impl Pack for Fill {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.trade_id);
        out.put(&self.order_id);
        out.put(&self.client_order_id);
        out.put(&self.ticker);
        out.put(&self.side);
        out.put(&self.price);
        out.put(&self.quantity);
        out.put(&self.fee);
        out.put(&self.is_taker);
        out.put(&self.exchange_time);
        out.put(&self.received);
        out.put(&self.decoded);
        out.put(&self.origin);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            trade_id: from.take()?,
            order_id: from.take()?,
            client_order_id: from.take()?,
            ticker: from.take()?,
            side: from.take()?,
            price: from.take()?,
            quantity: from.take()?,
            fee: from.take()?,
            is_taker: from.take()?,
            exchange_time: from.take()?,
            received: from.take()?,
            decoded: from.take()?,
            origin: from.take()?,
        })
    }
}

impl Pack for OrderReport {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.order_id);
        out.put(&self.client_order_id);
        out.put(&self.ticker);
        out.put(&self.side);
        out.put(&self.price);
        out.put(&self.status);
        out.put(&self.filled);
        out.put(&self.remaining);
        out.put(&self.expired);
        out.put(&self.received);
        out.put(&self.origin);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            order_id: from.take()?,
            client_order_id: from.take()?,
            ticker: from.take()?,
            side: from.take()?,
            price: from.take()?,
            status: from.take()?,
            filled: from.take()?,
            remaining: from.take()?,
            expired: from.take()?,
            received: from.take()?,
            origin: from.take()?,
        })
    }
}

impl Pack for FeedEvent {
    fn pack(&self, out: &mut Packer<'_>) {
        match self {
            Self::Up => out.put(&0_u8),
            Self::Down => out.put(&1_u8),
            Self::Fill(fill) => one(out, 2, fill),
            Self::Order(report) => one(out, 3, report),
            Self::Alive => out.put(&4_u8),
            Self::Market(news) => one(out, 5, news),
            Self::Position(held) => one(out, 6, held),
            Self::Group(news) => one(out, 7, news),
            Self::Missed { since } => one(out, 8, since),
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        match from.take::<u8>()? {
            0 => Some(Self::Up),
            1 => Some(Self::Down),
            2 => from.take().map(Self::Fill),
            3 => from.take().map(Self::Order),
            4 => Some(Self::Alive),
            5 => from.take().map(Self::Market),
            6 => from.take().map(Self::Position),
            7 => from.take().map(Self::Group),
            8 => Some(Self::Missed { since: from.take()? }),
            _ => None,
        }
    }
}

impl Pack for BestQuote {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.ticker);
        out.put(&self.bid);
        out.put(&self.ask);
        out.put(&self.as_of);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            ticker: from.take()?,
            bid: from.take()?,
            ask: from.take()?,
            as_of: from.take()?,
        })
    }
}

impl Pack for HeldThere {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.ticker);
        out.put(&self.position);
        out.put(&self.cost);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { ticker: from.take()?, position: from.take()?, cost: from.take()? })
    }
}

impl Pack for CashThere {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.shard);
        out.put(&self.cash);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { shard: from.take()?, cash: from.take()? })
    }
}

impl Pack for MarketSettlement {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.ticker);
        out.put(&self.yes_pays);
        out.put(&self.yes);
        out.put(&self.no);
        out.put(&self.revenue);
        out.put(&self.settled_at);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            ticker: from.take()?,
            yes_pays: from.take()?,
            yes: from.take()?,
            no: from.take()?,
            revenue: from.take()?,
            settled_at: from.take()?,
        })
    }
}

impl Pack for FetchCommand {
    fn pack(&self, out: &mut Packer<'_>) {
        match self {
            Self::Order { key, client_order_id, order_id, ticker } => {
                pair(out, 0, key, client_order_id);
                out.put(order_id);
                out.put(ticker);
            }
            Self::Backfill { since } => one(out, 1, since),
            Self::Quote { ticker } => one(out, 2, ticker),
            Self::Settlements { since } => one(out, 3, since),
            Self::Account { since } => one(out, 4, since),
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.take::<u8>()? {
            0 => Self::Order {
                key: from.take()?,
                client_order_id: from.take()?,
                order_id: from.take()?,
                ticker: from.take()?,
            },
            1 => Self::Backfill { since: from.take()? },
            2 => Self::Quote { ticker: from.take()? },
            3 => Self::Settlements { since: from.take()? },
            4 => Self::Account { since: from.take()? },
            _ => return None,
        })
    }
}

impl Pack for FetchEvent {
    fn pack(&self, out: &mut Packer<'_>) {
        match self {
            Self::Fill(fill) => one(out, 0, fill),
            Self::Order { key, report } => pair(out, 1, key, report),
            Self::OrderAbsent { key } => one(out, 2, key),
            Self::OrderFailed { key } => one(out, 3, key),
            Self::BackfillDone => out.put(&4_u8),
            Self::BackfillFailed => out.put(&5_u8),
            Self::Quote(quote) => one(out, 6, quote),
            Self::QuoteFailed { ticker } => one(out, 7, ticker),
            Self::Settled(settlement) => one(out, 8, settlement),
            Self::SettlementsDone => out.put(&9_u8),
            Self::SettlementsFailed => out.put(&10_u8),
            Self::Mismatches { count } => one(out, 11, count),
            Self::OpenOrder(report) => one(out, 12, report),
            Self::Held(held) => one(out, 13, held),
            Self::Cash(cash) => one(out, 14, cash),
            Self::AccountRead => out.put(&15_u8),
            Self::AccountFailed => out.put(&16_u8),
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.take::<u8>()? {
            0 => Self::Fill(from.take()?),
            1 => Self::Order { key: from.take()?, report: from.take()? },
            2 => Self::OrderAbsent { key: from.take()? },
            3 => Self::OrderFailed { key: from.take()? },
            4 => Self::BackfillDone,
            5 => Self::BackfillFailed,
            6 => Self::Quote(from.take()?),
            7 => Self::QuoteFailed { ticker: from.take()? },
            8 => Self::Settled(from.take()?),
            9 => Self::SettlementsDone,
            10 => Self::SettlementsFailed,
            11 => Self::Mismatches { count: from.take()? },
            12 => Self::OpenOrder(from.take()?),
            13 => Self::Held(from.take()?),
            14 => Self::Cash(from.take()?),
            15 => Self::AccountRead,
            16 => Self::AccountFailed,
            _ => return None,
        })
    }
}

impl Pack for ControlCommand {
    fn pack(&self, out: &mut Packer<'_>) {
        match self {
            Self::Halt { reason } => one(out, 0, reason),
            Self::Resume => out.put(&1_u8),
            Self::Drain => out.put(&2_u8),
            Self::CancelAll => out.put(&3_u8),
            Self::Reconcile => out.put(&4_u8),
            Self::Clock { ahead_ms } => one(out, 5, ahead_ms),
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        match from.take::<u8>()? {
            0 => Some(Self::Halt { reason: from.take()? }),
            1 => Some(Self::Resume),
            2 => Some(Self::Drain),
            3 => Some(Self::CancelAll),
            4 => Some(Self::Reconcile),
            5 => Some(Self::Clock { ahead_ms: from.take()? }),
            _ => None,
        }
    }
}

/// A variant with one field.
fn one<A: Pack>(out: &mut Packer<'_>, variant: u8, only: &A) {
    out.put(&variant);
    out.put(only);
}

/// A variant with two fields.
fn pair<A: Pack, B: Pack>(out: &mut Packer<'_>, variant: u8, first: &A, second: &B) {
    out.put(&variant);
    out.put(first);
    out.put(second);
}
