//! A market is over: its position is paid out once, whatever becomes known before or after.

use super::desk::{A, B, Desk, cents, ticker};
use crate::ids::MarketIx;
use crate::message::{
    Action, BookSide, FeedEvent, FetchCommand, FetchEvent, MarketSettlement, TimeInForce,
};
use crate::oms::Input;
use crate::oms::account::Holding;
use crate::recorder::record::{Outcome, Record};
use crate::risk::{BreakerState, Limit};
use crate::units::{Contracts, Money, Nanos, Position};

const MARKET: MarketIx = MarketIx(0);
const START_CENTS: i64 = 1_000_000;

fn settled(desk: &Desk, yes_pays_cents: i64, yes: u32, no: u32) -> FetchEvent {
    FetchEvent::Settled(MarketSettlement {
        ticker: ticker(A),
        yes_pays: Money::from_cents(yes_pays_cents),
        yes: Contracts::from_whole(yes),
        no: Contracts::from_whole(no),
        revenue: Money::from_cents(yes_pays_cents * i64::from(yes)),
        settled_at: desk.now.wall,
    })
}

fn results(desk: &Desk) -> Vec<Money> {
    let result = |record: &Record| match record {
        Record::Settled { result, .. } => Some(*result),
        _ => None,
    };
    desk.records.iter().filter_map(result).collect()
}

#[test]
fn a_win_is_paid_out_and_booked_once() {
    let mut desk = Desk::new(|_| {});
    desk.buy_ten("a");
    let won = settled(&desk, 100, 10, 0);

    desk.fetched(won);
    desk.fetched(won);

    // Ten at 49 and a cent of fees; a dollar each comes back.
    assert_eq!(results(&desk), [Money::from_cents(1_000 - 490 - 1)]);
    assert_eq!(desk.core.account().cash(), Money::from_cents(START_CENTS - 491 + 1_000));
    assert_eq!(*desk.core.account().holding(MARKET), Holding::default());
    assert_eq!(desk.core.exposure().market(MARKET).worst_case(), Contracts::ZERO);
    assert!(desk.alerts().is_empty(), "{:?}", desk.alerts());
}

