//! The stories that an exchange can play, by their numbers in the list of scenarios, each as the
//! faults that tell it. Some need none: this exchange, as the real one, is always like that. The
//! stories that are not here need a client that dies, a full disk or a rude producer.

/// How a story is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// By these faults.
    By(&'static str),
    /// By the rules: it needs no fault.
    Always,
}

/// One story: its number, its fact, how it is told.
type Story = (i64, &'static str, Told);

/// Without faults.
const ALWAYS: [Story; 6] = [
    (6, "an order that fills at once is in no list of resting orders", Told::Always),
    (10, "a sale is told as a bid or ask of the YES book, with the fill's own side", Told::Always),
    (12, "a cursor that is none is ignored: the first page comes again", Told::Always),
    (
        25,
        "prices below a cent, fractions of contracts and tapered grids trade, fees are per fill",
        Told::Always,
    ),
    (30, "reduce_only is refused on orders that may rest", Told::Always),
    (31, "quotes move on, and a post-only order that would cross is refused", Told::Always),
];

/// Of orders and fills.
const ORDERS: [Story; 12] = [
    (
        1,
        "a create times out and landed",
        Told::By(
            "
        [[fault]]
        name = 'lost_response'
        count = 1",
        ),
    ),
    (
        2,
        "an order lives after its connection died",
        Told::By(
            "
        [[fault]]
        name = 'drop_after'
        on = 'create'
        count = 1",
        ),
    ),
    (
        3,
        "a gateway error hides an accepted order",
        Told::By(
            "
        [[fault]]
        name = 'server_error'
        on = 'create'
        status = 502
        phase = 'after'
        count = 1",
        ),
    ),
    (
        4,
        "an order reaches the book long after it left",
        Told::By(
            "
        [[fault]]
        name = 'delay'
        on = 'create'
        delay_ms = 3000
        count = 1",
        ),
    ),
    (
        5,
        "a 2xx without an order id",
        Told::By(
            "
        [[fault]]
        name = 'no_order_id'
        count = 1",
        ),
    ),
    (
        7,
        "an answer that describes another order",
        Told::By(
            "
        [[fault]]
        name = 'wrong_order_id'
        count = 1",
        ),
    ),
    (
        8,
        "a fill comes before the answer to its order, and books are seconds old",
        Told::By(
            "
        [[fault]]
        name = 'delay'
        on = 'create'
        delay_ms = 300
        phase = 'after'
        [[fault]]
        name = 'delay_message'
        on = 'orderbook_delta'
        delay_ms = 4000
        delay_max_ms = 20000
        shape = 'exponential'",
        ),
    ),
    (
        9,
        "every fill is told twice",
        Told::By(
            "
        [[fault]]
        name = 'duplicate'
        on = 'fill'",
        ),
    ),
    (
        11,
        "a fill is lost on a healthy stream",
        Told::By(
            "
        [[fault]]
        name = 'lost_message'
        on = 'fill'
        count = 1",
        ),
    ),
    (
        13,
        "an order's last words are repeated",
        Told::By(
            "
        [[fault]]
        name = 'duplicate'
        on = 'user_order'",
        ),
    ),
    (
        14,
        "a fill is voided a second later, and the position follows",
        Told::By(
            "
        [[fault]]
        name = 'void_fill'
        at_ms = 1000
        [[fault]]
        name = 'void_fill'
        at_ms = 5000",
        ),
    ),
    (
        15,
        "an outage of five seconds",
        Told::By(
            "
        [[fault]]
        name = 'server_error'
        from_ms = 2000
        until_ms = 7000
        [[fault]]
        name = 'server_error'
        on = 'upgrade'
        from_ms = 2000
        until_ms = 7000
        [[fault]]
        name = 'cut'
        at_ms = 2000",
        ),
    ),
];

/// Of the stream, of formats, of the clock and the calendar.
const WORLD: [Story; 11] = [
    (
        17,
        "a list cut short at its first page",
        Told::By(
            "
        [[fault]]
        name = 'short_page'",
        ),
    ),
    (
        18,
        "reads of positions, orders and fills are a second behind",
        Told::By(
            "
        [[fault]]
        name = 'read_lag'
        lag_ms = 1000",
        ),
    ),
    (
        20,
        "a stream falls silent with its pings going on",
        Told::By(
            "
        [[fault]]
        name = 'silent_stream'
        first = 20
        count = 1",
        ),
    ),
    (
        21,
        "user_order never comes; connections are reset and refused with 502",
        Told::By(
            "
        [[fault]]
        name = 'lost_message'
        on = 'user_order'
        [[fault]]
        name = 'cut'
        at_ms = 2000
        [[fault]]
        name = 'server_error'
        on = 'upgrade'
        status = 502
        from_ms = 2000
        until_ms = 4000",
        ),
    ),
    (
        22,
        "gaps, doubles and disorder in the books; subscriptions end with errors 10 and 25",
        Told::By(
            "
        [[fault]]
        name = 'seq_gap'
        per_mille = 20
        [[fault]]
        name = 'duplicate'
        on = 'orderbook_delta'
        per_mille = 20
        [[fault]]
        name = 'reorder'
        on = 'orderbook_delta'
        per_mille = 20
        [[fault]]
        name = 'subscription_error'
        on = 'orderbook_delta'
        code = 10
        first = 50
        count = 1
        [[fault]]
        name = 'subscription_error'
        on = 'orderbook_delta'
        code = 25
        first = 150
        count = 1
        [[fault]]
        name = 'overflow'
        first = 300
        count = 1",
        ),
    ),
    (
        23,
        "orders are answered 410 overnight",
        Told::By(
            "
        [[fault]]
        name = 'gone'
        on = 'create'",
        ),
    ),
    (
        24,
        "formats change, a proxy answers with a page, bodies come in chunks",
        Told::By(
            "
        [[fault]]
        name = 'html_error'
        per_mille = 50
        [[fault]]
        name = 'changed_answer'
        how = 'new'
        per_mille = 100
        [[fault]]
        name = 'changed_answer'
        how = 'reordered'
        per_mille = 100
        [[fault]]
        name = 'changed_answer'
        how = 'numbers'
        per_mille = 50
        [[fault]]
        name = 'changed_answer'
        how = 'missing'
        field = 'ts_ms'
        per_mille = 50
        [[fault]]
        name = 'changed_answer'
        how = 'renamed'
        field = 'fill_count'
        to = 'filled_count'
        per_mille = 20
        [[fault]]
        name = 'chunked'
        per_mille = 100
        [[fault]]
        name = 'interim'
        per_mille = 100
        [[fault]]
        name = 'close_after'
        per_mille = 50
        [[fault]]
        name = 'changed_message'
        how = 'new'
        per_mille = 100
        [[fault]]
        name = 'changed_message'
        how = 'reordered'
        per_mille = 100
        [[fault]]
        name = 'changed_message'
        how = 'numbers'
        per_mille = 20
        [[fault]]
        name = 'changed_message'
        how = 'missing'
        field = 'ts_ms'
        per_mille = 50",
        ),
    ),
    (
        26,
        "the exchange's clock is a minute ahead",
        Told::By(
            "
        [[fault]]
        name = 'clock_skew'
        skew_ms = 60000",
        ),
    ),
    (
        27,
        "a burst of 429",
        Told::By(
            "
        [[fault]]
        name = 'too_many_requests'
        first = 5
        count = 20",
        ),
    ),
    (
        28,
        "a cancel-all takes the next minute's orders with it",
        Told::By(
            "
        [[fault]]
        name = 'cancel_all_tail'
        per_mille = 500",
        ),
    ),
    (
        29,
        "a market is halted and re-activated, the exchange pauses, a market closes",
        Told::By(
            "
        [[fault]]
        name = 'market_pause'
        at_ms = 2000
        for_ms = 3000
        [[fault]]
        name = 'exchange_pause'
        at_ms = 8000
        for_ms = 2000
        [[fault]]
        name = 'close'
        at_ms = 15000",
        ),
    ),
];

fn all() -> impl Iterator<Item = &'static Story> {
    ORDERS.iter().chain(&WORLD).chain(&ALWAYS)
}

/// A story: its fact, and how it is told.
pub(super) fn find(number: i64) -> Option<(&'static str, Told)> {
    all().find(|(known, ..)| *known == number).map(|(_, fact, told)| (*fact, *told))
}

/// All stories in the order of their numbers: number, fact, and how it is told.
#[must_use]
pub fn facts() -> Vec<(i64, &'static str, Told)> {
    let mut facts: Vec<_> = all().copied().collect();
    facts.sort_unstable_by_key(|(number, ..)| *number);
    facts
}

pub(super) fn numbers() -> String {
    let faults = facts().into_iter().filter(|(.., told)| *told != Told::Always);
    let numbers: Vec<_> = faults.map(|(number, ..)| number.to_string()).collect();
    numbers.join(", ")
}
