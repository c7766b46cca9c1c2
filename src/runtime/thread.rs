//! Threads: named, pinned, prefaulted, joined.
//!
//! In: a stage, where it shall run and how it waits. Out: a handle that gives the stage back
//! when everything has stopped. A thread that cannot be pinned as asked does not start. A stage
//! that panics stops the engine the way the kill switch does: it sets [`Stop`] for every other
//! thread, and the message comes out of [`StageThread::join`]. Nothing here is detached.

use std::any::Any;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use super::affinity::{PinError, pin};
use super::stage::{Stage, Work};
use super::wait::{Wait, Waiter};

/// Asks every thread of an engine to end. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    state: Arc<StopState>,
}

#[derive(Debug, Default)]
struct StopState {
    requested: AtomicBool,
    panicked: AtomicBool,
}

impl Stop {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks.
    pub fn request(&self) {
        // Release: pairs with the Acquire in `is_requested`; what was done before shows there.
        self.state.requested.store(true, Ordering::Release);
    }

    /// Whether somebody has asked.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        // Acquire: pairs with the Release in `request`.
        self.state.requested.load(Ordering::Acquire)
    }

    /// Whether a panic was the reason: trading must not go on as if nothing had happened.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        // Acquire: pairs with the Release in `request_after_panic`.
        self.state.panicked.load(Ordering::Acquire)
    }

    #[cold]
    fn request_after_panic(&self) {
        // Release: pairs with the Acquire in `is_panic`. Set first, so that whoever sees the
        // request can see the reason.
        self.state.panicked.store(true, Ordering::Release);
        self.request();
    }
}

/// Where and how a thread runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadPlan {
    /// Name, as `top` and the log show it: 15 bytes at most, the kernel cuts the rest.
    pub name: &'static str,
    /// The core it is held to; wherever the scheduler likes when `None`.
    pub core: Option<usize>,
    /// What it does when idle.
    pub wait: Wait,
}

impl ThreadPlan {
    /// Longest name the kernel keeps.
    pub const NAME_BYTES_MAX: usize = 15;

    /// A thread that floats and parks: what cold work wants.
    ///
    /// # Panics
    /// When `name` is longer than the kernel keeps; in a constant, at compile time.
    #[must_use]
    pub const fn cold(name: &'static str) -> Self {
        assert!(name.len() <= Self::NAME_BYTES_MAX, "a thread name has at most 15 bytes");
        Self { name, core: None, wait: Wait::Park }
    }
}

/// A thread could not be started as asked.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The system has no more threads to give.
    #[error("start thread {name}: {source}")]
    Spawn {
        /// Its name.
        name: &'static str,
        /// The system's words.
        source: std::io::Error,
    },
    /// It could not be held to its core.
    #[error("start thread {name}: {source}")]
    Pin {
        /// Its name.
        name: &'static str,
        /// What went wrong.
        source: PinError,
    },
}

/// A thread ended by a panic: a bug of ours, told to a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("thread {name} panicked: {message}")]
pub struct ThreadPanic {
    /// Its name.
    pub name: &'static str,
    /// What it said.
    pub message: String,
}

/// A running thread. Join it: dropping the handle would lose a panic.
#[derive(Debug)]
#[must_use]
pub struct StageThread<T> {
    name: &'static str,
    handle: JoinHandle<Result<T, String>>,
}

impl<T> StageThread<T> {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// Waits for the end of the thread and gives back what it held.
    ///
    /// # Errors
    /// [`ThreadPanic`] when it panicked.
    pub fn join(self) -> Result<T, ThreadPanic> {
        let name = self.name;
        let outcome = self.handle.join().unwrap_or_else(|panic| Err(panic_message(&*panic)));
        outcome.map_err(|message| ThreadPanic { name, message })
    }
}

/// Starts a thread that runs `stage` until `stop`. Returns when it is pinned.
///
/// # Errors
/// [`SpawnError`] when the thread cannot be made or held to its core; the stage is dropped.
pub fn spawn_stage<S: Stage + 'static>(
    plan: ThreadPlan,
    mut stage: S,
    stop: &Stop,
) -> Result<StageThread<S>, SpawnError> {
    let wait = plan.wait;
    spawn(plan, stop, move |stop| {
        run(&mut stage, stop, Waiter::new(wait));
        stage
    })
}

