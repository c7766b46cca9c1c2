//! The judge's verdict on one order: every limit of `execution-layer` §4, worked out anew.

use kalshi_exec::message::{BookSide, NewOrder, Signal, TimeInForce};
use kalshi_exec::risk::OpenRisk;
use kalshi_exec::units::{Money, Nanos, Now, Price, PriceDelta};

use super::books::{COUNT, DENIED, MARKETS};
use super::judge::{Judge, Sent};

/// The taker's fee as published, 0.07·p·(1−p) a contract, in 1e-8 dollars, without its roundings.
fn fee(terms: &NewOrder, centis: u32) -> i64 {
    if terms.post_only {
        return 0;
    }
    let micros = i64::from(terms.price.micros());
    7 * micros * (1_000_000 - micros) / 100_000_000 * i64::from(centis)
}

/// What `centis` of an order may take, fee included, in 1e-8 dollars.
fn stake(terms: &NewOrder, centis: u32) -> i64 {
    let price = i64::from(terms.side.own_price(terms.price).micros());
    price * i64::from(centis) + fee(terms, centis)
}

fn rests(order: &Sent) -> bool {
    order.terms.time_in_force == TimeInForce::GoodTillCanceled
}

/// How much further `price` goes than another, in micro-dollars.
fn further(side: BookSide, price: Price, than: Price) -> i64 {
    let delta: PriceDelta = price - than;
    match side {
        BookSide::Bid => delta.micros(),
        BookSide::Ask => -delta.micros(),
    }
}

fn reference(signal: &Signal) -> Price {
    let seen = match signal.action.book_side() {
        BookSide::Bid => signal.yes_ask,
        BookSide::Ask => signal.no_ask.map(Price::complement),
    };
    seen.expect("without an ask there is nothing to go by")
}

impl Judge {
    /// An order leaves: judges it, and remembers it.
    pub(crate) fn sent(&mut self, now: Now, terms: &NewOrder) {
        self.tick(now);
        let market = usize::from(terms.market.0);
        let is_its = |signal: &Signal| signal.received == terms.received;
        let signal = self.signals.iter().position(is_its).expect("an order has its signal");
        let first = !self.orders.iter().any(|order| order.signal == signal);
        let asked = self.signals[signal];
        self.judge_states(now, market);
        self.judge_terms(terms, &asked);
        if first {
            self.judge_first(now, market, terms, &asked);
        } else {
            self.judge_later(now, market, signal, terms);
        }
        self.judge_rates(now, terms);
        self.judge_books(market, terms, &asked);
        let id = terms.client_order_id;
        self.breaker.sent(now.mono, id);
        self.remember(now, market, signal, terms);
        if first {
            self.executions.push((market, terms.side == BookSide::Bid, now.mono));
            // The last one allowed stops its market.
            self.stopped[market] |= self.repeats(now, market, terms.side) >= self.repeats_max();
        }
    }

    /// The most that the fees of all orders that leave positions can come to.
    pub(crate) fn selling_fees(&self) -> Money {
        let sells = self.orders.iter().filter(|it| !self.signals[it.signal].action.is_buy());
        // Twice: for roundings.
        let fees = sells.map(|order| 2 * fee(&order.terms, order.terms.quantity.centis()));
        Money::from_e8(fees.sum())
    }

    fn judge_states(&self, now: Now, market: usize) {
        assert!(!self.halted, "nothing is sent after a halt");
        assert_eq!(self.mismatches, 0, "books and exchange differ");
        assert!(market != DENIED, "a denied series");
        assert!(!self.settled[market], "the market is over");
        assert!(!self.stopped[market], "the market is stopped");
        self.judge_links(now, market);
        let half_open = self.breaker.is_half_open();
        let row = self.losses >= self.config.breaker.consecutive_losses_max;
        assert!(half_open || !row, "{} losses in a row", self.losses);
    }

