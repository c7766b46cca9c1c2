//! Text for people: the plan's banner, trades, refusals, statistics. Never data.
//!
//! In: records and times. Out: lines on a writer that the caller chose (standard error). Nothing
//! depends on what is written here; a writer that fails is given up in silence.

use core::fmt;
use std::io::{IsTerminal, Write};

use super::histograms::{Histograms, LatencyTable, Span};
use super::record::{ExecutionResult, Outcome, Record};
use super::results::{Count, average_price};
use super::summary::{Shutdown, Summary};
use crate::risk::Limit;
use crate::units::{PriceDelta, WallTime};

/// Refusals shown per limit, and bad lines in all, before they are only counted: enough to see
/// what is wrong, and a flood does not bury the trades.
const BLOCKED_LINES_MAX: u64 = 20;
/// Trades, misses and alerts shown, each: twenty days of the default `MAX_DAILY_TRADES`. A stress
/// run makes more, and a slow terminal must not hold the recorder up.
const TRADE_LINES_MAX: u64 = 1_000;
/// Width of rules.
const WIDTH: usize = 60;

/// Whether lines carry colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Plain text, for files and `NO_COLOR`.
    Plain,
    /// ANSI colours, for terminals.
    Colour,
}

impl Style {
    /// Colour when standard error is a terminal and `NO_COLOR` is not set.
    #[must_use]
    pub fn of_stderr() -> Self {
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if std::io::stderr().is_terminal() && !forbidden { Self::Colour } else { Self::Plain }
    }
}

/// What the banner says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// `paper`, `sim`, `demo` or `live`.
    pub mode: String,
    /// `CONSERVATIVE`, `STANDARD` or `AGGRESSIVE`.
    pub profile: String,
    /// `CYCLE_INTERVAL_MS`.
    pub cycle_interval_ms: u64,
}

/// Writes lines for people.
pub struct Console {
    out: Option<Box<dyn Write + Send>>,
    style: Style,
    blocked: [Quota; Limit::COUNT],
    malformed: Quota,
    trades: Quota,
    misses: Quota,
    alerts: Quota,
}

/// How many lines of one kind are still shown.
#[derive(Clone, Copy, Debug)]
struct Quota {
    left: u64,
}

impl Quota {
    const fn of(lines_max: u64) -> Self {
        Self { left: lines_max }
    }

    /// What to put after the next line; `None` when it is not shown.
    const fn take(&mut self) -> Option<&'static str> {
        match self.left {
            0 => None,
            1 => {
                self.left = 0;
                Some(" (further ones are only counted)")
            }
            _ => {
                self.left -= 1;
                Some("")
            }
        }
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("style", &self.style).finish_non_exhaustive()
    }
}

/// Colours of line tags.
#[derive(Clone, Copy)]
enum Tone {
    Good,
    Bad,
    Dim,
    Loud,
}

