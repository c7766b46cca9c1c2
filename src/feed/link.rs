//! One connection to the exchange's stream: dialled, subscribed, read, given up, dialled again.
//!
//! In: the bytes of its WebSocket, time. Out: what they say, into the feed's [`Merge`]; commands.
//! Asks its connector for an upgraded connection, subscribes `fill` and `user_orders` (and then
//! what tells of markets, positions and order groups, which trading does not wait for), and asks
//! for the next connection when this one ends for whatever reason: backing off is the dialler's
//! part. A message that cannot be read may have been a fill, so it is reported as a short outage.
//! Of another connection it knows only whether there is one that is up: then it proves by pings
//! how far it has been heard.

use super::extras::{Again, Extras};
use super::followed::Followed;
use super::merge::Merge;
use super::patience::Patience;
use super::probe::Probe;
use super::sequence::{Course, Sequences};
use super::{FeedConfig, FeedCounts};
use crate::kalshi::stream::{Channel, Decoder, StreamMessage, subscribe_command};
use crate::message::FeedEvent;
use crate::net::{Connector, Flush, LinkError, Received, Transport};
use crate::proto::websocket::{End, Event, Session};
use crate::runtime::clock::Clock;
use crate::runtime::stage::Work;
use crate::units::{Nanos, Now, Timestamp};

/// Why a connection was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedLoss {
    /// The socket or TLS failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The peer ended TCP without a close frame.
    #[error("connection closed without a close frame")]
    Closed,
    /// The WebSocket session ended.
    #[error(transparent)]
    Session(#[from] End),
    /// The exchange said that a subscription failed or is dead.
    #[error("subscription error {code}")]
    Subscription {
        /// The exchange's number of the reason (reference §4).
        code: u32,
    },
    /// A subscription ended that we had not ended.
    #[error("unsubscribed by the exchange")]
    Unsubscribed,
    /// Not every channel was acknowledged in time.
    #[error("not every subscription was acknowledged")]
    NotSubscribed,
    /// The other connection tells what this one does not.
    #[error("too far behind the other connection")]
    Behind,
}

impl FeedLoss {
    /// Whether the exchange itself has ended it, on a network that carried that word.
    const fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::Subscription { .. }
                | Self::Unsubscribed
                | Self::NotSubscribed
                | Self::Behind
                | Self::Session(End::ByPeer(_))
        )
    }

    /// The reason in a few fixed words, for where nothing may be allocated.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link(_) => "socket or TLS failed",
            Self::Closed => "closed without a close frame",
            Self::Session(End::ByPeer(_)) => "closed by the exchange",
            Self::Session(End::Violation(_)) => "protocol violation",
            Self::Session(End::Silence) => "silence",
            Self::Subscription { code: 25 } => "subscription buffer overflow (25)",
            Self::Subscription { code: 10 } => "channel error (10)",
            Self::Subscription { .. } => "subscription error",
            Self::Unsubscribed => "unsubscribed by the exchange",
            Self::NotSubscribed => "not every subscription was acknowledged",
            Self::Behind => "too far behind the other connection",
        }
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waiting for acknowledgements; one bit of `acked` per channel.
    Subscribing { since: Timestamp, acked: u8 },
    /// Every channel is subscribed.
    Up,
}

/// The connection in use.
#[derive(Debug)]
struct Connection<T> {
    transport: T,
    phase: Phase,
    /// Whether the kernel has yet to take sealed bytes.
    flush: Flush,
}

/// Whether the session has been asked for everything it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backlog {
    Drained,
    Left,
}

/// Whether the connector has been asked and has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Due,
    Asked,
}

