//! Conjugate gradients on the normal equations `BᵀBx = Bᵀy` (CGLS).
//!
//! `BᵀBp` comes from the same pass as `Bp`, so that the gradient is carried on as `g ← g − a·BᵀBp`, and drifts from `Bᵀr` in the end: every
//! [`REFRESH`] iterations, and before it is believed to be small, it is computed anew.
//! Hestenes and Stiefel, *Methods of conjugate gradients for solving linear systems*, 1952; Björck, *Numerical methods for least squares problems*, 1996, 7.4.

use super::{Ended, Entry, Run, Stop};
use crate::Result;
use rarefy_core::kernels::sweep::{each, square};

pub(super) const ENTRY: Entry = Entry { name: "cg", help: "conjugate gradients on the normal equations", solve };

/// Iterations between gradients that are computed anew: two in a hundred products.
const REFRESH: usize = 50;

fn solve(run: &mut Run<'_>) -> Result<Ended> {
    let mut p = run.g.clone();
    let (mut q, mut t) = (vec![0.0; run.r.len()], vec![0.0; p.len()]);
    let mut square_g = square(&run.g);
    loop {
        let curvature = run.products.step(&p, 0.0, &mut q, &mut t)?;
        if curvature == 0.0 || !curvature.is_finite() {
            // Nothing left along any direction, up to rounding.
            let (_, gradient) = run.evaluate()?;
            return Ok(run.watch.end(if gradient == 0.0 { Stop::Gradient } else { Stop::Precision }));
        }
        let a = square_g / curvature;
        let length = each([&mut run.x, &mut p], |[x, p], _| {
            x.iter_mut().zip(p).for_each(|(x, p)| *x += a * *p);
            square(x)
        });
        let mut square_r = each([&mut run.r, &mut q], |[r, q], _| {
            r.iter_mut().zip(q).for_each(|(r, q)| *r -= a * *q);
            square(r)
        });
        let mut new = each([&mut run.g, &mut t], |[g, t], _| {
            g.iter_mut().zip(t).for_each(|(g, t)| *g -= a * *t);
            square(g)
        });
        let length = length.sqrt();
        let mut measured = run.measured(square_r, new, length);
        if (run.watch.iterations + 1).is_multiple_of(REFRESH) || run.watch.reached(&measured).is_some() {
            (square_r, new) = run.evaluate()?;
            measured = run.measured(square_r, new, length);
        }
        if let Some(ended) = run.watch.stop(measured) {
            return Ok(ended);
        }
        let turn = new / square_g;
        square_g = new;
        each([&mut p, &mut run.g], |[p, g], _| {
            p.iter_mut().zip(g).for_each(|(p, g)| *p = *g + turn * *p);
            0.0
        });
    }
}
