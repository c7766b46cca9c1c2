//! Fetch (cold service). Reads [`FetchCommand`]s from the oms, writes [`FetchEvent`]s back.
//!
//! One command at a time, each a few GETs whose order is in `job.rs`; commands that wait stay in
//! their ring. A failed read is reported and never repeated here: the oms decides when to ask
//! again. Fills come before what they belong to, oldest first. Events are never dropped: when
//! their ring is full they wait, and no new command is begun.
//!
//! Thread `fetch`, parked when idle. Invariant: every command is answered by exactly one of
//! `Order`, `OrderAbsent`, `OrderFailed`, `BackfillDone`, `BackfillFailed`, `Quote`, `QuoteFailed`,
//! `MarketRead`, `MarketFailed`, `SettlementsDone`, `SettlementsFailed`, `AccountRead`,
//! `AccountFailed`.

mod account;
mod job;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use super::client::{Reply, RestClient, RestError};
use crate::message::{FetchCommand, FetchEvent};
use crate::net::{Connector, Transport};
use crate::runtime::clock::Clock;
use crate::runtime::stage::{Stage, Work};
use job::{Job, Step};

/// Slots the commands' ring should have: the open orders of an engine that lost its answers all
/// at once, and a backfill.
pub const COMMANDS_MAX: usize = 64;

/// Most events handed over in one poll.
const EVENTS_PER_POLL_MAX: usize = 256;

/// What the service has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FetchCounts {
    /// Commands begun.
    pub commands: u64,
    /// Successful reads.
    pub reads: u64,
    /// Reads that failed or made no sense.
    pub failures: u64,
}

/// The service.
#[derive(Debug)]
pub struct Fetch<T, K, C> {
    client: RestClient<T, K, C>,
    commands: rtrb::Consumer<FetchCommand>,
    events: rtrb::Producer<FetchEvent>,
    job: Option<Job>,
    /// Events that wait for room; at most one command's.
    pending: VecDeque<FetchEvent>,
    counts: FetchCounts,
    last_error: Option<RestError>,
}

impl<T: Transport, K: Connector<T>, C: Clock> Fetch<T, K, C> {
    /// Connects with the first command.
    pub fn new(
        client: RestClient<T, K, C>,
        commands: rtrb::Consumer<FetchCommand>,
        events: rtrb::Producer<FetchEvent>,
    ) -> Self {
        Self {
            client,
            commands,
            events,
            job: None,
            pending: VecDeque::new(),
            counts: FetchCounts::default(),
            last_error: None,
        }
    }

    /// What has been done so far.
    #[must_use]
    pub const fn counts(&self) -> FetchCounts {
        self.counts
    }

    /// Why the last failed read failed.
    #[must_use]
    pub const fn last_error(&self) -> Option<&RestError> {
        self.last_error.as_ref()
    }

    fn begin(&mut self) -> Work {
        let Ok(command) = self.commands.pop() else {
            return Work::Idle;
        };
        self.counts.commands += 1;
        let job = Job::new(command);
        self.ask(job);
        Work::Done
    }

    /// Sends the job's next GET.
    fn ask(&mut self, job: Job) {
        let started = self.client.start(&job.path(), &job.query());
        assert!(started.is_ok(), "the last request was answered before the next is made");
        self.job = Some(job);
    }

    fn answer(&mut self, result: Result<Reply, RestError>) {
        let Some(job) = self.job.take() else {
            return;
        };
        match &result {
            Ok(_) => self.counts.reads += 1,
            Err(error) => self.fail(error.clone()),
        }
        let path = job.path();
        match job.handle(result) {
            Step::Ask(job) => self.ask(*job),
            Step::Finished { events, why } => {
                self.pending.extend(events);
                if let Some(why) = why {
                    self.fail(RestError { path, why });
                }
            }
        }
    }

    #[cold]
    fn fail(&mut self, error: RestError) {
        self.counts.failures += 1;
        self.last_error = Some(error);
    }

    /// Hands pending events over while there is room.
    fn deliver(&mut self) -> Work {
        let decoded = self.client.clock().mono();
        let count = self.pending.len().min(self.events.slots()).min(EVENTS_PER_POLL_MAX);
        for mut event in self.pending.drain(..count) {
            if let FetchEvent::Fill(fill) = &mut event {
                fill.decoded = decoded;
            }
            let pushed = self.events.push(event);
            assert!(pushed.is_ok(), "no more than there were slots for");
        }
        if count == 0 { Work::Idle } else { Work::Done }
    }
}

impl<T: Transport, K: Connector<T>, C: Clock> Stage for Fetch<T, K, C> {
    const NAME: &'static str = "fetch";

    fn poll(&mut self) -> Work {
        if !self.pending.is_empty() {
            return self.deliver();
        }
        if self.job.is_none() {
            return self.begin();
        }
        match self.client.poll() {
            None => Work::Idle,
            Some(result) => {
                self.answer(result);
                Work::Done
            }
        }
    }
}
