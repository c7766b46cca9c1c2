//! What the exchange says of fills and orders, from the stream and from look-ups, in any order
//! relative to the answers.

use super::core::{Core, Outbox};
use super::identity::Identity;
use super::index::{Novelty, Owner};
use crate::ids::{MarketIx, OrderKey, Ticker};
use crate::message::{
    CancelOrder, Command, ExchangeStatus, FeedEvent, FetchEvent, Fill, OrderReport, Origin,
};
use crate::order::{Ending, Event, State};
use crate::recorder::record::{BookedFill, Hop, Record};
use crate::units::Now;

impl Core {
    pub(super) fn on_feed(&mut self, now: Now, event: &FeedEvent, out: &mut Outbox) {
        match event {
            FeedEvent::Up => self.stream_up(now, out),
            FeedEvent::Down => self.stream_down(now),
            FeedEvent::Missed { since } => self.stream_missed(*since),
            FeedEvent::NewsMissed => self.on_news_missed(now),
            FeedEvent::Fill(fill) => self.on_fill(now, fill, out),
            FeedEvent::Order(report) => self.on_report(now, report, out),
            // Noted by the guard, before.
            FeedEvent::Alive => {}
            FeedEvent::Market(news) => self.on_market_news(now, news, out),
            FeedEvent::Position(held) => self.on_position_news(now, held),
            FeedEvent::Group(news) => self.on_group_news(now, news, out),
        }
    }

    pub(super) fn on_fetch(&mut self, now: Now, event: &FetchEvent, out: &mut Outbox) {
        match event {
            FetchEvent::Fill(fill) => self.on_fill(now, fill, out),
            FetchEvent::Order { key, report } => {
                self.note_looked_up(*key);
                self.on_found(now, *key, report, out);
            }
            FetchEvent::OrderAbsent { key } => {
                self.note_looked_up(*key);
                self.on_absent(now, *key, out);
            }
            FetchEvent::OrderFailed { key } => {
                self.note_looked_up(*key);
                self.rearm_look_up(now, *key);
            }
            FetchEvent::Quote(quote) => self.on_quote(now, &quote.ticker, Some(quote), out),
            FetchEvent::QuoteFailed { ticker } => self.on_quote(now, ticker, None, out),
            FetchEvent::Market(news) => self.on_market_standing(now, news, out),
            FetchEvent::MarketRead => self.on_market_read(now, out),
            FetchEvent::MarketFailed => self.on_market_failed(now),
            FetchEvent::Settled(settlement) => self.on_settled(now, settlement, out),
            FetchEvent::SettlementsDone => self.settlements.read(),
            FetchEvent::SettlementsFailed => self.settlements.failed(),
            FetchEvent::BackfillDone => self.backfill_done(now, out),
            FetchEvent::BackfillFailed => self.backfill_failed(now, out),
            // Noted by the guard, before.
            FetchEvent::Mismatches { .. } => {}
            FetchEvent::OpenOrder(report) => self.on_open_order(now, report, out),
            FetchEvent::Held(held) => self.on_held(now, held, out),
            FetchEvent::Cash(cash) => self.on_cash(cash),
            FetchEvent::AccountRead => self.on_account_read(now),
            FetchEvent::AccountFailed => self.on_account_failed(now, out),
        }
    }

    fn note_looked_up(&mut self, key: OrderKey) {
        if let Some(order) = self.orders.find_mut(key) {
            order.asked = false;
        }
    }

    /// A fill of our order is in our order's market; only strangers' fills are looked up by name.
    fn market_of_fill(&mut self, key: Option<OrderKey>, fill: &Fill) -> Option<MarketIx> {
        match key.and_then(|key| self.orders.find(key)) {
            Some(order) => Some(order.terms().market),
            None => self.market_of(&fill.ticker),
        }
    }

    /// Books a fill once, whoever reported it first and in whatever order.
    fn on_fill(&mut self, now: Now, fill: &Fill, out: &mut Outbox) {
        let key = self.key_of(fill.client_order_id, &fill.order_id);
        // Fills older than this run that are not ours are part of the opening position.
        let is_old = fill.exchange_time < self.opened_at;
        if key.is_none() && is_old {
            return self.learn_past_fill(fill);
        }
        let owner = if key.is_some() { Owner::Order } else { Owner::Nobody };
        let novelty = self.trades.note(fill.trade_id, owner);
        if fill.origin == Origin::Rest {
            self.on_fill_read(
                fill.trade_id,
                novelty == Novelty::New && key.is_none_or(|key| !self.is_adopted(key)),
            );
        }
        match (novelty, key) {
            // An adopted order's: its position is part of the opening, its order has yet to learn.
            (Novelty::New, Some(key)) if is_old && self.is_adopted(key) => {
                self.fill_order(now, key, fill, out);
            }
            (Novelty::New, _) => self.book(now, key, fill, out),
            (Novelty::Unclaimed, Some(key)) => self.fill_order(now, key, fill, out),
            (Novelty::Unclaimed | Novelty::Known, _) => {}
        }
    }

    /// Whether an order is not of this run's own making.
    fn is_adopted(&self, key: OrderKey) -> bool {
        let of = |order: &crate::order::Order| order.terms().client_order_id.run();
        self.orders.find(key).is_some_and(|order| of(order) != self.config.run)
    }

