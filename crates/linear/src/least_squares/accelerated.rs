//! Accelerated gradient descent: a gradient step from a point that runs ahead, and a new start whenever it runs uphill.
//!
//! Nesterov, *A method for solving the convex programming problem with convergence rate O(1/k²)*, 1983; O'Donoghue and Candès, *Adaptive restart for
//! accelerated gradient schemes*, 2015, whose gradient rule makes the rate that of the (unknown) condition.

use super::{Ended, Entry, Run};
use crate::Result;
use rarefy_core::kernels::sweep::{each, square};

pub(super) const ENTRY: Entry =
    Entry { name: "accelerated", help: "Nesterov's gradient descent with adaptive restarts", solve };

fn solve(run: &mut Run<'_>) -> Result<Ended> {
    let step = run.lipschitz()?.recip();
    // `run.x` is the point ahead, where the gradient is taken; `last` the last step's end.
    let (mut last, mut t) = (run.x.clone(), 1.0f64);
    loop {
        let g = &run.g;
        let uphill = each([&mut last, &mut run.x], |[last, x], range| {
            let g = &g[range];
            last.iter().zip(x.iter()).zip(g).map(|((last, x), g)| g * (x + step * g - last)).sum()
        }) < 0.0;
        let next = if uphill { 1.0 } else { 0.5 * (1.0 + (1.0 + 4.0 * t * t).sqrt()) };
        let momentum = if uphill { 0.0 } else { (t - 1.0) / next };
        t = next;
        let length = each([&mut last, &mut run.x], |[last, x], range| {
            for ((last, x), g) in last.iter_mut().zip(x.iter_mut()).zip(&g[range]) {
                let end = *x + step * g;
                *x = end + momentum * (end - *last);
                *last = end;
            }
            square(x)
        });
        let (square_r, square_g) = run.evaluate()?;
        let measured = run.measured(square_r, square_g, length.sqrt());
        if let Some(ended) = run.watch.stop(measured) {
            return Ok(ended);
        }
    }
}