/// One connection at a time, and what it needs. Made once; connections come and go inside.
#[derive(Debug)]
pub(super) struct Link<T, K> {
    /// Which one it is, from 0.
    index: usize,
    config: FeedConfig,
    connector: K,
    session: Session,
    decoder: Decoder,
    connection: Option<Connection<T>>,
    request: Request,
    /// Not dialled before that.
    dial_at: Timestamp,
    patience: Patience,
    backlog: Backlog,
    /// When the bytes being decoded were in user memory.
    received: Timestamp,
    /// The same by both clocks.
    heard: Now,
    subscribe: String,
    extras: Extras,
    probe: Probe,
    /// Books of markets in play, where this connection follows them.
    followed: Option<Followed>,
    sequences: Sequences,
    counts: FeedCounts,
    last_loss: Option<FeedLoss>,
}

impl<T: Transport, K: Connector<T>> Link<T, K> {
    /// Most messages taken in one poll: a burst must not keep a shared thread from its orders.
    pub(super) const MESSAGES_MAX: usize = 32;
    /// Every bit of [`Phase::Subscribing`].
    const ALL_ACKED: u8 = (1 << Channel::NEEDED.len()) - 1;
    /// How much later the second connection is dialled than the first while neither is up: what
    /// ends one after a fixed time shall not end both at once.
    const STAGGER: Nanos = Nanos::from_secs(1);

    /// Allocates every buffer; connects when polled.
    pub(super) fn new(index: usize, config: FeedConfig, connector: K, now: Timestamp) -> Self {
        Self {
            index,
            config,
            connector,
            session: Session::new(config.session, now),
            decoder: Decoder::new(),
            connection: None,
            request: Request::Due,
            dial_at: now + Self::stagger(index),
            patience: Patience::default(),
            backlog: Backlog::Drained,
            received: now,
            heard: Now { mono: now, ..Now::default() },
            subscribe: subscribe_command(1, &Channel::NEEDED),
            extras: Extras::new(),
            probe: Probe::new(),
            followed: None,
            sequences: Sequences::default(),
            counts: FeedCounts::default(),
            last_loss: None,
        }
    }

    const fn stagger(index: usize) -> Nanos {
        if index == 0 { Nanos::ZERO } else { Self::STAGGER }
    }

    /// Follows books on this connection.
    pub(super) fn follow(&mut self, followed: Followed) {
        self.followed = Some(followed);
    }

    /// Takes what the oms wishes to see of books, and tells what is seen.
    pub(super) fn poll_followed(&mut self) -> Work {
        self.followed.as_mut().map_or(Work::Idle, Followed::poll)
    }

    /// What has been seen so far.
    pub(super) const fn counts(&self) -> FeedCounts {
        let books = match &self.followed {
            Some(followed) => followed.books.counts(),
            None => self.counts.books,
        };
        FeedCounts { decoded: self.decoder.counts(), books, ..self.counts }
    }

    /// Why the last lost connection was given up.
    pub(super) const fn last_loss(&self) -> Option<FeedLoss> {
        self.last_loss
    }

