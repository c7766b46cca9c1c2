//! The rings between stages: bounded, one writer, one reader, no locks (`rtrb`).
//!
//! In: a capacity that is named here. Out: the two ends, which can move to two threads but never
//! be cloned: that a ring has one writer and one reader is a fact of types.
//!
//! Rules. `push` gives the value back when the ring is full: whoever writes decides what that
//! means, and orders, fills and journal entries are never dropped. All rings are made in
//! `engine.rs` before the threads start; their pages are touched here, so that no stage pays for
//! the first use of a slot.

use std::mem::MaybeUninit;

pub use rtrb::{Consumer, PopError, Producer, PushError};

/// intake → oms. A burst of ten cycles of a hundred signals; more than the oms can have missed
/// while it was busy for a millisecond. When full, intake stops reading its sources.
pub const SIGNALS_MAX: usize = 1_024;

/// oms → gateway. Every open order (20 by default) could be cancelled and replaced many times
/// over; full means that the gateway is stuck, and the oms refuses.
pub const COMMANDS_MAX: usize = 1_024;

/// gateway → oms. Up to three events per command in flight (sent, answered, connection news).
pub const GATEWAY_EVENTS_MAX: usize = 4_096;

/// feed → oms. One read of 256 KiB can hold about 600 fills; a backfill adds as many again.
pub const FEED_EVENTS_MAX: usize = 8_192;

/// feed → oms, views of books. One for each market that can be followed; a newer view of the same
/// market waits in the feed.
pub const BOOK_NEWS_MAX: usize = 64;

/// oms → feed, which books to follow: each market followed can be exchanged for another twice
/// before the feed looks. One that finds no room is read by REST instead.
pub const FOLLOWS_MAX: usize = 256;

/// oms → the cold REST service. At most one request per order that is unknown, and a backfill.
pub const FETCH_COMMANDS_MAX: usize = 256;

/// The cold REST service → oms. A page of fills has up to 1 000 entries.
pub const FETCH_EVENTS_MAX: usize = 4_096;

/// Control surface → oms. People type slowly, and the oms answers each.
pub const CONTROL_COMMANDS_MAX: usize = 64;

/// Control surface → oms. One question at a time is under way.
pub const QUESTIONS_MAX: usize = 8;

/// A hot stage → recorder. 100 000 signals a second leave four records each; the recorder wakes
/// at least every 10 ms. One slot is about 1.2 KiB, so one such ring is about 20 MB.
pub const RECORDS_MAX: usize = 16_384;

/// The feed → recorder, latencies of messages. A burst of thousands within the recorder's 10 ms
/// may leave some out: they are measurements, and 20 MB for them would be too much.
pub const FEED_SPANS_MAX: usize = 2_048;

/// Makes a ring with room for `capacity` values and touches all its pages.
///
/// ```
/// use kalshi_exec::runtime::ring::{self, ring};
/// let (mut tx, mut rx) = ring(ring::SIGNALS_MAX);
/// assert_eq!(tx.push(7), Ok(()));
/// assert_eq!(rx.pop(), Ok(7));
/// ```
///
/// # Panics
/// When `capacity` is zero: such a ring would refuse everything for ever.
#[must_use]
pub fn ring<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    assert!(capacity > 0, "a ring needs a slot");
    let (mut producer, consumer) = rtrb::RingBuffer::new(capacity);
    touch(&mut producer, capacity);
    (producer, consumer)
}

/// Writes zeros to every slot and publishes none: dropping the chunk commits nothing.
fn touch<T>(producer: &mut Producer<T>, capacity: usize) {
    let Ok(mut chunk) = producer.write_chunk_uninit(capacity) else { return };
    let (first, second) = chunk.as_mut_slices();
    for slot in first.iter_mut().chain(second) {
        *slot = MaybeUninit::zeroed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_ring_gives_the_value_back() {
        let (mut tx, mut rx) = ring(2);
        assert_eq!(tx.push("a"), Ok(()));
        assert_eq!(tx.push("b"), Ok(()));
        assert_eq!(tx.push("c"), Err(PushError::Full("c")));
        assert_eq!(rx.pop(), Ok("a"));
        assert_eq!(tx.push("c"), Ok(()));
        assert_eq!((rx.pop(), rx.pop()), (Ok("b"), Ok("c")));
    }

    #[test]
    fn touching_publishes_nothing_and_keeps_every_slot() {
        let (mut tx, mut rx) = ring::<String>(3);
        assert_eq!(rx.pop(), Err(PopError::Empty));
        for round in 0..5 {
            for slot in 0..3 {
                assert_eq!(tx.push(format!("{round}-{slot}")), Ok(()));
            }
            assert!(tx.is_full());
            for slot in 0..3 {
                assert_eq!(rx.pop(), Ok(format!("{round}-{slot}")));
            }
        }
    }
}
