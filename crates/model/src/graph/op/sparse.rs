//! Activations and probabilities with exact zeros, by the kernels that training uses.

use rarefy_core::kernels::elementwise::{self, Entmax};
use rarefy_core::matrix::Batch;
use serde_json::Value;

use super::{Op, Operator, Parts};
use crate::Result;

pub const SPARSE_RELU: &str = "sparse-relu";
pub const SHIFTED_RELU: &str = "shifted-relu";
pub const SPARSE_TANH: &str = "sparse-tanh";
pub const K_WINNERS: &str = "k-winners";
pub const SPARSEMAX: &str = "sparsemax";
pub const ENTMAX: &str = "entmax-1.5";

/// An operation that a kernel does in place.
struct InPlace<F> {
    kind: &'static str,
    attributes: Vec<(&'static str, Value)>,
    /// What is wrong with its attributes.
    problem: Option<String>,
    kernel: F,
}

fn in_place<'a, F: Fn(&mut Batch) + 'a>(
    kind: &'static str,
    attributes: Vec<(&'static str, Value)>,
    problem: Option<String>,
    kernel: F,
) -> Box<dyn Operator + 'a> {
    Box::new(InPlace { kind, attributes, problem, kernel })
}

/// The problem of a threshold that is not finite or, unless `any`, below 0.
fn check_threshold(threshold: f32, any: bool) -> Option<String> {
    let good = threshold.is_finite() && (any || threshold >= 0.0);
    let expected = if any { "a finite number" } else { "a finite number, 0 or above" };
    (!good).then(|| format!("threshold {threshold}, expected {expected}"))
}

/// The attribute `threshold`.
fn threshold_attribute(threshold: f32) -> (&'static str, Value) {
    ("threshold", f64::from(threshold).into())
}

pub fn sparse_relu<'a>(threshold: f32) -> Box<dyn Operator + 'a> {
    let (attribute, problem) = (threshold_attribute(threshold), check_threshold(threshold, false));
    in_place(SPARSE_RELU, vec![attribute], problem, move |y| elementwise::sparse_relu(y, threshold))
}

pub fn load_sparse_relu(parts: &mut Parts) -> Result<Op> {
    Ok(Op::SparseRelu { threshold: parts.take_f32("threshold")? })
}

pub fn shifted_relu<'a>(threshold: f32) -> Box<dyn Operator + 'a> {
    let (attribute, problem) = (threshold_attribute(threshold), check_threshold(threshold, true));
    in_place(SHIFTED_RELU, vec![attribute], problem, move |y| {
        elementwise::add_bias_relu(y, &vec![-threshold; y.features()]);
    })
}

pub fn load_shifted_relu(parts: &mut Parts) -> Result<Op> {
    Ok(Op::ShiftedRelu { threshold: parts.take_f32("threshold")? })
}

pub fn sparse_tanh<'a>(threshold: f32, soft: bool) -> Box<dyn Operator + 'a> {
    let attributes = vec![threshold_attribute(threshold), ("soft", soft.into())];
    let problem = check_threshold(threshold, false);
    in_place(SPARSE_TANH, attributes, problem, move |y| elementwise::sparse_tanh(y, threshold, soft))
}

pub fn load_sparse_tanh(parts: &mut Parts) -> Result<Op> {
    let threshold = parts.take_f32("threshold")?;
    Ok(Op::SparseTanh { threshold, soft: parts.take_attribute("soft", "true or false", Value::as_bool)? })
}

pub fn k_winners<'a>(k: usize) -> Box<dyn Operator + 'a> {
    let problem = (k == 0).then(|| "keeps 0 features, expected at least 1".to_owned());
    in_place(K_WINNERS, vec![("k", k.into())], problem, move |y| elementwise::k_winners(y, k))
}

pub fn load_k_winners(parts: &mut Parts) -> Result<Op> {
    let k = parts.take_attribute("k", "a whole number", |value| usize::try_from(value.as_u64()?).ok())?;
    Ok(Op::KWinners { k })
}

pub fn sparsemax<'a>() -> Box<dyn Operator + 'a> {
    in_place(SPARSEMAX, Vec::new(), None, |y| elementwise::entmax(Entmax::Sparsemax, y))
}

pub fn entmax<'a>() -> Box<dyn Operator + 'a> {
    in_place(ENTMAX, Vec::new(), None, |y| elementwise::entmax(Entmax::OneAndAHalf, y))
}

impl<F: Fn(&mut Batch)> Operator for InPlace<F> {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn outputs(&self, inputs: usize) -> std::result::Result<usize, String> {
        self.problem.clone().map_or(Ok(inputs), Err)
    }

    fn store(&self, parts: &mut Parts) -> Result<()> {
        let attributes = self.attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        parts.attributes.extend(attributes);
        Ok(())
    }

    fn run(&self, x: &Batch, y: &mut Batch) {
        y.data_mut().copy_from_slice(x.data());
        (self.kernel)(y);
    }

    fn parameters(&self) -> usize {
        // The threshold of a shifted ReLU is learned.
        usize::from(self.kind == SHIFTED_RELU)
    }
}
