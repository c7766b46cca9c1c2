//! The stories that an exchange can play, by their numbers in the list of scenarios, each as the
//! faults that tell it. The others need a client that dies, a full disk or a rude producer.

/// One story: its number, its fact, its faults.
type Story = (i64, &'static str, &'static str);

const STORIES: [Story; 19] = [
    (
        1,
        "a create times out and landed",
        "
        [[fault]]
        name = 'lost_response'
        count = 1",
    ),
    (
        2,
        "an order lives after its connection died",
        "
        [[fault]]
        name = 'drop_after'
        on = 'create'
        count = 1",
    ),
    (
        3,
        "a gateway error hides an accepted order",
        "
        [[fault]]
        name = 'server_error'
        on = 'create'
        status = 502
        phase = 'after'
        count = 1",
    ),
    (
        4,
        "an order reaches the book long after it left",
        "
        [[fault]]
        name = 'delay'
        on = 'create'
        delay_ms = 3000
        count = 1",
    ),
    (
        5,
        "a 2xx without an order id",
        "
        [[fault]]
        name = 'no_order_id'
        count = 1",
    ),
    (
        7,
        "an answer that describes another order",
        "
        [[fault]]
        name = 'wrong_order_id'
        count = 1",
    ),
    (
        8,
        "a fill comes before the answer to its order",
        "
        [[fault]]
        name = 'delay'
        on = 'create'
        delay_ms = 300
        phase = 'after'",
    ),
    (
        9,
        "every fill is told twice",
        "
        [[fault]]
        name = 'duplicate'
        on = 'fill'",
    ),
    (
        11,
        "a fill is lost on a healthy stream",
        "
        [[fault]]
        name = 'lost_message'
        on = 'fill'
        count = 1",
    ),
    (
        13,
        "an order's last words are repeated",
        "
        [[fault]]
        name = 'duplicate'
        on = 'user_order'",
    ),
    (
        15,
        "an outage of five seconds",
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
        name = 'connection_lifetime'
        at_ms = 2000
        lifetime_ms = 604800000",
    ),
    (
        17,
        "a list cut short at its first page",
        "
        [[fault]]
        name = 'short_page'",
    ),
    (
        20,
        "a stream falls silent with its pings going on",
        "
        [[fault]]
        name = 'silent_stream'
        first = 20
        count = 1",
    ),
    (
        21,
        "user_order never comes",
        "
        [[fault]]
        name = 'lost_message'
        on = 'user_order'",
    ),
    (
        22,
        "gaps, doubles and disorder in the books",
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
        per_mille = 20",
    ),
    (
        23,
        "orders are answered 410 overnight",
        "
        [[fault]]
        name = 'gone'
        on = 'create'",
    ),
    (
        24,
        "a proxy answers with a page",
        "
        [[fault]]
        name = 'html_error'
        per_mille = 100",
    ),
    (
        27,
        "a burst of 429",
        "
        [[fault]]
        name = 'too_many_requests'
        first = 5
        count = 20",
    ),
    (
        28,
        "a cancel-all takes the next minute's orders with it",
        "
        [[fault]]
        name = 'cancel_all_tail'
        per_mille = 500",
    ),
];

/// Stories of the clock and the calendar.
const MORE: [Story; 2] = [
    (
        26,
        "the exchange's clock is a minute ahead",
        "
        [[fault]]
        name = 'clock_skew'
        skew_ms = 60000",
    ),
    (
        29,
        "a market is halted and re-activated",
        "
        [[fault]]
        name = 'market_pause'
        at_ms = 2000
        for_ms = 3000",
    ),
];

fn all() -> impl Iterator<Item = &'static Story> {
    STORIES.iter().chain(&MORE)
}

/// The faults file that tells a story.
pub(super) fn faults(number: i64) -> Option<&'static str> {
    all().find(|(known, ..)| *known == number).map(|(.., faults)| *faults)
}

/// All numbers with their facts.
#[must_use]
pub fn facts() -> Vec<(i64, &'static str)> {
    let mut facts: Vec<_> = all().map(|(number, fact, _)| (*number, *fact)).collect();
    facts.sort_unstable();
    facts
}

pub(super) fn numbers() -> String {
    let numbers: Vec<_> = facts().iter().map(|(number, _)| number.to_string()).collect();
    numbers.join(", ")
}
