//! Where a simulated exchange starts: markets with their opening books, and accounts.
//!
//! In: text in the format of `examples/worldcup-books.csv`. Out: [`BookSeed`]s, or an error that
//! names the line and what is wrong with it. Never opens a file.

use crate::ids::Ticker;
use crate::kalshi::fees::FeeType;
use crate::kalshi::market::{PriceRange, TickGrid};
use crate::units::{Contracts, Money, Price};

/// Markets the simulator starts with when it is told nothing else.
const WORLD_CUP: &str = include_str!("../../../examples/worldcup-books.csv");

/// Most markets one exchange simulates: each holds a book and a record per account.
const MARKETS_MAX: usize = 4_096;

/// An account that exists from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSeed {
    /// The id that messages and orders show, a UUID at the real exchange.
    pub user_id: String,
    /// Cash to begin with.
    pub cash: Money,
}

/// A label of valid prices (`price_level_structure`). Edges are below 10 and above 90 cents unless
/// said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceStructure {
    /// Whole cents.
    LinearCent,
    /// Tenths of a cent.
    DeciCent,
    /// Tenths of a cent at the edges, whole cents between.
    TaperedDeciCent,
    /// Half cents at the edges, whole cents between.
    CenterWholeEdgeHalf,
    /// Fifths of a cent at the edges, whole cents between.
    CenterWholeEdgeQuint,
    /// Half cents.
    CenterHalfEdgeHalf,
    /// Fifths of a cent at the edges, half cents between.
    CenterHalfEdgeQuint,
    /// Tenths of a cent at the edges, half cents between.
    CenterHalfEdgeDeci,
    /// Fifths of a cent.
    CenterQuintEdgeQuint,
    /// Tenths of a cent at the edges, fifths between.
    CenterQuintEdgeDeci,
    /// Hundredths of a cent.
    CenterCentiEdgeCenti,
    /// Hundredths of a cent below 1 and above 99 cents, tenths between.
    CenterDeciEdgeCenti,
    /// Hundredths of a cent at the edges, whole cents between; where its bands lie is not
    /// documented.
    BandedCentiCent,
}

impl PriceStructure {
    /// All of them, in the order of the variants, with their labels, the width of their edges, and
    /// the steps at the edges and between them, in micro-dollars.
    #[rustfmt::skip]
    const ALL: [(Self, &'static str, u32, u32, u32); 13] = [
        (Self::LinearCent,           "linear_cent", 0, 10_000, 10_000),
        (Self::DeciCent,             "deci_cent", 0, 1_000, 1_000),
        (Self::TaperedDeciCent,      "tapered_deci_cent", 100_000, 1_000, 10_000),
        (Self::CenterWholeEdgeHalf,  "center_whole_edge_half", 100_000, 5_000, 10_000),
        (Self::CenterWholeEdgeQuint, "center_whole_edge_quint", 100_000, 2_000, 10_000),
        (Self::CenterHalfEdgeHalf,   "center_half_edge_half", 0, 5_000, 5_000),
        (Self::CenterHalfEdgeQuint,  "center_half_edge_quint", 100_000, 2_000, 5_000),
        (Self::CenterHalfEdgeDeci,   "center_half_edge_deci", 100_000, 1_000, 5_000),
        (Self::CenterQuintEdgeQuint, "center_quint_edge_quint", 0, 2_000, 2_000),
        (Self::CenterQuintEdgeDeci,  "center_quint_edge_deci", 100_000, 1_000, 2_000),
        (Self::CenterCentiEdgeCenti, "center_centi_edge_centi", 0, 100, 100),
        (Self::CenterDeciEdgeCenti,  "center_deci_edge_centi", 10_000, 100, 1_000),
        (Self::BandedCentiCent,      "banded_centi_cent", 100_000, 100, 10_000),
    ];

    /// The exchange's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Reads the exchange's label.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, label, ..)| *label == text).map(|(structure, ..)| structure)
    }

    /// The prices it admits.
    ///
    /// # Panics
    /// Never: its bands are constants.
    #[must_use]
    pub fn grid(self) -> TickGrid {
        let (.., edge, edge_step, step) = Self::ALL[self as usize];
        let range = |start_micros: u32, end_micros: u32, step_micros: u32| PriceRange {
            start_micros,
            end_micros,
            step_micros,
        };
        let whole = Price::MICROS_MAX;
        let far = whole - edge;
        let ranges = if edge == 0 {
            vec![range(0, whole, step)]
        } else {
            vec![range(0, edge, edge_step), range(edge, far, step), range(far, whole, edge_step)]
        };
        TickGrid::new(&ranges).expect("the bands above are ascending, positive and at most three")
    }
}

