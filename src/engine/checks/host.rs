//! The host: what the kernel says of cores, memory, interrupts, clock and network.
//!
//! In: the kernel's own files below a root, and the cores that hot threads are to have. Out:
//! findings; none refuses, since a slow host loses no money that limits do not bound. What cannot
//! be read here (a container, a virtual machine) is said to be so. Reads only.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::report::findings::Finding;
use crate::runtime::affinity::{describe, parse_core_list};

/// Interrupts looked at: more than the largest hosts have.
const IRQS_MAX: usize = 4_096;

/// The kernel's files.
pub(super) struct Host {
    root: PathBuf,
    hot: Vec<usize>,
}

impl Host {
    /// The files below `root`, for threads on the cores `hot`.
    pub(super) fn new(root: &Path, hot: Vec<usize>) -> Self {
        Self { root: root.to_owned(), hot }
    }

    /// Everything there is to say.
    pub(super) fn look(&self) -> Vec<Finding> {
        let mut found = vec![
            self.isolation(),
            self.governor(),
            self.huge_pages(),
            self.swap(),
            self.memory_lock(),
            self.interrupts(),
            self.clock_source(),
            self.idle_connections(),
        ];
        found.extend(self.network_cards());
        found
    }

    fn read(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(path)).ok()?;
        Some(text.trim().to_owned())
    }

    fn cores(&self, path: &str) -> Option<Vec<usize>> {
        self.read(path).map(|text| parse_core_list(&text).unwrap_or_default())
    }

    fn isolation(&self) -> Finding {
        let subject = "isolated cores";
        let remedy = "boot with isolcpus=, nohz_full= and rcu_nocbs= naming the hot cores, and \
                      name them in [cores] (tuning/README.md)";
        let Some(isolated) = self.cores("sys/devices/system/cpu/isolated") else {
            return unknown(subject);
        };
        let shared: Vec<usize> =
            self.hot.iter().copied().filter(|core| !isolated.contains(core)).collect();
        if isolated.is_empty() {
            return Finding::warn(subject, "none: others run where hot threads do", remedy);
        }
        if self.hot.is_empty() {
            let found = format!("{}, and [cores] names none", describe(&isolated));
            return Finding::warn(subject, found, remedy);
        }
        if shared.is_empty() {
            return Finding::ok(subject, describe(&isolated));
        }
        let found = format!("{}, but not {}", describe(&isolated), describe(&shared));
        Finding::warn(subject, found, remedy)
    }

    fn governor(&self) -> Finding {
        let subject = "governor";
        let mut governors = BTreeSet::new();
        for core in self.cores("sys/devices/system/cpu/online").unwrap_or_default() {
            let path = format!("sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor");
            governors.extend(self.read(&path));
        }
        let all = governors.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        match all.as_str() {
            "" => unknown(subject),
            "performance" => Finding::ok(subject, all),
            _ => Finding::warn(subject, all, "cpupower frequency-set -g performance"),
        }
    }

    fn huge_pages(&self) -> Finding {
        let subject = "transparent huge pages";
        let path = "sys/kernel/mm/transparent_hugepage/enabled";
        let Some(text) = self.read(path) else { return unknown(subject) };
        let chosen = text.split(['[', ']']).nth(1).unwrap_or_default().to_owned();
        if chosen == "always" {
            let remedy = format!("echo madvise > /{path}: the kernel compacts memory otherwise");
            return Finding::warn(subject, chosen, remedy);
        }
        Finding::ok(subject, chosen)
    }

    fn swap(&self) -> Finding {
        let subject = "swap";
        // The first line is the heading.
        match self.read("proc/swaps").map(|text| text.lines().count().saturating_sub(1)) {
            None => unknown(subject),
            Some(0) => Finding::ok(subject, "none"),
            Some(areas) => Finding::warn(
                subject,
                format!("{areas} areas"),
                "swapoff -a, or let the engine lock its memory (LimitMEMLOCK=infinity)",
            ),
        }
    }

    fn memory_lock(&self) -> Finding {
        let subject = "memory lock";
        let limits = self.read("proc/self/limits").unwrap_or_default();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"));
        match line.and_then(|line| line.split_whitespace().nth(1)) {
            None => unknown(subject),
            Some("unlimited") => Finding::ok(subject, "unlimited"),
            Some(bytes) => Finding::warn(
                subject,
                format!("at most {bytes} bytes"),
                "raise it: ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit",
            ),
        }
    }

    /// Interrupts that may be served where hot threads run.
    fn interrupts(&self) -> Finding {
        let subject = "interrupts";
        let Ok(listing) = fs::read_dir(self.root.join("proc/irq")) else {
            return unknown(subject);
        };
        if self.hot.is_empty() {
            return Finding::ok(subject, "not compared: [cores] names no hot core");
        }
        let mut strays = 0;
        for entry in listing.flatten().take(IRQS_MAX) {
            let list = entry.path().join("effective_affinity_list");
            let Ok(text) = fs::read_to_string(list) else { continue };
            let cores = parse_core_list(text.trim()).unwrap_or_default();
            strays += usize::from(cores.iter().any(|core| self.hot.contains(core)));
        }
        if strays == 0 {
            return Finding::ok(subject, "none on hot cores");
        }
        let remedy = "write other cores into /proc/irq/N/smp_affinity_list and stop irqbalance";
        Finding::warn(subject, format!("{strays} on hot cores"), remedy)
    }

    fn clock_source(&self) -> Finding {
        let subject = "clock source";
        let path = "sys/devices/system/clocksource/clocksource0/current_clocksource";
        match self.read(path).as_deref() {
            None | Some("") => unknown(subject),
            Some(
                source @ ("tsc" | "kvm-clock" | "arch_sys_counter" | "hyperv_clocksource_tsc_page"),
            ) => Finding::ok(subject, source),
            Some(other) => Finding::warn(
                subject,
                other,
                "boot with clocksource=tsc tsc=reliable: each reading is a system call otherwise",
            ),
        }
    }

    /// Order connections idle between signals.
    fn idle_connections(&self) -> Finding {
        let subject = "idle connections";
        match self.read("proc/sys/net/ipv4/tcp_slow_start_after_idle").as_deref() {
            None | Some("") => unknown(subject),
            Some("0") => Finding::ok(subject, "keep their congestion window"),
            Some(_) => Finding::warn(
                subject,
                "start slowly again",
                "sysctl -w net.ipv4.tcp_slow_start_after_idle=0",
            ),
        }
    }

    /// Every card that is up, with its queues and where they are served.
    fn network_cards(&self) -> Vec<Finding> {
        let Ok(listing) = fs::read_dir(self.root.join("sys/class/net")) else {
            return vec![unknown("network card")];
        };
        let mut names: Vec<String> = listing
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name != "lo")
            .collect();
        names.sort_unstable();
        let up = |name: &String| {
            let state = self.read(&format!("sys/class/net/{name}/operstate"));
            state.as_deref() == Some("up")
        };
        let mut found: Vec<Finding> =
            names.iter().filter(|name| up(name)).map(|name| self.network_card(name)).collect();
        if found.is_empty() {
            found.push(unknown("network card"));
        }
        found
    }

    fn network_card(&self, name: &str) -> Finding {
        let subject = "network card";
        let number = |path: &str| self.read(path).and_then(|text| text.parse::<u64>().ok());
        let queues = fs::read_dir(self.root.join(format!("sys/class/net/{name}/queues")));
        let queues = queues.map_or(0, |listing| {
            let receive =
                |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("rx-");
            listing.flatten().filter(receive).count()
        });
        let defer = number(&format!("sys/class/net/{name}/gro_flush_timeout")).unwrap_or(0);
        let poll = number("proc/sys/net/core/busy_poll").unwrap_or(0);
        let found = format!(
            "{name}: {queues} receive queues, busy poll {poll} us, GRO flush after {defer} ns"
        );
        if poll > 0 || defer == 0 {
            return Finding::ok(subject, found);
        }
        let remedy = format!("echo 0 > /sys/class/net/{name}/gro_flush_timeout, or poll busily");
        Finding::warn(subject, found, remedy)
    }
}

