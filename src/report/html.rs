//! One self-contained page: no script, no font, no picture from elsewhere.
//!
//! In: summary and histograms. Out: HTML text. Every text from outside is escaped.

use super::chart;
use crate::recorder::board::TroubleTold;
use crate::recorder::feed_links::FeedLink;
use crate::recorder::histograms::{Histograms, Span};
use crate::recorder::record::Hop;
use crate::recorder::summary::Summary;

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2430;--soft:#667080;--line:#d9dee6;--card:#f6f8fa;
--page:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#98a2b3;--line:#303845;
--card:#1a2029;--page:#12161c}}
body{margin:2rem auto;max-width:940px;padding:0 1rem;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .6rem}
.sub{color:var(--soft);margin:.2rem 0 1.5rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:.8rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem}
.card b{display:block;font-size:1.2rem;font-variant-numeric:tabular-nums}
.card span{color:var(--soft);font-size:.85rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:right}
th{color:var(--soft);font-weight:500}th:first-child,td:first-child{text-align:left}
svg{width:100%;height:auto;background:var(--card);border:1px solid var(--line);border-radius:8px}
.grid{stroke:var(--line)}.tick{fill:var(--soft);font-size:12px}
.dot{display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.5em}
.note{color:var(--soft)}
";

/// The report page.
#[must_use]
pub fn page(summary: &Summary, histograms: &Histograms) -> String {
    let run = escape(&summary.run_id);
    let chart = chart::percentile_curves(histograms)
        .unwrap_or_else(|| r#"<p class="note">No latency was measured.</p>"#.to_owned());
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>kalshi-exec run {run}</title><style>{STYLE}</style></head><body>\n\
         <h1>kalshi-exec run {run}</h1>\n\
         <p class=\"sub\">{} · started {} · {} ms</p>\n{}\n\
         <h2>Latency by percentile</h2>\n{chart}\n{}\n\
         <h2>Signals and orders</h2>\n{}\n\
         <h2>Links and conditions</h2>\n{}\n\
         <h2>Positions</h2>\n{}\n</body></html>\n",
        escape(&summary.mode),
        escape(&summary.started),
        summary.duration_ms,
        cards(summary),
        latency_table(histograms),
        counts_table(summary),
        conditions_table(summary),
        positions_table(summary),
    )
}

