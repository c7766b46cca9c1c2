//! Bytes of the vocabulary: units, ids, and enums without fields.
//!
//! Text takes its length and the bytes used, never its whole array. An enum takes the byte of
//! its discriminant; the arrays below list the variants in that order (checked by a test).

use super::{Pack, Packer, Unpacker};
use crate::ids::{ClientOrderId, ExecutionId, InlineText, MarketIx, OrderKey, RunId, SourceId};
use crate::message::{
    Action, BookSide, ExchangeStatus, GroupStep, Loss, Origin, RejectKind, Style, TimeInForce,
    Unsent,
};
use crate::order::State;
use crate::risk::Limit;
use crate::units::{Contracts, Money, Nanos, Position, Price, PriceDelta, Timestamp, WallTime};

impl Pack for Price {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.micros());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Self::from_micros(from.take()?)
    }
}

impl Pack for PriceDelta {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.micros());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.take().map(Self::from_micros)
    }
}

impl Pack for Contracts {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.centis());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.take().map(Self::from_centis)
    }
}

impl Pack for Position {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.centis());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.take().map(Self::from_centis)
    }
}

impl Pack for Money {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.e8());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.take().map(Self::from_e8)
    }
}

impl Pack for Nanos {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.ns());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.take().map(Self::from_ns)
    }
}

impl Pack for Timestamp {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.ns());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.take().map(Self::from_ns)
    }
}

impl Pack for WallTime {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.unix_ns());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.take().map(Self::from_unix_ns)
    }
}

impl<const N: usize> Pack for InlineText<N> {
    fn pack(&self, out: &mut Packer<'_>) {
        let bytes = self.as_bytes();
        // Capacities are at most 255 (asserted by `InlineText::EMPTY`).
        out.put(&u8::try_from(bytes.len()).unwrap_or(u8::MAX));
        out.bytes(bytes);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let count: u8 = from.take()?;
        let bytes = from.bytes(usize::from(count))?;
        // `lossy` admits what messages may hold (spaces, nothing at all); ids hold less. Text
        // that it would change was never written by us.
        let text = Self::lossy(core::str::from_utf8(bytes).ok()?);
        (text.as_bytes() == bytes).then_some(text)
    }
}

impl Pack for MarketIx {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.0);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.take().map(Self)
    }
}

impl Pack for SourceId {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.0);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.take().map(Self)
    }
}

impl Pack for OrderKey {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.slot);
        out.put(&self.generation);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { slot: from.take()?, generation: from.take()? })
    }
}

impl Pack for RunId {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.bits());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let bits = from.take()?;
        let run = Self::new(bits);
        (run.bits() == bits).then_some(run)
    }
}

impl Pack for ExecutionId {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.run);
        out.put(&self.seq);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { run: from.take()?, seq: from.take()? })
    }
}

impl Pack for ClientOrderId {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.run());
        out.put(&self.seq());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let (run, seq) = (from.take()?, from.take()?);
        let id = Self::new(run, seq);
        (id.seq() == seq).then_some(id)
    }
}

impl Pack for Action {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.coded(&[Self::BuyYes, Self::BuyNo, Self::SellYes, Self::SellNo])
    }
}

impl Pack for BookSide {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.coded(&[Self::Bid, Self::Ask])
    }
}

impl Pack for TimeInForce {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.coded(&[Self::ImmediateOrCancel, Self::GoodTillCanceled, Self::FillOrKill])
    }
}

impl Pack for Style {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.coded(&[Self::Take, Self::Make, Self::Auto])
    }
}

impl Pack for Loss {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.coded(&[Self::Timeout, Self::Disconnected, Self::ServerError, Self::Misbehaved])
    }
}

impl Pack for Unsent {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.coded(&[
            Self::NoConnection,
            Self::WriteFailed,
            Self::NoSignature,
            Self::NoTokens,
            Self::NotJournaled,
            Self::Stale,
            Self::Stopping,
            Self::Halted,
            Self::GroupTriggered,
            Self::HeldBack,
        ])
    }
}

impl Pack for GroupStep {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.coded(&[Self::Reset, Self::Trigger])
    }
}

impl Pack for RejectKind {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.coded(&[
            Self::DuplicateOrder,
            Self::InsufficientBalance,
            Self::InvalidPrice,
            Self::PostOnlyCross,
            Self::FillOrKill,
            Self::Paused,
            Self::MarketInactive,
            Self::NotFound,
            Self::Unauthorized,
            Self::TooManyRequests,
            Self::InvalidRequest,
            Self::Gone,
            Self::Other,
            Self::Region,
            Self::GroupTriggered,
        ])
    }
}

impl Pack for Origin {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.coded(&[Self::Stream, Self::Rest])
    }
}

impl Pack for ExchangeStatus {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.coded(&[Self::Resting, Self::Canceled, Self::Executed])
    }
}

impl Pack for State {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.coded(&Self::ALL)
    }
}

impl Pack for Limit {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.coded(&Self::ALL)
    }
}