impl Console {
    /// Writes to `out`.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, style: Style) -> Self {
        Self { out: Some(out), style, ..Self::silent() }
    }

    /// Writes nothing.
    #[must_use]
    pub const fn silent() -> Self {
        Self {
            out: None,
            style: Style::Plain,
            blocked: [Quota::of(BLOCKED_LINES_MAX); Limit::COUNT],
            malformed: Quota::of(BLOCKED_LINES_MAX),
            trades: Quota::of(TRADE_LINES_MAX),
            misses: Quota::of(TRADE_LINES_MAX),
            alerts: Quota::of(TRADE_LINES_MAX),
        }
    }

    /// The plan's banner.
    pub fn banner(&mut self, banner: &Banner) {
        let rule = "=".repeat(WIDTH);
        self.line(&rule);
        self.tagged(Tone::Loud, "KALSHI ARBITRAGE EXECUTION ENGINE", "");
        self.line(&rule);
        self.line("");
        self.line(&format!("{:<16}{} TRADING", "Mode:", banner.mode.to_uppercase()));
        self.line(&format!("{:<16}{}", "Profile:", banner.profile));
        self.line(&format!("{:<16}{} ms", "Cycle interval:", banner.cycle_interval_ms));
        if banner.mode == "live" {
            self.line("");
            self.tagged(Tone::Bad, "WARNING:", " live trading, real money will be used");
        }
        self.line(&"-".repeat(WIDTH));
    }

    /// The line a record deserves, if any.
    pub fn record(&mut self, now: WallTime, record: &Record) {
        match record {
            Record::Result(result) => self.result(now, result),
            Record::Malformed { source, line, kind, detail } => {
                let Some(more) = self.malformed.take() else { return };
                let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
                let text =
                    format!("source {} line {line}: {}{detail}{more}", source.0, kind.as_str());
                self.event(now, Tone::Dim, "MALFORMED:", &text);
            }
            Record::Halted { reason } => {
                self.event(now, Tone::Bad, "HALTED:", reason.as_str());
            }
            Record::Resumed => self.event(now, Tone::Good, "RESUMED", ""),
            Record::KillSwitch { span } => {
                let text = format!("halted {} us after the command came", span.ns() / 1_000);
                self.event(now, Tone::Loud, "KILL SWITCH:", &text);
            }
            Record::Alert { ticker, reason } => {
                let Some(more) = self.alerts.take() else { return };
                let dash = if ticker.is_empty() { "" } else { " - " };
                self.event(now, Tone::Bad, "ALERT:", &format!("{ticker}{dash}{reason}{more}"));
            }
            Record::Settled { ticker, position, result, .. } => {
                let tone = if *result < crate::units::Money::ZERO { Tone::Bad } else { Tone::Good };
                let text = format!("{ticker} - held {position}, result {result}");
                self.event(now, tone, "SETTLED:", &text);
            }
            Record::Received
            | Record::SourceEnded { .. }
            | Record::Span { .. }
            | Record::SentAhead
            | Record::Presign { .. }
            | Record::FeedLink(_)
            | Record::OrderSent { .. }
            | Record::OrderEnded { .. }
            | Record::Fill(_)
            | Record::FillVoided(_)
            | Record::Restated(_)
            | Record::FinalPnl { .. }
            | Record::FinalPosition { .. }
            | Record::FinalAccount { .. }
            | Record::Trouble(_)
            | Record::Draining
            | Record::Reconnected { .. }
            | Record::Told(_)
            | Record::Drained => {}
        }
    }

    fn result(&mut self, now: WallTime, result: &ExecutionResult) {
        match result.outcome {
            Outcome::NotTradeable => {}
            Outcome::Refused(refusal) => {
                let Some(more) = self.blocked[refusal.limit as usize].take() else { return };
                let text = format!("{} - {refusal}{more}", result.ticker);
                self.event(now, Tone::Dim, "BLOCKED:", &text);
            }
            Outcome::Ended(_) if !result.filled.is_zero() => self.trade(now, result),
            Outcome::Ended(state) => {
                let Some(more) = self.misses.take() else { return };
                let why =
                    result.error.map_or_else(String::new, |error| format!(" ({})", error.code));
                let (action, asked) = (result.action.as_str(), Count(result.contracts));
                let text = format!("{action} {asked}x {} - {state}{why}{more}", result.ticker);
                self.event(now, Tone::Dim, "UNFILLED:", &text);
            }
        }
    }

    fn trade(&mut self, now: WallTime, result: &ExecutionResult) {
        let Some(more) = self.trades.take() else { return };
        let price = average_price(result).map_or_else(
            || "?".to_owned(),
            |price| PriceDelta::from_micros(i64::from(price.micros())).to_string(),
        );
        let of = if result.filled == result.contracts {
            String::new()
        } else {
            format!(" of {}", Count(result.contracts))
        };
        let text = format!(
            "{} {}x{of} {} @ {price} (edge: {}){more}",
            result.action.as_str(),
            Count(result.filled),
            result.ticker,
            result.edge
        );
        self.event(now, Tone::Good, "TRADE:", &text);
    }

    /// News of a condition; whoever sends it has seen to it that there are not too many.
    pub fn alert(&mut self, now: WallTime, text: &str) {
        self.event(now, Tone::Bad, "ALERT:", text);
    }

    /// The plan's periodic line.
    pub fn stats(&mut self, cycles: u64, signals: u64, trades: u64) {
        let text = format!(" Cycles: {cycles} | Signals: {signals} | Trades: {trades}");
        self.tagged(Tone::Loud, "[Stats]", &text);
    }

    /// A line that something went wrong in the recorder itself.
    pub fn trouble(&mut self, now: WallTime, text: &str) {
        self.event(now, Tone::Bad, "RECORDER:", text);
    }

    /// What the run came to.
    pub fn finish(&mut self, summary: &Summary, histograms: &Histograms) {
        self.line(&"-".repeat(WIDTH));
        self.tagged(Tone::Loud, "Final statistics", "");
        for line in summary_text(summary).lines().chain(["", "Latency"]) {
            self.line(line);
        }
        for line in LatencyTable(histograms).to_string().lines() {
            self.line(&format!("  {line}"));
        }
    }

    fn event(&mut self, now: WallTime, tone: Tone, tag: &str, text: &str) {
        let Some(out) = &mut self.out else { return };
        let time = Clock(now);
        let written = match self.style {
            Style::Plain => writeln!(out, "[{time}] {tag} {text}"),
            Style::Colour => writeln!(out, "[{time}] {}{tag}\x1b[0m {text}", tone.code()),
        };
        self.give_up_on(written.is_err());
    }

    fn tagged(&mut self, tone: Tone, tag: &str, text: &str) {
        match self.style {
            Style::Plain => self.line(&format!("{tag}{text}")),
            Style::Colour => self.line(&format!("{}{tag}\x1b[0m{text}", tone.code())),
        }
    }

    fn line(&mut self, text: &str) {
        let Some(out) = &mut self.out else { return };
        // One write a line: a line that finds no room is dropped whole.
        let written = out.write_all(format!("{text}\n").as_bytes());
        let gone = |error: std::io::Error| error.kind() != std::io::ErrorKind::WouldBlock;
        self.give_up_on(written.err().is_some_and(gone));
    }

    fn give_up_on(&mut self, failed: bool) {
        if failed {
            self.out = None;
        }
    }
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[1;31m",
            Self::Dim => "\x1b[33m",
            Self::Loud => "\x1b[1m",
        }
    }
}

