//! The whole engine against the exchange over faulty links, from many seeds.
//!
//! Every run must leave the engine's books equal to the exchange's to the last unit, whatever
//! went wrong on the way, and break no limit by the exchange's own ledger. A failing seed prints
//! the command that replays it. `SIMULATION_SEED=n` runs one seed, `SIMULATION_SEEDS=n` as
//! many from 0 on, `SIMULATION_FRESH=text` adds seeds that follow from the text (a build's number,
//! say).

use std::collections::BTreeMap;

use kalshi_exec::ids::{ClientOrderId, OrderId, Reason, RunId, Ticker};
use kalshi_exec::message::{BookSide, Command, ControlCommand, FeedEvent, NewOrder};
use kalshi_exec::oms::{Input, Outbox};
use kalshi_exec::order::Order;
use kalshi_exec::recorder::journal::{Entry, JournalReader};
use kalshi_exec::recorder::record::Record;
use kalshi_exec::risk::Kept;
use kalshi_exec::runtime::random::Random;
use kalshi_exec::sim::exchange::{
    ExchangeState, MarketCommand, MarketStatus, Outcome, PriceStructure,
};
use kalshi_exec::sim::venue::{Venue, VenueAction};
use kalshi_exec::sim::world::meddling::HandMade;
use kalshi_exec::sim::world::signals::SignalMaker;
use kalshi_exec::sim::world::{World, WorldConfig, fresh_core};
use kalshi_exec::units::{Contracts, Nanos, Price};

/// Seeds that always run: fewer where nothing is optimised.
const SEEDS: u64 = if cfg!(debug_assertions) { 40 } else { 200 };
/// Seeds that a fresh text adds.
const FRESH_SEEDS: u64 = 20;
const SIGNALS: u32 = 100;

/// One run: connects, trades, is disturbed, settles, drains.
fn run(seed: u64) -> (World, Vec<String>) {
    let config = WorldConfig::rough(seed);
    let mut random = Random::new(seed ^ 0x6f70_6572_6174_6f72);
    let mut world = World::new(&config);
    world.open();
    let mut maker = SignalMaker::new(&config.books, config.starts, seed);
    let gap = Nanos::from_ms(random.between(20, 600));
    let schedule = maker.schedule(world.now().mono, SIGNALS, gap);
    world.send(schedule);
    for _ in 0..random.below(6) {
        world.run_for(Nanos::from_ms(random.between(100, 6_000)));
        disturb(&mut world, &mut random);
    }
    restore(&mut world);
    let mut violations = world.finish();
    violations.extend(prices_out_of_bounds(&world, &config));
    (world, violations)
}

/// Retries that went further past the first order's limit than they may.
fn prices_out_of_bounds(world: &World, config: &WorldConfig) -> Vec<String> {
    let bound = config.orders.improvement_max;
    let mut found = Vec::new();
    for result in world.tap().results() {
        let mut children = result.orders.iter().flatten();
        let Some(first) = children.next() else { continue };
        if terms(world, first.client_order_id).is_none_or(|order| order.post_only) {
            continue;
        }
        for child in children {
            let further = child.limit_price - first.limit_price;
            let further = if result.action.is_buy() { further } else { -further };
            if further > bound {
                found.push(format!("{} went {further} past its first limit", result.signal_id));
            }
        }
    }
    found
}

/// What was approved under an id.
fn terms(world: &World, id: ClientOrderId) -> Option<&NewOrder> {
    let is_it = |order: &&Order| order.terms().client_order_id == id;
    world.core().orders().iter().find(is_it).map(Order::terms)
}

/// What people, the exchange and the network do on a bad day.
fn disturb(world: &mut World, random: &mut Random) {
    let now = world.now();
    let market = world.host().venue().exchange().markets()[0].ticker;
    let venue_now = now.wall;
    match random.below(13) {
        0 => world.host_mut().cut_streams(now.mono),
        1 => world.host_mut().silence_streams(),
        2 => world.host_mut().cut_http(now.mono),
        3 => world.command(ControlCommand::Halt { reason: Reason::lossy("drill") }),
        4 => world.command(ControlCommand::Resume),
        5 => {
            let state = ExchangeState::TradingPaused;
            world.host_mut().venue_mut().set_state(venue_now, state);
        }
        6 => {
            let venue = world.host_mut().venue_mut();
            venue.set_market_status(venue_now, &market, MarketStatus::Inactive);
        }
        7 => settle(world, random),
        8 => meddle(world, random, Some(RunId::new(77))),
        9 => meddle(world, random, None),
        10 => void(world, random),
        11 => restructure(world),
        _ => restore(world),
    }
}

/// An order that the engine has not made, under our mark or not: met at once, later or never.
fn hand_made(world: &World, random: &mut Random, run: Option<RunId>) -> HandMade {
    let market = &world.host().venue().exchange().markets()[1];
    let side = if random.chance(500) { BookSide::Bid } else { BookSide::Ask };
    let cents = u32::try_from(random.between(50, 60)).unwrap_or(55);
    let contracts = u32::try_from(random.between(1, 6)).unwrap_or(1);
    HandMade {
        ticker: market.ticker,
        side,
        price: Price::from_cents(cents).expect("between 50 and 60"),
        contracts: Contracts::from_whole(contracts),
        client_order_id: run.map(|run| ClientOrderId::new(run, random.next() >> 16)),
    }
}

