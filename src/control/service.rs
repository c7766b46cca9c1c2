//! The service: who asks, what is under way, what has been heard. One cold thread, which sleeps
//! until somebody speaks and looks at signals and the halt file in between.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::Receiver;
use mio::net::UnixListener;
use mio::{Events, Interest, Poll, Token, Waker};
use serde_json::{Value, json};

use super::conversation::Conversation;
use super::halt_file::HaltFile;
use super::line::CommandLine;
use super::protocol::{Denial, Request, denied};
use super::{place, speech};
use crate::ids::{Reason, RunId};
use crate::message::{ControlCommand, Question, Topic};
use crate::recorder::record::Record;
use crate::recorder::summary::Summary;
use crate::recorder::told::{Heard, Told};
use crate::risk::KillSwitch;
use crate::runtime::clock::Clock;
use crate::runtime::ring::Producer;
use crate::runtime::signals::Interrupts;
use crate::runtime::thread::Stop;
use crate::units::{Nanos, Timestamp, WallTime};

/// How long a signal may go unnoticed.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long an answer that is ready may go unnoticed while somebody waits for it.
const LOOK_EVERY_WAITING: Duration = Duration::from_millis(1);
/// How long a halt file may go unnoticed.
const HALT_FILE_EVERY: Nanos = Nanos::from_ms(200);
/// How long the engine may take to answer: its threads may be starved of a core, but not for this.
const ANSWER_WAIT: Nanos = Nanos::from_secs(5);

/// How long a comparison of the books is waited for: a few reads, each with its own timeout.
const RECONCILE_WAIT: Nanos = Nanos::from_secs(20);
/// People and their tools; more is a leak somewhere.
const CLIENTS_MAX: usize = 16;

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const CLIENT_FIRST: usize = 2;

/// What the service knows of the run it steers.
#[derive(Clone, Debug)]
pub struct About {
    /// The run.
    pub run: RunId,
    /// `paper`, `sim`, `demo` or `live`.
    pub mode: &'static str,
    /// When it began.
    pub started: WallTime,
    /// Its state directory, when it outlives the run: without one there is no socket.
    pub state_dir: Option<PathBuf>,
}

/// What the service is made of.
#[derive(Debug)]
pub struct ControlParts<C> {
    /// What it knows of the run.
    pub about: About,
    /// Time.
    pub clock: C,
    /// Commands to the oms.
    pub commands: CommandLine,
    /// Questions to the oms.
    pub questions: Producer<Question>,
    /// Its answers, by way of the recorder.
    pub heard: Receiver<Heard>,
    /// To the recorder.
    pub records: Producer<Record>,
    /// Keeps orders from leaving.
    pub kill_switch: KillSwitch,
    /// The operating system's signals.
    pub interrupts: Interrupts,
}

/// A halt on its way through the oms.
#[derive(Debug)]
struct PendingHalt {
    client: Option<Token>,
    reason: Reason,
    arrived: Timestamp,
    /// The oms's last halt before this one.
    before: Timestamp,
}

/// A question on its way, with what has been heard of its answer.
#[derive(Debug)]
struct Asking {
    client: Token,
    request: Request,
    since: Timestamp,
    told: Vec<Told>,
    counted: Option<Box<Summary>>,
    /// Whether the client has been told that there will be no answer.
    given_up: bool,
}

/// See the module's page.
#[derive(Debug)]
pub struct ControlService<C> {
    parts: ControlParts<C>,
    poll: Poll,
    waker: Arc<Waker>,
    listener: Option<UnixListener>,
    halt_file: Option<HaltFile>,
    halt_file_due: Timestamp,
    clients: BTreeMap<Token, Conversation>,
    clients_seen: usize,
    halts: Vec<PendingHalt>,
    resumes: Vec<(Token, Timestamp)>,
    /// Who waits for a comparison, and since when.
    reconciles: Vec<(Token, Timestamp)>,
    asking: Option<Asking>,
    queue: VecDeque<(Token, Request, Timestamp)>,
    began: Timestamp,
}

