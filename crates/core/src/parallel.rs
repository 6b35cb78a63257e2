//! Threads that share work by numbered tasks.
//!
//! [`run`] calls a closure once per task number, on all configured threads. Callers cut their work into tasks by size, never
//! by the number of threads, and write disjoint outputs: so any number of threads gives the same bits.
//!
//! The pool is our own because training at 98 % sparsity opens a parallel region every 50 µs: its workers spin for a
//! moment before they sleep, so that the next region need not wake them.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering};
//! let sum = AtomicU64::new(0);
//! rarefy_core::parallel::run(10, |task| { sum.fetch_add(task as u64, Ordering::Relaxed); });
//! assert_eq!(sum.into_inner(), 45);
//! ```

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

/// How long a worker spins for the next job before it sleeps. Longer than any gap between two kernels of a training
/// step, shorter than anybody would notice.
const SPIN: Duration = Duration::from_micros(200);

thread_local! {
    /// Set while this thread runs tasks: a nested [`run`] then works in place.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Threads that [`run`] uses: what [`set_threads`] asked for, otherwise what the machine offers.
pub fn threads() -> usize {
    // Asked once: the answer takes the system tens of microseconds, as it reads the limits of the process's control group.
    static OFFERED: OnceLock<usize> = OnceLock::new();
    match THREADS.load(Ordering::Relaxed) {
        0 => *OFFERED.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from)),
        n => n,
    }
}

/// Sets the number of threads for the whole process; 0 means what the machine offers.
pub fn set_threads(n: usize) {
    THREADS.store(n, Ordering::Relaxed);
}

/// Calls `body(task)` once for each task in `0..tasks`, in no particular order, and returns when all are done.
///
/// A nested call, and a call while another thread holds the pool, runs its tasks in place. A panic in a task is passed
/// on to the caller after the other tasks have ended.
pub fn run(tasks: usize, body: impl Fn(usize) + Sync) {
    let threads = threads().min(tasks);
    if threads <= 1 || INSIDE.get() {
        return (0..tasks).for_each(body);
    }
    let Ok(mut pool) = pool().try_lock() else { return (0..tasks).for_each(body) };
    pool.grow(threads - 1);
    pool.run(threads - 1, tasks, &body);
}

/// Does `work` on this thread alone: every [`run`] in it is done in place. For many independent jobs at once, each on a thread of
/// its own, which is faster than sharing the pool; the bits are the same.
///
/// ```
/// let sum: usize = rarefy_core::parallel::in_place(|| (1..=4).sum());
/// assert_eq!(sum, 10);
/// ```
pub fn in_place<R>(work: impl FnOnce() -> R) -> R {
    /// Puts the flag back, also when the work panics.
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            INSIDE.set(self.0);
        }
    }
    let _back = Back(INSIDE.replace(true));
    work()
}

/// Whether this thread works alone: inside [`in_place`], or in a task of [`run`].
pub fn is_in_place() -> bool {
    INSIDE.get()
}

/// Cuts `0..len` into tasks of `chunk` items and calls `body` with each range; see [`run`].
pub fn run_chunks(len: usize, chunk: usize, body: impl Fn(std::ops::Range<usize>) + Sync) {
    run(len.div_ceil(chunk), |task| body(task * chunk..((task + 1) * chunk).min(len)));
}

/// A mutable slice from which tasks borrow disjoint parts.
pub struct Shared<T>(*mut T, usize);

// SAFETY: `Shared` hands out references only through `range`, whose caller promises disjointness.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Shares `slice` between the tasks of one [`run`].
    pub fn new(slice: &mut [T]) -> Self {
        Self(slice.as_mut_ptr(), slice.len())
    }

    /// The start of the slice, for kernels that write blocks with a stride.
    pub(crate) fn pointer(&self) -> *mut T {
        self.0
    }

    /// The part `range` of the slice.
    ///
    /// # Safety
    /// The slice given to [`Shared::new`] is still alive, and no other part that is in use overlaps `range`.
    ///
    /// # Panics
    /// When `range` does not lie in the slice.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn range(&self, range: std::ops::Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.1, "part {range:?} of a slice of {}", self.1);
        // SAFETY: inside the slice by the assertion; alive and not aliased by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(range.start), range.len()) }
    }
}

/// A counter in a cache line (and its prefetched neighbour) of its own.
#[repr(align(128))]
struct Padded(AtomicUsize);

/// What all threads of one job see.
struct Job {
    /// The caller's closure, its lifetime erased: the caller does not return before every worker has left the job.
    body: *const (dyn Fn(usize) + Sync),
    tasks: usize,
    /// The next task of each thread's own share: shares lie in the order of the threads, so that a thread meets the memory again
    /// that it had in the job before.
    next: Box<[Padded]>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `body` points to a `Sync` closure that outlives the job.
unsafe impl Send for Job {}
// SAFETY: as above.
unsafe impl Sync for Job {}

impl Job {
    /// Where the share of thread `number` begins; that of the last ends where one more would begin.
    fn start(&self, number: usize) -> usize {
        (number * self.tasks) / self.next.len()
    }

    /// Takes the tasks of the share of thread `number`, then what is left of the others'.
    fn work(&self, number: usize) {
        INSIDE.set(true);
        let done = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: the caller of `Pool::run` keeps the closure alive until all workers have left.
            let body = unsafe { &*self.body };
            for share in (number..self.next.len()).chain(0..number) {
                let end = self.start(share + 1);
                loop {
                    let task = self.next[share].0.fetch_add(1, Ordering::Relaxed);
                    if task >= end {
                        break;
                    }
                    body(task);
                }
            }
        }));
        INSIDE.set(false);
        if let Err(cause) = done {
            *self.panic.lock().unwrap_or_else(|p| p.into_inner()) = Some(cause);
        }
    }
}