/// Time of day in UTC to the millisecond.
struct Clock(WallTime);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.unix_ms() % 86_400_000;
        let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
        write!(f, "{hours:02}:{minutes:02}:{:02}.{:03}", ms / 1_000 % 60, ms % 1_000)
    }
}

/// Counts and money of a summary, aligned, two spaces in.
#[must_use]
pub fn summary_text(summary: &Summary) -> String {
    let signals = &summary.signals;
    let orders = &summary.orders;
    let refused: u64 = signals.refused.values().sum();
    let mut rows = vec![
        (
            "Signals",
            format!(
                "{} received, {} accepted, {refused} refused, {} not tradeable, {} malformed",
                signals.received, signals.accepted, signals.not_tradeable, signals.malformed
            ),
        ),
        (
            "Orders",
            format!(
                "{} sent: {} filled, {} partial, {} canceled, {} rejected, {} expired, {} unknown; \
                 {} never sent",
                orders.sent,
                orders.filled,
                orders.partial,
                orders.canceled,
                orders.rejected,
                orders.expired,
                orders.unknown,
                orders.unsent
            ),
        ),
        ("Contracts", format!("{} filled", summary.contracts_filled)),
        ("Fees", summary.fees_cents.0.to_string()),
    ];
    if let Some(realized) = summary.realized_pnl_cents {
        rows.push(("Realised P&L", realized.0.to_string()));
    }
    if let Some(cash) = summary.cash_cents {
        rows.push(("Cash", cash.0.to_string()));
    }
    let presign = summary.presign;
    let rate = presign.hit_rate().map_or_else(String::new, |rate| format!(" ({rate} % ahead)"));
    rows.push(("Signatures", format!("{} ahead, {} inline{rate}", presign.hits, presign.misses)));
    rows.extend(summary.shutdown.as_ref().filter(|it| **it != Shutdown::default()).map(|ended| {
        let Shutdown { canceled, filled, left } = ended;
        let ids = if left.is_empty() { String::new() } else { format!(": {}", left.join(", ")) };
        let left = left.len();
        ("Shutdown", format!("{canceled} canceled, {filled} filled, {left} not cancelled{ids}"))
    }));
    let halts = summary.kill_switch;
    if halts.count > 0 {
        let (last, longest) = (Span(halts.last_ns), Span(halts.max_ns));
        let text = format!("{} halts, after {last} (last), {longest} (longest)", halts.count);
        rows.push(("Kill switch", text));
    }
    let reconnect = &summary.reconnect;
    if reconnect.count > 0 {
        let (median, longest) = (Span(reconnect.p50), Span(reconnect.max));
        let count = reconnect.count;
        let text = format!("{count}, ready again after {median} (median), {longest} (longest)");
        rows.push(("Reconnects", text));
    }
    rows.extend(summary.feed.iter().map(|link| ("Stream", link.line())));
    rows.extend(summary.troubles.iter().map(|(name, told)| {
        let now = if told.active { ", and holds" } else { "" };
        ("Alert", format!("{:>6} {name}, for {} ms{now}", told.count, told.held_ms))
    }));
    rows.extend(
        signals.refused.iter().map(|(limit, count)| ("Refused", format!("{count:>6} {limit}"))),
    );
    let held = summary.positions.iter();
    rows.extend(held.map(|(ticker, held)| ("Position", format!("{held:>8} {ticker}"))));
    rows.iter().map(|(name, text)| format!("  {name:<14}{text}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::ids::{Reason, Ticker};
    use crate::message::Action;
    use crate::order::State;
    use crate::recorder::pack::sample::Dice;
    use crate::risk::Refusal;
    use crate::units::{Contracts, Price};

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Screen {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn traded() -> ExecutionResult {
        ExecutionResult {
            ticker: Ticker::new(b"KXNFL-26JAN11-BUF").unwrap(),
            action: Action::BuyYes,
            outcome: Outcome::Ended(State::Filled),
            contracts: Contracts::from_whole(25),
            filled: Contracts::from_whole(25),
            cost: Price::from_cents(48).unwrap() * Contracts::from_whole(25),
            edge: PriceDelta::from_cents(7),
            error: None,
            ..Dice::new(1).any()
        }
    }

    fn shown(style: Style, records: &[Record]) -> String {
        let screen = Screen::default();
        let mut console = Console::new(Box::new(screen.clone()), style);
        for record in records {
            console.record(WallTime::from_unix_ms(1_767_225_600_123 + 45_296_000), record);
        }
        screen.text()
    }

    #[test]
    fn a_trade_reads_as_the_plan_prints_it() {
        assert_eq!(
            shown(Style::Plain, &[Record::Result(traded())]),
            "[12:34:56.123] TRADE: BUY_YES 25x KXNFL-26JAN11-BUF @ 48c (edge: 7c)\n"
        );
        let partial = ExecutionResult { contracts: Contracts::from_whole(40), ..traded() };
        assert!(shown(Style::Plain, &[Record::Result(partial)]).contains("BUY_YES 25x of 40 KX"));
    }

    #[test]
    fn colour_is_only_for_terminals() {
        let halted = Record::Halted { reason: Reason::lossy("journal full") };
        assert_eq!(shown(Style::Plain, &[halted]), "[12:34:56.123] HALTED: journal full\n");
        assert!(shown(Style::Colour, &[halted]).contains("\x1b[1;31mHALTED:\x1b[0m journal"));
    }

    #[test]
    fn a_flood_of_refusals_is_counted_not_shown() {
        let refusal = Refusal { limit: Limit::OrdersPerMinute, value: 11, bound: 10 };
        let refused =
            Record::Result(ExecutionResult { outcome: Outcome::Refused(refusal), ..traded() });
        let other = Refusal { limit: Limit::Halted, value: 1, bound: 0 };
        let halted =
            Record::Result(ExecutionResult { outcome: Outcome::Refused(other), ..traded() });
        let mut records = vec![refused; 1_000];
        records.push(halted);
        let text = shown(Style::Plain, &records);
        assert_eq!(text.lines().count() as u64, BLOCKED_LINES_MAX + 1, "and the other limit's");
        assert!(text.contains("max_orders_per_minute: 11 against a bound of 10"));
    }

    #[test]
    fn a_blocked_line_speaks_of_contracts_cents_and_milliseconds() {
        let line = |limit, value, bound| {
            let outcome = Outcome::Refused(Refusal { limit, value, bound });
            shown(Style::Plain, &[Record::Result(ExecutionResult { outcome, ..traded() })])
        };
        let blocked = "[12:34:56.123] BLOCKED: KXNFL-26JAN11-BUF - ";
        let told = |text: &str| format!("{blocked}{text}\n");
        assert_eq!(
            line(Limit::PositionSize, 12_550, 10_000),
            told("max_position_size: 125.5 against a bound of 100")
        );
        assert_eq!(
            line(Limit::MinimumEdge, -17_500, 10_000),
            told("minimum_edge: -1.75 against a bound of 1")
        );
        assert_eq!(
            line(Limit::SignalAge, 600_500_000, 500_000_000),
            told("signal_age: 600.5 against a bound of 500")
        );
    }

    #[test]
    fn the_end_shows_counts_and_latency() {
        let screen = Screen::default();
        let mut console = Console::new(Box::new(screen.clone()), Style::Plain);
        let banner =
            Banner { mode: "paper".into(), profile: "STANDARD".into(), cycle_interval_ms: 1_000 };
        console.banner(&banner);
        console.stats(60, 12, 3);
        console.finish(&Summary::default(), &Histograms::new());
        let text = screen.text();
        assert!(text.contains("Mode:           PAPER TRADING\n"), "{text}");
        assert!(text.contains("[Stats] Cycles: 60 | Signals: 12 | Trades: 3\n"), "{text}");
        assert!(text.contains("  Orders        0 sent"), "{text}");
        assert!(text.contains("tick_to_wire"), "{text}");
    }
}
