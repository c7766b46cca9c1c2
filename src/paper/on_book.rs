//! Paper trading on a book (stages 3 and 4 in one): the rings around [`BookFills`].
//!
//! In: commands of the oms. Out: what gateway and feed would tell it. Bounded: what does not fit
//! into a ring waits here, in order. Thread `gateway`; a simulator, not a hot path.

use super::PaperRings;
use super::book::{BookFills, Told};
use crate::message::{Command, FeedEvent, FetchCommand, FetchEvent, GatewayEvent, Unsent};
use crate::risk::KillSwitch;
use crate::runtime::clock::Clock;
use crate::runtime::stage::{Stage, Work};
use crate::units::Now;

/// Orders under way at once; more are refused like a pool without connections.
const UNDER_WAY_MAX: usize = 2_048;

/// See the module's page.
#[derive(Debug)]
pub struct BookPaper<C> {
    book: BookFills,
    clock: C,
    rings: PaperRings,
    /// What the rings had no room for.
    waiting: Option<Told>,
    greetings: Vec<Told>,
    kill_switch: KillSwitch,
}

impl<C: Clock> BookPaper<C> {
    /// Joins a book with its rings.
    #[must_use]
    pub fn new(book: BookFills, clock: C, rings: PaperRings) -> Self {
        let greetings =
            vec![Told::Feed(FeedEvent::Up), Told::Gateway(GatewayEvent::Connections { ready: 1 })];
        Self { book, clock, rings, waiting: None, greetings, kill_switch: KillSwitch::default() }
    }

    /// Takes no order while `kill_switch` is thrown.
    #[must_use]
    pub fn with_kill_switch(mut self, kill_switch: KillSwitch) -> Self {
        self.kill_switch = kill_switch;
        self
    }

    fn take(&mut self, now: Now, command: &Command) {
        match command {
            Command::Submit(approved) => match self.obstacle() {
                None => self.book.submit(now, *approved.get()),
                Some(why) => {
                    let key = approved.get().key;
                    self.waiting = Some(Told::Gateway(GatewayEvent::NotSent { key, why }));
                }
            },
            Command::Cancel(cancel) => self.book.cancel(now, *cancel),
            Command::CancelAll => self.book.cancel_all(now),
        }
    }

    /// Why an order cannot be sent now.
    fn obstacle(&self) -> Option<Unsent> {
        if self.kill_switch.is_thrown() {
            return Some(Unsent::Halted);
        }
        (self.book.under_way() >= UNDER_WAY_MAX).then_some(Unsent::NoConnection)
    }

    /// Tells what there is to tell, as far as the rings have room.
    fn tell(&mut self) -> Work {
        let mut work = Work::Idle;
        loop {
            let next = self.waiting.take().or_else(|| self.greetings.pop());
            let Some(told) = next.or_else(|| self.book.poll()) else { return work };
            let kept = match told {
                Told::Gateway(event) => self.rings.events.push(event).is_ok(),
                Told::Feed(event) => self.rings.feed.push(event).is_ok(),
            };
            if !kept {
                self.waiting = Some(told);
                return work;
            }
            work = Work::Done;
        }
    }

    /// Every order was answered and every fill reported: there is nothing to make up for.
    fn answer_asks(&mut self, now: Now) -> Work {
        if self.rings.fetch.is_full() {
            return Work::Idle;
        }
        let answer = match self.rings.asks.pop() {
            Ok(FetchCommand::Backfill { .. }) => FetchEvent::BackfillDone,
            Ok(FetchCommand::Order { key, .. }) => FetchEvent::OrderAbsent { key },
            Ok(FetchCommand::Quote { ticker }) => {
                let quote = self.book.quote(&ticker, now.wall);
                quote.map_or(FetchEvent::QuoteFailed { ticker }, FetchEvent::Quote)
            }
            Ok(FetchCommand::Settlements { .. }) => FetchEvent::SettlementsDone,
            Err(_empty) => return Work::Idle,
        };
        let kept = self.rings.fetch.push(answer);
        debug_assert!(kept.is_ok(), "Invariant: the ring had room");
        Work::Done
    }
}

impl<C: Clock> Stage for BookPaper<C> {
    const NAME: &'static str = "paper";

    fn poll(&mut self) -> Work {
        let now = self.clock.now();
        self.book.advance(now);
        let work = self.tell().or(self.answer_asks(now));
        if self.waiting.is_some() {
            return work;
        }
        match self.rings.commands.pop() {
            Ok(command) => {
                self.take(now, &command);
                Work::Done
            }
            Err(_empty) => work,
        }
    }
}
