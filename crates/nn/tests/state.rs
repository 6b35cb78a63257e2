//! Memory of the training state, counted by the allocator: at 95 % sparsity at least 8 times less than dense Adam's 12 bytes a
//! weight.

use rarefy_nn::Net;
use rarefy_nn::net::Build;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the bytes that are taken and not given back.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is the system allocator's; counting does not touch memory.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn state_at_95_percent_is_an_eighth_of_dense_adams() {
    let build = Build { density: 0.05, ..Build::default() };
    let before = HELD.load(Ordering::Relaxed);
    let network = Net::new(1024).linear(1024).relu().linear(1024).build(&build).unwrap();
    let held = HELD.load(Ordering::Relaxed) - before;
    let dense = 12 * 2 * 1024 * 1024;
    println!("{held} bytes held, {:.2} times less than {dense}", dense as f64 / held as f64);
    assert!(held * 8 <= dense, "{held} bytes held, {} counted", network.state_bytes());
    // What reports tell is what is held, but for boxes and capacities.
    assert!(network.state_bytes() <= held && held <= network.state_bytes() * 21 / 20);
}
