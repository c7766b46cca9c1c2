//! The command line: parses, builds, joins.

fn main() {}