fn meddle(world: &mut World, random: &mut Random, run: Option<RunId>) {
    let (now, order) = (world.now().wall, hand_made(world, random, run));
    world.host_mut().account_trades(now, &order);
}

/// A fill is told that never was.
fn void(world: &mut World, random: &mut Random) {
    let (now, order) = (world.now(), hand_made(world, random, None));
    let id = OrderId::lossy("00000000-0000-4000-8000-00000000feed");
    world.host_mut().tell_of_a_voided_fill(now, &order, &id);
}

/// Finer prices become valid in the second market, and it is to close in an hour.
fn restructure(world: &mut World) {
    let now = world.now().wall;
    let market = Some(world.host().venue().exchange().markets()[1].ticker);
    let finer = MarketCommand::Restructure(PriceStructure::DeciCent);
    let closes = MarketCommand::CloseAt(now + Nanos::from_secs(3_600));
    for command in [finer, closes] {
        world.host_mut().venue_mut().act(now, &VenueAction::Market { market, command });
    }
}

/// The last market comes out one way or the other, once.
fn settle(world: &mut World, random: &mut Random) {
    let now = world.now().wall;
    let exchange = world.host().venue().exchange();
    let market = exchange.markets().last().map(|market| market.ticker);
    let outcome = match random.below(3) {
        0 => Outcome::Yes,
        1 => Outcome::No,
        _ => Outcome::Scalar(370_000),
    };
    for command in [MarketCommand::Close, MarketCommand::Determine(outcome), MarketCommand::Settle]
    {
        world.host_mut().venue_mut().act(now, &VenueAction::Market { market, command });
    }
}

fn restore(world: &mut World) {
    let now = world.now().wall;
    let market = world.host().venue().exchange().markets()[0].ticker;
    let venue = world.host_mut().venue_mut();
    venue.set_state(now, ExchangeState::Open);
    venue.set_market_status(now, &market, MarketStatus::Active);
}

#[track_caller]
fn passes(seed: u64) {
    let (world, violations) = run(seed);
    if !violations.is_empty()
        && let Ok(path) = std::env::var("SIMULATION_JOURNAL")
    {
        std::fs::write(path, world.journal().bytes()).expect("SIMULATION_JOURNAL is writable");
    }
    assert!(
        violations.is_empty(),
        "seed {seed}: {violations:#?}\nalive: {:#?}\nfaults: {:#?}\nalerts: {:#?}\nreplay: SIMULATION_SEED={seed} \
         cargo test --release --test simulation every_seed",
        world.core().orders().live_orders().collect::<Vec<_>>(),
        world.network().fault_log(),
        world.audit().alerts(),
    );
}

#[test]
fn every_seed_leaves_the_books_equal_and_breaks_no_limit() {
    if let Ok(text) = std::env::var("SIMULATION_SEED") {
        return passes(text.parse().expect("SIMULATION_SEED is a number"));
    }
    let count = std::env::var("SIMULATION_SEEDS")
        .map_or(SEEDS, |text| text.parse().expect("SIMULATION_SEEDS is a number"));
    (0..count).for_each(passes);
}

#[test]
fn fresh_seeds_do_too() {
    let Ok(text) = std::env::var("SIMULATION_FRESH") else {
        println!("skipped: SIMULATION_FRESH names no text to make fresh seeds from");
        return;
    };
    let seed = u64::from(crc32fast::hash(text.as_bytes()));
    let mut random = Random::new(seed);
    (0..FRESH_SEEDS).for_each(|_| passes(random.next()));
}

#[test]
fn a_seed_reproduces_a_run_to_the_byte_of_its_journal() {
    for seed in [1, 2, 3] {
        let (first, _) = run(seed);
        let (second, _) = run(seed);
        let (first, second) = (first.journal().bytes(), second.journal().bytes());
        assert!(first == second, "seed {seed} made two journals");
        assert!(first.len() > 10_000, "seed {seed} did something");
    }
}

/// What one input leads to, as the journal lists it.
fn outputs_of(outbox: &Outbox) -> Vec<Entry> {
    let commands = outbox.commands.iter().filter_map(|command| match command {
        Command::Submit(approved) => Some(Entry::Submit(*approved.get())),
        Command::Resend(approved) => Some(Entry::Resend(*approved.get())),
        Command::Cancel(cancel) => Some(Entry::Cancel(*cancel)),
        Command::CancelAll => Some(Entry::CancelAll),
        Command::Amend(order) => Some(Entry::Amend(*order.get())),
        Command::Decrease(decrease) => Some(Entry::Decrease(*decrease)),
        Command::List(_) => None,
    });
    let asks = outbox.asks.iter().map(|ask| Entry::Ask(*ask));
    let results = outbox.records.iter().filter_map(|record| match record {
        Record::Result(result) => Some(Entry::Result(*result)),
        Record::FillVoided(voided) => Some(Entry::Voided(*voided)),
        Record::Restated(restated) => Some(Entry::Restated(*restated)),
        _ => None,
    });
    let kept = outbox.kept.iter().map(|kept| match kept {
        Kept::Account(carried) => Entry::Risk(*carried),
        Kept::Market(market) => Entry::MarketRisk(*market),
        Kept::Listed(market) => Entry::Market(*market),
    });
    commands.chain(kept).chain(asks).chain(results).collect()
}

