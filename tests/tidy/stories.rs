//! The list of stories in the header of `tests/scenarios.rs`: every number once, every name a test.
//!
//! In: the header, and the names of all tests. Out: what is missing or made up.

use std::collections::BTreeSet;

/// Stories of the requirement.
const STORIES: usize = 34;

/// Up to here a story is about the wire or what survives a process, and needs real sockets.
const OVER_SOCKETS: usize = 25;

/// One story of the list.
struct Story<'a> {
    number: usize,
    /// Names after `clock:` and after `sockets:`.
    told: [Vec<&'a str>; 2],
}

/// The names between backticks.
fn names(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The stories of a header.
fn stories(header: &str) -> Vec<Story<'_>> {
    let mut stories = Vec::new();
    let mut part = 0;
    for line in header.lines().map_while(|line| line.strip_prefix("//!")) {
        let number = line.strip_prefix(" - ").and_then(|rest| rest.split(' ').next());
        if let Some(number) = number.and_then(|text| text.parse().ok()) {
            stories.push(Story { number, told: [Vec::new(), Vec::new()] });
            continue;
        }
        part = match line.trim_start() {
            rest if rest.starts_with("- clock:") => 0,
            rest if rest.starts_with("- sockets:") => 1,
            _ => part,
        };
        if let Some(story) = stories.last_mut() {
            story.told[part].extend(names(line));
        }
    }
    stories
}

/// What is wrong with the header, given the tests there are.
pub(crate) fn complaints(header: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let stories = stories(header);
    let mut complaints = Vec::new();
    let numbers: Vec<usize> = stories.iter().map(|story| story.number).collect();
    if !numbers.iter().copied().eq(1..=STORIES) {
        complaints.push(format!("stories are 1 to {STORIES}, in order; listed are {numbers:?}"));
    }
    for Story { number, told } in &stories {
        let [clock, sockets] = told;
        if clock.is_empty() && sockets.is_empty() {
            complaints.push(format!("story {number} has no test"));
        }
        if *number <= OVER_SOCKETS && sockets.is_empty() {
            complaints.push(format!("story {number} has no test over real sockets"));
        }
        for name in told.iter().flatten().filter(|name| !tests.contains(**name)) {
            complaints.push(format!("story {number}: {name} is no test"));
        }
    }
    complaints
}
