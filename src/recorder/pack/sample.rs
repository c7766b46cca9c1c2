//! Arbitrary values of everything that packs, from one seed. For tests only.

mod change;
mod books;
mod past;
mod news;
mod result;

use crate::ids::{ClientOrderId, ExecutionId, InlineText, MarketIx, OrderKey, RunId, SourceId};
use crate::message::{
    Accepted, Action, BestQuote, BookSide, CancelFailure, CancelOrder, ControlCommand,
    ExchangeStatus, FeedEvent, FetchCommand, FetchEvent, Fill, GatewayEvent, Loss,
    MarketSettlement, NewOrder, OrderReport, Origin, Reject, RejectKind, SendStamps, Signal, Style,
    TimeInForce, Unsent,
};
use crate::order::State;
use crate::recorder::record::{ChildResult, Outcome, ResultError};
use crate::risk::{
    BreakerState, Carried, CarriedBreaker, CarriedMarket, Day, Halt, Limit, Refusal, Trip, Trips,
};
use crate::runtime::random::Random;
use crate::units::{Contracts, Money, Nanos, Position, Price, PriceDelta, Timestamp, WallTime};

/// A source of arbitrary values; the same seed gives the same values.
#[derive(Debug)]
pub(crate) struct Dice(Random);

impl Dice {
    /// Starts from a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }

    /// The next 64 bits.
    pub(crate) const fn bits(&mut self) -> u64 {
        self.0.next()
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.bits() % u64::try_from(bound).unwrap()).unwrap()
    }

    /// One of `all`.
    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Any value.
    pub(crate) fn any<T: Sample>(&mut self) -> T {
        T::sample(self)
    }
}

/// A type with arbitrary values.
pub(crate) trait Sample: Sized {
    /// One of them.
    fn sample(dice: &mut Dice) -> Self;
}

impl Sample for u64 {
    fn sample(dice: &mut Dice) -> Self {
        // Small, large and extreme values alike.
        let shift = dice.below(64);
        dice.bits() >> shift
    }
}

impl Sample for u32 {
    fn sample(dice: &mut Dice) -> Self {
        Self::try_from(dice.any::<u64>() & u64::from(Self::MAX)).unwrap()
    }
}

impl Sample for u16 {
    fn sample(dice: &mut Dice) -> Self {
        Self::try_from(dice.any::<u64>() & u64::from(Self::MAX)).unwrap()
    }
}

impl Sample for u8 {
    fn sample(dice: &mut Dice) -> Self {
        Self::try_from(dice.any::<u64>() & u64::from(Self::MAX)).unwrap()
    }
}

impl Sample for i64 {
    fn sample(dice: &mut Dice) -> Self {
        dice.any::<u64>().cast_signed()
    }
}

