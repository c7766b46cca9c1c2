//! Fees: the only file that rounds money (reference §6).
//!
//! In: a series' coefficients, a fill's YES price, its quantity and the cash it moves. Out: what
//! the exchange charges, exactly, with the per-order accumulator that gives roundings back
//! ([`FeeAccumulator`]), or an upper bound for a limit check ([`taker_fee_bound`]).
//! Never floating point, never an account: balances are the caller's.

use crate::kalshi::market::FeeSchedule;
use crate::units::{Contracts, Money, Price};

/// Whether a fill added or removed liquidity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Liquidity {
    /// It rested on the book.
    Maker,
    /// It crossed the book.
    Taker,
}

/// How a series charges, as its `fee_type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeeType {
    /// `quadratic`: makers pay nothing.
    Quadratic,
    /// `quadratic_with_maker_fees`: makers pay a quarter of the taker's fee.
    QuadraticWithMakerFees,
    /// `quadratic_with_combo_maker_fees`: makers pay half of the taker's fee.
    QuadraticWithComboMakerFees,
}

impl FeeType {
    /// Multiplier 1 of [`Self::schedule`].
    pub const MULTIPLIER_ONE_PPM: u32 = 1_000_000;

    /// Reads the exchange's spelling. `flat` is not known: its amounts are published nowhere.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "quadratic" => Some(Self::Quadratic),
            "quadratic_with_maker_fees" => Some(Self::QuadraticWithMakerFees),
            "quadratic_with_combo_maker_fees" => Some(Self::QuadraticWithComboMakerFees),
            _ => None,
        }
    }

    /// The exchange's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quadratic => "quadratic",
            Self::QuadraticWithMakerFees => "quadratic_with_maker_fees",
            Self::QuadraticWithComboMakerFees => "quadratic_with_combo_maker_fees",
        }
    }

    /// Coefficients of a series of this type with `fee_multiplier` in 1e-6, for a direct member.
    /// Rounds the coefficients up; `None` when a multiplier is absurd (above 7 300 %).
    #[must_use]
    pub fn schedule(self, multiplier_ppm: u32) -> Option<FeeSchedule> {
        let taker = FeeSchedule::QUADRATIC.taker_ppm;
        let maker = match self {
            Self::Quadratic => 0,
            Self::QuadraticWithMakerFees => taker / 4,
            Self::QuadraticWithComboMakerFees => taker / 2,
        };
        let times = |ppm: u32| {
            let scaled = u64::from(ppm) * u64::from(multiplier_ppm);
            u32::try_from(scaled.div_ceil(u64::from(Self::MULTIPLIER_ONE_PPM))).ok()
        };
        let schedule = FeeSchedule {
            taker_ppm: times(taker)?,
            maker_ppm: times(maker)?,
            ..FeeSchedule::QUADRATIC
        };
        (schedule.taker_ppm <= TAKER_PPM_MAX).then_some(schedule)
    }
}

/// Largest coefficient for which [`taker_fee_bound`] is exact in 64 bits: 7 300 %.
const TAKER_PPM_MAX: u32 = 73_000_000;

/// p·(1−p) in 1e-12 is largest at one half.
const QUADRATIC_MAX: u64 = 250_000_000_000;

const _: () = assert!(
    (TAKER_PPM_MAX as u128) * (QUADRATIC_MAX as u128) < u64::MAX as u128,
    "a contract's fee must fit 64 bits before scaling",
);

/// p·(1−p) in 1e-12.
const fn quadratic(price: Price) -> u64 {
    let micros = price.micros() as u64;
    micros * (Price::MICROS_MAX as u64 - micros)
}

/// An upper bound of what taking `quantity` at the limit `yes_price` can cost in fees.
///
/// It holds however the order is split into fills, as long as every fill's own cost lies on the
/// schedule's grid (always so on whole-cent markets for direct members). A fill at a *better*
/// price may have a higher fee, but never by more than the price improves: cost + fee is largest at
/// the limit, so `own price · quantity + bound` covers every outcome, for bids and asks.
///
/// ```
/// use kalshi_exec::kalshi::{fees::taker_fee_bound, market::FeeSchedule};
/// use kalshi_exec::units::{Contracts, Money, Price};
/// let price = Price::from_cents(52).unwrap();
/// let bound = taker_fee_bound(&FeeSchedule::QUADRATIC, price, Contracts::from_whole(1));
/// // The fee is $0.0175; the rest covers a split into hundredths.
/// assert_eq!(bound, Money::from_micros(17_700));
/// ```
#[must_use]
pub const fn taker_fee_bound(
    schedule: &FeeSchedule,
    yes_price: Price,
    quantity: Contracts,
) -> Money {
    fee_bound(schedule.taker_ppm, grid_micros(schedule), yes_price, quantity)
}

