//! One market's YES book: what rests at each price, and the best of both sides.
//!
//! In: levels of a snapshot, changes of levels. Out: the best prices, or the [`Damage`] that shows
//! that the book is not the exchange's. A ladder with a place for every price of the finest grid
//! (0.0001 dollar): no level is ever left out for want of room, and nothing is allocated after
//! [`Book::new`]. Knows no sequence, no time and no trust: see `books.rs`.

use crate::message::BookSide;
use crate::units::Price;

/// Micro-dollars between two places: the finest grid of the exchange has this step.
const STEP_MICROS: u32 = 100;
/// Places of a side; place 0 stays empty.
const PLACES: usize = (Price::MICROS_MAX / STEP_MICROS) as usize;
/// Words of the map of places in use.
const WORDS: usize = PLACES.div_ceil(WORD_BITS);
const WORD_BITS: usize = u64::BITS as usize;

/// The best prices of a book; `None` where a side is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Top {
    pub(super) bid: Option<Price>,
    pub(super) ask: Option<Price>,
}

/// Why a book cannot be the exchange's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// A price between two places of the finest grid.
    OffGrid,
    /// More was taken from a level than was there, or more put than can be counted.
    Impossible,
    /// Somebody bids at least what somebody asks: the exchange would have matched them.
    Crossed,
}

/// What rests on one side.
#[derive(Debug)]
struct Ladder {
    /// Hundredths of a contract by place.
    centis: Box<[u64]>,
    /// One bit for each place that is not empty.
    used: [u64; WORDS],
}

impl Ladder {
    fn new() -> Self {
        Self { centis: vec![0; PLACES].into_boxed_slice(), used: [0; WORDS] }
    }

    /// Costs what was in it, not what could have been.
    fn clear(&mut self) {
        for (index, word) in self.used.iter_mut().enumerate() {
            while *word != 0 {
                self.centis[index * WORD_BITS + word.trailing_zeros() as usize] = 0;
                *word &= *word - 1;
            }
        }
    }

    fn change(&mut self, place: usize, centis: i64) -> Result<(), Damage> {
        let level = &mut self.centis[place];
        *level = level.checked_add_signed(centis).ok_or(Damage::Impossible)?;
        let bit = 1 << (place % WORD_BITS);
        let word = &mut self.used[place / WORD_BITS];
        *word = if *level == 0 { *word & !bit } else { *word | bit };
        Ok(())
    }

    fn lowest(&self) -> Option<Price> {
        let index = self.used.iter().position(|word| *word != 0)?;
        price_of(index * WORD_BITS + self.used[index].trailing_zeros() as usize)
    }

    fn highest(&self) -> Option<Price> {
        let index = self.used.iter().rposition(|word| *word != 0)?;
        price_of(index * WORD_BITS + self.used[index].ilog2() as usize)
    }
}

fn place_of(price: Price) -> Result<usize, Damage> {
    let on_grid = price.micros().is_multiple_of(STEP_MICROS);
    if on_grid { Ok((price.micros() / STEP_MICROS) as usize) } else { Err(Damage::OffGrid) }
}

