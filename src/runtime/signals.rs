//! SIGINT and SIGTERM: the first asks for an orderly end; another, once the engine has heard the
//! first, ends at once. Repeats in the same breath mean nothing: supervisors send several.
//! SIGUSR1 asks for a halt: no order until a person resumes, and the process lives on.
//!
//! In: the operating system's signals. Out: flags that the engine looks at between two rounds.
//! Never does work in the handler beyond setting it. Ending at once loses nothing that was
//! promised: the journal is a file mapping, and the exchange ends resting orders by itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

/// Exit code of a run that was ended by a second signal: failed while running.
const EXIT_INTERRUPTED: i32 = 1;

/// Tells whether the process was asked to end.
#[derive(Clone, Debug)]
pub struct Interrupts {
    asked: Arc<AtomicBool>,
    /// Whether the next signal ends the process at once.
    armed: Arc<AtomicBool>,
    halt: Arc<AtomicBool>,
}

impl Interrupts {
    /// Takes over SIGINT, SIGTERM and SIGUSR1 for the rest of the process.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn install() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        let armed = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, EXIT_INTERRUPTED, Arc::clone(&armed))?;
            flag::register(signal, Arc::clone(&asked))?;
        }
        let halt = Arc::new(AtomicBool::new(false));
        flag::register(SIGUSR1, Arc::clone(&halt))?;
        Ok(Self { asked, armed, halt })
    }

    /// Hears no signal: one raised in a test would reach every test of the process.
    #[cfg(test)]
    pub(crate) fn deaf() -> Self {
        let flag = || Arc::new(AtomicBool::new(false));
        Self { asked: flag(), armed: flag(), halt: flag() }
    }

    /// From now on a signal ends the process at once.
    pub fn end_at_once_next(&self) {
        // Relaxed: the handler reads nothing but the flag.
        self.armed.store(true, Ordering::Relaxed);
    }

    /// Whether a halt was asked for since the last time somebody looked.
    #[must_use]
    pub fn take_halt(&self) -> bool {
        // Relaxed: the handler publishes nothing but the flag.
        self.halt.swap(false, Ordering::Relaxed)
    }

    /// Whether a signal to end has come.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        // Relaxed: the handler publishes nothing but the flag.
        self.asked.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_signal_sets_the_flag_and_the_process_lives() {
        let interrupts = Interrupts::install().unwrap();
        assert!(!interrupts.is_asked());
        signal_hook::low_level::raise(SIGTERM).unwrap();
        assert!(interrupts.is_asked());
    }

    #[test]
    fn a_halt_is_taken_once_and_is_no_end() {
        let interrupts = Interrupts::install().unwrap();
        assert!(!interrupts.take_halt());
        signal_hook::low_level::raise(SIGUSR1).unwrap();
        assert!(interrupts.take_halt());
        assert!(!interrupts.take_halt());
    }
}
