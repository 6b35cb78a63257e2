//! Leaky rectified linear unit: `y = x` where `x > 0`, else `slope·x`.
//!
//! Maas, Hannun and Ng, *Rectifier nonlinearities improve neural network acoustic models*, 2013.

use super::activation::{Activation, Function};
use super::{Entry, Layer, argument};
use rarefy_core::kernels::elementwise;
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `leaky-relu [SLOPE]`, 0.01 unless told otherwise.
pub(super) const ENTRY: Entry = Entry {
    word: "leaky-relu",
    usage: "leaky-relu [SLOPE]",
    help: "Multiplied by a slope (0.01 unless told otherwise) where negative.",
    make: |arguments, inputs| {
        let slope = argument("slope", arguments, Some(0.01))?;
        Ok(vec![make(inputs, slope)?])
    },
    lift: |op, inputs| match op {
        Op::LeakyRelu { slope } => Some(make(inputs, *slope)),
        _ => None,
    },
};

fn make(inputs: usize, slope: f32) -> Result<Box<dyn Layer>, String> {
    if slope >= 0.0 && slope.is_finite() {
        return Ok(Box::new(Activation::new(inputs, LeakyRelu { slope })));
    }
    // Below 0, the sign of the output would not tell that of the input.
    Err(format!("slope {slope}, expected a finite number, 0 or above"))
}

/// `x` where `x > 0`, else `slope·x`.
pub struct LeakyRelu {
    slope: f32,
}

impl Function for LeakyRelu {
    fn op(&self) -> Op {
        Op::LeakyRelu { slope: self.slope }
    }

    fn forward(&self, y: &mut Batch) {
        elementwise::leaky_relu(y, self.slope);
    }

    fn backward(&self, y: &Batch, dy: &mut Batch) {
        elementwise::leaky_relu_backward(y, dy, self.slope);
    }
}
