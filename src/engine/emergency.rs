//! The last word after a panic: one cancel of everything, over a connection of its own.
//!
//! In: the account. Out: whether the exchange confirmed. Needs no stage, no ring and no thread of
//! the engine: whatever died, this does not lean on it. Bounded as [`Single`] is.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::EngineError;
use super::account::Account;
use super::single::Single;
use crate::gateway::cancel::sign_delete;
use crate::kalshi::auth::SigningKey;
use crate::kalshi::encode::OrderTemplates;
use crate::net::connect::DialConfig;
use crate::net::endpoint::Endpoint;
use crate::runtime::clock::{Clock, SystemClock};

/// The largest request.
const REQUEST_BYTES_MAX: usize = 4_096;

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
        let mut link = Single::connect(&self.endpoint, &self.dial, &self.clock)
            .map_err(|error| failed(error.to_string()))?;
        let wall_ms = self.clock.now().wall.unix_ms();
        let signed = sign_delete(&self.key, wall_ms, self.templates.create_path())
            .ok_or_else(|| failed("the key does not sign".to_owned()))?;
        let mut request = Zeroizing::new([0; REQUEST_BYTES_MAX]);
        let length = self.templates.encode_cancel_all(&mut request[..], &signed);
        let status = link.ask(&request[..length]).map_err(failed)?.status;
        if (200..300).contains(&status) {
            Ok(())
        } else {
            Err(failed(format!("it was answered with status {status}")))
        }
    }
}

#[cfg(test)]
#[cfg(feature = "sim")]
mod tests;
