//! Order groups: a member's own brake on how many contracts trade in a rolling 15 seconds.
//!
//! Every fill of an order in the group counts, taken or made. When the window's sum exceeds the
//! limit the group triggers: its resting orders are cancelled and new ones are refused until it
//! is reset. A group lives on one shard and belongs to one account of its member.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::sim::exchange::book::OrderIx;
use crate::sim::exchange::event::ExchangeEvent;
use crate::sim::exchange::order::UpdateReason;
use crate::sim::exchange::{Exchange, ExchangeState, Reject};
use crate::sim::venue::UserId;
use crate::units::{Contracts, Nanos, WallTime};

/// Length of the rolling window.
pub const GROUP_WINDOW: Nanos = Nanos::from_secs(15);

/// Groups a member can have at a time.
const GROUPS_MAX: usize = 100_000;

/// A group's place in the exchange's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GroupIx(u32);

/// Whether a group takes orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// It takes orders.
    Active,
    /// Its limit was passed, or its member pulled it: no orders until it is reset.
    Triggered,
    /// Gone.
    Deleted,
}

/// What happened to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// It was created with this limit.
    Created(Contracts),
    /// It was triggered, by its limit or its member.
    Triggered,
    /// Its count is zero again and it takes orders.
    Reset,
    /// It is gone.
    Deleted,
    /// It has another limit.
    Limited(Contracts),
}

impl GroupChange {
    /// The exchange's spelling (`event_type`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::Triggered => "triggered",
            Self::Reset => "reset",
            Self::Deleted => "deleted",
            Self::Limited(_) => "limit_updated",
        }
    }

    /// The limit, in the changes that tell it.
    #[must_use]
    pub const fn limit(self) -> Option<Contracts> {
        match self {
            Self::Created(limit) | Self::Limited(limit) => Some(limit),
            Self::Triggered | Self::Reset | Self::Deleted => None,
        }
    }
}

/// A group as it is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// Which of the member's accounts.
    pub subaccount: u8,
    /// Its shard.
    pub exchange_index: u8,
    /// Most contracts in the window.
    pub limit: Contracts,
}

/// An order group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderGroup {
    /// Bits of its UUID.
    pub id: u128,
    /// Whose it is.
    pub user: UserId,
    /// Which of the member's accounts.
    pub subaccount: u8,
    /// Its shard.
    pub exchange_index: u8,
    /// Most contracts in the window.
    pub limit: Contracts,
    /// Whether it takes orders.
    pub state: GroupState,
    /// What traded, oldest first.
    traded: VecDeque<(WallTime, u64)>,
    traded_centis: u64,
    /// Resting orders by arrival.
    resting: BTreeMap<u64, OrderIx>,
}

impl OrderGroup {
    /// Contracts traded in the window that ends at `now`, in hundredths.
    #[must_use]
    pub fn window_centis(&self, now: WallTime) -> u64 {
        let inside = self.traded.iter().filter(|(time, _)| now.since(*time) < GROUP_WINDOW);
        inside.map(|(_, centis)| centis).sum()
    }

    /// Drops what has left the window. A fill counts for 15 seconds, not at the end of them.
    fn slide(&mut self, now: WallTime) {
        while let Some((time, centis)) = self.traded.front() {
            if now.since(*time) < GROUP_WINDOW {
                break;
            }
            self.traded_centis -= centis;
            self.traded.pop_front();
        }
    }

    fn count(&mut self, quantity: Contracts, now: WallTime) {
        self.slide(now);
        self.traded.push_back((now, u64::from(quantity.centis())));
        self.traded_centis += u64::from(quantity.centis());
    }

    fn is_over(&self) -> bool {
        self.traded_centis > u64::from(self.limit.centis())
    }

    fn clear(&mut self) {
        self.traded.clear();
        self.traded_centis = 0;
    }
}

/// All groups ever made, by place and by id. Deleted ones keep their place: orders name them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    all: Vec<OrderGroup>,
    by_id: HashMap<u128, GroupIx>,
    live: HashMap<UserId, BTreeMap<GroupIx, u128>>,
}

