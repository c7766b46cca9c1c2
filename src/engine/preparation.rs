//! What the account is asked and given before a run trades, and what is taken away after it: the
//! tier's tokens and costs, and an order group for each shard.
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
    WriteBucket, WriteCosts, created_group, new_group, write_bucket, write_costs,
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
    account: Account,
    clock: SystemClock,
}

/// Asks and makes what a run needs. Options come back with the tokens that hold.
pub(super) fn prepare(
    options: &RunOptions,
    account: &Account,
    clock: &SystemClock,
    markets: &MarketTable,
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
    let mut groups = Groups { by_shard: Vec::new(), account, clock };
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

impl Drop for Groups {
    /// Deletes the groups, and with them whatever is still in them. The orders of a run that has
    /// ended in order are over by then.
    fn drop(&mut self) {
        let mut errands = Errands::new(&self.account, &self.clock);
        for (shard, group) in &self.by_shard {
            let path = format!("{ORDER_GROUPS}/{group}");
            let query = format!("exchange_index={shard}");
            if let Err(why) = errands.ask(DELETE, (&path, &query), "") {
                tracing::warn!("order group {group} on shard {shard} was not deleted: {why}");
            }
        }
    }
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
