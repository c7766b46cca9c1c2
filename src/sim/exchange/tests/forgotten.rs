//! What has ended is readable until as many newer orders have ended as are kept, and no longer.

use super::*;
use crate::sim::exchange::order::OrderStore;
use crate::sim::exchange::random::Random;

const KEPT: usize = 8;

#[test]
fn ended_orders_are_forgotten_in_the_order_of_their_ends() {
    let mut exchange = exchange(&[book(&[], &[])], 1_000_000);
    exchange.orders = OrderStore::keeping(KEPT);
    let (mut live, mut ended) = (Vec::new(), Vec::new());
    let mut random = Random::new(5);
    for _ in 0..400 {
        let user = UserId(u32::try_from(random.below(2)).unwrap());
        if live.len() < 40 {
            let placed = exchange.submit(START, user, &bid(30, 1)).unwrap();
            live.push((user, placed.order.id));
        }
        // Oldest or newest or between: not the order of their arrival.
        let place = usize::try_from(random.below(live.len() as u64)).unwrap();
        if random.below(3) > 0 {
            let (user, id) = live.remove(place);
            exchange.cancel(START, user, id).unwrap();
            ended.push((user, id));
        }
        agrees(&exchange, &live, &ended);
    }
    assert!(ended.len() > 10 * KEPT, "{} have ended", ended.len());
}

#[track_caller]
fn agrees(exchange: &Exchange, live: &[(UserId, u128)], ended: &[(UserId, u128)]) {
    let forgotten = ended.len().saturating_sub(KEPT);
    for (user, id) in &ended[..forgotten] {
        assert!(exchange.order(*user, *id).is_none());
    }
    for user in [ALICE, BOB] {
        let readable = live.iter().chain(&ended[forgotten..]).filter(|(owner, _)| *owner == user);
        let mut readable: Vec<u128> = readable.map(|(_, id)| *id).collect();
        let listed: Vec<Order> = exchange.orders_of(user).collect();
        assert!(listed.is_sorted_by_key(|order| order.seq), "oldest first");
        let mut listed: Vec<u128> = listed.into_iter().map(|order| order.id).collect();
        // Named once each, and nothing is named that cannot be read.
        assert_eq!(listed, exchange.member(user).order_ids().collect::<Vec<_>>());
        readable.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, readable);
    }
}
