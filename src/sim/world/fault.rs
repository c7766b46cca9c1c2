//! What goes wrong between engine and exchange: by script, or by chance from a seed.
//!
//! In: the kind of each request, the type of each stream frame, in the order in which they
//! happen. Out: what becomes of it. The same seed and the same questions give the same answers.
//! A script names one occurrence and beats chance; every fault is written down for the report
//! of a failing seed.

use crate::kalshi::paths::{AMEND, BASE_PATH, DECREASE, EVENT_ORDERS, EXCHANGE_STATUS};
use crate::runtime::random::Random;
use crate::units::Nanos;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RequestKind {
    /// A new order.
    Create = 0,
    /// The cancel of one order.
    Cancel = 1,
    /// The cancel of everything.
    CancelAll = 2,
    /// What keeps a connection warm.
    Status = 3,
    /// A signed read.
    Read = 4,
    /// A step of an order group.
    Group = 5,
    /// The change of an order's price.
    Amend = 6,
    /// The change of an order's size.
    Decrease = 7,
}

impl RequestKind {
    const COUNT: usize = 8;

    /// Reads it off a request's first line.
    #[must_use]
    pub fn of(request: &[u8]) -> Option<Self> {
        let line = request.split(|&byte| byte == b'\r').next()?;
        let mut words = core::str::from_utf8(line).ok()?.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let path = target.split('?').next()?.strip_prefix(BASE_PATH)?;
        match method {
            "POST" if path.ends_with(AMEND) => Some(Self::Amend),
            "POST" if path.ends_with(DECREASE) => Some(Self::Decrease),
            // A batch counts as one.
            "POST" => Some(Self::Create),
            "PUT" => Some(Self::Group),
            "DELETE" if path == EVENT_ORDERS => Some(Self::CancelAll),
            // A batch counts as one.
            "DELETE" => Some(Self::Cancel),
            "GET" if path == EXCHANGE_STATUS => Some(Self::Status),
            "GET" => Some(Self::Read),
            _ => None,
        }
    }
}

/// What an answer says that it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The order id is missing.
    NoOrderId,
    /// The order id is another order's.
    OtherOrderId,
    /// The client order id is another order's.
    OtherClientOrderId,
    /// The body is not JSON.
    Html,
    /// A listing does not say whether it goes on.
    NoCursor,
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFault {
    /// It is answered.
    None,
    /// The connection breaks before a byte of it has left.
    NothingLeaves,
    /// The connection breaks after a part of it has left.
    CutShort,
    /// It leaves, and is lost with its connection.
    Lost,
    /// It leaves, and nothing is ever heard of it.
    Vanished,
    /// The exchange takes it; the connection breaks before the answer arrives.
    AnswerLost,
    /// The exchange takes it; no answer ever comes.
    AnswerVanished,
    /// It reaches the exchange so much later.
    Late(Nanos),
    /// The exchange takes it; the answer comes so much later.
    AnswerLate(Nanos),
    /// It never reaches the exchange; something on the way answers with this status.
    Intercepted(u16),
    /// The exchange takes it; something on the way answers with this status instead.
    Masked(u16),
    /// The exchange takes it; the answer is changed.
    Edited(Edit),
}

/// What becomes of one stream frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// It is delivered.
    None,
    /// It is left out, and nothing tells.
    Lost,
    /// It comes twice.
    Repeated,
    /// It comes so much later; frames after it pass it.
    Held(Nanos),
    /// The connection breaks in its place.
    Cut,
    /// The exchange says nothing any more on this connection, pings included.
    Silence,
}

/// Chances in a thousand. Nothing goes wrong by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// Of a request, for each kind of fault alike.
    pub request: u32,
    /// Of a stream frame with news of the account or of a book.
    pub frame: u32,
    /// Of a dial to fail.
    pub dial: u32,
    /// Of a stage to be left out of the polls for a while, each time it is its turn.
    pub stall: u32,
    /// Longest time by which a delayed request is late: beyond the gateway's patience, within
    /// what the oms waits before it believes an absence.
    pub late_max: Nanos,
}

impl FaultRates {
    /// A bad day: about one request in eight and one frame in twelve meets something.
    #[must_use]
    pub const fn rough() -> Self {
        Self { request: 125, frame: 80, dial: 150, stall: 20, late_max: Nanos::from_ms(2_700) }
    }
}

/// A fault of one named occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The `nth` request of a kind, counted from 1.
    Request(RequestKind, u32, RequestFault),
    /// The `nth` stream message of a type (`fill`, `user_order`), counted from 1.
    Frame(&'static str, u32, FrameFault),
}

/// Decides. See the module's page.
#[derive(Clone, Debug)]
pub struct Faults {
    random: Random,
    rates: FaultRates,
    rules: Vec<Rule>,
    requests: [u32; RequestKind::COUNT],
    frames: Vec<(String, u32)>,
    log: Vec<String>,
}

impl Faults {
    /// Chance from `seed`, and `rules` that beat it.
    #[must_use]
    pub const fn new(seed: u64, rates: FaultRates, rules: Vec<Rule>) -> Self {
        Self {
            random: Random::new(seed),
            rates,
            rules,
            requests: [0; RequestKind::COUNT],
            frames: Vec::new(),
            log: Vec::new(),
        }
    }

    /// From now on nothing goes wrong by chance.
    pub const fn heal(&mut self) {
        self.rates = FaultRates { request: 0, frame: 0, dial: 0, stall: 0, late_max: Nanos::ZERO };
    }

    /// What has gone wrong so far, in order.
    #[must_use]
    pub fn log(&self) -> &[String] {
        &self.log
    }

