//! How much memory this process may still take.

/// Bytes that this process can still get: the least of what the machine has left, what its control groups allow and what its
/// limit on address space leaves. `None` where the system tells none of them.
///
/// ```
/// if let Some(bytes) = rarefy_core::memory::available() {
///     assert!(bytes > 0);
/// }
/// ```
pub fn available() -> Option<u64> {
    [machine(), control_groups(), address_space()].into_iter().flatten().min()
}

/// What the machine can give without swapping.
fn machine() -> Option<u64> {
    kibibytes(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

/// The number in kB after `key` at the start of a line, in bytes.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// What the control groups of this process leave, from its own up to the root: limits hold for all below.
fn control_groups() -> Option<u64> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let roots = own.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        match controllers {
            "" => Some(("/sys/fs/cgroup", path, "memory.max", "memory.current", "memory.stat")),
            c if c.split(',').any(|c| c == "memory") => {
                Some(("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"))
            }
            _ => None,
        }
    });
    let mut least = None;
    for (root, path, limit, usage, stat) in roots {
        let mut folder = std::path::PathBuf::from(root).join(path.trim_start_matches('/'));
        loop {
            // "max" is no number, and no limit.
            let number = |name: &str| std::fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
            if let (Some(limit), Some(usage)) = (number(limit), number(usage)) {
                // Files in the page cache count as used, but give way.
                let cache = std::fs::read_to_string(folder.join(stat)).ok().and_then(|stat| inactive_file(&stat));
                let left = limit.saturating_sub(usage.saturating_sub(cache.unwrap_or(0)));
                least = Some(least.map_or(left, |l: u64| l.min(left)));
            }
            if folder == std::path::Path::new(root) || !folder.pop() {
                break;
            }
        }
    }
    least
}

/// `inactive_file` of a control group's statistics.
fn inactive_file(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("inactive_file "))?.trim().parse().ok()
}

/// What the limit on address space leaves.
fn address_space() -> Option<u64> {
    #[cfg(unix)]
    {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is an rlimit for the call to write to.
        let found = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) } == 0;
        if found && limit.rlim_cur != libc::RLIM_INFINITY {
            let used = kibibytes(&std::fs::read_to_string("/proc/self/status").ok()?, "VmSize:")?;
            return Some(limit.rlim_cur.saturating_sub(used));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_keys() {
        let text = "MemTotal:  9 kB\nMemAvailable:       7 kB\n";
        assert_eq!(kibibytes(text, "MemAvailable:"), Some(7 * 1024));
        assert_eq!(kibibytes(text, "MemFree:"), None);
        assert_eq!(inactive_file("anon 1\ninactive_file 4096\n"), Some(4096));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_running_program_has_some_memory_left() {
        assert!(available().is_some_and(|bytes| bytes > 1 << 20));
    }
}
