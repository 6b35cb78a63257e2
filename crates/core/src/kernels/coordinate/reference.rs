//! The loops as one would write them on paper, on dense columns.

use crate::penalty::{Penalty, Steps};

/// `x` without its part along `direction`.
pub fn project(x: &[f64], direction: Option<&[f64]>) -> Vec<f64> {
    let Some(s) = direction else { return x.to_vec() };
    let mean = dot(x, s) / dot(s, s);
    x.iter().zip(s).map(|(x, s)| x - mean * s).collect()
}

/// One pass of coordinate descent over `columns`, each orthogonal to the direction already; see [`pass`](super::pass).
pub fn pass(columns: &[Vec<f64>], penalty: &dyn Penalty<f64>, factors: &[f64], w: &mut [f64], r: &mut [f64]) {
    for (j, x) in columns.iter().enumerate() {
        let norm = dot(x, x);
        if norm < 1e-20 {
            continue;
        }
        let mut new = [w[j] + dot(x, r) / norm];
        if factors[j] > 0.0 {
            penalty.prox(&mut new, Steps::Same(factors[j] / norm));
        }
        r.iter_mut().zip(x).for_each(|(r, x)| *r -= (new[0] - w[j]) * x);
        w[j] = new[0];
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
