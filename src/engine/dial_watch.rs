//! What becomes of dials, told as conditions: names that do not resolve, certificates that are not
//! trusted, keys that are refused, nobody there.
//!
//! In: the outcome of each dial by customer. Out: records when a condition begins and when the
//! last customer it held for is through. News that finds no room waits for the next dial.

use super::diagnosis;
use crate::ids::{Reason, Ticker};
use crate::message::{Trouble, TroubleNews, Turn};
use crate::net::dial::{DialNews, Report};
use crate::recorder::record::Record;
use crate::runtime::ring::Producer;

/// Customers of one dialler: orders, reads, stream, with room.
const CUSTOMERS_MAX: usize = 8;

/// See the module's page.
struct DialWatch {
    records: Producer<Record>,
    /// What holds for each customer.
    holds: [Option<Trouble>; CUSTOMERS_MAX],
}

/// What a dialler is to call.
pub(super) fn report_to(records: Producer<Record>) -> Report {
    let mut watch = DialWatch { records, holds: [None; CUSTOMERS_MAX] };
    Box::new(move |news: DialNews<'_>| watch.note(&news))
}

impl DialWatch {
    fn note(&mut self, news: &DialNews<'_>) {
        let Some(held) = self.holds.get(news.customer).copied() else { return };
        let error = news.outcome.err().or(news.unresolved);
        let found = error.map(diagnosis::of_dial);
        if held == found {
            return;
        }
        if let Some(trouble) = held {
            self.holds[news.customer] = None;
            let elsewhere = self.holds.contains(&Some(trouble));
            if !elsewhere && !self.tell(trouble, Turn::Over, Reason::EMPTY) {
                self.holds[news.customer] = held;
                return;
            }
        }
        if let (Some(trouble), Some(error)) = (found, error) {
            let detail = Reason::lossy(&error.to_string());
            let known = self.holds.contains(&Some(trouble));
            if known || self.tell(trouble, Turn::Began, detail) {
                self.holds[news.customer] = Some(trouble);
            }
        }
    }

    fn tell(&mut self, trouble: Trouble, turn: Turn, detail: Reason) -> bool {
        let news = TroubleNews { trouble, ticker: Ticker::EMPTY, turn, detail };
        self.records.push(Record::Trouble(news)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{DialError, TlsFault};
    use crate::runtime::ring::ring;

    fn resolve() -> DialError {
        DialError::Resolve { host: "h".to_owned(), why: "nobody knows".to_owned() }
    }

    #[test]
    fn a_condition_is_over_with_its_last_customer() {
        let (records, mut told) = ring(16);
        let mut report = report_to(records);
        let mut say = |customer, outcome: Result<(), &DialError>| {
            report(DialNews { customer, outcome, unresolved: None });
            core::iter::from_fn(|| told.pop().ok())
                .map(|record| match record {
                    Record::Trouble(news) => (news.trouble, news.turn),
                    other => panic!("{other:?}"),
                })
                .collect::<Vec<_>>()
        };
        let (host, why) = ("h".to_owned(), "UnknownIssuer".to_owned());
        let tls = DialError::Tls { host, fault: TlsFault::Peer, why };

        let began = [(Trouble::NameUnresolved, Turn::Began)];
        assert_eq!(say(0, Err(&resolve())), began);
        assert_eq!(say(0, Err(&resolve())), []);
        assert_eq!(say(1, Err(&resolve())), [], "it holds already");
        assert_eq!(say(0, Ok(())), [], "it holds for the other");
        let turned = [(Trouble::NameUnresolved, Turn::Over), (Trouble::TlsFailed, Turn::Began)];
        assert_eq!(say(1, Err(&tls)), turned);
        assert_eq!(say(1, Ok(())), [(Trouble::TlsFailed, Turn::Over)]);
    }

    #[test]
    fn a_name_that_fails_is_told_though_known_addresses_serve() {
        let (records, mut told) = ring(16);
        let mut report = report_to(records);
        let error = resolve();
        report(DialNews { customer: 0, outcome: Ok(()), unresolved: Some(&error) });
        report(DialNews { customer: 0, outcome: Ok(()), unresolved: None });
        let turns = core::iter::from_fn(|| told.pop().ok()).map(|record| match record {
            Record::Trouble(news) => (news.trouble, news.turn),
            other => panic!("{other:?}"),
        });
        let name = Trouble::NameUnresolved;
        assert!(turns.eq([(name, Turn::Began), (name, Turn::Over)]));
    }

    #[test]
    fn news_that_finds_no_room_is_told_with_the_next_dial() {
        let (records, mut told) = ring(1);
        let mut report = report_to(records);
        let error = resolve();
        report(DialNews { customer: 0, outcome: Err(&error), unresolved: None });
        report(DialNews { customer: 0, outcome: Ok(()), unresolved: None });
        told.pop().unwrap();
        assert!(told.pop().is_err(), "the end found no room");

        report(DialNews { customer: 0, outcome: Ok(()), unresolved: None });

        assert!(matches!(told.pop().unwrap(), Record::Trouble(news) if news.turn == Turn::Over));
    }
}
