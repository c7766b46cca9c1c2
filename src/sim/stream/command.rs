//! Commands of a WebSocket client: subscribe, unsubscribe, list, update. Each is answered before
//! any data it causes; what is wrong with it is answered with the exchange's error code.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::ids::Ticker;
use crate::sim::exchange::Exchange;
use crate::sim::stream::message::{ErrorBody, MarketList, Subscribed};
use crate::sim::stream::publish::snapshot;
use crate::sim::stream::subscription::{Channel, Subscription};
use crate::sim::stream::{Envelope, Outbox, Session};

/// Why a command failed: code, words, and the markets concerned.
#[derive(Debug)]
struct Fault {
    code: u32,
    msg: &'static str,
    market_tickers: Vec<String>,
}

const fn fault(code: u32, msg: &'static str) -> Fault {
    Fault { code, msg, market_tickers: Vec::new() }
}

/// A command's parameters.
type Params = Map<String, Value>;

/// One command at work.
pub(crate) struct Commander<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) session: &'a mut Session,
    pub(crate) out: &'a mut Outbox,
    id: Option<u64>,
}

impl<'a> Commander<'a> {
    pub(crate) const fn new(
        exchange: &'a Exchange,
        session: &'a mut Session,
        out: &'a mut Outbox,
    ) -> Self {
        Self { exchange, session, out, id: None }
    }

    /// Takes one text frame.
    pub(crate) fn run(&mut self, text: &str) {
        let Ok(Value::Object(command)) = serde_json::from_str::<Value>(text) else {
            return self.fail(fault(1, "Unable to process message"));
        };
        // Id 0 is the same as none.
        self.id = command.get("id").and_then(Value::as_u64).filter(|id| *id != 0);
        let params = command.get("params").and_then(Value::as_object);
        let needed = || params.ok_or_else(|| fault(2, "Params required"));
        let outcome = match command.get("cmd").and_then(Value::as_str) {
            Some("subscribe") => needed().and_then(|params| self.subscribe(params)),
            Some("unsubscribe") => needed().and_then(|params| self.unsubscribe(params)),
            Some("update_subscription") => needed().and_then(|params| self.update(params)),
            Some("list_subscriptions") => {
                self.list();
                Ok(())
            }
            Some(_) | None => Err(fault(5, "Unknown command")),
        };
        if let Err(fault) = outcome {
            self.fail(fault);
        }
    }

    fn fail(&mut self, fault: Fault) {
        let Fault { code, msg, market_tickers } = fault;
        let body = ErrorBody { code, msg, market_tickers };
        self.out.push(Envelope { id: self.id, ..Envelope::of("error") }, Some(body));
    }

