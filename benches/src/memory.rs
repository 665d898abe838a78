//! The memory of this process, as the kernel counts it. Linux only; elsewhere nothing is known.

/// The most bytes that were resident at once, mapped files included.
pub fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let number: u64 = kibibytes.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024)
}

/// Counts the peak from here on. Where that is not allowed, the peak stays that of the whole process.
pub fn forget_peak() {
    // "5" is what resets the peak: proc_pid_clear_refs(5).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
