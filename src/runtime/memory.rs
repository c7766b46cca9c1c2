//! Memory that stays: no page of the process is swapped out, and no secret ends in a core dump.
//!
//! In: the limits of the process. Out: a typed outcome for the log. Never makes a later
//! allocation fail: where the limit is finite, nothing is locked.
//!
//! Locking includes the future: every later mapping is populated whole, sparse files included.
//! Stacks and rings are then resident from the start, which is the point.
#![expect(unsafe_code, reason = "mlockall, prctl and the resource limits are system calls")]

use core::fmt;
use std::{fs, io};

/// What became of the wish to lock memory.
#[derive(Debug)]
pub enum Locked {
    /// Everything, now and in future.
    All,
    /// Nothing: with a finite limit, locking future mappings would make allocations fail.
    LimitTooLow {
        /// `RLIMIT_MEMLOCK` in bytes, after raising it as far as allowed.
        limit_bytes: u64,
    },
    /// Nothing: the system refused.
    Refused(io::Error),
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("memory is locked"),
            Self::LimitTooLow { limit_bytes } => write!(
                f,
                "memory is not locked: the limit is {limit_bytes} bytes, it must be unlimited \
                 (see tuning/README.md)"
            ),
            Self::Refused(why) => write!(f, "memory is not locked: {why}"),
        }
    }
}

/// Whether the process may lock as much as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowance {
    Unlimited,
    Bytes(u64),
}

/// Locks all memory of the process, present and future, if it may lock without limit.
pub fn lock_all() -> Locked {
    let limit = raise_memlock_limit();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Allowance::Bytes(limit_bytes) = allowance(limit, &status) {
        return Locked::LimitTooLow { limit_bytes };
    }
    // SAFETY: takes flags only; changes residency, not contents.
    if unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) } == 0 {
        Locked::All
    } else {
        Locked::Refused(io::Error::last_os_error())
    }
}

/// Raises the soft limit to the hard one, which needs no privilege, and returns it.
fn raise_memlock_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a local of the right type, which the call fills in.
    if unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) } != 0 {
        return 0;
    }
    let raised = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
    // SAFETY: the pointer is to a local that outlives the call.
    if unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const raised) } == 0 {
        raised.rlim_cur
    } else {
        limit.rlim_cur
    }
}

/// The limit binds unless it is infinite or the process has `CAP_IPC_LOCK`.
fn allowance(limit_bytes: u64, proc_status: &str) -> Allowance {
    const CAP_IPC_LOCK: u64 = 1 << 14;
    let effective = proc_status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    if limit_bytes == libc::RLIM_INFINITY || effective & CAP_IPC_LOCK != 0 {
        Allowance::Unlimited
    } else {
        Allowance::Bytes(limit_bytes)
    }
}

/// Forbids core dumps and inspection by other processes of the same user. For every run that
/// reads a private key.
///
/// # Errors
/// What the system said; a run with real keys should then not start.
pub fn forbid_core_dumps() -> io::Result<()> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a local that outlives the call.
    if unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: takes plain numbers; the unused arguments are zero as the call demands.
    if unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn allows(limit_bytes: u64, status: &str, expected: Allowance) {
        assert_eq!(allowance(limit_bytes, status), expected, "{limit_bytes} {status:?}");
    }

    #[test]
    fn finite_limit_binds_without_the_capability() {
        let plain = "Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000000000\n";
        let capable = "CapEff:\t0000000000004000\n";
        allows(8 << 20, plain, Allowance::Bytes(8 << 20));
        allows(8 << 20, capable, Allowance::Unlimited);
        allows(libc::RLIM_INFINITY, plain, Allowance::Unlimited);
        allows(8 << 20, "", Allowance::Bytes(8 << 20));
        allows(0, "CapEff:\tnonsense\n", Allowance::Bytes(0));
    }
}
