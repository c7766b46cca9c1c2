//! One command's way through its reads, as a pure state machine: answers in, the next GET or the
//! final events out.
//!
//! An order is looked up by its id when that is known. When the exchange does not know the id,
//! or none is known, its market's orders are listed to the end: only a complete listing proves
//! an absence. Answers that describe another order have been seen (reference §3.1), so what is
//! found by id must carry both ids; otherwise the listing is searched for our own id, which we
//! made, and the exchange's is taken from there. The order's fills must add up to what it says
//! was filled: reads lag writes, and a report whose fills are missing must not be believed yet.

use std::collections::HashSet;

use super::account::{AccountReading, Next};
use crate::ids::{ClientOrderId, OrderId, OrderKey, Ticker};
use crate::kalshi::market::FeeSchedule;
use crate::kalshi::paths::{FILLS, MARKETS, ORDERBOOK, ORDERS, SERIES, SETTLEMENTS, escape};
use crate::kalshi::portfolio::{self, MarketStanding};
use crate::message::{
    BestQuote, FetchCommand, FetchEvent, Fill, MarketChange, MarketNews, MarketSettlement,
    OrderReport,
};
use crate::reconcile::client::{Reply, RestError, RestFailure};
use crate::reconcile::listing::{Listing, More};
use crate::units::Contracts;

/// The order that is looked for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    key: OrderKey,
    client_order_id: ClientOrderId,
    /// Empty when not known.
    order_id: OrderId,
    ticker: Ticker,
}

/// What is being read.
#[derive(Debug)]
enum Reading {
    /// The order by its id.
    ById(Wanted),
    /// The orders of its market.
    InList(Wanted, Listing),
    /// The fills of the order that was found.
    FillsOf(Wanted, OrderReport, Listing),
    /// Every fill since a time.
    Backfill(Listing),
    /// The book of a market.
    Book(Ticker),
    /// How a market stands.
    Market(Ticker),
    /// How the series of a market that is open charges.
    Series(Ticker, MarketStanding),
    /// Every settlement since a time, and those read so far.
    Settlements(Listing, Vec<MarketSettlement>),
    /// The account, to be compared with the books.
    Account(Box<AccountReading>),
}

/// A command under way. Every state has exactly one GET outstanding.
#[derive(Debug)]
pub(super) struct Job {
    reading: Reading,
    /// Fills read so far, as the exchange lists them: newest first.
    fills: Vec<Fill>,
}

/// What follows an answer.
#[derive(Debug)]
pub(super) enum Step {
    /// Another GET.
    Ask(Box<Job>),
    /// The command is answered; `why` says what made no sense, if the client does not know.
    Finished { events: Vec<FetchEvent>, why: Option<RestFailure> },
}

impl Job {
    pub(super) fn new(command: FetchCommand) -> Self {
        let reading = match command {
            FetchCommand::Order { key, client_order_id, order_id, ticker } => {
                let wanted = Wanted { key, client_order_id, order_id, ticker };
                if order_id.is_empty() { wanted.list() } else { Reading::ById(wanted) }
            }
            FetchCommand::Backfill { since } => {
                // One second earlier: the exchange's filter has whole seconds, and our clock may
                // be ahead of its.
                let min_ts = since.unix_secs().saturating_sub(1).to_string();
                Reading::Backfill(Listing::new(FILLS, &[("min_ts", &min_ts)]))
            }
            FetchCommand::Quote { ticker } => Reading::Book(ticker),
            FetchCommand::Market { ticker } => Reading::Market(ticker),
            FetchCommand::Settlements { since } => {
                let min_ts = since.unix_secs().saturating_sub(1).to_string();
                Reading::Settlements(Listing::new(SETTLEMENTS, &[("min_ts", &min_ts)]), Vec::new())
            }
            FetchCommand::Account { since } => {
                Reading::Account(Box::new(AccountReading::new(since)))
            }
        };
        Self { reading, fills: Vec::new() }
    }

    fn ask(self) -> Step {
        Step::Ask(Box::new(self))
    }

    /// Path of the outstanding GET.
    pub(super) fn path(&self) -> String {
        match &self.reading {
            Reading::ById(wanted) => {
                let mut path = format!("{ORDERS}/");
                push_escaped(&mut path, wanted.order_id.as_bytes());
                path
            }
            Reading::Book(ticker) => {
                let mut path = format!("{MARKETS}/");
                push_escaped(&mut path, ticker.as_bytes());
                path + ORDERBOOK
            }
            Reading::Market(ticker) => {
                let mut path = format!("{MARKETS}/");
                push_escaped(&mut path, ticker.as_bytes());
                path
            }
            Reading::Series(ticker, _) => {
                let mut path = format!("{SERIES}/");
                push_escaped(&mut path, ticker.series());
                path
            }
            Reading::InList(_, listing)
            | Reading::FillsOf(_, _, listing)
            | Reading::Backfill(listing)
            | Reading::Settlements(listing, _) => listing.path().to_owned(),
            Reading::Account(account) => account.path().to_owned(),
        }
    }

