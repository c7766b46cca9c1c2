//! WebSocket sessions of the simulated exchange, without any socket.
//!
//! In: commands as text and [`ExchangeEvent`]s. Out: text frames per session, each ending with a
//! newline as recorded. A frame goes to every session that subscribes to it; what happened first
//! is sent first. Numbers (`seq`) count per subscription, acknowledgements included.

mod command;
mod message;
mod publish;
mod subscription;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use crate::sim::exchange::{Exchange, ExchangeEvent};
use crate::sim::stream::command::Commander;
use crate::sim::stream::message::{ErrorBody, Frame, Ticker, TickerBody};
use crate::sim::stream::subscription::{Channel, Subscription};
use crate::sim::text::rfc3339;
use crate::sim::venue::{SessionId, UserId};
use crate::units::WallTime;

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) user: UserId,
    pub(crate) subscriptions: Vec<Subscription>,
    /// Subscription ids given out.
    pub(crate) sids: u64,
}

/// What surrounds a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    pub(crate) kind: &'static str,
    pub(crate) id: Option<u64>,
    pub(crate) sid: Option<u64>,
    pub(crate) seq: Option<u64>,
}

impl Envelope {
    /// An envelope with a type only.
    pub(crate) const fn of(kind: &'static str) -> Self {
        Self { kind, id: None, sid: None, seq: None }
    }
}

/// Where one session's frames go.
pub(crate) struct Outbox {
    session: SessionId,
    now: WallTime,
    frames: Vec<(SessionId, String)>,
}

impl Outbox {
    pub(crate) fn push<M: Serialize>(&mut self, envelope: Envelope, msg: Option<M>) {
        let Envelope { kind, id, sid, seq } = envelope;
        let frame = Frame { kind, id, sid, seq, sending_ts_ms: self.now.unix_ms(), msg };
        let mut text =
            serde_json::to_string(&frame).expect("frames have string keys and no odd numbers");
        text.push('\n');
        self.frames.push((self.session, text));
    }
}

/// All sessions and what is to be sent.
#[derive(Debug)]
pub(crate) struct Stream {
    sessions: BTreeMap<SessionId, Session>,
    opened: u64,
    outgoing: VecDeque<(SessionId, String)>,
    /// Public numbers as last seen, so that only changes are sent.
    tickers: Vec<TickerBody>,
}

impl Stream {
    pub(crate) fn new(exchange: &Exchange) -> Self {
        let tickers = exchange.markets().iter().map(publish::ticker).collect();
        Self { sessions: BTreeMap::new(), opened: 0, outgoing: VecDeque::new(), tickers }
    }

    pub(crate) fn open(&mut self, user: UserId) -> SessionId {
        self.opened += 1;
        let session = SessionId(self.opened);
        let (subscriptions, sids) = (Vec::new(), 0);
        self.sessions.insert(session, Session { user, subscriptions, sids });
        session
    }

    /// Forgets a session and what it was still to be sent.
    pub(crate) fn close(&mut self, session: SessionId) {
        self.sessions.remove(&session);
        self.outgoing.retain(|(to, _)| *to != session);
    }

    /// Ends a subscription with an error; what it was still to be sent is lost.
    pub(crate) fn end(&mut self, now: WallTime, id: SessionId, sid: u64, code: u32) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let place = session.subscriptions.iter().position(|it| it.sid == sid);
        let Some(place) = place else { return };
        let mut subscription = session.subscriptions.remove(place);
        let named = format!("\"sid\":{sid},");
        self.outgoing.retain(|(to, text)| *to != id || !text.contains(&named));
        let (sid, seq) = (Some(sid), subscription.next_seq());
        let msg = if code == 25 { "Subscription buffer overflow" } else { "Channel error" };
        let body = ErrorBody { code, msg, market_tickers: Vec::new() };
        let mut out = Outbox { session: id, now, frames: Vec::new() };
        out.push(Envelope { kind: "error", id: None, sid, seq }, Some(body));
        self.outgoing.extend(out.frames);
    }

    pub(crate) fn poll(&mut self) -> Option<(SessionId, String)> {
        self.outgoing.pop_front()
    }

    /// Takes a text frame; ignored when the session is gone.
    pub(crate) fn command(
        &mut self,
        now: WallTime,
        exchange: &Exchange,
        id: SessionId,
        text: &str,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let mut out = Outbox { session: id, now, frames: Vec::new() };
        Commander::new(exchange, session, &mut out).run(text);
        self.outgoing.extend(out.frames);
    }

    /// Sends what happened, then the public numbers that it changed.
    pub(crate) fn publish(&mut self, now: WallTime, exchange: &Exchange, events: &[ExchangeEvent]) {
        if events.is_empty() {
            return;
        }
        let listed = exchange.markets().iter().skip(self.tickers.len());
        self.tickers.extend(listed.map(publish::ticker));
        let mut touched = BTreeSet::new();
        for event in events {
            if let ExchangeEvent::Book(change) = event {
                touched.insert(change.market);
            }
            self.each(now, |session, out| publish_event(exchange, event, session, out));
        }
        for market in touched {
            let body = publish::ticker(&exchange.markets()[market]);
            if self.tickers[market] != body {
                self.each(now, |session, out| publish_ticker(market, &body, session, out));
                self.tickers[market] = body;
            }
        }
    }

    fn each(&mut self, now: WallTime, mut send: impl FnMut(&mut Session, &mut Outbox)) {
        for (id, session) in &mut self.sessions {
            let mut out = Outbox { session: *id, now, frames: Vec::new() };
            send(session, &mut out);
            self.outgoing.extend(out.frames);
        }
    }
}

