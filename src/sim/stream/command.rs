//! Commands of a WebSocket client: subscribe, unsubscribe, list, update. Each is answered before
//! any data it causes; what is wrong with it is answered with the exchange's error code.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::ids::Ticker;
use crate::sim::exchange::Exchange;
use crate::sim::stream::message::{ErrorBody, MarketList, Subscribed};
use crate::sim::stream::publish::{snapshot, ticker as ticker_body};
use crate::sim::stream::subscription::{Channel, Subscription, Wishes};
use crate::sim::stream::{Envelope, Outbox, Session, push_ticker};

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
        if names_ids(params) && channels.iter().any(|channel| *channel != Channel::Ticker) {
            return Err(invalid());
        }
        check_shards(params)?;
        let wishes = Wishes {
            use_yes_price: read_flag(params, "use_yes_price")?,
            skip_ticker_ack: read_flag(params, "skip_ticker_ack")?,
            send_initial_snapshot: read_flag(params, "send_initial_snapshot")?,
        };
        // All acknowledgements come before any data.
        let mut fresh = Vec::with_capacity(channels.len());
        for channel in channels {
            let taken = self.session.subscriptions.iter().position(|it| it.channel == channel);
            fresh.push(match taken {
                Some(place) => self.extend(place, markets.as_ref()),
                None => self.open(channel, markets.clone(), wishes),
            });
        }
        for (place, markets) in fresh {
            self.greet(place, &markets, wishes);
        }
        Ok(())
    }

    fn open(
        &mut self,
        channel: Channel,
        markets: Option<BTreeSet<usize>>,
        wishes: Wishes,
    ) -> (usize, BTreeSet<usize>) {
        self.session.sids += 1;
        let sid = self.session.sids;
        let body = Subscribed { channel: channel.as_str(), sid };
        self.out.push(Envelope { id: self.id, ..Envelope::of("subscribed") }, Some(body));
        let fresh = markets.clone().unwrap_or_default();
        self.session.subscriptions.push(Subscription::new(sid, channel, markets, wishes));
        (self.session.subscriptions.len() - 1, fresh)
    }

    /// Adds markets to a subscription; none means all. Returns what is new to it.
    fn extend(
        &mut self,
        place: usize,
        markets: Option<&BTreeSet<usize>>,
    ) -> (usize, BTreeSet<usize>) {
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
        (place, fresh)
    }

    /// What a subscription is told of markets that are new to it.
    fn greet(&mut self, place: usize, fresh: &BTreeSet<usize>, wishes: Wishes) {
        match self.session.subscriptions[place].channel {
            Channel::OrderbookDelta => self.snapshots(place, fresh, None),
            Channel::Ticker if wishes.send_initial_snapshot => {
                for market in fresh {
                    let body = ticker_body(&self.exchange.markets()[*market]);
                    let subscription = &mut self.session.subscriptions[place];
                    push_ticker(self.out, subscription, &body);
                }
            }
            _ => {}
        }
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
        let list = tickers.filter(|_| !subscription.wishes.skip_ticker_ack);
        let (sid, seq) = (Some(subscription.sid), subscription.next_seq());
        let envelope = Envelope { id: self.id, sid, seq, kind: "ok" };
        self.out.push(envelope, list.map(|market_tickers| MarketList { market_tickers }));
    }

    /// Sends whole books.
    fn snapshots(&mut self, place: usize, markets: &BTreeSet<usize>, id: Option<u64>) {
        let subscription = &mut self.session.subscriptions[place];
        for market in markets {
            let yes = subscription.wishes.use_yes_price;
            let body = snapshot(&self.exchange.markets()[*market], yes);
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
        let channel = self.session.subscriptions[place].channel;
        if names_ids(params) && channel != Channel::Ticker {
            return Err(invalid());
        }
        let send_initial_snapshot = read_flag(params, "send_initial_snapshot")?;
        let wishes = Wishes { send_initial_snapshot, ..Wishes::default() };
        match action {
            "add_markets" => {
                let (place, fresh) = self.extend(place, Some(&markets));
                self.greet(place, &fresh, wishes);
            }
            "delete_markets" => {
                self.narrow(place, &markets);
                self.acknowledge(place);
            }
            "get_snapshot" if channel == Channel::OrderbookDelta => {
                self.snapshots(place, &markets, self.id)
            }
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

const fn invalid() -> Fault {
    fault(11, "Invalid parameter")
}

fn read_flag(params: &Params, name: &str) -> Result<bool, Fault> {
    match params.get(name) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or_else(invalid),
    }
}

/// Whether a command names markets by their ids, which is for tickers only.
fn names_ids(params: &Params) -> bool {
    params.contains_key("market_id") || params.contains_key("market_ids")
}

/// Communications are dealt out in shards; there is nothing to deal out here.
fn check_shards(params: &Params) -> Result<(), Fault> {
    let read = |name: &str| match params.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(invalid),
    };
    match (read("shard_factor")?, read("shard_key")?) {
        (None, Some(_)) => Err(fault(20, "shard_factor is required when shard_key is set")),
        (Some(..=0), _) => Err(fault(19, "shard_factor must be > 0")),
        (Some(101..), _) => Err(fault(22, "shard_factor must be <= 100")),
        (Some(factor), Some(key)) if !(0..factor).contains(&key) => {
            Err(fault(21, "shard_key must be >= 0 and < shard_factor"))
        }
        _ => Ok(()),
    }
}

/// The markets that a command names in one of the four ways; `None` when it names none.
fn read_markets(exchange: &Exchange, params: &Params) -> Result<Option<BTreeSet<usize>>, Fault> {
    let ways = ["market_ticker", "market_tickers", "market_id", "market_ids"];
    let mut given = ways.into_iter().filter_map(|way| Some((way, params.get(way)?)));
    let Some((way, value)) = given.next() else { return Ok(None) };
    let names: Vec<&str> = match value {
        Value::String(name) if !way.ends_with('s') => vec![name],
        Value::Array(names) if way.ends_with('s') && !names.is_empty() => {
            names.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(invalid)?
        }
        _ => return Err(invalid()),
    };
    if given.next().is_some() {
        return Err(invalid());
    }
    let by_id = way.starts_with("market_id");
    let mut markets = BTreeSet::new();
    let mut unknown = Vec::new();
    for name in names {
        let found = if by_id { find_id(exchange, name) } else { find_ticker(exchange, name) };
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

fn find_ticker(exchange: &Exchange, name: &str) -> Option<usize> {
    exchange.find_market(&Ticker::new(name.as_bytes())?)
}

fn find_id(exchange: &Exchange, name: &str) -> Option<usize> {
    let id = uuid::Uuid::parse_str(name).ok()?.as_u128();
    exchange.markets().iter().position(|market| market.id == id)
}

fn read_sids(params: &Params, name: &str) -> Option<Vec<u64>> {
    params.get(name)?.as_array()?.iter().map(Value::as_u64).collect()
}