    fn judge_links(&self, now: Now, market: usize) {
        let silence_max = self.config.limits.link_silence_max;
        assert!(self.is_ready(), "links are down or catching up");
        assert!(now.mono.since(self.heard) <= silence_max, "the feed is silent");
        assert!(now.mono >= self.paused_until, "the exchange is paused");
        assert!(now.mono >= self.markets_paused_until[market], "the market is paused");
        assert!(!in_maintenance(now), "the exchange is closed: {now:?}");
        assert!(self.skew_ns <= 2_000_000_000, "clocks are {} ns apart", self.skew_ns);
    }

    fn judge_terms(&self, terms: &NewOrder, asked: &Signal) {
        let limits = &self.config.limits;
        let centis = terms.quantity.centis();
        assert!(centis > 0 && terms.quantity <= limits.position_size_max, "{terms:?}");
        if self.breaker.is_half_open() {
            assert!(terms.quantity <= self.config.breaker.half_open_contracts, "{terms:?}");
        }
        let seen = reference(asked);
        assert!((terms.price - seen).abs().micros() <= 50_000, "outside the collar: {terms:?}");
        assert_eq!(terms.price.micros() % 10_000, 0, "off the grid: {terms:?}");
        assert!(terms.side == asked.action.book_side());
        if asked.action.is_buy() {
            self.judge_purchase(terms, asked);
        }
    }

    fn judge_purchase(&self, terms: &NewOrder, asked: &Signal) {
        let limits = &self.config.limits;
        let (centis, seen) = (terms.quantity.centis(), reference(asked));
        assert!(stake(terms, centis) <= limits.risk_per_trade_max.e8(), "{terms:?}");
        let given_away = further(terms.side, terms.price, seen);
        // In 1e-8 dollars for the whole order.
        let edge = (asked.edge.micros() - given_away) * i64::from(centis) - fee(terms, centis);
        let least = limits.edge_min.micros() * i64::from(centis);
        assert!(edge >= least, "the fee eats the edge: {terms:?} {asked:?}");
    }

    fn judge_first(&self, now: Now, market: usize, terms: &NewOrder, asked: &Signal) {
        let oldest = self.config.limits.signal_age_max.ns();
        let age = match asked.produced_at {
            Some(at) => now.wall.unix_ns().abs_diff(at.unix_ns()),
            None => now.mono.since(asked.received).ns(),
        };
        assert!(age <= oldest, "{age} ns old");
        assert!(asked.expires_at.is_none_or(|at| at > now.wall), "expired");
        let repeats = self.repeats(now, market, terms.side);
        assert!(repeats < self.repeats_max(), "executed {repeats} times in a row");
    }

    fn repeats_max(&self) -> usize {
        self.config.breaker.repeats_max as usize
    }

    /// Executions of one market and side within the window.
    fn repeats(&self, now: Now, market: usize, side: BookSide) -> usize {
        let window = self.config.breaker.repeats_window;
        let lane = (market, side == BookSide::Bid);
        let same = self.executions.iter().filter(|it| (it.0, it.1) == lane);
        same.filter(|it| now.mono.since(it.2) < window).count()
    }

    /// A retry or a moved order: after its predecessor's end, for what is left, within bounds of
    /// the first, and only where the market is known to be within slippage.
    fn judge_later(&self, now: Now, market: usize, signal: usize, terms: &NewOrder) {
        let asked = &self.signals[signal];
        let orders = &self.config.orders;
        let family: Vec<&Sent> = self.orders.iter().filter(|it| it.signal == signal).collect();
        assert!(family.iter().all(|order| order.over), "its predecessor lives");
        let filled: u32 = family.iter().map(|order| order.filled.centis()).sum();
        let left = asked.contracts.centis().saturating_sub(filled);
        assert!(terms.quantity.centis() <= left, "{terms:?} wants more than {left}");
        let known = &self.known[market];
        let age = now.wall.since(known.as_of);
        assert!(age <= self.config.limits.signal_age_max, "the market was seen {age:?} ago");
        if terms.post_only {
            return;
        }
        let first = family[0].terms.price;
        let improved = further(terms.side, terms.price, first);
        assert!(improved <= orders.improvement_max.micros(), "{improved} past the first");
        let current = match terms.side {
            BookSide::Bid => known.ask,
            BookSide::Ask => known.bid,
        };
        let current = current.expect("a retry without a known ask chases");
        let slipped = further(terms.side, current, reference(asked));
        assert!(slipped <= orders.slippage_max.micros(), "the market slipped by {slipped}");
        assert!(family.len() <= usize::from(orders.retries_max), "one retry too many");
    }

