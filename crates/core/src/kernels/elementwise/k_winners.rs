//! The k largest activations of each sample.

use crate::kernels::samples::{per_sample, rows};
use crate::matrix::Batch;

/// A number whose order as an integer is that of the floats; −0 is 0, and what is not a number comes last, so that it is kept
/// and noticed.
fn key(x: f32) -> u32 {
    let bits = (x + 0.0).to_bits();
    match (x.is_nan(), bits >> 31) {
        (true, _) => u32::MAX,
        (_, 0) => bits | 1 << 31,
        _ => !bits,
    }
}

/// `y ← y` where it is one of the `k` largest of its sample, else 0; of equal ones, those of the lower features are kept.
///
/// One pass over the samples finds the k-th largest of each by selection, in time proportional to the features, another
/// applies it.
pub fn k_winners(y: &mut Batch, k: usize) {
    if k >= y.features() {
        return;
    }
    // The smallest that is kept, and the last feature at which that value is.
    let least = per_sample(y, |_, column| {
        if k == 0 {
            return (f32::INFINITY, 0);
        }
        let mut keys: Vec<u32> = column.iter().map(|&x| key(x)).collect();
        let at = keys.len() - k;
        let (_, &mut least, above) = keys.select_nth_unstable(at);
        let ties = k - above.iter().filter(|&&key| key > least).count();
        let last = column.iter().enumerate().filter(|&(_, &x)| key(x) == least).nth(ties - 1);
        last.map_or((f32::NAN, 0), |(j, &x)| (x, j))
    });
    rows(y, |j, row| {
        for (y, &(least, last)) in row.iter_mut().zip(&least) {
            if *y < least || *y == least && (j > last || k == 0) {
                *y = 0.0;
            }
        }
    });
}

/// `dy ← dy` where `y ≠ 0`, else 0; `y` is the output of [`k_winners`].
///
/// # Panics
/// Unless both have the same shape.
pub fn k_winners_backward(y: &Batch, dy: &mut Batch) {
    assert_eq!((y.features(), y.len()), (dy.features(), dy.len()), "shapes of element-wise operands");
    rows(dy, |j, row| {
        for (dy, &y) in row.iter_mut().zip(y.row(j)) {
            if y == 0.0 {
                *dy = 0.0;
            }
        }
    });
}
