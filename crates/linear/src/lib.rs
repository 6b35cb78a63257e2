//! Sparse linear models: a [`Loss`] of `η = o + b + Xw`, a penalty that makes coefficients exactly zero, and a solver of their sum.
//!
//! `min_{w,b} F(o + b·1 + Xw) + Σⱼ fⱼ pen(wⱼ)`, where `F` is a mean over rows weighted by `aᵢ` (they add up to 1), `o` an offset, `b` an intercept
//! that is not penalised, and `fⱼ ≥ 0` a factor for each column (0: not penalised, the adaptive lasso's weights, …).
//!
//! * [`Design`]: dense or compressed by columns, single or double precision, columns scaled and centred without touching them
//! * [`loss`]: squared, logistic, Poisson, gamma, Huber with its scale, quantile, squared hinge, Cox
//! * [`rarefy_core::penalty`]: L1, elastic net, MCP, SCAD
//! * [`solve`]: working sets, coordinate descent, extrapolation; prox-Newton for losses that are not quadratic, multipliers for those that
//!   are not smooth
//! * [`path`](select::path): a grid of strengths, each from the solution of the one before
//! * [`least_squares`]: sparse matrices, no penalty but a ridge: LSMR, LSQR, conjugate gradients; and sparse matrices out of dense ones
//!
//! ```
//! use rarefy_core::{matrix::Csc, penalty::L1};
//! use rarefy_linear::{Design, Options, Problem, loss::Squared, solve};
//! let x = Csc::from_triplets(4, 2, &[(0, 0, 1.0), (1, 0, -1.0), (2, 1, 1.0), (3, 1, -1.0)])?;
//! let loss = Squared::new(&[2.0, -2.0, 0.1, -0.1], None)?;
//! let problem = Problem::new(Design::sparse(x.view()), &loss, L1 { lambda: 0.25 })?;
//! let fit = solve(&problem, &Options::default(), None)?;
//! // The mean of squares halved: ½·(2 − w)²·2/4 + 0.25·w is least at w = 1.5; the second product, 0.05, is below λ.
//! assert!((fit.coefficients[0] - 1.5).abs() < 1e-6 && fit.coefficients[1] == 0.0 && fit.intercept.abs() < 1e-12);
//! # Ok::<(), rarefy_linear::Error>(())
//! ```

pub mod design;
pub mod error;
pub mod least_squares;
pub mod loss;
pub mod select;
pub mod solver;

pub use design::Design;
pub use error::{Error, Result};
pub use loss::Loss;
pub use solver::{Certificate, Fit, Options, Problem, solve};
