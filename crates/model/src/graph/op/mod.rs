//! The operations, one file or entry for each.

mod activation;
mod batch_norm;
mod bias;
mod linear;
mod softmax;
mod sparse;
mod tied;

pub use linear::Weight;
pub(crate) use tied::TiedLinear;

use std::collections::BTreeMap;

use rarefy_core::matrix::Batch;
use serde_json::{Map, Value};

use crate::container::Tensor;
use crate::{Error, Result};

/// An operation and its numbers. `x` is the value read, per sample; `y` the value made.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Op {
    /// `y = W x`.
    Linear {
        /// `outputs × inputs`.
        weight: Weight,
    },
    /// `y = Wᵀ x` with the weight of an earlier node, which is stored there.
    TiedLinear {
        /// The node, from 0.
        of: usize,
    },
    /// `y = x + b`.
    Bias {
        /// `b`, one for each feature.
        values: Vec<f32>,
    },
    /// `y = max(x, 0)`.
    Relu,
    /// `y = x` where `x > 0`, else `slope · x`.
    LeakyRelu {
        /// The factor below zero.
        slope: f32,
    },
    /// `y = tanh(x)`.
    Tanh,
    /// `y = 1 / (1 + exp(−x))`.
    Sigmoid,
    /// `y = exp(x)`: what a linear model of logarithms answers.
    Exp,
    /// `y = x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`: GELU in Hendrycks and Gimpel's approximation, 2016.
    Gelu,
    /// `y_j = exp(x_j) / Σ_k exp(x_k)` over the features of each sample.
    Softmax,
    /// `y = x` where `x > threshold`, else 0.
    SparseRelu {
        /// 0 or above.
        threshold: f32,
    },
    /// `y = max(x − threshold, 0)`, the threshold learned.
    ShiftedRelu {
        /// The threshold.
        threshold: f32,
    },
    /// `y = tanh(x)` where `|x| > threshold`, else 0; if soft, `y = tanh(sign(x)·max(|x| − threshold, 0))`.
    SparseTanh {
        /// 0 or above.
        threshold: f32,
        /// Without a jump at the threshold.
        soft: bool,
    },
    /// `y = x` where it is one of the `k` largest of its sample, else 0; of equal ones the lower features are kept.
    KWinners {
        /// How many are kept, at least 1.
        k: usize,
    },
    /// The point of the simplex nearest to `x`: probabilities with exact zeros (Martins and Astudillo, 2016).
    Sparsemax,
    /// `y_j = max(x_j/2 − τ, 0)²` with the `τ` that makes the sum 1: 1.5-entmax (Peters, Niculae and Martins, 2019).
    Entmax15,
    /// `y = γ (x − mean) / √(variance + ε) + β`, with the statistics of training.
    BatchNorm {
        /// `γ`, one for each feature.
        gamma: Vec<f32>,
        /// `β`, one for each feature.
        beta: Vec<f32>,
        /// The mean of each feature.
        mean: Vec<f32>,
        /// The variance of each feature, ≥ 0.
        variance: Vec<f32>,
        /// `ε`, which keeps the root from zero.
        epsilon: f32,
    },
}

/// What each operation can tell and do.
pub(crate) trait Operator {
    /// Its name in artifacts.
    fn kind(&self) -> &'static str;
    /// Checks its numbers and returns how many features it makes of `inputs`; the error is the problem's text.
    fn outputs(&self, inputs: usize) -> std::result::Result<usize, String>;
    /// Its attributes and tensors, as an artifact keeps them.
    fn store(&self, _: &mut Parts) -> Result<()> {
        Ok(())
    }
    /// Computes `y`, which has the right shape and arbitrary content, from `x`.
    fn run(&self, x: &Batch, y: &mut Batch);
    /// Whether zeros in what it makes are worth counting.
    fn sparsifies(&self) -> bool {
        false
    }
    /// The trained numbers it holds.
    fn parameters(&self) -> usize {
        0
    }
    /// The kernel that runs it.
    fn kernel(&self) -> &'static str {
        "element-wise"
    }
}

/// Every operation's name in artifacts, and what makes it from its parts.
type Load = fn(&mut Parts) -> Result<Op>;
const KINDS: &[(&str, Load)] = &[
    (linear::KIND, linear::load),
    (tied::KIND, tied::load),
    (bias::KIND, bias::load),
    (activation::RELU, |_| Ok(Op::Relu)),
    (activation::LEAKY_RELU, activation::load_leaky_relu),
    (activation::TANH, |_| Ok(Op::Tanh)),
    (activation::SIGMOID, |_| Ok(Op::Sigmoid)),
    (activation::EXP, |_| Ok(Op::Exp)),
    (activation::GELU, |_| Ok(Op::Gelu)),
    (softmax::KIND, |_| Ok(Op::Softmax)),
    (sparse::SPARSE_RELU, sparse::load_sparse_relu),
    (sparse::SHIFTED_RELU, sparse::load_shifted_relu),
    (sparse::SPARSE_TANH, sparse::load_sparse_tanh),
    (sparse::K_WINNERS, sparse::load_k_winners),
    (sparse::SPARSEMAX, |_| Ok(Op::Sparsemax)),
    (sparse::ENTMAX, |_| Ok(Op::Entmax15)),
    (batch_norm::KIND, batch_norm::load),
];

