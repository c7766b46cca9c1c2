//! The word of a person before real money is traded: CONFIRM on a terminal.
//!
//! In: what is about to be traded. Out: whether the word was given. Reads the terminal itself, not
//! standard input: signals may come from there.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Write as _};

use super::Failure;
use crate::config::Config;

/// The word.
const WORD: &str = "CONFIRM";

/// Longest line that is read: more is not the word.
const LINE_BYTES_MAX: u64 = 256;

/// Asks on the terminal.
///
/// # Errors
/// [`Failure`] with exit code 3 when there is no terminal, or another word was given.
pub(super) fn ask(config: &Config) -> Result<(), Failure> {
    let refused = |why: &str| Failure {
        message: format!(
            "refused for safety: {why}; a service says --i-understand-real-money, a person types \
             {WORD} on a terminal"
        ),
        code: 3,
    };
    let terminal = terminal().ok_or_else(|| refused("live trading needs a person's word"))?;
    let said = put(&terminal, config).map_err(|error| refused(&error.to_string()))?;
    if said.trim() == WORD { Ok(()) } else { Err(refused("live trading was not confirmed")) }
}

/// The terminal that the process belongs to, when a person sits at one of its ends.
fn terminal() -> Option<File> {
    if !io::stdin().is_terminal() && !io::stderr().is_terminal() {
        return None;
    }
    OpenOptions::new().read(true).write(true).open("/dev/tty").ok()
}

fn put(mut terminal: &File, config: &Config) -> io::Result<String> {
    let limits = &config.limits;
    write!(
        terminal,
        "LIVE TRADING WITH REAL MONEY, profile {}: at most {} contracts and {} a trade, {} orders \
         and {} of loss a day.\nType {WORD} to go on: ",
        config.profile.as_str(),
        limits.position_size_max,
        limits.risk_per_trade_max,
        limits.daily_trades_max,
        limits.daily_loss_max,
    )?;
    terminal.flush()?;
    let mut line = String::new();
    BufReader::new(io::Read::take(terminal, LINE_BYTES_MAX)).read_line(&mut line)?;
    Ok(line)
}