impl Sample for bool {
    fn sample(dice: &mut Dice) -> Self {
        dice.below(2) == 1
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(dice: &mut Dice) -> Self {
        if dice.any() { Some(dice.any()) } else { None }
    }
}

impl<const N: usize> Sample for InlineText<N> {
    fn sample(dice: &mut Dice) -> Self {
        let count = dice.one_of(&[0, 1, N / 2, N - 1, N]);
        let text: String = (0..count).map(|_| char::from(dice.one_of(b"AZaz09 -_.~!"))).collect();
        Self::lossy(&text)
    }
}

impl Sample for Price {
    fn sample(dice: &mut Dice) -> Self {
        Self::from_micros(1 + dice.any::<u32>() % (Self::MICROS_MAX - 1)).unwrap()
    }
}

impl Sample for PriceDelta {
    fn sample(dice: &mut Dice) -> Self {
        Self::from_micros(dice.any())
    }
}

impl Sample for Contracts {
    fn sample(dice: &mut Dice) -> Self {
        Self::from_centis(dice.any())
    }
}

impl Sample for Position {
    fn sample(dice: &mut Dice) -> Self {
        Self::from_centis(dice.any())
    }
}

impl Sample for Money {
    fn sample(dice: &mut Dice) -> Self {
        Self::from_e8(dice.any())
    }
}

impl Sample for Nanos {
    fn sample(dice: &mut Dice) -> Self {
        Self::from_ns(dice.any())
    }
}

impl Sample for Timestamp {
    fn sample(dice: &mut Dice) -> Self {
        Self::from_ns(dice.any())
    }
}

impl Sample for WallTime {
    fn sample(dice: &mut Dice) -> Self {
        Self::from_unix_ns(dice.any())
    }
}

impl Sample for MarketIx {
    fn sample(dice: &mut Dice) -> Self {
        Self(dice.any())
    }
}

impl Sample for SourceId {
    fn sample(dice: &mut Dice) -> Self {
        Self(dice.any())
    }
}

impl Sample for OrderKey {
    fn sample(dice: &mut Dice) -> Self {
        Self { slot: dice.any(), generation: dice.any() }
    }
}

impl Sample for RunId {
    fn sample(dice: &mut Dice) -> Self {
        Self::new(dice.any())
    }
}

impl Sample for ExecutionId {
    fn sample(dice: &mut Dice) -> Self {
        Self { run: dice.any(), seq: dice.any() }
    }
}

impl Sample for ClientOrderId {
    fn sample(dice: &mut Dice) -> Self {
        Self::new(dice.any(), dice.any())
    }
}

impl Sample for Action {
    fn sample(dice: &mut Dice) -> Self {
        dice.one_of(&[Self::BuyYes, Self::BuyNo, Self::SellYes, Self::SellNo])
    }
}

impl Sample for BookSide {
    fn sample(dice: &mut Dice) -> Self {
        dice.one_of(&[Self::Bid, Self::Ask])
    }
}

impl Sample for TimeInForce {
    fn sample(dice: &mut Dice) -> Self {
        dice.one_of(&[Self::ImmediateOrCancel, Self::GoodTillCanceled, Self::FillOrKill])
    }
}

impl Sample for Style {
    fn sample(dice: &mut Dice) -> Self {
        dice.one_of(&[Self::Take, Self::Make, Self::Auto])
    }
}

impl Sample for Loss {
    fn sample(dice: &mut Dice) -> Self {
        dice.one_of(&[Self::Timeout, Self::Disconnected, Self::ServerError, Self::Misbehaved])
    }
}

impl Sample for Unsent {
    fn sample(dice: &mut Dice) -> Self {
        dice.one_of(&[
            Self::NoConnection,
            Self::WriteFailed,
            Self::NoSignature,
            Self::NoTokens,
            Self::NotJournaled,
            Self::Stale,
            Self::Stopping,
            Self::Halted,
            Self::GroupTriggered,
        ])
    }
}

impl Sample for RejectKind {
    fn sample(dice: &mut Dice) -> Self {
        dice.one_of(&[
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

impl Sample for Origin {
    fn sample(dice: &mut Dice) -> Self {
        dice.one_of(&[Self::Stream, Self::Rest])
    }
}

impl Sample for ExchangeStatus {
    fn sample(dice: &mut Dice) -> Self {
        dice.one_of(&[Self::Resting, Self::Canceled, Self::Executed])
    }
}

impl Sample for State {
    fn sample(dice: &mut Dice) -> Self {
        dice.one_of(&Self::ALL)
    }
}

impl Sample for Limit {
    fn sample(dice: &mut Dice) -> Self {
        dice.one_of(&Self::ALL)
    }
}

impl Sample for Signal {
    fn sample(dice: &mut Dice) -> Self {
        Self {
            source: dice.any(),
            line: dice.any(),
            id: dice.any(),
            ticker: dice.any(),
            action: dice.any(),
            yes_ask: dice.any(),
            no_ask: dice.any(),
            edge: dice.any(),
            confidence: dice.any(),
            contracts: dice.any(),
            max_price: dice.any(),
            time_in_force: dice.any(),
            style: dice.any(),
            produced_at: dice.any(),
            expires_at: dice.any(),
            cycle: dice.any(),
            received: dice.any(),
            decoded: dice.any(),
        }
    }
}

impl Sample for NewOrder {
    fn sample(dice: &mut Dice) -> Self {
        Self {
            key: dice.any(),
            client_order_id: dice.any(),
            market: dice.any(),
            side: dice.any(),
            price: dice.any(),
            quantity: dice.any(),
            time_in_force: dice.any(),
            expiration_secs: dice.any(),
            reduce_only: dice.any(),
            post_only: dice.any(),
            reference: dice.any(),
            received: dice.any(),
            approved: dice.any(),
        }
    }
}

impl Sample for CancelOrder {
    fn sample(dice: &mut Dice) -> Self {
        Self { key: dice.any(), order_id: dice.any(), market: dice.any() }
    }
}

impl Sample for SendStamps {
    fn sample(dice: &mut Dice) -> Self {
        Self { taken: dice.any(), encoded: dice.any(), sealed: dice.any(), sent: dice.any() }
    }
}

impl Sample for Accepted {
    fn sample(dice: &mut Dice) -> Self {
        Self {
            order_id: dice.any(),
            filled: dice.any(),
            remaining: dice.any(),
            exchange_time: dice.any(),
        }
    }
}

impl Sample for Reject {
    fn sample(dice: &mut Dice) -> Self {
        Self { status: dice.any(), kind: dice.any(), code: dice.any(), message: dice.any() }
    }
}

impl Sample for CancelFailure {
    fn sample(dice: &mut Dice) -> Self {
        match dice.below(3) {
            0 => Self::Unsent(dice.any()),
            1 => Self::Lost(dice.any()),
            _ => Self::Rejected(dice.any()),
        }
    }
}

impl Sample for GatewayEvent {
    fn sample(dice: &mut Dice) -> Self {
        let key = dice.any();
        match dice.below(14) {
            0 => Self::Sent { key, stamps: dice.any() },
            1 => Self::NotSent { key, why: dice.any() },
            2 => Self::Accepted { key, accepted: dice.any() },
            3 => Self::Rejected { key, reject: dice.any() },
            4 => Self::Lost { key, why: dice.any() },
            5 => Self::CancelSent { key },
            6 => Self::CancelAccepted { key, reduced_by: dice.any() },
            7 => Self::CancelNotFound { key },
            8 => Self::CancelFailed { key, why: dice.any() },
            9 => Self::CancelAllDone { ok: dice.any() },
            10 => Self::ChangeSent { key },
            11 => Self::Changed { key, remaining: dice.any() },
            12 => Self::ChangeFailed { key, why: dice.any() },
            _ => Self::Connections { ready: dice.any() },
        }
    }
}

impl Sample for Fill {
    fn sample(dice: &mut Dice) -> Self {
        Self {
            trade_id: dice.any(),
            order_id: dice.any(),
            client_order_id: dice.any(),
            ticker: dice.any(),
            side: dice.any(),
            price: dice.any(),
            quantity: dice.any(),
            fee: dice.any(),
            is_taker: dice.any(),
            exchange_time: dice.any(),
            received: dice.any(),
            decoded: dice.any(),
            origin: dice.any(),
        }
    }
}

impl Sample for OrderReport {
    fn sample(dice: &mut Dice) -> Self {
        Self {
            order_id: dice.any(),
            client_order_id: dice.any(),
            ticker: dice.any(),
            side: dice.any(),
            price: dice.any(),
            status: dice.any(),
            filled: dice.any(),
            remaining: dice.any(),
            expired: dice.any(),
            received: dice.any(),
            origin: dice.any(),
        }
    }
}

impl Sample for FeedEvent {
    fn sample(dice: &mut Dice) -> Self {
        match dice.below(9) {
            8 => Self::Missed { since: dice.any() },
            5 => Self::Market(dice.any()),
            6 => Self::Position(dice.any()),
            7 => Self::Group(dice.any()),
            0 => Self::Up,
            1 => Self::Down,
            2 => Self::Fill(dice.any()),
            3 => Self::Alive,
            _ => Self::Order(dice.any()),
        }
    }
}

impl Sample for BestQuote {
    fn sample(dice: &mut Dice) -> Self {
        Self { ticker: dice.any(), bid: dice.any(), ask: dice.any(), as_of: dice.any() }
    }
}

impl Sample for MarketSettlement {
    fn sample(dice: &mut Dice) -> Self {
        Self {
            ticker: dice.any(),
            yes_pays: dice.any(),
            yes: dice.any(),
            no: dice.any(),
            revenue: dice.any(),
            settled_at: dice.any(),
        }
    }
}

impl Sample for FetchCommand {
    fn sample(dice: &mut Dice) -> Self {
        match dice.below(5) {
            4 => Self::Account { since: dice.any() },
            0 => Self::Backfill { since: dice.any() },
            1 => Self::Quote { ticker: dice.any() },
            2 => Self::Settlements { since: dice.any() },
            _ => Self::Order {
                key: dice.any(),
                client_order_id: dice.any(),
                order_id: dice.any(),
                ticker: dice.any(),
            },
        }
    }
}

impl Sample for FetchEvent {
    fn sample(dice: &mut Dice) -> Self {
        match dice.below(17) {
            11 => Self::Mismatches { count: dice.any() },
            12 => Self::OpenOrder(dice.any()),
            13 => Self::Held(dice.any()),
            14 => Self::Cash(dice.any()),
            15 => Self::AccountRead,
            16 => Self::AccountFailed,
            0 => Self::Fill(dice.any()),
            1 => Self::Order { key: dice.any(), report: dice.any() },
            2 => Self::OrderAbsent { key: dice.any() },
            3 => Self::OrderFailed { key: dice.any() },
            4 => Self::BackfillDone,
            5 => Self::Quote(dice.any()),
            6 => Self::QuoteFailed { ticker: dice.any() },
            7 => Self::Settled(dice.any()),
            8 => Self::SettlementsDone,
            9 => Self::SettlementsFailed,
            _ => Self::BackfillFailed,
        }
    }
}

impl Sample for Day {
    fn sample(dice: &mut Dice) -> Self {
        let mut day = Self::on(dice.any());
        day.orders = dice.any();
        day.volume = dice.any();
        day.realized = dice.any();
        day.fees = dice.any();
        day
    }
}

impl Sample for CarriedBreaker {
    fn sample(dice: &mut Dice) -> Self {
        let bits = u8::try_from(dice.below(1 << Trip::ALL.len())).unwrap();
        Self {
            state: dice.one_of(&BreakerState::ALL),
            trips: Trips::from_bits(bits).unwrap(),
            since: dice.any(),
        }
    }
}

impl Sample for Carried {
    fn sample(dice: &mut Dice) -> Self {
        let halted: bool = dice.any();
        Self {
            day: dice.any(),
            consecutive_losses: dice.any(),
            halt: halted.then(|| Halt { reason: dice.any(), since: dice.any() }),
            breaker: dice.any(),
            mismatches: dice.any(),
            recent_orders: dice.any(),
            recent_rejects: dice.any(),
        }
    }
}

impl Sample for CarriedMarket {
    fn sample(dice: &mut Dice) -> Self {
        Self { ticker: dice.any(), stop: dice.any(), repeats: [dice.any(), dice.any()] }
    }
}

impl Sample for ControlCommand {
    fn sample(dice: &mut Dice) -> Self {
        match dice.below(6) {
            4 => Self::Reconcile,
            0 => Self::Halt { reason: dice.any() },
            1 => Self::Resume,
            2 => Self::Drain,
            3 => Self::Clock { ahead_ms: dice.any() },
            _ => Self::CancelAll,
        }
    }
}

impl Sample for Refusal {
    fn sample(dice: &mut Dice) -> Self {
        Self { limit: dice.any(), value: dice.any(), bound: dice.any() }
    }
}

impl Sample for Outcome {
    fn sample(dice: &mut Dice) -> Self {
        match dice.below(3) {
            0 => Self::Refused(dice.any()),
            1 => Self::NotTradeable,
            _ => Self::Ended(dice.any()),
        }
    }
}

impl Sample for ResultError {
    fn sample(dice: &mut Dice) -> Self {
        Self { code: dice.any(), message: dice.any() }
    }
}

impl Sample for ChildResult {
    fn sample(dice: &mut Dice) -> Self {
        Self {
            client_order_id: dice.any(),
            order_id: dice.any(),
            state: dice.any(),
            limit_price: dice.any(),
            contracts: dice.any(),
            filled: dice.any(),
        }
    }
}
