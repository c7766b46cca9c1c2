//! Identifiers: inline, `Copy`, comparable without a pointer chase.
//!
//! Text ids ([`Ticker`], [`OrderId`], [`TradeId`], [`SignalId`]) hold their bytes inline and are
//! checked once, at the edge: non-empty, within capacity, printable ASCII without quotes or
//! backslashes, so they can be put into JSON, URLs and journals as they are. Our own ids
//! ([`ClientOrderId`]) are numbers that carry the run and the sequence.

mod hashing;

use core::fmt;

pub use hashing::{Seedless, Words};

/// Text of at most `N` bytes, stored inline. Longer or unprintable text is refused, never cut.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InlineText<const N: usize> {
    len: u8,
    bytes: [u8; N],
}

impl<const N: usize> InlineText<N> {
    /// The empty text: "not known yet".
    pub const EMPTY: Self = {
        assert!(N <= 255, "length is one byte");
        Self { len: 0, bytes: [0; N] }
    };

    /// Returns `None` when `text` is empty, longer than `N` bytes, or has a byte that is not
    /// printable ASCII, or is a quote or a backslash.
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        let plain = |byte: &u8| matches!(byte, 0x21..=0x7e) && *byte != b'"' && *byte != b'\\';
        if text.is_empty() || text.len() > N || !text.iter().all(plain) {
            return None;
        }
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text);
        Some(Self { len: u8::try_from(text.len()).ok()?, bytes })
    }

    /// Keeps what fits of `text` with other bytes replaced by `?`: for messages, never for ids.
    #[must_use]
    pub fn lossy(text: &str) -> Self {
        let mut out = Self::EMPTY;
        for byte in text.bytes().take(N) {
            let plain = matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\';
            out.bytes[usize::from(out.len)] = if plain { byte } else { b'?' };
            out.len += 1;
        }
        out
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Every constructor admits ASCII only, so this cannot fail; the fallback is unreachable.
        core::str::from_utf8(self.as_bytes()).unwrap_or("")
    }

    /// The text's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Whether nothing is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<const N: usize> Default for InlineText<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> fmt::Debug for InlineText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl<const N: usize> fmt::Display for InlineText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Longest ticker accepted, from `execution-layer` §2.
pub const TICKER_BYTES_MAX: usize = 64;

/// A market's ticker, e.g. `KXWCGAME-26JUL14FRAESP-ESP`.
pub type Ticker = InlineText<TICKER_BYTES_MAX>;

impl Ticker {
    /// The event: the ticker without its last `-` segment; the whole ticker when it has none.
    ///
    /// ```
    /// use kalshi_exec::ids::Ticker;
    /// let ticker = Ticker::new(b"KXWCGAME-26JUL14FRAESP-ESP").unwrap();
    /// assert_eq!(ticker.event(), b"KXWCGAME-26JUL14FRAESP");
    /// assert_eq!(ticker.series(), b"KXWCGAME");
    /// ```
    #[must_use]
    pub fn event(&self) -> &[u8] {
        let text = self.as_bytes();
        text.iter().rposition(|&byte| byte == b'-').map_or(text, |cut| &text[..cut])
    }

    /// The series: the ticker up to its first `-`.
    #[must_use]
    pub fn series(&self) -> &[u8] {
        let text = self.as_bytes();
        text.iter().position(|&byte| byte == b'-').map_or(text, |cut| &text[..cut])
    }
}

/// The exchange's order id (a UUID today; kept as text because nothing promises that).
pub type OrderId = InlineText<40>;

/// The exchange's id of an order group.
pub type OrderGroupId = InlineText<40>;

/// The exchange's trade id: the key by which fills are deduplicated.
pub type TradeId = InlineText<40>;

/// The producer's signal id.
pub type SignalId = InlineText<64>;

/// A reject's code or message, cut to what fits.
pub type Reason = InlineText<96>;

/// Index of a market in the engine's market table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MarketIx(pub u16);

/// An order's place in the slab plus the generation that tells a reused place apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderKey {
    /// Slot number.
    pub slot: u32,
    /// Bumped every time the slot is reused.
    pub generation: u32,
}

/// Which producer a signal came from, so that its result finds the way back.
///
/// `0` is the run's file or standard input; connections count up from 1 and are never reused
/// within a run, so a late result cannot reach a stranger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// Names one signal's execution; its children are the orders sent for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExecutionId {
    /// The run that made it.
    pub run: RunId,
    /// Counts up from 1 within the run.
    pub seq: u32,
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exec-{:010x}-{:06}", self.run.0, self.seq)
    }
}

