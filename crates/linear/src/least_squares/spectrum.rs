//! The ends of a symmetric matrix's spectrum, by Lanczos' process.
//!
//! From a random start, `k` products give the ends to a relative error of about `(ln n/k)²` even where eigenvalues lie close
//! (Kuczyński and Woźniakowski, *Estimating the largest eigenvalue by the power and Lanczos algorithms with a random start*, 1992); the power
//! method is only `ln n/k`. Orthogonality that is lost on the way repeats eigenvalues that have been found, and does not move them.

use crate::Result;
use rarefy_core::kernels::sweep::square;
use rarefy_core::random::Key;

/// Products at most.
const STEPS: usize = 60;
/// Relative change over eight products at which an end counts as found.
const SETTLED: f64 = 1e-6;

/// The smallest and the largest eigenvalue of the symmetric `n × n` matrix whose product with a vector `apply` writes; 0 for one without rows.
pub(super) fn ends(n: usize, mut apply: impl FnMut(&[f64], &mut [f64]) -> Result<()>) -> Result<(f64, f64)> {
    let mut random = Key::new(0, 0).stream(0);
    let mut v: Vec<f64> = (0..n).map(|_| f64::from(random.normal_f32())).collect();
    let length = square(&v).sqrt();
    v.iter_mut().for_each(|v| *v /= length);
    let (mut before, mut w) = (vec![0.0; n], vec![0.0; n]);
    let (mut diagonal, mut beside): (Vec<f64>, Vec<f64>) = (vec![], vec![]);
    let mut found = (0.0, 0.0);
    for k in 0..STEPS.min(n) {
        apply(&v, &mut w)?;
        let last = beside.last().copied().unwrap_or(0.0);
        w.iter_mut().zip(&before).for_each(|(w, b)| *w -= last * b);
        let alpha: f64 = w.iter().zip(&v).map(|(w, v)| w * v).sum();
        w.iter_mut().zip(&v).for_each(|(w, v)| *w -= alpha * v);
        diagonal.push(alpha);
        let beta = square(&w).sqrt();
        let size = diagonal.iter().chain(&beside).fold(0.0f64, |most, x| most.max(x.abs()));
        // Nothing new in the space: the ends in it are those of the matrix.
        let full = beta <= 1e-14 * size;
        if full || k % 8 == 7 || k + 1 == STEPS.min(n) {
            let now = (bisect(&diagonal, &beside, 0), bisect(&diagonal, &beside, diagonal.len() - 1));
            let settled = (now.0 - found.0).abs().max((now.1 - found.1).abs()) <= SETTLED * size;
            found = now;
            if full || settled {
                break;
            }
        }
        beside.push(beta);
        std::mem::swap(&mut before, &mut v);
        v.iter_mut().zip(&w).for_each(|(v, w)| *v = w / beta);
    }
    Ok(found)
}

/// Eigenvalue number `which`, from below, of a symmetric tridiagonal matrix, by Sturm's count of those below a number.
fn bisect(diagonal: &[f64], beside: &[f64], which: usize) -> f64 {
    let off = |i: usize| beside.get(i).map_or(0.0, |b| b.abs());
    let around = |i: usize| off(i) + if i > 0 { off(i - 1) } else { 0.0 };
    let below = |x: f64| {
        let mut pivot = 1.0;
        let mut count = 0;
        for (i, d) in diagonal.iter().enumerate() {
            let b = if i > 0 { off(i - 1) } else { 0.0 };
            pivot = d - x - b * b / pivot;
            if pivot == 0.0 {
                pivot = f64::MIN_POSITIVE.sqrt();
            }
            count += usize::from(pivot < 0.0);
        }
        count
    };
    let mut low = (0..diagonal.len()).map(|i| diagonal[i] - around(i)).fold(f64::INFINITY, f64::min);
    let mut high = (0..diagonal.len()).map(|i| diagonal[i] + around(i)).fold(f64::NEG_INFINITY, f64::max);
    // Each halving gives a bit; a double has 53, and some are lost to an end near 0.
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if below(middle) > which { high = middle } else { low = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second difference has eigenvalues `2 − 2cos(πk/(n + 1))`.
    #[test]
    fn ends_of_the_second_difference_are_known() {
        for n in [1, 2, 5, 40] {
            let (low, high) = ends(n, |v, out| {
                let at = |i: Option<usize>| i.and_then(|i| v.get(i)).copied().unwrap_or(0.0);
                (0..n).for_each(|i| out[i] = 2.0 * v[i] - at(i.checked_sub(1)) - at(Some(i + 1)));
                Ok(())
            })
            .unwrap();
            let value = |k: usize| 2.0 - 2.0 * (std::f64::consts::PI * k as f64 / (n as f64 + 1.0)).cos();
            assert!((low - value(1)).abs() < 1e-8 && (high - value(n)).abs() < 1e-8, "{n}: {low}, {high}");
        }
    }

    #[test]
    fn no_rows_and_zero_have_ends_at_zero() {
        assert_eq!(ends(0, |_, _| Ok(())).unwrap(), (0.0, 0.0));
        let (low, high) = ends(7, |_, out| {
            out.fill(0.0);
            Ok(())
        })
        .unwrap();
        assert!(low.abs() < 1e-300 && high.abs() < 1e-300);
    }
}
