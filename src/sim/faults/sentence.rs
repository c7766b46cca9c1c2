//! Rules of a plan in words, for people who ask a running exchange what it does wrong.

use core::fmt::{Display, Formatter, Result};

use super::file::{MANY, MS_MAX};
use super::plan::{
    Change, Edit, Event, Kind, MessageTrouble, Phase, RequestTrouble, Rule, Shape, Spread, Target,
    When,
};
use crate::ids::Ticker;
use crate::sim::exchange::Outcome;
use crate::units::Nanos;

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Request { on, when, trouble } => write!(f, "{on}: {trouble}; {when}"),
            Self::Message { on, when, trouble } => write!(f, "{on}: {trouble}; {when}"),
            Self::Event { at, event } => write!(f, "{} ms after the start: {event}", at.ms()),
        }
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Any => "any request",
            Self::Create => "a new order",
            Self::Amend => "an amendment",
            Self::Decrease => "a decrease",
            Self::Cancel => "a cancel",
            Self::CancelAll => "a cancel of everything",
            Self::Read => "a read",
            Self::Upgrade => "the opening of a stream",
        })
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Any => f.write_str("any message"),
            Self::Type(kind) => write!(f, "a message {kind}"),
        }
    }
}

impl Display for When {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.per_mille {
            1_000 => f.write_str("always")?,
            chance => write!(f, "{chance} times in 1000")?,
        }
        if self.first > 1 {
            write!(f, ", from match {} on", self.first)?;
        }
        if self.count < MANY {
            write!(f, ", {} times at most", self.count)?;
        }
        if self.from.ms() > 0 || self.until.ms() < MS_MAX {
            write!(f, ", {} to {} ms after the start", self.from.ms(), self.until.ms())?;
        }
        Ok(())
    }
}

impl Display for Spread {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { least, most, shape } = self;
        if least == most {
            return write!(f, "{} ms", least.ms());
        }
        let shape = match shape {
            Shape::Uniform => "all alike likely",
            Shape::Exponential => "short ones more likely",
        };
        write!(f, "{} to {} ms ({shape})", least.ms(), most.ms())
    }
}

impl Display for Phase {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Before => "before the exchange has seen it",
            Self::After => "after the exchange has processed it",
        })
    }
}

impl Display for RequestTrouble {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Delay(Phase::Before, spread) => write!(f, "it comes {spread} late"),
            Self::Delay(Phase::After, spread) => write!(f, "its answer comes {spread} late"),
            Self::Drop(phase) => write!(f, "its connection dies {phase}"),
            Self::LostResponse => f.write_str("it is processed, and its answer never comes"),
            Self::CloseAfter => f.write_str("its answer is the last on its connection"),
            Self::Interim => f.write_str("a 103 comes before its answer"),
            Self::Status(phase, status) => write!(f, "it is answered {status} {phase}"),
            Self::Html(phase, status) => {
                write!(f, "a proxy answers it with a page and {status} {phase}")
            }
            Self::Edited(edit) => edit.fmt(f),
            Self::SlowRead(bytes, every) => {
                write!(f, "its answer comes in pieces of {bytes} bytes, {} ms apart", every.ms())
            }
        }
    }
}

impl Display for Edit {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Changed(change) => write!(f, "in its answer {change}"),
            Self::NoOrderId => f.write_str("its answer has no order id"),
            Self::WrongOrderId => f.write_str("its answer names another order"),
            Self::ShortPage => f.write_str("its answer says that its page is the last"),
        }
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::New => f.write_str("is a field that nobody has heard of"),
            Self::Missing(field) => write!(f, "{field} is missing"),
            Self::Renamed(field, to) => write!(f, "{field} is called {to}"),
            Self::Reordered => f.write_str("the fields come in the opposite order"),
            Self::Numbers => f.write_str("decimals are numbers"),
        }
    }
}

impl Display for MessageTrouble {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Delay(spread) => write!(f, "it comes {spread} late"),
            Self::Changed(change) => write!(f, "in it {change}"),
            Self::Ended(code) => write!(f, "error {code} comes instead and ends its subscription"),
            Self::Lose => f.write_str("it is lost"),
            Self::Duplicate => f.write_str("it comes twice"),
            Self::Reorder => f.write_str("the next one passes it"),
            Self::Silence => f.write_str("from it on its session hears nothing but pings"),
            Self::Overflow => f.write_str("its session is told of an overflow and ends"),
        }
    }
}

/// A market by name, or all of them.
struct In(Option<Ticker>);

impl Display for In {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.0 {
            Some(ticker) => ticker.fmt(f),
            None => f.write_str("every market"),
        }
    }
}

/// How a market came out.
struct CameOut(Outcome);

