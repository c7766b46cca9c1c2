//! An exchange with two members, the engine's account and a stranger's, on books made for stories
//! that need somebody on the other side.

use std::fs;
use std::path::Path;

use kalshi_exec::runtime::clock::{Clock as _, SystemClock};
use kalshi_exec::sim::api::{QuoteMode, SimVenue, SimVenueConfig};
use kalshi_exec::sim::exchange::{UserSeed, parse_books};
use kalshi_exec::sim::keys::{KeyKinds, KeySet};
use kalshi_exec::sim::server::{self, FaultHook, ServerConfig, ServerHandle};
use kalshi_exec::units::Money;
use serde_json::json;

use crate::account::json as read_json;
use crate::client::Client;
use crate::recovery::Stage;

/// Whole cents and makers for nothing; and a tapered grid where makers pay.
pub(super) const PLAIN: &str = "KXCROSS-26JUL01-A";
/// See [`PLAIN`].
pub(super) const TAPERED: &str = "KXFINE-26JUL01-A";

const BOOKS: &str = "\
KXCROSS-26JUL01-A,linear_cent,quadratic,0,,0.40:600 0.39:800 0.38:2000,0.58:500 0.57:900 0.56:2000
KXFINE-26JUL01-A,tapered_deci_cent,quadratic_with_maker_fees,0,,\
0.041:1000 0.040:1000 0.035:3000,0.952:500.5 0.951:900 0.940:3000
";

/// The exchange and the stranger. The engine trades on [`Self::stage`].
pub(super) struct Members {
    pub(super) stage: Stage,
    stranger: Client,
    _server: ServerHandle,
}

impl Members {
    /// Serves both and starts an engine that trades.
    pub(super) fn new(config: &str) -> Self {
        Self::with(config, FaultHook::default())
    }

    /// The same with an exchange that goes wrong on purpose.
    pub(super) fn with(config: &str, faults: FaultHook) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let server = serve(dir.path(), faults);
        let stranger = Client::new(&dir.path().join("stranger.json"));
        Self { stage: Stage::before(dir, None, config), stranger, _server: server }
    }

    /// The stranger buys (`bid`) or sells (`ask`) YES of a market.
    #[track_caller]
    pub(super) fn stranger_trades(&self, ticker: &str, side: &str, price: &str, count: &str) {
        self.stranger.place(&json!({
            "ticker": ticker, "side": side, "count": count, "price": price,
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        }));
    }
}

fn serve(dir: &Path, faults: FaultHook) -> ServerHandle {
    let clock = SystemClock::start();
    let open = |name: &str| KeySet::open(&dir.join(name), KeyKinds::Ed25519Only);
    let (keys, theirs) = (open("keys").expect("fresh keys"), open("theirs").expect("fresh keys"));
    let account = |nth: u8| UserSeed {
        user_id: format!("5eed0000-0000-4000-8000-00000000000{nth}"),
        cash: Money::from_cents(1_000_000),
    };
    let accounts = vec![account(1), account(2)];
    let mut config = SimVenueConfig::world_cup(accounts, 7, clock.now().wall);
    config.quotes = QuoteMode::Still;
    config.books = parse_books(BOOKS).expect("the books above");
    let venue = SimVenue::new(&config).expect("the books above");
    let user = |nth: usize| venue.user(nth).expect("an account above");
    let (ours, stranger) = (user(0), user(1));
    let mut config = ServerConfig::new(keys, ours, venue, clock);
    config.faults = faults;
    let key = &theirs.ed25519;
    config.key_ring.register(key.key_id.clone(), key.public_key.clone(), stranger);
    let server = server::serve(config).expect("a free port");
    let ready = dir.join("ready.json");
    server.ready().write(&ready).expect("the test's directory is writable");
    let mut other = read_json(&ready);
    other["key_id"] = key.key_id.clone().into();
    other["private_key_file"] = key.private_key_file.to_str().expect("a plain path").into();
    let written = fs::write(dir.join("stranger.json"), other.to_string());
    written.expect("the test's directory is writable");
    server
}
