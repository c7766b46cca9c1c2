//! Whether our clock and the exchange's agree: asked of the exchange before anything is signed,
//! since signatures carry the time.

use super::skew::SkewBounds;
use super::subject;
use crate::engine::account::Account;
use crate::engine::diagnosis;
use crate::engine::single::Single;
use crate::message::Trouble;
use crate::report::findings::Finding;
use crate::runtime::clock::SystemClock;
use crate::runtime::wait::pause;
use crate::units::Nanos;

/// Answers compared, and the pause between them: together they look at every part of a second,
/// which leaves a tenth of it open, and cost one.
const ANSWERS: usize = 6;
const PAUSE: Nanos = Nanos::from_ms(170);

/// Furthest the clocks may be apart when trading starts, however wide the configured limit is.
const SKEW_MAX: Nanos = Nanos::from_secs(2);

/// Asks the exchange for the time. `limit` is the configured one.
pub(super) fn check(account: &Account, request: &[u8], limit: Nanos) -> Finding {
    let clock = SystemClock::start();
    match measure(account, request, &clock) {
        Ok(bounds) => judge(bounds, limit.min(SKEW_MAX)),
        Err((found, remedy)) => Finding::refuse(subject::CLOCK, found, remedy),
    }
}

type Failed = (String, String);

fn measure(account: &Account, request: &[u8], clock: &SystemClock) -> Result<SkewBounds, Failed> {
    let address = account.rest.address();
    let mut link = Single::connect(&account.rest, &account.dial, clock).map_err(|error| {
        let remedy = diagnosis::of_dial(&error).remedy().to_owned();
        (format!("the exchange cannot be asked for the time: {error}"), remedy)
    })?;
    let mut bounds: Option<SkewBounds> = None;
    for asked in 0..ANSWERS {
        if asked > 0 {
            pause(PAUSE);
        }
        let answer = link.ask(request).map_err(|why| {
            let remedy = Trouble::Unreachable.remedy().to_owned();
            (format!("{address} does not tell the time: {why}"), remedy)
        })?;
        let date = answer.date.ok_or_else(|| {
            let remedy = "point at the exchange itself: every answer of its has a Date".to_owned();
            (format!("{address} answered {} without a Date", answer.status), remedy)
        })?;
        let one = SkewBounds::of_answer(date, answer.sent.wall, answer.received.wall);
        bounds = Some(bounds.map_or(one, |bounds| bounds.and(one)));
    }
    bounds.ok_or_else(|| (format!("{address} was not asked"), String::new()))
}

fn judge(bounds: SkewBounds, limit: Nanos) -> Finding {
    let (ms, error) = (bounds.middle_ms(), bounds.error_ms());
    let side = if ms > 0 { "behind" } else { "ahead of" };
    let found = format!("{} ms {side} the exchange's, give or take {error} ms", ms.abs());
    if ms.unsigned_abs() <= limit.ms() {
        return Finding::ok(subject::CLOCK, found);
    }
    let allowed = limit.ms();
    let remedy = format!(
        "set it: `timedatectl set-ntp true` or `chronyc makestep`; at most {allowed} ms are allowed"
    );
    Finding::refuse(subject::CLOCK, found, remedy)
}
