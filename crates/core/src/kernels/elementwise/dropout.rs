//! Dropout whose mask is a function of counters.

use super::FLOATS;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::matrix::Batch;
use crate::parallel::{self, Shared};
use crate::random::Key;

/// Features that one block of random words decides: 16 bits each.
const GROUP: usize = 8;

/// Samples that are drawn at a time.
const LINE: usize = 16;

/// Sets each activation to zero with probability `rate`, and multiplies the others by `1/(1 − rate)`.
///
/// Whether feature `j` of sample `s` is dropped depends on `key`, `step`, `first_row + s` (the sample's number) and `j` only:
/// 16 of the bits of `key.block(step, (first_row + s)·2³² + j/8)`. So the backward pass is the same call on the gradient, and
/// no mask is ever stored. `rate` counts in multiples of 2⁻¹⁶. Row numbers repeat after 2³².
///
/// # Panics
/// Unless `0 ≤ rate < 1`.
pub fn dropout(y: &mut Batch, rate: f32, key: Key, step: u64, first_row: u64) {
    assert!((0.0..1.0).contains(&rate), "dropout rate {rate} outside [0, 1)");
    if rate == 0.0 {
        return;
    }
    let (stride, width) = (y.stride(), y.width());
    let limit = threshold(rate);
    let factor = 1.0 / (1.0 - rate);
    let out = Shared::new(y.data_mut());
    let rows_per_task = (FLOATS / stride).next_multiple_of(GROUP).max(GROUP);
    parallel::run_chunks(y.features(), rows_per_task, |rows| {
        let first = rows.start;
        // SAFETY: tasks own disjoint rows, and the slice outlives the call.
        let y = unsafe { out.range(rows.start * stride..rows.end * stride) };
        dispatch(Drop { y, first, stride, width, limit, factor, key, step, first_row });
    });
}

/// Draws below this are dropped.
pub(super) fn threshold(rate: f32) -> u32 {
    (rate * 65536.0).round() as u32
}

/// The rows of one task, `first` (a multiple of [`GROUP`]) being the feature of the first.
struct Drop<'a> {
    y: &'a mut [f32],
    first: usize,
    stride: usize,
    width: usize,
    limit: u32,
    factor: f32,
    key: Key,
    step: u64,
    first_row: u64,
}

impl Kernel for Drop<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { y, first, stride, width, limit, factor, key, step, first_row } = self;
        // Plain loops over 16 lanes: the compiler turns them, the rounds of the generator included, into vectors of `S`.
        for (g, rows) in y.chunks_mut(GROUP * stride).enumerate() {
            let group = (first / GROUP + g) as u64;
            for at in (0..width).step_by(LINE) {
                let mut words = [[0u32; LINE]; 4];
                for lane in 0..LINE {
                    let row = first_row.wrapping_add((at + lane) as u64);
                    let block = key.block(step, row << 32 | group);
                    for (word, random) in words.iter_mut().zip(block) {
                        word[lane] = random;
                    }
                }
                for (j, row) in rows.chunks_exact_mut(stride).enumerate() {
                    let shift = 16 * (j as u32 % 2);
                    for (y, word) in row[at..at + LINE].iter_mut().zip(words[j / 2]) {
                        *y *= if (word >> shift) & 0xFFFF < limit { 0.0 } else { factor };
                    }
                }
            }
        }
    }
}
