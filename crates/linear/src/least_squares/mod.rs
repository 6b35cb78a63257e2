//! Sparse least squares.
//!
//! `min_{x,b} ½‖F(y − Ax − b·1)‖² + ½ridge·‖x‖²`, `A` sparse, `F²` sample weights (1 unless given), `b` an intercept that is not penalised (0
//! unless asked for). Nothing is made dense: weights, centring, scaling of columns and ridge act on vectors, and the methods see one operator
//! `B = [PFAS; √ridge·S]`, where `P` projects across the intercept and `S` scales columns to length 1 (Jacobi's preconditioner). Each
//! iteration takes one product with `B` and one with `Bᵀ`, `O(nnz)` together; the same bits come out for any number of threads.
//!
//! * [`Operator`]: a matrix in the orders that both products need
//! * [`solve`]: by a method of [`registry`], until the rules of Paige and Saunders stop it
//! * [`sparsify`](mod@sparsify): from a dense matrix to a sparse one, and what that costs in accuracy
//!
//! | method | for |
//! |---|---|
//! | `lsmr` | the first choice: `‖Aᵀr‖` falls in every iteration |
//! | `lsqr` | `‖r‖` falls fastest |
//! | `cg` | the same points as `lsqr` while the condition is good, with the fewest vectors |
//! | `accelerated`, `gradient` | comparisons |
//!
//! ```
//! use rarefy_core::matrix::Csr;
//! use rarefy_linear::least_squares::{Operator, Options, solve};
//! let a = Csr::from_triplets(3, 2, &[(0, 0, 1.0), (1, 0, 1.0), (2, 1, 2.0)])?;
//! let fit = solve(&Operator::from_rows(a.view())?, &[1.0, 3.0, 8.0], &Options::default(), &())?;
//! assert!(fit.converged() && (fit.coefficients[0] - 2.0).abs() < 1e-7 && (fit.coefficients[1] - 4.0).abs() < 1e-7);
//! assert!((fit.residual - 2f64.sqrt()).abs() < 1e-7);
//! # Ok::<(), rarefy_linear::Error>(())
//! ```

mod accelerated;
mod bidiagonal;
mod cg;
mod gradient;
mod lsmr;
mod lsqr;
mod operator;
pub mod sparsify;
mod spectrum;
mod watch;

pub use operator::Operator;
pub use watch::Stop;

use crate::design::check;
use crate::{Error, Result};
use operator::{Bound, Settings};
use rarefy_core::kernels::sweep::square;
use rarefy_core::matrix::Value;
use rarefy_core::progress::Progress;
use watch::{Ended, Measured, Watch};

/// What is to be solved beside matrix and targets, and when to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options<'a> {
    /// A name of [`registry`].
    pub method: &'a str,
    /// Strength of `½ridge·‖x‖²`, 0 or above.
    pub ridge: f64,
    /// Sample weights, 0 or above; 1 where `None`.
    pub weights: Option<&'a [f64]>,
    /// Whether there is an intercept.
    pub intercept: bool,
    /// Whether methods see columns scaled to length 1. Results are those of the columns as they are; where solutions are many, another
    /// one comes out, of the least norm in scaled columns.
    pub scale: bool,
    /// Stop where `‖Bᵀr‖ ≤ atol·‖B‖·‖r‖`: the relative error of `A` for which the solution would be exact.
    pub atol: f64,
    /// Stop where `‖r‖ ≤ btol·‖y‖ + atol·‖B‖·‖x‖`: the same with an error of `y`. Only systems that are nearly consistent end so.
    pub btol: f64,
    /// Give up where the condition is estimated above this (`lsmr` and `lsqr`).
    pub condition_limit: f64,
    /// Iterations at most.
    pub iterations: usize,
    /// Where to start; from 0 if `None`.
    pub start: Option<&'a [f64]>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            method: "lsmr",
            ridge: 0.0,
            weights: None,
            intercept: false,
            scale: false,
            atol: 1e-8,
            btol: 1e-8,
            condition_limit: 1e8,
            iterations: 10_000,
            start: None,
        }
    }
}

