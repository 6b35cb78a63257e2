//! Anderson extrapolation: a combination of the last points at which the residual of a fixed-point iteration would be least.
//!
//! With the differences `dₖ = wₖ₊₁ − wₖ` of consecutive points, `c = argmin ‖Σcₖdₖ‖²` under `Σcₖ = 1` solves `(DᵀD)c ∝ 1`, and the point is
//! `Σcₖwₖ₊₁`. Bertrand and Massias, *Anderson acceleration of coordinate descent*, 2021.

/// Differences that one extrapolation looks at.
pub(super) const DEPTH: usize = 5;

/// The last points.
#[derive(Debug, Default)]
pub(super) struct History {
    points: Vec<Vec<f64>>,
}

impl History {
    /// Adds a point; once there are enough, forgets them and returns their extrapolation, unless they say nothing.
    pub fn push(&mut self, w: &[f64]) -> Option<Vec<f64>> {
        self.points.push(w.to_vec());
        if self.points.len() <= DEPTH {
            return None;
        }
        let points = std::mem::take(&mut self.points);
        let differences: Vec<Vec<f64>> =
            points.windows(2).map(|pair| pair[1].iter().zip(&pair[0]).map(|(b, a)| b - a).collect()).collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut system = [[0.0; DEPTH + 1]; DEPTH];
        for (i, row) in system.iter_mut().enumerate() {
            (0..DEPTH).for_each(|j| row[j] = dot(&differences[i], &differences[j]));
            row[DEPTH] = 1.0;
        }
        // Differences are nearly parallel: a little on the diagonal keeps the combination small.
        let trace: f64 = (0..DEPTH).map(|i| system[i][i]).sum();
        (0..DEPTH).for_each(|i| system[i][i] += 1e-12 * trace);
        let c = eliminate(system)?;
        let sum: f64 = c.iter().sum();
        if sum == 0.0 || !sum.is_finite() {
            return None;
        }
        let mut w = vec![0.0; w.len()];
        for (c, point) in c.iter().zip(&points[1..]) {
            w.iter_mut().zip(point).for_each(|(w, p)| *w += c / sum * p);
        }
        Some(w)
    }

    /// Begins anew at `w`.
    pub fn restart(&mut self, w: &[f64]) {
        self.points.clear();
        self.points.push(w.to_vec());
    }
}

/// Solves a small system, its right side being the last column; `None` if it is singular.
fn eliminate(mut a: [[f64; DEPTH + 1]; DEPTH]) -> Option<[f64; DEPTH]> {
    for i in 0..DEPTH {
        let pivot = (i..DEPTH).max_by(|&p, &q| a[p][i].abs().total_cmp(&a[q][i].abs()))?;
        a.swap(i, pivot);
        if a[i][i] == 0.0 || !a[i][i].is_finite() {
            return None;
        }
        let row = a[i];
        for other in (0..DEPTH).filter(|&k| k != i) {
            let factor = a[other][i] / row[i];
            (i..=DEPTH).for_each(|k| a[other][k] -= factor * row[k]);
        }
    }
    Some(std::array::from_fn(|i| a[i][DEPTH] / a[i][i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a linear iteration on one number fewer than differences, the extrapolation is the fixed point.
    #[test]
    fn a_linear_iteration_is_solved_at_once() {
        let rates = [0.9, 0.8, 0.6, 0.4];
        let mut history = History::default();
        let mut w: Vec<f64> = vec![1.0, -2.0, 3.0, 0.5];
        let mut found = None;
        for _ in 0..=DEPTH {
            assert!(found.is_none());
            found = history.push(&w);
            // The fixed point is 7 everywhere.
            w.iter_mut().zip(rates).for_each(|(w, rate)| *w = 7.0 + rate * (*w - 7.0));
        }
        let found = found.unwrap();
        assert!(found.iter().all(|w| (w - 7.0).abs() < 1e-2), "{found:?}");
    }

    #[test]
    fn points_that_do_not_move_say_nothing() {
        let mut history = History::default();
        assert!((0..20).all(|_| history.push(&[1.0, 2.0]).is_none()));
    }
}
