//! Whose state directory it is: a directory belongs to one account and one mode.

use super::subject;
use crate::engine::account::Given;
use crate::engine::{RunOptions, state_dir};
use crate::recorder::journal::StateDir;
use crate::report::findings::Finding;

/// Looks at the directory without taking it.
pub(super) fn check(options: &RunOptions, given: &Given) -> Finding {
    let Some(dir) = state_dir(options) else {
        return Finding::refuse(subject::STATE, "none is set", "name one with --state DIR");
    };
    let Some(key_id) = &given.key_id else {
        return Finding::ok(subject::STATE, format!("{}, its owner not known", dir.display()));
    };
    match StateDir::owner_of(&dir) {
        Ok(None) => Finding::ok(subject::STATE, format!("{}, new", dir.display())),
        Ok(Some(owner)) if owner == Given::owner(options.config.mode, key_id) => {
            Finding::ok(subject::STATE, format!("{}, this account's", dir.display()))
        }
        Ok(Some(owner)) => {
            let mode = owner.split(' ').next().unwrap_or_default();
            let found = format!("{} belongs to another account or mode ({mode})", dir.display());
            let remedy = "give each account and mode a --state of its own";
            Finding::refuse(subject::STATE, found, remedy)
        }
        Err(error) => {
            Finding::refuse(subject::STATE, error.to_string(), "choose another with --state")
        }
    }
}
