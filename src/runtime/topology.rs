//! Which stages share a thread, and which core each thread is held to.
//!
//! In: two words of the configuration and the cores that exist. Out: a checked plan. Stages know
//! nothing of it; `engine.rs` reads it. Never accepts a plan in which two spinning threads would
//! share a core.

use core::fmt;
use core::str::FromStr;

use super::affinity::{PinError, describe};

/// How the hot stages are spread over threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topology {
    /// All hot stages on one thread.
    Compact,
    /// oms and gateway on one thread, intake and feed on their own: a signal crosses one core
    /// boundary.
    Fused,
    /// One thread per stage.
    Dedicated,
}

impl Topology {
    /// All topologies.
    pub const ALL: [Self; 3] = [Self::Compact, Self::Fused, Self::Dedicated];

    /// The name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Fused => "fused",
            Self::Dedicated => "dedicated",
        }
    }

    /// What suits a machine with this many cores: with three or fewer, hot threads would take
    /// them from each other and from the cold ones.
    #[must_use]
    pub const fn for_cores(count: usize) -> Self {
        if count <= 3 { Self::Compact } else { Self::Fused }
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no topology.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no topology: compact, fused or dedicated")]
pub struct UnknownTopology(String);

impl FromStr for Topology {
    type Err = UnknownTopology;

    fn from_str(text: &str) -> Result<Self, UnknownTopology> {
        let found = Self::ALL.into_iter().find(|topology| topology.as_str() == text);
        found.ok_or_else(|| UnknownTopology(text.to_owned()))
    }
}

/// The core of each thread, by stage; `None` leaves the choice to the scheduler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CorePlan {
    /// Signals in.
    pub intake: Option<usize>,
    /// Orders; in a compact topology the one hot thread.
    pub oms: Option<usize>,
    /// The wire.
    pub gateway: Option<usize>,
    /// The exchange's stream.
    pub feed: Option<usize>,
    /// Everything cold: recorder, signer, dialler, control.
    pub cold: Option<usize>,
}

/// A core plan that cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorePlanError {
    /// The machine has no such core.
    #[error("cores.{key} = {core}: no such core; this machine has {online}")]
    NoSuchCore {
        /// The configuration key.
        key: &'static str,
        /// Its value.
        core: usize,
        /// What exists, as ranges.
        online: String,
    },
    /// The core runs, and this process may not use it (a cpuset, a container).
    #[error("cores.{key} = {core}: {why}; name a core that this process may use")]
    NotUsable {
        /// The configuration key.
        key: &'static str,
        /// Its value.
        core: usize,
        /// What the kernel says.
        why: PinError,
    },
    /// Two threads on one core: a spinning one would starve the other.
    #[error("cores.{key} = {core}: cores.{other} has it already, on another thread")]
    Shared {
        /// The configuration key.
        key: &'static str,
        /// Its value.
        core: usize,
        /// The key that has the core.
        other: &'static str,
    },
    /// Two stages on one thread cannot have two cores.
    #[error(
        "cores.{key} = {core}: with topology {topology} it is on one thread with cores.{other}"
    )]
    Split {
        /// The configuration key.
        key: &'static str,
        /// Its value.
        core: usize,
        /// The key of a stage on the same thread.
        other: &'static str,
        /// The topology that joins them.
        topology: Topology,
    },
}

impl CorePlan {
    /// Checks the plan against the topology and the cores that exist, in the order of the keys.
    ///
    /// # Errors
    /// [`CorePlanError`] for the first key that cannot be carried out.
    pub fn check(&self, topology: Topology, online: &[usize]) -> Result<(), CorePlanError> {
        let keys = self.keys(topology);
        for (index, &(key, thread, core)) in keys.iter().enumerate() {
            let Some(core) = core else { continue };
            if !online.contains(&core) {
                return Err(CorePlanError::NoSuchCore { key, core, online: describe(online) });
            }
            for &(other, other_thread, other_core) in &keys[..index] {
                let Some(other_core) = other_core else { continue };
                match (thread == other_thread, core == other_core) {
                    (true, false) => {
                        return Err(CorePlanError::Split { key, core, other, topology });
                    }
                    (false, true) => return Err(CorePlanError::Shared { key, core, other }),
                    (true, true) | (false, false) => {}
                }
            }
        }
        Ok(())
    }

    /// Asks for every core that is named whether a thread can be held to it.
    ///
    /// # Errors
    /// [`CorePlanError::NotUsable`] for the first key whose core refuses.
    pub fn check_usable(
        &self,
        try_pin: impl Fn(usize) -> Result<(), PinError>,
    ) -> Result<(), CorePlanError> {
        for (key, _, core) in self.keys(Topology::Dedicated) {
            let Some(core) = core else { continue };
            try_pin(core).map_err(|why| CorePlanError::NotUsable { key, core, why })?;
        }
        Ok(())
    }

