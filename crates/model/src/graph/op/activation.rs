//! Element-wise operations: `y = f(x)`, one feature at a time.

use rarefy_core::matrix::Batch;

use super::{Op, Operator, Parts};
use crate::Result;

pub const RELU: &str = "relu";
pub const LEAKY_RELU: &str = "leaky-relu";
pub const TANH: &str = "tanh";
pub const SIGMOID: &str = "sigmoid";
pub const EXP: &str = "exp";
pub const GELU: &str = "gelu";

/// An operation that is one function of one number.
struct Map<F> {
    kind: &'static str,
    slope: Option<f32>,
    function: F,
}

/// An activation without attributes.
fn map<'a, F: Fn(f32) -> f32 + 'a>(kind: &'static str, function: F) -> Box<dyn Operator + 'a> {
    Box::new(Map { kind, slope: None, function })
}

pub fn relu<'a>() -> Box<dyn Operator + 'a> {
    map(RELU, |x| if x > 0.0 { x } else { 0.0 })
}

pub fn leaky_relu<'a>(slope: f32) -> Box<dyn Operator + 'a> {
    Box::new(Map { kind: LEAKY_RELU, slope: Some(slope), function: move |x| if x > 0.0 { x } else { slope * x } })
}

pub fn load_leaky_relu(parts: &mut Parts) -> Result<Op> {
    Ok(Op::LeakyRelu { slope: parts.take_f32("slope")? })
}

pub fn tanh<'a>() -> Box<dyn Operator + 'a> {
    map(TANH, f32::tanh)
}

pub fn sigmoid<'a>() -> Box<dyn Operator + 'a> {
    // `exp` of a negative number only: it cannot overflow.
    map(SIGMOID, |x| {
        let e = (-x.abs()).exp();
        if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
    })
}

pub fn exp<'a>() -> Box<dyn Operator + 'a> {
    map(EXP, f32::exp)
}

pub fn gelu<'a>() -> Box<dyn Operator + 'a> {
    /// `√(2/π)`.
    const C: f32 = std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2;
    map(GELU, |x| 0.5 * x * (1.0 + (C * (x + 0.044_715 * x * x * x)).tanh()))
}

impl<F: Fn(f32) -> f32> Operator for Map<F> {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn outputs(&self, inputs: usize) -> std::result::Result<usize, String> {
        match self.slope {
            Some(slope) if !slope.is_finite() => Err(format!("slope {slope}, expected a finite number")),
            _ => Ok(inputs),
        }
    }

    fn sparsifies(&self) -> bool {
        self.kind == RELU
    }

    fn store(&self, parts: &mut Parts) -> Result<()> {
        if let Some(slope) = self.slope {
            parts.attributes.insert("slope".to_owned(), f64::from(slope).into());
        }
        Ok(())
    }

    fn run(&self, x: &Batch, y: &mut Batch) {
        for j in 0..x.features() {
            for (y, &x) in y.row_mut(j).iter_mut().zip(x.row(j)) {
                *y = (self.function)(x);
            }
        }
    }
}