fn cards(summary: &Summary) -> String {
    let money = |cents: Option<crate::recorder::number::Cents>| {
        cents.map_or_else(|| "–".to_owned(), |cents| cents.0.to_string())
    };
    let ahead = summary.presign;
    let cards = [
        (summary.signals.received.to_string(), "signals"),
        (summary.orders.sent.to_string(), "orders sent"),
        (summary.orders.filled.to_string(), "orders filled"),
        (summary.contracts_filled.to_string(), "contracts"),
        (money(summary.realized_pnl_cents), "realised P&amp;L"),
        (money(Some(summary.fees_cents)), "fees"),
        (money(summary.cash_cents), "cash"),
        (format!("{} / {}", ahead.hits, ahead.hits + ahead.misses), "signed ahead"),
        (ahead.hit_rate().map_or_else(|| "–".to_owned(), |rate| format!("{rate} %")), "hit rate"),
    ];
    let card = |(value, name): &(String, &str)| {
        format!(r#"<div class="card"><b>{value}</b><span>{name}</span></div>"#)
    };
    format!(r#"<div class="cards">{}</div>"#, cards.iter().map(card).collect::<String>())
}

fn latency_table(histograms: &Histograms) -> String {
    let row = |hop: &Hop| {
        let of = histograms.percentiles(*hop);
        if of.count == 0 {
            return String::new();
        }
        let name = format!(
            r#"<span class="dot" style="background:{}"></span>{}"#,
            chart::colour(*hop),
            hop.as_str()
        );
        let spans = [of.p50, of.p99, of.p999, of.max].map(|ns| Span(ns).to_string());
        cells(&[&name, &of.count.to_string(), &spans[0], &spans[1], &spans[2], &spans[3]])
    };
    let rows: String = Hop::ALL.iter().map(row).collect();
    table(&["hop", "count", "p50", "p99", "p99.9", "max"], &rows)
}

fn counts_table(summary: &Summary) -> String {
    let (signals, orders) = (&summary.signals, &summary.orders);
    let counts = [
        ("signals accepted", signals.accepted),
        ("signals not tradeable", signals.not_tradeable),
        ("signals malformed", signals.malformed),
        ("orders filled", orders.filled),
        ("orders partly filled", orders.partial),
        ("orders canceled", orders.canceled),
        ("orders rejected", orders.rejected),
        ("orders expired", orders.expired),
        ("orders never sent", orders.unsent),
        ("orders unknown", orders.unknown),
    ];
    let fixed = counts.iter().map(|(name, count)| cells(&[name, &count.to_string()]));
    let refused = signals
        .refused
        .iter()
        .map(|(limit, count)| cells(&[&format!("refused: {}", escape(limit)), &count.to_string()]));
    table(&["what", "count"], &fixed.chain(refused).collect::<String>())
}

/// The connections to the exchange's stream.
fn streams_table(summary: &Summary) -> String {
    let row = |(index, link): (usize, &FeedLink)| {
        let counts = link.counts;
        let state = if counts.up { "up" } else { "down" };
        let numbers = [counts.ups, counts.losses, counts.messages, counts.repetitions];
        let [ups, losses, messages, repetitions] = numbers.map(|count| count.to_string());
        let number = (index + 1).to_string();
        let why = escape(&link.last_loss);
        cells(&[&number, state, &ups, &losses, &why, &messages, &repetitions])
    };
    let rows: String = summary.feed.iter().enumerate().map(row).collect();
    let heads = ["stream", "at the end", "ups", "losses", "last loss", "messages", "told before"];
    if rows.is_empty() { rows } else { table(&heads, &rows) }
}

/// How long links were away, and every condition there was.
fn conditions_table(summary: &Summary) -> String {
    let back = &summary.reconnect;
    let spans = [back.p50, back.p99, back.p999, back.max].map(|ns| Span(ns).to_string());
    let row = ["ready to trade after a lost link", &back.count.to_string()];
    let reconnects = cells(&[&row[..], &spans.each_ref().map(String::as_str)].concat());
    let mut out = table(&["reconnects", "count", "p50", "p99", "p99.9", "max"], &reconnects);
    out += &streams_table(summary);
    let halts = summary.kill_switch;
    let (last, longest) = (Span(halts.last_ns).to_string(), Span(halts.max_ns).to_string());
    let row = cells(&["from the word to the halt", &halts.count.to_string(), &last, &longest]);
    out += &table(&["kill switch", "count", "last", "longest"], &row);
    if summary.troubles.is_empty() {
        return out + r#"<p class="note">No condition was noticed.</p>"#;
    }
    let row = |(name, told): (&String, &TroubleTold)| {
        let state = if told.active { "holds" } else { "over" };
        let (count, held) = (told.count.to_string(), format!("{} ms", told.held_ms));
        cells(&[&escape(name), &count, &held, state, &escape(&told.detail), &escape(&told.remedy)])
    };
    let rows: String = summary.troubles.iter().map(row).collect();
    out += &table(&["condition", "times", "held", "at the end", "last seen", "remedy"], &rows);
    out
}

fn positions_table(summary: &Summary) -> String {
    if summary.positions.is_empty() {
        return r#"<p class="note">Nothing is held.</p>"#.to_owned();
    }
    let row = |(ticker, held): (&String, &crate::recorder::number::Held)| {
        let cost = summary.position_cost_cents.get(ticker);
        let cost = cost.map_or_else(|| "–".to_owned(), |cost| cost.0.to_string());
        cells(&[&escape(ticker), &held.to_string(), &cost])
    };
    let rows: String = summary.positions.iter().map(row).collect();
    table(&["market", "contracts (negative: NO)", "cost"], &rows)
}

fn table(head: &[&str], rows: &str) -> String {
    let head: String = head.iter().map(|name| format!("<th>{name}</th>")).collect();
    format!("<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
}

fn cells(texts: &[&str]) -> String {
    let cells: String = texts.iter().map(|text| format!("<td>{text}</td>")).collect();
    format!("<tr>{cells}</tr>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::summary::KillSwitchTimes;
    use crate::report::tests::sample;

    #[test]
    fn the_page_stands_alone_and_escapes_what_came_from_outside() {
        let report = sample();
        let page = page(&report.summary, &report.histograms);
        assert!(page.contains("KX&lt;A&gt;-1-B"));
        assert!(!page.contains("KX<A>"));
        assert_eq!(page.matches("<polyline").count(), 2);
        for outside in ["http://", "https://", "<script", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("$9995.0125"));
    }

    #[test]
    fn conditions_and_reconnects_are_on_the_page() {
        let told = TroubleTold { count: 3, detail: "<b>".to_owned(), ..TroubleTold::default() };
        let mut summary = Summary::default();
        summary.troubles.insert("feed_down".to_owned(), told);
        summary.reconnect.count = 3;
        summary.kill_switch = KillSwitchTimes { count: 2, last_ns: 41_000, max_ns: 77_000 };
        summary.reconnect.max = 2_000_000_000;
        (summary.presign.hits, summary.presign.misses) = (199, 1);

        let page = page(&summary, &Histograms::new());

        for part in ["feed_down", "&lt;b&gt;", "2.00 s", "99 %", "199 / 200", "77.0 us"] {
            assert!(page.contains(part), "{part}");
        }
    }

    #[test]
    fn an_empty_run_has_a_page_too() {
        let page = page(&Summary::default(), &Histograms::new());
        assert!(page.contains("No condition was noticed"));
        assert!(page.contains("No latency was measured"));
        assert!(page.contains("Nothing is held"));
    }
}
