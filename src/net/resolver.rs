//! Names to addresses: the system's resolver, or a scripted one where a test plays the system.
//!
//! For cold threads. The system may block a look-up for as long as it likes (`getaddrinfo` knows no
//! deadline), so each runs on a thread of its own that is given up on after a while: the caller
//! hears that the name does not resolve, and what the look-up finds in the end is there for the
//! next who asks. One look-up per name is under way at most, however often it is asked for.

use core::fmt;
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::net::DialError;
use crate::net::endpoint::Endpoint;

/// Addresses of one name that are tried. More than any load balancer announces at once.
const ADDRESSES_MAX: usize = 8;

/// How long a look-up is waited for. A resolver's own first retry comes after five seconds; an
/// answer takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Look-ups under way at once. An engine dials two or three names.
const LOOK_UPS_MAX: usize = 8;

/// Name of the threads.
const THREAD: &str = "resolver";

type Look = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// What a look-up has found, once it has.
type Found = Option<Result<Vec<SocketAddr>, String>>;

/// One look-up.
#[derive(Debug, Default)]
struct LookUp {
    found: Mutex<Found>,
    over: Condvar,
}

/// How the wait for a look-up has ended so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// Nobody has lost patience yet.
    Fresh,
    /// Somebody has: nobody waits for it again.
    Overdue,
}

/// Look-ups under way, by host and port.
type UnderWay = HashMap<(String, u16), (Arc<LookUp>, Wait)>;

/// Where addresses come from. Cheap to clone; clones share what is under way.
#[derive(Clone)]
pub struct Resolver {
    look: Arc<Look>,
    patience: Duration,
    under_way: Arc<Mutex<UnderWay>>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new(|host, port| (host, port).to_socket_addrs().map(Iterator::collect))
    }
}

