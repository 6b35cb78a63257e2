//! Batch norm with the statistics of training: an affine function of each feature.

use rarefy_core::matrix::Batch;

use super::{Op, Operator, Parts, check_vector};
use crate::Result;

pub const KIND: &str = "batch-norm";

/// `y = γ (x − mean) / √(variance + ε) + β`.
pub struct BatchNorm<'a> {
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    pub mean: &'a [f32],
    pub variance: &'a [f32],
    pub epsilon: f32,
}

pub fn load(parts: &mut Parts) -> Result<Op> {
    Ok(Op::BatchNorm {
        gamma: parts.take_vector("gamma")?,
        beta: parts.take_vector("beta")?,
        mean: parts.take_vector("mean")?,
        variance: parts.take_vector("variance")?,
        epsilon: parts.take_f32("epsilon")?,
    })
}

impl Operator for BatchNorm<'_> {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn outputs(&self, inputs: usize) -> std::result::Result<usize, String> {
        check_vector("gamma holds ", self.gamma, inputs)?;
        check_vector("beta holds ", self.beta, inputs)?;
        check_vector("mean holds ", self.mean, inputs)?;
        check_vector("variance holds ", self.variance, inputs)?;
        // Also refuses an epsilon that is NaN or infinite.
        let wrong = |v: f32| v < 0.0 || !(v + self.epsilon > 0.0 && (v + self.epsilon).is_finite());
        match self.variance.iter().position(|&v| wrong(v)) {
            Some(j) => {
                let (v, e) = (self.variance[j], self.epsilon);
                Err(format!("feature {j} has variance {v} with epsilon {e}, expected variance ≥ 0 and a sum > 0"))
            }
            None => Ok(inputs),
        }
    }

    fn store(&self, parts: &mut Parts) -> Result<()> {
        parts.put_vector("gamma", self.gamma)?;
        parts.put_vector("beta", self.beta)?;
        parts.put_vector("mean", self.mean)?;
        parts.put_vector("variance", self.variance)?;
        parts.attributes.insert("epsilon".to_owned(), f64::from(self.epsilon).into());
        Ok(())
    }

    fn run(&self, x: &Batch, y: &mut Batch) {
        for j in 0..x.features() {
            let scale = self.gamma[j] / (self.variance[j] + self.epsilon).sqrt();
            let (mean, beta) = (self.mean[j], self.beta[j]);
            for (y, &x) in y.row_mut(j).iter_mut().zip(x.row(j)) {
                *y = (x - mean) * scale + beta;
            }
        }
    }

    fn parameters(&self) -> usize {
        self.gamma.len() + self.beta.len()
    }
}
