//! A tapered grid has three decimals near its ends and two between them, contracts come in
//! hundredths, and each fill's fee is rounded by itself (reference §6).
//!
//! An engine that counts in cents, in whole contracts or in fees per order is off by less than a
//! cent a fill, for ever. The fees below are worked out by hand from the published rule.

use kalshi_exec::message::BookSide;
use kalshi_exec::order::State;
use kalshi_exec::recorder::record::{ExecutionResult, Outcome};
use kalshi_exec::sim::exchange::parse_books;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::units::{Contracts, Money, Position, Price};

use crate::theatre::{await_answer, await_state, finish, held, market, sent_once, world_with};

/// YES is offered at 4.8 and 4.9 cents; makers pay.
const BOOK: &str = "KXONE-26JUL01-A,tapered_deci_cent,quadratic_with_maker_fees,0,,\
    0.041:1000 0.040:1000 0.035:3000,0.952:4.25 0.951:900 0.940:3000\n";

fn fine() -> World {
    world_with(vec![], |config| config.books = parse_books(BOOK).expect("the book above"))
}

/// A signal that saw these asks, in dollars.
fn signal(id: &str, action: &str, (yes, no): (&str, &str), (count, bound): (&str, &str)) -> String {
    format!(
        r#"{{"id":"{id}","should_trade":true,"action":"{action}","max_price_dollars":"{bound}","kalshi":{{"ticker":"{}","yes_ask_dollars":"{yes}","no_ask_dollars":"{no}"}},"edge":{{"cents":7}},"confidence":{{"score":80}},"position":{{"contracts_fp":"{count}"}}}}"#,
        market(),
    )
}

fn centis(centis: u32) -> Contracts {
    Contracts::from_centis(centis)
}

fn mills(mills: u32) -> Price {
    Price::from_micros(mills * 1_000).expect("a price")
}

/// Dollars in hundredths of a cent.
const fn money(e4: i64) -> Money {
    Money::from_e8(e4 * 10_000)
}

#[track_caller]
fn paid(result: &ExecutionResult, (filled, cost, fees): (Contracts, Money, Money)) {
    assert_eq!(result.outcome, Outcome::Ended(State::Filled), "{result:?}");
    assert_eq!((result.filled, result.cost, result.fees), (filled, cost, fees));
}

/// What is held and what all fills have cost in fees is the same here and there.
#[track_caller]
fn as_there(world: &World, centis: i64, fees: Money) {
    assert_eq!(held(world), Position::from_centis(centis));
    assert_eq!(world.host().venue().position(TRADER, &market()), Position::from_centis(centis));
    let fills = world.host().venue().fills(TRADER);
    let there = fills.iter().fold(Money::ZERO, |sum, fill| sum + fill.fee);
    assert_eq!(there, fees, "{fills:?}");
}

#[test]
fn a_taker_pays_each_level_and_each_fee_to_the_digit() {
    let mut world = fine();
    let asks = ("0.0480", "0.9590");
    world.send_line(&signal("part", "BUY_YES", asks, ("10.55", "0.0490")));
    // 4.25 at 0.048: 0.013595 and what rounds the cash to 0.0001, 0.0136. 6.30 at 0.049: 0.0206.
    let bought = (centis(1_055), money(5_127), money(342));
    paid(&await_answer(&mut world, "part"), bought);
    as_there(&world, 1_055, money(342));

    // 0.55 at 0.041: 0.001514, and the cash of 0.02255 is rounded as well: 0.00155 of fees.
    world.send_line(&signal("sold", "SELL_YES", asks, ("0.55", "0.0400")));
    let sold = (centis(55), Money::from_e8(-2_255_000), Money::from_e8(155_000));
    paid(&await_answer(&mut world, "sold"), sold);
    as_there(&world, 1_000, Money::from_e8(3_420_000 + 155_000));
    sent_once(&world);
    finish(&mut world);
}

#[test]
fn a_maker_pays_the_makers_fee_on_every_part() {
    let mut world = fine();
    let resting = signal("made", "BUY_YES", ("0.0340", "0.9590"), ("10.00", "0.0440"));
    world.send_line(&resting.replacen('{', r#"{"time_in_force":"good_till_canceled","#, 1));
    await_state(&mut world, 0, State::Resting);

    for part in [350, 650] {
        let now = world.now().wall;
        let host = world.host_mut();
        host.stranger_trades(now, &market(), BookSide::Ask, mills(44), centis(part));
    }

    // 3.50: 0.002577, with the cash's rounding 0.0026. 6.50: 0.004785, 0.0048.
    let made = (centis(1_000), money(4_400), money(74));
    paid(&await_answer(&mut world, "made"), made);
    as_there(&world, 1_000, money(74));
    finish(&mut world);
}

#[test]
fn limits_keep_to_the_grid_on_both_sides_of_ten_cents() {
    let mut world = fine();
    // A bound between two prices, and a limit that passes from tenths of a cent to whole ones.
    for (id, seen, bound, limit) in
        [("fine", "0.0480", "0.0486", mills(48)), ("coarse", "0.0950", "0.9000", mills(100))]
    {
        world.send_line(&signal(id, "BUY_YES", (seen, "0.9590"), ("1.00", bound)));
        let result = await_answer(&mut world, id);
        let limits: Vec<Price> =
            result.orders.iter().flatten().map(|child| child.limit_price).collect();
        assert_eq!(limits, [limit], "{id}");
        assert_eq!(result.outcome, Outcome::Ended(State::Filled), "{id}");
    }
    finish(&mut world);
}
