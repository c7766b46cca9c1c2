//! The control service of one run: its rings, its thread, and how it ends with the others.

use std::sync::Arc;

use crossbeam::channel::Receiver;
use mio::Waker;

use super::threads::Threads;
use super::{EngineError, RunOptions, state_dir};
use crate::control::{About, CommandLine, ControlParts, ControlService};
use crate::ids::RunId;
use crate::message::Question;
use crate::recorder::record::Record;
use crate::recorder::told::Heard;
use crate::risk::KillSwitch;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::ring::Producer;
use crate::runtime::signals::Interrupts;
use crate::runtime::thread::{Stop, ThreadPlan, spawn};

/// Records of the control service that may wait: one a command.
pub(super) const CONTROL_RECORDS_MAX: usize = 64;

/// The ends of rings that the control service holds.
pub(super) struct SteeringRings {
    /// Commands to the oms.
    pub(super) commands: CommandLine,
    /// Questions to it.
    pub(super) questions: Producer<Question>,
    /// Its answers, by way of the recorder.
    pub(super) heard: Receiver<Heard>,
    /// What the service itself has to tell.
    pub(super) records: Producer<Record>,
}

/// The service, before its thread starts. A halt file that is there already has been carried out:
/// its command is in the oms's ring.
pub(super) struct Steering {
    service: ControlService<SystemClock>,
}

impl Steering {
    pub(super) fn prepare(
        options: &RunOptions,
        interrupts: &Interrupts,
        (run, clock, kill_switch): (RunId, &SystemClock, &KillSwitch),
        rings: SteeringRings,
    ) -> Result<Self, EngineError> {
        let state_dir = state_dir(options);
        let parts = ControlParts {
            about: About {
                run,
                mode: options.config.mode.as_str(),
                started: clock.now().wall,
                state_dir: state_dir.clone(),
            },
            clock: clock.clone(),
            commands: rings.commands,
            questions: rings.questions,
            heard: rings.heard,
            records: rings.records,
            kill_switch: kill_switch.clone(),
            interrupts: interrupts.clone(),
        };
        let service = ControlService::new(parts).map_err(|source| EngineError::Control {
            dir: state_dir.unwrap_or_default(),
            source,
        })?;
        Ok(Self { service })
    }

    /// Starts the thread among `threads`. The waker makes it notice `stop` at once.
    pub(super) fn start(
        self,
        plan: ThreadPlan,
        stop: &Stop,
        threads: &mut Threads,
    ) -> Result<Arc<Waker>, EngineError> {
        let mut service = self.service;
        let waker = service.waker();
        threads.add(spawn(plan, stop, move |stop| service.run(stop))?);
        Ok(waker)
    }
}
