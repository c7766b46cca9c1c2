//! What a journal holds: every input the oms took, then every output it gave.

use crate::ids::{OrderGroupId, RunId, Ticker};
use crate::kalshi::market::Market;
use crate::message::{
    AmendOrder, BookNews, CancelOrder, ControlCommand, DecreaseOrder, FeedEvent, FetchCommand,
    FetchEvent, GatewayEvent, NewOrder, Signal,
};
use crate::recorder::pack::{Pack, Packer, Unpacker};
use crate::recorder::record::{ExecutionResult, FillVoided, Restated};
use crate::risk::{Carried, CarriedMarket, Past};
use crate::units::{Money, Position};

/// One entry. Inputs first, outputs after; a replay feeds the former and compares the latter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A run begins. Always the first entry of its run.
    RunStarted {
        /// The run.
        run: RunId,
        /// Digest of its effective configuration.
        config_digest: u64,
        /// Seed of everything random in it.
        seed: u64,
        /// Its mode: 0 paper, 1 sim, 2 demo, 3 live.
        mode: u8,
    },
    /// A piece of the run's effective configuration, in order.
    Settings(Chunk),
    /// A market of the run's table, in the order of the table.
    Market(Market),
    /// What was held in a market when the run began.
    Opening {
        /// The market.
        ticker: Ticker,
        /// What was held.
        position: Position,
        /// What it had cost.
        cost: Money,
    },
    /// Cash when the run began.
    OpeningCash {
        /// The balance.
        cash: Money,
    },
    /// From intake.
    Signal(Signal),
    /// From the gateway.
    Gateway(GatewayEvent),
    /// From the feed.
    Feed(FeedEvent),
    /// From the cold REST service.
    Fetch(FetchEvent),
    /// From the feed: what is seen of a followed book.
    Book(BookNews),
    /// From an operator or the operating system.
    Control(ControlCommand),
    /// A deadline had come.
    Timer,
    /// To the gateway: the bare order. Reading a journal makes no approvals.
    Submit(NewOrder),
    /// To the gateway: the same order again, because its answer was lost.
    Resend(NewOrder),
    /// To the gateway.
    Cancel(CancelOrder),
    /// To the gateway: cancel everything.
    CancelAll,
    /// To the cold REST service.
    Ask(FetchCommand),
    /// The final answer to a signal.
    Result(ExecutionResult),
    /// The run ended in an orderly way.
    RunEnded,
    /// Risk's state of the account that outlives the process, as it is from here on.
    Risk(Carried),
    /// Risk's state of one market that outlives the process.
    MarketRisk(CarriedMarket),
    /// A booking was undone.
    Voided(FillVoided),
    /// What a position cost was taken over from the exchange.
    Restated(Restated),
    /// What the former run's books had, at the beginning of a run.
    Past(Past),
    /// An order group that is the run's to delete: made for it, or left by a former one.
    Group {
        /// The shard it is on.
        shard: u8,
        /// Its id at the exchange.
        group: OrderGroupId,
    },
    /// To the gateway: the bare amendment, as [`Self::Submit`].
    Amend(AmendOrder),
    /// To the gateway.
    Decrease(DecreaseOrder),
}

impl Entry {
    /// Whether the oms took it in, rather than gave it out.
    #[must_use]
    pub const fn is_input(&self) -> bool {
        match self {
            Self::RunStarted { .. }
            | Self::Settings(_)
            | Self::Market(_)
            | Self::Opening { .. }
            | Self::OpeningCash { .. }
            | Self::Past(_)
            | Self::Group { .. }
            | Self::Signal(_)
            | Self::Gateway(_)
            | Self::Feed(_)
            | Self::Fetch(_)
            | Self::Book(_)
            | Self::Control(_)
            | Self::Timer => true,
            Self::Submit(_)
            | Self::Resend(_)
            | Self::Cancel(_)
            | Self::CancelAll
            | Self::Amend(_)
            | Self::Decrease(_)
            | Self::Ask(_)
            | Self::Result(_)
            | Self::RunEnded
            | Self::Risk(_)
            | Self::MarketRisk(_)
            | Self::Voided(_)
            | Self::Restated(_) => false,
        }
    }

    /// The kind's name in exports.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "run_started",
            Self::Settings(_) => "settings",
            Self::Market(_) => "market",
            Self::Opening { .. } => "opening",
            Self::OpeningCash { .. } => "opening_cash",
            Self::Signal(_) => "signal",
            Self::Gateway(_) => "gateway",
            Self::Feed(_) => "feed",
            Self::Fetch(_) => "fetch",
            Self::Book(_) => "book",
            Self::Control(_) => "control",
            Self::Timer => "timer",
            Self::Submit(_) => "submit",
            Self::Resend(_) => "resend",
            Self::Cancel(_) => "cancel",
            Self::CancelAll => "cancel_all",
            Self::Ask(_) => "ask",
            Self::Result(_) => "result",
            Self::RunEnded => "run_ended",
            Self::Risk(_) => "risk",
            Self::MarketRisk(_) => "market_risk",
            Self::Past(_) => "past",
            Self::Group { .. } => "group",
            Self::Amend(_) => "amend",
            Self::Decrease(_) => "decrease",
            Self::Voided(_) => "voided",
            Self::Restated(_) => "restated",
        }
    }
}

