//! Feed (stage 4 of 5). WebSocket bytes → [`FeedEvent`]s for the oms.
//!
//! Asks its connector for an upgraded connection, subscribes `fill` and `user_orders` (and then
//! what tells of markets, positions and order groups, which trading does not wait for), says
//! [`FeedEvent::Up`] once every channel is acknowledged and [`FeedEvent::Down`] once when the
//! connection ends for whatever reason, then asks for the next one: backing off is the dialler's
//! part. A message that cannot be read may have been a fill, so it is reported as a short outage.
//! Events are never dropped: when their ring is full, reading stops and TCP pushes back.
//! Duplicates pass; telling them apart is the oms's part.
//!
//! Thread `feed`. Invariants: `Up` and `Down` alternate; between them every fill the exchange
//! sent on this connection was passed on. Steady state neither allocates nor blocks.

mod extras;
#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;

use extras::Extras;

use crate::kalshi::stream::{Channel, DecodeCounts, Decoder, StreamMessage, subscribe_command};
use crate::message::FeedEvent;
use crate::net::{Connector, Flush, LinkError, Received, Transport};
use crate::proto::websocket::{End, Event, Session, SessionConfig};
use crate::runtime::clock::Clock;
use crate::runtime::stage::{Stage, Work};
use crate::units::{Nanos, Timestamp};

/// How the feed behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    /// Message size, pings and silence.
    pub session: SessionConfig,
    /// Longest wait for every channel's acknowledgement.
    pub subscribe_max: Nanos,
}

impl Default for FeedConfig {
    fn default() -> Self {
        Self { session: SessionConfig::default(), subscribe_max: Nanos::from_secs(10) }
    }
}

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
}

/// What the feed has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedCounts {
    /// How messages were decoded.
    pub decoded: DecodeCounts,
    /// Times every channel was subscribed.
    pub ups: u64,
    /// Connections given up.
    pub losses: u64,
    /// Connections that could not be made.
    pub dial_failures: u64,
    /// News of markets, positions and groups that could not be read.
    pub garbled: u64,
    /// Polls that could not go on because the events' ring was full.
    pub stalls: u64,
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
struct Link<T> {
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

/// The stage. Made once; connections come and go inside.
#[derive(Debug)]
pub struct Feed<T, K, C> {
    config: FeedConfig,
    connector: K,
    clock: C,
    events: rtrb::Producer<FeedEvent>,
    session: Session,
    decoder: Decoder,
    link: Option<Link<T>>,
    request: Request,
    backlog: Backlog,
    /// When the bytes being decoded were in user memory.
    received: Timestamp,
    /// When the oms was last told that the stream is alive.
    told_alive: Timestamp,
    subscribe: String,
    extras: Extras,
    counts: FeedCounts,
    last_loss: Option<FeedLoss>,
}

impl<T: Transport, K: Connector<T>, C: Clock> Feed<T, K, C> {
    /// Most messages taken in one poll: a burst must not keep a shared thread from its orders.
    const MESSAGES_MAX: usize = 32;
    /// Free slots without which no step is taken: a message causes at most two events, and the
    /// loss that may follow in the same poll one.
    const ROOM_MIN: usize = 3;
    /// Often enough for any bound on silence, seldom enough for the journal.
    const ALIVE_EVERY: Nanos = Nanos::from_secs(1);
    /// Every bit of [`Phase::Subscribing`].
    const ALL_ACKED: u8 = (1 << Channel::NEEDED.len()) - 1;

    /// Allocates every buffer; connects on the first poll.
    ///
    /// # Panics
    /// When the ring has fewer than three slots.
    pub fn new(
        config: FeedConfig,
        connector: K,
        clock: C,
        events: rtrb::Producer<FeedEvent>,
    ) -> Self {
        assert!(events.buffer().capacity() >= Self::ROOM_MIN, "one step's events must fit");
        let now = clock.mono();
        Self {
            config,
            connector,
            clock,
            events,
            session: Session::new(config.session, now),
            decoder: Decoder::new(),
            link: None,
            request: Request::Due,
            backlog: Backlog::Drained,
            received: now,
            told_alive: now,
            subscribe: subscribe_command(1, &Channel::NEEDED),
            extras: Extras::new(),
            counts: FeedCounts::default(),
            last_loss: None,
        }
    }

