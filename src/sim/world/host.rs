//! The exchange's side of every pipe: who asked is checked, the venue answers, frames go out.
//!
//! In: bytes that have arrived by now. Out: bytes, delayed and damaged as the faults say, and a
//! ledger of what was asked. Polled on the world's only thread; never touches the engine.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::fault::{Edit, FrameFault, RequestFault};
use super::http::{Framing, HttpLink, HttpRequest};
use super::lag;
use super::network::{LinkKind, Network};
use super::stream::StreamLink;
use crate::ids::{ClientOrderId, OrderGroupId, Ticker};
use crate::kalshi::account::{created_group, new_group};
use crate::kalshi::paths::{BASE_PATH, BATCHED, EVENT_ORDERS, ORDER_GROUPS};
use crate::message::BookSide;
use crate::runtime::random::Random;
use crate::sim::api::SimVenue;
use crate::sim::auth::{Credentials, KeyRing, Signed, Window, authenticate, is_public};
use crate::sim::venue::{ApiRequest, ApiResponse, UserId, Venue};
use crate::units::{Contracts, Nanos, Now, Price, Timestamp, WallTime};

/// The account the engine trades.
pub const TRADER: UserId = UserId(0);

/// Another member, for scenarios that need somebody to trade with.
pub const STRANGER: UserId = UserId(1);

/// See the module's page.
#[derive(Debug)]
pub struct Host {
    venue: SimVenue,
    network: Network,
    keys: KeyRing,
    random: Random,
    http: Vec<HttpLink>,
    streams: Vec<StreamLink>,
    read_lag: Nanos,
    /// Create requests the exchange has taken, by their id.
    creates: HashMap<ClientOrderId, u32>,
    /// Requests whose signature was refused.
    denied: u32,
    /// What others have ordered on the engine's account, in all.
    pub(super) meddled: Contracts,
    /// Whether the account's location is attested.
    location: Location,
    /// Writes are too many until then.
    throttled_until: Timestamp,
    /// Cancels that were asked for, of one order or of several.
    cancel_requests: u32,
    /// Requests for new orders, of one or of several.
    create_requests: u32,
}

/// What the exchange knows of where the account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Location {
    Attested,
    Lapsed,
}

impl Host {
    /// Serves `venue`; reads show it as it was `read_lag` ago.
    #[must_use]
    pub fn new(
        venue: SimVenue,
        network: Network,
        keys: KeyRing,
        read_lag: Nanos,
        seed: u64,
    ) -> Self {
        Self {
            venue,
            network,
            keys,
            random: Random::new(seed),
            http: Vec::new(),
            streams: Vec::new(),
            read_lag,
            creates: HashMap::new(),
            denied: 0,
            meddled: Contracts::ZERO,
            location: Location::Attested,
            throttled_until: Timestamp::ZERO,
            cancel_requests: 0,
            create_requests: 0,
        }
    }

    /// The exchange.
    #[must_use]
    pub const fn venue(&self) -> &SimVenue {
        &self.venue
    }

    /// The exchange, for pauses.
    pub const fn venue_mut(&mut self) -> &mut SimVenue {
        &mut self.venue
    }