    /// Query of the outstanding GET.
    pub(super) fn query(&self) -> String {
        match &self.reading {
            Reading::ById(_) | Reading::Market(_) | Reading::Series(..) => String::new(),
            Reading::Book(_) => "depth=1".to_owned(),
            Reading::InList(_, listing)
            | Reading::FillsOf(_, _, listing)
            | Reading::Backfill(listing)
            | Reading::Settlements(listing, _) => listing.query(),
            Reading::Account(account) => account.query(),
        }
    }

    /// Takes the GET's answer.
    pub(super) fn handle(self, result: Result<Reply, RestError>) -> Step {
        let failed = self.failed();
        let reply = match (result, &self.reading) {
            (Ok(reply), _) => reply,
            (
                Err(RestError { why: RestFailure::Refused { status: 404, .. }, .. }),
                Reading::ById(wanted),
            ) => {
                // Lagging, archived, or never there: only the listing can tell.
                return Self { reading: wanted.list(), fills: self.fills }.ask();
            }
            (
                Err(RestError { why: RestFailure::Refused { status: 404, .. }, .. }),
                Reading::Series(ticker, standing),
            ) => {
                // What is not listed is not understood either.
                return market_charges(*ticker, standing.clone(), None);
            }
            // The client has said why.
            (Err(_), _) => return Step::Finished { events: vec![failed], why: None },
        };
        self.read(&reply)
            .unwrap_or_else(|why| Step::Finished { events: vec![failed], why: Some(why) })
    }

    /// The event that says this command could not be carried out.
    const fn failed(&self) -> FetchEvent {
        match &self.reading {
            Reading::ById(wanted) | Reading::InList(wanted, _) | Reading::FillsOf(wanted, ..) => {
                FetchEvent::OrderFailed { key: wanted.key }
            }
            Reading::Backfill(_) => FetchEvent::BackfillFailed,
            Reading::Book(ticker) => FetchEvent::QuoteFailed { ticker: *ticker },
            Reading::Market(_) | Reading::Series(..) => FetchEvent::MarketFailed,
            Reading::Settlements(..) => FetchEvent::SettlementsFailed,
            Reading::Account(_) => FetchEvent::AccountFailed,
        }
    }

    fn read(self, reply: &Reply) -> Result<Step, RestFailure> {
        let received = reply.received.mono;
        match self.reading {
            Reading::ById(wanted) => {
                let report = portfolio::order(&reply.body, received)?;
                let ours = report.client_order_id == Some(wanted.client_order_id);
                if ours && report.order_id == wanted.order_id {
                    return Ok(wanted.found(report));
                }
                Ok(Self { reading: wanted.list(), fills: self.fills }.ask())
            }
            Reading::InList(wanted, listing) => {
                let page = portfolio::orders_page(&reply.body, received)?;
                wanted.look_through(&page.rows, page.cursor, listing)
            }
            Reading::FillsOf(wanted, report, mut listing) => {
                let page = portfolio::fills_page(&reply.body, received)?;
                let mut fills = self.fills;
                fills.extend(page.rows.into_iter().filter(|fill| fill.order_id == report.order_id));
                match listing.advance(page.cursor)? {
                    More::Yes => {
                        let reading = Reading::FillsOf(wanted, report, listing);
                        Ok(Self { reading, fills }.ask())
                    }
                    More::No => wanted.report(report, fills),
                }
            }
            Reading::Backfill(mut listing) => {
                let page = portfolio::fills_page(&reply.body, received)?;
                let mut fills = self.fills;
                fills.extend(page.rows);
                match listing.advance(page.cursor)? {
                    More::Yes => Ok(Self { reading: Reading::Backfill(listing), fills }.ask()),
                    More::No => Ok(finish(oldest_first(fills), FetchEvent::BackfillDone)),
                }
            }
            Reading::Book(ticker) => {
                let (bid, ask) = portfolio::best_prices(&reply.body)?;
                // The book is not older than the question.
                let quote = BestQuote { ticker, bid, ask, as_of: reply.sent.wall };
                Ok(Step::Finished { events: vec![FetchEvent::Quote(quote)], why: None })
            }
            Reading::Market(ticker) => {
                Ok(market_or_series(ticker, portfolio::market(&reply.body, &ticker)?))
            }
            Reading::Series(ticker, standing) => {
                Ok(market_charges(ticker, standing, portfolio::series(&reply.body)?))
            }
            Reading::Settlements(mut listing, mut settled) => {
                let page = portfolio::settlements_page(&reply.body)?;
                settled.extend(page.rows);
                match listing.advance(page.cursor)? {
                    More::Yes => {
                        let reading = Reading::Settlements(listing, settled);
                        Ok(Self { reading, fills: self.fills }.ask())
                    }
                    More::No => Ok(settlements(settled)),
                }
            }
            Reading::Account(account) => match account.read(reply)? {
                Next::Ask(account) => {
                    Ok(Self { reading: Reading::Account(account), fills: self.fills }.ask())
                }
                Next::Whole(mut events, fills) => {
                    events.extend(oldest_first(fills).into_iter().map(FetchEvent::Fill));
                    events.push(FetchEvent::AccountRead);
                    Ok(Step::Finished { events, why: None })
                }
            },
        }
    }
}