impl Groups {
    pub(crate) fn get(&self, ix: GroupIx) -> &OrderGroup {
        &self.all[ix.0 as usize]
    }

    fn get_mut(&mut self, ix: GroupIx) -> &mut OrderGroup {
        &mut self.all[ix.0 as usize]
    }

    fn of_member(&self, user: UserId, id: u128) -> Option<GroupIx> {
        let ix = self.by_id.get(&id).copied()?;
        (self.get(ix).user == user).then_some(ix)
    }

    /// Notes a resting order.
    pub(crate) fn enter(&mut self, ix: GroupIx, seq: u64, order: OrderIx) {
        self.get_mut(ix).resting.insert(seq, order);
    }

    /// Forgets an order that no longer rests.
    pub(crate) fn leave(&mut self, ix: GroupIx, seq: u64) {
        self.get_mut(ix).resting.remove(&seq);
    }
}

impl Exchange {
    /// Creates a group. Returns its id.
    ///
    /// # Errors
    /// [`Reject::InvalidOrderSize`] without a limit, [`Reject::SubaccountNotFound`],
    /// [`Reject::TooManyGroups`], [`Reject::ExchangePaused`].
    pub fn create_group(
        &mut self,
        now: WallTime,
        user: UserId,
        new: &NewGroup,
    ) -> Result<u128, Reject> {
        self.advance(now);
        self.check_not_paused()?;
        if new.limit.is_zero() {
            return Err(Reject::InvalidOrderSize);
        }
        if usize::from(new.subaccount) >= self.member(user).accounts.len() {
            return Err(Reject::SubaccountNotFound);
        }
        let live = self.groups.live.entry(user).or_default();
        if live.len() >= GROUPS_MAX {
            return Err(Reject::TooManyGroups);
        }
        let id = self.ids.uuid();
        let place = u32::try_from(self.groups.all.len());
        let ix = GroupIx(place.map_err(|_| Reject::TooManyGroups)?);
        live.insert(ix, id);
        self.groups.by_id.insert(id, ix);
        self.groups.all.push(OrderGroup {
            id,
            user,
            subaccount: new.subaccount,
            exchange_index: new.exchange_index,
            limit: new.limit,
            state: GroupState::Active,
            traded: VecDeque::new(),
            traded_centis: 0,
            resting: BTreeMap::new(),
        });
        self.group_changed(ix, GroupChange::Created(new.limit), now);
        Ok(id)
    }

    /// A member's groups, oldest first.
    pub fn groups_of(&self, user: UserId) -> impl Iterator<Item = &OrderGroup> {
        let live = self.groups.live.get(&user);
        live.into_iter().flat_map(|live| live.keys()).map(|ix| self.groups.get(*ix))
    }

    /// One of a member's groups.
    #[must_use]
    pub fn group(&self, user: UserId, id: u128) -> Option<&OrderGroup> {
        self.groups.of_member(user, id).map(|ix| self.groups.get(ix))
    }

    /// Ids of the orders that rest in a group, oldest first.
    pub fn group_orders<'a>(&'a self, group: &'a OrderGroup) -> impl Iterator<Item = u128> + 'a {
        group.resting.values().map(|ix| self.orders.get(*ix).id)
    }

    /// The id of the group that an order was placed in.
    #[must_use]
    pub fn group_id(&self, order: &super::Order) -> Option<u128> {
        order.group.map(|ix| self.groups.get(ix).id)
    }

    /// Lets a group take orders again, with nothing counted.
    ///
    /// # Errors
    /// [`Reject::NotFound`], [`Reject::ExchangePaused`].
    pub fn reset_group(&mut self, now: WallTime, user: UserId, id: u128) -> Result<(), Reject> {
        self.advance(now);
        let ix = self.find_group(user, id)?;
        let group = self.groups.get_mut(ix);
        group.clear();
        group.state = GroupState::Active;
        self.group_changed(ix, GroupChange::Reset, now);
        Ok(())
    }

    /// Cancels a group's orders and refuses new ones until it is reset.
    ///
    /// # Errors
    /// [`Reject::NotFound`], [`Reject::ExchangePaused`].
    pub fn trigger_group(&mut self, now: WallTime, user: UserId, id: u128) -> Result<(), Reject> {
        self.advance(now);
        let ix = self.find_group(user, id)?;
        self.trigger(ix, now);
        Ok(())
    }