/// Names one start of the engine: 40 bits, unique among the runs of one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(u64);

impl RunId {
    /// Keeps the low 40 bits.
    #[must_use]
    pub const fn new(bits: u64) -> Self {
        Self(bits & 0xff_ffff_ffff)
    }

    /// The 40 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

/// A client order id: a version-8 UUID that carries a fixed mark, the run and the sequence, so
/// that after a crash our orders are told from anybody else's by their id alone.
///
/// ```
/// use kalshi_exec::ids::{ClientOrderId, RunId};
/// let id = ClientOrderId::new(RunId::new(0xabc), 7);
/// assert_eq!(id.to_string(), "6b786578-0000-8000-8abc-000000000007");
/// assert_eq!(ClientOrderId::parse(id.to_string().as_bytes()), Some(id));
/// assert!(ClientOrderId::parse(b"8c35ecb3-328f-4f52-8c7c-0f4b9862f8d1").is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientOrderId {
    run: RunId,
    seq: u64,
}

impl ClientOrderId {
    /// Length of the hyphenated text form.
    pub const TEXT_BYTES: usize = 36;
    /// `kxex`: the first four bytes of every id of ours.
    pub const MARK: u32 = 0x6b78_6578;

    /// The `seq`-th order of `run`. Sequences use 48 bits.
    #[must_use]
    pub const fn new(run: RunId, seq: u64) -> Self {
        Self { run, seq: seq & 0xffff_ffff_ffff }
    }

    /// The run that made the order.
    #[must_use]
    pub const fn run(self) -> RunId {
        self.run
    }

    /// The order's number within its run.
    #[must_use]
    pub const fn seq(self) -> u64 {
        self.seq
    }

    /// The 128 bits. Layout: mark 32, run 16, version 4, run 12, variant 2 + 2 zero + run 12,
    /// seq 48.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        let run = self.run.0 as u128;
        let high = (run >> 24) & 0xffff;
        let middle = (run >> 12) & 0xfff;
        let low = run & 0xfff;
        ((Self::MARK as u128) << 96)
            | (high << 80)
            | (0x8 << 76)
            | (middle << 64)
            | (0x8 << 60)
            | (low << 48)
            | self.seq as u128
    }

    /// Writes the hyphenated lower-case form into `out` without allocating.
    pub fn write(self, out: &mut [u8; Self::TEXT_BYTES]) {
        uuid::Uuid::from_u128(self.as_u128()).hyphenated().encode_lower(out);
    }

    /// Reads an id back; `None` for ids that are not ours.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let bits = uuid::Uuid::try_parse_ascii(text).ok()?.as_u128();
        #[expect(clippy::cast_possible_truncation, reason = "the mask leaves at most 64 bits")]
        let field = |shift: u32, mask: u64| ((bits >> shift) & u128::from(mask)) as u64;
        let run = (field(80, 0xffff) << 24) | (field(64, 0xfff) << 12) | field(48, 0xfff);
        let id = Self::new(RunId::new(run), field(0, 0xffff_ffff_ffff));
        (id.as_u128() == bits).then_some(id)
    }
}

impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; Self::TEXT_BYTES];
        self.write(&mut text);
        f.write_str(core::str::from_utf8(&text).unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_refused_not_cut() {
        assert!(Ticker::new(&[b'A'; 64]).is_some());
        assert!(Ticker::new(&[b'A'; 65]).is_none());
        assert!(Ticker::new(b"").is_none());
        assert!(Ticker::new(b"A\"B").is_none());
        assert!(Ticker::new("É".as_bytes()).is_none());
        assert_eq!(Reason::lossy("a\"b\n").as_str(), "a?b?");
    }

    #[test]
    fn an_event_is_the_ticker_without_its_last_segment() {
        assert_eq!(Ticker::new(b"KXNFL-26JAN11-BUF").unwrap().event(), b"KXNFL-26JAN11");
        assert_eq!(Ticker::new(b"SINGLE").unwrap().event(), b"SINGLE");
    }

    #[test]
    fn client_order_ids_round_trip_for_every_run_bit() {
        for bit in 0..40 {
            let id = ClientOrderId::new(RunId::new(1 << bit), (1 << 48) - 1);
            assert_eq!(ClientOrderId::parse(id.to_string().as_bytes()), Some(id), "bit {bit}");
        }
    }
}
