//! Element-wise work on activations and their gradients, and the sums that go with it.
//!
//! Shapes: a batch is `features × n`; `y` is the output of the function, `dy` the gradient of the loss in it. Forward
//! functions work in place; backward functions turn `dy` into the gradient of the input, in place, from the *output* `y`:
//!
//! | function | `y` | gradient of the input |
//! |---|---|---|
//! | [`add_bias`] | `x + b` | `dy`; `db =` [`row_sums`]`(dy)` |
//! | [`relu`] | `max(x, 0)` | `dy` where `y > 0`, else 0 |
//! | [`leaky_relu`] | `x` where `x > 0`, else `slope·x` | `dy` where `y > 0`, else `slope·dy` |
//! | [`tanh()`] | `tanh x` | `dy·(1 − y²)` |
//! | [`sigmoid`] | `1/(1 + e⁻ˣ)` | `dy·y·(1 − y)` |
//! | [`gelu`] | `x·σ(2u)`, `u = √(2/π)·(x + 0.044715·x³)` | from `x`: `dy·(s + x·s·(1 − s)·2u′)`, `s = σ(2u)` |
//! | [`softmax`] | `eˣ / Σ eˣ` over the features of a sample | `y·(dy − Σ y·dy)` |
//! | [`sparse_relu`] | `x` where `x > τ`, else 0 | that of [`relu`] |
//! | [`sparse_tanh`] | `tanh x` where `|x| > τ`, else 0; soft: `tanh` of `x` shrunk by `τ` | `dy·(1 − y²)` where `y ≠ 0`, else 0 |
//! | [`k_winners`] | the `k` largest of a sample, else 0 | `dy` where `y ≠ 0`, else 0 |
//! | [`entmax`] | sparse probabilities | `s·(dy − Σ s·dy / Σ s)`, see [`entmax_backward`] |
//! | [`dropout`] | `x/(1 − rate)`, or 0 with probability `rate` | the same draw on `dy` |
//!
//! Everything runs over the padding too: finite numbers stay finite, and zeros of a gradient stay zero. What is not a number
//! stays so in every function, so that a training run that diverged is noticed.
//!
//! Cost: one pass over the operands, bound by memory for the cheap ones; `exp` takes about 12 operations a vector, to 2
//! units in the last place (a Cephes polynomial; Moshier, *Methods and programs for mathematical functions*, 1989).

mod activation;
mod array;
mod bias;
mod dropout;
mod entmax;
mod frame;
mod gelu;
mod k_winners;
pub(in crate::kernels) mod math;
pub mod reference;
mod softmax;
mod sparse;
#[cfg(test)]
mod tests;

pub use activation::{
    leaky_relu, leaky_relu_backward, relu, relu_backward, relu_backward_row_sums, sigmoid, sigmoid_backward, tanh,
    tanh_backward,
};
pub use array::{scale, sum_of_squares};
pub use bias::{add_bias, add_bias_relu, row_sums};
pub use dropout::dropout;
pub use entmax::{Entmax, Threshold, entmax, entmax_backward};
pub use gelu::{gelu, gelu_backward};
pub use k_winners::{k_winners, k_winners_backward};
pub use softmax::{softmax, softmax_backward};
pub use sparse::{sparse_relu, sparse_tanh, sparse_tanh_backward};

/// Floats in one task: 64 KiB, so that handing a task out costs little and two cores are kept busy from small layers on.
pub(in crate::kernels) const FLOATS: usize = 16_384;

/// Samples in one task, where a task takes all features of some samples: whole cache lines of them.
pub(in crate::kernels) fn samples_per_task(features: usize) -> usize {
    (FLOATS / features.max(1)).max(16) / 16 * 16
}
