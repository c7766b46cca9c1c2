//! The account as it is before this run trades: read until two readings agree.
//!
//! Reads lag what they report, so one reading may miss a fill that another part of it contains.
//! Two equal readings, the second begun later than reads lag after the first, prove that nothing
//! changed between what either of them saw; fills after that are not in these books and are booked
//! by the run. Orders of a former run end by themselves (every resting order of ours carries an
//! expiration); until they have, nothing is traded. One that nobody has seen end may not even have
//! landed yet: the books are believed only once it cannot any more.

use super::{EngineError, diagnosis};
use crate::message::Trouble;
use crate::net::dial::DialHandle;
use crate::net::endpoint::Endpoint;
use crate::net::tls::TlsStream;
use crate::oms::Opening;
use crate::oms::account::Holding;
use crate::reconcile::client::{RestClient, RestError};
use crate::reconcile::snapshot::{Progress, SeriesFees, Snapshot, SnapshotConfig, Snapshotter};
use crate::risk::Skew;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::signals::Interrupts;
use crate::runtime::wait::pause;
use crate::units::{Nanos, Timestamp, WallTime};

pub(super) type Rest = RestClient<TlsStream, DialHandle<TlsStream>, SystemClock>;

/// How long reading the account may take: a full market list is hundreds of pages, and orders of
/// a former run may rest for most of a minute.
const READ_WAIT: Nanos = Nanos::from_secs(180);

/// Clocks closer than this are taken for equal: the exchange tells its time in whole seconds.
const SKEW_NOTICED_MS: i64 = 1_500;

/// Who reads, from where, and how far what it reads may lag.
pub(super) struct Reader<'a> {
    pub(super) exchange: &'a Endpoint,
    pub(super) clock: &'a SystemClock,
    pub(super) interrupts: &'a Interrupts,
    pub(super) read_lag: Nanos,
    /// Before this time an order of a former run may still land.
    pub(super) orders_known_at: Option<WallTime>,
}

impl Reader<'_> {
    /// The account's books, and since when later fills are not contained in them.
    pub(super) fn read(&self, mut rest: Rest) -> Result<(Rest, Snapshot, Opening), EngineError> {
        let until = self.clock.mono() + READ_WAIT;
        let mut former: Option<Snapshot> = None;
        loop {
            let began = self.clock.now().wall;
            let fees = former.as_mut().map(|before| core::mem::take(&mut before.fees));
            let (client, snapshot) = self.pass(rest, fees.unwrap_or_default(), until)?;
            rest = client;
            let ours = snapshot.resting.iter().filter(|order| order.client_order_id.is_some());
            let ours = ours.count();
            if ours > 0 {
                tracing::warn!("waiting for {ours} resting orders of a former run to expire");
            }
            let known = self.orders_known_at.is_none_or(|at| began >= at);
            if !known {
                tracing::warn!("waiting until no order of a former run can still land");
            }
            if known && ours == 0 && former.as_ref().is_some_and(|before| agree(before, &snapshot))
            {
                let as_of = self.contained_until(began, &snapshot);
                let opening = opening(&snapshot, as_of);
                return Ok((rest, snapshot, opening));
            }
            former = Some(snapshot);
            self.wait(self.read_lag.max(Nanos::from_ms(1)), until)?;
        }
    }

    /// Fills up to this time of the exchange's are in books whose reading began at `began`.
    fn contained_until(&self, began: WallTime, snapshot: &Snapshot) -> WallTime {
        let ms = began.unix_ms().saturating_sub(self.read_lag.ms());
        match snapshot.clock_skew_ms {
            Some(skew) if skew.abs() >= SKEW_NOTICED_MS => {
                WallTime::from_unix_ms(ms.saturating_add_signed(skew))
            }
            _ => WallTime::from_unix_ms(ms),
        }
    }

    /// Reads once; fees that a former pass has read are not read again.
    fn pass(
        &self,
        rest: Rest,
        fees: SeriesFees,
        until: Timestamp,
    ) -> Result<(Rest, Snapshot), EngineError> {
        let config = SnapshotConfig { series: Vec::new(), fees };
        let mut reader = Snapshotter::new(rest, config);
        loop {
            match reader.step() {
                Progress::Done(snapshot) if snapshot.trading_active => {
                    return Ok((reader.into_client(), *snapshot));
                }
                Progress::Done(_) => {
                    return Err(self.failed("trading is paused there; try again when it is open"));
                }
                Progress::Failed(error) => {
                    return Err(self.failed(&format!("{error}; {}", remedy(&error))));
                }
                Progress::Waiting | Progress::Read { .. } => {}
            }
            self.wait(Nanos::from_us(200), until)?;
        }
    }

    fn wait(&self, span: Nanos, until: Timestamp) -> Result<(), EngineError> {
        if self.interrupts.is_asked() {
            return Err(self.failed("interrupted before the account was read"));
        }
        if self.clock.mono() >= until {
            let secs = READ_WAIT.ms() / 1_000;
            return Err(self.failed(&format!(
                "the account's books did not come to rest within {secs} s; cancel orders of former \
                 runs and stop other programs that trade on it"
            )));
        }
        pause(span);
        Ok(())
    }

    fn failed(&self, why: &str) -> EngineError {
        EngineError::Exchange { exchange: self.exchange.address(), why: why.to_owned() }
    }
}

/// What helps against a reading that failed.
fn remedy(error: &RestError) -> &'static str {
    match diagnosis::of_read(error) {
        None | Some(Trouble::Unreachable) => {
            "is it running, and does the ready file belong to this run of it?"
        }
        Some(trouble) => trouble.remedy(),
    }
}

fn agree(before: &Snapshot, after: &Snapshot) -> bool {
    before.cash == after.cash && before.positions == after.positions
}

fn opening(snapshot: &Snapshot, as_of: WallTime) -> Opening {
    let holdings = snapshot
        .positions
        .iter()
        .map(|held| (held.ticker, Holding { position: held.position, cost: held.cost }));
    let ms_to_ns = |ms: i64| ms.saturating_mul(1_000_000);
    let skew = snapshot.clock_skew_ms.map_or(Skew::Unknown, |ms| Skew::Measured(ms_to_ns(ms)));
    let shard_cash = snapshot.shard_cash.clone();
    Opening { cash: snapshot.cash, holdings: holdings.collect(), as_of, shard_cash, skew }
}
