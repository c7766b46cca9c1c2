//! The account's tier, asked again while a run trades: it is earned by volume and can be lost.
//!
//! Cold stage with a connection of its own for each question. In: nothing. Out: the bucket's size,
//! to the gateway, which decides at the wire, and to the oms, which refuses what would wait there.
//! A question that fails changes nothing and is asked again at the next turn.

use core::fmt;

use super::account::Account;
use super::errand::Errands;
use crate::control::CommandLine;
use crate::gateway::budget::TierNews;
use crate::kalshi::account::{WriteBucket, write_bucket};
use crate::kalshi::paths::{ACCOUNT_LIMITS, GET};
use crate::message::ControlCommand;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::stage::{Stage, Work};
use crate::units::{Nanos, Timestamp};

/// How often it is asked: tiers follow a month's volume, and a grant ends at a time of its own.
const EVERY: Nanos = Nanos::from_secs(600);

/// See the module's page.
pub(super) struct TierRefresh {
    account: Account,
    clock: SystemClock,
    news: TierNews,
    commands: CommandLine,
    due: Timestamp,
}

impl fmt::Debug for TierRefresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TierRefresh").field("due", &self.due).finish_non_exhaustive()
    }
}

impl TierRefresh {
    /// Asks for the first time after a while: the start has just asked.
    pub(super) fn new(
        account: &Account,
        clock: &SystemClock,
        news: TierNews,
        commands: CommandLine,
    ) -> Self {
        let due = clock.mono() + EVERY;
        Self { account: account.clone(), clock: clock.clone(), news, commands, due }
    }

    fn tell(&self, bucket: WriteBucket) {
        let WriteBucket { refill_per_sec, capacity } = bucket;
        self.news.tell(refill_per_sec, capacity);
        // A full ring means an oms that is busy ending; the next turn says it again.
        let command = ControlCommand::Tier { refill_per_sec, capacity };
        let _full: Result<(), _> = self.commands.send(command);
    }
}

impl Stage for TierRefresh {
    const NAME: &'static str = "tier";

    fn poll(&mut self) -> Work {
        if self.clock.mono() < self.due {
            return Work::Idle;
        }
        self.due = self.clock.mono() + EVERY;
        let answer = Errands::new(&self.account, &self.clock).ask(GET, (ACCOUNT_LIMITS, ""), "");
        let bucket = answer.and_then(|body| write_bucket(&body).map_err(|error| error.to_string()));
        match bucket {
            Ok(bucket) => self.tell(bucket),
            Err(why) => tracing::warn!("the account's tier could not be asked again: {why}"),
        }
        Work::Done
    }
}

#[cfg(test)]
#[cfg(feature = "sim")]
mod tests {
    use super::*;
    use crate::gateway::budget::{Budget, BudgetConfig};
    use crate::sim::api::{SimVenue, SimVenueConfig};
    use crate::sim::exchange::UserSeed;
    use crate::sim::keys::{KeyKinds, KeySet};
    use crate::sim::server::{self, ServerConfig};
    use crate::units::Money;

    #[test]
    fn the_tier_is_asked_again_when_it_is_time_and_told_to_the_budget() {
        let dir = tempfile::tempdir().unwrap();
        let clock = SystemClock::start();
        let keys = KeySet::open(&dir.path().join("keys"), KeyKinds::Ed25519Only).unwrap();
        let user_id = "5eed0000-0000-4000-8000-000000000001".to_owned();
        let seed = UserSeed { user_id, cash: Money::from_cents(1_000_000) };
        let config = SimVenueConfig::world_cup(vec![seed], 7, clock.now().wall);
        let venue = SimVenue::new(&config).unwrap();
        let user = venue.user(0).unwrap();
        let server = server::serve(ServerConfig::new(keys, user, venue, clock.clone())).unwrap();
        let account = Account::from_ready(server.ready()).unwrap();
        let news = TierNews::default();
        let (ring, mut told) = rtrb::RingBuffer::new(4);
        let commands = CommandLine::new(ring);
        let mut stage = TierRefresh::new(&account, &clock, news.clone(), commands);
        let absurd = BudgetConfig { capacity: 1_000_000, ..BudgetConfig::default() };
        let mut budget = Budget::new(absurd, clock.mono());

        assert_eq!(stage.poll(), Work::Idle, "the start has just asked");
        stage.due = Timestamp::ZERO;
        assert_eq!(stage.poll(), Work::Done);
        assert_eq!(stage.poll(), Work::Idle);

        budget.hear(&news);
        assert_eq!(budget.cancels(), 50, "a full bucket of the basic tier");
        let basic = ControlCommand::Tier { refill_per_sec: 100, capacity: 100 };
        assert_eq!(told.pop(), Ok(basic), "the oms hears it too");
    }
}
