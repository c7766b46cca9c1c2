//! Connections between requests: answers come in, links are made, warmed and replaced.

use super::Gateway;
use super::answer::{self, Ending, Purpose};
use super::cancel::CancelSigner;
use super::connection::{Progress, Request, SendOutcome};
use super::order_batch::OrdersAnswer;
use super::presign::Presign;
use crate::kalshi::batch::CancelBatch;
use crate::message::{GatewayEvent, SendStamps};
use crate::net::{Connector, Transport};
use crate::runtime::clock::Clock;
use crate::runtime::stage::Work;
use crate::units::{Nanos, Now};

/// Dial results taken per poll.
const DIALLED_MAX: usize = 4;

/// An answer about several orders, in the place where they are kept.
enum Several {
    None,
    Cancels(u8, CancelBatch),
    Orders(u8, OrdersAnswer),
}

impl<T, K, P, C, S> Gateway<T, K, P, C, S>
where
    T: Transport,
    K: Connector<T>,
    P: Presign,
    C: Clock,
    S: CancelSigner,
{
    /// Looks at every connection with something under way and at one of the others.
    pub(super) fn serve_connections(&mut self, now: Now) -> Work {
        let mut work = Work::Idle;
        self.cursor = (self.cursor + 1) % self.pool.places();
        for place in 0..self.pool.places() {
            if place == self.cursor || self.pool.connection(place).purpose().is_some() {
                work = work.or(self.serve_connection(place, now));
            }
        }
        work
    }

    fn serve_connection(&mut self, place: usize, now: Now) -> Work {
        let connection = self.pool.connection(place);
        let was_ready = connection.is_ready();
        let event = match connection.poll(now) {
            Progress::Nothing => return Work::Idle,
            Progress::Written { purpose: Purpose::CancelBatch { place: batch }, .. } => {
                self.batch_sent(batch);
                None
            }
            Progress::Written { purpose: Purpose::OrderBatch { place: batch }, stamps } => {
                self.orders_sent(batch, stamps);
                None
            }
            Progress::Written { purpose, stamps } => answer::sent(&purpose, stamps),
            Progress::Answered { purpose } => self.take_answer(place, &purpose, now),
            Progress::Ended { purpose: Purpose::Order(taken), ending: Ending::NothingLeft } => {
                self.take_back(taken)
            }
            Progress::Ended { purpose: Purpose::CancelBatch { place: batch }, ending } => {
                self.end_batch(batch, ending);
                None
            }
            Progress::Ended { purpose: Purpose::OrderBatch { place: batch }, ending } => {
                self.end_orders(batch, ending);
                None
            }
            Progress::Ended { purpose, ending } => answer::ended(&purpose, ending),
            Progress::Closed => None,
        };
        if !was_ready {
            self.pool.handle_first_progress(place, now.mono);
        }
        self.note_group(event.as_ref(), now);
        self.emit(event);
        Work::Done
    }

    /// Reads the answer that has come on a connection and frees the connection.
    fn take_answer(&mut self, place: usize, purpose: &Purpose, now: Now) -> Option<GatewayEvent> {
        let connection = self.pool.connection(place);
        let response = connection.response()?;
        let event = answer::answered(purpose, response.status, response.body);
        let status = response.status;
        let several = match *purpose {
            Purpose::CancelBatch { place } => {
                Several::Cancels(place, CancelBatch::read(response.body))
            }
            Purpose::OrderBatch { place } => {
                Several::Orders(place, OrdersAnswer::read(status, response.body))
            }
            _ => Several::None,
        };
        if status == 429 && purpose.is_trading() {
            let asked = response.retry_after_secs.map(|secs| Nanos::from_secs(secs.into()));
            self.budget.handle_throttled(now.mono, asked);
        } else if matches!(
            purpose,
            Purpose::Order(_) | Purpose::OrderBatch { .. } | Purpose::Change { .. }
        ) {
            self.budget.handle_heard();
        }
        connection.settle(now.mono);
        match several {
            Several::Cancels(batch, answer) => self.batch_answered(batch, status, &answer),
            Several::Orders(batch, answer) => self.orders_answered(batch, &answer),
            Several::None => {}
        }
        // Looked at again next: a close right behind the answer is seen before it hurts.
        self.cursor = (place + self.pool.places() - 1) % self.pool.places();
        event
    }

    /// Makes, warms and replaces connections.
    pub(super) fn tend_pool(&mut self, now: Now) -> Work {
        let mut work = Work::Idle;
        for _ in 0..DIALLED_MAX {
            let Some(dialled) = self.parts.connector.poll() else { break };
            match dialled {
                Ok(link) => {
                    if let Some(place) = self.pool.handle_dialled(link, now.mono) {
                        self.warm(place, now);
                    }
                }
                Err(_) => self.pool.handle_dial_failed(now.mono),
            }
            work = Work::Done;
        }
        if self.pool.retire(now.mono) {
            work = Work::Done;
        }
        while self.pool.wants_dial(now.mono) {
            self.parts.connector.request();
        }
        if let Some(place) = self.pool.wants_warming(now.mono) {
            self.warm(place, now);
            work = Work::Done;
        }
        self.announce();
        work
    }

    fn warm(&mut self, place: usize, now: Now) {
        let request = Request {
            purpose: Purpose::Warm,
            bytes: self.parts.templates.status_request(),
            stamps: SendStamps::default(),
            deadline: now.mono + self.ack_timeout,
        };
        let connection = self.pool.connection(place);
        let was_ready = connection.is_ready();
        match connection.send(&request, || now.mono) {
            SendOutcome::NothingLeft | SendOutcome::Lost if !was_ready => {
                self.pool.handle_first_progress(place, now.mono);
            }
            // A link that had proved itself may be replaced at once; the next poll does.
            SendOutcome::NothingLeft
            | SendOutcome::Lost
            | SendOutcome::Sent(_)
            | SendOutcome::Pending => {}
        }
    }

    fn announce(&mut self) {
        let ready = self.pool.ready();
        if ready != self.announced && self.outbox.is_empty() {
            self.announced = ready;
            self.outbox.push(GatewayEvent::Connections { ready });
        }
    }
}