    /// Whether every channel is subscribed now.
    pub(super) fn is_up(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.phase == Phase::Up)
    }

    /// A bounded amount of work. What is said finds room: the caller has made sure of it.
    pub(super) fn poll<C: Clock>(&mut self, clock: &C, out: &mut Merge) -> Work {
        let now = clock.mono();
        if self.connection.is_none() {
            return self.connect(now);
        }
        let served = if out.take_behind(self.index) {
            Err(FeedLoss::Behind)
        } else {
            self.serve(now, clock, out)
        };
        match served {
            Ok(work) => work,
            Err(loss) => {
                self.lose(loss, clock.now(), out);
                Work::Done
            }
        }
    }

    /// Says goodbye, as far as the socket takes it at once.
    pub(super) fn close(&mut self) {
        self.session.close(1000);
        // Best effort: the process ends either way.
        self.transmit().ok();
    }

    /// Without a connection: asks for one, or takes the one that is ready.
    fn connect(&mut self, now: Timestamp) -> Work {
        if self.request == Request::Due {
            if now < self.dial_at {
                return Work::Idle;
            }
            self.request = Request::Asked;
            self.connector.request();
        }
        match self.connector.poll() {
            None => Work::Idle,
            Some(Err(_)) => {
                self.request = Request::Due;
                self.counts.dial_failures += 1;
                Work::Done
            }
            Some(Ok(transport)) => {
                self.request = Request::Due;
                self.begin(transport, now);
                Work::Done
            }
        }
    }

    fn begin(&mut self, transport: T, now: Timestamp) {
        self.session.reset(now);
        self.sequences.reset();
        self.backlog = Backlog::Drained;
        let queued = self.session.send_text(&self.subscribe);
        debug_assert!(queued.is_ok(), "Invariant: one command fits an empty outbox");
        let phase = Phase::Subscribing { since: now, acked: 0 };
        self.connection = Some(Connection { transport, phase, flush: Flush::Done });
    }

    /// With a connection: reads, decodes, keeps time, writes.
    fn serve<C: Clock>(
        &mut self,
        now: Timestamp,
        clock: &C,
        out: &mut Merge,
    ) -> Result<Work, FeedLoss> {
        let read =
            if self.backlog == Backlog::Drained { self.receive(clock, out)? } else { Work::Done };
        let decoded = self.process(clock, out)?;
        // Only with nothing left to read: our own pause is not the exchange's silence.
        let timed = if read == Work::Idle { self.keep_time(now)? } else { Work::Idle };
        let written = self.transmit()?;
        Ok(read.or(decoded).or(timed).or(written))
    }

    fn receive<C: Clock>(&mut self, clock: &C, out: &mut Merge) -> Result<Work, FeedLoss> {
        let Some(connection) = &mut self.connection else {
            return Ok(Work::Idle);
        };
        match connection.transport.receive(self.session.space())? {
            Received::Nothing => Ok(Work::Idle),
            Received::Closed => Err(FeedLoss::Closed),
            Received::Bytes(count) => {
                self.heard = clock.now();
                self.received = self.heard.mono;
                self.session.handle_filled(self.received, count);
                if let Some(followed) = &mut self.followed {
                    followed.books.handle_heard(self.received);
                }
                if self.is_up() {
                    out.tell_alive(self.received);
                }
                Ok(Work::Done)
            }
        }
    }

    fn process<C: Clock>(&mut self, clock: &C, out: &mut Merge) -> Result<Work, FeedLoss> {
        let mut work = Work::Idle;
        let fresh = self.backlog == Backlog::Drained;
        for _ in 0..Self::MESSAGES_MAX {
            if !out.has_room() {
                break;
            }
            match self.session.poll_event() {
                None => {
                    self.backlog = Backlog::Drained;
                    return Ok(work);
                }
                Some(Event::Pong(payload)) => {
                    if let Some(at) = self.probe.answered(payload) {
                        out.prove(self.index, at);
                    }
                }
                // Refused by the session.
                Some(Event::Binary(_)) => {}
                Some(Event::Ended(end)) => return Err(end.into()),
                Some(Event::Text(text)) => {
                    let decoded = self.decoder.decode(text, self.received);
                    // The oms may be polled next on this very thread: the first fill of a read
                    // does not wait for what came with it.
                    let comes_first = fresh && matches!(decoded, Ok(StreamMessage::Fill(_)));
                    match decoded {
                        Ok(message) => self.handle(message, clock, out)?,
                        Err(_) => self.blink(clock, out),
                    }
                    out.measure(self.decoder.envelope().sent, self.heard.wall);
                    if comes_first {
                        work = Work::Done;
                        break;
                    }
                }
            }
            work = Work::Done;
        }
        self.backlog = Backlog::Left;
        Ok(work)
    }

    fn handle<C: Clock>(
        &mut self,
        message: StreamMessage,
        clock: &C,
        out: &mut Merge,
    ) -> Result<(), FeedLoss> {
        self.see(&message);
        if self.is_late(&message, clock, out) {
            return Ok(());
        }
        match message {
            StreamMessage::Fill(mut fill) => {
                fill.decoded = clock.mono();
                out.tell(self.index, FeedEvent::Fill(fill));
            }
            StreamMessage::Order(report) => out.tell(self.index, FeedEvent::Order(report)),
            StreamMessage::Market(news) => out.tell(self.index, FeedEvent::Market(news)),
            StreamMessage::Position(held) => out.tell(self.index, FeedEvent::Position(held)),
            StreamMessage::Group(news) => out.tell(self.index, FeedEvent::Group(news)),
            StreamMessage::Garbled => self.counts.garbled += 1,
            StreamMessage::Subscribed { channel, sid } => self.acknowledge(channel, sid, out),
            StreamMessage::Unsubscribed { sid } => {
                let of_books = self
                    .followed
                    .as_mut()
                    .is_some_and(|followed| followed.books.handle_end(self.received, sid));
                if !of_books && !self.extras.lose(Some(sid), None, self.received) {
                    return Err(FeedLoss::Unsubscribed);
                }
            }
            StreamMessage::Error { code, id, sid } if self.is_of_books(code, sid, id) => {}
            StreamMessage::Error { id, sid, .. } if self.extras.lose(sid, id, self.received) => {}
            StreamMessage::Error { code, .. } => {
                // Before `Up` the only command under way is our subscription.
                if message.is_terminal_error() || !self.is_up() {
                    return Err(FeedLoss::Subscription { code });
                }
            }
            // Seen above.
            StreamMessage::BookSnapshot(_)
            | StreamMessage::BookDelta(_)
            | StreamMessage::Ticker(_)
            | StreamMessage::UnreadableBook
            | StreamMessage::Ok
            | StreamMessage::Other => {}
        }
        Ok(())
    }

    /// Lets the followed books know what came.
    fn see(&mut self, message: &StreamMessage) {
        // Fills and orders are never about them, and in a hurry.
        if let StreamMessage::Fill(_) | StreamMessage::Order(_) = message {
            return;
        }
        if let Some(followed) = &mut self.followed {
            let (envelope, levels) = (self.decoder.envelope(), self.decoder.levels());
            followed.books.handle(self.heard, message, &envelope, levels);
        }
    }

    /// Whether what failed was a subscription or a command of the followed books.
    fn is_of_books(&mut self, code: u32, sid: Option<u64>, id: Option<u64>) -> bool {
        let now = self.received;
        let books = self.followed.as_mut().map(|followed| &mut followed.books);
        books.is_some_and(|books| books.handle_failure(now, code, sid, id))
    }

    /// Looks at a message's number. What is missing before it may have been a fill, or news; news
    /// that come twice or after later ones say nothing about now.
    fn is_late<C: Clock>(&mut self, message: &StreamMessage, clock: &C, out: &mut Merge) -> bool {
        match self.sequences.count(&self.decoder.envelope()) {
            None | Some((_, Course::Next)) => false,
            Some((channel, Course::Gap)) => {
                self.counts.gaps += 1;
                if Channel::NEEDED.contains(&channel) {
                    self.blink(clock, out);
                } else {
                    out.news_missed();
                }
                false
            }
            Some((_, Course::Repeat)) => {
                self.counts.repeats += 1;
                let is_news = |message: &StreamMessage| {
                    matches!(
                        message,
                        StreamMessage::Market(_)
                            | StreamMessage::Position(_)
                            | StreamMessage::Group(_)
                    )
                };
                is_news(message)
            }
        }
    }

    fn acknowledge(&mut self, channel: Channel, sid: u64, out: &mut Merge) {
        self.sequences.begin(channel, sid);
        if !Channel::NEEDED.contains(&channel) {
            if self.extras.acknowledge(channel, sid) == Again::Yes {
                out.news_missed();
            }
            return;
        }
        let Some(Connection { phase, .. }) = &mut self.connection else {
            return;
        };
        let Phase::Subscribing { acked, .. } = phase else {
            return;
        };
        *acked |= 1 << channel as u8;
        if *acked == Self::ALL_ACKED {
            *phase = Phase::Up;
            self.counts.ups += 1;
            out.up(self.index, self.received);
            self.patience.up(self.received);
            self.extras.begin(self.received);
            if out.is_redundant() {
                self.probe.begin(self.received);
            }
            if let Some(followed) = &mut self.followed {
                followed.books.handle_up(self.received);
            }
        }
    }

    /// A message was lost on us: the oms has to look for what it may have said.
    #[cold]
    fn blink<C: Clock>(&self, clock: &C, out: &mut Merge) {
        if self.is_up() {
            out.missed(clock.now());
        }
    }

    fn keep_time(&mut self, now: Timestamp) -> Result<Work, FeedLoss> {
        if let Some(Connection { phase: Phase::Subscribing { since, .. }, .. }) = &self.connection
            && now.since(*since) >= self.config.subscribe_max
        {
            return Err(FeedLoss::NotSubscribed);
        }
        if let Some(command) = self.extras.poll(now) {
            // With a full outbox the pause and the next loss decide when it is asked for again.
            let queued = self.session.send_text(command);
            debug_assert!(queued.is_ok(), "Invariant: what came before has been transmitted");
            return Ok(Work::Done);
        }
        if let Some(payload) = self.probe.poll(now) {
            // One that does not fit is followed by another.
            self.session.send_ping(&payload).ok();
            return Ok(Work::Done);
        }
        if self.ask_for_books(now) == Work::Done {
            return Ok(Work::Done);
        }
        if now < self.session.deadline() {
            return Ok(Work::Idle);
        }
        self.session.handle_timeout(now);
        Ok(Work::Done)
    }

    /// Sends what the followed books ask for: one command, or a ping.
    fn ask_for_books(&mut self, now: Timestamp) -> Work {
        let Some(Followed { books, .. }) = &mut self.followed else { return Work::Idle };
        if self.session.has_output() {
            return Work::Idle;
        }
        if books.poll_ping(now) == Work::Done {
            let queued = self.session.send_ping(b"");
            debug_assert!(queued.is_ok(), "Invariant: a ping fits an empty outbox");
            return Work::Done;
        }
        if now < books.deadline() {
            return Work::Idle;
        }
        let knew = books.has_news();
        let Some(command) = books.poll_command(now) else {
            // Time alone may have made a view another.
            return if books.has_news() && !knew { Work::Done } else { Work::Idle };
        };
        let queued = self.session.send_text(command);
        debug_assert!(queued.is_ok(), "Invariant: one command fits an empty outbox");
        Work::Done
    }

    fn transmit(&mut self) -> Result<Work, LinkError> {
        let Some(connection) = &mut self.connection else {
            return Ok(Work::Idle);
        };
        if connection.flush == Flush::Pending {
            connection.flush = connection.transport.flush()?;
            return Ok(Work::Done);
        }
        if !self.session.has_output() {
            return Ok(Work::Idle);
        }
        let mut out = [0; 512];
        let count = self.session.poll_transmit(&mut out);
        connection.transport.seal(&out[..count])?;
        connection.flush = connection.transport.flush()?;
        Ok(Work::Done)
    }

    /// Gives the connection up, with a close frame when one is due and can still leave.
    #[cold]
    fn lose(&mut self, loss: FeedLoss, now: Now, out: &mut Merge) {
        let was_up = self.is_up();
        if let FeedLoss::Subscription { .. }
        | FeedLoss::Unsubscribed
        | FeedLoss::NotSubscribed
        | FeedLoss::Behind = loss
        {
            self.session.close(1000);
        }
        // Nobody waits for it: the connection is dropped either way.
        self.transmit().ok();
        self.connection = None;
        self.extras.end();
        self.probe.end();
        if let Some(followed) = &mut self.followed {
            followed.books.handle_down();
        }
        self.counts.losses += 1;
        self.last_loss = Some(loss);
        if was_up {
            out.down(self.index, now);
        }
        let pause = if loss.is_refusal() { self.patience.refused(now.mono) } else { Nanos::ZERO };
        let stagger =
            if out.is_accompanied(self.index) { Nanos::ZERO } else { Self::stagger(self.index) };
        self.dial_at = now.mono + pause.max(stagger);
    }
}
