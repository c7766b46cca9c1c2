//! The venue with the sessions that listen to it, behind one mutex.
//!
//! Requests, session texts and passing time go in one at a time; after each, everything the
//! venue has to say is put into the bounded queues of its sessions. Never touches a socket.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, mpsc};

use super::fault::{Fault, FaultHook, FrameFault};
use super::late::{Late, sid_of};
use super::troubles;
use crate::{
    runtime::clock::Clock,
    sim::{
        auth::{self, Credentials, Denial, KeyRing, Signed, Window},
        faults::LiveFaults,
        venue::{ApiRequest, ApiResponse, SessionId, UserId, Venue, VenueAction},
    },
    units::{Nanos, WallTime},
};

/// The wall clock may be set while the timer sleeps, so it never sleeps longer than this.
const TIMER_SLEEP_MAX: Duration = Duration::from_millis(100);
/// A venue whose deadline does not move on must not spin the timer.
const TIMER_SLEEP_MIN: Duration = Duration::from_millis(1);

/// What all connections share.
pub(super) struct Hub<V, C> {
    inner: Mutex<Inner<V, C>>,
    deadline_moved: Notify,
    key_ring: KeyRing,
    window: Window,
    faults: FaultHook,
    live: LiveFaults,
    requests: AtomicU64,
    upgrades: AtomicU64,
    session_queue_max: usize,
}

/// What a hub is made of.
pub(super) struct Parts<V, C> {
    pub(super) venue: V,
    pub(super) clock: C,
    pub(super) key_ring: KeyRing,
    pub(super) window: Window,
    pub(super) faults: FaultHook,
    pub(super) live: LiveFaults,
    pub(super) session_queue_max: usize,
}

struct Inner<V, C> {
    venue: V,
    clock: C,
    /// The venue's time never goes back, even when the machine's does.
    latest: WallTime,
    sessions: HashMap<SessionId, mpsc::Sender<String>>,
    /// Texts that their sessions' next ones shall pass.
    held: HashMap<SessionId, String>,
    /// Texts that are late.
    late: Late,
    /// The deadline that the timer knows of.
    armed: Option<WallTime>,
}

impl<V: Venue, C: Clock> Hub<V, C> {
    pub(super) fn new(parts: Parts<V, C>) -> Self {
        let Parts { venue, clock, key_ring, window, faults, live, session_queue_max } = parts;
        let sessions = HashMap::new();
        let held = HashMap::new();
        let latest = WallTime::default();
        let late = Late::default();
        let inner = Inner { venue, clock, latest, sessions, held, late, armed: None };
        Self {
            inner: Mutex::new(inner),
            deadline_moved: Notify::new(),
            key_ring,
            window,
            faults,
            live,
            requests: AtomicU64::new(0),
            upgrades: AtomicU64::new(0),
            session_queue_max,
        }
    }

    /// What shall go wrong with this request.
    pub(super) fn fault(&self, request: &ApiRequest<'_>) -> Fault {
        let counter = if request.path == auth::WS_PATH { &self.upgrades } else { &self.requests };
        // Relaxed: only the number matters, nothing is published with it.
        let count = counter.fetch_add(1, Ordering::Relaxed) + 1;
        match self.faults.decide(request, count) {
            Fault::None => troubles::fault(&self.live, self.now(), request),
            fault => fault,
        }
    }

    /// The faults that can be replaced while the server runs.
    pub(super) const fn live(&self) -> &LiveFaults {
        &self.live
    }

    /// Does something to the venue from outside.
    pub(super) fn act(&self, action: &VenueAction) {
        self.with_venue(|inner, now| inner.venue.act(now, action));
    }

    /// Who signed this, if it had to be signed.
    pub(super) fn authenticate(
        &self,
        credentials: &Credentials<'_>,
        signed: Signed<'_>,
    ) -> Result<Option<UserId>, Denial> {
        if credentials.are_absent() && auth::is_public(signed) {
            return Ok(None);
        }
        let now = self.skewed_now();
        auth::authenticate(&self.key_ring, self.window, credentials, signed, now).map(Some)
    }

    /// The exchange's wall time.
    pub(super) fn now(&self) -> WallTime {
        self.lock().clock.now().wall
    }

    /// What the exchange believes the time to be.
    pub(super) fn skewed_now(&self) -> WallTime {
        let now = self.now();
        self.live.lock().skewed(now)
    }