    /// The stranger places an order that rests until it is met.
    ///
    /// # Panics
    /// When the exchange refuses it.
    pub fn stranger_trades(
        &mut self,
        now: WallTime,
        ticker: &Ticker,
        side: BookSide,
        price: Price,
        contracts: Contracts,
    ) {
        let body = json!({
            "ticker": ticker.as_str(), "side": side.as_str(), "count": contracts.to_string(),
            "price": price.to_string(), "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        });
        let body = body.to_string();
        let path = format!("{BASE_PATH}{EVENT_ORDERS}");
        let request = ApiRequest { method: "POST", path: &path, query: "", body: body.as_bytes() };
        let answer = self.venue.handle(now, Some(STRANGER), &request);
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    /// How many requests have asked for new orders.
    #[must_use]
    pub const fn create_requests(&self) -> u32 {
        self.create_requests
    }

    /// How many requests have asked for cancels.
    #[must_use]
    pub const fn cancel_requests(&self) -> u32 {
        self.cancel_requests
    }

    /// Every write is answered 429 until then.
    pub const fn throttle(&mut self, until: Timestamp) {
        self.throttled_until = until;
    }

    /// Makes an order group on each of these shards for the engine's account.
    ///
    /// # Panics
    /// When the exchange refuses one.
    pub(super) fn make_groups(
        &mut self,
        now: WallTime,
        shards: &[u8],
        contracts: u32,
    ) -> Vec<(u8, OrderGroupId)> {
        let path = format!("{BASE_PATH}{ORDER_GROUPS}/create");
        let make = |&shard: &u8| {
            let body = new_group(contracts, shard);
            let (method, body) = ("POST", body.as_bytes());
            let request = ApiRequest { method, path: &path, query: "", body };
            let answer = self.venue.handle(now, Some(TRADER), &request);
            let made = created_group(answer.body.as_bytes());
            (shard, made.expect("a group can be made on every shard there is"))
        };
        shards.iter().map(make).collect()
    }

    /// The account's attestation of its location lapses: new orders are refused.
    pub const fn deny_location(&mut self) {
        self.location = Location::Lapsed;
    }

    /// How often the exchange took a create request with this id.
    #[must_use]
    pub fn creates(&self, id: ClientOrderId) -> u32 {
        self.creates.get(&id).copied().unwrap_or(0)
    }

    /// Every id of which a create request was taken, and how often.
    pub fn all_creates(&self) -> impl Iterator<Item = (ClientOrderId, u32)> {
        self.creates.iter().map(|(id, count)| (*id, *count))
    }

    /// Requests whose signature was refused.
    #[must_use]
    pub const fn denied(&self) -> u32 {
        self.denied
    }

    /// How many WebSocket connections are open.
    #[must_use]
    pub const fn sessions(&self) -> usize {
        self.streams.len()
    }

    /// Every WebSocket connection stays, and nothing is said on it any more.
    pub fn silence_streams(&mut self) {
        self.streams.iter_mut().for_each(StreamLink::fall_silent);
    }

    /// The n-th WebSocket connection, oldest first, stays, and nothing is said on it any more.
    pub fn silence_stream(&mut self, nth: usize) {
        self.streams[nth].fall_silent();
    }

    /// The n-th WebSocket connection, oldest first, breaks.
    pub fn cut_stream(&mut self, now: Timestamp, nth: usize) {
        self.streams[nth].hang_up(now);
    }

    /// Every WebSocket connection breaks.
    pub fn cut_streams(&mut self, now: Timestamp) {
        self.streams.iter_mut().for_each(|link| link.hang_up(now));
    }

    /// Says a text on every WebSocket connection.
    pub fn tell_streams(&mut self, now: Timestamp, text: &str) {
        self.streams.iter_mut().for_each(|link| link.send(now, text, FrameFault::None));
    }

    /// Every HTTP connection breaks.
    pub fn cut_http(&mut self, now: Timestamp) {
        self.http.iter_mut().for_each(|link| link.hang_up(now));
    }

    /// Does what is due by now.
    pub fn poll(&mut self, now: Now) {
        self.accept(now);
        if self.venue.deadline().is_some_and(|at| at <= now.wall) {
            self.venue.advance(now.wall);
        }
        self.serve_streams(now);
        self.serve_http(now);
        self.dispatch(now);
        for link in &mut self.streams {
            link.keep_time(now.mono);
        }
        self.drop_ended(now);
    }

    /// The next moment at which something happens on any connection or at the venue.
    #[must_use]
    pub fn next(&self, now: Now) -> Timestamp {
        let http = self.http.iter().map(|link| link.end.next(now.mono));
        let streams = self.streams.iter().map(|link| link.next(now.mono));
        let venue = self.venue.deadline().map(|at| now.mono + at.since(now.wall));
        http.chain(streams).chain(venue).min().unwrap_or(Timestamp::NEVER)
    }

    fn accept(&mut self, now: Now) {
        while let Some((kind, end)) = self.network.accept() {
            match kind {
                LinkKind::Orders | LinkKind::Reads => self.http.push(HttpLink::new(end)),
                LinkKind::Stream => {
                    let session = self.venue.open_session(now.wall, TRADER);
                    self.streams.push(StreamLink::new(end, session, now.mono));
                }
            }
        }
    }

    fn drop_ended(&mut self, now: Now) {
        self.http.retain(|link| !link.is_over(now.mono));
        let venue = &mut self.venue;
        self.streams.retain(|link| {
            let over = link.is_over(now.mono);
            if over {
                venue.close_session(link.session);
            }
            !over
        });
    }

    fn serve_streams(&mut self, now: Now) {
        for link in &mut self.streams {
            for text in link.receive(now.mono) {
                self.venue.session_text(now.wall, link.session, &text);
            }
        }
    }

    fn dispatch(&mut self, now: Now) {
        while let Some((session, text)) = self.venue.poll_outgoing() {
            let Some(link) = self.streams.iter_mut().find(|link| link.session == session) else {
                continue;
            };
            let fault = self.network.frame(frame_type(&text));
            link.send(now.mono, &text, fault);
        }
    }

    fn serve_http(&mut self, now: Now) {
        for index in 0..self.http.len() {
            while let Some(request) = self.http[index].receive(now.mono) {
                self.serve(now, index, &request);
            }
        }
    }

    /// Answers one request, or does with it what is to go wrong.
    fn serve(&mut self, now: Now, index: usize, request: &HttpRequest) {
        let fault = self.http[index].end.take_fault();
        let too_many = now.mono < self.throttled_until && request.method != "GET";
        let intercepted = match fault {
            _ if too_many => Some(gateway_page(429)),
            RequestFault::Intercepted(status) => Some(gateway_page(status)),
            _ => None,
        };
        let mut answer = intercepted.unwrap_or_else(|| self.answer(now.wall, request));
        let framing = match self.random.below(8) {
            0 => Framing::Chunked,
            1 => Framing::Continued,
            _ => Framing::Length,
        };
        let link = &mut self.http[index];
        let mut late = Nanos::ZERO;
        match fault {
            RequestFault::AnswerLost => return link.hang_up(now.mono),
            RequestFault::AnswerVanished => return,
            RequestFault::AnswerLate(by) => late = by,
            RequestFault::Masked(status) => answer = gateway_page(status),
            RequestFault::Edited(edit) => answer.body = edited(&answer.body, edit),
            RequestFault::None
            | RequestFault::NothingLeaves
            | RequestFault::CutShort
            | RequestFault::Lost
            | RequestFault::Vanished
            | RequestFault::Late(_)
            | RequestFault::Intercepted(_) => {}
        }
        link.answer(now.mono, late, &answer, framing);
    }

    fn answer(&mut self, now: WallTime, request: &HttpRequest) -> ApiResponse {
        let signed = Signed { method: &request.method, path: &request.path };
        let credentials = Credentials {
            key_id: request.key_id.as_deref(),
            timestamp: request.timestamp.as_deref(),
            signature: request.signature.as_deref(),
        };
        let caller = if credentials.are_absent() && is_public(signed) {
            None
        } else {
            match authenticate(&self.keys, Window::default(), &credentials, signed, now) {
                Ok(user) => Some(user),
                Err(denial) => {
                    self.denied += 1;
                    return denial.response();
                }
            }
        };
        if self.location == Location::Lapsed && request.method == "POST" {
            return location_refusal();
        }
        self.cancel_requests += u32::from(request.method == "DELETE");
        self.note(request);
        let asked = ApiRequest {
            method: &request.method,
            path: &request.path,
            query: &request.query,
            body: &request.body,
        };
        let answer = self.venue.handle(now, caller, &asked);
        lag::age(answer, &request.path, &self.venue, now, self.read_lag)
    }

    fn note(&mut self, request: &HttpRequest) {
        let creates = request.path.ends_with(EVENT_ORDERS) || request.path.ends_with(BATCHED);
        if request.method != "POST" || !creates {
            return;
        }
        self.create_requests += 1;
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let several = body["orders"].as_array().map_or(&[][..], Vec::as_slice);
        for order in several.iter().chain([&body]) {
            let id = order["client_order_id"].as_str().map(str::as_bytes);
            if let Some(id) = id.and_then(ClientOrderId::parse) {
                *self.creates.entry(id).or_insert(0) += 1;
            }
        }
    }
}

/// The `type` of a stream message.
fn frame_type(text: &str) -> &str {
    const MARK: &str = "\"type\":\"";
    let rest = text.find(MARK).map_or("", |at| &text[at + MARK.len()..]);
    rest.split('"').next().unwrap_or("")
}

/// What stands between engine and exchange says: its page, or the exchange's words for 429.
fn gateway_page(status: u16) -> ApiResponse {
    let body = match status {
        429 => r#"{"error":"too many requests"}"#.to_owned(),
        _ => format!("<html><body><h1>{status}</h1></body></html>"),
    };
    ApiResponse { status, body }
}

/// As seen by live bots (reference §2): the code is the whole sentence.
fn location_refusal() -> ApiResponse {
    let text = "Your location attestation for API trading is missing or expired. Please verify \
                your location in the Kalshi app or website, and then retry.";
    let code = text.replace(' ', "_");
    let body = json!({"error": {"code": code, "message": text}}).to_string();
    ApiResponse { status: 403, body }
}

/// Changes an answer that has the field; others stay.
fn edited(body: &str, edit: Edit) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str::<Value>(body) else {
        return body.to_owned();
    };
    let stranger = || Value::from("00000000-0000-4000-8000-00000000dead");
    let field = match edit {
        Edit::NoOrderId => {
            fields.remove("order_id");
            return Value::Object(fields).to_string();
        }
        Edit::Html => return "<html>".to_owned(),
        Edit::NoCursor => {
            fields.remove("cursor");
            return Value::Object(fields).to_string();
        }
        Edit::OtherOrderId => "order_id",
        Edit::OtherClientOrderId => "client_order_id",
    };
    if let Some(value) = fields.get_mut(field) {
        *value = stranger();
    }
    Value::Object(fields).to_string()
}
