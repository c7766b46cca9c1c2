//! Everything packs to bytes and back; no bytes make the reader panic.

use core::fmt::Debug;

use proptest::prelude::*;

use super::sample::{Dice, Sample};
use super::*;
use crate::ids::{ClientOrderId, MarketIx, Reason, RunId, Ticker};
use crate::kalshi::market::{FeeSchedule, Market, TickGrid};
use crate::message::{
    CancelOrder, ControlCommand, FeedEvent, FetchCommand, FetchEvent, Fill, GatewayEvent, NewOrder,
    OrderReport, Signal,
};
use crate::order::State;
use crate::recorder::record::ExecutionResult;
use crate::risk::Limit;
use crate::units::{Price, Timestamp};

fn packed<T: Pack>(value: &T) -> Vec<u8> {
    let mut room = vec![0xaa; 4096];
    let mut out = Packer::new(&mut room);
    out.put(value);
    let size = out.finish().unwrap();
    room.truncate(size);
    room
}

#[track_caller]
fn survives<T: Pack + Sample + PartialEq + Debug>(dice: &mut Dice) {
    let value: T = dice.any();
    let bytes = packed(&value);
    assert_eq!(unpack_whole::<T>(&bytes), Some(value));

    // Cut short anywhere: not a value. One bit flipped: any answer, but no panic.
    let cut = dice.below(bytes.len());
    assert_eq!(unpack_whole::<T>(&bytes[..cut]), None, "cut at {cut}");
    let mut flipped = bytes.clone();
    flipped[cut] ^= 1 << dice.below(8);
    if let Some(other) = unpack_whole::<T>(&flipped) {
        assert_eq!(packed(&other), flipped, "one value, one encoding");
    }

    // Too little room is told, not written past.
    let mut room = vec![0; bytes.len() - 1];
    let mut out = Packer::new(&mut room);
    out.put(&unpack_whole::<T>(&bytes).unwrap());
    assert_eq!(out.finish(), None);
}

proptest! {
    #[test]
    fn every_message_survives_packing(seed in any::<u64>()) {
        let dice = &mut Dice::new(seed);
        survives::<Signal>(dice);
        survives::<NewOrder>(dice);
        survives::<CancelOrder>(dice);
        survives::<GatewayEvent>(dice);
        survives::<Fill>(dice);
        survives::<OrderReport>(dice);
        survives::<FeedEvent>(dice);
        survives::<FetchCommand>(dice);
        survives::<FetchEvent>(dice);
        survives::<ControlCommand>(dice);
        survives::<ExecutionResult>(dice);
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        is_its_only_encoding::<Signal>(&bytes);
        is_its_only_encoding::<GatewayEvent>(&bytes);
        is_its_only_encoding::<FeedEvent>(&bytes);
        is_its_only_encoding::<FetchEvent>(&bytes);
        is_its_only_encoding::<ControlCommand>(&bytes);
        is_its_only_encoding::<ExecutionResult>(&bytes);
    }
}

/// Bytes that happen to be a value are the bytes that value packs to.
#[track_caller]
fn is_its_only_encoding<T: Pack>(bytes: &[u8]) {
    if let Some(value) = unpack_whole::<T>(bytes) {
        assert_eq!(packed(&value), bytes);
    }
}

#[test]
fn the_layout_is_what_the_version_says() {
    let order = NewOrder {
        key: crate::ids::OrderKey { slot: 1, generation: 2 },
        client_order_id: ClientOrderId::new(RunId::new(0xabc), 7),
        market: MarketIx(3),
        side: crate::message::BookSide::Ask,
        price: Price::from_cents(48).unwrap(),
        quantity: crate::units::Contracts::from_whole(25),
        time_in_force: crate::message::TimeInForce::ImmediateOrCancel,
        expiration_secs: None,
        reduce_only: true,
        post_only: false,
        reference: Price::from_cents(48).unwrap(),
        received: Timestamp::from_ns(5),
        approved: Timestamp::from_ns(6),
    };
    #[rustfmt::skip]
    let expected = [
        1, 0, 0, 0, 2, 0, 0, 0,
        0xbc, 0x0a, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0,
        3, 0,
        1,
        0x00, 0x53, 0x07, 0x00,
        0xc4, 0x09, 0x00, 0x00,
        0,
        0,
        1,
        0,
        0x00, 0x53, 0x07, 0x00,
        5, 0, 0, 0, 0, 0, 0, 0,
        6, 0, 0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(packed(&order), expected);
    assert_eq!(packed(&Ticker::new(b"KX").unwrap()), b"\x02KX");
}

#[test]
fn variants_are_listed_in_the_order_of_their_bytes() {
    for (code, state) in State::ALL.iter().enumerate() {
        assert_eq!(usize::from(packed(state)[0]), code);
    }
    for (code, limit) in Limit::ALL.iter().enumerate() {
        assert_eq!(usize::from(packed(limit)[0]), code);
    }
    let mut dice = Dice::new(1);
    for _ in 0..100 {
        survives::<crate::message::RejectKind>(&mut dice);
        survives::<crate::message::Loss>(&mut dice);
        survives::<crate::message::Unsent>(&mut dice);
        survives::<crate::message::Action>(&mut dice);
        survives::<crate::message::TimeInForce>(&mut dice);
        survives::<crate::message::Style>(&mut dice);
        survives::<crate::message::ExchangeStatus>(&mut dice);
    }
}

#[test]
fn values_outside_their_type_are_refused() {
    assert_eq!(unpack_whole::<Price>(&0_u32.to_le_bytes()), None);
    assert_eq!(unpack_whole::<Price>(&1_000_000_u32.to_le_bytes()), None);
    assert_eq!(unpack_whole::<RunId>(&u64::MAX.to_le_bytes()), None);
    assert_eq!(unpack_whole::<bool>(&[2]), None);
    assert_eq!(unpack_whole::<Reason>(b"\x03a\"b"), None);
    assert_eq!(unpack_whole::<Reason>(b"\x00"), Some(Reason::EMPTY));
    assert_eq!(unpack_whole::<Reason>(&[0xff; 256]), None);
}

#[test]
fn a_market_survives_packing() {
    let market = Market {
        ticker: Ticker::new(b"KXNFL-26JAN11-BUF").unwrap(),
        ix: MarketIx(9),
        event: 4,
        grid: TickGrid::linear_cent(),
        exchange_index: 1,
        fees: FeeSchedule::QUADRATIC,
        active: true,
    };
    let again: Market = unpack_whole(&packed(&market)).unwrap();
    assert_eq!(again.grid.ranges(), market.grid.ranges());
    assert_eq!(again, market);
}
