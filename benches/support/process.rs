//! What the kernel tells about a process, and where it runs.

use std::process::{Command, Stdio};

/// User and system time of a process or thread so far, in microseconds (fields 14 and 15 of its `stat`, 100 ticks a second).
pub(crate) fn cpu_micros(stat: &str) -> u64 {
    let stat = std::fs::read_to_string(stat).expect("the contestant runs");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a comm").split_whitespace().collect();
    let ticks = |i: usize| fields[i].parse::<u64>().expect("a number");
    (ticks(11) + ticks(12)) * 10_000
}

/// Memory of a process in KiB, as its `status` names it (proc(5)).
pub(crate) fn memory(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// Keeps this process on one core.
pub(crate) fn pin(core: &str) {
    let own = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-a", "-p", "-c", core, &own]).stdout(Stdio::null()).status();
    assert!(pinned.is_ok_and(|s| s.success()), "taskset pins the load to a core");
}
