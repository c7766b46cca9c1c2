//! What the account is asked and given before a run trades, and what is taken away after it: the
//! tier's tokens and costs, and an order group for each shard.
//!
//! A run that was killed leaves its groups behind. Their ids are in its journal: what of them the
//! exchange still lists is deleted before new ones are made; nobody else's group is touched.
//!
//! The groups are the exchange's own limit on what trades within 15 s: it cancels what is in them
//! and takes nothing more when that is exceeded, whatever this process does. Every order is in
//! one. A group that cannot be made keeps the run from starting; one that cannot be deleted
//! afterwards is told and does no harm.

use std::collections::BTreeSet;

use super::account::Account;
use super::errand::Errands;
use super::{EngineError, RunOptions};
use crate::config::{TokensBy, WireConfig};
use crate::ids::OrderGroupId;
use crate::kalshi::account::{
    WriteBucket, WriteCosts, created_group, listed_groups, new_group, write_bucket, write_costs,
};
use crate::kalshi::market::MarketTable;
use crate::kalshi::paths::{ACCOUNT_LIMITS, DELETE, ENDPOINT_COSTS, GET, ORDER_GROUPS, POST};
use crate::risk::Limits;
use crate::runtime::clock::SystemClock;

/// Most contracts a group can be limited to (reference §3.3).
const GROUP_CONTRACTS_MAX: u64 = 1_000_000;

/// The groups of a run: one for each shard on which it may trade. Deleted when dropped, however
/// the run ended.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) by_shard: Vec<(u8, OrderGroupId)>,
    /// Groups of a former run that could not be deleted yet.
    left_over: Vec<(u8, OrderGroupId)>,
    account: Account,
    clock: SystemClock,
}

/// Asks and makes what a run needs. Options come back with the tokens that hold.
pub(super) fn prepare(
    options: &RunOptions,
    (account, clock): (&Account, &SystemClock),
    markets: &MarketTable,
    former: &[(u8, OrderGroupId)],
) -> Result<(RunOptions, Groups), EngineError> {
    let failed = |why: String| EngineError::Exchange { exchange: account.rest.address(), why };
    let mut errands = Errands::new(account, clock);
    let mut options = options.clone();
    if options.config.wire.tokens_by == TokensBy::Tier {
        let (bucket, costs) = tier(&mut errands).map_err(failed)?;
        options.config.wire = by_tier(options.config.wire, bucket, costs);
    }
    let contracts = group_contracts(&options);
    let (account, clock) = (account.clone(), clock.clone());
    let left_over = sweep(&mut errands, former);
    let mut groups = Groups { by_shard: Vec::new(), left_over, account, clock };
    if contracts > 0 {
        let shards: BTreeSet<u8> = markets.all().iter().map(|it| it.exchange_index).collect();
        for shard in shards {
            match make(&mut errands, contracts, shard) {
                Ok(group) => groups.by_shard.push((shard, group)),
                Err(why) => {
                    let why = format!(
                        "no order group could be made on shard {shard}: {why}; \
                         gateway.group_contracts = 0 trades without the exchange's own limit"
                    );
                    return Err(failed(why));
                }
            }
        }
    }
    Ok((options, groups))
}

impl Groups {
    /// Every group that goes with the run.
    pub(super) fn to_delete(&self) -> impl Iterator<Item = (u8, OrderGroupId)> + '_ {
        self.by_shard.iter().chain(&self.left_over).copied()
    }
}

impl Drop for Groups {
    /// Deletes the groups, and with them whatever is still in them. The orders of a run that has
    /// ended in order are over by then.
    fn drop(&mut self) {
        let mut errands = Errands::new(&self.account, &self.clock);
        for (shard, group) in self.to_delete() {
            let _told: Result<(), Undeleted> = delete(&mut errands, shard, &group);
        }
    }
}

/// A group is still there, as far as is known.
struct Undeleted;

/// Deletes a group and whatever is in it; a person is told when that fails.
fn delete(errands: &mut Errands<'_>, shard: u8, group: &OrderGroupId) -> Result<(), Undeleted> {
    let path = format!("{ORDER_GROUPS}/{group}");
    let query = format!("exchange_index={shard}");
    errands.ask(DELETE, (&path, &query), "").map(drop).map_err(|why| {
        tracing::warn!("order group {group} on shard {shard} was not deleted: {why}");
        Undeleted
    })
}

/// Deletes the groups of a former run that are still there, and returns what has to wait for the
/// end of this one. Nothing of that run rests any more: the account was read until it did not.
fn sweep(errands: &mut Errands<'_>, former: &[(u8, OrderGroupId)]) -> Vec<(u8, OrderGroupId)> {
    if former.is_empty() {
        return Vec::new();
    }
    let listed = errands.ask(GET, (ORDER_GROUPS, ""), "");
    let listed = listed.and_then(|body| listed_groups(&body).map_err(|error| error.to_string()));
    let mut left: Vec<(u8, OrderGroupId)> = former.to_vec();
    match listed {
        Ok(listed) => left.retain(|(_, group)| listed.contains(group)),
        Err(why) => tracing::warn!("the order groups of a former run cannot be listed: {why}"),
    }
    left.retain(|(shard, group)| delete(errands, *shard, group).is_err());
    left
}

fn tier(errands: &mut Errands<'_>) -> Result<(WriteBucket, WriteCosts), String> {
    let said = |why: &dyn std::fmt::Display| format!("the account's tier cannot be read: {why}");
    let mut read = |path: &str| errands.ask(GET, (path, ""), "").map_err(|why| said(&why));
    let bucket = write_bucket(&read(ACCOUNT_LIMITS)?).map_err(|why| said(&why))?;
    let costs = write_costs(&read(ENDPOINT_COSTS)?).map_err(|why| said(&why))?;
    Ok((bucket, costs))
}

/// The configuration with the tier's tokens. The reserve stays as far as it leaves room for an
/// order: no tier is too small to trade.
fn by_tier(wire: WireConfig, bucket: WriteBucket, costs: WriteCosts) -> WireConfig {
    let reserve_max = bucket.capacity.saturating_sub(costs.create);
    WireConfig {
        write_tokens_per_second: bucket.refill_per_sec,
        write_tokens_max: bucket.capacity,
        cancel_reserve_tokens: wire.cancel_reserve_tokens.min(reserve_max),
        order_tokens: costs.create,
        cancel_tokens: costs.cancel,
        ..wire
    }
}

/// The configured limit, or what the engine's own limits let out within a minute: far above what
/// it trades in 15 s, so that only what has escaped them meets it.
fn group_contracts(options: &RunOptions) -> u32 {
    let Limits { orders_per_minute_max, position_size_max, .. } = options.config.limits;
    let own = u64::from(orders_per_minute_max) * u64::from(position_size_max.centis()) / 100;
    let contracts = options.config.group_contracts.unwrap_or_else(|| own.max(1));
    u32::try_from(contracts.min(GROUP_CONTRACTS_MAX)).unwrap_or(u32::MAX)
}

fn make(errands: &mut Errands<'_>, contracts: u32, shard: u8) -> Result<OrderGroupId, String> {
    let path = format!("{ORDER_GROUPS}/create");
    let answer = errands.ask(POST, (&path, ""), &new_group(contracts, shard))?;
    created_group(&answer).map_err(|error| error.to_string())
}
