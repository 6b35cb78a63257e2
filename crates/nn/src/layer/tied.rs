//! Tied linear layer without bias: `Y = Wᵀ X`, `W` being the weight of an earlier linear layer.
//!
//! The weight has one set of numbers, one pattern and one set of moments; its gradient is the sum of what both layers find, and
//! the optimizer takes it once. The network lends the weight to this layer for each pass ([`Tied::exchange`]).
//!
//! A sparse `W` is walked here by rows as the columns of `Wᵀ`: the pattern of `Wᵀ` is made anew when that of `W` has changed,
//! the values are brought into its order once a pass, in `O(nnz)`.

use super::{Entry, Layer, Mode, Pass, Transform};
use crate::weight::Transposed;
use crate::{Step, Weight};
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `tied-linear NUMBER [no-bias]`.
pub(super) const ENTRY: Entry = Entry {
    word: "tied-linear",
    usage: "tied-linear NUMBER [no-bias]",
    help: "The weight of linear layer NUMBER (from 1), transposed, plus a bias of its own unless told otherwise.",
    make: |arguments, _| {
        let (number, bias) = match arguments {
            [number] => (number, true),
            [number, "no-bias"] => (number, false),
            _ => return Err("expected `tied-linear 1` or `tied-linear 1 no-bias`".to_owned()),
        };
        match number.parse() {
            Ok(number) if number > 0 => Ok(vec![Box::new(Tied { number, bias, ..Tied::default() })]),
            _ => Err(format!("`{number}`, expected the number of an earlier linear layer, from 1")),
        }
    },
    // The node says which weight, but only the graph knows it: see `lift`.
    lift: |_, _| None,
};

/// `Y = Wᵀ X` with the weight of another layer.
#[derive(Default)]
pub struct Tied {
    /// The number of the layer with the weight among those that have one, from 1.
    pub(crate) number: usize,
    /// Whether a bias follows.
    pub(crate) bias: bool,
    /// Its place in the network.
    pub(crate) source: usize,
    /// Inputs of the layer with the weight, outputs of this one.
    pub(crate) outputs: usize,
    /// The weight, during a pass.
    weight: Weight,
    /// Its pattern, transposed.
    transposed: Transposed,
}

impl Tied {
    /// The layer that shares weight `number`, from 1, of the network that it will be in.
    pub(crate) fn new(number: usize, outputs: usize) -> Self {
        Self { number, outputs, ..Self::default() }
    }

    /// Finds the weight in the layers before: its shape, and its place.
    pub(crate) fn find(&mut self, before: &[Box<dyn Layer>], inputs: usize) -> Result<(), String> {
        let mut with_weight = before.iter().enumerate().filter_map(|(at, layer)| Some((at, layer.weight()?)));
        let Some((at, weight)) = with_weight.nth(self.number.saturating_sub(1)) else {
            let count = before.iter().filter(|layer| layer.weight().is_some()).count();
            return Err(format!("there is no linear layer {} before it, but {count}", self.number));
        };
        if weight.rows() != inputs {
            let (rows, number) = (weight.rows(), self.number);
            return Err(format!(
                "linear layer {number} has {rows} outputs, expected the {inputs} features that come in here"
            ));
        }
        (self.source, self.outputs) = (at, weight.cols());
        Ok(())
    }

    /// Takes the weight, or gives it back.
    pub(crate) fn exchange(&mut self, weight: &mut Weight) {
        std::mem::swap(&mut self.weight, weight);
    }
}

impl Layer for Tied {
    fn kind(&self) -> &'static str {
        "tied-linear"
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn tied(&mut self) -> Option<&mut Tied> {
        Some(self)
    }

    fn pass(&mut self) -> Pass<'_> {
        Pass::Transform(self)
    }

    /// The operation, its node being the place of the layer in the network: the network puts the node's there.
    fn lower(&self) -> rarefy_core::Result<Vec<Op>> {
        Ok(vec![Op::TiedLinear { of: self.source }])
    }
}

impl Transform for Tied {
    fn forward(&mut self, x: &Batch, y: &mut Batch, _: Mode) {
        self.weight.forward_transposed(&mut self.transposed, x, y);
    }

    /// The gradient is accumulated whatever `step` says: the layer with the weight takes it.
    fn backward(&mut self, x: &Batch, dy: &Batch, dx: Option<&mut Batch>, _: Mode, _: Step<'_>) {
        self.weight.backward_transposed(&mut self.transposed, x, dy, dx);
    }
}
