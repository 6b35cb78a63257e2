//! LSMR: among all points that `k` products reach, the one of the smallest `‖Bᵀr‖`.
//!
//! Equivalent to MINRES on the normal equations, so that `‖Bᵀr‖` falls in every iteration, and `‖r‖` does too: stopping early is safe. The
//! names are those of the paper's section 2.8 and 5. Without a ridge, and from 0, a matrix of deficient rank gives the solution of least norm.
//! Fong and Saunders, *LSMR: an iterative algorithm for sparse least-squares problems*, 2011.

use super::bidiagonal::{Bidiagonal, rotation};
use super::{Ended, Entry, Measured, Run};
use crate::Result;
use rarefy_core::kernels::sweep::{each, square};

pub(super) const ENTRY: Entry =
    Entry { name: "lsmr", help: "smallest gradient of a Krylov space; safe to stop at any time", solve };

fn solve(run: &mut Run<'_>) -> Result<Ended> {
    let Run { products, x, r, g, watch, .. } = run;
    let mut process = Bidiagonal::new(*products, std::mem::take(r), std::mem::take(g));
    let (alpha, beta) = (process.alpha, process.beta);
    let (mut h, mut h_bar) = (process.v.clone(), vec![0.0; x.len()]);
    let (mut zeta_bar, mut alpha_bar, mut zeta) = (alpha * beta, alpha, 0.0);
    let (mut rho, mut rho_bar, mut c_bar, mut s_bar) = (1.0, 1.0, 1.0, 0.0);
    // Of the estimate of ‖r‖.
    let (mut beta_dd, mut beta_d, mut rho_d_old, mut tau_old, mut theta_tilde) = (beta, 0.0, 1.0, 0.0, 0.0);
    // Of the estimates of ‖B‖ and its condition.
    let (mut norm_square, mut largest, mut smallest) = (alpha * alpha, 0.0f64, f64::INFINITY);
    loop {
        process.next()?;
        let (alpha, beta) = (process.alpha, process.beta);
        let (rho_old, rho_bar_old, zeta_old) = (rho, rho_bar, zeta);
        let (c, s, new) = rotation(alpha_bar, beta);
        rho = new;
        let theta_new = s * alpha;
        alpha_bar = c * alpha;
        let (theta_bar, rho_temp) = (s_bar * rho, c_bar * rho);
        (c_bar, s_bar, rho_bar) = rotation(rho_temp, theta_new);
        zeta = c_bar * zeta_bar;
        zeta_bar *= -s_bar;

        let back = theta_bar * rho / (rho_old * rho_bar_old);
        let (ahead, turn) = (zeta / (rho * rho_bar), theta_new / rho);
        let v = &process.v;
        let length = each([x, &mut h_bar, &mut h], |[x, h_bar, h], range| {
            for (((x, b), h), v) in x.iter_mut().zip(h_bar).zip(h).zip(&v[range]) {
                *b = *h - back * *b;
                *x += ahead * *b;
                *h = v - turn * *h;
            }
            square(x)
        });

        let beta_hat = c * beta_dd;
        beta_dd *= -s;
        let theta_tilde_old = theta_tilde;
        let (c_tilde, s_tilde, rho_tilde) = rotation(rho_d_old, theta_bar);
        theta_tilde = s_tilde * rho_bar;
        rho_d_old = c_tilde * rho_bar;
        beta_d = -s_tilde * beta_d + c_tilde * beta_hat;
        tau_old = (zeta_old - theta_tilde_old * tau_old) / rho_tilde;
        let tau = (zeta - theta_tilde * tau_old) / rho_d_old;
        norm_square += beta * beta;
        let norm = norm_square.sqrt();
        norm_square += alpha * alpha;
        largest = largest.max(rho_bar_old);
        if watch.iterations > 0 {
            smallest = smallest.min(rho_bar_old);
        }
        let condition = largest.max(rho_temp) / smallest.min(rho_temp);
        let residual = (beta_d - tau).hypot(beta_dd);
        let measured = Measured { residual, gradient: zeta_bar.abs(), norm, length: length.sqrt(), condition };
        if let Some(ended) = watch.stop(measured) {
            return Ok(ended);
        }
    }
}