/// One price level of an opening book, in dollars of its own leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelSeed {
    /// Own-leg price.
    pub price: Price,
    /// How many contracts.
    pub quantity: Contracts,
}

/// One market and its opening book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookSeed {
    /// Its ticker.
    pub ticker: Ticker,
    /// Valid prices.
    pub structure: PriceStructure,
    /// How its series charges.
    pub fee_type: FeeType,
    /// Its shard.
    pub exchange_index: u8,
    /// Bids for YES, any order.
    pub yes_bids: Vec<LevelSeed>,
    /// Bids for NO, any order, at NO prices.
    pub no_bids: Vec<LevelSeed>,
}

/// Why a books file cannot be used. The file's author is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BooksError {
    /// A line does not have the seven fields.
    #[error("line {line}: expected 7 comma-separated fields, found {found}")]
    Fields {
        /// Line number from 1.
        line: usize,
        /// How many fields there are.
        found: usize,
    },
    /// A field cannot be read.
    #[error("line {line}: {field} is {got:?}, allowed: {allowed}")]
    Field {
        /// Line number from 1.
        line: usize,
        /// Which field.
        field: &'static str,
        /// Its text.
        got: String,
        /// What would do.
        allowed: &'static str,
    },
    /// The best YES bid meets or passes the best YES ask.
    #[error("line {line}: the book of {ticker} is crossed")]
    Crossed {
        /// Line number from 1.
        line: usize,
        /// Which market.
        ticker: Ticker,
    },
    /// A ticker occurs twice.
    #[error("line {line}: {ticker} is there twice")]
    Twice {
        /// Line number from 1.
        line: usize,
        /// Which market.
        ticker: Ticker,
    },
    /// A ticker occurs twice among books that were not read from a file.
    #[error("{ticker} is there twice")]
    Duplicate {
        /// Which market.
        ticker: Ticker,
    },
    /// More markets than one exchange simulates.
    #[error("more than {MARKETS_MAX} markets")]
    TooMany,
    /// More accounts than can be numbered.
    #[error("more than 2^32 accounts")]
    TooManyAccounts,
    /// No market at all.
    #[error("no market in the file")]
    Empty,
}

/// The embedded World Cup markets.
///
/// # Panics
/// Never: a test reads the embedded file.
#[must_use]
pub fn default_markets() -> Vec<BookSeed> {
    parse_books(WORLD_CUP).expect("the embedded file is read by a test")
}

/// Reads a books file.
///
/// # Errors
/// The first line that cannot be used, with the reason.
pub fn parse_books(text: &str) -> Result<Vec<BookSeed>, BooksError> {
    let mut books: Vec<BookSeed> = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let (line, row) = (index + 1, raw.trim());
        if row.is_empty() || row.starts_with('#') || row.starts_with("ticker,") {
            continue;
        }
        let book = parse_row(line, row)?;
        if books.iter().any(|other| other.ticker == book.ticker) {
            return Err(BooksError::Twice { line, ticker: book.ticker });
        }
        if books.len() == MARKETS_MAX {
            return Err(BooksError::TooMany);
        }
        books.push(book);
    }
    if books.is_empty() { Err(BooksError::Empty) } else { Ok(books) }
}

fn parse_row(line: usize, row: &str) -> Result<BookSeed, BooksError> {
    let fields: Vec<&str> = row.split(',').map(str::trim).collect();
    let &[ticker, structure, fee_type, index, _observed, yes, no] = fields.as_slice() else {
        return Err(BooksError::Fields { line, found: fields.len() });
    };
    let wrong =
        |field, got: &str, allowed| BooksError::Field { line, field, got: got.to_owned(), allowed };
    let structure = PriceStructure::parse(structure).ok_or_else(|| {
        wrong(
            "price_level_structure",
            structure,
            "linear_cent, deci_cent, tapered_deci_cent, center_centi_edge_centi, \
             center_deci_edge_centi",
        )
    })?;
    let grid = structure.grid();
    let levels = |field, side: &str| {
        side.split_ascii_whitespace()
            .map(|level| {
                let allowed = "price:contracts with a price on the grid and a positive count";
                parse_level(&grid, level).ok_or_else(|| wrong(field, level, allowed))
            })
            .collect::<Result<Vec<_>, _>>()
    };
    let book = BookSeed {
        ticker: Ticker::new(ticker.as_bytes())
            .ok_or_else(|| wrong("ticker", ticker, "1 to 64 printable characters"))?,
        structure,
        fee_type: FeeType::parse(fee_type).ok_or_else(|| {
            let allowed = "quadratic, quadratic_with_maker_fees, quadratic_with_combo_maker_fees";
            wrong("fee_type", fee_type, allowed)
        })?,
        exchange_index: index.parse().map_err(|_| wrong("exchange_index", index, "0 to 255"))?,
        yes_bids: levels("yes_bids", yes)?,
        no_bids: levels("no_bids", no)?,
    };
    if is_crossed(&book) {
        return Err(BooksError::Crossed { line, ticker: book.ticker });
    }
    Ok(book)
}