/// An upper bound of what `quantity` resting at `yes_price` can cost in fees when it is taken,
/// under the same conditions as [`taker_fee_bound`]. An order that may only make never pays more.
#[must_use]
pub const fn maker_fee_bound(
    schedule: &FeeSchedule,
    yes_price: Price,
    quantity: Contracts,
) -> Money {
    fee_bound(schedule.maker_ppm, grid_micros(schedule), yes_price, quantity)
}

const fn fee_bound(ppm: u32, grid: u64, yes_price: Price, quantity: Contracts) -> Money {
    // Two 64-bit divisions by constants, so no 128-bit division on the hot path. Units: 1e-18
    // dollars per contract → 1e-10 per contract → 1e-12 for hundredths → micro-dollars.
    let exact = (ppm as u64).saturating_mul(quadratic(yes_price));
    let per_contract_e10 = exact.div_ceil(100_000_000);
    let centis = quantity.centis() as u64;
    let model_micros = per_contract_e10.saturating_mul(centis).div_ceil(1_000_000);
    // Every fill rounds its fee up to a micro-dollar, and there are at most `centis` fills. A fee
    // of nothing rounds to nothing.
    let split_micros = if ppm == 0 { 0 } else { model_micros.saturating_add(centis) };
    // One grid step may sit in the accumulator when the order ends.
    let bound = split_micros.div_ceil(grid).saturating_add(1).saturating_mul(grid);
    let micros_max = i64::MAX as u64 / Money::E8_PER_MICRO as u64;
    let micros = if bound < micros_max { bound } else { micros_max };
    Money::from_micros(micros.cast_signed())
}

/// The trade fee of one fill: the model fee rounded up to a micro-dollar.
#[must_use]
pub fn trade_fee(
    schedule: &FeeSchedule,
    liquidity: Liquidity,
    yes_price: Price,
    quantity: Contracts,
) -> Money {
    let ppm = match liquidity {
        Liquidity::Taker => schedule.taker_ppm,
        Liquidity::Maker => schedule.maker_ppm,
    };
    // Below 2^32 · 2^38 · 2^32: no overflow in 128 bits. 1e-20 dollars to micro-dollars.
    let exact = u128::from(ppm) * u128::from(quadratic(yes_price)) * u128::from(quantity.centis());
    let micros = exact.div_ceil(100_000_000_000_000);
    Money::from_micros(i64::try_from(micros).unwrap_or(i64::MAX / Money::E8_PER_MICRO))
}

/// One order's roundings that have not been given back yet. Belongs to the order and carries
/// over from its taker fills to its maker fills.
///
/// Invariant: after every fill the cash moved (revenue less net fee) lies on the grid, and no
/// net fee is negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeeAccumulator {
    rounding: Money,
}

/// One fill, as far as its fee is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Whether it took or made.
    pub liquidity: Liquidity,
    /// YES-leg price.
    pub yes_price: Price,
    /// Quantity.
    pub quantity: Contracts,
    /// Cash the fill brings in before fees: negative when it costs.
    pub revenue: Money,
}

impl FeeAccumulator {
    /// Nothing rounded yet.
    pub const EMPTY: Self = Self { rounding: Money::ZERO };

    /// What the exchange charges for a fill: trade fee, plus what aligning the cash to the grid
    /// costs, less what the order's earlier roundings give back in whole grid steps.
    ///
    /// # Panics
    /// Never: a rebate is no larger than the fee it lowers.
    pub fn charge(&mut self, schedule: &FeeSchedule, fill: &Charge) -> Money {
        let trade_fee = trade_fee(schedule, fill.liquidity, fill.yes_price, fill.quantity);
        let grid = grid_micros(schedule).cast_signed() * Money::E8_PER_MICRO;
        let net = fill.revenue - trade_fee;
        let rounding = Money::from_e8(net.e8().rem_euclid(grid));
        let fee = trade_fee + rounding;
        let owed = self.rounding + rounding;
        let rebate = Money::from_e8(owed.min(fee).e8() / grid * grid);
        self.rounding = owed - rebate;
        let charged = fee - rebate;
        assert!(charged >= Money::ZERO, "a fill's net fee is never negative");
        debug_assert!(
            (fill.revenue - charged).e8().rem_euclid(grid) == 0,
            "Invariant: cash moves on the grid"
        );
        charged
    }

