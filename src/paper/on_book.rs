//! Paper trading on a book (stages 3 and 4 in one): the rings around [`BookFills`].
//!
//! In: commands of the oms. Out: what gateway and feed would tell it. Bounded: what does not fit
//! into a ring waits here, in order. Thread `gateway`; a simulator, not a hot path.

use super::PaperRings;
use super::book::{BookFills, Change, Told};
use crate::ids::MarketIx;
use crate::message::{
    CancelFailure, Command, FeedEvent, FetchCommand, FetchEvent, GatewayEvent, Unsent,
};
use crate::risk::KillSwitch;
use crate::runtime::clock::Clock;
use crate::runtime::stage::{Stage, Work};
use crate::units::{Now, Timestamp};

/// Orders under way at once; more are refused like a pool without connections.
const UNDER_WAY_MAX: usize = 2_048;

/// See the module's page.
#[derive(Debug)]
pub struct BookPaper<C> {
    book: BookFills,
    clock: C,
    rings: PaperRings,
    /// What the rings had no room for.
    waiting: Option<Told>,
    greetings: Vec<Told>,
    kill_switch: KillSwitch,
}

impl<C: Clock> BookPaper<C> {
    /// Joins a book with its rings.
    #[must_use]
    pub fn new(book: BookFills, clock: C, rings: PaperRings) -> Self {
        let greetings =
            vec![Told::Feed(FeedEvent::Up), Told::Gateway(GatewayEvent::Connections { ready: 1 })];
        Self { book, clock, rings, waiting: None, greetings, kill_switch: KillSwitch::default() }
    }

    /// Takes no order that `kill_switch` refuses.
    #[must_use]
    pub fn with_kill_switch(mut self, kill_switch: KillSwitch) -> Self {
        self.kill_switch = kill_switch;
        self
    }

    fn take(&mut self, now: Now, command: &Command) {
        match command {
            Command::Submit(order) => match self.obstacle(order.get().approved, order.get().market)
            {
                None => self.book.submit(now, *order.get()),
                Some(why) => {
                    let key = order.get().key;
                    self.waiting = Some(Told::Gateway(GatewayEvent::NotSent { key, why }));
                }
            },
            // No answer is ever lost on paper.
            Command::Resend(order) => {
                let (key, why) = (order.get().key, Unsent::NoConnection);
                self.waiting = Some(Told::Gateway(GatewayEvent::NotResent { key, why }));
            }
            Command::Cancel(cancel) => self.book.cancel(now, *cancel),
            Command::CancelAll => self.book.cancel_all(now),
            Command::Amend(amend) => self.change(now, Change::Amend(*amend.get())),
            Command::Decrease(decrease) => self.change(now, Change::Decrease(*decrease)),
            // What is not in the recording has no book.
            Command::List(_) => {}
        }
    }

    fn change(&mut self, now: Now, change: Change) {
        match self.obstacle(change.since(), change.market()) {
            None => self.book.change(now, change),
            Some(why) => {
                let (key, why) = (change.key(), CancelFailure::Unsent(why));
                self.waiting = Some(Told::Gateway(GatewayEvent::ChangeFailed { key, why }));
            }
        }
    }

    /// Why an order of this time and market cannot be sent now.
    fn obstacle(&self, approved: Timestamp, market: MarketIx) -> Option<Unsent> {
        let full = self.book.under_way() >= UNDER_WAY_MAX;
        let held = self.kill_switch.refuses(approved, market);
        held.or_else(|| full.then_some(Unsent::NoConnection))
    }

    /// Tells what there is to tell, as far as the rings have room.
    fn tell(&mut self) -> Work {
        let mut work = Work::Idle;
        loop {
            let next = self.waiting.take().or_else(|| self.greetings.pop());
            let Some(told) = next.or_else(|| self.book.poll()) else { return work };
            let kept = match told {
                Told::Gateway(event) => self.rings.events.push(event).is_ok(),
                Told::Feed(event) => self.rings.feed.push(event).is_ok(),
            };
            if !kept {
                self.waiting = Some(told);
                return work;
            }
            work = Work::Done;
        }
    }