    fn subscribe(&mut self, params: &Params) -> Result<(), Fault> {
        let names = params.get("channels").and_then(Value::as_array);
        let names = names.filter(|names| !names.is_empty());
        let names = names.ok_or_else(|| fault(3, "Channels required"))?;
        let channels = names
            .iter()
            .map(|name| name.as_str().and_then(Channel::parse))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| fault(8, "Unknown channel name"))?;
        let markets = read_markets(self.exchange, params)?;
        if markets.is_none() && channels.iter().any(|channel| channel.needs_markets()) {
            return Err(fault(14, "Market Ticker required"));
        }
        let use_yes_price = match params.get("use_yes_price") {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => return Err(fault(11, "Invalid parameter")),
        };
        for channel in channels {
            let taken = self.session.subscriptions.iter().position(|it| it.channel == channel);
            match taken {
                Some(place) => self.extend(place, markets.as_ref()),
                None => self.open(channel, markets.clone(), use_yes_price),
            }
        }
        Ok(())
    }

    fn open(&mut self, channel: Channel, markets: Option<BTreeSet<usize>>, use_yes_price: bool) {
        self.session.sids += 1;
        let sid = self.session.sids;
        let body = Subscribed { channel: channel.as_str(), sid };
        self.out.push(Envelope { id: self.id, ..Envelope::of("subscribed") }, Some(body));
        let fresh = markets.clone().unwrap_or_default();
        self.session.subscriptions.push(Subscription::new(sid, channel, markets, use_yes_price));
        self.snapshots(self.session.subscriptions.len() - 1, &fresh, None);
    }

    /// Adds markets to a subscription; none means all.
    fn extend(&mut self, place: usize, markets: Option<&BTreeSet<usize>>) {
        let subscription = &mut self.session.subscriptions[place];
        let mut fresh = BTreeSet::new();
        match (&mut subscription.markets, markets) {
            (None, _) => {}
            (slot, None) => *slot = None,
            (Some(old), Some(new)) => {
                fresh = new.difference(old).copied().collect();
                old.extend(new);
            }
        }
        self.acknowledge(place);
        self.snapshots(place, &fresh, None);
    }

    /// `ok` with the markets after a change; on numbered channels it takes a number.
    fn acknowledge(&mut self, place: usize) {
        let subscription = &mut self.session.subscriptions[place];
        let markets = subscription.markets.as_ref();
        let tickers = markets.map(|markets| {
            let mut names: Vec<_> = markets.iter().map(|ix| ticker(self.exchange, *ix)).collect();
            names.sort();
            names
        });
        let (sid, seq) = (Some(subscription.sid), subscription.next_seq());
        let envelope = Envelope { id: self.id, sid, seq, kind: "ok" };
        self.out.push(envelope, Some(MarketList { market_tickers: tickers }));
    }

    /// Sends whole books, on book subscriptions.
    fn snapshots(&mut self, place: usize, markets: &BTreeSet<usize>, id: Option<u64>) {
        let subscription = &mut self.session.subscriptions[place];
        if subscription.channel != Channel::OrderbookDelta {
            return;
        }
        for market in markets {
            let body = snapshot(&self.exchange.markets()[*market], subscription.use_yes_price);
            let (sid, seq) = (Some(subscription.sid), subscription.next_seq());
            self.out.push(Envelope { id, sid, seq, kind: "orderbook_snapshot" }, Some(body));
        }
    }

    fn unsubscribe(&mut self, params: &Params) -> Result<(), Fault> {
        let sids = read_sids(params, "sids").filter(|sids| !sids.is_empty());
        let sids = sids.ok_or_else(|| fault(4, "Subscription IDs required"))?;
        if sids.iter().any(|sid| self.place_of(*sid).is_none()) {
            return Err(fault(7, "Unknown subscription ID"));
        }
        for sid in sids {
            let Some(place) = self.place_of(sid) else { continue };
            let ended = self.session.subscriptions.remove(place);
            let (sid, seq) = (Some(ended.sid), Some(ended.last_seq()));
            let envelope = Envelope { id: self.id, sid, seq, kind: "unsubscribed" };
            self.out.push::<()>(envelope, None);
        }
        Ok(())
    }

    fn place_of(&self, sid: u64) -> Option<usize> {
        self.session.subscriptions.iter().position(|subscription| subscription.sid == sid)
    }

    fn list(&mut self) {
        let list: Vec<Subscribed> = self
            .session
            .subscriptions
            .iter()
            .map(|it| Subscribed { channel: it.channel.as_str(), sid: it.sid })
            .collect();
        self.out.push(Envelope { id: self.id, ..Envelope::of("ok") }, Some(list));
    }

    fn update(&mut self, params: &Params) -> Result<(), Fault> {
        let sid = match (params.get("sid").and_then(Value::as_u64), read_sids(params, "sids")) {
            (Some(sid), None) => sid,
            (None, Some(sids)) if sids.len() == 1 => sids[0],
            _ => return Err(fault(12, "Exactly one subscription ID is required")),
        };
        let place = self.place_of(sid).ok_or_else(|| fault(7, "Unknown subscription ID"))?;
        let action = params.get("action").and_then(Value::as_str);
        let action = action.ok_or_else(|| fault(15, "Action required"))?;
        let markets = read_markets(self.exchange, params)?;
        let markets = markets.ok_or_else(|| fault(14, "Market Ticker required"))?;
        let is_book = self.session.subscriptions[place].channel == Channel::OrderbookDelta;
        match action {
            "add_markets" => self.extend(place, Some(&markets)),
            "delete_markets" => {
                self.narrow(place, &markets);
                self.acknowledge(place);
            }
            "get_snapshot" if is_book => self.snapshots(place, &markets, self.id),
            _ => return Err(fault(13, "Unsupported action")),
        }
        Ok(())
    }

    fn narrow(&mut self, place: usize, markets: &BTreeSet<usize>) {
        let all = 0..self.exchange.markets().len();
        let slot = &mut self.session.subscriptions[place].markets;
        let covered = slot.get_or_insert_with(|| all.collect());
        covered.retain(|market| !markets.contains(market));
    }
}

fn ticker(exchange: &Exchange, market: usize) -> String {
    exchange.markets()[market].ticker.as_str().to_owned()
}

/// The markets that a command names; `None` when it names none.
fn read_markets(exchange: &Exchange, params: &Params) -> Result<Option<BTreeSet<usize>>, Fault> {
    let invalid = || fault(11, "Invalid parameter");
    let names: Vec<&str> = match (params.get("market_ticker"), params.get("market_tickers")) {
        (None, None) => return Ok(None),
        (Some(Value::String(name)), None) => vec![name],
        (None, Some(Value::Array(names))) if !names.is_empty() => {
            names.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(invalid)?
        }
        _ => return Err(invalid()),
    };
    let mut markets = BTreeSet::new();
    let mut unknown = Vec::new();
    for name in names {
        let found = Ticker::new(name.as_bytes()).and_then(|it| exchange.find_market(&it));
        match found {
            Some(market) => drop(markets.insert(market)),
            None => unknown.push(name.to_owned()),
        }
    }
    if unknown.is_empty() {
        return Ok(Some(markets));
    }
    Err(Fault { market_tickers: unknown, ..invalid() })
}

fn read_sids(params: &Params, name: &str) -> Option<Vec<u64>> {
    params.get(name)?.as_array()?.iter().map(Value::as_u64).collect()
}
