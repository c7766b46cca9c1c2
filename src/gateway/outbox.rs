//! Events on their way to the oms: never dropped, never reordered.
//!
//! An event goes straight to its ring; when that is full it is kept here, and the stage takes no
//! commands until this is empty again. What is under way then can cause only a bounded number of
//! further events, which is the capacity.

use std::collections::VecDeque;

use rtrb::Producer;

use crate::message::GatewayEvent;
use crate::runtime::stage::Work;

/// The ring and what did not fit into it.
#[derive(Debug)]
pub(super) struct Outbox {
    ring: Producer<GatewayEvent>,
    kept: VecDeque<GatewayEvent>,
    kept_max: usize,
    overflow: Overflow,
}

/// What it means when there is no room left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overflow {
    /// More was caused than can be: a bug.
    Bug,
    /// The reader is stopping too: nobody misses the event.
    Dropped,
}

impl Outbox {
    pub(super) fn new(ring: Producer<GatewayEvent>, kept_max: usize) -> Self {
        Self { ring, kept: VecDeque::with_capacity(kept_max), kept_max, overflow: Overflow::Bug }
    }

    /// Stopping answers whatever the command ring holds, and its reader may be gone: from now on
    /// what finds no room is dropped. An order that was never told of then counts as unresolved
    /// in the journal, which is safe.
    pub(super) fn handle_stop(&mut self) {
        let _work: Work = self.drain();
        self.overflow = Overflow::Dropped;
    }

    /// Whether every event so far is in the ring.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) fn push(&mut self, event: GatewayEvent) {
        let kept = if self.kept.is_empty() {
            match self.ring.push(event) {
                Ok(()) => return,
                Err(rtrb::PushError::Full(event)) => event,
            }
        } else {
            event
        };
        let room = self.kept.len() < self.kept_max;
        if !room && self.overflow == Overflow::Dropped {
            return;
        }
        assert!(room, "commands wait while events do");
        self.kept.push_back(kept);
    }

    /// Moves kept events into the ring as far as it has room.
    pub(super) fn drain(&mut self) -> Work {
        let mut work = Work::Idle;
        while let Some(event) = self.kept.front() {
            if self.ring.push(*event).is_err() {
                break;
            }
            self.kept.pop_front();
            work = Work::Done;
        }
        work
    }
}

#[cfg(test)]
mod tests {
    use rtrb::RingBuffer;

    use super::*;

    fn event(ready: u16) -> GatewayEvent {
        GatewayEvent::Connections { ready }
    }

    #[test]
    fn events_wait_for_room_in_their_order() {
        let (producer, mut consumer) = RingBuffer::new(2);
        let mut outbox = Outbox::new(producer, 8);
        for ready in 0..5 {
            outbox.push(event(ready));
        }
        assert!(!outbox.is_empty());
        assert_eq!(outbox.drain(), Work::Idle);

        let mut seen = Vec::new();
        while let Ok(next) = consumer.pop() {
            seen.push(next);
            assert_eq!(outbox.drain(), if seen.len() <= 3 { Work::Done } else { Work::Idle });
        }
        assert_eq!(seen, (0..5).map(event).collect::<Vec<_>>());
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_stopping_gateway_drops_what_nobody_reads() {
        let (producer, mut consumer) = RingBuffer::new(1);
        let mut outbox = Outbox::new(producer, 1);
        outbox.handle_stop();
        for ready in 0..5 {
            outbox.push(event(ready));
        }
        assert_eq!(consumer.pop(), Ok(event(0)));
        assert_eq!(outbox.drain(), Work::Done);
        assert_eq!(consumer.pop(), Ok(event(1)));
        assert!(outbox.is_empty());
    }

    #[test]
    #[should_panic(expected = "commands wait while events do")]
    fn more_events_than_can_be_are_a_bug() {
        let (producer, _consumer) = RingBuffer::new(1);
        let mut outbox = Outbox::new(producer, 1);
        for ready in 0..3 {
            outbox.push(event(ready));
        }
    }
}
