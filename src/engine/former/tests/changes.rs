//! What former runs' changes of orders leave: rates that are used, rejects that count.
//!
//! Folds entries; never writes a journal.

use super::*;
use crate::message::{AmendOrder, CancelFailure, Loss};

/// What a minute of changes leaves to the next run: the orders sent and the rejects it counts.
fn after_changes(entries: &[Entry]) -> (u32, u32, usize) {
    let mut memory = Memory::new(WallTime::from_unix_ms(NOON + 61_000));
    let mut take = |secs: u64, entry: &Entry| {
        let mono = Timestamp::from_ns(secs * 1_000_000_000);
        let wall = WallTime::from_unix_ms(NOON + secs * 1_000);
        let header = Header { run: RunId::new(1), seq: secs, now: Now { mono, wall } };
        memory.take(&header, entry);
    };
    take(0, &Entry::RunStarted { run: RunId::new(1), config_digest: 0, seed: 0, mode: 1 });
    for entry in entries {
        // More than a minute ago, and within it.
        take(1, entry);
        take(2, entry);
        take(55, entry);
    }
    let (carried, markets) = {
        memory.carried();
        let former = memory.into_former(REPEATS);
        (former.carried.unwrap(), former.markets)
    };
    (carried.recent_orders, carried.recent_rejects, markets.len())
}

#[test]
fn amendments_of_the_last_minute_use_the_next_runs_rate_and_repeat_nothing() {
    let order = NewOrder::sample(OrderKey { slot: 0, generation: 0 });
    let amend = AmendOrder {
        key: order.key,
        order_id: OrderId::lossy("o-1"),
        client_order_id: order.client_order_id,
        market: order.market,
        side: order.side,
        price: order.price,
        quantity: order.quantity,
        approved: order.approved,
    };
    assert_eq!(after_changes(&[Entry::Amend(amend)]), (2, 0, 0));
}

#[test]
fn refused_changes_of_the_last_minute_are_rejects_for_the_next_run() {
    let key = OrderKey { slot: 0, generation: 0 };
    let failed = |why| Entry::Gateway(GatewayEvent::ChangeFailed { key, why });
    let refused = |kind| failed(CancelFailure::Rejected(kind));
    assert_eq!(after_changes(&[refused(RejectKind::InvalidPrice)]), (0, 2, 0));
    let everyday = [
        refused(RejectKind::NotFound),
        refused(RejectKind::PostOnlyCross),
        failed(CancelFailure::Unsent(Unsent::NoTokens)),
        failed(CancelFailure::Lost(Loss::Timeout)),
    ];
    assert_eq!(after_changes(&everyday), (0, 0, 0));
}