#[test]
fn a_loss_counts_for_the_day() {
    let loses_500 = |config: &mut crate::oms::config::OmsConfig| {
        config.limits.daily_loss_max = Money::from_cents(491);
    };
    let mut desk = Desk::new(loses_500);
    desk.buy_ten("a");
    let lost = settled(&desk, 0, 10, 0);
    desk.fetched(lost);
    assert_eq!(results(&desk), [Money::from_cents(-491)]);

    let mut signal = desk.signal("b", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    signal.ticker = ticker(B);
    desk.tell(&Input::Signal(signal));

    let Some(Outcome::Refused(refusal)) = desk.results().last().map(|result| result.outcome) else {
        panic!("{:?}", desk.results());
    };
    // The loss itself opens the breaker, which is asked before the day's counters.
    assert_eq!(refusal.limit, Limit::BreakerOpen);
    assert_eq!(desk.core.guard().breaker().state(), BreakerState::Open);
}

#[test]
fn a_fill_that_is_known_after_its_markets_settlement_is_paid_out_too() {
    let mut desk = Desk::new(|_| {});
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    desk.tell(&Input::Signal(signal));
    let order = desk.last_order();
    desk.accept(&order, order.quantity);

    // The settlement overtakes the news of the fill it pays for.
    let won = settled(&desk, 100, 10, 0);
    desk.fetched(won);
    desk.fill(&order, 10);

    assert_eq!(desk.core.account().cash(), Money::from_cents(START_CENTS - 491 + 1_000));
    assert_eq!(desk.core.account().holding(MARKET).position, Position::FLAT);
    assert_eq!(desk.alerts().len(), 1, "the counts differed for a while");
}

#[test]
fn buying_no_wins_when_yes_loses() {
    let mut desk = Desk::new(|_| {});
    let signal = desk.signal("a", Action::BuyNo, TimeInForce::ImmediateOrCancel);
    desk.tell(&Input::Signal(signal));
    let order = desk.last_order();
    desk.accept(&order, order.quantity);
    desk.fill(&order, 10);
    // NO at 54: one cent past its ask.
    assert_eq!(desk.core.account().cash(), Money::from_cents(START_CENTS - 541));

    let over = settled(&desk, 0, 0, 10);
    desk.fetched(over);

    assert_eq!(results(&desk), [Money::from_cents(1_000 - 541)]);
    assert_eq!(desk.core.account().cash(), Money::from_cents(START_CENTS - 541 + 1_000));
}

#[test]
fn nothing_trades_in_a_market_that_is_over() {
    let mut desk = Desk::new(|_| {});
    let over = settled(&desk, 100, 0, 0);
    desk.fetched(over);
    assert!(results(&desk).is_empty(), "we were not in it");

    let signal = desk.signal("a", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    desk.tell(&Input::Signal(signal));

    let Some(Outcome::Refused(refusal)) = desk.results().last().map(|result| result.outcome) else {
        panic!("{:?}", desk.results());
    };
    assert_eq!(refusal.limit, Limit::MarketInactive);
}

#[test]
fn the_opening_books_contain_what_settled_before_them() {
    let mut desk = Desk::new(|_| {});
    let mut old = settled(&desk, 100, 10, 0);
    if let FetchEvent::Settled(settlement) = &mut old {
        settlement.settled_at = crate::units::WallTime::from_unix_ms(1_000);
    }
    desk.fetched(old);
    assert_eq!(desk.core.account().cash(), Money::from_cents(START_CENTS));
    assert_eq!((desk.core.guard().consecutive_losses(), desk.core.day().loss()), (0, Money::ZERO));
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    desk.tell(&Input::Signal(signal));
    assert_eq!(desk.submits(), 0, "it is over");
}

#[test]
fn settlements_are_asked_for_every_minute_one_question_at_a_time() {
    let mut desk = Desk::new(|_| {});
    let asked = |desk: &Desk| {
        let asks = desk.asks.iter();
        asks.filter(|ask| matches!(ask, FetchCommand::Settlements { .. })).count()
    };
    desk.pass(Nanos::from_secs(1));
    assert_eq!(asked(&desk), 1);
    desk.pass(Nanos::from_secs(180));
    assert_eq!(asked(&desk), 1, "no answer, no other question");
    desk.fetched(FetchEvent::SettlementsFailed);
    desk.pass(Nanos::from_secs(60));
    assert_eq!(asked(&desk), 2);
}

#[test]
fn profit_and_loss_values_what_is_open_between_the_best_prices() {
    let mut desk = Desk::new(|_| {});
    desk.buy_ten("a");
    // The signal saw 47 bid, 48 asked; ten at 49 are worth 47.5 each.
    let pnl = desk.core.pnl(MARKET);
    assert_eq!(pnl.unrealized, Some(Money::from_cents(475 - 490)));
    assert_eq!((pnl.realized, pnl.fees), (Money::ZERO, Money::from_cents(1)));

    let sold = desk.stranger(A, BookSide::Ask, cents(60), 10);
    desk.tell(&Input::Feed(FeedEvent::Fill(sold)));
    let pnl = desk.core.pnl(MARKET);
    assert_eq!((pnl.realized, pnl.unrealized), (Money::from_cents(110), Some(Money::ZERO)));
}

#[test]
fn settled_losses_in_a_row_open_the_breaker_and_a_win_starts_anew() {
    use crate::risk::BreakerState;

    let two = |config: &mut crate::oms::config::OmsConfig| {
        config.breaker.consecutive_losses_max = 2;
        config.limits.position_per_event_max = Contracts::from_whole(500);
    };
    let play = |outcomes: &[i64]| {
        let mut desk = Desk::new(two);
        for (place, yes_pays_cents) in outcomes.iter().enumerate() {
            let name = [A, B, "KXZ-1-A", "KXZ-1-B"][place];
            let fill = desk.stranger(name, BookSide::Bid, cents(40), 10);
            desk.tell(&Input::Feed(FeedEvent::Fill(fill)));
            let mut over = settled(&desk, *yes_pays_cents, 10, 0);
            if let FetchEvent::Settled(settlement) = &mut over {
                settlement.ticker = ticker(name);
            }
            desk.fetched(over);
        }
        (desk.core.guard().consecutive_losses(), desk.core.guard().breaker().state())
    };

    assert_eq!(play(&[0]), (1, BreakerState::Closed));
    assert_eq!(play(&[0, 100, 0]), (1, BreakerState::Closed));
    assert_eq!(play(&[0, 0]), (2, BreakerState::Open));
}