/// A solution, and how good it is: residual and gradient are computed from it at the end, not carried along.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// `x`
    pub coefficients: Vec<f64>,
    /// `b`, 0 without an intercept.
    pub intercept: f64,
    /// `‖F(y − Ax − b·1)‖`
    pub residual: f64,
    /// `‖AᵀF²(y − Ax − b·1) − ridge·x‖`
    pub gradient: f64,
    /// The gradient over `‖A‖·‖r‖`, with Frobenius' norm, and with the rows `√ridge` below `A` and `F` and centring in it: 0 at the solution.
    pub optimality: f64,
    /// `‖B‖`: estimated by `lsmr` and `lsqr`, else Frobenius' norm.
    pub norm: f64,
    /// The condition of `B`, estimated by `lsmr` and `lsqr`.
    pub condition: Option<f64>,
    /// Iterations taken.
    pub iterations: usize,
    /// Why it ended.
    pub stop: Stop,
}

impl Fit {
    /// Whether the solution is as good as asked.
    pub fn converged(&self) -> bool {
        matches!(self.stop, Stop::Exact | Stop::Gradient | Stop::Residual)
    }
}

/// A method's name, and how it solves. One line each in [`registry`].
pub struct Entry {
    /// The name in options.
    pub name: &'static str,
    /// One sentence for help texts.
    pub help: &'static str,
    solve: fn(&mut Run<'_>) -> Result<Ended>,
}

/// All methods.
pub fn registry() -> &'static [Entry] {
    &[lsmr::ENTRY, lsqr::ENTRY, cg::ENTRY, gradient::ENTRY, accelerated::ENTRY]
}

/// What methods see of the matrix.
trait Products {
    /// Number of rows of `B`.
    fn rows(&self) -> usize;
    /// Number of columns of `B`.
    fn cols(&self) -> usize;
    /// `u ← Bv − αu`, `w ← Bᵀu`; returns `‖u‖²`.
    fn step(&mut self, v: &[f64], alpha: f64, u: &mut [f64], w: &mut [f64]) -> Result<f64>;
}

/// A run of a method: it begins with `r` and `g` of the start, neither of them zero, and ends with `x`.
struct Run<'r> {
    products: &'r mut dyn Products,
    target: &'r [f64],
    /// `S⁻¹` times the coefficients.
    x: Vec<f64>,
    /// `target − Bx`
    r: Vec<f64>,
    /// `Bᵀr`
    g: Vec<f64>,
    frobenius: f64,
    watch: Watch<'r>,
}

impl Run<'_> {
    /// Computes `r` and `g` at `x`; returns the squares of their lengths.
    fn evaluate(&mut self) -> Result<(f64, f64)> {
        // A method may have taken these.
        self.r.resize(self.target.len(), 0.0);
        self.g.resize(self.x.len(), 0.0);
        self.r.copy_from_slice(self.target);
        let square_r = self.products.step(&self.x, 1.0, &mut self.r, &mut self.g)?;
        // The step gave Bx − target, and Bᵀ of it.
        self.r.iter_mut().chain(&mut self.g).for_each(|x| *x = -*x);
        Ok((square_r, square(&self.g)))
    }

    /// What stop rules look at, in methods that estimate nothing.
    fn measured(&self, square_r: f64, square_g: f64, length: f64) -> Measured {
        let (residual, gradient) = (square_r.sqrt(), square_g.sqrt());
        Measured { residual, gradient, norm: self.frobenius, length, condition: f64::NAN }
    }

    /// `‖B‖²` with some room: an estimate comes from below, and accelerated steps must not be longer than its inverse.
    fn lipschitz(&mut self) -> Result<f64> {
        const ROOM: f64 = 1.05;
        let mut u = vec![0.0; self.products.rows()];
        let products = &mut *self.products;
        let (_, largest) = spectrum::ends(products.cols(), |v, out| products.step(v, 0.0, &mut u, out).map(|_| ()))?;
        Ok(ROOM * largest)
    }
}