fn parse_level(grid: &TickGrid, text: &str) -> Option<LevelSeed> {
    let (price, quantity) = text.split_once(':')?;
    let price = Price::parse_dollars(price.as_bytes())?;
    let quantity = Contracts::parse_fp(quantity.as_bytes())?;
    let sound = grid.contains(price) && grid.contains(price.complement()) && !quantity.is_zero();
    sound.then_some(LevelSeed { price, quantity })
}

fn is_crossed(book: &BookSeed) -> bool {
    let bid = book.yes_bids.iter().map(|level| level.price).max();
    let ask = book.no_bids.iter().map(|level| level.price.complement()).min();
    matches!((bid, ask), (Some(bid), Some(ask)) if bid >= ask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_markets_have_two_sided_books() {
        let books = default_markets();
        assert_eq!(books.len(), 33);
        for book in &books {
            assert!(!book.yes_bids.is_empty() && !book.no_bids.is_empty(), "{}", book.ticker);
        }
        let spain = Ticker::new(b"KXWCGAME-26JUL14FRAESP-ESP").unwrap();
        let spain = books.iter().find(|book| book.ticker == spain).unwrap();
        assert_eq!(spain.yes_bids[0].price, Price::from_cents(29).unwrap());
        assert_eq!(spain.no_bids[0].price, Price::from_cents(70).unwrap());
    }

    #[track_caller]
    fn complains(row: &str, expected: &str) {
        assert_eq!(parse_books(row).unwrap_err().to_string(), expected);
    }

    #[test]
    fn errors_name_the_line_and_what_is_allowed() {
        complains("", "no market in the file");
        complains("A,linear_cent", "line 1: expected 7 comma-separated fields, found 2");
        complains(
            "# x\nA,linear_cent,flat,0,,,",
            "line 2: fee_type is \"flat\", allowed: quadratic, quadratic_with_maker_fees, \
             quadratic_with_combo_maker_fees",
        );
        complains(
            "A,linear_cent,quadratic,0,,0.505:1,",
            "line 1: yes_bids is \"0.505:1\", allowed: price:contracts with a price on the grid \
             and a positive count",
        );
        complains("A,linear_cent,quadratic,0,,0.5:1,0.5:1", "line 1: the book of A is crossed");
        let twice = "A,linear_cent,quadratic,0,,,\nA,linear_cent,quadratic,0,,,";
        complains(twice, "line 2: A is there twice");
    }

    #[test]
    fn every_structure_admits_whole_cents_and_knows_its_label() {
        for (place, (structure, label, ..)) in PriceStructure::ALL.into_iter().enumerate() {
            assert_eq!(structure as usize, place);
            assert_eq!(PriceStructure::parse(label), Some(structure));
            let grid = structure.grid();
            for cents in 1..100 {
                assert!(grid.contains(Price::from_cents(cents).unwrap()), "{label} {cents}");
            }
        }
        let half = PriceStructure::CenterHalfEdgeQuint.grid();
        let check = |micros, valid| {
            assert_eq!(half.contains(Price::from_micros(micros).unwrap()), valid, "{micros}");
        };
        check(98_000, true);
        check(95_000, false);
        check(505_000, true);
        check(502_000, false);
    }

    #[test]
    fn structures_admit_their_prices() {
        let tapered = PriceStructure::TaperedDeciCent.grid();
        assert!(tapered.contains(Price::from_micros(99_000).unwrap()));
        assert!(!tapered.contains(Price::from_micros(501_000).unwrap()));
        assert!(tapered.contains(Price::from_micros(901_000).unwrap()));
    }
}