    /// Whether a dial fails.
    pub const fn dial_fails(&mut self) -> bool {
        self.random.chance(self.rates.dial)
    }

    /// For how long a stage is not polled; zero as a rule.
    pub const fn stall(&mut self) -> Nanos {
        if self.random.chance(self.rates.stall) {
            Nanos::from_us(self.random.between(50, 40_000))
        } else {
            Nanos::ZERO
        }
    }

    /// What becomes of the next request of this kind.
    pub fn of_request(&mut self, kind: RequestKind) -> RequestFault {
        let seen = &mut self.requests[kind as usize];
        *seen += 1;
        let nth = *seen;
        let scripted = self.rules.iter().find_map(|rule| match rule {
            Rule::Request(of, number, fault) if *of == kind && *number == nth => Some(*fault),
            Rule::Request(..) | Rule::Frame(..) => None,
        });
        let fault = match scripted {
            Some(fault) => fault,
            None if self.random.chance(self.rates.request) => self.any_request_fault(),
            None => RequestFault::None,
        };
        if fault != RequestFault::None {
            self.log.push(format!("{kind:?} {nth}: {fault:?}"));
        }
        fault
    }

    fn any_request_fault(&mut self) -> RequestFault {
        let late = Nanos::from_ns(self.random.between(1, self.rates.late_max.ns()));
        match self.random.below(12) {
            0 => RequestFault::NothingLeaves,
            1 => RequestFault::CutShort,
            2 => RequestFault::Lost,
            3 => RequestFault::Vanished,
            4 => RequestFault::AnswerLost,
            5 => RequestFault::AnswerVanished,
            6 => RequestFault::Late(late),
            7 => RequestFault::AnswerLate(late),
            8 => RequestFault::Intercepted([429, 503, 502, 408][self.below(4)]),
            9 => RequestFault::Masked([500, 502, 503, 504][self.below(4)]),
            10 => RequestFault::Edited(Edit::Html),
            _ => {
                let edits = [Edit::NoOrderId, Edit::OtherOrderId, Edit::OtherClientOrderId];
                RequestFault::Edited(edits[self.below(3)])
            }
        }
    }

    fn below(&mut self, bound: u64) -> usize {
        usize::try_from(self.random.below(bound)).unwrap_or(0)
    }

    /// What becomes of the next stream message of this type. Answers to commands are spared by
    /// chance: without them there is no subscription to go wrong.
    pub fn of_frame(&mut self, kind: &str) -> FrameFault {
        let nth = self.count_frame(kind);
        let scripted = self.rules.iter().find_map(|rule| match rule {
            Rule::Frame(of, number, fault) if *of == kind && *number == nth => Some(*fault),
            Rule::Request(..) | Rule::Frame(..) => None,
        });
        let news = matches!(kind, "fill" | "user_order" | "orderbook_delta" | "orderbook_snapshot");
        let fault = match scripted {
            Some(fault) => fault,
            None if news && self.random.chance(self.rates.frame) => self.any_frame_fault(),
            None => FrameFault::None,
        };
        if fault != FrameFault::None {
            self.log.push(format!("{kind} {nth}: {fault:?}"));
        }
        fault
    }

    fn any_frame_fault(&mut self) -> FrameFault {
        match self.random.below(8) {
            0 | 1 => FrameFault::Lost,
            2 | 3 => FrameFault::Repeated,
            4 | 5 => FrameFault::Held(Nanos::from_ms(self.random.between(1, 3_000))),
            6 => FrameFault::Cut,
            _ => FrameFault::Silence,
        }
    }

    fn count_frame(&mut self, kind: &str) -> u32 {
        if let Some((_, count)) = self.frames.iter_mut().find(|(of, _)| of == kind) {
            *count += 1;
            return *count;
        }
        self.frames.push((kind.to_owned(), 1));
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_by_their_first_line() {
        let kind = |line: &str| RequestKind::of(format!("{line} HTTP/1.1\r\nHost: x").as_bytes());
        let orders = "/trade-api/v2/portfolio/events/orders";
        assert_eq!(kind(&format!("POST {orders}")), Some(RequestKind::Create));
        assert_eq!(kind(&format!("POST {orders}/abc/amend")), Some(RequestKind::Amend));
        assert_eq!(kind(&format!("POST {orders}/abc/decrease")), Some(RequestKind::Decrease));
        assert_eq!(kind(&format!("DELETE {orders}")), Some(RequestKind::CancelAll));
        assert_eq!(kind(&format!("DELETE {orders}/abc?x=1")), Some(RequestKind::Cancel));
        assert_eq!(kind("GET /trade-api/v2/exchange/status"), Some(RequestKind::Status));
        assert_eq!(kind("GET /trade-api/v2/portfolio/fills?x=1"), Some(RequestKind::Read));
        assert_eq!(kind("GET /elsewhere"), None);
    }

    #[test]
    fn a_script_names_one_occurrence() {
        let rule = Rule::Request(RequestKind::Create, 2, RequestFault::Lost);
        let mut faults = Faults::new(1, FaultRates::default(), vec![rule]);
        let first: Vec<_> = (0..3).map(|_| faults.of_request(RequestKind::Create)).collect();
        assert_eq!(first, [RequestFault::None, RequestFault::Lost, RequestFault::None]);
        assert_eq!(faults.of_request(RequestKind::Cancel), RequestFault::None);
        assert_eq!(faults.log(), ["Create 2: Lost"]);
    }

    #[test]
    fn chance_follows_from_the_seed() {
        let draw = |seed| {
            let mut faults = Faults::new(seed, FaultRates::rough(), Vec::new());
            (0..200).map(|_| faults.of_request(RequestKind::Create)).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
