//! k-winners: the `k` largest activations of each sample pass, the others become 0; of equal ones the lower features pass.
//!
//! Makhzani and Frey, *k-sparse autoencoders*, 2014; in training and evaluation alike.

use super::activation::{Activation, Function};
use super::{Entry, Layer};
use rarefy_core::kernels::elementwise;
use rarefy_core::matrix::Batch;
use rarefy_model::graph::Op;

/// `k-winners K`.
pub(super) const ENTRY: Entry = Entry {
    word: "k-winners",
    usage: "k-winners K",
    help: "Keeps the K largest activations of each sample, and sets the others to zero.",
    make: |arguments, inputs| {
        let [k] = arguments else { return Err("expected such as `k-winners 50`".to_owned()) };
        let k = k.parse().map_err(|_| format!("`{k}` winners, expected a whole number above 0"))?;
        make(inputs, k).map(|layer| vec![layer])
    },
    lift: |op, inputs| match op {
        Op::KWinners { k } => Some(make(inputs, *k)),
        _ => None,
    },
};

fn make(inputs: usize, k: usize) -> Result<Box<dyn Layer>, String> {
    match k {
        0 => Err("0 winners, expected a whole number above 0".to_owned()),
        _ => Ok(Box::new(Activation::new(inputs, KWinners { k }))),
    }
}

/// The `k` largest of each sample.
pub struct KWinners {
    k: usize,
}

impl Function for KWinners {
    fn op(&self) -> Op {
        Op::KWinners { k: self.k }
    }

    fn forward(&self, y: &mut Batch) {
        elementwise::k_winners(y, self.k);
    }

    fn backward(&self, y: &Batch, dy: &mut Batch) {
        elementwise::k_winners_backward(y, dy);
    }
}
