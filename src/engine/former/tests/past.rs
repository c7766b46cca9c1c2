//! What happened while no engine ran: settlements and fills count once, in the day, the row and the
//! market's result, over any number of restarts; and nothing is read before every order's fate can
//! be known.

use super::*;
use crate::message::MarketSettlement;
use crate::risk::PastMarket;

const WAIT: Nanos = Nanos::from_secs(35);

/// The first market is over, so long after noon.
fn settled(yes_pays_cents: i64, secs: u64) -> FetchEvent {
    FetchEvent::Settled(MarketSettlement {
        ticker: ticker(0),
        yes_pays: Money::from_cents(yes_pays_cents),
        yes: Contracts::from_whole(10),
        no: Contracts::ZERO,
        revenue: Money::ZERO,
        settled_at: WallTime::from_unix_ms(NOON + secs * 1_000),
    })
}

impl Rig {
    fn fetched(&mut self, event: FetchEvent) {
        self.ends.fetch.push(event).unwrap();
        self.settle();
    }

    fn losses(&self) -> u32 {
        self.oms.core().guard().consecutive_losses()
    }
}

/// Ten YES at 48 with a fee of 18 cents, and the engine dies.
fn bought(dir: &Path) {
    let (mut first, _) = Rig::start(dir, 1, NOON);
    first.trade("a", 0, Action::BuyYes, 48);
    assert_eq!(first.state().day.loss(), Money::from_cents(18));
}

#[test]
fn a_loss_that_settled_between_two_runs_counts_in_the_day_and_the_row_and_moves_no_cash() {
    let dir = tempfile::tempdir().unwrap();
    bought(dir.path());
    let (mut second, _) = Rig::start(dir.path(), 2, NOON + 120_000);
    assert_eq!(second.losses(), 0);
    second.fetched(settled(0, 60));
    assert_eq!(second.state().day.loss(), Money::from_cents(498), "480 and the fee");
    assert_eq!(second.losses(), 1);
    assert_eq!(second.oms.core().account().cash(), CASH, "the opening contains it");
    assert_eq!(second.oms.core().account().holding(MarketIx(0)).position, Position::FLAT);
    // Read again within the run.
    second.fetched(settled(0, 60));
    assert_eq!((second.losses(), second.state().day.loss()), (1, Money::from_cents(498)));
    assert!(second.signal("b", 0, Action::BuyYes).is_none());
    assert_eq!(second.last_refusal(), Some(Limit::MarketInactive));
}

#[test]
fn it_counts_once_over_any_number_of_restarts_heard_of_or_not() {
    let dir = tempfile::tempdir().unwrap();
    bought(dir.path());
    // A run that dies before it can ask changes nothing.
    for run in 2..4 {
        let (quiet, _) = Rig::start(dir.path(), run, NOON + run * 60_000);
        assert_eq!((quiet.losses(), quiet.state().day.loss()), (0, Money::from_cents(18)));
    }
    let (mut third, _) = Rig::start(dir.path(), 4, NOON + 300_000);
    third.fetched(settled(0, 60));
    assert_eq!((third.losses(), third.state().day.loss()), (1, Money::from_cents(498)));
    drop(third);
    for run in 5..8 {
        let (mut next, _) = Rig::start(dir.path(), run, NOON + run * 60_000);
        next.fetched(settled(0, 60));
        next.fetched(FetchEvent::BackfillDone);
        next.fetched(FetchEvent::SettlementsDone);
        assert_eq!((next.losses(), next.state().day.loss()), (1, Money::from_cents(498)));
    }
}

#[test]
fn what_settled_yesterday_counts_in_the_row_but_not_in_todays_loss() {
    let dir = tempfile::tempdir().unwrap();
    bought(dir.path());
    let (mut second, _) = Rig::start(dir.path(), 2, NOON + 86_400_000);
    second.fetched(settled(0, 60));
    assert_eq!((second.losses(), second.state().day.loss()), (1, Money::ZERO));
}