fn input_of(entry: &Entry) -> Option<Input> {
    Some(match entry {
        Entry::Signal(signal) => Input::Signal(*signal),
        Entry::Gateway(event) => Input::Gateway(*event),
        Entry::Feed(event) => Input::Feed(*event),
        Entry::Fetch(event) => Input::Fetch(*event),
        Entry::Book(news) => Input::Book(*news),
        Entry::Control(command) => Input::Control(*command),
        Entry::Timer => Input::Timer,
        _ => return None,
    })
}

#[test]
fn a_journal_replays_to_the_same_decisions() {
    for seed in 0..10 {
        let (world, _) = run(seed);
        let mut core = fresh_core(&WorldConfig::rough(seed));
        let mut expected: Vec<Entry> = Vec::new();
        let mut decisions = 0;
        for entry in JournalReader::from_bytes(world.journal().bytes()).unwrap() {
            let (header, entry) = entry.unwrap();
            if let Some(input) = input_of(&entry) {
                assert!(expected.is_empty(), "seed {seed}: {:?} was not journaled", expected[0]);
                let mut outbox = Outbox::default();
                core.handle(header.now, &input, &mut outbox);
                expected = outputs_of(&outbox);
                expected.reverse();
            } else if !entry.is_input() {
                assert_eq!(expected.pop(), Some(entry), "seed {seed}");
                decisions += 1;
            }
        }
        assert!(decisions > 20, "seed {seed} decided something");
        assert_eq!(core.account().cash(), world.core().account().cash(), "seed {seed}");
    }
}

/// Orphans adopted, fills voided, news of markets, fills of others' orders.
fn news(world: &World) -> [usize; 4] {
    let alerts = world.audit().alerts().iter();
    let adopted = alerts.filter(|alert| alert.contains("adopted")).count();
    let void = |record: &&Record| matches!(record, Record::FillVoided { .. });
    let voided = world.tap().records().iter().filter(void).count();
    let entries = JournalReader::from_bytes(world.journal().bytes()).expect("a journal");
    let entries: Vec<Entry> = entries.map(|entry| entry.expect("an intact entry").1).collect();
    let is_market = |entry: &&Entry| matches!(entry, Entry::Feed(FeedEvent::Market(_)));
    let is_foreign = |entry: &&Entry| match entry {
        Entry::Feed(FeedEvent::Fill(fill)) => fill.client_order_id.is_none(),
        _ => false,
    };
    let markets = entries.iter().filter(is_market).count();
    [adopted, voided, markets, entries.iter().filter(is_foreign).count()]
}

#[test]
fn seeds_meet_what_they_are_meant_to_meet() {
    // A simulation in which nothing goes wrong, or nothing is traded, proves nothing.
    let (mut faults, mut fills, mut creates) = (0, 0, 0);
    let mut markets: BTreeMap<Ticker, usize> = BTreeMap::new();
    let (mut retried, mut made, mut moved, mut whole, mut settled) = (0, 0, 0, 0, 0);
    let mut met = [0; 4];
    for seed in 0..40 {
        let (world, _) = run(seed);
        for result in world.tap().results().filter(|result| result.retries > 0) {
            let first = result.orders[0].and_then(|it| terms(&world, it.client_order_id));
            let rested = first.is_some_and(|order| order.post_only);
            moved += usize::from(rested);
            retried += usize::from(!rested);
            whole += usize::from(result.filled == result.contracts);
        }
        let over = |record: &&Record| matches!(record, Record::Settled { .. });
        settled += world.tap().records().iter().filter(over).count();
        let told = news(&world);
        met.iter_mut().zip(told).for_each(|(sum, count)| *sum += count);
        for fill in world.audit().fills() {
            *markets.entry(fill.ticker).or_default() += 1;
        }
        made += world.audit().fills().iter().filter(|fill| !fill.is_taker).count();
        faults += world.network().fault_log().len();
        fills += world.audit().fills().len();
        creates += world.host().all_creates().count();
    }
    assert!(faults > 50 && fills > 100 && creates > 100, "{faults} {fills} {creates}");
    let followed = [retried, moved, whole];
    assert!(followed.iter().all(|count| *count > 5), "retried, moved, then whole: {followed:?}");
    assert!(made > 20, "{made} fills of resting orders");
    assert!(met.iter().all(|count| *count > 0), "adopted, voided, markets, foreign: {met:?}");
    assert!(settled > 0, "no position was settled");
    assert!(markets.len() == 4 && markets.values().all(|fills| *fills > 5), "{markets:?}");
}
