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