    /// Cancels a group's orders and removes it.
    ///
    /// # Errors
    /// [`Reject::NotFound`], [`Reject::ExchangePaused`].
    pub fn delete_group(&mut self, now: WallTime, user: UserId, id: u128) -> Result<(), Reject> {
        self.advance(now);
        let ix = self.find_group(user, id)?;
        self.close_group(ix, now);
        self.groups.get_mut(ix).state = GroupState::Deleted;
        self.groups.by_id.remove(&id);
        if let Some(live) = self.groups.live.get_mut(&user) {
            live.remove(&ix);
        }
        self.group_changed(ix, GroupChange::Deleted, now);
        Ok(())
    }

    /// Gives a group another limit; when more than that has traded in the window it triggers.
    ///
    /// # Errors
    /// [`Reject::NotFound`], [`Reject::InvalidOrderSize`], [`Reject::ExchangePaused`].
    pub fn limit_group(
        &mut self,
        now: WallTime,
        user: UserId,
        id: u128,
        limit: Contracts,
    ) -> Result<(), Reject> {
        self.advance(now);
        let ix = self.find_group(user, id)?;
        if limit.is_zero() {
            return Err(Reject::InvalidOrderSize);
        }
        let group = self.groups.get_mut(ix);
        group.slide(now);
        group.limit = limit;
        let trips = group.is_over() && group.state == GroupState::Active;
        self.group_changed(ix, GroupChange::Limited(limit), now);
        if trips {
            self.trigger(ix, now);
        }
        Ok(())
    }

    /// The group that a new order names, if it takes this order.
    pub(super) fn check_group(
        &self,
        user: UserId,
        new: &super::NewOrder,
    ) -> Result<Option<GroupIx>, Reject> {
        let Some(id) = new.group else { return Ok(None) };
        let ix = self.find_group(user, id)?;
        let group = self.groups.get(ix);
        let shard = self.markets[new.market].exchange_index;
        if group.exchange_index != shard || group.subaccount != new.subaccount {
            return Err(Reject::NotFound);
        }
        match group.state {
            GroupState::Active => Ok(Some(ix)),
            GroupState::Triggered => Err(Reject::GroupTriggered),
            GroupState::Deleted => Err(Reject::NotFound),
        }
    }

    /// Counts a fill of an order in a group. Returns what the group is afterwards.
    pub(super) fn count_in_group(
        &mut self,
        ix: GroupIx,
        quantity: Contracts,
        now: WallTime,
    ) -> GroupState {
        let group = self.groups.get_mut(ix);
        group.count(quantity, now);
        if group.is_over() && group.state == GroupState::Active {
            self.trigger(ix, now);
        }
        self.groups.get(ix).state
    }

    fn trigger(&mut self, ix: GroupIx, now: WallTime) {
        self.groups.get_mut(ix).state = GroupState::Triggered;
        self.close_group(ix, now);
        self.group_changed(ix, GroupChange::Triggered, now);
    }

    fn close_group(&mut self, ix: GroupIx, now: WallTime) {
        let resting: Vec<_> = self.groups.get(ix).resting.values().copied().collect();
        for order in resting {
            self.close(order, UpdateReason::Decrease, now);
        }
    }

    fn find_group(&self, user: UserId, id: u128) -> Result<GroupIx, Reject> {
        self.check_not_paused()?;
        self.groups.of_member(user, id).ok_or(Reject::NotFound)
    }

    fn check_not_paused(&self) -> Result<(), Reject> {
        match self.state {
            ExchangeState::ExchangePaused => Err(Reject::ExchangePaused),
            ExchangeState::Open | ExchangeState::TradingPaused => Ok(()),
        }
    }

    fn group_changed(&mut self, ix: GroupIx, change: GroupChange, time: WallTime) {
        let group = self.groups.get(ix);
        let (user, id) = (group.user, group.id);
        self.events.push(ExchangeEvent::Group { user, id, change, time });
    }
}