impl Op {
    /// What this operation can tell and do.
    pub(crate) fn operator(&self) -> Box<dyn Operator + '_> {
        match self {
            Self::Linear { weight } => Box::new(linear::Linear(weight)),
            // Without its graph it cannot be run: see `Graph::operator`.
            Self::TiedLinear { of } => Box::new(tied::TiedLinear { of: *of, weight: None }),
            Self::Bias { values } => Box::new(bias::Bias(values)),
            Self::Relu => activation::relu(),
            Self::LeakyRelu { slope } => activation::leaky_relu(*slope),
            Self::Tanh => activation::tanh(),
            Self::Sigmoid => activation::sigmoid(),
            Self::Exp => activation::exp(),
            Self::Gelu => activation::gelu(),
            Self::Softmax => Box::new(softmax::Softmax),
            Self::SparseRelu { threshold } => sparse::sparse_relu(*threshold),
            Self::ShiftedRelu { threshold } => sparse::shifted_relu(*threshold),
            Self::SparseTanh { threshold, soft } => sparse::sparse_tanh(*threshold, *soft),
            Self::KWinners { k } => sparse::k_winners(*k),
            Self::Sparsemax => sparse::sparsemax(),
            Self::Entmax15 => sparse::entmax(),
            Self::BatchNorm { gamma, beta, mean, variance, epsilon } => {
                Box::new(batch_norm::BatchNorm { gamma, beta, mean, variance, epsilon: *epsilon })
            }
        }
    }

    /// The operation's name in artifacts and recipes.
    pub fn kind(&self) -> &'static str {
        self.operator().kind()
    }

    /// The weight matrix, of an operation that has one.
    pub fn weight(&self) -> Option<&Weight> {
        match self {
            Self::Linear { weight } => Some(weight),
            _ => None,
        }
    }
}

/// Makes the operation of that name from its parts, all of which must be used.
pub(crate) fn load(kind: &str, mut parts: Parts) -> Result<Op> {
    let Some((_, load)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        let known: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
        let problem = format!("unknown operation {kind:?}, expected one of: {}", known.join(", "));
        return Err(Error::manifest(format!("node {:?}", parts.node), problem));
    };
    let op = load(&mut parts)?;
    parts.finish()?;
    Ok(op)
}

/// An operation taken apart, as an artifact keeps it.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// The node's name, for errors and tensor names.
    pub node: String,
    /// Single numbers, in the manifest.
    pub attributes: Map<String, Value>,
    /// Numbers in bulk.
    pub tensors: BTreeMap<String, Tensor>,
}

impl Parts {
    /// The name of this node's tensor `part` in the file.
    pub fn tensor_name(&self, part: &str) -> String {
        format!("{}.{part}", self.node)
    }

    /// Adds a vector of floats.
    fn put_vector(&mut self, part: &str, values: &[f32]) -> Result<()> {
        self.tensors.insert(part.to_owned(), Tensor::from_f32(&[values.len()], values)?);
        Ok(())
    }

    /// Takes a tensor, with the name it has in the file.
    fn take(&mut self, part: &str) -> Result<(String, Tensor)> {
        let name = self.tensor_name(part);
        match self.tensors.remove(part) {
            Some(tensor) => Ok((name, tensor)),
            None => Err(Error::tensor(&name, "is missing")),
        }
    }

    /// Takes a vector of finite floats.
    fn take_vector(&mut self, part: &str) -> Result<Vec<f32>> {
        let (name, tensor) = self.take(part)?;
        if tensor.shape().len() != 1 {
            return Err(Error::tensor(&name, format!("shape {:?}, expected a vector", tensor.shape())));
        }
        tensor.to_finite_f32(&name)
    }

    /// Takes an attribute that `read` understands.
    fn take_attribute<T>(&mut self, key: &str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Result<T> {
        let wrong = |found: String| {
            Error::manifest(format!("node {:?}, {key:?}", self.node), format!("{found}, expected {expected}"))
        };
        let value = self.attributes.get(key).ok_or_else(|| wrong("is missing".to_owned()))?;
        let read = read(value).ok_or_else(|| wrong(format!("found {value}")))?;
        self.attributes.remove(key);
        Ok(read)
    }

    /// Takes a float.
    fn take_f32(&mut self, key: &str) -> Result<f32> {
        self.take_attribute(key, "a finite 32-bit number", |value| {
            value.as_f64().map(|v| v as f32).filter(|v| v.is_finite())
        })
    }

    /// Refuses what nobody took.
    fn finish(&self) -> Result<()> {
        if let Some(part) = self.tensors.keys().next() {
            return Err(Error::tensor(
                &self.tensor_name(part),
                "has no meaning for this operation, expected no such tensor",
            ));
        }
        if let Some(key) = self.attributes.keys().next() {
            let problem = "has no meaning for this operation, expected no such key";
            return Err(Error::manifest(format!("node {:?}, {key:?}", self.node), problem));
        }
        Ok(())
    }
}

/// Checks that there is one finite value for each feature.
fn check_vector(what: &str, values: &[f32], features: usize) -> std::result::Result<(), String> {
    if values.len() != features {
        return Err(format!("{what}{} values, expected one for each of {features} features", values.len()));
    }
    check_finite(what, values)
}

/// Checks that every value is finite.
fn check_finite(what: &str, values: &[f32]) -> std::result::Result<(), String> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(at) => {
            Err(format!("{what}a value that is not finite: entry {at} is {}, expected a finite number", values[at]))
        }
        None => Ok(()),
    }
}
