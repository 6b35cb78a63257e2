//! LSQR: among all points that `k` products reach, the one of the smallest `‖r‖`.
//!
//! Equivalent to conjugate gradients on the normal equations, and more accurate where the condition is bad. Without a ridge, and from 0, a
//! matrix of deficient rank gives the solution of least norm.
//! Paige and Saunders, *LSQR: an algorithm for sparse linear equations and sparse least squares*, 1982.

use super::bidiagonal::{Bidiagonal, rotation};
use super::{Ended, Entry, Measured, Run};
use crate::Result;
use rarefy_core::kernels::sweep::{each, square};

pub(super) const ENTRY: Entry = Entry { name: "lsqr", help: "smallest residual of a Krylov space", solve };

fn solve(run: &mut Run<'_>) -> Result<Ended> {
    let Run { products, x, r, g, watch, .. } = run;
    let mut process = Bidiagonal::new(*products, std::mem::take(r), std::mem::take(g));
    let mut direction = process.v.clone();
    let (mut rho_bar, mut phi_bar) = (process.alpha, process.beta);
    // ‖B‖² as the sum of all α² and β², and Σ‖dₖ‖², whose product estimates the square of the condition.
    let (mut norm_square, mut directions) = (0.0, 0.0);
    loop {
        let before = process.alpha;
        process.next()?;
        let (alpha, beta) = (process.alpha, process.beta);
        norm_square += before * before + beta * beta;
        let (c, s, rho) = rotation(rho_bar, beta);
        let theta = s * alpha;
        rho_bar = -c * alpha;
        let phi = c * phi_bar;
        phi_bar *= s;

        let (ahead, turn, v) = (phi / rho, theta / rho, &process.v);
        directions += square(&direction) / (rho * rho);
        let length = each([x, &mut direction], |[x, d], range| {
            for ((x, d), v) in x.iter_mut().zip(d).zip(&v[range]) {
                *x += ahead * *d;
                *d = v - turn * *d;
            }
            square(x)
        });
        let norm = f64::sqrt(norm_square);
        let condition = norm * f64::sqrt(directions);
        let (residual, gradient) = (phi_bar.abs(), alpha * (s * phi).abs());
        if let Some(ended) = watch.stop(Measured { residual, gradient, norm, length: length.sqrt(), condition }) {
            return Ok(ended);
        }
    }
}
