//! Trading in one of the exchange's own environments, demo or live: only after every check.
//!
//! The order is: what can be known here, the person's word (live), the clock, the account's books.
//! Each that fails refuses the start and names its remedy. `--exchange` and `[exchange]` point the
//! very same course at another server that speaks the exchange's API.

use super::checks;
use super::{Consent, EngineError, RunOptions, on_exchange};
use crate::config::Mode;
use crate::recorder::summary::Summary;
use crate::report::findings::Finding;
use crate::runtime::signals::Interrupts;

/// Trades in the environment of `options`'s mode.
pub(super) fn run(options: &RunOptions, interrupts: &Interrupts) -> Result<Summary, EngineError> {
    let (findings, account) = checks::offline(options);
    warn(&findings);
    checks::refuse_if_any(options.config.mode, &findings)?;
    consented(options)?;
    let account = account.ok_or_else(|| {
        EngineError::Refused("the account is not complete; `kalshi-exec check` says why".to_owned())
    })?;
    checks::refuse_if_any(options.config.mode, &[checks::clock(options, &account)])?;
    on_exchange::run(options, interrupts, &account).map_err(|error| match error {
        // Before the first order: an account that cannot be read is not traded.
        EngineError::Exchange { .. } => EngineError::Refused(error.to_string()),
        other => other,
    })
}

/// Real money needs a person's word.
fn consented(options: &RunOptions) -> Result<(), EngineError> {
    match (options.config.mode, options.consent) {
        (Mode::Live, Consent::None) => Err(EngineError::Refused(
            "live trading was not confirmed: type CONFIRM when asked on a terminal, or give a \
             service --i-understand-real-money"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

fn warn(findings: &[Finding]) {
    use crate::report::findings::Verdict;
    for finding in findings.iter().filter(|finding| finding.verdict == Verdict::Warn) {
        tracing::warn!("{finding}");
    }
}
