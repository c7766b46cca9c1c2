//! A reading of the account for a comparison with the books: cash, positions, open orders, fills,
//! each listing to its end.
//!
//! In: answers. Out: the next GET, or every row at once. A page that was full and named no next
//! one was cut short: it fails the reading, because rows that are missing would be taken for
//! things that are gone.

use crate::kalshi::paths::{BALANCE, FILLS, ORDERS, POSITIONS};
use crate::kalshi::portfolio::{self, HeldPosition};
use crate::message::{CashThere, FetchEvent, Fill, HeldThere, OrderReport};
use crate::reconcile::client::{Reply, RestFailure};
use crate::reconcile::listing::{Listing, More};
use crate::units::WallTime;

/// What is being read, in this order: fills last, so that they explain what came before them.
#[derive(Debug)]
enum Part {
    Cash,
    Positions(Listing),
    Orders(Listing),
    Fills(Listing),
}

/// The reading so far. Always has one GET outstanding.
#[derive(Debug)]
pub(super) struct AccountReading {
    part: Part,
    since: WallTime,
    cash: Vec<CashThere>,
    held: Vec<HeldThere>,
    orders: Vec<OrderReport>,
    fills: Vec<Fill>,
}

/// What follows an answer.
pub(super) enum Next {
    /// Another GET.
    Ask(Box<AccountReading>),
    /// Everything, in the order in which it is to be told; fills as they are listed.
    Whole(Vec<FetchEvent>, Vec<Fill>),
}

impl AccountReading {
    pub(super) fn new(since: WallTime) -> Self {
        let (cash, held, orders, fills) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { part: Part::Cash, since, cash, held, orders, fills }
    }

    pub(super) const fn path(&self) -> &'static str {
        match &self.part {
            Part::Cash => BALANCE,
            Part::Positions(listing) | Part::Orders(listing) | Part::Fills(listing) => {
                listing.path()
            }
        }
    }

    pub(super) fn query(&self) -> String {
        match &self.part {
            Part::Cash => String::new(),
            Part::Positions(listing) | Part::Orders(listing) | Part::Fills(listing) => {
                listing.query()
            }
        }
    }

    pub(super) fn read(mut self, reply: &Reply) -> Result<Next, RestFailure> {
        let received = reply.received.mono;
        let part = match self.part {
            Part::Cash => {
                let balance = portfolio::balance(&reply.body)?;
                self.cash = match balance.shards.as_slice() {
                    [] => vec![CashThere { shard: None, cash: balance.cash }],
                    shards => shards
                        .iter()
                        .map(|(shard, cash)| CashThere { shard: Some(*shard), cash: *cash })
                        .collect(),
                };
                let filters = [("count_filter", "position"), ("settlement_status", "unsettled")];
                Part::Positions(Listing::new(POSITIONS, &filters))
            }
            Part::Positions(mut listing) => {
                let page = portfolio::positions_page(&reply.body)?;
                let count = page.rows.len() + page.skipped;
                let open = |row: &HeldPosition| row.position.centis() != 0;
                self.held.extend(page.rows.into_iter().filter(open).map(held));
                match listing.advance_whole(page.cursor, count)? {
                    More::Yes => Part::Positions(listing),
                    More::No => Part::Orders(Listing::new(ORDERS, &[("status", "resting")])),
                }
            }
            Part::Orders(mut listing) => {
                let page = portfolio::orders_page(&reply.body, received)?;
                let count = page.rows.len() + page.skipped;
                self.orders.extend(page.rows);
                match listing.advance_whole(page.cursor, count)? {
                    More::Yes => Part::Orders(listing),
                    // One second earlier: the exchange's filter has whole seconds.
                    More::No => {
                        let min_ts = self.since.unix_secs().saturating_sub(1).to_string();
                        Part::Fills(Listing::new(FILLS, &[("min_ts", &min_ts)]))
                    }
                }
            }
            Part::Fills(mut listing) => {
                let page = portfolio::fills_page(&reply.body, received)?;
                let count = page.rows.len() + page.skipped;
                self.fills.extend(page.rows);
                match listing.advance_whole(page.cursor, count)? {
                    More::Yes => Part::Fills(listing),
                    More::No => {
                        let cash = self.cash.into_iter().map(FetchEvent::Cash);
                        let held = self.held.into_iter().map(FetchEvent::Held);
                        let orders = self.orders.into_iter().map(FetchEvent::OpenOrder);
                        return Ok(Next::Whole(
                            cash.chain(held).chain(orders).collect(),
                            self.fills,
                        ));
                    }
                }
            }
        };
        Ok(Next::Ask(Box::new(Self { part, ..self })))
    }
}

const fn held(row: HeldPosition) -> HeldThere {
    HeldThere { ticker: row.ticker, position: row.position, cost: row.cost }
}
