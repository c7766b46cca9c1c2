//! Cores: which exist, and holding a thread to one.
//!
//! In: a core number from the configuration. Out: the calling thread pinned there, checked
//! afterwards, or an error that says which cores exist. Isolated cores are missing from a
//! process's affinity mask, so the number is trusted and the result verified.
#![expect(unsafe_code, reason = "the affinity mask is read by a system call")]

use std::fs;
use std::mem::MaybeUninit;

/// How many cores a mask has room for: 1024 on every Linux.
const CPU_SETSIZE: usize = libc::CPU_SETSIZE as usize;

/// The thread could not be held to a core.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// The kernel refused.
    #[error("pin thread to core {core}: refused (online cores: {online})")]
    Refused {
        /// The core asked for.
        core: usize,
        /// What exists, as ranges.
        online: String,
    },
    /// The kernel agreed, but the mask says otherwise.
    #[error("pin thread to core {core}: the kernel reports another mask")]
    NotPinned {
        /// The core asked for.
        core: usize,
    },
}

/// Holds the calling thread to `core` and verifies that it is held.
///
/// # Errors
/// [`PinError`] when the core does not exist, the process may not use it, or the mask that the
/// kernel reports afterwards is not exactly that core.
pub fn pin(core: usize) -> Result<(), PinError> {
    let id = core_affinity::CoreId { id: core };
    // The mask has room for 1024 cores; a larger number must not reach it.
    if core >= CPU_SETSIZE || !core_affinity::set_for_current(id) {
        return Err(PinError::Refused { core, online: describe(&online_cores()) });
    }
    if allowed_cores() == [core] { Ok(()) } else { Err(PinError::NotPinned { core }) }
}

/// Whether a thread of this process could be held to `core`: tried on a thread that does nothing
/// else.
///
/// # Errors
/// [`PinError`] as [`pin`] would.
pub fn try_pin(core: usize) -> Result<(), PinError> {
    // Without a thread to try it on, the thread that is to be held will tell.
    std::thread::scope(|scope| {
        let tried = std::thread::Builder::new().spawn_scoped(scope, || pin(core));
        tried.map_or(Ok(()), |thread| thread.join().unwrap_or(Ok(())))
    })
}

/// The cores the calling thread may run on; empty when the kernel does not tell.
#[must_use]
pub fn allowed_cores() -> Vec<usize> {
    let mut mask = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: the mask is writable memory of the size that is passed; 0 is the calling thread.
    let outcome =
        unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), mask.as_mut_ptr()) };
    if outcome != 0 {
        return Vec::new();
    }
    // SAFETY: all zeros is a valid mask, and the kernel has filled it in.
    let mask = unsafe { mask.assume_init() };
    // SAFETY: every number is below CPU_SETSIZE, the size of the mask.
    (0..CPU_SETSIZE).filter(|core| unsafe { libc::CPU_ISSET(*core, &mask) }).collect()
}

/// Every core the kernel runs, isolated ones included.
#[must_use]
pub fn online_cores() -> Vec<usize> {
    let listed = fs::read_to_string("/sys/devices/system/cpu/online")
        .ok()
        .and_then(|text| parse_core_list(text.trim()));
    listed.unwrap_or_else(allowed_cores)
}

/// Reads the kernel's list format: `0-3,8,10-11`.
#[must_use]
pub fn parse_core_list(text: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= CPU_SETSIZE {
            return None;
        }
        cores.extend(first..=last);
    }
    Some(cores)
}

/// Writes cores as the kernel does: `0-3,8`.
#[must_use]
pub fn describe(cores: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &core in cores {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == core => *last = core,
            _ => ranges.push((core, core)),
        }
    }
    let parts: Vec<String> = ranges
        .iter()
        .map(
            |(first, last)| {
                if first == last { first.to_string() } else { format!("{first}-{last}") }
            },
        )
        .collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, expected: Option<&[usize]>) {
        assert_eq!(parse_core_list(text).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn core_lists_read_as_the_kernel_writes_them() {
        reads("0", Some(&[0]));
        reads("0-3,8,10-11", Some(&[0, 1, 2, 3, 8, 10, 11]));
        reads("", None);
        reads("3-1", None);
        reads("0-99999999999", None);
        reads("a", None);
        assert_eq!(describe(&[0, 1, 2, 3, 8, 10, 11]), "0-3,8,10-11");
        assert_eq!(describe(&[]), "");
    }

    #[test]
    fn pinned_thread_may_run_on_its_core_only() {
        let before = allowed_cores();
        let core = *before.last().unwrap();

        let held = std::thread::scope(|scope| {
            scope.spawn(|| pin(core).map(|()| allowed_cores())).join().unwrap()
        });

        assert_eq!(held, Ok(vec![core]));
        assert_eq!(allowed_cores(), before, "another thread was pinned too");
    }

    #[test]
    fn cores_that_do_not_exist_are_refused_by_name() {
        for core in [CPU_SETSIZE - 1, CPU_SETSIZE, usize::MAX] {
            let refused = pin(core).unwrap_err();
            assert!(matches!(refused, PinError::Refused { .. }), "{refused}");
        }
    }
}
