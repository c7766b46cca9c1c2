//! Percentile curves as inline SVG: nanoseconds against percentile, both on logarithmic axes.
//!
//! In: histograms. Out: an `<svg>` element. Floats here are pixels, never money.

#![expect(clippy::float_arithmetic, reason = "positions of pixels")]

use core::fmt::Write;

use hdrhistogram::Histogram;

use crate::recorder::histograms::{Histograms, Span};
use crate::recorder::record::Hop;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 70.0;
/// Room for half of the last mark's name.
const RIGHT: f64 = 34.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 36.0;

/// Marks on the percentile axis: share of spans above, and its name.
const PERCENTILES: [(f64, &str); 6] = [
    (1.0, "0 %"),
    (0.5, "50 %"),
    (0.1, "90 %"),
    (0.01, "99 %"),
    (0.001, "99.9 %"),
    (0.000_1, "99.99 %"),
];
/// Points along a curve: one every few pixels.
const POINTS: u32 = 160;

/// Colours that stay apart for most eyes (Okabe and Ito, then greys).
const COLOURS: [&str; Hop::COUNT] = [
    "#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#8a7f00", "#7f7f7f",
    "#b0b0b0", "#4d4d4d", "#f0e442",
];

/// The colour of a hop's curve.
pub(super) const fn colour(hop: Hop) -> &'static str {
    COLOURS[hop as usize]
}

/// Curves of every hop that happened; `None` when none did.
pub(super) fn percentile_curves(histograms: &Histograms) -> Option<String> {
    let present: Vec<Hop> =
        Hop::ALL.into_iter().filter(|hop| !histograms.of(*hop).is_empty()).collect();
    let lowest = present.iter().map(|hop| histograms.of(*hop).min()).min()?;
    let highest = present.iter().map(|hop| histograms.of(*hop).max()).max()?;
    let axis = Decades::around(lowest, highest);

    let mut svg = format!(
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="latency by percentile">"#
    );
    grid(&mut svg, &axis);
    for hop in present {
        let points = curve(histograms.of(hop), &axis);
        let (name, colour) = (hop.as_str(), colour(hop));
        svg += &format!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" \
             stroke-width=\"2\"><title>{name}</title></polyline>"
        );
    }
    svg += "</svg>";
    Some(svg)
}

/// A logarithmic axis of whole decades.
struct Decades {
    first: u32,
    last: u32,
}

impl Decades {
    fn around(lowest_ns: u64, highest_ns: u64) -> Self {
        let first = lowest_ns.max(1).ilog10();
        let last = highest_ns.max(2).saturating_sub(1).ilog10() + 1;
        Self { first, last: last.max(first + 1) }
    }

    fn y(&self, ns: f64) -> f64 {
        let span = f64::from(self.last - self.first);
        let share = (ns.max(1.0).log10() - f64::from(self.first)) / span;
        share.clamp(0.0, 1.0).mul_add(-(HEIGHT - TOP - BOTTOM), HEIGHT - BOTTOM)
    }
}

/// Where the percentile with this share above it lies: every factor of ten the same way.
fn x(share_above: f64) -> f64 {
    let decades = -PERCENTILES[PERCENTILES.len() - 1].0.log10();
    (-share_above.log10() / decades).clamp(0.0, 1.0).mul_add(WIDTH - LEFT - RIGHT, LEFT)
}

fn grid(svg: &mut String, axis: &Decades) {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for decade in axis.first..=axis.last {
        let ns = 10_u64.saturating_pow(decade);
        let y = axis.y(10_f64.powi(decade.cast_signed()));
        let label = Span(ns).to_string().replace(".0 ", " ");
        *svg += &format!(
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 8.0,
            y + 4.0
        );
    }
    for (share, label) in PERCENTILES {
        let x = x(share);
        *svg += &format!(
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
             <text class=\"tick\" x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>",
            bottom + 20.0
        );
    }
}

fn curve(histogram: &Histogram<u64>, axis: &Decades) -> String {
    let mut points = String::new();
    let decades = -PERCENTILES[PERCENTILES.len() - 1].0.log10();
    for step in 0..=POINTS {
        let share_above = 10_f64.powf(-decades * f64::from(step) / f64::from(POINTS));
        let ns = histogram.value_at_quantile(1.0 - share_above);
        #[expect(clippy::cast_precision_loss, reason = "a pixel is coarser than that")]
        let y = axis.y(ns as f64);
        let space = if step == 0 { "" } else { " " };
        // Writing into a String cannot fail.
        let written = write!(points, "{space}{:.1},{y:.1}", x(share_above));
        debug_assert!(written.is_ok(), "Invariant: a String takes every write");
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;

    #[test]
    fn curves_rise_and_stay_in_the_frame() {
        let mut histograms = Histograms::new();
        for ns in 1..=5_000 {
            histograms.record(Hop::Send, Nanos::from_ns(ns * 7));
        }
        let svg = percentile_curves(&histograms).unwrap();
        assert_eq!(svg.matches("<polyline").count(), 1);
        let points = svg.split(r#"points=""#).nth(1).unwrap().split('"').next().unwrap();
        let heights: Vec<f64> = points
            .split(' ')
            .map(|point| point.split_once(',').unwrap().1.parse().unwrap())
            .collect();
        assert_eq!(heights.len(), POINTS as usize + 1);
        assert!(heights.windows(2).all(|pair| pair[1] <= pair[0]), "slower is higher up");
        assert!(heights.iter().all(|y| (TOP..=HEIGHT - BOTTOM).contains(y)));
        assert!(heights[0] > heights[POINTS as usize]);
    }

    #[test]
    fn nothing_happened_is_no_chart() {
        assert_eq!(percentile_curves(&Histograms::new()), None);
    }

    #[test]
    fn one_span_is_a_flat_line() {
        let mut histograms = Histograms::new();
        histograms.record(Hop::Ack, Nanos::from_ms(4));
        assert!(percentile_curves(&histograms).unwrap().contains("<polyline"));
    }
}
