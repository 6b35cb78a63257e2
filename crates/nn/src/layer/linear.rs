//! Linear layer without bias: `Y = W X`, `W` sparse or dense.

use super::bias::Bias;
use super::{Entry, Layer, Mode, Pass, Transform};
use crate::{Param, Step, Weight};
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `linear OUTPUTS`: a weight and a bias; `linear OUTPUTS no-bias`: the weight alone.
pub(super) const ENTRY: Entry = Entry {
    word: "linear",
    usage: "linear OUTPUTS [no-bias]",
    help: "Weighted sums of all inputs, plus a bias unless told otherwise.",
    make: |arguments, inputs| {
        let (outputs, bias) = match arguments {
            [outputs] => (outputs, true),
            [outputs, "no-bias"] => (outputs, false),
            _ => return Err("expected `linear OUTPUTS` or `linear OUTPUTS no-bias`".to_owned()),
        };
        let Some(outputs) = outputs.parse().ok().filter(|&n: &usize| n > 0) else {
            return Err(format!("`{outputs}` outputs, expected a whole number above 0"));
        };
        let weight = Weight::empty(outputs, inputs).map_err(|e| e.to_string())?;
        let mut layers: Vec<Box<dyn Layer>> = vec![Box::new(Linear::new(weight))];
        if bias {
            layers.push(Box::new(Bias::new(outputs)));
        }
        Ok(layers)
    },
    lift: |op, _| match op {
        Op::Linear { weight } => {
            let layer = Weight::lift(weight).map(|weight| Box::new(Linear::new(weight)) as _);
            Some(layer.map_err(|e| e.to_string()))
        }
        _ => None,
    },
};

/// `Y = W X` with `W` of `outputs × inputs`.
pub struct Linear {
    weight: Weight,
}

impl Linear {
    /// The layer of this weight.
    pub fn new(weight: Weight) -> Self {
        Self { weight }
    }
}

impl Layer for Linear {
    fn kind(&self) -> &'static str {
        "linear"
    }

    fn outputs(&self) -> usize {
        self.weight.rows()
    }

    fn pass(&mut self) -> Pass<'_> {
        Pass::Transform(self)
    }

    fn lower(&self) -> rarefy_core::Result<Vec<Op>> {
        Ok(vec![Op::Linear { weight: self.weight.lower()? }])
    }

    fn params(&self) -> Vec<(&'static str, &Param)> {
        vec![("weight", self.weight.param())]
    }

    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        vec![("weight", self.weight.param_mut())]
    }

    fn weight(&self) -> Option<&Weight> {
        Some(&self.weight)
    }

    fn weight_mut(&mut self) -> Option<&mut Weight> {
        Some(&mut self.weight)
    }
}

impl Transform for Linear {
    fn forward(&mut self, x: &Batch, y: &mut Batch, _: Mode) {
        self.weight.forward(x, y);
    }

    fn backward(&mut self, x: &Batch, dy: &Batch, dx: Option<&mut Batch>, _: Mode, step: Step<'_>) {
        self.weight.backward(x, dy, dx, step);
    }
}
