//! Tied linear: `y = Wᵀ x` with the weight of an earlier node, which is stored there, once.

use rarefy_core::matrix::Batch;

use super::{Op, Operator, Parts, Weight};
use crate::Result;

pub const KIND: &str = "tied-linear";

/// A weight of another node that multiplies transposed.
pub struct TiedLinear<'a> {
    /// The node.
    pub of: usize,
    /// Its weight, if it is an earlier node that has one.
    pub weight: Option<&'a Weight>,
}

pub fn load(parts: &mut Parts) -> Result<Op> {
    let of = parts.take_attribute("of", "a whole number", |value| usize::try_from(value.as_u64()?).ok())?;
    Ok(Op::TiedLinear { of })
}

impl Operator for TiedLinear<'_> {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn outputs(&self, inputs: usize) -> std::result::Result<usize, String> {
        let Some(weight) = self.weight else {
            return Err(format!("shares the weight of node {}, expected an earlier node that has one", self.of));
        };
        if weight.outputs() != inputs {
            let expects = weight.outputs();
            return Err(format!(
                "the transposed weight takes {expects} features, but the value read has {inputs}; expected the same"
            ));
        }
        Ok(weight.inputs())
    }

    fn store(&self, parts: &mut Parts) -> Result<()> {
        parts.attributes.insert("of".to_owned(), self.of.into());
        Ok(())
    }

    fn run(&self, x: &Batch, y: &mut Batch) {
        (0..y.features()).for_each(|j| y.row_mut(j).fill(0.0));
        let mut add = |j: usize, w: f32, x: &[f32]| {
            y.row_mut(j).iter_mut().zip(x).for_each(|(y, x)| *y += w * x);
        };
        match self.weight {
            Some(Weight::Dense(w)) => {
                for i in 0..w.rows() {
                    w.row(i).iter().enumerate().for_each(|(j, &w)| add(j, w, x.row(i)));
                }
            }
            Some(Weight::Sparse(w)) => {
                for i in 0..w.rows() {
                    let (indices, values) = w.row(i);
                    indices.iter().zip(values).for_each(|(&j, &w)| add(j as usize, w, x.row(i)));
                }
            }
            None => {}
        }
    }

    fn kernel(&self) -> &'static str {
        match self.weight {
            Some(Weight::Sparse(_)) => "sparse columns",
            _ => "dense columns",
        }
    }
}
