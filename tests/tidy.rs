//! The house rules as a test: headers, lengths, banned words, and the layering as a table.
//!
//! In: every Rust file of the package and the map in `src/architecture.md`. Out: every violation
//! at once, as `file:line: what`. What rustfmt and clippy already check is not repeated here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/stories.rs"]
mod stories;

use layers::{FORBIDDEN, Forbidden};

/// Longest file, tests included.
const LINES_MAX: usize = 600;
/// Widest line, in characters.
const COLUMNS_MAX: usize = 100;

/// Never, anywhere, comments included. In two parts, so that this table is no violation.
const BANNED: &[(&str, &str, &str)] = &[
    ("FIX", "ME", "finish it, or say why it is as it is"),
    ("TO", "DO", "finish it, or say why it is as it is"),
    ("dbg", "!(", "left from debugging"),
    ("todo", "!(", "unfinished"),
    ("unimplemented", "!(", "unfinished"),
    ("#[ig", "nore", "a test that does not run is no test"),
    ("#[al", "low(", "use expect with a reason"),
    ("#![al", "low(", "use expect with a reason"),
    ("/ro", "ot/", "a path of one machine"),
    ("/ho", "me/", "a path of one machine"),
];

/// Never in code; comments may speak of them.
const BANNED_IN_CODE: &[(&str, &str, &str)] = &[
    ("let _", " =", "handle the result, or name what is dropped and why"),
    ("fn te", "st_", "a test is named as a fact"),
];

/// One file, split into lines, with what the rules need to know of it.
struct Source {
    /// From the package's root, with `/`.
    path: String,
    lines: Vec<String>,
    /// First line (from 0) of the tests at the end; the number of lines when there are none.
    tests_from: usize,
}

impl Source {
    fn new(path: String, text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let is_test_file = path.starts_with("tests/")
            || path.ends_with("/tests.rs")
            || path.split('/').any(|folder| folder == "tests");
        let first_test = lines.windows(2).position(|pair| {
            pair[0] == "#[cfg(test)]" && (pair[1] == "mod tests {" || pair[1] == "mod tests;")
        });
        let tests_from = if is_test_file { 0 } else { first_test.unwrap_or(lines.len()) };
        Self { path, lines, tests_from }
    }

    /// Lines that are not comments, with their numbers from 1.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.numbered().filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines.iter().enumerate().map(|(index, line)| (index + 1, line.as_str()))
    }

    fn is_in(&self, room: &str) -> bool {
        self.path == room || (room.ends_with('/') && self.path.starts_with(room))
    }
}

#[test]
fn house_rules_hold() {
    let root = package_root();
    let mut sources = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        collect(&root, Path::new(folder), &mut sources);
    }
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"), "nothing was looked at");

    exempt_test_modules(&mut sources);

    let mut violations: Vec<String> = sources.iter().flat_map(check).collect();
    let map = fs::read_to_string(root.join("src/architecture.md")).unwrap();
    let rooms = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    violations.extend(check_map(&map, &rooms));

    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

/// Cargo sets the variable when it runs the test, so that a built test can look at any checkout.
fn package_root() -> PathBuf {
    let root = std::env::var_os("CARGO_MANIFEST_DIR");
    root.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// Reads every Rust file below `folder`, in a stable order.
fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    let mut names: Vec<PathBuf> = entries
        .map(|entry| folder.join(entry.expect("the folder can be read").file_name()))
        .collect();
    names.sort();
    for name in names {
        if root.join(&name).is_dir() {
            collect(root, &name, sources);
        } else if name.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(root.join(&name)).expect("sources are text");
            sources.push(Source::new(name.to_string_lossy().replace('\\', "/"), &text));
        }
    }
}

/// A file that is declared under `#[cfg(test)]` is all tests, whatever its name.
fn exempt_test_modules(sources: &mut [Source]) {
    let declared: Vec<String> = sources.iter().flat_map(modules_for_tests).collect();
    for source in sources {
        let stem = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let inside = |module: &String| {
            stem == module || stem.strip_prefix(module.as_str()).is_some_and(|s| s.starts_with('/'))
        };
        if declared.iter().any(inside) {
            source.tests_from = 0;
        }
    }
}

/// The modules that `source` declares for tests only, as paths without `.rs`.
fn modules_for_tests(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let folder = ["/mod", "/lib", "/main"].iter().find_map(|root| stem.strip_suffix(root));
    let folder = folder.unwrap_or(stem);
    let pairs = source.lines.windows(2).filter(|pair| pair[0].trim() == "#[cfg(test)]");
    let names = pairs.filter_map(|pair| pair[1].strip_suffix(';')?.split("mod ").nth(1));
    names.map(|name| format!("{folder}/{name}")).collect()
}

/// Every violation in one file.
fn check(source: &Source) -> Vec<String> {
    let mut found = check_form(source);
    found.extend(check_words(source));
    found.extend(check_layers(source));
    found
}

