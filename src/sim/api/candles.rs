//! What prices did, in candlesticks of minutes, hours or days.
//!
//! In: what happened at the exchange, with its time. Out: candlesticks of the periods in which
//! something happened, from the market's own trades and quotes, as far back as [`MINUTES_MAX`].
//! Quotes are looked at after each request; what they were within one is not seen.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::message::BookSide;
use crate::sim::exchange::{Exchange, ExchangeEvent, MarketState, TradePrint};
use crate::sim::text::{count, mean};
use crate::units::{Money, Price, WallTime};

/// Minutes kept of each market: two days of them, in a few hundred kilobytes.
const MINUTES_MAX: usize = 2 * 1_440;

const MINUTE_S: i64 = 60;

/// Open, low, high and close, in micro-dollars; the bounds of the scale where nobody quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Course {
    open: u32,
    low: u32,
    high: u32,
    close: u32,
}

impl Course {
    const fn at(micros: u32) -> Self {
        Self { open: micros, low: micros, high: micros, close: micros }
    }

    fn goes_to(&mut self, micros: u32) {
        self.join(&Self::at(micros));
    }

    /// Takes in what came next.
    fn join(&mut self, next: &Self) {
        self.low = self.low.min(next.low);
        self.high = self.high.max(next.high);
        self.close = next.close;
    }

    fn json(&self) -> Value {
        let [open, low, high, close] = [self.open, self.low, self.high, self.close].map(dollars);
        json!({
            "close_dollars": close,
            "high_dollars": high,
            "low_dollars": low,
            "open_dollars": open,
        })
    }
}

/// What traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Traded {
    prices: Course,
    value: Money,
    centis: u64,
}

/// A period and what happened in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candle {
    /// Its inclusive end in Unix seconds.
    end: i64,
    bid: Course,
    ask: Course,
    traded: Option<Traded>,
    /// The last trade's price before it.
    previous: Option<u32>,
    open_interest_centis: u64,
}

impl Candle {
    /// The next period, before anything has happened in it.
    fn after(&self, end: i64) -> Self {
        Self {
            end,
            bid: Course::at(self.bid.close),
            ask: Course::at(self.ask.close),
            traded: None,
            previous: self.last_price(),
            ..*self
        }
    }

    fn last_price(&self) -> Option<u32> {
        self.traded.map(|traded| traded.prices.close).or(self.previous)
    }

    fn trade(&mut self, print: &TradePrint) {
        let (micros, centis) = (print.price.micros(), u64::from(print.quantity.centis()));
        let traded =
            Traded { prices: Course::at(micros), value: print.price * print.quantity, centis };
        self.join_trades(&traded);
    }

    fn join_trades(&mut self, next: &Traded) {
        let Some(traded) = &mut self.traded else {
            self.traded = Some(*next);
            return;
        };
        traded.prices.join(&next.prices);
        traded.value += next.value;
        traded.centis += next.centis;
    }

    /// Takes in the next part of the same period.
    fn join(&mut self, next: &Self) {
        self.bid.join(&next.bid);
        self.ask.join(&next.ask);
        if let Some(traded) = &next.traded {
            self.join_trades(traded);
        }
        self.open_interest_centis = next.open_interest_centis;
    }

    fn json(&self) -> Value {
        let prices = self.traded.map(|traded| traded.prices);
        let price = |of: fn(Course) -> u32| prices.map(|prices| dollars(of(prices)));
        json!({
            "end_period_ts": self.end,
            "open_interest_fp": count(self.open_interest_centis),
            "price": {
                "close_dollars": price(|it| it.close),
                "high_dollars": price(|it| it.high),
                "low_dollars": price(|it| it.low),
                "mean_dollars": self.traded.map(|it| mean(it.value, it.centis)),
                "open_dollars": price(|it| it.open),
                "previous_dollars": self.previous.map(dollars),
            },
            "volume_fp": count(self.traded.map_or(0, |traded| traded.centis)),
            "yes_ask": self.ask.json(),
            "yes_bid": self.bid.json(),
        })
    }
}

fn dollars(micros: u32) -> String {
    let bound = || Money::from_micros(i64::from(micros)).dollars_display(4);
    Price::from_micros(micros).map_or_else(bound, |price| price.to_string())
}

/// Which candlesticks are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// Those that end from here on, in Unix seconds,
    pub(super) from: i64,
    /// to here.
    pub(super) to: i64,
    /// Length of a period.
    pub(super) minutes: i64,
    /// Whether one before them tells what was the case when they begin.
    pub(super) before: Before,
}