    fn book(&mut self, now: Now, key: Option<OrderKey>, fill: &Fill, out: &mut Outbox) {
        // The stream is whole up to what it has told itself; a look-up of one order says nothing of
        // the fills before its own.
        if fill.origin == Origin::Stream {
            self.last_fill = self.last_fill.max(fill.exchange_time);
        }
        let market =
            self.market_of_fill(key, fill).or_else(|| self.admit_outsider(now, fill.ticker, out));
        let Some(market) = market else { return };
        self.reconciling.touch(market, now.mono);
        self.reconciling.remember(market, fill, now.mono);
        let before = self.account.cash();
        let booked = self.account.book(market, fill.side, fill.price, fill.quantity, fill.fee);
        // At once: what follows from this very fill is asked for the shard's cash, too.
        self.note_cash_on(market, self.account.cash() - before);
        self.stakes.note_fill(market, fill.side, fill.price, fill.exchange_time);
        self.note_paid(now, market, fill);
        self.day.realized += booked.realized;
        self.day.fees += fill.fee;
        debug_assert!(
            booked.position == self.account.holding(market).position,
            "Invariant: what was booked is what is held"
        );
        let holding = *self.account.holding(market);
        self.hold(market, &holding);
        self.settle_late_fill(market);
        if let Some(key) = key {
            self.fill_order(now, key, fill, out);
        }
    }

    pub(super) fn ticker_of(&self, market: MarketIx) -> Ticker {
        self.markets.get(market).map_or(Ticker::EMPTY, |market| market.ticker)
    }

    fn fill_order(&mut self, now: Now, key: OrderKey, fill: &Fill, out: &mut Outbox) {
        // A dispute about the exchange's id stops the market, but a fill that names our own id is
        // this order's whatever else was said.
        let _disputed_or_not: Identity = self.identify(now, key, fill.order_id, out);
        let execution_id = self.lots[key.slot as usize].execution_id;
        let decode = fill.decoded.since(fill.received);
        out.records.push(Record::Span { hop: Hop::FillDecode, span: decode });
        if let Some(execution) = self.execution_of(key)
            && !execution.has(Hop::SignalToFill)
        {
            execution.note(Hop::FillDecode, decode);
            let received = execution.signal().received;
            let span = execution.note(Hop::SignalToFill, now.mono.since(received));
            out.records.push(Record::Span { hop: Hop::SignalToFill, span });
        }
        if let Some(order) = self.orders.find(key) {
            out.records.push(Record::Fill(BookedFill {
                execution_id,
                trade_id: fill.trade_id,
                client_order_id: order.terms().client_order_id,
                ticker: self.ticker_of(order.terms().market),
                side: fill.side,
                price: fill.price,
                quantity: fill.quantity,
                fee: fill.fee,
                is_taker: fill.is_taker,
            }));
        }
        self.step(now, key, out, |order| {
            order.fill(fill.quantity, fill.price * fill.quantity, fill.fee)?;
            order.settle()
        });
    }

    /// An order as the exchange has it: ours by id, or somebody else's and left alone.
    fn on_report(&mut self, now: Now, report: &OrderReport, out: &mut Outbox) {
        if let Some(key) = self.key_of(report.client_order_id, &report.order_id) {
            self.apply_report(now, key, report, out);
        }
    }

    fn apply_report(&mut self, now: Now, key: OrderKey, report: &OrderReport, out: &mut Outbox) {
        if self.identify(now, key, report.order_id, out) == Identity::Disputed {
            return;
        }
        let Some(before) = self.orders.find(key).map(|order| (order.state(), order.ending()))
        else {
            return;
        };
        self.step(now, key, out, |order| match report.status {
            ExchangeStatus::Resting => order.apply(Event::Found),
            ExchangeStatus::Canceled => {
                order.note_ending(Ending { filled: report.filled, expired: report.expired })
            }
            // Not the whole quantity for certain: reduce-only orders are cut to what is held.
            ExchangeStatus::Executed => {
                order.note_ending(Ending { filled: report.filled, expired: false })
            }
        });
        let after = self.orders.find(key).map(|order| (order.state(), order.ending()));
        if after != Some(before) {
            self.arm_live(now, key);
        }
        // Believed never to have landed, and there it rests: nobody waits for it any more.
        if before.0 == State::Rejected && report.status == ExchangeStatus::Resting {
            let market = self.orders.find(key).map(|order| order.terms().market);
            let cancel = |market| CancelOrder { key, order_id: report.order_id, market };
            out.commands.extend(market.map(cancel).map(Command::Cancel));
        }
    }

    /// A look-up found the order; its fills were reported before.
    fn on_found(&mut self, now: Now, key: OrderKey, report: &OrderReport, out: &mut Outbox) {
        self.settle_identity(key, report);
        self.apply_report(now, key, report, out);
        let may_cancel = self.obstacle().is_none();
        let Some(order) = self.orders.find_mut(key) else { return };
        if report.status == ExchangeStatus::Resting && may_cancel {
            order.cancels = 0;
        }
        self.resolve_change(now, key, report, out);
        let Some(order) = self.orders.find(key) else { return };
        // The listing may be older than the fills it speaks of: ask again.
        if order.awaits_fills() || order.state() == State::CancelPending {
            self.arm(key, now.mono + self.config.orders.lookup_interval);
        }
    }

    /// A complete listing lacks the order. Only a lasting absence is evidence: reads lag writes.
    fn on_absent(&mut self, now: Now, key: OrderKey, out: &mut Outbox) {
        let Some(order) = self.orders.find_mut(key) else { return };
        let there_once = !order.filled().is_zero() || order.disputed;
        if order.state() != State::Unknown || !order.answered || there_once {
            return;
        }
        order.absences += 1;
        // A plain answer, and time decides: the bound is for look-ups that bring nothing.
        order.lookups = 0;
        let lasting = now.mono.since(order.lost_at) >= self.config.orders.absence_wait;
        if order.absences >= 3 && lasting && order.order_id().is_empty() {
            self.note_error(key, "not_landed", "the exchange never had the order");
            self.step(now, key, out, |order| order.apply(Event::Absent));
        }
    }
}
