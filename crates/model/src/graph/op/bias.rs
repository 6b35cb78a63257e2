//! Bias: `y = x + b`.

use rarefy_core::matrix::Batch;

use super::{Op, Operator, Parts, check_vector};
use crate::Result;

pub const KIND: &str = "bias";

/// One number added to each feature.
pub struct Bias<'a>(pub &'a [f32]);

pub fn load(parts: &mut Parts) -> Result<Op> {
    Ok(Op::Bias { values: parts.take_vector("values")? })
}

impl Operator for Bias<'_> {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn outputs(&self, inputs: usize) -> std::result::Result<usize, String> {
        check_vector("holds ", self.0, inputs)?;
        Ok(inputs)
    }

    fn store(&self, parts: &mut Parts) -> Result<()> {
        parts.put_vector("values", self.0)
    }

    fn run(&self, x: &Batch, y: &mut Batch) {
        for (j, &b) in self.0.iter().enumerate() {
            for (y, &x) in y.row_mut(j).iter_mut().zip(x.row(j)) {
                *y = x + b;
            }
        }
    }

    fn parameters(&self) -> usize {
        self.0.len()
    }
}