    /// Every order was answered and every fill reported: there is nothing to make up for.
    fn answer_asks(&mut self, now: Now) -> Work {
        if self.rings.fetch.is_full() {
            return Work::Idle;
        }
        let answer = match self.rings.asks.pop() {
            Ok(FetchCommand::Backfill { .. }) => FetchEvent::BackfillDone,
            Ok(FetchCommand::Order { key, .. }) => FetchEvent::OrderAbsent { key },
            Ok(FetchCommand::Quote { ticker }) => {
                let quote = self.book.quote(&ticker, now.wall);
                quote.map_or(FetchEvent::QuoteFailed { ticker }, FetchEvent::Quote)
            }
            Ok(FetchCommand::Market { .. }) => FetchEvent::MarketRead,
            Ok(FetchCommand::Settlements { .. }) => FetchEvent::SettlementsDone,
            // There is no other side to compare with.
            Ok(FetchCommand::Account { .. }) => FetchEvent::AccountFailed,
            Err(_empty) => return Work::Idle,
        };
        let kept = self.rings.fetch.push(answer);
        debug_assert!(kept.is_ok(), "Invariant: the ring had room");
        Work::Done
    }
}

impl<C: Clock> Stage for BookPaper<C> {
    const NAME: &'static str = "paper";

    fn poll(&mut self) -> Work {
        let now = self.clock.now();
        self.book.advance(now);
        let work = self.tell().or(self.answer_asks(now));
        if self.waiting.is_some() {
            return work;
        }
        match self.rings.commands.pop() {
            Ok(command) => {
                self.take(now, &command);
                Work::Done
            }
            Err(_empty) => work,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crossbeam::channel::unbounded;

    use super::*;
    use crate::ids::{MarketIx, OrderKey};
    use crate::message::{BookSide, CancelOrder, NewOrder, TimeInForce};
    use crate::paper::book::{BookConfig, Following};
    use crate::paper::tests;
    use crate::risk::Approved;
    use crate::runtime::clock::VirtualClock;
    use crate::runtime::ring::{Consumer, Producer, ring};
    use crate::sim::replay::{self, NewLine, RecordedChange, RecordedEvent, Recording};
    use crate::units::{Contracts, Money, Nanos, Price, WallTime};

    const START: WallTime = WallTime::from_unix_ms(1_784_031_300_000);
    const LATENCY: Nanos = Nanos::from_ms(20);

    /// The oms's end of the rings, with the stage and its clock.
    struct Bench {
        stage: BookPaper<VirtualClock>,
        clock: VirtualClock,
        commands: Producer<Command>,
        events: Consumer<GatewayEvent>,
        feed: Consumer<FeedEvent>,
        asks: Producer<FetchCommand>,
        fetch: Consumer<FetchEvent>,
    }

    impl Bench {
        fn new(cash: Money) -> Self {
            Self::following(cash, None)
        }

        fn following(cash: Money, follow: Option<Following>) -> Self {
            let home = Path::new(env!("CARGO_MANIFEST_DIR"));
            let recording = replay::open(&home.join("examples/replay-session.jsonl")).unwrap();
            Self::on(recording, cash, follow)
        }

        fn on(recording: Recording, cash: Money, follow: Option<Following>) -> Self {
            Self::with(BookConfig {
                recording: recording.into(),
                speed: 1,
                follow,
                cash,
                latency_min: LATENCY,
                latency_max: LATENCY,
                seed: 1,
            })
        }

        fn with(config: BookConfig) -> Self {
            let clock = VirtualClock::new(START);
            let (commands, from_oms) = ring(32);
            let (to_oms, events) = ring(8);
            let (news, feed) = ring(8);
            let (asks, questions) = ring(8);
            let (answers, fetch) = ring(8);
            let rings = PaperRings {
                commands: from_oms,
                events: to_oms,
                feed: news,
                asks: questions,
                fetch: answers,
            };
            let book = BookFills::new(config, START).unwrap();
            let stage = BookPaper::new(book, clock.clone(), rings);
            Self { stage, clock, commands, events, feed, asks, fetch }
        }

        fn submit(&mut self, slot: u32, cents: u32, tif: TimeInForce) {
            let order = Approved::unchecked_for_tests(order(slot, cents, tif));
            assert!(self.commands.push(Command::Submit(order)).is_ok());
            self.polls();
        }

        /// Polls until nothing happens.
        fn polls(&mut self) {
            while self.stage.poll() == Work::Done {}
        }

        fn after(&mut self, span: Nanos) {
            self.clock.advance(span);
            self.polls();
        }

        fn events(&mut self) -> Vec<GatewayEvent> {
            core::iter::from_fn(|| self.events.pop().ok()).collect()
        }

        fn news(&mut self) -> Vec<FeedEvent> {
            core::iter::from_fn(|| self.feed.pop().ok()).collect()
        }
    }

    fn order(slot: u32, cents: u32, time_in_force: TimeInForce) -> NewOrder {
        let quantity = Contracts::from_whole(3);
        NewOrder { quantity, ..tests::order(slot.into(), BookSide::Bid, cents, time_in_force) }
    }

    #[test]
    fn an_order_fills_at_visible_prices_after_its_latency() {
        let mut bench = Bench::new(Money::from_cents(10_000));
        bench.submit(1, 55, TimeInForce::ImmediateOrCancel);
        let told = bench.events();
        assert!(matches!(told[..], [_, GatewayEvent::Sent { .. }]), "{told:?}");
        bench.after(LATENCY);
        let told = bench.events();
        let [GatewayEvent::Accepted { accepted, .. }] = told[..] else { panic!("{told:?}") };
        assert_eq!(accepted.filled, Contracts::from_whole(3));
        let news = bench.news();
        let [FeedEvent::Up, FeedEvent::Fill(fill), FeedEvent::Order(_)] = news[..] else {
            panic!("{news:?}")
        };
        assert!(fill.is_taker && fill.fee > Money::ZERO);
        assert!(fill.price < Price::from_cents(55).unwrap(), "the best ask is better");
    }

    /// When each of eight orders reached the book, in milliseconds, with latencies in a range.
    fn arrivals(latency_ms: [u64; 2]) -> Vec<u64> {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let [latency_min, latency_max] = latency_ms.map(Nanos::from_ms);
        let mut bench = Bench::with(BookConfig {
            recording: replay::open(&home.join("examples/replay-session.jsonl")).unwrap().into(),
            speed: 1,
            follow: None,
            cash: Money::from_cents(10_000),
            latency_min,
            latency_max,
            seed: 1,
        });
        for slot in 1..=8 {
            bench.submit(slot, 20, TimeInForce::GoodTillCanceled);
            bench.events();
        }
        let mut arrivals = Vec::new();
        for ms in 1..=latency_ms[1] {
            bench.after(Nanos::from_ms(1));
            bench.news();
            let told = bench.events();
            let accepted = told.iter().filter(|it| matches!(it, GatewayEvent::Accepted { .. }));
            arrivals.extend(accepted.map(|_| ms));
        }
        arrivals
    }

    #[test]
    fn latency_is_what_was_configured() {
        assert_eq!(arrivals([5, 5]), [5; 8]);
        assert_eq!(arrivals([120, 120]), [120; 8]);
        let spread = arrivals([10, 60]);
        assert_eq!(spread.len(), 8, "all of them by the most: {spread:?}");
        assert!(spread[0] >= 10 && spread[0] < spread[7], "{spread:?}");
        assert_eq!(spread, arrivals([10, 60]), "from the seed");
    }

    #[test]
    fn a_resting_order_is_taken_back_by_its_cancel() {
        let mut bench = Bench::new(Money::from_cents(10_000));
        bench.submit(1, 20, TimeInForce::GoodTillCanceled);
        bench.after(LATENCY);
        let told = bench.events();
        let Some(GatewayEvent::Accepted { key, accepted }) = told.last().copied() else {
            panic!("{told:?}")
        };
        let cancel = CancelOrder { key, order_id: accepted.order_id, market: MarketIx(0) };
        for _ in 0..2 {
            assert!(bench.commands.push(Command::Cancel(cancel)).is_ok());
            bench.polls();
            bench.after(LATENCY);
        }
        let told = bench.events();
        let reduced_by = Contracts::from_whole(3);
        assert_eq!(told[1], GatewayEvent::CancelAccepted { key, reduced_by });
        assert_eq!(told[3], GatewayEvent::CancelNotFound { key }, "it is gone");
    }

    #[test]
    fn an_order_without_money_is_refused_in_the_exchanges_words() {
        let mut bench = Bench::new(Money::from_cents(100));
        bench.submit(1, 50, TimeInForce::GoodTillCanceled);
        bench.after(LATENCY);
        let told = bench.events();
        let Some(GatewayEvent::Rejected { reject, .. }) = told.last() else { panic!("{told:?}") };
        assert_eq!((reject.status, reject.code.as_str()), (400, "insufficient_balance"));
    }

    #[test]
    fn nothing_is_sent_while_the_switch_is_thrown() {
        let mut bench = Bench::new(Money::from_cents(10_000));
        let kill_switch = KillSwitch::default();
        bench.stage = bench.stage.with_kill_switch(kill_switch.clone());
        kill_switch.throw();
        bench.submit(1, 55, TimeInForce::ImmediateOrCancel);
        let told = bench.events();
        let key = OrderKey { slot: 1, generation: 0 };
        assert_eq!(told[1], GatewayEvent::NotSent { key, why: Unsent::Halted });
    }

    #[test]
    fn quotes_come_from_the_book() {
        let mut bench = Bench::new(Money::from_cents(10_000));
        bench.polls();
        let ticker = crate::ids::Ticker::new(b"KXWCGAME-26JUL14FRAESP-ESP").unwrap();
        assert!(bench.asks.push(FetchCommand::Quote { ticker }).is_ok());
        bench.polls();
        let Ok(FetchEvent::Quote(quote)) = bench.fetch.pop() else { panic!("no quote") };
        assert!(quote.bid < quote.ask && quote.bid.is_some());
    }

    #[test]
    fn makers_pay_the_fees_that_were_recorded_of_their_series() {
        let text = r#"{"series":{"ticker":"KXA","fee_type":"quadratic_with_maker_fees"}}
{"type":"orderbook_snapshot","msg":{"market_ticker":"KXA-1-B","ts_ms":1000,"yes_dollars_fp":[["0.2000","1.00"]],"no_dollars_fp":[["0.4000","9.00"]]}}
{"type":"orderbook_delta","msg":{"market_ticker":"KXA-1-B","ts_ms":2000,"side":"no","price_dollars":"0.7000","delta_fp":"9.00"}}"#;
        let recording = Recording::parse(text).unwrap();
        let markets = BookFills::markets(&recording).unwrap();
        assert_eq!(markets.get(MarketIx(0)).unwrap().fees.maker_ppm, 17_500);
        let mut bench = Bench::on(recording, Money::from_cents(10_000), None);
        bench.submit(1, 30, TimeInForce::GoodTillCanceled);
        bench.after(Nanos::from_secs(1));
        let news = bench.news();
        let [FeedEvent::Up, FeedEvent::Order(_), FeedEvent::Fill(fill), ..] = news[..] else {
            panic!("{news:?}")
        };
        assert!(!fill.is_taker && fill.fee > Money::ZERO, "{fill:?}");
    }

    const SILENCE: Nanos = Nanos::from_secs(15);

    fn following(lines: crossbeam::channel::Receiver<NewLine>) -> Following {
        Following { lines, silence_max: SILENCE }
    }

    #[test]
    fn a_followed_book_is_down_while_its_recorder_is_silent() {
        let (sender, incoming) = unbounded();
        let mut bench = Bench::following(Money::from_cents(10_000), Some(following(incoming)));
        bench.polls();
        assert_eq!(bench.news(), [FeedEvent::Up]);
        bench.after(SILENCE);
        sender.send(NewLine::Other).unwrap();
        bench.polls();
        bench.after(SILENCE);
        assert_eq!(bench.news(), [], "any line shows that somebody writes");

        bench.after(Nanos::from_ms(1));
        bench.after(SILENCE);
        assert_eq!(bench.news(), [FeedEvent::Down], "once");

        sender.send(NewLine::Other).unwrap();
        bench.polls();
        assert_eq!(bench.news(), [FeedEvent::Up]);
        bench.after(SILENCE);
        bench.after(Nanos::from_ms(1));
        assert_eq!(bench.news(), [FeedEvent::Down], "again");
        drop(sender);
        bench.polls();
        assert_eq!(bench.news(), [], "it was down already");
    }

    #[test]
    fn a_followed_book_takes_what_comes_and_is_down_when_it_ends() {
        let (sender, incoming) = unbounded();
        let mut bench = Bench::following(Money::from_cents(10_000), Some(following(incoming)));
        bench.submit(1, 30, TimeInForce::GoodTillCanceled);
        bench.after(LATENCY);
        bench.news();
        // Whatever the recording has, an ask at 30 cents crosses her bid.
        let price = Price::from_cents(30).unwrap();
        let change = RecordedChange::Delta { side: BookSide::Ask, price, centis: 200 };
        let event = RecordedEvent { time: START, market: 0, change };
        sender.send(NewLine::Event(event)).unwrap();
        bench.polls();
        let news = bench.news();
        let [FeedEvent::Fill(fill), ..] = news[..] else { panic!("{news:?}") };
        assert_eq!((fill.quantity, fill.is_taker), (Contracts::from_whole(2), false));

        drop(sender);
        bench.polls();

        assert_eq!(bench.news().last(), Some(&FeedEvent::Down));
    }

    #[test]
    fn full_rings_keep_what_is_told_in_order() {
        let mut bench = Bench::new(Money::from_cents(100_000));
        for slot in 1..=20 {
            bench.submit(slot, 20, TimeInForce::GoodTillCanceled);
        }
        bench.after(LATENCY);
        let mut told = Vec::new();
        loop {
            let news = bench.events();
            if news.is_empty() {
                break;
            }
            told.extend(news);
            bench.news();
            bench.after(LATENCY);
        }
        let count = |wanted: fn(&GatewayEvent) -> bool| told.iter().filter(|it| wanted(it)).count();
        assert_eq!(count(|event| matches!(event, GatewayEvent::Sent { .. })), 20);
        assert_eq!(count(|event| matches!(event, GatewayEvent::Accepted { .. })), 20);
    }
}