/// Nobody panics with one of these locks held, and what they guard is whole at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Resolver {
    /// Addresses that `look` finds for a host and port. It may block: nobody waits longer than
    /// two seconds for it.
    #[must_use]
    pub fn new(
        look: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self { look: Arc::new(look), patience: PATIENCE, under_way: Arc::default() }
    }

    /// The addresses of the endpoint's name.
    pub(super) fn resolve(&self, endpoint: &Endpoint) -> Result<Vec<SocketAddr>, DialError> {
        let failed = |why: String| DialError::Resolve { host: endpoint.host().to_owned(), why };
        let mut addresses = self.look_up(endpoint).map_err(failed)?;
        addresses.truncate(ADDRESSES_MAX);
        if addresses.is_empty() {
            return Err(failed("the name has no address".to_owned()));
        }
        Ok(addresses)
    }

    /// Waits for the look-up that is under way, or for a new one.
    fn look_up(&self, endpoint: &Endpoint) -> Result<Vec<SocketAddr>, String> {
        let name = (endpoint.host().to_owned(), endpoint.port());
        let (look_up, wait) = self.begin(&name)?;
        let patience = if wait == Wait::Fresh { self.patience } else { Duration::ZERO };
        let waited = look_up
            .over
            .wait_timeout_while(lock(&look_up.found), patience, |found| found.is_none());
        let found = waited.unwrap_or_else(PoisonError::into_inner).0.clone();
        let mut under_way = lock(&self.under_way);
        if let Some(found) = found {
            // Unless somebody else has taken it and a new one is under way.
            if under_way.get(&name).is_some_and(|(it, _)| Arc::ptr_eq(it, &look_up)) {
                under_way.remove(&name);
            }
            return found;
        }
        if let Some((_, wait)) = under_way.get_mut(&name) {
            *wait = Wait::Overdue;
        }
        let seconds = self.patience.as_secs();
        Err(format!("the system has not answered within {seconds} s and is still asked"))
    }

    /// The look-up of a name that is under way, begun now if there is none.
    fn begin(&self, name: &(String, u16)) -> Result<(Arc<LookUp>, Wait), String> {
        let mut under_way = lock(&self.under_way);
        if let Some((look_up, wait)) = under_way.get(name) {
            return Ok((Arc::clone(look_up), *wait));
        }
        if under_way.len() >= LOOK_UPS_MAX {
            return Err("the system answers none of many look-ups".to_owned());
        }
        let look_up = Arc::new(LookUp::default());
        let (look, (host, port)) = (Arc::clone(&self.look), name.clone());
        let answered = Arc::clone(&look_up);
        let looking = move || {
            let found = look(&host, port).map_err(|error| error.to_string());
            *lock(&answered.found) = Some(found);
            answered.over.notify_all();
        };
        let begun = thread::Builder::new().name(THREAD.to_owned()).spawn(looking);
        begun.map_err(|error| format!("no thread to ask the system: {error}"))?;
        under_way.insert(name.clone(), (Arc::clone(&look_up), Wait::Fresh));
        Ok((look_up, Wait::Fresh))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    use super::*;

    const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 443);

    fn endpoint(host: &str) -> Endpoint {
        Endpoint::parse(&format!("https://{host}")).unwrap()
    }

    /// A system that answers only when told to, how often it was asked, and who tells it.
    fn hanging() -> (Resolver, Arc<AtomicU32>, mpsc::Sender<()>) {
        let (tell, told) = mpsc::channel::<()>();
        let (told, asked) = (Mutex::new(told), Arc::new(AtomicU32::new(0)));
        let count = Arc::clone(&asked);
        let mut resolver = Resolver::new(move |_, _| {
            count.fetch_add(1, Ordering::AcqRel);
            lock(&told).recv().map_err(io::Error::other)?;
            Ok(vec![ADDRESS])
        });
        resolver.patience = Duration::from_millis(20);
        (resolver, asked, tell)
    }

    /// Asks until the look-up that hung is over.
    fn ask_again(resolver: &Resolver, host: &str) -> Vec<SocketAddr> {
        for _ in 0..10_000 {
            match resolver.resolve(&endpoint(host)) {
                Ok(found) => return found,
                Err(_) => thread::park_timeout(Duration::from_millis(1)),
            }
        }
        panic!("the late answer is never used");
    }

    #[test]
    fn a_system_that_hangs_is_given_up_on_and_its_late_answer_is_used() {
        let (resolver, asked, tell) = hanging();
        for _ in 0..3 {
            let failed = resolver.resolve(&endpoint("exchange.example"));
            assert!(matches!(failed, Err(DialError::Resolve { .. })), "{failed:?}");
        }
        assert_eq!(asked.load(Ordering::Acquire), 1, "one look-up, however often it is wanted");

        tell.send(()).unwrap();

        assert_eq!(ask_again(&resolver, "exchange.example"), [ADDRESS]);
        assert_eq!(asked.load(Ordering::Acquire), 1, "the late answer was it");
        tell.send(()).unwrap();
        assert_eq!(ask_again(&resolver, "exchange.example"), [ADDRESS]);
        assert_eq!(asked.load(Ordering::Acquire), 2, "and then the system is asked anew");
    }

    #[test]
    fn who_has_lost_patience_once_does_not_wait_again() {
        let (mut resolver, _, tell) = hanging();
        assert!(resolver.resolve(&endpoint("a.example")).is_err());
        // An hour: this test would not end.
        resolver.patience = Duration::from_secs(3_600);
        assert!(resolver.resolve(&endpoint("a.example")).is_err());
        drop(tell);
    }

    #[test]
    fn look_ups_that_hang_are_bounded() {
        let (resolver, asked, tell) = hanging();
        for nth in 0..2 * LOOK_UPS_MAX {
            assert!(resolver.resolve(&endpoint(&format!("h{nth}.example"))).is_err());
        }
        assert!(asked.load(Ordering::Acquire) <= u32::try_from(LOOK_UPS_MAX).unwrap());
        drop(tell);
    }

    #[test]
    fn what_the_system_says_is_passed_on() {
        let resolver = Resolver::new(|_, _| Err(io::Error::other("try again")));
        let failed = resolver.resolve(&endpoint("exchange.example")).unwrap_err();
        assert!(failed.to_string().contains("try again"), "{failed}");
        let none = Resolver::new(|_, _| Ok(Vec::new()));
        assert!(none.resolve(&endpoint("exchange.example")).is_err());
    }
}
