//! Conditions with a name: told once when they begin and once when they are over, and those that
//! only a person can end halt.

use super::desk::{A, Desk, ticker};
use super::guard::desk;
use crate::ids::{Reason, Ticker};
use crate::message::{
    Command, ControlCommand, FeedEvent, FetchEvent, GatewayEvent, Reject, RejectKind, Trouble, Turn,
};
use crate::oms::Input;
use crate::recorder::record::Record;
use crate::risk::{Limit, Skew};
use crate::units::Nanos;

impl Desk {
    /// Conditions told of since the last time.
    fn news(&mut self) -> Vec<(Trouble, Turn)> {
        let news = |record: Record| match record {
            Record::Trouble(news) => Some((news.trouble, news.turn)),
            _ => None,
        };
        core::mem::take(&mut self.records).into_iter().filter_map(news).collect()
    }

    /// The exchange refuses a new order so.
    fn refuse(&mut self, id: &str, status: u16, kind: RejectKind, code: &str) {
        let order = self.ask(id).expect("nothing is in its way");
        self.sent(&order);
        let (code, message) = (Reason::lossy(code), Reason::lossy("no"));
        let reject = Reject { status, kind, code, message };
        self.tell(&Input::Gateway(GatewayEvent::Rejected { key: order.key, reject }));
    }

    fn connections(&mut self, ready: u16) {
        self.tell(&Input::Gateway(GatewayEvent::Connections { ready }));
    }

    fn reconnects(&self) -> Vec<Nanos> {
        let span = |record: &Record| match record {
            Record::Reconnected { span } => Some(*span),
            _ => None,
        };
        self.records.iter().filter_map(span).collect()
    }
}

#[test]
fn a_start_is_no_trouble() {
    let mut desk = desk(|_| {});
    assert!(desk.reconnects().is_empty(), "nothing was lost before");
    assert_eq!(desk.news(), []);
}

/// A refusal that only a person can end: halted, cancelled, named, and over with `resume`.
#[track_caller]
fn halts(status: u16, kind: RejectKind, code: &str, trouble: Trouble) {
    let mut desk = desk(|_| {});
    desk.refuse("a", status, kind, code);

    assert_eq!(desk.news(), [(trouble, Turn::Began)]);
    let halted = desk.core.halted().expect("it halts").to_string();
    assert!(halted.starts_with(trouble.as_str()), "{halted}");
    assert!(desk.commands.contains(&Command::CancelAll));
    assert_eq!(desk.ask("b"), Err(Limit::Halted), "nothing is sent again");

    desk.resume();

    assert_eq!(desk.news(), [(trouble, Turn::Over)]);
    assert!(desk.ask("c").is_ok());
}

#[test]
fn an_endpoint_that_is_gone_halts() {
    halts(410, RejectKind::Gone, "deprecated_v1_order_endpoint", Trouble::EndpointGone);
}

#[test]
fn a_missing_attestation_halts() {
    let code = "Your_location_attestation_for_API_trading_is_missing_or_expired._Please_verify";
    halts(403, RejectKind::Unauthorized, code, Trouble::RegionAttestation);
}

#[test]
fn a_key_that_is_refused_halts() {
    halts(401, RejectKind::Unauthorized, "authentication_error", Trouble::KeyRefused);
}

#[test]
fn pauses_are_named_and_end_by_themselves() {
    let mut desk = desk(|_| {});
    desk.refuse("a", 409, RejectKind::Paused, "trading_is_paused");
    assert_eq!(desk.news(), [(Trouble::ExchangePaused, Turn::Began)]);
    desk.pass(Nanos::from_secs(31));
    desk.tell(&Input::Feed(FeedEvent::Alive));
    assert_eq!(desk.news(), [(Trouble::ExchangePaused, Turn::Over)]);

    desk.refuse("b", 400, RejectKind::MarketInactive, "MARKET_NOT_ACTIVE");
    let told: Vec<Ticker> = desk
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Trouble(news) => Some(news.ticker),
            _ => None,
        })
        .collect();
    assert_eq!(told, [ticker(A)]);
    assert_eq!(desk.news(), [(Trouble::MarketPaused, Turn::Began)]);
    desk.pass(Nanos::from_secs(31));
    desk.tell(&Input::Feed(FeedEvent::Alive));
    assert_eq!(desk.news(), [(Trouble::MarketPaused, Turn::Over)]);
}

