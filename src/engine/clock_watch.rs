//! The exchange's clock, looked at again and again: a machine's clock may be stepped while it
//! trades, and signatures carry it.
//!
//! A cold service on a thread and a connection of its own. In: `Date` of a cheap, unsigned read.
//! Out: a command to the oms that says how far the clocks are apart. A look that fails says
//! nothing: links have alarms of their own. Never measured by orders alone, since a skew stops
//! those.

use super::account::Account;
use super::checks::SkewBounds;
use super::single::Single;
use crate::control::CommandLine;
use crate::message::ControlCommand;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::stage::{Stage, Work};
use crate::units::{Nanos, Timestamp};

/// See the module's page.
pub(super) struct ClockWatch {
    account: Account,
    request: Vec<u8>,
    clock: SystemClock,
    commands: CommandLine,
    every: Nanos,
    due: Timestamp,
    link: Option<Single>,
    /// What the looks so far say together.
    bounds: Option<SkewBounds>,
}

impl ClockWatch {
    /// Looks with `request`, the first time after one span of `every`.
    pub(super) fn new(
        account: &Account,
        request: &[u8],
        clock: &SystemClock,
        commands: CommandLine,
        every: Nanos,
    ) -> Self {
        Self {
            account: account.clone(),
            request: request.to_vec(),
            clock: clock.clone(),
            commands,
            every,
            due: clock.mono() + every,
            link: None,
            bounds: None,
        }
    }

    /// What one look says; `None` when there was no answer to learn from.
    fn look(&mut self) -> Option<SkewBounds> {
        let (rest, dial) = (&self.account.rest, &self.account.dial);
        let mut link = match self.link.take() {
            Some(link) => link,
            None => Single::connect(rest, dial, &self.clock).ok()?,
        };
        // A link that failed, or was closed while it idled, is not kept.
        let answer = link.ask(&self.request).ok()?;
        self.link = Some(link);
        Some(SkewBounds::of_answer(answer.date?, answer.sent.wall, answer.received.wall))
    }
}

impl Stage for ClockWatch {
    const NAME: &'static str = "clock";

    /// Unlike a hot stage's, this blocks while it dials and asks.
    fn poll(&mut self) -> Work {
        if self.clock.mono() < self.due {
            return Work::Idle;
        }
        self.due = self.clock.mono() + self.every;
        let Some(seen) = self.look() else { return Work::Done };
        // Looks that cannot both be right tell of a step in between: the later one stands.
        let both = self.bounds.map_or(seen, |bounds| bounds.and(seen));
        let bounds = if both.is_possible() { both } else { seen };
        self.bounds = Some(bounds);
        let command = ControlCommand::Clock { ahead_ms: bounds.middle_ms() };
        // A full ring means an oms that is busy ending; the next look says it again.
        let _full: Result<(), _> = self.commands.send(command);
        Work::Done
    }
}
