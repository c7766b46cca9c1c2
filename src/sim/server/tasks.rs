//! Counts the server's tasks, so that a stop can wait for the last one.

use tokio::sync::watch;

/// The tasks that are running.
#[derive(Debug)]
pub(super) struct Tasks {
    running: watch::Sender<usize>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { running: watch::Sender::new(0) }
    }
}

impl Tasks {
    /// Runs `task` on the current runtime.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let counted = Counted::new(self.running.clone());
        tokio::spawn(async move {
            task.await;
            drop(counted);
        });
    }

    /// Waits until no task is running.
    pub(super) async fn ended(&self) {
        let mut running = self.running.subscribe();
        if running.wait_for(|count| *count == 0).await.is_err() {
            tracing::debug!("task counter is gone");
        }
    }
}

/// One running task; dropping it, also by a panic, counts it out.
struct Counted(watch::Sender<usize>);

impl Counted {
    fn new(running: watch::Sender<usize>) -> Self {
        running.send_modify(|count| *count += 1);
        Self(running)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
