//! What the tests of kernels share: every instruction set in turn, any number of threads, random operands.

use super::{Isa, isa, set_isa};
use crate::matrix::Batch;
use crate::parallel;
use crate::random::Key;
use std::sync::{Mutex, MutexGuard};

/// Instruction set and number of threads belong to the process: one such test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Puts the instruction set back, also when a test fails.
struct Restore(Isa);

impl Drop for Restore {
    fn drop(&mut self) {
        set_isa(self.0);
        parallel::set_threads(0);
    }
}

/// Runs `test` on every instruction set that this processor has.
pub(crate) fn on_every_isa(mut test: impl FnMut()) {
    let _alone = alone();
    let _restore = Restore(isa());
    for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
        set_isa(isa);
        test();
    }
}

/// Checks that `result` has the same bits on 1, 2 and 3 threads, on every instruction set.
pub(crate) fn same_bits_on_any_threads(mut result: impl FnMut() -> Vec<f32>) {
    on_every_isa(|| {
        parallel::set_threads(1);
        let one = bits(&result());
        for threads in [2, 3] {
            parallel::set_threads(threads);
            assert!(bits(&result()) == one, "{threads} threads on {}", isa().name());
        }
        parallel::set_threads(0);
    });
}

/// The bits of floats, for comparisons to the last one.
pub(crate) fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// `n` numbers in `[-1, 1)`.
pub(crate) fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut random = Key::new(seed, 0).stream(0);
    (0..n).map(|_| random.uniform_f32() * 2.0 - 1.0).collect()
}

/// A batch in `[-size, size)`, rubbish in its padding as in activations.
pub(crate) fn activations(features: usize, len: usize, size: f32, seed: u64) -> Batch {
    let mut batch = Batch::zeros(features, len).unwrap();
    let numbers = numbers(batch.data().len(), seed);
    batch.data_mut().iter_mut().zip(numbers).for_each(|(to, x)| *to = x * size);
    batch
}

/// A batch in `[-1, 1)`, zero in its padding as in gradients.
pub(crate) fn gradient(features: usize, len: usize, seed: u64) -> Batch {
    let mut batch = activations(features, len, 1.0, seed);
    let stride = batch.stride();
    for row in batch.data_mut().chunks_exact_mut(stride) {
        row[len..].fill(0.0);
    }
    batch
}

/// Checks that the padding of a gradient is zero.
pub(crate) fn assert_padding_zero(batch: &Batch) {
    for row in batch.data().chunks_exact(batch.stride()) {
        assert!(row[batch.len()..].iter().all(|&x| x == 0.0), "padding {:?}", &row[batch.len()..]);
    }
}

/// Checks that `found` is `expected` up to `tolerance`, relative above 1 and absolute below.
pub(crate) fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (&f, &e)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f - e).abs() <= tolerance * e.abs().max(1.0),
            "{what}: {f} instead of {e} at {at} on {}",
            isa().name()
        );
    }
}

/// [`assert_close`] for the samples of two batches, padding aside.
pub(crate) fn assert_batches_close(found: &Batch, expected: &Batch, tolerance: f32, what: &str) {
    assert_eq!((found.features(), found.len()), (expected.features(), expected.len()), "{what}");
    for j in 0..found.features() {
        assert_close(found.row(j), expected.row(j), tolerance, what);
    }
}

/// The lanes of a batch that hold samples, row by row.
pub(crate) fn samples(batch: &Batch) -> Vec<f32> {
    (0..batch.features()).flat_map(|j| batch.row(j).to_vec()).collect()
}
