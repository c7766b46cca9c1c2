//! Faults on purpose: which request, which message and which moment goes wrong, from a file or
//! live.
//!
//! In: what is asked or told, and when. Out: what goes wrong with it, if anything. The same plan,
//! the same questions in the same order and the same times give the same faults: chance comes
//! from the seed, the rule and the number of the match. Who serves carries it out; nothing here
//! sleeps, drops or reads a clock.

mod edit;
mod file;
mod plan;
mod sentence;
mod stories;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

pub use file::{FaultFileError, names};
pub use plan::{
    Change, Edit, Event, FaultPlan, Field, Kind, MessageTrouble, Phase, RequestTrouble, Rule,
    Shape, Spread, Target, When,
};
pub use stories::{Told, facts};

use crate::sim::exchange::{ExchangeState, MarketCommand, Random};
use crate::sim::venue::{SessionId, VenueAction};
use crate::units::{Nanos, WallTime};

/// What goes wrong with one request, every chance taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFault {
    /// It, or its answer, is so late.
    Delay(Phase, Nanos),
    /// Anything else.
    Other(RequestTrouble),
}

/// What goes wrong with one message, every chance taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageFault {
    /// It is so late.
    Delay(Nanos),
    /// Anything else.
    Other(MessageTrouble),
}

/// Something to do at its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// To the exchange.
    Venue(VenueAction),
    /// All connections end.
    DropConnections,
    /// The exchange's clock is so many milliseconds ahead from now on.
    Skew(i64),
    /// From now on no connection lives longer than so long, or each as long as it likes.
    Lifetime(Option<Nanos>),
}

/// An entry of the plan's calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Done once, for good.
    Once(Act),
    /// Done, and undone after so long, or when the plan goes.
    Spell { act: Act, undo: Act, lasts: Option<Nanos> },
    /// The end of a spell that has begun.
    End(Act),
}

/// How often a rule has matched and struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    matched: u64,
    struck: u64,
}

/// A plan on its way.
#[derive(Debug, Default)]
pub struct Faults {
    plan: FaultPlan,
    /// By rule.
    tallies: Vec<Tally>,
    started: Option<WallTime>,
    silenced: HashSet<SessionId>,
    /// What is to be done, soonest first.
    steps: BTreeMap<(WallTime, u64), Step>,
    steps_made: u64,
    /// What undoes what has begun and has no end of its own.
    lasting: Vec<Act>,
    skew_ms: i64,
}

