//! Long work that can be watched and cancelled.
//!
//! Work that takes more than a moment takes a `&dyn Progress`: it says what it starts and how far it is, and asks
//! between steps whether it should stop. `&()` watches nothing and never cancels; [`Cancel`] only cancels.
//!
//! ```
//! use rarefy_core::progress::{Cancel, Progress};
//! fn count(to: u64, progress: &dyn Progress) -> u64 {
//!     progress.start("counting", to);
//!     let mut n = 0;
//!     while n < to && !progress.cancelled() {
//!         n += 1;
//!         progress.advance(n, "");
//!     }
//!     progress.finish();
//!     n
//! }
//! assert_eq!(count(3, &()), 3);
//! let cancel = Cancel::new();
//! cancel.cancel();
//! assert_eq!(count(3, &cancel), 0);
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What long work reports to. Every method does nothing unless it is overridden.
///
/// Calls come from the thread that drives the work, `cancelled` possibly from others.
pub trait Progress: Send + Sync {
    /// Work named `what` begins and will take `total` steps; 0 when nobody knows.
    fn start(&self, _what: &str, _total: u64) {}

    /// `done` steps in all are behind; `note` is a few words to show beside them, such as the loss.
    fn advance(&self, _done: u64, _note: &str) {}

    /// The work has ended, by itself or because it was cancelled.
    fn finish(&self) {}

    /// Whether the work should stop at the next point where its state is whole.
    fn cancelled(&self) -> bool {
        false
    }
}

impl Progress for () {}

/// A switch that stops work. Clones share it: keep one in the signal handler and hand another to the work.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A switch that is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Switches it on, for all clones and for good. Safe in a signal handler: one atomic store.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether some clone was switched on.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for signal handlers that set a flag of their own accord.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Progress for Cancel {
    fn cancelled(&self) -> bool {
        self.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_clone_cancels_all() {
        let cancel = Cancel::new();
        let (shared, watched): (Cancel, &dyn Progress) = (cancel.clone(), &cancel);
        assert!(!watched.cancelled());
        std::thread::spawn(move || shared.cancel()).join().unwrap();
        assert!(watched.cancelled());
    }

    #[test]
    fn the_flag_is_the_switch() {
        let cancel = Cancel::new();
        cancel.flag().store(true, Ordering::Relaxed);
        assert!(cancel.is_cancelled());
    }
}
