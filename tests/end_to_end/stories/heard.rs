//! What an exchange has been asked, by its own count.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kalshi_exec::sim::server::{Fault, FaultHook};
use kalshi_exec::sim::venue::ApiRequest;

/// Requests of an account, in the order in which they came. Clones share what they have heard.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn all(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears every request and lets nothing go wrong.
    pub(super) fn hook(&self) -> FaultHook {
        let heard = self.clone();
        FaultHook::new(move |request, _| {
            heard.note(request);
            Fault::None
        })
    }

    /// Hears one request.
    pub(super) fn note(&self, request: &ApiRequest<'_>) {
        self.all().push(format!("{} {}", request.method, request.path));
    }

    /// How many requests of this method ended in this.
    pub(super) fn count(&self, method: &str, end: &str) -> usize {
        let is_one = |it: &&String| it.starts_with(method) && it.ends_with(end);
        self.all().iter().filter(is_one).count()
    }
}