#[test]
fn a_fill_that_nobody_was_told_of_counts_when_the_next_run_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _) = Rig::start(dir.path(), 1, NOON);
    first.trade("a", 0, Action::BuyYes, 48);
    let now = first.clock.now();
    drop(first);
    let (mut second, _) = Rig::start(dir.path(), 2, NOON + 120_000);
    // Sold at 40 just before the end, and the stream died first.
    let fill = Fill {
        trade_id: TradeId::lossy("unheard"),
        order_id: OrderId::lossy("o"),
        client_order_id: None,
        ticker: ticker(0),
        side: BookSide::Ask,
        price: Price::from_cents(40).unwrap(),
        quantity: Contracts::from_whole(10),
        fee: Money::from_cents(2),
        is_taker: true,
        exchange_time: now.wall,
        received: now.mono,
        decoded: now.mono,
        origin: Origin::Rest,
    };
    for _twice in 0..2 {
        second.fetched(FetchEvent::Fill(fill));
        assert_eq!(second.state().day.loss(), Money::from_cents(18 + 80 + 2));
    }
    assert_eq!(second.oms.core().account().cash(), CASH);
    // And not again in the run after that.
    drop(second);
    let (mut third, _) = Rig::start(dir.path(), 3, NOON + 240_000);
    third.fetched(FetchEvent::Fill(fill));
    assert_eq!(third.state().day.loss(), Money::from_cents(100));
}

#[test]
fn a_fill_told_after_its_markets_end_is_paid_out_once_however_often_the_end_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _) = Rig::start(dir.path(), 1, NOON);
    let order = first.signal("a", 0, Action::BuyYes).expect("an order");
    first.sent(order.key);
    first.accepted(&order);
    first.fetched(settled(0, 60));
    first.filled(&order, 48, Money::from_cents(18));
    first.fetched(settled(0, 60));
    let loss = Money::from_cents(498);
    assert_eq!(first.state().day.loss(), loss, "480 and the fee");
    drop(first);
    for run in 2..4 {
        let (next, _) = Rig::start(dir.path(), run, NOON + run * 60_000);
        assert_eq!(next.state().day.loss(), loss);
    }
}

#[test]
fn a_markets_result_contains_what_former_runs_made_of_it() {
    let dir = tempfile::tempdir().unwrap();
    bought(dir.path());
    let held = Holding { position: Position::from_centis(1_000), cost: Money::from_cents(480) };
    let (mut second, former) =
        Rig::start_holding(dir.path(), 2, NOON + 120_000, &[(ticker(0), held)]);
    let expected = PastMarket {
        ticker: ticker(0),
        position: held.position,
        cost: held.cost,
        realized: Money::ZERO,
        fees: Money::from_cents(18),
    };
    assert!(former.past.contains(&Past::Market(expected)), "{:?}", former.past);
    // Sold for what it cost: a win but for the fees of both runs.
    second.trade("b", 0, Action::SellYes, 48);
    let pnl = second.oms.core().pnl(MarketIx(0));
    assert_eq!((pnl.realized, pnl.fees), (Money::ZERO, Money::from_cents(36)));
    while second.ends.records.pop().is_ok() {}
    second.fetched(settled(100, 300));
    let mut results = Vec::new();
    while let Ok(record) = second.ends.records.pop() {
        if let Record::Settled { result, .. } = record {
            results.push(result);
        }
    }
    assert_eq!(results, [Money::from_cents(-36)]);
    assert_eq!(second.losses(), 1);
}

#[test]
fn nothing_is_read_before_an_order_of_open_fate_can_have_landed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _) = Rig::start(dir.path(), 1, NOON);
    let order = first.signal("a", 0, Action::BuyYes).unwrap();
    first.clock.advance(Nanos::from_secs(5));
    first.sent(order.key);
    drop(first);
    let at = |secs: u64| WallTime::from_unix_ms(NOON + secs * 1_000);
    let former = Former::read(dir.path(), at(6), REPEATS).unwrap();
    assert_eq!(former.orders_known_at(WAIT), Some(at(35)), "as long as a run waits itself");
    assert_eq!(former.orders_known_at(Nanos::from_secs(3)), Some(at(5)), "over already");
}

#[test]
fn orders_whose_end_was_told_delay_no_start() {
    let dir = tempfile::tempdir().unwrap();
    bought(dir.path());
    let former = Former::read(dir.path(), WallTime::from_unix_ms(NOON + 1_000), REPEATS).unwrap();
    assert_eq!(former.orders_known_at(WAIT), None);
}

#[test]
fn what_may_be_in_flight_at_midnight_counts_for_the_new_day() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _) = Rig::start(dir.path(), 1, NOON);
    let order = first.signal("a", 0, Action::BuyYes).unwrap();
    first.sent(order.key);
    drop(first);
    let (second, _) = Rig::start(dir.path(), 2, NOON + 12 * 3_600_000);
    let day = second.state().day;
    assert_eq!((day.orders, day.volume), (0, order.quantity));
}
