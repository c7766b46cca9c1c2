//! Golden files: what is longer than five lines is compared with a file that people read.
//!
//! To renew after a deliberate change: `GOLDEN=write cargo test --test golden`.

use std::fmt::Write as _;
use std::path::Path;

use kalshi_exec::order::{Event, State, next};

#[track_caller]
fn check(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var("GOLDEN").is_ok_and(|mode| mode == "write") {
        std::fs::write(&path, actual).expect("the golden folder is writable");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{} differs", path.display());
}

#[test]
fn the_transition_table_is_the_one_people_have_read() {
    let mut table = String::new();
    for from in State::ALL {
        for event in Event::ALL {
            let to = next(from, event).map_or("ILLEGAL", State::as_str);
            writeln!(table, "{:<14} {:<13} {to}", from.as_str(), format!("{event:?}")).unwrap();
        }
    }
    check("order_transitions.txt", &table);
}