impl Pack for Entry {
    fn pack(&self, out: &mut Packer<'_>) {
        match self {
            Self::RunStarted { run, config_digest, seed, mode } => {
                tagged(out, 0, run);
                out.put(config_digest);
                out.put(seed);
                out.put(mode);
            }
            Self::Settings(chunk) => tagged(out, 1, chunk),
            Self::Market(market) => tagged(out, 2, market),
            Self::Opening { ticker, position, cost } => {
                tagged(out, 3, ticker);
                out.put(position);
                out.put(cost);
            }
            Self::OpeningCash { cash } => tagged(out, 4, cash),
            Self::Signal(signal) => tagged(out, 5, signal),
            Self::Gateway(event) => tagged(out, 6, event),
            Self::Feed(event) => tagged(out, 7, event),
            Self::Fetch(event) => tagged(out, 8, event),
            Self::Control(command) => tagged(out, 9, command),
            Self::Timer => out.put(&10_u8),
            Self::Submit(order) => tagged(out, 11, order),
            Self::Cancel(cancel) => tagged(out, 12, cancel),
            Self::CancelAll => out.put(&13_u8),
            Self::Ask(command) => tagged(out, 14, command),
            Self::Result(result) => tagged(out, 15, result),
            Self::RunEnded => out.put(&16_u8),
            Self::Risk(carried) => tagged(out, 17, carried),
            Self::MarketRisk(carried) => tagged(out, 18, carried),
            Self::Resend(order) => tagged(out, 19, order),
            Self::Past(past) => tagged(out, 20, past),
            Self::Amend(amend) => tagged(out, 21, amend),
            Self::Decrease(decrease) => tagged(out, 22, decrease),
            Self::Book(news) => tagged(out, 23, news),
            Self::Group { shard, group } => {
                tagged(out, 24, shard);
                out.put(group);
            }
            Self::Voided(voided) => tagged(out, 25, voided),
            Self::Restated(restated) => tagged(out, 26, restated),
        }
    }

    #[expect(clippy::cognitive_complexity, reason = "one arm per kind, no nesting")]
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.take::<u8>()? {
            0 => Self::RunStarted {
                run: from.take()?,
                config_digest: from.take()?,
                seed: from.take()?,
                mode: from.take()?,
            },
            1 => Self::Settings(from.take()?),
            2 => Self::Market(from.take()?),
            3 => Self::Opening { ticker: from.take()?, position: from.take()?, cost: from.take()? },
            4 => Self::OpeningCash { cash: from.take()? },
            5 => Self::Signal(from.take()?),
            6 => Self::Gateway(from.take()?),
            7 => Self::Feed(from.take()?),
            8 => Self::Fetch(from.take()?),
            9 => Self::Control(from.take()?),
            10 => Self::Timer,
            11 => Self::Submit(from.take()?),
            12 => Self::Cancel(from.take()?),
            13 => Self::CancelAll,
            14 => Self::Ask(from.take()?),
            15 => Self::Result(from.take()?),
            16 => Self::RunEnded,
            17 => Self::Risk(from.take()?),
            18 => Self::MarketRisk(from.take()?),
            19 => Self::Resend(from.take()?),
            20 => Self::Past(from.take()?),
            21 => Self::Amend(from.take()?),
            22 => Self::Decrease(from.take()?),
            23 => Self::Book(from.take()?),
            24 => Self::Group { shard: from.take()?, group: from.take()? },
            25 => Self::Voided(from.take()?),
            26 => Self::Restated(from.take()?),
            _ => return None,
        })
    }
}

/// A kind's byte and its payload.
fn tagged<T: Pack>(out: &mut Packer<'_>, kind: u8, payload: &T) {
    out.put(&kind);
    out.put(payload);
}

/// Up to [`Self::BYTES_MAX`] bytes of a longer text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    len: u16,
    bytes: [u8; Self::BYTES_MAX],
}

impl Chunk {
    /// Half of the largest entry, so that a configuration takes few of them.
    pub const BYTES_MAX: usize = 1024;

    /// Cuts `text` into chunks; joined, their bytes are `text` again.
    pub fn split(text: &[u8]) -> impl Iterator<Item = Self> + '_ {
        text.chunks(Self::BYTES_MAX).map(|part| {
            let mut bytes = [0; Self::BYTES_MAX];
            bytes[..part.len()].copy_from_slice(part);
            // A chunk is at most BYTES_MAX long.
            Self { len: u16::try_from(part.len()).unwrap_or(0), bytes }
        })
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

const _: () = assert!(Chunk::BYTES_MAX <= u16::MAX as usize, "length is two bytes");

impl core::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Chunk({:?})", String::from_utf8_lossy(self.as_bytes()))
    }
}

impl Pack for Chunk {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.len);
        out.bytes(self.as_bytes());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let len: u16 = from.take()?;
        let part = from.bytes(usize::from(len))?;
        let mut bytes = [0; Self::BYTES_MAX];
        bytes.get_mut(..part.len())?.copy_from_slice(part);
        Some(Self { len, bytes })
    }
}
