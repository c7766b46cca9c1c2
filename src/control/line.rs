//! The one way to the oms for commands, shared by those who steer: the control service, and the
//! course of the run when it ends.

use std::sync::{Arc, Mutex, PoisonError};

use crate::message::ControlCommand;
use crate::runtime::ring::{Producer, PushError};

/// The writing end of the control ring. Its users are cold threads that hold it for one push.
#[derive(Clone, Debug)]
pub struct CommandLine {
    ring: Arc<Mutex<Producer<ControlCommand>>>,
}

impl CommandLine {
    /// Shares `ring`.
    #[must_use]
    pub fn new(ring: Producer<ControlCommand>) -> Self {
        Self { ring: Arc::new(Mutex::new(ring)) }
    }

    /// Sends a command.
    ///
    /// # Errors
    /// The command, when the oms has not read the ones before.
    pub fn send(&self, command: ControlCommand) -> Result<(), ControlCommand> {
        // A push leaves the ring whole or does not happen: a poisoned lock is as good.
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.push(command).map_err(|PushError::Full(command)| command)
    }
}