    /// The core of the thread that runs `stage`'s thread mates too: the first that any of their
    /// keys names.
    #[must_use]
    pub fn core_of(&self, topology: Topology, stage: HotStage) -> Option<usize> {
        let keys = self.keys(topology);
        let thread = keys[stage as usize].1;
        keys.iter().filter(|key| key.1 == thread).find_map(|key| key.2)
    }

    /// Key, number of its thread, core.
    const fn keys(&self, topology: Topology) -> [(&'static str, u8, Option<usize>); 5] {
        let [intake, oms, gateway, feed] = match topology {
            Topology::Compact => [0, 0, 0, 0],
            Topology::Fused => [0, 1, 1, 2],
            Topology::Dedicated => [0, 1, 2, 3],
        };
        const COLD: u8 = 4;
        [
            ("intake", intake, self.intake),
            ("oms", oms, self.oms),
            ("gateway", gateway, self.gateway),
            ("feed", feed, self.feed),
            ("cold", COLD, self.cold),
        ]
    }
}

/// The stages that are polled on hot threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HotStage {
    /// Stage 1.
    Intake = 0,
    /// Stage 2.
    Oms = 1,
    /// Stage 3.
    Gateway = 2,
    /// Stage 4.
    Feed = 3,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: CorePlan =
        CorePlan { intake: None, oms: None, gateway: None, feed: None, cold: None };

    #[track_caller]
    fn check(topology: Topology, plan: CorePlan, expected: Result<(), &str>) {
        let outcome = plan.check(topology, &[0, 1, 2, 3]).map_err(|error| error.to_string());
        assert_eq!(outcome, expected.map_err(str::to_owned), "{topology} {plan:?}");
    }

    #[test]
    fn plans_that_cannot_be_carried_out_name_the_key() {
        use Topology::{Compact, Dedicated, Fused};
        let on = |oms, gateway| CorePlan { oms: Some(oms), gateway: Some(gateway), ..NONE };
        let cold = |oms, cold| CorePlan { oms: Some(oms), cold: Some(cold), ..NONE };

        check(Dedicated, NONE, Ok(()));
        check(Dedicated, on(1, 2), Ok(()));
        check(
            Dedicated,
            on(1, 1),
            Err("cores.gateway = 1: cores.oms has it already, on another thread"),
        );
        check(Fused, on(1, 1), Ok(()));
        check(
            Fused,
            on(1, 2),
            Err("cores.gateway = 2: with topology fused it is on one thread with cores.oms"),
        );
        check(
            Compact,
            CorePlan { intake: Some(0), feed: Some(3), ..NONE },
            Err("cores.feed = 3: with topology compact it is on one thread with cores.intake"),
        );
        check(Compact, cold(1, 0), Ok(()));
        check(
            Compact,
            cold(1, 1),
            Err("cores.cold = 1: cores.oms has it already, on another thread"),
        );
        check(Fused, on(9, 9), Err("cores.oms = 9: no such core; this machine has 0-3"));
    }

    #[test]
    fn a_core_that_runs_but_refuses_names_the_key() {
        let plan = CorePlan { oms: Some(1), cold: Some(3), ..NONE };
        let refuse = |core| match core {
            3 => Err(PinError::NotPinned { core }),
            _ => Ok(()),
        };
        assert_eq!(plan.check(Topology::Fused, &[0, 1, 2, 3]), Ok(()));
        let error = plan.check_usable(refuse).unwrap_err().to_string();
        assert!(error.starts_with("cores.cold = 3: pin thread to core 3"), "{error}");
        assert!(error.ends_with("name a core that this process may use"), "{error}");
    }

    #[test]
    fn stages_on_one_thread_share_the_core_that_any_of_them_names() {
        let plan = CorePlan { gateway: Some(2), feed: Some(3), ..NONE };
        assert_eq!(plan.core_of(Topology::Fused, HotStage::Oms), Some(2));
        assert_eq!(plan.core_of(Topology::Dedicated, HotStage::Oms), None);
        assert_eq!(plan.core_of(Topology::Dedicated, HotStage::Feed), Some(3));
        assert_eq!(plan.core_of(Topology::Compact, HotStage::Intake), Some(2));
    }

    #[test]
    fn small_machines_get_one_hot_thread() {
        let defaults = [1, 2, 3, 4, 64].map(Topology::for_cores);
        use Topology::{Compact, Fused};
        assert_eq!(defaults, [Compact, Compact, Compact, Fused, Fused]);
    }

    #[test]
    fn names_read_back() {
        for topology in Topology::ALL {
            assert_eq!(topology.to_string().parse(), Ok(topology));
        }
        assert!("one".parse::<Topology>().is_err());
    }
}
