//! Solvers: minimise a loss plus a penalty, and say how far from the minimum they ended.
//!
//! [`solve`] takes every loss with every penalty of single weights. It works on a *working set*: the columns that may be nonzero. A pass over
//! all columns scores them by their gradient; the most promising are solved for by coordinate descent, with extrapolation; then all are scored
//! again, until the certificate is small enough. A loss that is not quadratic is replaced by its second-order model around the current point
//! (prox-Newton), with a line search. One that is not smooth is solved through smooth ones (the method of multipliers), with convex penalties.
//!
//! The certificate ([`Certificate`]) is a duality gap where the penalty is convex: with `θ = α∇F(η)`, scaled so that it is dual feasible,
//! `P(w) − D(θ)`, `D(θ) = oᵀθ − F*(θ) − Σⱼ fⱼ pen*(−xⱼᵀθ/fⱼ)`. Else it is the largest violation of stationarity.
//!
//! Friedman, Hastie and Tibshirani, *Regularization paths for generalized linear models via coordinate descent*, 2010; Massias, Gramfort and Salmon,
//! *Celer: a fast solver for the lasso with dual extrapolation*, 2018; Bertrand and Massias, *Anderson acceleration of coordinate descent*, 2021.

mod anderson;
mod descent;
mod gap;
mod multipliers;
mod newton;
mod scored;
mod working_set;

use crate::design::check;
use crate::{Design, Error, Loss, Result};
use rarefy_core::matrix::Value;
use rarefy_core::penalty::{Block, Penalty};
use working_set::WorkingSet;

/// What is to be minimised: a design, a loss, a penalty.
pub struct Problem<'a, T, P> {
    pub(crate) design: Design<'a, T>,
    pub(crate) loss: &'a dyn Loss,
    pub(crate) penalty: P,
    pub(crate) factors: Vec<f64>,
    pub(crate) offset: Option<Vec<f64>>,
    pub(crate) intercept: bool,
}

impl<'a, T: Value + Into<f64>, P: Penalty<f64>> Problem<'a, T, P> {
    /// A problem with an intercept (unless the loss knows none), without an offset, all columns penalised alike.
    ///
    /// # Errors
    /// [`Error::Length`] unless the loss has a row for each of the design; [`Error::Value`] for entries that are not finite; [`Error::Block`] for
    /// a penalty of groups.
    pub fn new(design: Design<'a, T>, loss: &'a dyn Loss, penalty: P) -> Result<Self> {
        let (found, expected) = (loss.weights().len(), design.rows());
        if found != expected {
            return Err(Error::Length { what: "y", found, expected, each: "row" });
        }
        match penalty.block() {
            Block::Entries => {}
            Block::Group => return Err(Error::Block("groups of weights")),
            Block::Whole => return Err(Error::Block("all weights")),
        }
        design.check()?;
        let factors = vec![1.0; design.cols()];
        Ok(Self { design, loss, penalty, factors, offset: None, intercept: !loss.ignores_shifts() })
    }

    /// Without an intercept.
    pub fn without_intercept(mut self) -> Self {
        self.intercept = false;
        self
    }

    /// With a penalty factor for each column: 0 leaves it unpenalised.
    ///
    /// # Errors
    /// [`Error::Length`], and [`Error::Value`] for a factor that is negative or not finite.
    pub fn with_factors(mut self, factors: Vec<f64>) -> Result<Self> {
        check("factors", &factors, self.design.cols(), "column")?;
        if let Some(at) = factors.iter().position(|&f| f < 0.0) {
            return Err(Error::Value {
                what: "factors",
                each: "column",
                at,
                found: factors[at],
                expected: "0 or above",
            });
        }
        self.factors = factors;
        Ok(self)
    }

    /// With an offset: a part of `η` that is known.
    ///
    /// # Errors
    /// [`Error::Length`], and [`Error::Value`] for a number that is not finite.
    pub fn with_offset(mut self, offset: Vec<f64>) -> Result<Self> {
        check("offset", &offset, self.design.rows(), "row")?;
        self.offset = Some(offset);
        Ok(self)
    }