impl Wanted {
    /// Lists the orders of the market.
    fn list(self) -> Reading {
        Reading::InList(self, Listing::new(ORDERS, &[("ticker", self.ticker.as_str())]))
    }

    /// One page of the market's orders.
    fn look_through(
        self,
        orders: &[OrderReport],
        cursor: Option<String>,
        mut listing: Listing,
    ) -> Result<Step, RestFailure> {
        let ours = |report: &&OrderReport| report.client_order_id == Some(self.client_order_id);
        if let Some(report) = orders.iter().find(ours) {
            return Ok(self.found(*report));
        }
        match listing.advance(cursor)? {
            More::Yes => {
                let reading = Reading::InList(self, listing);
                Ok(Job { reading, fills: Vec::new() }.ask())
            }
            More::No => {
                let events = vec![FetchEvent::OrderAbsent { key: self.key }];
                Ok(Step::Finished { events, why: None })
            }
        }
    }

    /// The order was found: on to its fills.
    fn found(self, report: OrderReport) -> Step {
        let listing = Listing::new(FILLS, &[("order_id", report.order_id.as_str())]);
        Job { reading: Reading::FillsOf(self, report, listing), fills: Vec::new() }.ask()
    }

    /// Order and fills are complete.
    fn report(self, report: OrderReport, fills: Vec<Fill>) -> Result<Step, RestFailure> {
        let mut fills = oldest_first(fills);
        let sum = fills
            .iter()
            .try_fold(Contracts::ZERO, |sum, fill| sum.checked_add(fill.quantity))
            .ok_or(RestFailure::FillsMissing)?;
        if sum < report.filled {
            return Err(RestFailure::FillsMissing);
        }
        for fill in &mut fills {
            fill.client_order_id = Some(self.client_order_id);
        }
        let order = FetchEvent::Order { key: self.key, report };
        Ok(finish(fills, order))
    }
}

fn push_escaped(path: &mut String, text: &[u8]) {
    for &byte in text {
        let (escaped, len) = escape(byte);
        path.extend(escaped[..len].iter().map(|&byte| char::from(byte)));
    }
}

/// On to the series of a market that is open; of any other nothing more is needed.
fn market_or_series(ticker: Ticker, standing: MarketStanding) -> Step {
    if !standing.is_active() {
        return market_stands(ticker, standing.changes);
    }
    Job { reading: Reading::Series(ticker, standing), fills: Vec::new() }.ask()
}

/// How a market stands, then that this is all.
fn market_stands(ticker: Ticker, changes: Vec<MarketChange>) -> Step {
    let news = changes.into_iter().map(|change| MarketNews { ticker, change });
    let events = news.map(FetchEvent::Market).chain([FetchEvent::MarketRead]);
    Step::Finished { events: events.collect(), why: None }
}

/// How a market stands that is open, with its terms before that it is.
fn market_charges(ticker: Ticker, standing: MarketStanding, fees: Option<FeeSchedule>) -> Step {
    let MarketStanding { mut changes, exchange_index } = standing;
    if let Some(exchange_index) = exchange_index {
        let terms = MarketChange::Terms { exchange_index, fees };
        changes.insert(changes.len().saturating_sub(1), terms);
    }
    market_stands(ticker, changes)
}

/// Settlements, oldest first, then that this is all.
fn settlements(mut settled: Vec<MarketSettlement>) -> Step {
    settled.sort_by_key(|settlement| settlement.settled_at);
    let events = settled.into_iter().map(FetchEvent::Settled);
    Step::Finished { events: events.chain([FetchEvent::SettlementsDone]).collect(), why: None }
}

/// Fills, then what they belong to.
fn finish(fills: Vec<Fill>, last: FetchEvent) -> Step {
    let events = fills.into_iter().map(FetchEvent::Fill).chain([last]).collect();
    Step::Finished { events, why: None }
}

/// Turns the exchange's newest-first listing around and drops what two pages both had: fills that
/// happen while the pages are read shift the rest. The sort is stable, so fills of one instant
/// stay in the exchange's order.
fn oldest_first(mut fills: Vec<Fill>) -> Vec<Fill> {
    let mut seen = HashSet::with_capacity(fills.len());
    fills.retain(|fill| seen.insert((fill.trade_id, fill.order_id)));
    fills.reverse();
    fills.sort_by_key(|fill| fill.exchange_time);
    fills
}