/// Starts a thread that runs `body`, which returns soon after `stop` is requested. For cold
/// services; stages use [`spawn_stage`]. Returns when the thread is pinned.
///
/// # Errors
/// [`SpawnError`] when the thread cannot be made or held to its core.
///
/// # Panics
/// When the plan's name has more than 15 bytes.
pub fn spawn<T: Send + 'static>(
    plan: ThreadPlan,
    stop: &Stop,
    body: impl FnOnce(&Stop) -> T + Send + 'static,
) -> Result<StageThread<T>, SpawnError> {
    let ThreadPlan { name, core, .. } = plan;
    assert!(name.len() <= ThreadPlan::NAME_BYTES_MAX, "a thread name has at most 15 bytes");
    let stop = stop.clone();
    let (pinned_tx, pinned_rx) = mpsc::sync_channel(1);
    let entry = move || {
        let pinned = core.map_or(Ok(()), pin);
        let stays = pinned.is_ok();
        // The receiver waits below for exactly this; if it is gone, nobody wants the thread.
        if pinned_tx.send(pinned).is_err() || !stays {
            return Err("not pinned".to_owned());
        }
        prefault_stack();
        caught(&stop, body)
    };
    let handle = Builder::new()
        .name(name.to_owned())
        .spawn(entry)
        .map_err(|source| SpawnError::Spawn { name, source })?;
    match pinned_rx.recv() {
        Ok(Err(source)) => Err(SpawnError::Pin { name, source }),
        Ok(Ok(())) | Err(mpsc::RecvError) => Ok(StageThread { name, handle }),
    }
}

/// Runs `stage` on the current thread until `stop` is requested. The caller has pinned it.
pub fn run<S: Stage>(stage: &mut S, stop: &Stop, mut waiter: Waiter) {
    stage.on_start();
    while !stop.is_requested() {
        match stage.poll() {
            Work::Done => waiter.busy(),
            Work::Idle => {
                waiter.idle();
            }
        }
    }
    stage.on_stop();
}

/// Runs `body`; a panic in it stops everything else and becomes its message.
fn caught<T>(stop: &Stop, body: impl FnOnce(&Stop) -> T) -> Result<T, String> {
    // Unwind safety: what the body held is dropped or never looked at again.
    catch_unwind(AssertUnwindSafe(|| body(stop))).map_err(|panic| {
        stop.request_after_panic();
        panic_message(&*panic)
    })
}

/// What a panic said.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

/// Touches the pages of the stack that a stage will use, so that no poll takes a page fault.
/// A quarter of the default 2 MiB: the deepest path (TLS, JSON) needs under 100 KiB.
#[inline(never)]
fn prefault_stack() {
    const STACK_BYTES: usize = 512 * 1_024;
    let mut pages = [0_u8; STACK_BYTES];
    black_box(&mut pages);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::affinity::allowed_cores;

    /// Counts to a number, then does what it was made for.
    struct Counter {
        polls: u32,
        at_ten: fn(&Stop),
        stop: Stop,
        log: Vec<&'static str>,
    }

    impl Counter {
        fn new(at_ten: fn(&Stop), stop: &Stop) -> Self {
            Self { polls: 0, at_ten, stop: stop.clone(), log: Vec::new() }
        }
    }

    impl Stage for Counter {
        const NAME: &'static str = "counter";

        fn on_start(&mut self) {
            self.log.push("start");
        }

        fn poll(&mut self) -> Work {
            self.polls += 1;
            if self.polls == 10 {
                (self.at_ten)(&self.stop);
            }
            if self.polls.is_multiple_of(2) { Work::Done } else { Work::Idle }
        }

        fn on_stop(&mut self) {
            self.log.push("stop");
        }
    }

    const PLAN: ThreadPlan = ThreadPlan::cold("counter");

    #[test]
    fn stage_runs_until_stopped_and_comes_back() {
        let stop = Stop::new();
        let stage = Counter::new(Stop::request, &stop);

        let stage = spawn_stage(PLAN, stage, &stop).unwrap().join().unwrap();

        assert_eq!(stage.log, ["start", "stop"]);
        assert_eq!(stage.polls, 10);
        assert!(!stop.is_panic());
    }

    #[test]
    fn panicking_stage_stops_the_others_and_tells_why() {
        let stop = Stop::new();
        let bystander = spawn_stage(PLAN, Counter::new(|_| (), &stop), &stop).unwrap();
        let culprit = Counter::new(|_| panic!("books do not balance: {}", 7), &stop);

        let panic = spawn_stage(PLAN, culprit, &stop).unwrap().join().err().unwrap();

        assert_eq!(panic.to_string(), "thread counter panicked: books do not balance: 7");
        assert!(stop.is_requested() && stop.is_panic());
        assert_eq!(bystander.join().unwrap().log, ["start", "stop"], "it drained and ended");
    }

    #[test]
    fn thread_has_its_name_and_its_core() {
        let core = allowed_cores()[0];
        let plan = ThreadPlan { core: Some(core), ..ThreadPlan::cold("fifteen-letters") };
        let seen = |_: &Stop| (std::thread::current().name().map(str::to_owned), allowed_cores());

        let (name, cores) = spawn(plan, &Stop::new(), seen).unwrap().join().unwrap();

        assert_eq!(name.as_deref(), Some("fifteen-letters"));
        assert_eq!(cores, [core]);
    }

    #[test]
    fn thread_that_cannot_be_pinned_never_runs() {
        let plan = ThreadPlan { core: Some(usize::MAX), ..PLAN };
        let stop = Stop::new();

        let refused = spawn(plan, &stop, Stop::request).err().unwrap();

        assert!(matches!(refused, SpawnError::Pin { name: "counter", .. }), "{refused}");
        assert!(!stop.is_requested(), "the body ran");
    }
}