    /// The same with another penalty.
    pub(crate) fn with_penalty(self, penalty: P) -> Self {
        Self { penalty, ..self }
    }

    /// `Σⱼ fⱼ pen(wⱼ)`
    pub(crate) fn penalty_of(&self, w: &[f64]) -> f64 {
        scored::total_cost(&self.penalty, &self.factors, w)
    }
}

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// The certificate wanted: a duality gap of this times what the loss of the model without columns is above the least that the loss can be;
    /// where there is no gap, a violation of this times the largest gradient of that model.
    pub tolerance: f64,
    /// Working sets at most.
    pub iterations: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { tolerance: 1e-7, iterations: 100 }
    }
}

/// How far a fit is from a minimum, at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Certificate {
    /// The duality gap: the objective is at most this above its minimum, over what the loss of the model without columns is above the least that
    /// the loss can be.
    Gap(f64),
    /// The largest violation of stationarity, over the largest gradient of the model without columns. The penalty is not convex: other
    /// minima may be lower.
    Stationarity(f64),
}

impl Certificate {
    /// The number.
    pub fn size(self) -> f64 {
        match self {
            Self::Gap(size) | Self::Stationarity(size) => size,
        }
    }
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// `w`, of scaled columns where the design is scaled.
    pub coefficients: Vec<f64>,
    /// `b`, 0 without an intercept.
    pub intercept: f64,
    /// `F(η) + Σ fⱼ pen(wⱼ)`
    pub objective: f64,
    /// How far it is from the minimum.
    pub certificate: Certificate,
    /// Working sets solved.
    pub iterations: usize,
    /// Passes of coordinate descent over working sets.
    pub passes: usize,
    /// Whether the certificate is as small as asked.
    pub converged: bool,
}

impl Fit {
    /// Coefficients that are not zero.
    pub fn nnz(&self) -> usize {
        self.coefficients.iter().filter(|w| **w != 0.0).count()
    }
}

/// A point, and what is known there.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub w: Vec<f64>,
    pub b: f64,
    pub eta: Vec<f64>,
    pub value: f64,
    pub gradient: Vec<f64>,
    pub curvature: Vec<f64>,
    /// `−xⱼᵀ∇F`
    pub scores: Vec<f64>,
    /// `√Σᵢ aᵢxᵢⱼ²`: ranks columns.
    pub norms: Vec<f64>,
    /// What the loss of the model without columns is above the least that it can be, and its largest score.
    pub null: (f64, f64),
}

impl State {
    /// The model without columns.
    pub fn start<T: Value + Into<f64>, P: Penalty<f64>>(problem: &Problem<'_, T, P>) -> Result<Self> {
        let (rows, cols) = (problem.design.rows(), problem.design.cols());
        let norms = problem.design.squares(problem.loss.weights()).into_iter().map(f64::sqrt).collect();
        let mut state = Self {
            w: vec![0.0; cols],
            b: 0.0,
            eta: problem.offset.clone().unwrap_or_else(|| vec![0.0; rows]),
            value: 0.0,
            gradient: vec![0.0; rows],
            curvature: vec![0.0; rows],
            scores: vec![0.0; cols],
            norms,
            null: (0.0, 0.0),
        };
        state.update(problem);
        state.score(problem)?;
        let largest = state.scores.iter().fold(0.0f64, |most, s| most.max(s.abs()));
        // The least that a loss can be is −F*(0).
        let least = problem.loss.scaled_conjugate(&state.eta, &state.gradient, 0.0).map_or(0.0, |c| -c);
        state.null = (state.value - least, largest);
        Ok(state)
    }

    /// Value and derivatives at `η`, the intercept being the best there is.
    pub fn update<T: Value + Into<f64>, P: Penalty<f64>>(&mut self, problem: &Problem<'_, T, P>) {
        self.derive(problem);
        if !problem.intercept {
            return;
        }
        match problem.loss.best_shift(&self.eta) {
            None => newton::settle_intercept(problem, self),
            Some(shift) => {
                self.b += shift;
                self.eta.iter_mut().for_each(|eta| *eta += shift);
                self.derive(problem);
            }
        }
    }