    fn judge_rates(&mut self, now: Now, terms: &NewOrder) {
        let limits = &self.config.limits;
        let breaker = &self.config.breaker;
        let sent = self.orders_today() + 1;
        assert!(sent <= limits.daily_trades_max, "{sent} orders today");
        let volume = self.volume_today() + u64::from(terms.quantity.centis());
        assert!(volume <= u64::from(limits.daily_volume_max.centis()), "{volume} today");
        assert!(self.day_loss() < limits.daily_loss_max.e8(), "{} lost", self.day_loss());
        let rejects = self.recent_rejects(now.mono);
        assert!(rejects < breaker.rejects_per_minute_max, "{rejects} rejects in a minute");
        let since = self.rates_from;
        let recent = |it: &&Sent| it.at >= since && now.mono.since(it.at) < Nanos::from_secs(60);
        let minute = self.orders.iter().filter(recent).count();
        assert!(minute < limits.orders_per_minute_max as usize, "{minute} in the last minute");
        if let Some(last) = self.orders.last().filter(|last| last.at >= since) {
            assert!(now.mono.since(last.at) >= limits.order_spacing_min, "too close");
        }
        let messages = limits.messages;
        let (level, needed) =
            (self.level(now.mono), u64::from(messages.order_cost + messages.cancel_reserve));
        assert!(level >= needed * 1_000_000_000, "the cancels' tokens are used");
        self.take_tokens(now.mono, messages.order_cost);
    }

    /// What is alive and held, summed over every order there ever was.
    fn judge_books(&self, market: usize, terms: &NewOrder, asked: &Signal) {
        let limits = &self.config.limits;
        let alive = || self.orders.iter().filter(|order| !order.over);
        let open = alive().count() + 1;
        assert!(open <= limits.open_orders_max as usize, "{open} open orders");
        let own = || alive().filter(|order| order.market == market);
        let here = own().count() + 1;
        assert!(here <= limits.open_orders_per_market_max as usize, "{here} in one market");
        let crosses = |order: &&Sent| {
            let meets = further(terms.side, terms.price, order.terms.price) >= 0;
            order.terms.side != terms.side && rests(order) && meets
        };
        assert!(!own().any(|order| crosses(&order)), "crosses its own: {terms:?}");
        let new = stake(terms, terms.quantity.centis());
        let resting = alive().filter(|order| rests(order));
        let resting = resting.map(|order| stake(&order.terms, order.open().centis())).sum::<i64>();
        if terms.time_in_force == TimeInForce::GoodTillCanceled {
            assert!(resting + new <= limits.resting_value_max.e8(), "{resting} and {new} rest");
        }
        self.judge_exposure(market, terms);
        if asked.action.is_buy() {
            self.judge_cash(market, terms, new);
        } else {
            self.judge_sale(market, terms);
        }
    }

    fn alive_on(&self, market: usize, side: BookSide) -> i64 {
        let orders = self.orders.iter().filter(|it| it.market == market && it.terms.side == side);
        orders.map(|order| i64::from(order.open().centis())).sum()
    }