    /// What is still owed to the order.
    #[must_use]
    pub const fn rounding(&self) -> Money {
        self.rounding
    }
}

/// The balance grid; a schedule without one rounds to micro-dollars.
const fn grid_micros(schedule: &FeeSchedule) -> u64 {
    if schedule.grid_micros == 0 { 1 } else { schedule.grid_micros as u64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(price: Price, quantity: Contracts) -> Charge {
        let revenue = -(price * quantity);
        Charge { liquidity: Liquidity::Taker, yes_price: price, quantity, revenue }
    }

    #[track_caller]
    fn taker_pays(cents: u32, whole: u32, fee_micros: i64) {
        let fill = taken(Price::from_cents(cents).unwrap(), Contracts::from_whole(whole));
        let fee = FeeAccumulator::default().charge(&FeeSchedule::QUADRATIC, &fill);
        assert_eq!(fee, Money::from_micros(fee_micros), "{whole} at {cents}c");
    }

    #[test]
    fn fees_seen_on_the_wire() {
        taker_pays(52, 1, 17_500);
        taker_pays(99, 1, 700);
        taker_pays(50, 100, 1_750_000);
    }

    #[test]
    fn fractional_fills_seen_on_the_wire() {
        let check = |cents: u32, centis: u32, sign: i64, fee_micros: i64| {
            let (price, quantity) =
                (Price::from_cents(cents).unwrap(), Contracts::from_centis(centis));
            let revenue = Money::from_e8((price * quantity).e8() * sign);
            let fill = Charge { liquidity: Liquidity::Taker, yes_price: price, quantity, revenue };
            let fee = FeeAccumulator::default().charge(&FeeSchedule::QUADRATIC, &fill);
            assert_eq!(fee, Money::from_micros(fee_micros), "{quantity} at {cents}c");
        };
        check(17, 552, -1, 54_600);
        check(16, 116, 1, 11_000);
    }

    #[test]
    fn worked_example_of_a_non_direct_member() {
        let schedule = FeeSchedule { grid_micros: 10_000, ..FeeSchedule::QUADRATIC };
        let fill = taken(Price::from_micros(55_000).unwrap(), Contracts::from_whole(1));
        let alone = trade_fee(&schedule, Liquidity::Taker, fill.yes_price, fill.quantity);
        assert_eq!(alone, Money::from_micros(3_639));
        let mut accumulator = FeeAccumulator::EMPTY;
        assert_eq!(accumulator.charge(&schedule, &fill), Money::from_micros(5_000));
        assert_eq!(accumulator.rounding(), Money::from_micros(1_361));
    }

    #[test]
    fn third_rounding_of_four_tenths_gives_a_cent_back() {
        // A 2.4 % coefficient makes the model fee $0.006 at one half: each fill rounds by $0.004.
        let schedule = FeeSchedule { taker_ppm: 24_000, maker_ppm: 0, grid_micros: 10_000 };
        let fill = taken(Price::from_cents(50).unwrap(), Contracts::from_whole(1));
        let mut accumulator = FeeAccumulator::EMPTY;
        let fees: Vec<_> = (0..3).map(|_| accumulator.charge(&schedule, &fill)).collect();
        assert_eq!(fees, [10_000, 10_000, 0].map(Money::from_micros));
        assert_eq!(accumulator.rounding(), Money::from_micros(2_000));
    }

    #[test]
    fn makers_of_a_quadratic_series_pay_nothing_on_the_grid() {
        let price = Price::from_cents(37).unwrap();
        let mut fill = taken(price, Contracts::from_whole(8));
        fill.liquidity = Liquidity::Maker;
        let mut accumulator = FeeAccumulator::EMPTY;
        assert_eq!(accumulator.charge(&FeeSchedule::QUADRATIC, &fill), Money::ZERO);
    }

    #[test]
    fn fee_types_scale_with_their_multiplier() {
        let half = FeeType::QuadraticWithMakerFees.schedule(500_000).unwrap();
        assert_eq!((half.taker_ppm, half.maker_ppm), (35_000, 8_750));
        assert_eq!(FeeType::Quadratic.schedule(1_000_000), Some(FeeSchedule::QUADRATIC));
        assert_eq!(FeeType::Quadratic.schedule(u32::MAX), None);
        assert_eq!(FeeType::parse("flat"), None);
    }

    /// The same rules in plain rationals over 1e-20 dollars, written from the documentation.
    fn reference(schedule: &FeeSchedule, acc: &mut i128, fill: &Charge) -> i128 {
        const MICRO: i128 = 100_000_000_000_000;
        let ceil = |value: i128, step: i128| -((-value).div_euclid(step)) * step;
        let ppm = match fill.liquidity {
            Liquidity::Taker => schedule.taker_ppm,
            Liquidity::Maker => schedule.maker_ppm,
        };
        let p = i128::from(fill.yes_price.micros());
        let model = i128::from(ppm) * i128::from(fill.quantity.centis()) * p * (1_000_000 - p);
        let fee = ceil(model, MICRO);
        let net = i128::from(fill.revenue.e8()) * 1_000_000_000_000 - fee;
        let grid = i128::from(schedule.grid_micros) * MICRO;
        let aligned = net.div_euclid(grid) * grid;
        *acc += net - aligned;
        let gross = fee + net - aligned;
        let mut rebate = 0;
        while rebate + grid <= *acc && rebate + grid <= gross {
            rebate += grid;
        }
        *acc -= rebate;
        gross - rebate
    }

    fn schedules() -> impl Strategy<Value = FeeSchedule> {
        let grids = prop_oneof![Just(100_u32), Just(10_000)];
        (0_u32..200_000, 0_u32..50_000, grids).prop_map(|(taker_ppm, maker_ppm, grid_micros)| {
            FeeSchedule { taker_ppm, maker_ppm, grid_micros }
        })
    }

    fn fills() -> impl Strategy<Value = Charge> {
        let signs = prop_oneof![Just(-1_i64), Just(1)];
        let legs = prop_oneof![Just(Liquidity::Taker), Just(Liquidity::Maker)];
        (1_u32..10_000, 1_u32..500_000, signs, legs).prop_map(|(ticks, centis, sign, liquidity)| {
            let yes_price = Price::from_micros(ticks * 100).unwrap();
            let quantity = Contracts::from_centis(centis);
            let revenue = Money::from_e8((yes_price * quantity).e8() * sign);
            Charge { liquidity, yes_price, quantity, revenue }
        })
    }

    proptest! {
        #[test]
        fn agrees_with_wide_arithmetic(
            schedule in schedules(),
            order in prop::collection::vec(fills(), 1..12),
        ) {
            let (mut accumulator, mut wide) = (FeeAccumulator::EMPTY, 0_i128);
            for fill in &order {
                let fee = accumulator.charge(&schedule, fill);
                let expected = reference(&schedule, &mut wide, fill);
                prop_assert_eq!(i128::from(fee.e8()) * 1_000_000_000_000, expected);
                prop_assert!(fee >= Money::ZERO);
            }
        }

        #[test]
        fn bound_covers_every_split_and_every_better_price(
            cents in 1_u32..100,
            parts in prop::collection::vec((1_u32..400, 1_u32..100), 1..20),
            ppm in 0_u32..200_000,
        ) {
            let schedule = FeeSchedule { taker_ppm: ppm, ..FeeSchedule::QUADRATIC };
            let limit = Price::from_cents(cents).unwrap();
            let (mut accumulator, mut spent) = (FeeAccumulator::EMPTY, Money::ZERO);
            let mut quantity = Contracts::ZERO;
            for (centis, at) in parts {
                let price = Price::from_cents(at.min(cents)).unwrap();
                let fill = taken(price, Contracts::from_centis(centis));
                spent += accumulator.charge(&schedule, &fill) - fill.revenue;
                quantity += fill.quantity;
            }
            let covered = limit * quantity + taker_fee_bound(&schedule, limit, quantity);
            prop_assert!(spent <= covered, "{spent} > {covered}");
        }
    }
}