    /// Lets the venue answer a REST request.
    pub(super) fn answer(&self, caller: Option<UserId>, request: &ApiRequest<'_>) -> ApiResponse {
        self.with_venue(|inner, now| inner.venue.handle(now, caller, request))
    }

    /// Opens a session; its texts come out of the receiver, which ends when it overflowed.
    pub(super) fn open_session(&self, user: UserId) -> (SessionId, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel(self.session_queue_max);
        let id = self.with_venue(|inner, now| {
            let id = inner.venue.open_session(now, user);
            inner.sessions.insert(id, sender);
            id
        });
        (id, receiver)
    }

    /// Hands a session's text to the venue.
    pub(super) fn session_text(&self, session: SessionId, text: &str) {
        self.with_venue(|inner, now| {
            if inner.sessions.contains_key(&session) {
                inner.venue.session_text(now, session, text);
            }
        });
    }

    /// Forgets a session whose connection is gone.
    pub(super) fn close_session(&self, session: SessionId) {
        self.with_venue(|inner, _| inner.close(session));
        self.live.lock().forget(session);
    }

    /// Wakes the venue at its deadlines, for ever.
    pub(super) async fn run_timer(&self) {
        loop {
            let Some(sleep) = self.until_deadline() else {
                self.deadline_moved.notified().await;
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                () = self.deadline_moved.notified() => {}
            }
            self.with_venue(|inner, now| {
                if inner.venue.deadline().is_some_and(|at| at <= now) {
                    inner.venue.advance(now);
                }
            });
        }
    }

    fn until_deadline(&self) -> Option<Duration> {
        let inner = self.lock();
        let left = inner.armed?.since(inner.clock.now().wall).to_duration();
        Some(left.clamp(TIMER_SLEEP_MIN, TIMER_SLEEP_MAX))
    }

    fn with_venue<R>(&self, call: impl FnOnce(&mut Inner<V, C>, WallTime) -> R) -> R {
        let mut inner = self.lock();
        // Read under the lock: calls reach the venue in the order of their times.
        let now = inner.clock.now().wall.max(inner.latest);
        inner.latest = now;
        let result = call(&mut inner, now);
        inner.dispatch(&self.faults, &self.live, now);
        let deadlines = [inner.venue.deadline(), inner.late.deadline()];
        let deadline = deadlines.into_iter().flatten().min();
        if deadline != inner.armed {
            inner.armed = deadline;
            self.deadline_moved.notify_one();
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Inner<V, C>> {
        self.inner.lock().expect("a venue that has panicked can not be trusted any more")
    }
}

impl<V: Venue, C> Inner<V, C> {
    fn dispatch(&mut self, faults: &FaultHook, live: &LiveFaults, now: WallTime) {
        while let Some((id, text)) = self.late.take(now) {
            self.queue(id, text);
        }
        while let Some((id, text)) = self.venue.poll_outgoing() {
            let fault = match faults.decide_frame(id, &text) {
                FrameFault::None => troubles::frame_fault(live, now, id, &text),
                fault => fault,
            };
            match fault {
                FrameFault::None if self.late.holds_back(id, &text) => {
                    self.late.hold(now, id, text, Nanos::ZERO);
                }
                FrameFault::None => self.queue(id, text),
                FrameFault::Lose => {}
                FrameFault::Repeat => {
                    self.queue(id, text.clone());
                    self.queue(id, text);
                }
                FrameFault::Delay(span) => self.late.hold(now, id, text, span),
                FrameFault::Changed(change) => self.queue(id, change.apply(&text)),
                FrameFault::Ended(code) => {
                    if let Some(sid) = sid_of(&text) {
                        self.venue.end_subscription(now, id, sid, code);
                    }
                }
                FrameFault::Hold => {
                    // One waits at a time: the one before it goes first.
                    if let Some(before) = self.held.insert(id, text) {
                        self.queue(id, before);
                    }
                    continue;
                }
                FrameFault::Overflow => self.close(id),
            }
            if let Some(passed) = self.held.remove(&id) {
                self.queue(id, passed);
            }
        }
    }

    fn queue(&mut self, session: SessionId, text: String) {
        let Some(queue) = self.sessions.get(&session) else {
            return; // The venue had this ready before its session went away.
        };
        if queue.try_send(text).is_err() {
            // Dropping the sender tells the session's task, after what is queued.
            self.close(session);
        }
    }

    fn close(&mut self, session: SessionId) {
        self.held.remove(&session);
        self.late.forget(session);
        if self.sessions.remove(&session).is_some() {
            self.venue.close_session(session);
        }
    }
}
