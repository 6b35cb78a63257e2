//! The formulas as one would write them on paper, in `f64`; the fast kernels are compared with these.

use crate::random::Key;

/// `max(x, 0)`
pub fn relu(x: f64) -> f64 {
    if x > 0.0 { x } else { 0.0 }
}

/// `dy` where `y > 0`
pub fn relu_backward(y: f64, dy: f64) -> f64 {
    if y > 0.0 { dy } else { 0.0 }
}

/// `x` where `x > 0`, else `slope·x`
pub fn leaky_relu(x: f64, slope: f64) -> f64 {
    if x > 0.0 { x } else { slope * x }
}

/// `dy` where `y > 0`, else `slope·dy`
pub fn leaky_relu_backward(y: f64, dy: f64, slope: f64) -> f64 {
    if y > 0.0 { dy } else { slope * dy }
}

/// `dy·(1 − y²)`
pub fn tanh_backward(y: f64, dy: f64) -> f64 {
    dy * (1.0 - y * y)
}

/// `1/(1 + e⁻ˣ)`
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `dy·y·(1 − y)`
pub fn sigmoid_backward(y: f64, dy: f64) -> f64 {
    dy * y * (1.0 - y)
}

/// `x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))`
pub fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + gelu_inner(x).tanh())
}

/// `dy·gelu′(x)`
pub fn gelu_backward(x: f64, dy: f64) -> f64 {
    let t = gelu_inner(x).tanh();
    let slope = (2.0 / std::f64::consts::PI).sqrt() * (1.0 + 3.0 * 0.044715 * x * x);
    dy * (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * slope)
}

fn gelu_inner(x: f64) -> f64 {
    (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))
}

/// `eˣ / Σ eˣ` of one sample.
pub fn softmax(x: &[f64]) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let e: Vec<f64> = x.iter().map(|x| (x - largest).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.iter().map(|e| e / sum).collect()
}

/// `y·(dy − Σ y·dy)` of one sample.
pub fn softmax_backward(y: &[f64], dy: &[f64]) -> Vec<f64> {
    let dot: f64 = y.iter().zip(dy).map(|(y, dy)| y * dy).sum();
    y.iter().zip(dy).map(|(y, dy)| y * (dy - dot)).collect()
}

/// What [`dropout`](super::dropout()) multiplies feature `feature` of sample `row` with.
pub fn dropout_factor(rate: f32, key: Key, step: u64, row: u64, feature: usize) -> f32 {
    let words = key.block(step, row << 32 | (feature / 8) as u64);
    let draw = words[feature % 8 / 2] >> (16 * (feature % 2)) & 0xFFFF;
    if draw < super::dropout::threshold(rate) { 0.0 } else { 1.0 / (1.0 - rate) }
}

/// `tanh x` where `|x| > threshold`, else 0; soft: of `x` moved towards 0 by the threshold.
pub fn sparse_tanh(x: f64, threshold: f64, soft: bool) -> f64 {
    if x.abs() <= threshold {
        return 0.0;
    }
    if soft { (x - threshold * x.signum()).tanh() } else { x.tanh() }
}

/// `dy·(1 − y²)` where `y ≠ 0`
pub fn sparse_tanh_backward(y: f64, dy: f64) -> f64 {
    if y == 0.0 { 0.0 } else { tanh_backward(y, dy) }
}

/// The `k` largest of one sample, ties by the lower feature, else 0.
pub fn k_winners(x: &[f64], k: usize) -> Vec<f64> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&a, &b| x[b].total_cmp(&x[a])); // stable
    let mut y = vec![0.0; x.len()];
    order[..k.min(x.len())].iter().for_each(|&j| y[j] = x[j]);
    y
}

/// `max((α − 1)·z − τ, 0)^(1/(α − 1))` of one sample, `τ` found by halving an interval: `α = 2` is sparsemax.
pub fn entmax(z: &[f64], alpha: f64) -> Vec<f64> {
    let of = |tau: f64| z.iter().map(move |z| ((alpha - 1.0) * z - tau).max(0.0).powf(1.0 / (alpha - 1.0)));
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max) * (alpha - 1.0);
    let (mut low, mut high) = (largest - 1.0, largest);
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if of(middle).sum::<f64>() > 1.0 { low = middle } else { high = middle }
    }
    of(low).collect()
}

/// The gradient of the input of [`entmax`] by its definition: `(diag(s) − s sᵀ/Σ s)·dy`, `s = y^(2 − α)` on the nonzeros.
pub fn entmax_backward(y: &[f64], dy: &[f64], alpha: f64) -> Vec<f64> {
    let s: Vec<f64> = y.iter().map(|&y| if y > 0.0 { y.powf(2.0 - alpha) } else { 0.0 }).collect();
    let mean = s.iter().zip(dy).map(|(s, dy)| s * dy).sum::<f64>() / s.iter().sum::<f64>();
    s.iter().zip(dy).map(|(s, dy)| s * (dy - mean)).collect()
}