/// What comes before the first candlestick that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    LeftOut,
    /// The latest one, moved to the first period and without trades.
    Included,
}

/// Minutes of all markets.
#[derive(Debug, Default)]
pub(super) struct Candles {
    /// By market; oldest first, none empty.
    markets: Vec<VecDeque<Candle>>,
}

impl Candles {
    /// The opening quotes of every market.
    pub(super) fn new(exchange: &Exchange, now: WallTime) -> Self {
        let mut candles = Self::default();
        candles.list(exchange, now);
        candles
    }

    /// Takes up markets that are new.
    fn list(&mut self, exchange: &Exchange, now: WallTime) {
        for market in exchange.markets().iter().skip(self.markets.len()) {
            let [bid, ask] = quotes(market).map(Course::at);
            let open_interest_centis = market.open_interest_centis;
            let (traded, previous) = (None, None);
            let end = minute_of(now);
            let first = Candle { end, bid, ask, traded, previous, open_interest_centis };
            self.markets.push(VecDeque::from([first]));
        }
    }

    /// Notes what happened by `now`.
    pub(super) fn record(&mut self, exchange: &Exchange, now: WallTime, events: &[ExchangeEvent]) {
        self.list(exchange, now);
        for event in events {
            let (index, print) = match event {
                ExchangeEvent::Book(change) => (change.market, None),
                ExchangeEvent::Trade(print) => (print.market, Some(print)),
                _ => continue,
            };
            let market = &exchange.markets()[index];
            let candle = self.current(index, now);
            let [bid, ask] = quotes(market);
            candle.bid.goes_to(bid);
            candle.ask.goes_to(ask);
            candle.open_interest_centis = market.open_interest_centis;
            if let Some(print) = print {
                candle.trade(print);
            }
        }
    }

    fn current(&mut self, market: usize, now: WallTime) -> &mut Candle {
        let (end, minutes) = (minute_of(now), &mut self.markets[market]);
        let last = *minutes.back().expect("a market has its opening minute");
        if last.end < end {
            if minutes.len() == MINUTES_MAX {
                minutes.pop_front();
            }
            minutes.push_back(last.after(end));
        }
        minutes.back_mut().expect("there is one by now")
    }

    /// The candlesticks of a market, oldest first.
    pub(super) fn of(&self, market: usize, range: &Range) -> Vec<Value> {
        let mut periods: Vec<Candle> = Vec::new();
        for minute in &self.markets[market] {
            let next = Candle { end: round_up(minute.end, range.minutes), ..*minute };
            match periods.last_mut().filter(|last| last.end == next.end) {
                Some(last) => last.join(&next),
                None => periods.push(next),
            }
        }
        let first = periods.partition_point(|it| it.end < range.from);
        let end = periods.partition_point(|it| it.end <= range.to).max(first);
        let before = first.checked_sub(1).map(|place| periods[place]);
        let before = before.filter(|_| range.before == Before::Included).and_then(|before| {
            // On a boundary, the period after it is the next one.
            let at = round_up(range.from.saturating_add(1), range.minutes);
            let taken = periods.get(first).is_some_and(|it| it.end <= at);
            (!taken && at <= range.to).then(|| before.after(at))
        });
        before.iter().chain(&periods[first..end]).map(Candle::json).collect()
    }
}

/// The best bid and ask, or the bounds of the scale.
fn quotes(market: &MarketState) -> [u32; 2] {
    let best = |side, empty| market.best(side).map_or(empty, |level| level.price.micros());
    [best(BookSide::Bid, 0), best(BookSide::Ask, Price::MICROS_MAX)]
}

/// The end of the minute that a time is in.
fn minute_of(time: WallTime) -> i64 {
    let second = i64::try_from(time.unix_secs()).unwrap_or(i64::MAX - MINUTE_S);
    round_up(second.saturating_add(1), 1)
}