/// Which channel tells of an event, by which name, of which market, and whom.
fn address(
    event: &ExchangeEvent,
) -> Option<(Channel, &'static str, Option<usize>, Option<UserId>)> {
    Some(match event {
        ExchangeEvent::Book(change) => {
            (Channel::OrderbookDelta, "orderbook_delta", Some(change.market), None)
        }
        ExchangeEvent::Trade(print) => (Channel::Trade, "trade", Some(print.market), None),
        ExchangeEvent::Fill { user, fill } => {
            (Channel::Fill, "fill", Some(fill.market), Some(*user))
        }
        ExchangeEvent::Order(order) => {
            (Channel::UserOrders, "user_order", Some(order.market), Some(order.user))
        }
        ExchangeEvent::Position { user, market, .. } => {
            (Channel::MarketPositions, "market_position", Some(*market), Some(*user))
        }
        ExchangeEvent::Lifecycle { market, .. } => {
            (Channel::MarketLifecycle, "market_lifecycle_v2", Some(*market), None)
        }
        ExchangeEvent::EventCreated { .. } => {
            (Channel::MarketLifecycle, "event_lifecycle", None, None)
        }
        ExchangeEvent::EventFees { .. } => {
            (Channel::MarketLifecycle, "event_fee_update", None, None)
        }
        ExchangeEvent::Group { user, .. } => {
            (Channel::OrderGroupUpdates, "order_group_updates", None, Some(*user))
        }
        // No channel tells of settlements: positions and lifecycle do.
        ExchangeEvent::Settlement { .. } => return None,
    })
}

fn publish_event(
    exchange: &Exchange,
    event: &ExchangeEvent,
    session: &mut Session,
    out: &mut Outbox,
) {
    let Some((channel, kind, market, owner)) = address(event) else { return };
    let reader = session.user;
    if owner.is_some_and(|owner| owner != reader) {
        return;
    }
    let wanted = session.subscriptions.iter_mut().filter(|subscription| {
        subscription.channel == channel && market.is_none_or(|market| subscription.covers(market))
    });
    for subscription in wanted {
        let (sid, seq) = (Some(subscription.sid), subscription.next_seq());
        let envelope = Envelope { kind, id: None, sid, seq };
        match event {
            ExchangeEvent::Book(change) => {
                let yes = subscription.wishes.use_yes_price;
                out.push(envelope, Some(publish::delta(exchange, change, reader, yes)));
            }
            ExchangeEvent::Trade(print) => {
                out.push(envelope, Some(publish::trade(exchange, print)));
            }
            ExchangeEvent::Fill { fill, .. } => {
                out.push(envelope, Some(publish::fill(exchange, fill)));
            }
            ExchangeEvent::Order(order) => {
                out.push(envelope, Some(publish::user_order(exchange, order)));
            }
            ExchangeEvent::Position { user, subaccount, market } => {
                let body = publish::position(exchange, *user, *subaccount, *market);
                out.push(envelope, Some(body));
            }
            ExchangeEvent::Lifecycle { market, change, time } => {
                out.push(envelope, Some(publish::lifecycle(exchange, *market, *change, *time)));
            }
            ExchangeEvent::EventCreated { market } => {
                out.push(envelope, Some(publish::event_created(exchange, *market)));
            }
            ExchangeEvent::EventFees { market, fees } => {
                out.push(envelope, Some(publish::event_fees(exchange, *market, *fees)));
            }
            ExchangeEvent::Group { id, change, time, .. } => {
                out.push(envelope, Some(publish::group_update(*id, *change, *time)));
            }
            ExchangeEvent::Settlement { .. } => {}
        }
    }
}

fn publish_ticker(market: usize, body: &TickerBody, session: &mut Session, out: &mut Outbox) {
    let wanted = session.subscriptions.iter_mut().filter(|subscription| {
        subscription.channel == Channel::Ticker && subscription.covers(market)
    });
    for subscription in wanted {
        push_ticker(out, subscription, body);
    }
}

/// One market's public numbers for one subscription.
fn push_ticker(out: &mut Outbox, subscription: &mut Subscription, body: &TickerBody) {
    let (sid, seq) = (Some(subscription.sid), subscription.next_seq());
    let now = out.now;
    let (ts, ts_ms, time) = (now.unix_secs(), now.unix_ms(), rfc3339(now));
    let envelope = Envelope { kind: "ticker", id: None, sid, seq };
    out.push(envelope, Some(Ticker { body, ts, ts_ms, time }));
}
