//! An order as the exchange keeps it, and the store of all of them.
//!
//! Ended orders of accounts stay readable until [`ENDED_KEPT_MAX`] newer ones have ended, as at
//! the real exchange, which moves them to its historical tier; the background's go at once.

use crate::ids::InlineText;
use crate::kalshi::fees::FeeAccumulator;
use crate::message::{BookSide, TimeInForce};
use crate::sim::exchange::book::{OrderIx, Priority};
use crate::sim::exchange::groups::GroupIx;
use crate::sim::exchange::place_table::{PlaceTable, hash_of};
use crate::sim::venue::UserId;
use crate::units::{Contracts, Money, Price, WallTime};

/// The caller's own order id: at most 64 printable characters, as FIX says.
pub type ClientText = InlineText<64>;

/// What happens when an order would trade with another one of the same account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTradePrevention {
    /// The incoming order stops and is cancelled; what it filled before stands.
    TakerAtCross,
    /// The resting order is cancelled; matching goes on.
    Maker,
}

impl SelfTradePrevention {
    /// The exchange's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TakerAtCross => "taker_at_cross",
            Self::Maker => "maker",
        }
    }
}

/// State of an order at the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// On the book.
    Resting,
    /// Ended with something unfilled.
    Canceled,
    /// Filled completely.
    Executed,
}

impl OrderStatus {
    /// The exchange's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resting => "resting",
            Self::Canceled => "canceled",
            Self::Executed => "executed",
        }
    }
}

/// Why an order last changed (`last_update_reason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateReason {
    /// It was created, or its unfilled rest was cancelled by its time in force: no name exists.
    None,
    /// The caller made it smaller or cancelled it.
    Decrease,
    /// The caller changed it.
    Amend,
    /// The account could no longer pay for it.
    MarginCancel,
    /// It met another order of its account.
    SelfTradeCancel,
    /// Its time was up.
    ExpiryCancel,
    /// Trading was paused.
    HaltCancel,
    /// It traded.
    Trade,
    /// It was capped by the position at placement.
    ReduceOnlyCancel,
    /// Its market closed.
    CloseCancel,
}

impl UpdateReason {
    /// The exchange's spelling, if it has one.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Decrease => Some("Decrease"),
            Self::Amend => Some("Amend"),
            Self::MarginCancel => Some("MarginCancel"),
            Self::SelfTradeCancel => Some("SelfTradeCancel"),
            Self::ExpiryCancel => Some("ExpiryCancel"),
            Self::HaltCancel => Some("HaltCancel"),
            Self::Trade => Some("Trade"),
            Self::ReduceOnlyCancel => Some("ReduceOnlyCancel"),
            Self::CloseCancel => Some("CloseCancel"),
        }
    }
}

/// What an account may ask of its order beyond price and quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderTerms {
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// What happens when it meets its account's own order.
    pub self_trade_prevention: SelfTradePrevention,
    /// Whether it must not trade on arrival.
    pub post_only: bool,
    /// Whether it may only make a position smaller.
    pub reduce_only: bool,
    /// Whether a trading pause cancels it.
    pub cancel_on_pause: bool,
    /// When it ends by itself.
    pub expires: Option<WallTime>,
}

impl OrderTerms {
    /// Rests until cancelled, nothing special.
    pub const RESTING: Self = Self {
        time_in_force: TimeInForce::GoodTillCanceled,
        self_trade_prevention: SelfTradePrevention::TakerAtCross,
        post_only: false,
        reduce_only: false,
        cancel_on_pause: false,
        expires: None,
    };
}

/// A request for an order, all fields understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Index of its market at this exchange.
    pub market: usize,
    /// Side of the YES book.
    pub side: BookSide,
    /// YES-leg limit.
    pub price: Price,
    /// How many contracts.
    pub quantity: Contracts,
    /// The caller's id, empty when it gave none.
    pub client_order_id: ClientText,
    /// Which of the member's accounts pays.
    pub subaccount: u8,
    /// Bits of the UUID of the group it joins.
    pub group: Option<u128>,
    /// The rest.
    pub terms: OrderTerms,
}

/// An order at the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Bits of its UUID.
    pub id: u128,
    /// Whose it is.
    pub user: UserId,
    /// Which of the member's accounts pays.
    pub subaccount: u8,
    /// Index of its market.
    pub market: usize,
    /// Side of the YES book.
    pub side: BookSide,
    /// YES-leg limit.
    pub price: Price,
    /// What it asked for, after amendments.
    pub initial: Contracts,
    /// What it traded.
    pub filled: Contracts,
    /// What is still on the book; zero once ended.
    pub remaining: Contracts,
    /// Its state.
    pub status: OrderStatus,
    /// Why it last changed.
    pub reason: UpdateReason,
    /// The caller's id, empty when it gave none.
    pub client_order_id: ClientText,
    /// Its terms.
    pub terms: OrderTerms,
    /// Cost of what it took, in dollars of its own leg.
    pub taker_cost: Money,
    /// Cost of what it made.
    pub maker_cost: Money,
    /// Fees for what it took.
    pub taker_fees: Money,
    /// Fees for what it made.
    pub maker_fees: Money,
    /// When it was accepted.
    pub created: WallTime,
    /// When it last changed.
    pub updated: WallTime,
    /// Arrival number: newer orders have larger ones.
    pub seq: u64,
    pub(crate) group: Option<GroupIx>,
    pub(crate) accumulator: FeeAccumulator,
    pub(crate) queued: u64,
}