impl<C: Clock> ControlService<C> {
    /// Binds the socket, when there is a directory for it, and carries out a halt file that is
    /// there already: the oms reads the command before any signal.
    ///
    /// # Errors
    /// When the socket cannot be bound: an engine that cannot be stopped does not start.
    pub fn new(parts: ControlParts<C>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let began = parts.clock.mono();
        let dir = parts.about.state_dir.clone();
        let listener = dir.as_deref().map(|dir| listen(&poll, dir)).transpose()?;
        let mut service = Self {
            parts,
            poll,
            waker,
            listener,
            halt_file: dir.as_deref().map(HaltFile::new),
            halt_file_due: began,
            clients: BTreeMap::new(),
            clients_seen: 0,
            halts: Vec::new(),
            resumes: Vec::new(),
            reconciles: Vec::new(),
            asking: None,
            queue: VecDeque::new(),
            began,
        };
        service.look_at_halt_file(began);
        Ok(service)
    }

    /// Wakes the service so that it notices a stop at once.
    #[must_use]
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Serves until `stop`.
    pub fn run(&mut self, stop: &Stop) {
        let mut events = Events::with_capacity(CLIENTS_MAX + CLIENT_FIRST);
        while !stop.is_requested() {
            let wait = if self.is_expecting() { LOOK_EVERY_WAITING } else { LOOK_EVERY };
            match self.poll.poll(&mut events, Some(wait)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::error!(%error, "the control socket is deaf");
                    return;
                }
            }
            self.serve();
        }
        self.settle();
    }

    /// One round: everything that can be done without waiting.
    pub(super) fn serve(&mut self) {
        let now = self.parts.clock.mono();
        if self.parts.interrupts.take_halt() {
            self.halt(None, Reason::lossy("signal SIGUSR1"), now);
        }
        self.look_at_halt_file(now);
        self.accept();
        self.listen(now);
        self.settle();
    }

    /// What can be answered by now is answered.
    fn settle(&mut self) {
        self.confirm_halts();
        self.confirm_resumes();
        self.hear();
        self.ask_of_reconciliation();
        self.ask();
        for conversation in self.clients.values_mut() {
            conversation.speak();
        }
        let registry = self.poll.registry();
        self.clients.retain(|_, conversation| {
            let over = conversation.is_over();
            if over {
                // The connection closes with its stream, whatever the registry says.
                drop(registry.deregister(&mut conversation.stream));
            }
            !over
        });
    }

    /// Whether something is under way that no event will announce.
    fn is_expecting(&self) -> bool {
        !self.halts.is_empty()
            || !self.resumes.is_empty()
            || !self.reconciles.is_empty()
            || self.asking.is_some()
            || !self.queue.is_empty()
            || self.clients.values().any(Conversation::has_answers)
    }

    fn look_at_halt_file(&mut self, now: Timestamp) {
        if now < self.halt_file_due {
            return;
        }
        self.halt_file_due = now + HALT_FILE_EVERY;
        if let Some(reason) = self.halt_file.as_mut().and_then(HaltFile::look) {
            self.halt(None, reason, now);
        }
    }

    fn accept(&mut self) {
        let Some(listener) = &self.listener else { return };
        while let Ok((mut stream, _)) = listener.accept() {
            let token = Token(CLIENT_FIRST + self.clients_seen);
            self.clients_seen += 1;
            let interest = Interest::READABLE | Interest::WRITABLE;
            if let Err(error) = self.poll.registry().register(&mut stream, token, interest) {
                tracing::warn!(%error, "a control connection could not be watched");
                continue;
            }
            let mut conversation = Conversation::new(stream);
            if self.clients.len() >= CLIENTS_MAX {
                let full = format!("{CLIENTS_MAX} are connected; close one");
                conversation.answer(&denied(Denial::Busy, &full));
                conversation.speak();
                continue;
            }
            self.clients.insert(token, conversation);
        }
    }

    fn listen(&mut self, now: Timestamp) {
        let mut lines = Vec::new();
        for (token, conversation) in &mut self.clients {
            conversation.listen();
            while let Some(line) = conversation.next_line() {
                conversation.is_waiting = true;
                lines.push((*token, line));
            }
        }
        for (token, line) in lines {
            match Request::parse(&line) {
                Ok(request) => self.take(token, request, now),
                Err(why) => self.answer(token, &denied(Denial::BadRequest, &why)),
            }
        }
    }

    fn take(&mut self, token: Token, request: Request, now: Timestamp) {
        match request {
            Request::Halt { reason } => self.halt(Some(token), Reason::lossy(reason.trim()), now),
            Request::Resume => self.resume(token, now),
            Request::CancelAll => {
                if self.parts.commands.send(ControlCommand::CancelAll).is_err() {
                    return self.answer(token, &no_answer());
                }
                self.queue.push_back((token, Request::CancelAll, now));
            }
            Request::Reconcile => {
                if self.parts.commands.send(ControlCommand::Reconcile).is_err() {
                    return self.answer(token, &no_answer());
                }
                self.reconciles.push((token, now));
            }
            Request::Status | Request::Positions | Request::Orders => {
                self.queue.push_back((token, request, now));
            }
        }
    }

    /// First the switch at the wire, which needs nobody's help; then the oms, which makes it stay.
    fn halt(&mut self, client: Option<Token>, reason: Reason, arrived: Timestamp) {
        let before = self.parts.kill_switch.halted_at();
        self.parts.kill_switch.throw();
        if self.parts.commands.send(ControlCommand::Halt { reason }).is_err() {
            tracing::error!("the oms takes no command; nothing leaves any more all the same");
        }
        self.halts.push(PendingHalt { client, reason, arrived, before });
    }

    fn resume(&mut self, token: Token, now: Timestamp) {
        if let Some(file) = self.halt_file.as_ref().filter(|file| file.is_there()) {
            let why = format!("the halt file {} is there; remove it first", file.path().display());
            return self.answer(token, &denied(Denial::HaltFile, &why));
        }
        match self.parts.commands.send(ControlCommand::Resume) {
            Ok(()) => self.resumes.push((token, now)),
            Err(_) => self.answer(token, &no_answer()),
        }
    }

    fn confirm_halts(&mut self) {
        let (now, at) = (self.parts.clock.mono(), self.parts.kill_switch.halted_at());
        for halt in core::mem::take(&mut self.halts) {
            if at > halt.before {
                let span = at.since(halt.arrived);
                // The recorder counts it and tells the console; with a full ring it is answered all
                // the same.
                let _full: Result<(), _> = self.parts.records.push(Record::KillSwitch { span });
                let answer = json!({
                    "ok": true, "halted": halt.reason.as_str(), "latency_ns": span.ns(),
                });
                self.answer_if_any(halt.client, &answer);
            } else if now.since(halt.arrived) >= ANSWER_WAIT {
                let why = "the oms does not answer; the switch at the wire is thrown, nothing \
                           leaves, but what rests was not cancelled";
                self.answer_if_any(halt.client, &denied(Denial::NoAnswer, why));
            } else {
                self.halts.push(halt);
            }
        }
    }

    fn confirm_resumes(&mut self) {
        let (now, thrown) = (self.parts.clock.mono(), self.parts.kill_switch.is_thrown());
        for (token, since) in core::mem::take(&mut self.resumes) {
            if !thrown {
                self.answer(token, &json!({ "ok": true, "halted": null }));
            } else if now.since(since) >= ANSWER_WAIT {
                self.answer(token, &no_answer());
            } else {
                self.resumes.push((token, since));
            }
        }
    }

    /// Asks again and again how the comparison has come out, until it has.
    fn ask_of_reconciliation(&mut self) {
        if self.asking.is_none()
            && self.queue.is_empty()
            && let Some((token, _)) = self.reconciles.first()
        {
            self.queue.push_back((*token, Request::Reconcile, self.parts.clock.mono()));
        }
    }

    /// Whether a comparison is over, or has been waited for long enough.
    fn is_reconciled(&mut self, asking: &Asking) -> bool {
        let under_way = asking.told.iter().any(
            |told| matches!(told, Told::Reconciliation(reconciliation) if reconciliation.under_way),
        );
        let now = self.parts.clock.mono();
        let patient = |(_, since): &(Token, Timestamp)| now.since(*since) < RECONCILE_WAIT;
        if under_way && self.reconciles.first().is_some_and(patient) {
            return false;
        }
        self.reconciles.retain(|(token, _)| *token != asking.client);
        true
    }

    /// One question is under way at a time: what is heard belongs to it.
    fn ask(&mut self) {
        if self.asking.is_some() {
            return;
        }
        let Some((client, request, since)) = self.queue.pop_front() else { return };
        let (told, counted) = (Vec::new(), None);
        let asking = Asking { client, request, since, told, counted, given_up: false };
        if self.question(&asking.request, 0) {
            self.asking = Some(asking);
        } else {
            self.answer(client, &no_answer());
        }
    }

    /// Whether the oms has room for the question.
    fn question(&mut self, request: &Request, from: u32) -> bool {
        let topic = match request {
            Request::Positions => Topic::Positions,
            Request::Orders => Topic::Orders,
            Request::Reconcile => Topic::Reconciliation,
            _ => Topic::Status,
        };
        self.parts.questions.push(Question { topic, from }).is_ok()
    }

    fn hear(&mut self) {
        while let Ok(heard) = self.parts.heard.try_recv() {
            let Some(asking) = &mut self.asking else { continue };
            match heard {
                Heard::Counted(summary) => asking.counted = Some(summary),
                Heard::Told(Told::PageEnd { next }) => self.turn_page(next),
                Heard::Told(told) => asking.told.push(told),
            }
        }
        let now = self.parts.clock.mono();
        let late =
            |asking: &&mut Asking| !asking.given_up && now.since(asking.since) >= ANSWER_WAIT;
        if let Some(asking) = self.asking.as_mut().filter(late) {
            // What is still to come must not be taken for the answer to the next question.
            asking.given_up = true;
            let client = asking.client;
            self.answer(client, &no_answer());
        }
    }

    fn turn_page(&mut self, next: Option<u32>) {
        let Some(asking) = self.asking.take() else { return };
        if let Some(from) = next
            && self.question(&asking.request, from)
        {
            self.asking = Some(asking);
            return;
        }
        if asking.request == Request::Reconcile && !self.is_reconciled(&asking) {
            return;
        }
        if !asking.given_up {
            let answer = self.complete(&asking);
            self.answer(asking.client, &answer);
        }
    }

    fn complete(&self, asking: &Asking) -> Value {
        let (told, counted) = (&asking.told, asking.counted.as_deref());
        match asking.request {
            Request::Positions => speech::positions(told),
            Request::Orders => speech::orders(told),
            Request::CancelAll => speech::cancelling(told),
            Request::Reconcile => speech::reconciliation(told),
            Request::Status | Request::Halt { .. } | Request::Resume => {
                let up = self.parts.clock.mono().since(self.began);
                speech::status(&self.parts.about, up, told, counted)
            }
        }
    }

    fn answer_if_any(&mut self, client: Option<Token>, answer: &Value) {
        if let Some(token) = client {
            self.answer(token, answer);
        }
    }

    fn answer(&mut self, token: Token, answer: &Value) {
        // Who asked may be gone.
        if let Some(conversation) = self.clients.get_mut(&token) {
            conversation.answer(answer);
        }
    }
}

impl<C> Drop for ControlService<C> {
    fn drop(&mut self) {
        if self.listener.is_some()
            && let Some(dir) = &self.parts.about.state_dir
        {
            // Nobody listens there any more; the next start removes what is left over.
            drop(std::fs::remove_file(place::socket_path(dir)));
        }
    }
}

fn listen(poll: &Poll, dir: &Path) -> io::Result<UnixListener> {
    let mut listener = UnixListener::from_std(place::bind(dir)?);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    Ok(listener)
}

fn no_answer() -> Value {
    denied(Denial::NoAnswer, "the engine does not answer; is it starved, or ending?")
}