/// Header, length, width.
fn check_form(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut found = Vec::new();
    let first = source.lines.first().map_or("", String::as_str);
    if !first.starts_with("//! ") && !first.starts_with("#![doc = include_str!(") {
        found.push(format!("{path}:1: the first line says what this file is for: //! …"));
    }
    let length = source.lines.len();
    if length > LINES_MAX {
        found.push(format!("{path}:{}: {length} lines; at most {LINES_MAX}", LINES_MAX + 1));
    }
    let wide = source.numbered().filter(|(_, line)| line.chars().count() > COLUMNS_MAX);
    // A message of the exchange reads best as it is sent.
    let quotes = |number: usize| number > source.tests_from || path.starts_with("benches/");
    let wide = wide.filter(|(number, line)| !quotes(*number) || !is_verbatim(line));
    found.extend(wide.map(|(line, _)| format!("{path}:{line}: wider than {COLUMNS_MAX} columns")));
    found
}

/// A message of the exchange or a lone literal: samples stay as they were recorded.
fn is_verbatim(line: &str) -> bool {
    line.contains("{\"") || line.trim_start().starts_with('"')
}

/// What is banned everywhere, and what is banned in code.
fn check_words(source: &Source) -> Vec<String> {
    let anywhere = source.numbered().map(|line| (line, BANNED));
    let in_code = source.code().map(|line| (line, BANNED_IN_CODE));
    let mut found = Vec::new();
    for ((number, line), table) in anywhere.chain(in_code) {
        for (word, why) in banned(line, table) {
            found.push(format!("{}:{number}: `{word}`: {why}", source.path));
        }
    }
    found
}

/// Names that this room may not use.
fn check_layers(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for rule in FORBIDDEN.iter().filter(|rule| applies(rule, source)) {
        for (number, line) in source.code().filter(|(number, _)| *number <= source.tests_from) {
            for name in rule.names.iter().filter(|name| names(line, name, rule.but)) {
                found.push(format!("{}:{number}: `{name}`: {}", source.path, rule.why));
            }
        }
    }
    found
}

fn banned<'a>(
    line: &'a str,
    table: &'a [(&str, &str, &'a str)],
) -> impl Iterator<Item = (String, &'a str)> {
    let whole = table.iter().map(|(head, tail, why)| (format!("{head}{tail}"), *why));
    whole.filter(move |(word, _)| line.contains(word.as_str()))
}

fn applies(rule: &Forbidden, source: &Source) -> bool {
    let is_in = |room: &&str| source.is_in(room);
    rule.rooms.iter().any(is_in) && !rule.except.iter().any(is_in)
}

/// Whether `line` has `name` as whole words and none of the `but` phrases.
fn names(line: &str, name: &str, but: &[&str]) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let starts_word = name.starts_with(is_word);
    let ends_word = name.ends_with(is_word);
    if but.iter().any(|phrase| line.contains(phrase)) {
        return false;
    }
    line.match_indices(name).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        !((starts_word && before.ends_with(is_word)) || (ends_word && after.starts_with(is_word)))
    })
}

/// The modules of `lib.rs` are on the map, in the map's order.
fn check_map(map: &str, rooms: &str) -> Vec<String> {
    let drawn: Vec<&str> = map
        .lines()
        .filter(|line| line.starts_with("    "))
        .filter_map(|line| line.split_whitespace().next())
        .filter_map(|name| name.strip_suffix(".rs").or_else(|| name.strip_suffix('/')))
        .collect();
    let mut found = Vec::new();
    let mut reached = 0;
    for (index, line) in rooms.lines().enumerate() {
        let Some(room) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';'))
        else {
            continue;
        };
        let number = index + 1;
        match drawn.iter().position(|name| *name == room) {
            None => {
                found.push(format!("src/lib.rs:{number}: {room} is not in src/architecture.md"));
            }
            Some(place) if place < reached => {
                found.push(format!(
                    "src/lib.rs:{number}: {room} comes earlier in src/architecture.md"
                ));
            }
            Some(place) => reached = place,
        }
    }
    found
}

#[track_caller]
fn finds(path: &str, text: &str, expected: &[&str]) {
    let found = check(&Source::new(path.to_owned(), text));
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (violation, start) in found.iter().zip(expected) {
        assert!(violation.starts_with(start), "{violation} does not start with {start}");
    }
}

