//! Gradient descent, `x ← x + Bᵀr/L` with `L = ‖B‖²`.
//!
//! The plainest method, and the slowest: an error falls by `1 − 1/cond(B)²` an iteration.

use super::{Ended, Entry, Run};
use crate::Result;
use rarefy_core::kernels::sweep::{each, square};

pub(super) const ENTRY: Entry = Entry { name: "gradient", help: "gradient descent with step 1/‖A‖²", solve };

fn solve(run: &mut Run<'_>) -> Result<Ended> {
    let step = run.lipschitz()?.recip();
    loop {
        let length = each([&mut run.x, &mut run.g], |[x, g], _| {
            x.iter_mut().zip(g).for_each(|(x, g)| *x += step * *g);
            square(x)
        });
        let (square_r, square_g) = run.evaluate()?;
        let measured = run.measured(square_r, square_g, length.sqrt());
        if let Some(ended) = run.watch.stop(measured) {
            return Ok(ended);
        }
    }
}