    /// The largest position in a market if its bids or its asks fill.
    fn worst(&self, market: usize, extra: (i64, i64)) -> u64 {
        let held = self.books.held[market].centis;
        let up = held + self.alive_on(market, BookSide::Bid) + extra.0;
        let down = held - self.alive_on(market, BookSide::Ask) - extra.1;
        up.unsigned_abs().max(down.unsigned_abs())
    }

    fn judge_exposure(&self, market: usize, terms: &NewOrder) {
        let limits = &self.config.limits;
        let centis = i64::from(terms.quantity.centis());
        let held = self.books.held[market].centis;
        let (extra, after) = match terms.side {
            BookSide::Bid => ((centis, 0), held + self.alive_on(market, BookSide::Bid) + centis),
            BookSide::Ask => ((0, centis), held - self.alive_on(market, BookSide::Ask) - centis),
        };
        if after.abs() > held.abs() {
            let same = |at: &usize| MARKETS[*at].event == MARKETS[market].event;
            let worst = (0..COUNT)
                .filter(same)
                .map(|at| self.worst(at, if at == market { extra } else { (0, 0) }));
            let worst: u64 = worst.sum();
            let bound = u64::from(limits.position_per_event_max.centis());
            assert!(worst <= bound, "{worst} in one event: {terms:?}");
        }
        let only_closes = held.signum() != 0 && after.signum() * held.signum() >= 0;
        if !only_closes || after.abs() > held.abs() {
            let same = |at: usize| MARKETS[at].sport == MARKETS[market].sport;
            let costs: i64 =
                (0..COUNT).filter(|at| same(*at)).map(|at| self.books.held[at].cost).sum();
            let live = self.orders.iter().filter(|order| same(order.market));
            let live: i64 = live.map(|order| stake(&order.terms, order.open().centis())).sum();
            let value = costs + live + stake(terms, terms.quantity.centis());
            let bankroll = self.books.total().e8() + self.books.invested();
            let bound = bankroll / 10_000 * i64::from(limits.sport_exposure_max_bp);
            assert!(value <= bound, "{value} in one sport, allowed {bound}: {terms:?}");
        }
    }

    fn reserved(&self, shard: Option<usize>) -> i64 {
        let on = |order: &&Sent| shard.is_none_or(|shard| MARKETS[order.market].shard == shard);
        let alive = self.orders.iter().filter(on);
        alive.map(|order| stake(&order.terms, order.open().centis())).sum()
    }

    fn judge_cash(&self, market: usize, terms: &NewOrder, new: i64) {
        let limits = &self.config.limits;
        let least = limits.balance_min.e8();
        let shard = MARKETS[market].shard;
        let left = self.books.total().e8() - self.reserved(None) - new;
        assert!(left >= least, "{left} left: {terms:?}");
        let left = self.books.cash[shard].e8() - self.reserved(Some(shard)) - new;
        assert!(left >= least, "{left} left on shard {shard}: {terms:?}");
        if limits.open_risk == OpenRisk::Counted {
            let worst = self.books.invested() + self.reserved(None) + new - self.profit();
            assert!(worst <= limits.daily_loss_max.e8(), "{worst} may be lost: {terms:?}");
        }
    }

    fn judge_sale(&self, market: usize, terms: &NewOrder) {
        let held = self.books.held[market].centis;
        let (held, selling) = match terms.side {
            BookSide::Bid => (-held, self.alive_on(market, BookSide::Bid)),
            BookSide::Ask => (held, self.alive_on(market, BookSide::Ask)),
        };
        let centis = i64::from(terms.quantity.centis());
        assert!(selling + centis <= held, "sells {centis} of {held}, {selling} under way");
    }
}

/// Thursday 03:00 to 05:00 in New York, in winter: 08:00 to 10:00 UTC.
fn in_maintenance(now: Now) -> bool {
    let secs = now.wall.unix_secs();
    let (day, hour) = (secs / 86_400, secs % 86_400 / 3_600);
    // 1970-01-01 was a Thursday.
    day % 7 == 0 && (8..10).contains(&hour)
}
