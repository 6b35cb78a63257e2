//! What work costs: seconds on the clock, seconds of processor time, and joules where the machine tells.
//!
//! Joules come from the processor's own counters (RAPL), which many systems let only the superuser read; then there are
//! none, and processor time is the measure of energy that remains.
//!
//! ```
//! let meter = rarefy_core::clock::Meter::start();
//! let cost = meter.cost();
//! assert!(cost.seconds >= 0.0 && cost.cpu_seconds >= 0.0);
//! ```

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::parallel;

/// What some work cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Seconds on the clock.
    pub seconds: f64,
    /// Seconds of processor time, summed over all threads of the process; of this thread alone where work is done
    /// [in place](crate::parallel::in_place), so that jobs side by side are not charged for each other.
    pub cpu_seconds: f64,
    /// Energy of all processor packages, other programs included; `None` where it cannot be read or is shared with jobs side by
    /// side.
    pub joules: Option<f64>,
}

impl Cost {
    /// What sums start from.
    pub const ZERO: Self = Self { seconds: 0.0, cpu_seconds: 0.0, joules: Some(0.0) };
}

impl std::ops::AddAssign for Cost {
    /// Costs add up; energy is unknown as soon as that of a part is.
    fn add_assign(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.cpu_seconds += other.cpu_seconds;
        self.joules = self.joules.zip(other.joules).map(|(a, b)| a + b);
    }
}

/// Measures a [`Cost`] from [`Meter::start`] on.
#[derive(Debug, Clone)]
pub struct Meter {
    start: Instant,
    cpu: f64,
    /// Whether this thread alone is measured.
    alone: bool,
    counters: Vec<Counter>,
}

impl Meter {
    /// Starts to measure.
    pub fn start() -> Self {
        let alone = parallel::is_in_place();
        let counters = if alone { Vec::new() } else { Counter::all(Path::new("/sys/class/powercap")) };
        Self { counters, start: Instant::now(), cpu: cpu_seconds(alone), alone }
    }

    /// Seconds on the clock since the start: the part of the cost that costs nothing to read.
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// The cost since the start.
    pub fn cost(&self) -> Cost {
        let microjoules = self.counters.iter().map(Counter::used).sum::<Option<u64>>();
        Cost {
            seconds: self.seconds(),
            cpu_seconds: (cpu_seconds(self.alone) - self.cpu).max(0.0),
            joules: microjoules.filter(|_| !self.counters.is_empty()).map(|used| used as f64 * 1e-6),
        }
    }
}

/// Processor time that all threads of this process have used, in seconds; 0 where the system does not tell.
pub fn process_cpu_seconds() -> f64 {
    cpu_seconds(false)
}

/// Processor time of this thread, or of all threads of the process, in seconds; 0 where the system does not tell.
fn cpu_seconds(this_thread: bool) -> f64 {
    #[cfg(unix)]
    {
        let clock = if this_thread { libc::CLOCK_THREAD_CPUTIME_ID } else { libc::CLOCK_PROCESS_CPUTIME_ID };
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a timespec for the call to write to.
        if unsafe { libc::clock_gettime(clock, &mut time) } == 0 {
            return time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9;
        }
    }
    0.0
}

/// The energy counter of one processor package, which starts again at 0 beyond its range.
#[derive(Debug, Clone)]
struct Counter {
    file: PathBuf,
    start: u64,
    range: u64,
}

impl Counter {
    /// All counters under `folder`, or none if one of them cannot be read: half a machine's energy is no measure.
    fn all(folder: &Path) -> Vec<Self> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let package = |name: &str| name.strip_prefix("intel-rapl:").is_some_and(|number| !number.contains(':'));
        let packages = entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(package));
        let counters: Option<Vec<_>> = packages.map(|entry| Self::open(&entry.path())).collect();
        counters.unwrap_or_default()
    }

    fn open(package: &Path) -> Option<Self> {
        let file = package.join("energy_uj");
        Some(Self { start: read(&file)?, range: read(&package.join("max_energy_range_uj"))?, file })
    }

    /// Microjoules since it was opened.
    fn used(&self) -> Option<u64> {
        let now = read(&self.file)?;
        Some(if now >= self.start { now - self.start } else { (now + self.range).saturating_sub(self.start) })
    }
}

/// The number in a file of one number.
fn read(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_processor_time() {
        let meter = Meter::start();
        let mut x = 1u64;
        while meter.start.elapsed().as_millis() < 20 {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
        let cost = meter.cost();
        assert!(cost.seconds >= 0.02 && cost.cpu_seconds > 0.0, "{cost:?}");
    }

    #[test]
    fn jobs_side_by_side_are_not_charged_for_each_other() {
        let spin = |milliseconds| {
            let start = Instant::now();
            while start.elapsed().as_millis() < milliseconds {
                std::hint::spin_loop();
            }
        };
        let idle = std::thread::scope(|scope| {
            scope.spawn(|| spin(60));
            parallel::in_place(|| {
                let meter = Meter::start();
                std::thread::sleep(std::time::Duration::from_millis(60));
                meter.cost()
            })
        });
        assert!(idle.cpu_seconds < 0.02 && idle.joules.is_none(), "{idle:?}");
    }

    #[test]
    fn counters_are_summed_and_may_start_again() -> std::io::Result<()> {
        let folder = std::env::temp_dir().join(format!("rarefy-clock-{}", std::process::id()));
        for (name, energy) in [("intel-rapl:0", "90"), ("intel-rapl:1", "10"), ("intel-rapl:0:0", "x")] {
            std::fs::create_dir_all(folder.join(name))?;
            std::fs::write(folder.join(name).join("energy_uj"), energy)?;
            std::fs::write(folder.join(name).join("max_energy_range_uj"), "100\n")?;
        }
        let counters = Counter::all(&folder);
        std::fs::write(folder.join("intel-rapl:0/energy_uj"), "5")?;
        std::fs::write(folder.join("intel-rapl:1/energy_uj"), "17")?;
        let used: Option<u64> = counters.iter().map(Counter::used).sum();
        std::fs::remove_dir_all(&folder)?;
        assert_eq!((counters.len(), used), (2, Some(15 + 7)));
        Ok(())
    }
}
