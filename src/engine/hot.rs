//! Hot stages onto threads, as the topology says.

use super::EngineError;
use crate::config::MachineConfig;
use crate::runtime::stage::{Stage, Together};
use crate::runtime::thread::{StageThread, Stop, ThreadPanic, ThreadPlan, spawn_stage};
use crate::runtime::topology::{HotStage, Topology};
use crate::runtime::wait::Wait;

/// Threads that run until the stop is requested, whatever stages they hold.
pub(super) struct HotThreads {
    joins: Vec<Box<dyn FnOnce() -> Result<(), ThreadPanic>>>,
}

impl HotThreads {
    /// Starts the four hot stages.
    pub(super) fn start<I, O, G, F>(
        stages: (I, O, G, F),
        machine: &MachineConfig,
        stop: &Stop,
    ) -> Result<Self, EngineError>
    where
        I: Stage + 'static,
        O: Stage + 'static,
        G: Stage + 'static,
        F: Stage + 'static,
    {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let topology = machine.topology.unwrap_or_else(|| Topology::for_cores(cores));
        let (intake, oms, gateway, feed) = stages;
        let plan = |name, stage| ThreadPlan {
            name,
            core: machine.cores.core_of(topology, stage),
            wait: machine.wait.unwrap_or_else(|| default_wait(cores)),
        };
        let mut threads = Self { joins: Vec::with_capacity(4) };
        match topology {
            Topology::Compact => {
                let out = Together::new(oms, gateway);
                let all = Together::new(Together::new(intake, out), feed);
                threads.add(spawn_stage(plan("hot", HotStage::Oms), all, stop)?);
            }
            Topology::Fused => {
                threads.add(spawn_stage(plan("intake", HotStage::Intake), intake, stop)?);
                let out = Together::new(oms, gateway);
                threads.add(spawn_stage(plan("oms+gateway", HotStage::Oms), out, stop)?);
                threads.add(spawn_stage(plan("feed", HotStage::Feed), feed, stop)?);
            }
            Topology::Dedicated => {
                threads.add(spawn_stage(plan("intake", HotStage::Intake), intake, stop)?);
                threads.add(spawn_stage(plan("oms", HotStage::Oms), oms, stop)?);
                threads.add(spawn_stage(plan("gateway", HotStage::Gateway), gateway, stop)?);
                threads.add(spawn_stage(plan("feed", HotStage::Feed), feed, stop)?);
            }
        }
        Ok(threads)
    }

    fn add<S: 'static>(&mut self, thread: StageThread<S>) {
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

/// With a core to spare hot threads spin; else they must leave room for the cold ones.
const fn default_wait(cores: usize) -> Wait {
    if cores >= 2 { Wait::SpinYield } else { Wait::Park }
}