/// The mailbox of one worker.
struct Desk {
    /// True while the worker owes work on `job`.
    busy: AtomicBool,
    asleep: AtomicBool,
    job: Mutex<Option<Arc<Job>>>,
    bell: Condvar,
}

impl Desk {
    fn job(&self) -> MutexGuard<'_, Option<Arc<Job>>> {
        self.job.lock().unwrap_or_else(|p| p.into_inner())
    }

    /// The worker's life: spin for a job, then sleep for one, work, repeat.
    fn serve(&self, number: usize) {
        loop {
            let idle = Instant::now();
            while !self.busy.load(Ordering::Acquire) && idle.elapsed() < SPIN {
                for _ in 0..32 {
                    std::hint::spin_loop();
                }
            }
            let mut slot = self.job();
            while slot.is_none() {
                self.asleep.store(true, Ordering::Relaxed);
                slot = self.bell.wait(slot).unwrap_or_else(|p| p.into_inner());
            }
            self.asleep.store(false, Ordering::Relaxed);
            let job = slot.take();
            drop(slot);
            if let Some(job) = job {
                job.work(number);
            }
            self.busy.store(false, Ordering::Release);
        }
    }
}

#[derive(Default)]
struct Pool {
    desks: Vec<Arc<Desk>>,
}

fn pool() -> &'static Mutex<Pool> {
    static POOL: OnceLock<Mutex<Pool>> = OnceLock::new();
    POOL.get_or_init(Mutex::default)
}

impl Pool {
    /// Makes sure that there are `workers` workers, as far as the system gives threads.
    fn grow(&mut self, workers: usize) {
        while self.desks.len() < workers {
            let desk = Arc::new(Desk {
                busy: AtomicBool::new(false),
                asleep: AtomicBool::new(false),
                job: Mutex::new(None),
                bell: Condvar::new(),
            });
            let (own, number) = (Arc::clone(&desk), self.desks.len() + 1);
            let name = format!("rarefy-{number}");
            if std::thread::Builder::new().name(name).spawn(move || own.serve(number)).is_err() {
                break;
            }
            self.desks.push(desk);
        }
    }

    fn run(&mut self, workers: usize, tasks: usize, body: &(dyn Fn(usize) + Sync)) {
        // SAFETY: only the lifetime changes; this function returns after every worker has left the job.
        let body = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(body) };
        let desks = &self.desks[..workers.min(self.desks.len())];
        let starts = (0..=desks.len()).map(|share| Padded(AtomicUsize::new(share * tasks / (desks.len() + 1))));
        let job = Arc::new(Job { body, tasks, next: starts.collect(), panic: Mutex::new(None) });
        for desk in desks {
            let mut slot = desk.job();
            *slot = Some(Arc::clone(&job));
            desk.busy.store(true, Ordering::Release);
            if desk.asleep.load(Ordering::Relaxed) {
                desk.bell.notify_one();
            }
        }
        job.work(0);
        for desk in desks {
            // A worker that has not picked the job up yet need not: its tasks are done.
            if desk.job().take().is_some() {
                desk.busy.store(false, Ordering::Release);
            }
            let mut spins = 0u32;
            while desk.busy.load(Ordering::Acquire) {
                spins += 1;
                if spins.is_multiple_of(4096) {
                    std::thread::yield_now();
                }
                std::hint::spin_loop();
            }
        }
        let panic = job.panic.lock().unwrap_or_else(|p| p.into_inner()).take();
        if let Some(cause) = panic {
            resume_unwind(cause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests share the process-wide number of threads.
    static ALONE: Mutex<()> = Mutex::new(());

    fn count(counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn every_task_runs_once_on_any_number_of_threads() {
        let _alone = ALONE.lock();
        for threads in [1, 2, 3, 8] {
            set_threads(threads);
            for tasks in [0, 1, 2, 7, 1000] {
                let seen: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                run(tasks, |t| {
                    seen[t].fetch_add(1, Ordering::Relaxed);
                });
                assert!(seen.iter().all(|s| s.load(Ordering::Relaxed) == 1), "{threads} threads, {tasks} tasks");
            }
        }
        set_threads(0);
    }

    #[test]
    fn nested_and_simultaneous_calls_end() {
        let total = AtomicUsize::new(0);
        std::thread::scope(|s| {
            for _ in 0..8 {
                s.spawn(|| {
                    for _ in 0..200 {
                        run(4, |_| run(4, |_| count(&total)));
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 8 * 200 * 16);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let caught = catch_unwind(|| run(64, |t| assert_ne!(t, 13, "unlucky")));
        assert!(caught.is_err());
        let done = AtomicUsize::new(0);
        run(64, |_| count(&done));
        assert_eq!(done.into_inner(), 64);
    }

    #[test]
    fn work_in_place_stays_on_its_thread() {
        let me = std::thread::current().id();
        let done = AtomicUsize::new(0);
        in_place(|| {
            run(64, |_| {
                assert_eq!(std::thread::current().id(), me);
                count(&done);
            });
            assert!(is_in_place());
        });
        assert!(!is_in_place() && done.into_inner() == 64);
    }

    #[test]
    fn workers_wake_from_sleep() {
        for _ in 0..20 {
            std::thread::sleep(SPIN * 3);
            let done = AtomicUsize::new(0);
            run(16, |_| count(&done));
            assert_eq!(done.into_inner(), 16);
        }
    }
}