impl Order {
    /// Its place in the queue.
    pub(crate) const fn priority(&self) -> Priority {
        Priority::new(self.side, self.price, self.queued)
    }

    /// Whether it is on the book.
    pub(crate) fn rests(&self) -> bool {
        self.status == OrderStatus::Resting && !self.remaining.is_zero()
    }

    /// What a full collateral locks per contract.
    #[must_use]
    pub const fn own_price(&self) -> Price {
        self.side.own_price(self.price)
    }
}

/// Ended orders kept for reading: days of trading at the highest usage tier's rate would not be
/// read back by anybody, and each takes about 350 bytes.
const ENDED_KEPT_MAX: usize = 1 << 18;

/// All orders: those that can still change, and a ring of ended ones to read.
///
/// The first are few and their places are reused at once, so they stay in the caches; the ring is
/// written from one end to the other, which memory does without being waited for.
#[derive(Debug)]
pub(crate) struct OrderStore {
    live: Vec<Order>,
    free: Vec<OrderIx>,
    live_by_id: PlaceTable,
    ended: Vec<Order>,
    /// How many of them are kept.
    ended_max: usize,
    /// What forgetting an ended order needs of it, so that its own memory is not waited for.
    ended_keys: Vec<EndedKey>,
    /// Where the ring is written next once it is full.
    next: usize,
    ended_by_id: PlaceTable,
}

/// An ended order as far as its being forgotten is concerned.
#[derive(Clone, Copy, Debug)]
struct EndedKey {
    hash: u32,
    order: Forgotten,
}

/// An order that cannot be read any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forgotten {
    pub(crate) user: UserId,
    pub(crate) seq: u64,
}

impl Default for OrderStore {
    fn default() -> Self {
        Self::keeping(ENDED_KEPT_MAX)
    }
}

impl OrderStore {
    /// An empty store that keeps so many ended orders.
    pub(crate) fn keeping(ended_max: usize) -> Self {
        Self {
            live: Vec::new(),
            free: Vec::new(),
            live_by_id: PlaceTable::default(),
            ended: Vec::new(),
            ended_max,
            ended_keys: Vec::new(),
            next: 0,
            ended_by_id: PlaceTable::default(),
        }
    }

    pub(crate) fn insert(&mut self, order: Order) -> OrderIx {
        let ix = if let Some(ix) = self.free.pop() {
            self.live[ix.0 as usize] = order;
            ix
        } else {
            let place = u32::try_from(self.live.len()).expect("orders fit in memory");
            self.live.push(order);
            OrderIx(place)
        };
        self.live_by_id.insert(hash_of(order.id), ix.0);
        ix
    }

    /// A copy of what can still change, which finds it by place alone.
    pub(crate) fn by_place(&self) -> Self {
        Self {
            live: self.live.clone(),
            free: self.free.clone(),
            live_by_id: self.live_by_id.clone(),
            ..Self::default()
        }
    }

    /// An order that can still change.
    pub(crate) fn get(&self, ix: OrderIx) -> &Order {
        &self.live[ix.0 as usize]
    }

    pub(crate) fn get_mut(&mut self, ix: OrderIx) -> &mut Order {
        &mut self.live[ix.0 as usize]
    }

    /// Where an order is that can still change.
    pub(crate) fn find_live(&self, id: u128) -> Option<OrderIx> {
        let is_it = |place: u32| self.live[place as usize].id == id;
        self.live_by_id.find(hash_of(id), is_it).map(OrderIx)
    }

    fn find_ended(&self, id: u128) -> Option<usize> {
        let is_it = |place: u32| self.ended[place as usize].id == id;
        self.ended_by_id.find(hash_of(id), is_it).map(|place| place as usize)
    }

    /// An order, ended or not.
    pub(crate) fn find(&self, id: u128) -> Option<&Order> {
        if let Some(ix) = self.find_live(id) {
            return Some(self.get(ix));
        }
        self.find_ended(id).map(|place| &self.ended[place])
    }

    /// An order, ended or not, to correct what it is said to have done.
    pub(crate) fn find_mut(&mut self, id: u128) -> Option<&mut Order> {
        if let Some(ix) = self.find_live(id) {
            return self.live.get_mut(ix.0 as usize);
        }
        let place = self.find_ended(id)?;
        self.ended.get_mut(place)
    }

    /// Forgets an order.
    pub(crate) fn release(&mut self, ix: OrderIx) {
        self.live_by_id.remove(hash_of(self.get(ix).id), ix.0);
        self.free.push(ix);
    }

    /// Keeps an ended order readable in place of the oldest one, which is returned.
    pub(crate) fn retire(&mut self, ix: OrderIx) -> Option<Forgotten> {
        let order = *self.get(ix);
        self.release(ix);
        let Order { user, seq, .. } = order;
        let key = EndedKey { hash: hash_of(order.id), order: Forgotten { user, seq } };
        let (place, forgotten) = if self.ended.len() < self.ended_max {
            self.ended.push(order);
            self.ended_keys.push(key);
            (self.ended.len() - 1, None)
        } else {
            let place = self.next;
            self.ended[place] = order;
            let oldest = core::mem::replace(&mut self.ended_keys[place], key);
            self.ended_by_id.remove(oldest.hash, place_of(place));
            self.next = (place + 1) % self.ended_max;
            (place, Some(oldest.order))
        };
        self.ended_by_id.insert(key.hash, place_of(place));
        forgotten
    }
}

fn place_of(place: usize) -> u32 {
    u32::try_from(place).expect("the ring is smaller than 2^32")
}
