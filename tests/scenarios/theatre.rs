//! What every scenario needs: a stage set for one market, lines to send, results to look at.
//!
//! The market `KXONE-26JUL01-A` opens with YES bids of 60 at 40 and YES asks of 50 at 42 and 90
//! at 43.

use kalshi_exec::ids::{SignalId, Ticker};
use kalshi_exec::message::{BookSide, BookView, FetchCommand};
use kalshi_exec::order::{Order, State};
use kalshi_exec::recorder::journal::{Entry, JournalReader};
use kalshi_exec::recorder::record::{ChildResult, ExecutionResult, Outcome};
use kalshi_exec::sim::world::fault::{FrameFault, RequestFault, RequestKind, Rule};
use kalshi_exec::sim::world::{World, WorldConfig};
use kalshi_exec::units::{Contracts, Nanos, Position, Price};

pub(crate) const SECOND: Nanos = Nanos::from_secs(1);

/// The market of all scenarios.
pub(crate) fn market() -> Ticker {
    Ticker::new(b"KXONE-26JUL01-A").expect("a plain ticker")
}

/// A world that trades, with these faults in store.
pub(crate) fn world(rules: Vec<Rule>) -> World {
    world_with(rules, |_| {})
}

/// A world that trades, otherwise than usual.
pub(crate) fn world_with(rules: Vec<Rule>, change: impl FnOnce(&mut WorldConfig)) -> World {
    let mut config = WorldConfig { rules, ..WorldConfig::calm(1) };
    // One way takes a millisecond, in one piece: scenarios are about order, not about chance.
    config.link.latency_min = Nanos::from_ms(1);
    config.link.latency_max = Nanos::from_ms(1);
    config.link.split = 0;
    config.link.partial = 0;
    change(&mut config);
    let mut world = World::new(&config);
    world.open();
    // Every connection warm.
    world.run_for(SECOND);
    world
}

/// A world in which an order whose answer is lost is not sent again: look-ups alone tell.
pub(crate) fn world_of_look_ups(rules: Vec<Rule>) -> World {
    world_with(rules, |config| config.orders.resends_max = 0)
}

/// What becomes of the n-th new order.
pub(crate) const fn create(nth: u32, fault: RequestFault) -> Rule {
    Rule::Request(RequestKind::Create, nth, fault)
}

/// What becomes of the n-th cancel.
pub(crate) const fn cancel(nth: u32, fault: RequestFault) -> Rule {
    Rule::Request(RequestKind::Cancel, nth, fault)
}

/// What becomes of the n-th frame of a type.
pub(crate) const fn frame(kind: &'static str, nth: u32, fault: FrameFault) -> Rule {
    Rule::Frame(kind, nth, fault)
}

/// Ten YES at up to 43, at once or not at all.
pub(crate) fn take(id: &str) -> String {
    line(id, "BUY_YES", 42, 10, "immediate_or_cancel")
}

/// Ten YES at 40: rests behind sixty others.
pub(crate) fn rest(id: &str) -> String {
    line(id, "BUY_YES", 39, 10, "good_till_canceled")
}

/// Ten YES at 41: rests as the best bid.
pub(crate) fn rest_in_front(id: &str) -> String {
    line(id, "BUY_YES", 40, 10, "good_till_canceled")
}

/// A signal: with what it says of time in force, style and the like.
pub(crate) fn line(
    id: &str,
    action: &str,
    yes_ask: u32,
    contracts: u32,
    time_in_force: &str,
) -> String {
    format!(
        r#"{{"id":"{id}","should_trade":true,"action":"{action}",
        "kalshi":{{"ticker":"{}","yes_ask":{yes_ask},"no_ask":60}},"edge":{{"cents":12}},
        "confidence":{{"score":80}},"position":{{"contracts":{contracts}}},
        "time_in_force":"{time_in_force}"}}"#,
        market(),
    )
    .replace('\n', " ")
}

/// The same signal with one more field at its top, written as JSON.
pub(crate) fn with(line: &str, field: &str) -> String {
    line.replacen('{', &format!("{{{field},"), 1)
}

/// The limits of a signal's orders in cents of its own leg, in the order sent.
pub(crate) fn limits(result: &ExecutionResult) -> Vec<u32> {
    let cents = |child: &ChildResult| child.limit_price.micros() / Price::MICROS_PER_CENT;
    result.orders.iter().flatten().map(cents).collect()
}

/// The states of a signal's orders, in the order sent.
pub(crate) fn fates(result: &ExecutionResult) -> Vec<State> {
    result.orders.iter().flatten().map(|child| child.state).collect()
}