#[test]
fn too_many_requests_are_named_for_as_long_as_buckets_refill() {
    let mut desk = desk(|_| {});
    desk.refuse("a", 429, RejectKind::TooManyRequests, "too_many_requests");
    assert_eq!(desk.news(), [(Trouble::RateLimited, Turn::Began)]);
    desk.pass(Nanos::from_secs(4));
    desk.tell(&Input::Feed(FeedEvent::Alive));
    assert_eq!(desk.news(), [(Trouble::RateLimited, Turn::Over)]);
}

#[test]
fn the_weekly_window_is_named() {
    let mut desk = desk(|config| {
        config.limits.maintenance = crate::risk::Limits::default().maintenance;
    });
    // Thursday 2 July 2026, 03:01 in New York.
    desk.now.wall = crate::units::WallTime::from_unix_ms(1_782_975_660_000);
    desk.tell(&Input::Feed(FeedEvent::Alive));
    assert!(desk.news().contains(&(Trouble::Maintenance, Turn::Began)));
    desk.now.wall = crate::units::WallTime::from_unix_ms(1_782_982_860_000);
    desk.tell(&Input::Feed(FeedEvent::Alive));
    assert!(desk.news().contains(&(Trouble::Maintenance, Turn::Over)));
}

#[test]
fn a_clock_that_was_stepped_stops_orders_until_it_is_right() {
    for step in [-30_000, 30_000] {
        let mut desk = desk(|_| {});
        desk.core.guard.note_skew(Skew::Measured(0));
        let clock = |ahead_ms| Input::Control(ControlCommand::Clock { ahead_ms });

        desk.tell(&clock(step));

        assert_eq!(desk.news(), [(Trouble::ClockSkew, Turn::Began)]);
        assert_eq!(desk.ask("a"), Err(Limit::ClockSkew));
        desk.tell(&clock(3));
        assert_eq!(desk.news(), [(Trouble::ClockSkew, Turn::Over)]);
        assert!(desk.ask("b").is_ok());
    }
}

#[test]
fn a_signature_too_old_for_the_exchange_is_a_clock_that_nobody_knows() {
    let mut desk = desk(|_| {});
    desk.core.guard.note_skew(Skew::Measured(0));
    desk.refuse("a", 401, RejectKind::Unauthorized, "header_timestamp_expired");

    assert_eq!(desk.news(), [(Trouble::ClockSkew, Turn::Began)]);
    assert_eq!(desk.core.halted(), None, "it mends itself");
    assert_eq!(desk.ask("b"), Err(Limit::ClockSkew));
}

#[test]
fn links_that_were_lost_are_timed_until_orders_may_go_out() {
    let mut desk = desk(|_| {});
    desk.tell(&Input::Feed(FeedEvent::Down));
    assert_eq!(desk.news(), [(Trouble::FeedDown, Turn::Began)]);
    desk.pass(Nanos::from_ms(700));
    desk.tell(&Input::Feed(FeedEvent::Up));
    assert!(desk.reconnects().is_empty(), "fills of the gap are still being read");
    desk.pass(Nanos::from_ms(50));
    desk.fetched(FetchEvent::BackfillDone);
    assert!(desk.reconnects().is_empty(), "that was asked while the stream was down");
    desk.fetched(FetchEvent::BackfillDone);
    assert_eq!(desk.reconnects(), [Nanos::from_ms(750)]);
    assert_eq!(desk.news(), [(Trouble::FeedDown, Turn::Over)]);

    desk.connections(0);
    desk.pass(Nanos::from_ms(20));
    desk.connections(1);
    assert_eq!(desk.reconnects(), [Nanos::from_ms(20)]);
    let turns = [(Trouble::OrderLinkDown, Turn::Began), (Trouble::OrderLinkDown, Turn::Over)];
    assert_eq!(desk.news(), turns);
}

#[test]
fn what_a_person_does_in_between_is_not_the_links_time() {
    let mut desk = desk(|_| {});
    desk.connections(0);
    desk.tell(&Input::Control(ControlCommand::Halt { reason: Reason::lossy("drill") }));
    desk.connections(1);
    desk.pass(Nanos::from_secs(60));
    desk.resume();
    assert!(desk.reconnects().is_empty());
}