fn price_of(place: usize) -> Option<Price> {
    Price::from_micros(u32::try_from(place).ok()? * STEP_MICROS)
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Book {
    bids: Ladder,
    asks: Ladder,
}

impl Book {
    /// An empty book.
    pub(super) fn new() -> Self {
        Self { bids: Ladder::new(), asks: Ladder::new() }
    }

    /// Empties both sides.
    pub(super) fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Changes what rests at a price. After damage only [`Self::clear`] makes it a book again.
    ///
    /// # Errors
    /// [`Damage`] when there is no such price, or nothing of which so much could be taken.
    pub(super) fn change(
        &mut self,
        side: BookSide,
        price: Price,
        centis: i64,
    ) -> Result<(), Damage> {
        let place = place_of(price)?;
        match side {
            BookSide::Bid => self.bids.change(place, centis),
            BookSide::Ask => self.asks.change(place, centis),
        }
    }

    /// The best prices.
    ///
    /// # Errors
    /// [`Damage::Crossed`] when they would have traded with each other.
    pub(super) fn top(&self) -> Result<Top, Damage> {
        let (bid, ask) = (self.bids.highest(), self.asks.lowest());
        let crossed = bid.zip(ask).is_some_and(|(bid, ask)| bid >= ask);
        if crossed { Err(Damage::Crossed) } else { Ok(Top { bid, ask }) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn cents(cents: u32) -> Price {
        Price::from_cents(cents).unwrap()
    }

    #[test]
    fn the_best_prices_follow_the_levels() {
        let mut book = Book::new();
        assert_eq!(book.top(), Ok(Top::default()));
        book.change(BookSide::Bid, cents(40), 300).unwrap();
        book.change(BookSide::Bid, cents(42), 100).unwrap();
        book.change(BookSide::Ask, cents(45), 100).unwrap();
        assert_eq!(book.top(), Ok(Top { bid: Some(cents(42)), ask: Some(cents(45)) }));
        book.change(BookSide::Bid, cents(42), -100).unwrap();
        book.change(BookSide::Ask, cents(45), -100).unwrap();
        assert_eq!(book.top(), Ok(Top { bid: Some(cents(40)), ask: None }));
        book.clear();
        assert_eq!(book.top(), Ok(Top::default()));
        assert_eq!(book.change(BookSide::Bid, cents(40), -1), Err(Damage::Impossible));
    }

    #[test]
    fn every_price_of_the_finest_grid_has_a_place_and_no_other_price() {
        let mut book = Book::new();
        for micros in (STEP_MICROS..Price::MICROS_MAX).step_by(STEP_MICROS as usize) {
            book.change(BookSide::Ask, Price::from_micros(micros).unwrap(), 1).unwrap();
        }
        for micros in (STEP_MICROS..Price::MICROS_MAX).step_by(STEP_MICROS as usize) {
            let price = Price::from_micros(micros);
            assert_eq!(book.top(), Ok(Top { bid: None, ask: price }));
            book.change(BookSide::Ask, price.unwrap(), -1).unwrap();
        }
        let between = Price::from_micros(450_001).unwrap();
        assert_eq!(book.change(BookSide::Bid, between, 1), Err(Damage::OffGrid));
    }

    #[test]
    fn a_crossed_book_is_none() {
        let mut book = Book::new();
        book.change(BookSide::Bid, cents(45), 1).unwrap();
        book.change(BookSide::Ask, cents(45), 1).unwrap();
        assert_eq!(book.top(), Err(Damage::Crossed));
    }

    #[test]
    fn what_cannot_be_counted_is_damage() {
        let mut book = Book::new();
        book.change(BookSide::Bid, cents(45), i64::MAX).unwrap();
        book.change(BookSide::Bid, cents(45), i64::MAX).unwrap();
        assert_eq!(book.change(BookSide::Bid, cents(45), i64::MAX), Err(Damage::Impossible));
    }

    proptest! {
        #[test]
        fn a_book_is_what_a_map_of_levels_is(
            changes in prop::collection::vec((any::<bool>(), 1_u32..10_000, -300_i64..300), 0..200),
        ) {
            let mut book = Book::new();
            let mut model: [BTreeMap<u32, i64>; 2] = [BTreeMap::new(), BTreeMap::new()];
            for (is_bid, place, centis) in changes {
                let side = if is_bid { BookSide::Bid } else { BookSide::Ask };
                let levels = &mut model[usize::from(is_bid)];
                let level = levels.get(&place).copied().unwrap_or(0) + centis;
                let taken = book.change(side, Price::from_micros(place * 100).unwrap(), centis);
                prop_assert_eq!(taken.is_ok(), level >= 0);
                match level {
                    0 => drop(levels.remove(&place)),
                    1.. => drop(levels.insert(place, level)),
                    _ => {}
                }
                let [asks, bids] = &model;
                let at = |place: Option<&u32>| place.and_then(|it| Price::from_micros(it * 100));
                let (bid, ask) = (at(bids.keys().next_back()), at(asks.keys().next()));
                let expected = match (bid, ask) {
                    (Some(bid), Some(ask)) if bid >= ask => Err(Damage::Crossed),
                    _ => Ok(Top { bid, ask }),
                };
                prop_assert_eq!(book.top(), expected);
            }
        }
    }
}
