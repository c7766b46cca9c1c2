//! The oms's journal in the world: in memory, seen by the network's witness, and able to fail.

use std::sync::{Arc, Mutex};

use super::network::Network;
use crate::ids::RunId;
use crate::recorder::journal::{Entry, Journal, JournalError, MemoryJournal};
use crate::units::Now;

#[derive(Debug)]
struct State {
    journal: MemoryJournal,
    /// How many more entries there is room for.
    room: Option<u64>,
}

/// A journal that others can look at. Clones are the same journal.
#[derive(Clone, Debug)]
pub struct WitnessedJournal {
    state: Arc<Mutex<State>>,
    network: Network,
}

impl WitnessedJournal {
    /// An empty journal.
    #[must_use]
    pub fn new(run: RunId, network: Network) -> Self {
        let state = State { journal: MemoryJournal::new(run), room: None };
        Self { state: Arc::new(Mutex::new(state)), network }
    }

    /// The bytes so far.
    ///
    /// # Panics
    /// When a thread panicked while it wrote.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().journal.bytes().to_vec()
    }

    /// Lets the disk be full after so many more entries.
    ///
    /// # Panics
    /// When a thread panicked while it wrote.
    pub fn fill_up_after(&self, entries: u64) {
        self.lock().room = Some(entries);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("the world has one thread, and a panic ends it")
    }
}

impl Journal for WitnessedJournal {
    fn append(&mut self, now: Now, entry: &Entry) -> Result<(), JournalError> {
        let mut state = self.lock();
        match &mut state.room {
            Some(0) => return Err(JournalError::Full),
            Some(room) => *room -= 1,
            None => {}
        }
        state.journal.append(now, entry)?;
        if let Entry::Submit(order) = entry {
            self.network.note_journaled(order.client_order_id);
        }
        Ok(())
    }
}