#[test]
fn violations_are_found_where_they_are() {
    finds("src/units.rs", "//! Fine.\n", &[]);
    finds("src/units.rs", "use core::fmt;\n", &["src/units.rs:1: the first line"]);
    finds("src/units.rs", &format!("//! {}\n", "x".repeat(97)), &["src/units.rs:1: wider"]);
    finds(
        "src/units.rs",
        &format!("//! x\nlet a = {{\"{}\"}}\n", "x".repeat(97)),
        &["src/units.rs:2"],
    );
    finds("src/a/tests.rs", &format!("//! x\nlet a = {{\"{}\"}}\n", "x".repeat(97)), &[]);
    finds("src/units.rs", &"//! x\n".repeat(601), &["src/units.rs:601: 601 lines"]);
    finds("src/oms/mod.rs", "//! x\nuse crate::gateway::Pool;\n", &["src/oms/mod.rs:2: `crate::g"]);
    finds("src/oms/mod.rs", "//! x\n// see crate::gateway\nlet gateway = 1;\n", &[]);
    finds("src/risk/gate.rs", "//! x\nlet odds: f64 = half;\n", &["src/risk/gate.rs:2: `f64`"]);
    finds("src/risk/gate.rs", "//! x\nuse crate::kalshi::market::Market;\n", &[]);
    finds("src/risk/gate.rs", "//! x\nuse crate::kalshi::encode;\n", &["src/risk/gate.rs:2: `cr"]);
    finds("src/net/tls.rs", "//! x\nuse rustls::ClientConfig;\n", &[]);
    finds("src/net/dial.rs", "//! x\nuse rustls::ClientConfig;\n", &["src/net/dial.rs:2: `rust"]);
    finds("src/sim/cert.rs", "//! x\nuse tokio_rustls::rustls::ServerConfig;\n", &[]);
    finds("src/oms/mod.rs", "//! x\n#[cfg(test)]\nmod tests {\nuse crate::gateway;\n", &[]);
}

#[test]
fn modules_for_tests_are_tests() {
    let declares = "//! x\n#[cfg(test)]\npub(crate) mod scripted;\npub mod other;\n";
    let mut sources = [
        Source::new("src/feed/mod.rs".to_owned(), declares),
        Source::new("src/feed/scripted.rs".to_owned(), "//! x\nuse std::sync::Mutex;\n"),
        Source::new("src/feed/other.rs".to_owned(), "//! x\nuse std::sync::Mutex;\n"),
    ];

    exempt_test_modules(&mut sources);

    let found: Vec<usize> = sources.iter().map(|source| check(source).len()).collect();
    assert_eq!(found, [0, 0, 1]);
}

#[test]
fn rooms_follow_the_map() {
    let map = "\n    src/\n      units.rs   numbers\n      oms/       orders\n";
    let complaints = |rooms: &str| check_map(map, rooms).len();
    assert_eq!(complaints("pub mod units;\npub mod oms;\n"), 0);
    assert_eq!(complaints("pub mod oms;\npub mod units;\n"), 1);
    assert_eq!(complaints("pub mod units;\npub mod cellar;\n"), 1);
}

/// Names of all tests: functions, and the scenarios' files as a whole.
fn tests_of(sources: &[Source]) -> BTreeSet<String> {
    let of = |source: &Source| {
        let pairs = source.lines.windows(2).filter(|pair| pair[0].trim() == "#[test]");
        let name =
            |line: &str| line.trim().strip_prefix("fn ")?.split('(').next().map(str::to_owned);
        let mut tests: Vec<String> = pairs.filter_map(|pair| name(&pair[1])).collect();
        let file = source.path.strip_prefix("tests/scenarios/").filter(|_| !tests.is_empty());
        tests.extend(file.and_then(|file| file.strip_suffix(".rs")).map(str::to_owned));
        tests
    };
    sources.iter().flat_map(of).collect()
}

#[test]
fn every_story_has_its_tests() {
    let root = package_root();
    let mut sources = Vec::new();
    for folder in ["src", "tests"] {
        collect(&root, Path::new(folder), &mut sources);
    }
    let header = fs::read_to_string(root.join("tests/scenarios.rs")).unwrap();

    let complaints = stories::complaints(&header, &tests_of(&sources));

    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_story_without_a_test_is_found() {
    let tests: BTreeSet<String> = ["a", "b"].map(str::to_owned).into();
    let header = |second: &str| {
        let rest =
            |number: usize| format!("//! - {number} x\n//!   - sockets: `a`,\n//!     `b`\n");
        let mut rest: Vec<String> = (1..=34).map(rest).collect();
        rest[1] = second.to_owned();
        rest.concat()
    };
    let count = |second: &str| stories::complaints(&header(second), &tests).len();
    assert_eq!(count("//! - 2 x\n//!   - clock: `a`\n//!   - sockets: `b`\n"), 0);
    assert_eq!(count("//! - 2 x\n//!   - clock: `a`\n"), 1, "not over real sockets");
    assert_eq!(count("//! - 2 x\n//!   - sockets: `c`\n"), 1, "no such test");
    assert_eq!(count("//! - 3 x\n//!   - sockets: `a`\n"), 1, "another number");
    assert_eq!(count("//! - 2 x\n"), 2, "nothing at all");
}
