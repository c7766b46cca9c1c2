//! The last word after a panic: one cancel of everything, over a connection of its own.
//!
//! In: the account. Out: whether the exchange confirmed. Needs no stage, no ring and no thread of
//! the engine: whatever died, this does not lean on it. Bounded by the dial timeout and
//! [`ANSWER_WAIT`].

use std::sync::Arc;

use super::EngineError;
use super::account::Account;
use crate::gateway::cancel::sign_delete;
use crate::kalshi::auth::SigningKey;
use crate::kalshi::encode::OrderTemplates;
use crate::net::connect::{DialConfig, connect};
use crate::net::endpoint::Endpoint;
use crate::net::{Flush, Received, Transport};
use crate::proto::http1::ResponseReader;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::wait::pause;
use crate::units::Nanos;

/// How long the exchange may take to answer.
const ANSWER_WAIT: Nanos = Nanos::from_secs(5);

/// How often the connection is looked at.
const LOOK_EVERY: Nanos = Nanos::from_ms(1);

/// The largest request and the largest answer: a cancel of everything lists what it cancelled.
const REQUEST_BYTES_MAX: usize = 4_096;
const RESPONSE_BYTES_MAX: usize = 4 << 20;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Emergency {
    endpoint: Endpoint,
    dial: DialConfig,
    key: Arc<SigningKey>,
    templates: OrderTemplates,
    clock: SystemClock,
}

impl Emergency {
    pub(super) fn new(account: &Account, templates: OrderTemplates, clock: SystemClock) -> Self {
        Self {
            endpoint: account.rest.clone(),
            dial: account.dial.clone(),
            key: Arc::clone(account.credentials.key()),
            templates,
            clock,
        }
    }

    /// Cancels everything that rests on all shards.
    pub(super) fn cancel_all(&self) -> Result<(), EngineError> {
        let failed = |why: String| EngineError::Exchange {
            exchange: self.endpoint.address(),
            why: format!("the last cancel of everything failed: {why}; cancel by hand what rests"),
        };
        let mut link = connect(&self.endpoint, &self.dial, &self.clock)
            .map_err(|error| failed(error.to_string()))?;
        let wall_ms = self.clock.now().wall.unix_ms();
        let signed = sign_delete(&self.key, wall_ms, self.templates.create_path())
            .ok_or_else(|| failed("the key does not sign".to_owned()))?;
        let mut request = [0; REQUEST_BYTES_MAX];
        let length = self.templates.encode_cancel_all(&mut request, &signed);
        let status = self.exchange(&mut link, &request[..length]).map_err(failed)?;
        if (200..300).contains(&status) {
            Ok(())
        } else {
            Err(failed(format!("it was answered with status {status}")))
        }
    }

    /// Sends the request and waits for the status of its answer.
    fn exchange(&self, link: &mut impl Transport, request: &[u8]) -> Result<u16, String> {
        let until = self.clock.mono() + ANSWER_WAIT;
        let mut reader = ResponseReader::new(RESPONSE_BYTES_MAX);
        link.seal(request).map_err(|error| error.to_string())?;
        let mut flush = Flush::Pending;
        while self.clock.mono() < until {
            if flush == Flush::Pending {
                flush = link.flush().map_err(|error| error.to_string())?;
            }
            match link.receive(reader.space()).map_err(|error| error.to_string())? {
                Received::Bytes(count) => reader.filled(count),
                Received::Closed => reader.handle_close(),
                Received::Nothing => pause(LOOK_EVERY),
            }
            if let Some(response) = reader.poll().map_err(|error| error.to_string())? {
                return Ok(response.status);
            }
        }
        Err(format!("no answer within {} ms", ANSWER_WAIT.ms()))
    }
}

#[cfg(test)]
#[cfg(feature = "sim")]
mod tests;
