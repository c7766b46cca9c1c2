//! Marks the time spent inside rustls, so that a counting allocator in a test can tell its
//! allocations (one per record and direction) from ours (none).

use std::cell::Cell;

std::thread_local! {
    static IN_TLS: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` with the mark set. Costs two thread-local stores.
pub(super) fn scope<R>(work: impl FnOnce() -> R) -> R {
    let outer = IN_TLS.replace(true);
    let result = work();
    IN_TLS.set(outer);
    result
}

/// Whether this thread is inside rustls. For allocators: never allocates itself.
#[must_use]
pub fn in_tls() -> bool {
    IN_TLS.try_with(Cell::get).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_set_inside_and_only_there() {
        assert!(!in_tls());
        let inside = scope(|| (scope(in_tls), in_tls()));
        assert_eq!(inside, (true, true));
        assert!(!in_tls());
    }
}
