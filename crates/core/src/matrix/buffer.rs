//! Memory for activations: zeroed floats, aligned to cache lines, on huge pages where the system gives them.

use crate::{Error, Result};
use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;

/// Size from which memory is laid on huge pages. Kernels read rows of a batch in random order: with 4 KiB pages a batch of
/// 1024 features needs 144 entries of the first-level address cache, which has 64; huge pages make the sparse
/// kernels 12–20 % faster (`cargo bench -p rarefy-core`).
const HUGE_FROM: usize = 128 * 1024;

/// A huge page of x86-64 and of most other 64-bit systems.
const HUGE: usize = 2 * 1024 * 1024;

/// Floats that never move, zero at first.
#[derive(Debug)]
pub(super) struct Buffer {
    start: NonNull<f32>,
    len: usize,
    layout: Option<Layout>,
}

// SAFETY: a `Buffer` owns its memory like a `Vec<f32>`.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `len` zeros.
    pub(super) fn zeros(len: usize) -> Result<Self> {
        let bytes = len.saturating_mul(4);
        let memory = Error::Memory { what: "batch of activations", bytes };
        if bytes == 0 {
            return Ok(Self { start: NonNull::dangling(), len, layout: None });
        }
        let align = if bytes >= HUGE_FROM { HUGE } else { 64 };
        let layout = Layout::from_size_align(bytes, align).map_err(|_| memory.clone())?.pad_to_align();
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { alloc(layout) }.cast::<f32>()).ok_or(memory)?;
        ask_for_huge_pages(start, layout);
        // SAFETY: the allocation holds `len` floats; zeroed only now, so that its pages are made after the advice.
        unsafe { start.as_ptr().write_bytes(0, len) };
        Ok(Self { start, len, layout: Some(layout) })
    }

    pub(super) fn as_slice(&self) -> &[f32] {
        // SAFETY: `len` initialised floats that this buffer owns.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as in `as_slice`, and the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }

    /// Floats that fit without another allocation.
    pub(super) fn capacity(&self) -> usize {
        self.layout.map_or(0, |layout| layout.size() / 4)
    }

    /// Makes it `len` zeros, within its capacity.
    pub(super) fn reuse(&mut self, len: usize) {
        assert!(len <= self.capacity(), "{len} floats in room for {}", self.capacity());
        // SAFETY: the allocation holds `capacity` floats.
        unsafe { self.start.as_ptr().write_bytes(0, len) };
        self.len = len;
    }
}

impl Clone for Buffer {
    /// # Panics
    /// When there is no memory, as a `Vec` does.
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len).unwrap_or_else(|e| panic!("{e}"));
        copy.as_mut_slice().copy_from_slice(self.as_slice());
        copy
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(layout) = self.layout {
            // SAFETY: allocated with this layout in `zeros`.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) }
        }
    }
}

/// Advises the system; refusal only costs speed.
#[cfg(target_os = "linux")]
fn ask_for_huge_pages(start: NonNull<f32>, layout: Layout) {
    if layout.align() == HUGE {
        // SAFETY: the range is an allocation of ours, aligned to pages and a whole number of them.
        unsafe { libc::madvise(start.as_ptr().cast(), layout.size(), libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages(_: NonNull<f32>, _: Layout) {}