/// Solves the problem. `progress` hears of every iteration, and stops it through [`Progress::cancelled`].
///
/// # Errors
/// [`Error::Length`] and [`Error::Value`] for arrays that do not fit or hold what is not finite; [`Error::Parameter`] for a method that is not
/// there, a strength or tolerance out of range; [`Error::Empty`] for an intercept where all weights are zero; [`Error::Diverged`] where numbers
/// became too large; [`Error::Core`] without memory.
pub fn solve<T: Value + Into<f64>>(
    operator: &Operator<'_, T>,
    y: &[f64],
    options: &Options<'_>,
    progress: &dyn Progress,
) -> Result<Fit> {
    let entry = check_options(operator, y, options)?;
    let Options { weights, intercept, ridge, scale, .. } = *options;
    let mut bound = Bound::new(operator, Settings { weights, intercept, ridge, scale })?;
    let (target, mean) = bound.target(y);
    let mut x = options.start.map_or_else(|| vec![0.0; operator.cols()], <[f64]>::to_vec);
    bound.rescale(&mut x);
    let [frobenius, unscaled] = bound.frobenius;
    let watch = Watch::new(options, square(&target).sqrt(), progress);
    let mut run = Run { products: &mut bound, target: &target, x, r: vec![], g: vec![], frobenius, watch };
    progress.start(entry.name, options.iterations as u64);
    let (square_r, square_g) = run.evaluate()?;
    run.watch.first = square_r.sqrt();
    let length = square(&run.x).sqrt();
    let first = run.measured(square_r, square_g, length);
    let ended = if square_r == 0.0 || square_g == 0.0 {
        run.watch.end(Stop::Exact)
    } else if let Some(stop) = run.watch.reached(&first) {
        run.watch.end(stop)
    } else if options.iterations == 0 {
        run.watch.end(Stop::Iterations)
    } else {
        (entry.solve)(&mut run)?
    };
    progress.finish();
    let whole = run.evaluate()?.0.sqrt();
    let Run { mut x, r, mut g, .. } = run;
    if !whole.is_finite() {
        return Err(Error::Diverged(whole, ended.iterations));
    }
    let intercept = if options.intercept { mean - bound.mean(&x) } else { 0.0 };
    bound.unscale(&mut x);
    // g is Bᵀr = S·(the gradient).
    bound.rescale(&mut g);
    let gradient = square(&g).sqrt();
    let size = unscaled * whole;
    Ok(Fit {
        coefficients: x,
        intercept,
        residual: square(&r[..y.len()]).sqrt(),
        gradient,
        optimality: if gradient == 0.0 { 0.0 } else { gradient / size },
        norm: ended.norm.unwrap_or(frobenius),
        condition: ended.condition,
        iterations: ended.iterations,
        stop: ended.stop,
    })
}

fn check_options<T: Value + Into<f64>>(
    operator: &Operator<'_, T>,
    y: &[f64],
    options: &Options<'_>,
) -> Result<&'static Entry> {
    check("y", y, operator.rows(), "row")?;
    if let Some(start) = options.start {
        check("start", start, operator.cols(), "column")?;
    }
    if let Some(weights) = options.weights {
        check("weights", weights, operator.rows(), "row")?;
        if let Some(at) = weights.iter().position(|&w| w < 0.0) {
            let (found, expected) = (weights[at], "0 or above");
            return Err(Error::Value { what: "weights", each: "row", at, found, expected });
        }
    }
    let anything = options.weights.map_or(operator.rows() > 0, |w| w.iter().any(|&w| w > 0.0));
    if options.intercept && !anything {
        return Err(Error::Empty("no row has a weight: there is no intercept to find"));
    }
    let numbers = [("ridge", options.ridge), ("atol", options.atol), ("btol", options.btol)];
    for (name, number) in numbers {
        if !(number >= 0.0 && number.is_finite()) {
            return Err(Error::Parameter { name, found: number.to_string(), expected: "0 or above" });
        }
    }
    if options.condition_limit.is_nan() || options.condition_limit < 1.0 {
        let found = options.condition_limit.to_string();
        return Err(Error::Parameter { name: "condition limit", found, expected: "1 or above" });
    }
    registry().iter().find(|entry| entry.name == options.method).ok_or_else(|| Error::Parameter {
        name: "method",
        found: options.method.to_owned(),
        expected: "lsmr, lsqr, cg, gradient or accelerated",
    })
}
