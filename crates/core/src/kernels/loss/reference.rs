//! The losses of one sample as one would write them on paper, in `f64`: value and gradient.

/// `ln Σ eᶻ − z_y`, and `softmax(z) − onehot(y)`.
pub fn softmax_cross_entropy(z: &[f64], class: usize) -> (f64, Vec<f64>) {
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = z.iter().map(|z| (z - largest).exp()).sum();
    let gradient = z.iter().enumerate().map(|(j, z)| (z - largest).exp() / sum - f64::from(u8::from(j == class)));
    (largest + sum.ln() - z[class], gradient.collect())
}

/// `½‖z − t‖²`, and `z − t`.
pub fn squared_error(z: &[f64], t: &[f64]) -> (f64, Vec<f64>) {
    let gradient: Vec<f64> = z.iter().zip(t).map(|(z, t)| z - t).collect();
    (gradient.iter().map(|d| 0.5 * d * d).sum(), gradient)
}

/// `Σ ln(1 + eᶻ) − z·t`, and `σ(z) − t`.
pub fn binary_cross_entropy(z: &[f64], t: &[f64]) -> (f64, Vec<f64>) {
    let softplus = |z: f64| z.max(0.0) + (-z.abs()).exp().ln_1p();
    let loss = z.iter().zip(t).map(|(&z, t)| softplus(z) - z * t).sum();
    (loss, z.iter().zip(t).map(|(z, t)| 1.0 / (1.0 + (-z).exp()) - t).collect())
}

/// `pᵀz + H(p) − z_y` with the α-entmax probabilities `p`, and `p − onehot(y)`.
pub fn entmax_loss(z: &[f64], class: usize, alpha: f64) -> (f64, Vec<f64>) {
    let mut p = crate::kernels::elementwise::reference::entmax(z, alpha);
    let entropy = p.iter().map(|p| p - p.powf(alpha)).sum::<f64>() / (alpha * (alpha - 1.0));
    let loss = p.iter().zip(z).map(|(p, z)| p * z).sum::<f64>() + entropy - z[class];
    p[class] -= 1.0;
    (loss, p)
}

/// The first of the largest; what is not a number never wins.
pub fn argmax(z: &[f32]) -> u32 {
    let mut best = 0;
    for (j, &x) in z.iter().enumerate() {
        if x > z[best] || z[best].is_nan() && !x.is_nan() {
            best = j;
        }
    }
    best as u32
}