    /// What has been seen so far.
    #[must_use]
    pub const fn counts(&self) -> FeedCounts {
        FeedCounts { decoded: self.decoder.counts(), ..self.counts }
    }

    /// Why the last lost connection was given up.
    #[must_use]
    pub const fn last_loss(&self) -> Option<FeedLoss> {
        self.last_loss
    }

    /// Whether every channel is subscribed now.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.phase == Phase::Up)
    }

    fn has_room(&self) -> bool {
        self.events.slots() >= Self::ROOM_MIN
    }

    fn emit(&mut self, event: FeedEvent) {
        let pushed = self.events.push(event);
        assert!(pushed.is_ok(), "room was made sure of before the step");
    }

    /// Without a connection: asks for one, or takes the one that is ready.
    fn connect(&mut self, now: Timestamp) -> Work {
        if self.request == Request::Due {
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
        self.backlog = Backlog::Drained;
        let queued = self.session.send_text(&self.subscribe);
        debug_assert!(queued.is_ok(), "Invariant: one command fits an empty outbox");
        let phase = Phase::Subscribing { since: now, acked: 0 };
        self.link = Some(Link { transport, phase, flush: Flush::Done });
    }

    /// With a connection: reads, decodes, keeps time, writes.
    fn serve(&mut self, now: Timestamp) -> Result<Work, FeedLoss> {
        let read = if self.backlog == Backlog::Drained { self.receive()? } else { Work::Done };
        let decoded = self.process()?;
        // Only with nothing left to read: our own pause is not the exchange's silence.
        let timed = if read == Work::Idle { self.keep_time(now)? } else { Work::Idle };
        let written = self.transmit()?;
        Ok(read.or(decoded).or(timed).or(written))
    }

    fn receive(&mut self) -> Result<Work, FeedLoss> {
        let Some(link) = &mut self.link else {
            return Ok(Work::Idle);
        };
        match link.transport.receive(self.session.space())? {
            Received::Nothing => Ok(Work::Idle),
            Received::Closed => Err(FeedLoss::Closed),
            Received::Bytes(count) => {
                self.received = self.clock.mono();
                self.session.handle_filled(self.received, count);
                self.tell_alive();
                Ok(Work::Done)
            }
        }
    }

    fn process(&mut self) -> Result<Work, FeedLoss> {
        let mut work = Work::Idle;
        let fresh = self.backlog == Backlog::Drained;
        for _ in 0..Self::MESSAGES_MAX {
            if !self.has_room() {
                break;
            }
            match self.session.poll_event() {
                None => {
                    self.backlog = Backlog::Drained;
                    return Ok(work);
                }
                // Binary messages are refused by the session.
                Some(Event::Pong | Event::Binary(_)) => {}
                Some(Event::Ended(end)) => return Err(end.into()),
                Some(Event::Text(text)) => match self.decoder.decode(text, self.received) {
                    // The oms may be polled next on this very thread: the first fill of a read
                    // does not wait for what came with it.
                    Ok(message @ StreamMessage::Fill(_)) if fresh => {
                        self.handle(message)?;
                        work = Work::Done;
                        break;
                    }
                    Ok(message) => self.handle(message)?,
                    Err(_) => self.blink(),
                },
            }
            work = Work::Done;
        }
        self.backlog = Backlog::Left;
        Ok(work)
    }

    fn handle(&mut self, message: StreamMessage) -> Result<(), FeedLoss> {
        match message {
            StreamMessage::Fill(mut fill) => {
                fill.decoded = self.clock.mono();
                self.emit(FeedEvent::Fill(fill));
            }
            StreamMessage::Order(report) => self.emit(FeedEvent::Order(report)),
            StreamMessage::Market(news) => self.emit(FeedEvent::Market(news)),
            StreamMessage::Position(held) => self.emit(FeedEvent::Position(held)),
            StreamMessage::Group(news) => self.emit(FeedEvent::Group(news)),
            StreamMessage::Garbled => self.counts.garbled += 1,
            StreamMessage::Subscribed { channel, sid } => self.acknowledge(channel, sid),
            StreamMessage::Unsubscribed { sid } => {
                if !self.extras.lose(Some(sid), None, self.received) {
                    return Err(FeedLoss::Unsubscribed);
                }
            }
            StreamMessage::Error { id, sid, .. } if self.extras.lose(sid, id, self.received) => {}
            StreamMessage::Error { code, .. } => {
                // Before `Up` the only command under way is our subscription.
                if message.is_terminal_error() || !self.is_up() {
                    return Err(FeedLoss::Subscription { code });
                }
            }
            StreamMessage::Ok | StreamMessage::Other => {}
        }
        Ok(())
    }

    /// Whatever was heard, a ping or a fill, shows that the stream lives: the oms trades only as
    /// long as it is told so.
    fn tell_alive(&mut self) {
        if self.is_up() && self.received.since(self.told_alive) >= Self::ALIVE_EVERY {
            self.told_alive = self.received;
            self.emit(FeedEvent::Alive);
        }
    }

    fn acknowledge(&mut self, channel: Channel, sid: u64) {
        if !Channel::NEEDED.contains(&channel) {
            return self.extras.acknowledge(channel, sid);
        }
        let Some(Link { phase, .. }) = &mut self.link else {
            return;
        };
        let Phase::Subscribing { acked, .. } = phase else {
            return;
        };
        *acked |= 1 << channel as u8;
        if *acked == Self::ALL_ACKED {
            *phase = Phase::Up;
            self.counts.ups += 1;
            self.emit(FeedEvent::Up);
            self.told_alive = self.received;
            self.extras.begin(self.received);
        }
    }

    /// A message was lost on us: the oms has to look for what it may have said.
    #[cold]
    fn blink(&mut self) {
        if self.is_up() {
            self.emit(FeedEvent::Down);
            self.emit(FeedEvent::Up);
        }
    }

    fn keep_time(&mut self, now: Timestamp) -> Result<Work, FeedLoss> {
        if let Some(Link { phase: Phase::Subscribing { since, .. }, .. }) = &self.link
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
        if now < self.session.deadline() {
            return Ok(Work::Idle);
        }
        self.session.handle_timeout(now);
        Ok(Work::Done)
    }

    fn transmit(&mut self) -> Result<Work, LinkError> {
        let Some(link) = &mut self.link else {
            return Ok(Work::Idle);
        };
        if link.flush == Flush::Pending {
            link.flush = link.transport.flush()?;
            return Ok(Work::Done);
        }
        if !self.session.has_output() {
            return Ok(Work::Idle);
        }
        let mut out = [0; 512];
        let count = self.session.poll_transmit(&mut out);
        link.transport.seal(&out[..count])?;
        link.flush = link.transport.flush()?;
        Ok(Work::Done)
    }

    /// Gives the connection up, with a close frame when one is due and can still leave.
    #[cold]
    fn lose(&mut self, loss: FeedLoss) {
        let was_up = self.is_up();
        if let FeedLoss::Subscription { .. } | FeedLoss::Unsubscribed | FeedLoss::NotSubscribed =
            loss
        {
            self.session.close(1000);
        }
        // Nobody waits for it: the connection is dropped either way.
        self.transmit().ok();
        self.link = None;
        self.extras.end();
        self.counts.losses += 1;
        self.last_loss = Some(loss);
        if was_up {
            self.emit(FeedEvent::Down);
        }
    }
}

impl<T: Transport, K: Connector<T>, C: Clock> Stage for Feed<T, K, C> {
    const NAME: &'static str = "feed";

    fn poll(&mut self) -> Work {
        if !self.has_room() {
            self.counts.stalls += 1;
            return Work::Idle;
        }
        let now = self.clock.mono();
        if self.link.is_none() {
            return self.connect(now);
        }
        match self.serve(now) {
            Ok(work) => work,
            Err(loss) => {
                self.lose(loss);
                Work::Done
            }
        }
    }

    fn on_stop(&mut self) {
        self.session.close(1000);
        // Best effort: the process ends either way.
        self.transmit().ok();
    }
}
