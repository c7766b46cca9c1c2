//! What paper never does: fill through a limit, leave a part open, or trade for nothing.

use super::*;
use crate::feed::scripted::VirtualClock;
use crate::ids::{ClientOrderId, MarketIx, RunId};
use crate::risk::Approved;
use crate::runtime::ring::ring;
use crate::units::Money;

struct Bench {
    paper: Paper<VirtualClock>,
    clock: VirtualClock,
    commands: Producer<Command>,
    events: Consumer<GatewayEvent>,
    feed: Consumer<FeedEvent>,
    _asks: Producer<FetchCommand>,
    _fetch: Consumer<FetchEvent>,
}

/// What one order came to.
#[derive(Debug, Default)]
struct Fate {
    accepted: Option<Accepted>,
    fills: Vec<Fill>,
    ended: Option<OrderReport>,
}

impl Bench {
    fn new(config: PaperConfig) -> Self {
        let clock = VirtualClock::default();
        let (commands, to_paper) = ring(64);
        let (from_paper, events) = ring(64);
        let (to_feed, feed) = ring(64);
        let (asks, asked) = ring(4);
        let (answers, fetch) = ring(4);
        let rings = PaperRings {
            commands: to_paper,
            events: from_paper,
            feed: to_feed,
            asks: asked,
            fetch: answers,
        };
        let paper = Paper::new(config, clock.clone(), rings);
        Self { paper, clock, commands, events, feed, _asks: asks, _fetch: fetch }
    }

    fn trade(&mut self, order: NewOrder) -> Fate {
        let approved = Approved::unchecked_for_tests(order);
        self.commands.push(Command::Submit(approved)).unwrap();
        let _taken: Work = self.paper.poll();
        self.clock.advance(Nanos::from_ms(60));
        let _answered: Work = self.paper.poll();
        let mut fate = Fate::default();
        while let Ok(event) = self.events.pop() {
            if let GatewayEvent::Accepted { accepted, .. } = event {
                fate.accepted = Some(accepted);
            }
        }
        while let Ok(event) = self.feed.pop() {
            match event {
                FeedEvent::Fill(fill) => fate.fills.push(fill),
                FeedEvent::Order(report) => fate.ended = Some(report),
                FeedEvent::Up
                | FeedEvent::Down
                | FeedEvent::Missed { .. }
                | FeedEvent::NewsMissed
                | FeedEvent::Alive
                | FeedEvent::Market(_)
                | FeedEvent::Position(_)
                | FeedEvent::Group(_) => {}
            }
        }
        fate
    }
}

/// Ten contracts at a limit that is also the market.
pub(super) fn order(seq: u64, side: BookSide, cents: u32, time_in_force: TimeInForce) -> NewOrder {
    NewOrder {
        key: OrderKey { slot: u32::try_from(seq).unwrap(), generation: 0 },
        client_order_id: ClientOrderId::new(RunId::new(1), seq),
        market: MarketIx(0),
        side,
        price: Price::from_cents(cents).unwrap(),
        quantity: Contracts::from_whole(10),
        time_in_force,
        expiration_secs: None,
        reduce_only: false,
        post_only: false,
        reference: Price::from_cents(cents).unwrap(),
        received: Timestamp::ZERO,
        approved: Timestamp::ZERO,
    }
}

#[test]
fn paper_never_fills_through_its_limit() {
    // Every fill slips as far as it can: two cents, from one cent inside the limit.
    let config =
        PaperConfig { slippage_per_mille: 1_000, fill_per_mille: 1_000, ..PaperConfig::default() };
    let mut bench = Bench::new(config);
    for seq in 0..400 {
        let side = if seq % 2 == 0 { BookSide::Bid } else { BookSide::Ask };
        let cents = 1 + u32::try_from(seq).unwrap() % 99;
        let order = order(seq, side, cents, TimeInForce::ImmediateOrCancel);
        let inside = if side == BookSide::Bid { cents.max(2) - 1 } else { cents.min(98) + 1 };
        let reference = Price::from_cents(inside).unwrap();
        for fill in bench.trade(NewOrder { reference, ..order }).fills {
            match side {
                BookSide::Bid => assert!(fill.price <= order.price, "{fill:?}"),
                BookSide::Ask => assert!(fill.price >= order.price, "{fill:?}"),
            }
        }
    }
}

#[test]
fn a_limit_short_of_the_market_does_not_fill() {
    let config = PaperConfig { fill_per_mille: 1_000, ..PaperConfig::default() };
    let mut bench = Bench::new(config);
    for seq in 0..100 {
        let side = if seq % 2 == 0 { BookSide::Bid } else { BookSide::Ask };
        let short = if side == BookSide::Bid { 51 } else { 49 };
        let reference = Price::from_cents(short).unwrap();
        let order = order(seq, side, 50, TimeInForce::ImmediateOrCancel);
        assert!(bench.trade(NewOrder { reference, ..order }).fills.is_empty());
    }
}

#[test]
fn a_partial_paper_fill_ends() {
    let config =
        PaperConfig { fill_per_mille: 1_000, partial_per_mille: 1_000, ..PaperConfig::default() };
    let mut bench = Bench::new(config);
    for seq in 0..100 {
        let order = order(seq, BookSide::Bid, 50, TimeInForce::GoodTillCanceled);
        let Fate { accepted, fills, ended } = bench.trade(order);
        let filled = fills.iter().fold(Contracts::ZERO, |sum, fill| sum + fill.quantity);
        assert!(!filled.is_zero() && filled < order.quantity, "{filled}");
        assert_eq!(accepted.unwrap().filled, filled);
        let ended = ended.expect("what is left expires");
        assert_eq!((ended.status, ended.expired), (ExchangeStatus::Canceled, true));
        assert_eq!((ended.filled, ended.remaining), (filled, Contracts::ZERO));
        assert!(bench.paper.waiting.is_empty());
    }
}

#[test]
fn a_making_order_is_met_where_it_rests_and_pays_no_taker_fee() {
    let config = PaperConfig { fill_per_mille: 1_000, ..PaperConfig::default() };
    let mut bench = Bench::new(config);
    let making =
        NewOrder { post_only: true, ..order(1, BookSide::Ask, 55, TimeInForce::GoodTillCanceled) };
    let fate = bench.trade(making);
    let fill = fate.fills[0];
    assert_eq!((fill.price, fill.fee, fill.is_taker), (making.price, Money::ZERO, false));
}
