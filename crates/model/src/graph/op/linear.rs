//! Linear: `y = W x`, the weight stored sparse or dense.

use rarefy_core::matrix::{Batch, Csr, Dense};

use super::{Op, Operator, Parts, check_finite};
use crate::container::Tensor;
use crate::{Error, Result};

pub const KIND: &str = "linear";

/// A weight matrix, `outputs × inputs`.
#[derive(Debug, Clone, PartialEq)]
pub enum Weight {
    /// Every entry stored.
    Dense(Dense<f32>),
    /// Entries of the pattern stored, row by row.
    Sparse(Csr<f32>),
}

impl Weight {
    /// Number of output features (rows).
    pub fn outputs(&self) -> usize {
        match self {
            Self::Dense(w) => w.rows(),
            Self::Sparse(w) => w.rows(),
        }
    }

    /// Number of input features (columns).
    pub fn inputs(&self) -> usize {
        match self {
            Self::Dense(w) => w.cols(),
            Self::Sparse(w) => w.cols(),
        }
    }

    /// Entries that may be nonzero: those stored of a sparse weight, those not zero of a dense one.
    pub fn nnz(&self) -> usize {
        match self {
            Self::Dense(w) => w.count_nonzero(),
            Self::Sparse(w) => w.nnz(),
        }
    }

    /// `dense` or `unstructured`.
    pub fn structure(&self) -> &'static str {
        match self {
            Self::Dense(_) => "dense",
            Self::Sparse(_) => "unstructured",
        }
    }

    /// The numbers that are stored.
    fn stored(&self) -> &[f32] {
        match self {
            Self::Dense(w) => w.data(),
            Self::Sparse(w) => w.values(),
        }
    }
}

/// A weight that multiplies.
pub struct Linear<'a>(pub &'a Weight);

/// Parts of a dense weight: `weight`, outputs × inputs. Of a sparse one: the attribute `inputs`, and `values`, `indices`
/// and `row-lengths`, indices and lengths in 16 bits where the number of inputs allows.
pub fn load(parts: &mut Parts) -> Result<Op> {
    if parts.tensors.contains_key("weight") {
        let (name, tensor) = parts.take("weight")?;
        let [outputs, inputs] = *tensor.shape() else {
            return Err(Error::tensor(&name, format!("shape {:?}, expected outputs × inputs", tensor.shape())));
        };
        return Ok(Op::Linear { weight: Weight::Dense(Dense::new(outputs, inputs, tensor.to_finite_f32(&name)?)?) });
    }
    let inputs = parts.take_attribute("inputs", "a whole number", |value| usize::try_from(value.as_u64()?).ok())?;
    let values = parts.take_vector("values")?;
    let (name, tensor) = parts.take("indices")?;
    let indices = tensor.to_u32(&name)?;
    let (name, tensor) = parts.take("row-lengths")?;
    let mut indptr = tensor.to_u32(&name)?;
    let outputs = indptr.len();
    // From lengths to ends, in place; then the first start in front.
    let mut end = 0u32;
    for (row, length) in indptr.iter_mut().enumerate() {
        end = end
            .checked_add(*length)
            .ok_or_else(|| Error::tensor(&name, format!("row {row}: the lengths add up to more than 32 bits hold")))?;
        *length = end;
    }
    indptr.insert(0, 0);
    let weight = Csr::new(outputs, inputs, indptr, indices, values)
        .map_err(|e| Error::manifest(format!("node {:?}", parts.node), e.to_string()))?;
    Ok(Op::Linear { weight: Weight::Sparse(weight) })
}

impl Operator for Linear<'_> {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn outputs(&self, inputs: usize) -> std::result::Result<usize, String> {
        let (outputs, expects) = (self.0.outputs(), self.0.inputs());
        if expects != inputs {
            return Err(format!(
                "the weight takes {expects} features, but the value read has {inputs}; expected the same"
            ));
        }
        if outputs == 0 {
            return Err("the weight has no row, expected at least one output".to_owned());
        }
        check_finite("the weight holds ", self.0.stored())?;
        Ok(outputs)
    }

    fn store(&self, parts: &mut Parts) -> Result<()> {
        let mut put = |part: &str, tensor| parts.tensors.insert(part.to_owned(), tensor);
        match self.0 {
            Weight::Dense(w) => {
                put("weight", Tensor::from_f32(&[w.rows(), w.cols()], w.data())?);
            }
            Weight::Sparse(w) => {
                let lengths: Vec<u32> = w.indptr().windows(2).map(|ends| ends[1] - ends[0]).collect();
                put("row-lengths", Tensor::from_indices(&lengths, w.cols())?);
                put("indices", Tensor::from_indices(w.indices(), w.cols().saturating_sub(1))?);
                put("values", Tensor::from_f32(&[w.nnz()], w.values())?);
                parts.attributes.insert("inputs".to_owned(), w.cols().into());
            }
        }
        Ok(())
    }

    fn run(&self, x: &Batch, y: &mut Batch) {
        match self.0 {
            Weight::Dense(w) => {
                for i in 0..w.rows() {
                    weighted_sum(y.row_mut(i), w.row(i).iter().enumerate().map(|(j, &w)| (w, x.row(j))));
                }
            }
            Weight::Sparse(w) => {
                for i in 0..w.rows() {
                    let (indices, values) = w.row(i);
                    weighted_sum(y.row_mut(i), values.iter().zip(indices).map(|(&w, &j)| (w, x.row(j as usize))));
                }
            }
        }
    }

    fn parameters(&self) -> usize {
        self.0.stored().len()
    }

    fn kernel(&self) -> &'static str {
        match self.0 {
            Weight::Dense(_) => "dense rows",
            Weight::Sparse(_) => "sparse rows",
        }
    }
}

/// `y = Σ w x` over pairs of a weight and a feature's samples.
fn weighted_sum<'a>(y: &mut [f32], terms: impl Iterator<Item = (f32, &'a [f32])>) {
    y.fill(0.0);
    for (w, x) in terms {
        for (y, &x) in y.iter_mut().zip(x) {
            *y += w * x;
        }
    }
}