impl Faults {
    /// A plan that starts at `now`.
    #[must_use]
    pub fn new(plan: FaultPlan, now: WallTime) -> Self {
        let tallies = vec![Tally::default(); plan.rules.len()];
        let mut faults = Self { tallies, started: Some(now), ..Self::default() };
        for rule in &plan.rules {
            if let Rule::Event { at, event } = rule {
                faults.schedule(now + *at, event);
            }
        }
        faults.plan = plan;
        faults
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &FaultPlan {
        &self.plan
    }

    /// The plan in sentences, one per rule, each with how often it has struck so far.
    pub fn told(&self) -> impl Iterator<Item = String> {
        self.plan.rules.iter().zip(&self.tallies).map(|(rule, tally)| match rule {
            Rule::Event { .. } => rule.to_string(),
            Rule::Request { .. } | Rule::Message { .. } => {
                format!("{rule}; so far {} of {} matches", tally.struck, tally.matched)
            }
        })
    }

    fn schedule(&mut self, at: WallTime, event: &Event) {
        let state = |state| Act::Venue(VenueAction::State(state));
        let spell = |act, undo, lasts| Step::Spell { act, undo, lasts };
        let once = |action| Step::Once(Act::Venue(action));
        let to = |market, command| once(VenueAction::Market { market, command });
        let step = match *event {
            Event::TradingPause(span) => {
                let pause = state(ExchangeState::TradingPaused);
                spell(pause, state(ExchangeState::Open), Some(span))
            }
            Event::ExchangePause(span) => {
                let pause = state(ExchangeState::ExchangePaused);
                spell(pause, state(ExchangeState::Open), Some(span))
            }
            Event::MarketPause(market, span) => {
                let command = |command| Act::Venue(VenueAction::Market { market, command });
                let [off, on] = [MarketCommand::Deactivate, MarketCommand::Activate].map(command);
                spell(off, on, Some(span))
            }
            Event::Close(market) => to(market, MarketCommand::Close),
            Event::Settle(market, outcome, after) => {
                self.put(at, to(market, MarketCommand::Close));
                self.put(at, to(market, MarketCommand::Determine(outcome)));
                return self.put(at + after, to(market, MarketCommand::Settle));
            }
            Event::Determine(market, outcome) => to(market, MarketCommand::Determine(outcome)),
            Event::Dispute(market, span) => {
                let command = |command| Act::Venue(VenueAction::Market { market, command });
                let [open, lift] = [MarketCommand::Dispute, MarketCommand::Uphold].map(command);
                spell(open, lift, Some(span))
            }
            Event::AmendResult(market, outcome) => to(market, MarketCommand::Amend(outcome)),
            Event::CloseAt(market, after) => to(market, MarketCommand::CloseAt(at + after)),
            Event::Restructure(market, structure) => {
                to(market, MarketCommand::Restructure(structure))
            }
            Event::FeeWaiver(market, span) => {
                once(VenueAction::WaiveFees { market, until: at + span })
            }
            Event::ClockSkew(ms, span) => spell(Act::Skew(ms), Act::Skew(0), Some(span)),
            Event::ConnectionLifetime(span) => {
                spell(Act::Lifetime(Some(span)), Act::Lifetime(None), None)
            }
            Event::ListMarket(market) => once(VenueAction::ListMarket(market)),
            Event::EventFees(market, fees) => once(VenueAction::EventFees { market, fees }),
            Event::Retitle(market, yes_sub_title) => {
                once(VenueAction::Retitle { market, yes_sub_title })
            }
            Event::Cut => Step::Once(Act::DropConnections),
            Event::VoidFill(market) => once(VenueAction::VoidFill { market }),
            Event::ReadLag(lag, span) => {
                let behind = |lag| Act::Venue(VenueAction::ReadLag(lag));
                spell(behind(Some(lag)), behind(None), Some(span))
            }
            Event::CancelAllTail(per_mille) => {
                let tail = |chance| Act::Venue(VenueAction::CancelAllTail(chance));
                spell(tail(per_mille), tail(0), None)
            }
        };
        self.put(at, step);
    }

    fn put(&mut self, at: WallTime, step: Step) {
        self.steps_made += 1;
        self.steps.insert((at, self.steps_made), step);
    }

    /// When [`Self::due`] next has something, if ever.
    #[must_use]
    pub fn deadline(&self) -> Option<WallTime> {
        self.steps.first_key_value().map(|((at, _), _)| *at)
    }

    /// What is to be done by `now`, in order.
    pub fn due(&mut self, now: WallTime) -> Vec<Act> {
        let mut due = Vec::new();
        while let Some(entry) = self.steps.first_entry().filter(|entry| entry.key().0 <= now) {
            let at = entry.key().0;
            let act = match entry.remove() {
                Step::Once(act) | Step::End(act) => act,
                Step::Spell { act, undo, lasts: Some(span) } => {
                    self.put(at + span, Step::End(undo));
                    act
                }
                Step::Spell { act, undo, lasts: None } => {
                    self.lasting.push(undo);
                    act
                }
            };
            match act {
                Act::Skew(ms) => self.skew_ms = ms,
                Act::Venue(_) | Act::DropConnections | Act::Lifetime(_) => due.push(act),
            }
        }
        due
    }

    /// Ends the plan: what ends the spells that it has begun, in order. What it has done for good
    /// stays done.
    pub fn undo(&mut self) -> Vec<Act> {
        let steps = core::mem::take(&mut self.steps).into_values();
        let ends = steps.filter_map(|step| match step {
            Step::End(act) => Some(act),
            Step::Once(_) | Step::Spell { .. } => None,
        });
        let lasting = core::mem::take(&mut self.lasting);
        self.skew_ms = 0;
        lasting.into_iter().chain(ends).filter(|act| !matches!(act, Act::Skew(_))).collect()
    }

    /// The exchange's own idea of the time.
    #[must_use]
    pub fn skewed(&self, now: WallTime) -> WallTime {
        let skew = Nanos::from_ms(self.skew_ms.unsigned_abs());
        if self.skew_ms >= 0 {
            now + skew
        } else {
            WallTime::from_unix_ns(now.unix_ns().saturating_sub(skew.ns()))
        }
    }

    /// What goes wrong with a request.
    pub fn request(&mut self, now: WallTime, method: &str, path: &str) -> Option<RequestFault> {
        let kind = Target::of(method, path);
        let since = self.since(now);
        for index in 0..self.plan.rules.len() {
            let Rule::Request { on, when, trouble } = &self.plan.rules[index] else { continue };
            let (when, trouble) = (*when, *trouble);
            if !on.covers(kind) {
                continue;
            }
            let Some(mut random) = self.strike(index, when, since) else { continue };
            return Some(match trouble {
                RequestTrouble::Delay(phase, spread) => {
                    RequestFault::Delay(phase, spread.draw(&mut random))
                }
                other => RequestFault::Other(other),
            });
        }
        None
    }

    /// What goes wrong with a message for a session.
    pub fn message(
        &mut self,
        now: WallTime,
        session: SessionId,
        text: &str,
    ) -> Option<MessageFault> {
        if self.silenced.contains(&session) {
            return Some(MessageFault::Other(MessageTrouble::Lose));
        }
        let since = self.since(now);
        for index in 0..self.plan.rules.len() {
            let Rule::Message { on, when, trouble } = &self.plan.rules[index] else { continue };
            let (when, trouble) = (*when, *trouble);
            if !on.covers(text) {
                continue;
            }
            let Some(mut random) = self.strike(index, when, since) else { continue };
            return Some(match trouble {
                MessageTrouble::Delay(spread) => MessageFault::Delay(spread.draw(&mut random)),
                MessageTrouble::Silence => {
                    self.silenced.insert(session);
                    MessageFault::Other(MessageTrouble::Lose)
                }
                other => MessageFault::Other(other),
            });
        }
        None
    }

    /// Forgets a session that is gone.
    pub fn forget(&mut self, session: SessionId) {
        self.silenced.remove(&session);
    }

    fn since(&mut self, now: WallTime) -> Nanos {
        now.since(*self.started.get_or_insert(now))
    }

    /// Counts a match of a rule; chance of its own when it strikes.
    fn strike(&mut self, index: usize, when: When, since: Nanos) -> Option<Random> {
        let tally = &mut self.tallies[index];
        tally.matched += 1;
        let inside = since >= when.from && since < when.until;
        if !inside || tally.matched < when.first || tally.struck >= when.count {
            return None;
        }
        // A stream per rule and match: what one rule draws does not change another's.
        let stream = (index as u64) << 40 ^ tally.matched;
        let mut random = Random::new(self.plan.seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        if random.below(1_000) >= u64::from(when.per_mille) {
            return None;
        }
        tally.struck += 1;
        Some(random)
    }
}

impl Spread {
    fn draw(&self, random: &mut Random) -> Nanos {
        let width = self.most.ns() - self.least.ns();
        let past = match self.shape {
            Shape::Uniform => random.below(width.saturating_add(1).max(1)),
            // Halves of the width are as likely as all that follow together: a mean of about a
            // seventh of the width, in whole numbers.
            Shape::Exponential => {
                let halvings = random.next().trailing_ones().min(20);
                let scale = width >> 4;
                let whole = scale.saturating_mul(u64::from(halvings) * 2);
                (whole + random.below(scale.saturating_mul(2).max(1))).min(width)
            }
        };
        self.least + Nanos::from_ns(past)
    }
}

impl Kind {
    /// Whether a rule about `self` is about this message.
    fn covers(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Type(kind) => text.split_once("\"type\":\"").is_some_and(|(_, rest)| {
                rest.strip_prefix(kind.as_str()).is_some_and(|rest| rest.starts_with('"'))
            }),
        }
    }
}

/// The faults of a running server, which can be replaced while it runs. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct LiveFaults {
    faults: Arc<Mutex<Faults>>,
}

impl LiveFaults {
    /// Starts with a plan.
    #[must_use]
    pub fn new(plan: FaultPlan, now: WallTime) -> Self {
        Self { faults: Arc::new(Mutex::new(Faults::new(plan, now))) }
    }

    /// Puts another plan in the place of the one there is. A skewed clock is right again; what
    /// else undoes the former plan is returned, in order.
    #[must_use = "a pause whose plan is gone would last for ever"]
    pub fn replace(&self, plan: FaultPlan, now: WallTime) -> Vec<Act> {
        let mut faults = self.lock();
        let undone = faults.undo();
        *faults = Faults::new(plan, now);
        undone
    }

    /// For one question.
    ///
    /// # Panics
    /// When a thread panicked while it asked: the plan's state is not to be trusted then.
    pub fn lock(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().expect("nobody panics while asking for faults")
    }
}