/// The first boundary of periods of so many minutes that is not before a second.
fn round_up(second: i64, minutes: i64) -> i64 {
    let period = minutes.saturating_mul(MINUTE_S).max(1);
    match second.rem_euclid(period) {
        0 => second,
        past => second.saturating_add(period - past),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kalshi::fees::FeeType;
    use crate::sim::exchange::{BookSeed, LevelSeed, PriceStructure};
    use crate::units::{Contracts, Nanos};

    const START: WallTime = WallTime::from_unix_ms(1_781_159_400_000);

    struct Chart {
        exchange: Exchange,
        candles: Candles,
        now: WallTime,
    }

    impl Chart {
        fn new() -> Self {
            let level = |cents| LevelSeed {
                price: Price::from_cents(cents).unwrap(),
                quantity: Contracts::from_whole(100),
            };
            let book = BookSeed {
                ticker: crate::ids::Ticker::new(b"KX-26-A").unwrap(),
                structure: PriceStructure::LinearCent,
                fee_type: FeeType::Quadratic,
                exchange_index: 0,
                yes_bids: vec![level(40)],
                no_bids: vec![level(50)],
            };
            let exchange = Exchange::new(START, &[book], &[], 7).unwrap();
            let candles = Candles::new(&exchange, START);
            Self { exchange, candles, now: START }
        }

        fn take(&mut self, after_s: u64, side: BookSide, cents: u32, whole: u32) {
            self.now = self.now + Nanos::from_secs(after_s);
            let (price, count) = (Price::from_cents(cents).unwrap(), Contracts::from_whole(whole));
            self.exchange.sweep(self.now, 0, side, price, count);
            let events = self.exchange.take_events();
            self.candles.record(&self.exchange, self.now, &events);
        }

        fn of(&self, minutes: i64, from_s: i64, to_s: i64, before: Before) -> Vec<Value> {
            let start = i64::try_from(START.unix_secs()).unwrap();
            let (from, to) = (start + from_s, start + to_s);
            self.candles.of(0, &Range { from, to, minutes, before })
        }
    }

    #[test]
    fn trades_of_a_minute_are_one_candlestick() {
        let mut chart = Chart::new();
        chart.take(70, BookSide::Bid, 50, 30);
        chart.take(1, BookSide::Ask, 40, 10);

        let [opening, minute] = &chart.of(1, 0, 120, Before::LeftOut)[..] else { panic!() };

        assert_eq!(opening["price"]["close_dollars"], Value::Null);
        assert_eq!(opening["yes_bid"]["close_dollars"], "0.4000");
        let price = &minute["price"];
        assert_eq!(price["open_dollars"], "0.5000");
        assert_eq!(price["close_dollars"], "0.4000");
        assert_eq!(
            (&price["high_dollars"], &price["low_dollars"]),
            (&"0.5000".into(), &"0.4000".into())
        );
        assert_eq!(price["mean_dollars"], "0.4750");
        assert_eq!(price["previous_dollars"], Value::Null);
        assert_eq!(minute["volume_fp"], "40.00");
        assert_eq!(minute["yes_ask"]["close_dollars"], "0.5000");
    }

    #[test]
    fn minutes_are_joined_to_hours_and_quiet_ones_are_left_out() {
        let mut chart = Chart::new();
        chart.take(65, BookSide::Bid, 50, 100);
        chart.take(600, BookSide::Ask, 40, 10);

        assert_eq!(chart.of(1, 0, 3_600, Before::LeftOut).len(), 3);
        let hours = chart.of(60, 0, 7_200, Before::LeftOut);
        assert_eq!(hours.len(), 1);
        assert_eq!(hours[0]["volume_fp"], "110.00");
        assert_eq!(hours[0]["yes_ask"]["high_dollars"], "1.0000", "nobody asks any more");
        assert_eq!(hours[0]["end_period_ts"].as_i64().unwrap() % 3_600, 0);
    }

    #[test]
    fn the_latest_before_the_start_is_told_without_trades() {
        let mut chart = Chart::new();
        chart.take(5, BookSide::Bid, 50, 1);

        let told = chart.of(1, 600, 900, Before::Included);

        let start = i64::try_from(START.unix_secs()).unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["end_period_ts"], start + 660);
        assert_eq!(told[0]["price"]["previous_dollars"], "0.5000");
        assert_eq!(told[0]["price"]["close_dollars"], Value::Null);
        assert_eq!(told[0]["volume_fp"], "0.00");
        assert!(chart.of(1, 600, 900, Before::LeftOut).is_empty());
        assert!(chart.of(1, 900, 600, Before::Included).is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut chart = Chart::new();
        for _ in 0..MINUTES_MAX + 10 {
            chart.take(60, BookSide::Bid, 50, 0);
            let now = chart.now;
            chart.exchange.quote(
                now,
                0,
                BookSide::Bid,
                Price::from_cents(1).unwrap(),
                Contracts::from_whole(1),
            );
            let events = chart.exchange.take_events();
            chart.candles.record(&chart.exchange, now, &events);
        }
        assert_eq!(chart.candles.markets[0].len(), MINUTES_MAX);
    }
}
