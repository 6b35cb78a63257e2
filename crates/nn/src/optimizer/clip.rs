//! Limits on gradients; Pascanu, Mikolov and Bengio, *On the difficulty of training recurrent neural networks*, 2013.

use super::in_range;
use crate::{Network, Param, Result};
use rarefy_core::kernels::elementwise;

/// What happens to large gradients. Any limit makes the backward pass store gradients
/// ([`Step::Accumulate`](crate::Step::Accumulate)), as it looks at all of them before the first is applied.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Clip {
    /// Nothing.
    #[default]
    None,
    /// All are scaled by one factor so that their Euclidean norm, over the whole network, is at most this.
    Norm(f32),
    /// Each is cut to ± this.
    Value(f32),
}

impl Clip {
    /// Checks the limit.
    pub(super) fn check(&self) -> Result<()> {
        match *self {
            Clip::None => Ok(()),
            Clip::Norm(limit) => in_range("clip-norm", limit, |x| x > 0.0, "a finite number above 0"),
            Clip::Value(limit) => in_range("clip-value", limit, |x| x > 0.0, "a finite number above 0"),
        }
    }
}

impl Network {
    /// The Euclidean norm of all accumulated gradients, summed in double precision and in a fixed order.
    pub fn gradient_norm(&self) -> f64 {
        let params = self.layers().iter().flat_map(|layer| layer.params());
        params.map(|(_, param)| elementwise::sum_of_squares(&param.gradient)).sum::<f64>().sqrt()
    }

    /// Limits the accumulated gradients. A norm that is not finite gives gradients that are not numbers, so that a run that
    /// diverged is noticed.
    ///
    /// # Panics
    /// When a limit of values is negative or not a number, which [`Optimizer::check`](crate::Optimizer::check) refuses.
    pub fn clip(&mut self, clip: Clip) {
        match clip {
            Clip::None => {}
            Clip::Norm(limit) => {
                let norm = self.gradient_norm();
                if norm <= f64::from(limit) {
                    return;
                }
                let factor = (f64::from(limit) / norm) as f32;
                self.each_gradient(|gradient| elementwise::scale(gradient, factor));
            }
            // `clamp` keeps what is not a number.
            Clip::Value(limit) => {
                self.each_gradient(|gradient| gradient.iter_mut().for_each(|g| *g = g.clamp(-limit, limit)));
            }
        }
    }

    fn each_gradient(&mut self, mut change: impl FnMut(&mut [f32])) {
        let params = self.layers_mut().iter_mut().flat_map(|layer| layer.params_mut());
        params.for_each(|(_, Param { gradient, .. })| change(gradient));
    }
}