/// Somebody takes what is offered at 42.
pub(crate) fn somebody_buys(world: &mut World, contracts: u32) {
    let (now, price) = (world.now().wall, Price::from_cents(42).expect("a price"));
    let contracts = Contracts::from_whole(contracts);
    world.host_mut().stranger_trades(now, &market(), BookSide::Bid, price, contracts);
}

/// Somebody sells YES at 41: takes from our best bid.
pub(crate) fn somebody_sells(world: &mut World, contracts: u32) {
    let (now, price) = (world.now().wall, Price::from_cents(41).expect("a price"));
    let contracts = Contracts::from_whole(contracts);
    world.host_mut().stranger_trades(now, &market(), BookSide::Ask, price, contracts);
}

/// The answer to a signal, once there is one.
pub(crate) fn answer(world: &World, id: &str) -> Option<ExecutionResult> {
    let id = SignalId::new(id.as_bytes()).expect("a plain id");
    let mut answers = world.tap().results().filter(|result| result.signal_id == id);
    let first = answers.next().copied();
    assert!(answers.next().is_none(), "one signal, one answer");
    first
}

/// Runs until a signal is answered.
#[track_caller]
pub(crate) fn await_answer(world: &mut World, id: &str) -> ExecutionResult {
    let answered = world.run_until(Nanos::from_secs(120), |world| answer(world, id).is_some());
    assert!(answered, "no answer to {id} within two minutes");
    answer(world, id).expect("it was waited for")
}

/// Runs until the n-th order, counted from 0, is in a state.
#[track_caller]
pub(crate) fn await_state(world: &mut World, nth: usize, state: State) {
    let reached = world.run_until(Nanos::from_secs(120), |world| state_of(world, nth) == state);
    assert!(reached, "order {nth} is {}, not {state}", state_of(world, nth));
}

/// The state of the n-th order.
pub(crate) fn state_of(world: &World, nth: usize) -> State {
    order(world, nth).map_or(State::Pending, Order::state)
}

/// The n-th order, counted from 0.
pub(crate) fn order(world: &World, nth: usize) -> Option<&Order> {
    world.core().orders().iter().nth(nth)
}

/// What the engine holds of the market.
pub(crate) fn held(world: &World) -> Position {
    let markets = world.core().markets();
    let market = markets.find(&market()).expect("the market is listed");
    world.core().account().holding(market.ix).position
}

/// The journal so far.
pub(crate) fn journal(world: &World) -> Vec<Entry> {
    let reader = JournalReader::from_bytes(world.journal().bytes());
    let entries = reader.expect("a journal").map(|entry| entry.expect("an intact entry").1);
    entries.collect()
}

/// What the engine was told of the followed book, in order.
pub(crate) fn views(world: &World) -> Vec<BookView> {
    let view = |entry| match entry {
        Entry::Book(news) => Some(news.view),
        _ => None,
    };
    journal(world).into_iter().filter_map(view).collect()
}

/// A view with these best prices in cents.
pub(crate) fn top(bid: u32, ask: u32) -> BookView {
    BookView::Top { bid: Price::from_cents(bid), ask: Price::from_cents(ask) }
}

/// How often a book was read instead of seen.
pub(crate) fn book_reads(world: &World) -> usize {
    let is_read = |entry: &Entry| matches!(entry, Entry::Ask(FetchCommand::Quote { .. }));
    journal(world).iter().filter(|entry| is_read(entry)).count()
}

/// So many YES.
pub(crate) fn yes(whole: u32) -> Position {
    Position::from_centis(i64::from(whole) * 100)
}

/// The order ended in `state` with `filled` contracts.
#[track_caller]
pub(crate) fn ended(result: &ExecutionResult, state: State, filled: u32) {
    assert_eq!(result.outcome, Outcome::Ended(state), "{result:?}");
    assert_eq!(result.filled, Contracts::from_whole(filled), "{result:?}");
}

/// Every order was written so often, always the same bytes, and that bought it once: what the
/// engine holds is what the exchange says, which [`finish`] compares.
#[track_caller]
pub(crate) fn sent_times(world: &World, times: u32) {
    for order in world.core().orders().iter() {
        let id = order.terms().client_order_id;
        assert_eq!(world.network().times_written(id), times, "{id}");
    }
    assert!(world.network().misdeeds().is_empty(), "{:?}", world.network().misdeeds());
}

/// Every order was written once and taken by the exchange at most once.
#[track_caller]
pub(crate) fn sent_once(world: &World) {
    for order in world.core().orders().iter() {
        let id = order.terms().client_order_id;
        assert!(world.host().creates(id) <= 1, "{id}");
    }
    sent_times(world, 1);
}

/// Settles and drains: no invariant was broken, books are equal.
#[track_caller]
pub(crate) fn finish(world: &mut World) {
    let violations = world.finish();
    assert!(violations.is_empty(), "{violations:#?}");
}