/// What is not to be read here.
fn unknown(subject: &'static str) -> Finding {
    Finding::ok(subject, "not to be read here")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::findings::Verdict;

    /// A root with these files.
    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[track_caller]
    fn finds(files: &[(&str, &str)], subject: &str, verdict: Verdict, part: &str) {
        let dir = root(files);
        let found = Host::new(dir.path(), vec![2, 3]).look();
        let finding = found.iter().find(|finding| finding.subject == subject).unwrap();
        assert_eq!(finding.verdict, verdict, "{finding}");
        assert!(finding.to_string().contains(part), "{finding}");
    }

    const CPU: &str = "sys/devices/system/cpu";

    #[test]
    fn hot_cores_must_be_isolated() {
        let isolated = format!("{CPU}/isolated");
        finds(&[(&isolated, "2-3\n")], "isolated cores", Verdict::Ok, "2-3");
        finds(&[(&isolated, "3\n")], "isolated cores", Verdict::Warn, "not 2");
        finds(&[(&isolated, "\n")], "isolated cores", Verdict::Warn, "isolcpus=");
        finds(&[], "isolated cores", Verdict::Ok, "not to be read");
    }

    #[test]
    fn one_core_with_another_governor_is_enough_to_warn() {
        let of = |core: u32| format!("{CPU}/cpu{core}/cpufreq/scaling_governor");
        let online = format!("{CPU}/online");
        let both = [(online.as_str(), "0-1"), (&of(0), "performance"), (&of(1), "powersave")];
        finds(&both, "governor", Verdict::Warn, "performance, powersave");
        finds(&both[..2], "governor", Verdict::Ok, "performance");
    }

    #[test]
    fn memory_clock_and_network_are_read_as_the_kernel_writes_them() {
        let thp = "sys/kernel/mm/transparent_hugepage/enabled";
        finds(
            &[(thp, "[always] madvise never")],
            "transparent huge pages",
            Verdict::Warn,
            "madvise",
        );
        finds(&[(thp, "always [madvise] never")], "transparent huge pages", Verdict::Ok, "madvise");
        let swaps = "Filename Type\n/dev/sda partition\n";
        finds(&[("proc/swaps", swaps)], "swap", Verdict::Warn, "1 areas");
        let lock = "Max locked memory         8388608              8388608              bytes\n";
        finds(&[("proc/self/limits", lock)], "memory lock", Verdict::Warn, "8388608");
        let source = "sys/devices/system/clocksource/clocksource0/current_clocksource";
        finds(&[(source, "hpet\n")], "clock source", Verdict::Warn, "clocksource=tsc");
        finds(&[(source, "tsc\n")], "clock source", Verdict::Ok, "tsc");
        let slow = "proc/sys/net/ipv4/tcp_slow_start_after_idle";
        finds(&[(slow, "1")], "idle connections", Verdict::Warn, "sysctl");
    }

    #[test]
    fn interrupts_and_network_cards_are_counted() {
        let irq = "proc/irq/24/effective_affinity_list";
        finds(&[(irq, "1-2\n")], "interrupts", Verdict::Warn, "1 on hot cores");
        finds(&[(irq, "0\n")], "interrupts", Verdict::Ok, "none on hot cores");
        let card = [
            ("sys/class/net/eth0/operstate", "up"),
            ("sys/class/net/eth0/queues/rx-0/rps_cpus", "0"),
            ("sys/class/net/eth0/queues/rx-1/rps_cpus", "0"),
            ("sys/class/net/eth0/gro_flush_timeout", "20000"),
            ("sys/class/net/eth1/operstate", "down"),
        ];
        finds(&card, "network card", Verdict::Warn, "eth0: 2 receive queues");
        finds(&card[..3], "network card", Verdict::Ok, "busy poll 0 us");
    }
}