impl Display for CameOut {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.0 {
            Outcome::Yes => f.write_str("yes"),
            Outcome::No => f.write_str("no"),
            Outcome::Scalar(micros) => write!(f, "{micros} millionths of a dollar"),
        }
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let lasts = |span: &Nanos| span.ms();
        match self {
            Self::TradingPause(span) => {
                write!(f, "orders are refused for {} ms, cancels are not", lasts(span))
            }
            Self::ExchangePause(span) => {
                write!(f, "everything is refused for {} ms", lasts(span))
            }
            Self::MarketPause(market, span) => {
                write!(f, "{} is halted for {} ms, then re-activated", In(*market), lasts(span))
            }
            Self::Close(market) => write!(f, "{} closes", In(*market)),
            Self::Settle(..)
            | Self::Determine(..)
            | Self::Dispute(..)
            | Self::AmendResult(..)
            | Self::CloseAt(..)
            | Self::Restructure(..)
            | Self::FeeWaiver(..) => self.fmt_life(f),
            Self::ClockSkew(ms, span) => {
                write!(f, "the exchange's clock is {ms} ms ahead for {} ms", lasts(span))
            }
            Self::ConnectionLifetime(span) => {
                write!(f, "from then on a connection lives {} ms at most", lasts(span))
            }
            Self::Cut => f.write_str("every connection is cut"),
            Self::ListMarket(market) => write!(f, "{market} is listed"),
            Self::EventFees(market, None) => {
                write!(f, "the event of {market} has its series' fees again")
            }
            Self::EventFees(market, Some(fees)) => {
                let (kind, ppm) = (fees.fee_type.as_str(), fees.multiplier_ppm);
                write!(f, "the event of {market} has fees {kind}, {ppm} millionths of them")
            }
            Self::Retitle(market, title) => write!(f, "{market} says {:?}", title.as_str()),
            Self::VoidFill(market) => write!(f, "the newest fill in {} is void", In(*market)),
            Self::CancelAllTail(chance) => {
                write!(f, "a cancel-all takes later orders with it {chance} times in 1000")
            }
            Self::ReadLag(lag, span) => {
                write!(f, "reads of accounts are {} ms behind for {} ms", lag.ms(), lasts(span))
            }
        }
    }
}

impl Event {
    /// What becomes of a market after its trading, and what its rules become.
    fn fmt_life(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Settle(market, outcome, after) => {
                write!(f, "{} closes and is paid out", In(*market))?;
                if after.ms() > 0 {
                    write!(f, " {} ms later", after.ms())?;
                }
                write!(f, ": {}", CameOut(*outcome))
            }
            Self::Determine(market, outcome) => {
                write!(f, "{}, if closed, comes out: {}", In(*market), CameOut(*outcome))
            }
            Self::Dispute(market, span) => {
                write!(f, "how {} came out is disputed for {} ms", In(*market), span.ms())
            }
            Self::AmendResult(market, outcome) => {
                write!(f, "{}, if disputed, came out: {}", In(*market), CameOut(*outcome))
            }
            Self::CloseAt(market, after) => {
                write!(f, "{} is to close {} ms later", In(*market), after.ms())
            }
            Self::Restructure(market, structure) => {
                write!(f, "{} has prices {}", In(*market), structure.as_str())
            }
            Self::FeeWaiver(market, span) => {
                write!(f, "{} charges nothing for {} ms", In(*market), span.ms())
            }
            // The others are told where all are.
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::FaultPlan;

    #[track_caller]
    fn check(entry: &str, sentence: &str) {
        let plan = FaultPlan::parse(&format!("[[fault]]\n{entry}")).unwrap();
        let told: Vec<String> = plan.rules.iter().map(ToString::to_string).collect();
        assert_eq!(told, [sentence]);
    }

    #[test]
    fn a_rule_reads_as_a_sentence() {
        check(
            "name = 'drop_after'\non = 'create'\nper_mille = 5\nfirst = 3\ncount = 2\n\
             from_ms = 10\nuntil_ms = 20",
            "a new order: its connection dies after the exchange has processed it; \
             5 times in 1000, from match 3 on, 2 times at most, 10 to 20 ms after the start",
        );
        check(
            "name = 'delay'\ndelay_ms = 5\ndelay_max_ms = 80\nuntil_ms = 9",
            "any request: it comes 5 to 80 ms (all alike likely) late; \
             always, 0 to 9 ms after the start",
        );
        check("name = 'seq_gap'", "a message orderbook_delta: it is lost; always");
        check(
            "name = 'read_lag'\nat_ms = 7\nfor_ms = 9",
            "7 ms after the start: reads of accounts are 400 ms behind for 9 ms",
        );
        check(
            "name = 'settle'\nmarket = 'KX-A'\noutcome = 'yes'",
            "0 ms after the start: KX-A closes and is paid out: yes",
        );
        check(
            "name = 'settle'\nafter_ms = 5\noutcome = '0.37'",
            "0 ms after the start: every market closes and is paid out 5 ms later: \
             370000 millionths of a dollar",
        );
        check(
            "name = 'dispute'\nmarket = 'KX-A'\nfor_ms = 9",
            "0 ms after the start: how KX-A came out is disputed for 9 ms",
        );
        check(
            "name = 'restructure'\nprice_level_structure = 'deci_cent'",
            "0 ms after the start: every market has prices deci_cent",
        );
        check(
            "name = 'forbidden'\ncount = 1",
            "a new order: it is answered 403 before the exchange has seen it; \
             always, 1 times at most",
        );
    }
}