    /// Value and derivatives at `η`.
    fn derive<T, P>(&mut self, problem: &Problem<'_, T, P>) {
        self.value = problem.loss.value(&self.eta);
        problem.loss.derivatives(&self.eta, &mut self.gradient, &mut self.curvature);
    }

    /// Scores of all columns: one pass over the design.
    pub fn score<T: Value + Into<f64>, P: Penalty<f64>>(&mut self, problem: &Problem<'_, T, P>) -> Result<()> {
        problem.design.dots(&self.gradient, &mut self.scores)?;
        self.scores.iter_mut().for_each(|score| *score = -*score);
        Ok(())
    }
}

/// Minimises `problem`, from the coefficients and intercept of `warm` if they are given; without an intercept, that is left out.
///
/// # Errors
/// [`Error::Length`] and [`Error::Value`] for a start that does not fit, [`Error::Parameter`] for a tolerance that is not above 0,
/// [`Error::Concave`] for a loss that is not smooth with a penalty that is not convex,
/// [`Error::Diverged`] where the objective is no number.
pub fn solve<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: &Problem<'_, T, P>,
    options: &Options,
    warm: Option<(&[f64], f64)>,
) -> Result<Fit> {
    let mut state = State::start(problem)?;
    if let Some((w, b)) = warm {
        check("warm start", w, problem.design.cols(), "column")?;
        let b = if problem.intercept { b } else { 0.0 };
        state.w.copy_from_slice(w);
        state.b += b;
        state.eta.iter_mut().for_each(|eta| *eta += b);
        problem.design.multiply_add(w, &mut state.eta);
        state.update(problem);
        state.score(problem)?;
    }
    advance(problem, options, &mut state, 0)
}

/// Minimises from a state whose scores are those of its point; `expected` columns are likely to be needed.
pub(crate) fn advance<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: &Problem<'_, T, P>,
    options: &Options,
    state: &mut State,
    expected: usize,
) -> Result<Fit> {
    if options.tolerance.is_nan() || options.tolerance <= 0.0 {
        return Err(Error::Parameter { name: "tolerance", found: options.tolerance.to_string(), expected: "above 0" });
    }
    if problem.loss.smoothed(&state.gradient, 1.0).is_some() {
        return multipliers::advance(problem, options, state, expected);
    }
    advance_smooth(problem, options, state, expected)
}

/// The same for a smooth loss.
fn advance_smooth<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: &Problem<'_, T, P>,
    options: &Options,
    state: &mut State,
    expected: usize,
) -> Result<Fit> {
    let mut set = WorkingSet::new(expected);
    let mut passes = 0;
    // A dual point stays feasible while the problem is the same: the best bound is kept.
    let mut bound = f64::NEG_INFINITY;
    let mut iterations = 0;
    loop {
        let objective = state.value + problem.penalty_of(&state.w);
        if !objective.is_finite() {
            return Err(Error::Diverged(objective, iterations));
        }
        let measure = gap::measure(problem, state, objective, &mut bound);
        let certificate = gap::certificate(state, measure);
        let converged = certificate.size() <= options.tolerance;
        if converged || iterations >= options.iterations {
            let coefficients = state.w.clone();
            return Ok(Fit { coefficients, intercept: state.b, objective, certificate, iterations, passes, converged });
        }
        let chosen = set.choose(problem, state);
        let unit = gap::unit(state, measure);
        let wanted = match measure.size().is_finite() {
            true => (0.3 * measure.size()).max(0.5 * options.tolerance * unit),
            // No bound yet: columns that are not penalised have to come to rest first, whatever the tolerance.
            false => 0.1f64.powi(iterations.min(14) as i32) * unit,
        };
        passes += newton::solve_working_set(problem, state, &chosen, measure.like(wanted))?;
        state.score(problem)?;
        iterations += 1;
    }
}
