//! What must hold before real orders may leave: one finding per subject, with the remedy where it
//! does not.
//!
//! `run --mode demo` and `--mode live` refuse to start on the first look that finds something to
//! refuse; `kalshi-exec check` shows all of them. Both look with the same functions. Nothing here
//! changes anything, places an order, or prints a secret.

mod clock;
mod credentials;
mod host;
mod skew;
mod state;

use std::path::Path;

pub(super) use self::skew::SkewBounds;

use super::account::{Account, Given};
use super::{EngineError, RunOptions, threads};
use crate::config::Mode;
use crate::kalshi::encode::OrderTemplates;
use crate::kalshi::market::MarketTable;
use crate::report::findings::{Finding, Verdict};

/// What is looked at, as tables name it.
mod subject {
    pub(super) const CORES: &str = "cores";
    pub(super) const LIMITS: &str = "limits";
    pub(super) const EXCHANGE: &str = "exchange";
    pub(super) const AUTHORITIES: &str = "authorities";
    pub(super) const KEY_ID: &str = "API key id";
    pub(super) const KEY_FILE: &str = "key file";
    pub(super) const CORE_DUMPS: &str = "core dumps";
    pub(super) const CLOCK: &str = "clock";
    pub(super) const STATE: &str = "state directory";
}

/// Everything there is to find out: host, bounds, account, state directory, clock.
pub(super) fn everything(options: &RunOptions) -> Vec<Finding> {
    let machine = &options.config.machine;
    let plan = &machine.cores;
    let hot = [plan.intake, plan.oms, plan.gateway, plan.feed].into_iter().flatten();
    let mut hot: Vec<usize> = hot.collect();
    hot.sort_unstable();
    hot.dedup();
    let mut findings = host::Host::new(Path::new("/"), hot).look();
    findings.push(match threads::check_cores(machine) {
        Ok(()) => Finding::ok(subject::CORES, "the configured ones can be had"),
        Err(error) => Finding::refuse(subject::CORES, error.to_string(), "correct [cores]"),
    });
    let (offline, account) = offline(options);
    findings.extend(offline);
    if let Some(account) = account {
        findings.push(clock(options, &account));
    }
    findings
}

/// What can be known without asking the exchange: bounds, account, state directory. The account
/// is there unless something about it was refused.
pub(super) fn offline(options: &RunOptions) -> (Vec<Finding>, Option<Account>) {
    let mut findings = vec![limits(options)];
    let given = match Given::of(options) {
        Ok(given) => given,
        Err(error) => {
            let remedy = "name an exchange that `--exchange FILE` or [exchange] can describe";
            findings.push(Finding::refuse(subject::EXCHANGE, error.to_string(), remedy));
            return (findings, None);
        }
    };
    let where_to = format!("{} and {}", given.rest, given.ws);
    findings.push(Finding::ok(subject::EXCHANGE, where_to));
    let (tls, authorities) = credentials::authorities(&given);
    findings.push(authorities);
    findings.push(credentials::key_id(&given));
    let (key, file) = credentials::key_file(&given);
    findings.push(file);
    findings.push(credentials::core_dumps());
    findings.push(state::check(options, &given));
    (findings, given.account(tls, key))
}

/// Whether the clock agrees with the exchange's; the exchange is asked.
pub(super) fn clock(options: &RunOptions, account: &Account) -> Finding {
    let credentials = &account.credentials;
    let (host, path) = (account.rest.authority(), account.rest.base_path());
    // The one request made is not signed: no signature is needed for its template.
    match OrderTemplates::new(&host, path, credentials.key_id(), 1, &MarketTable::new()) {
        Ok(templates) => {
            clock::check(account, templates.status_request(), options.config.limits.clock_skew_max)
        }
        Err(error) => Finding::refuse(subject::EXCHANGE, error.to_string(), "correct its URL"),
    }
}

/// Turns what is refused into the reason not to start.
pub(super) fn refuse_if_any(mode: Mode, findings: &[Finding]) -> Result<(), EngineError> {
    let refused = findings.iter().filter(|finding| finding.verdict == Verdict::Refuse);
    let lines: Vec<String> = refused.map(|finding| format!("\n  {finding}")).collect();
    if lines.is_empty() {
        return Ok(());
    }
    Err(EngineError::Refused(format!("mode {} does not start:{}", mode.as_str(), lines.concat())))
}

/// Bounds that somebody has thought of.
fn limits(options: &RunOptions) -> Finding {
    let unset = &options.limits_unset;
    let profile = options.config.profile.as_str();
    if unset.is_empty() {
        return Finding::ok(subject::LIMITS, format!("set, over profile {profile}"));
    }
    // A screenful names enough to know what is meant.
    const NAMED_MAX: usize = 5;
    let named = unset.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
    let more = match unset.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let found = format!("nobody has set {named}{more}");
    let remedy = "set each in the configuration file, or choose a profile: \
                  TRADING_PROFILE=CONSERVATIVE, STANDARD or AGGRESSIVE";
    match options.config.mode {
        Mode::Live => Finding::refuse(subject::LIMITS, found, remedy),
        Mode::Demo | Mode::Sim | Mode::Paper => Finding::warn(subject::LIMITS, found, remedy),
    }
}
