//! Stages onto threads, as the topology says.

use super::EngineError;
use crate::config::{ConfigError, MachineConfig};
use crate::runtime::affinity::{online_cores, try_pin};
use crate::runtime::stage::{Stage, Together};
use crate::runtime::thread::{StageThread, Stop, ThreadPanic, ThreadPlan, spawn_stage};
use crate::runtime::topology::{HotStage, Topology};
use crate::runtime::wait::Wait;

type Join = Box<dyn FnOnce() -> Result<(), ThreadPanic>>;

/// Threads that run until the stop is requested, whatever stages they hold.
#[derive(Default)]
pub(super) struct Threads {
    joins: Vec<Join>,
}

impl Threads {
    /// Starts a cold stage on a thread of its own.
    pub(super) fn start_cold<S: Stage + 'static>(
        &mut self,
        name: &'static str,
        core: Option<usize>,
        stage: S,
        stop: &Stop,
    ) -> Result<(), EngineError> {
        let plan = ThreadPlan { core, ..ThreadPlan::cold(name) };
        self.add(spawn_stage(plan, stage, stop)?);
        Ok(())
    }

    /// Starts the four hot stages.
    pub(super) fn start_hot<I, O, G, F>(
        &mut self,
        (intake, oms, gateway, feed): (I, O, G, F),
        machine: &MachineConfig,
        stop: &Stop,
    ) -> Result<(), EngineError>
    where
        I: Stage + 'static,
        O: Stage + 'static,
        G: Stage + 'static,
        F: Stage + 'static,
    {
        let cores = core_count();
        let topology = topology(machine, cores);
        let plan = |name, stage| ThreadPlan {
            name,
            core: machine.cores.core_of(topology, stage),
            wait: machine.wait.unwrap_or_else(|| default_wait(cores)),
        };
        match topology {
            Topology::Compact => {
                let out = Together::new(oms, gateway);
                let all = Together::new(Together::new(intake, out), feed);
                self.add(spawn_stage(plan("hot", HotStage::Oms), all, stop)?);
            }
            Topology::Fused => {
                self.add(spawn_stage(plan("intake", HotStage::Intake), intake, stop)?);
                let out = Together::new(oms, gateway);
                self.add(spawn_stage(plan("oms+gateway", HotStage::Oms), out, stop)?);
                self.add(spawn_stage(plan("feed", HotStage::Feed), feed, stop)?);
            }
            Topology::Dedicated => {
                self.add(spawn_stage(plan("intake", HotStage::Intake), intake, stop)?);
                self.add(spawn_stage(plan("oms", HotStage::Oms), oms, stop)?);
                self.add(spawn_stage(plan("gateway", HotStage::Gateway), gateway, stop)?);
                self.add(spawn_stage(plan("feed", HotStage::Feed), feed, stop)?);
            }
        }
        Ok(())
    }

    /// Adds a thread started elsewhere.
    pub(super) fn add<S: 'static>(&mut self, thread: StageThread<S>) {
        self.joins.push(Box::new(move || thread.join().map(drop)));
    }

    /// Waits for every thread; the first panic is the answer.
    pub(super) fn join(self) -> Result<(), ThreadPanic> {
        let mut first = Ok(());
        for join in self.joins {
            let ended = join();
            if first.is_ok() {
                first = ended;
            }
        }
        first
    }
}

/// Cores this process may use.
pub(super) fn core_count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The configured topology, or what suits that many cores.
fn topology(machine: &MachineConfig, cores: usize) -> Topology {
    machine.topology.unwrap_or_else(|| Topology::for_cores(cores))
}

/// Whether the `[cores]` plan can be carried out on this machine: asked before anything starts.
pub(super) fn check_cores(machine: &MachineConfig) -> Result<(), ConfigError> {
    machine.cores.check(topology(machine, core_count()), &online_cores())?;
    Ok(machine.cores.check_usable(try_pin)?)
}

/// With a core to spare hot threads spin; else they must leave room for the cold ones.
const fn default_wait(cores: usize) -> Wait {
    if cores >= 2 { Wait::SpinYield } else { Wait::Park }
}
