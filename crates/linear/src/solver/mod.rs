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

mod anchors;
mod anderson;
mod descent;
mod gap;
mod multipliers;
pub(crate) mod newton;
mod scored;
mod working_set;

use crate::design::check;
use crate::{Design, Error, Loss, Result};
use anchors::Anchors;
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
    /// [`Error::Length`] unless the loss has a row for each of the design; [`Error::Block`] for
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

/// Columns with a score below this share of the threshold are not looked at as candidates. (Of shares of 0, 0.7 and 0.9, the last was the fastest
/// on sparse text and on dense correlated columns.)
const NEAR: f64 = 0.9;

/// Where a look needs a share of all columns larger than one in so many, it takes them all: then its gradient is one to bound others by.
const FULL: f64 = 2.0;

/// A point, and what is known there.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub w: Vec<f64>,
    pub b: f64,
    pub eta: Vec<f64>,
    pub value: f64,
    pub gradient: Vec<f64>,
    pub curvature: Vec<f64>,
    /// `−xⱼᵀ∇F` when it was last computed.
    pub scores: Vec<f64>,
    /// How far the gradient had moved then.
    pub seen: Vec<f64>,
    /// How far the gradient has moved, step by step: `Σ ‖Δ∇F/√a‖`.
    pub travelled: f64,
    /// How far the gradient has to move before each score can be above what lets its weight stay zero.
    pub safe: Vec<f64>,
    /// Columns that may matter, in order: not zero, not penalised, or with a score that is near enough.
    pub live: Vec<u32>,
    /// Gradients whose scores are all known.
    anchors: Anchors,
    /// The gradient at the last look.
    pub last: Vec<f64>,
    /// `√Σᵢ aᵢxᵢⱼ²`: how much a column's score changes at most when the gradient moves by 1.
    pub norms: Vec<f64>,
    /// Columns of working sets, where they can be kept.
    pub packed: Option<newton::Packed>,
    /// What the loss of the model without columns is above the least that it can be, and its largest score.
    pub null: (f64, f64),
    /// Whether the loss says enough of its dual for a gap.
    pub dual: bool,
}

impl State {
    /// The model without columns.
    pub fn start<T: Value + Into<f64>, P: Penalty<f64>>(problem: &Problem<'_, T, P>) -> Result<Self> {
        let (rows, cols) = (problem.design.rows(), problem.design.cols());
        let mut state = Self {
            w: vec![0.0; cols],
            b: 0.0,
            eta: problem.offset.clone().unwrap_or_else(|| vec![0.0; rows]),
            value: 0.0,
            gradient: vec![0.0; rows],
            curvature: vec![0.0; rows],
            scores: vec![],
            seen: vec![0.0; cols],
            travelled: 0.0,
            safe: vec![f64::NEG_INFINITY; cols],
            live: vec![],
            anchors: Anchors::default(),
            last: vec![],
            norms: vec![],
            packed: None,
            null: (0.0, 0.0),
            dual: false,
        };
        state.update(problem);
        let (mut scores, mut norms) = problem.design.dots_and_squares(&state.gradient, problem.loss.weights())?;
        scores.iter_mut().for_each(|score| *score = -*score);
        norms.iter_mut().for_each(|norm| *norm = norm.sqrt());
        (state.scores, state.norms) = (scores, norms);
        state.last.clone_from(&state.gradient);
        state.anchors.add(&state.gradient, problem.loss.weights(), &state.scores);
        let largest = state.scores.iter().fold(0.0f64, |most, s| most.max(s.abs()));
        // The least that a loss can be is −F*(0).
        let least = problem.loss.scaled_conjugate(&state.eta, &state.gradient, 0.0).map(|c| -c);
        state.null = (state.value - least.unwrap_or(0.0), largest);
        state.dual = least.is_some();
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

    /// Scores of all columns that may matter, at the gradient of now.
    ///
    /// A score changes by no more than the length of its column times the way of the gradient. While a weight is zero, and its score at most
    /// the penalty's threshold for all that, it is known to stay so: the certificate needs no more of it.
    pub fn score<T: Value + Into<f64>, P: Penalty<f64>>(&mut self, problem: &Problem<'_, T, P>) -> Result<()> {
        let moved = self.gradient.iter().zip(&mut self.last).zip(problem.loss.weights()).filter(|(_, a)| **a > 0.0);
        let square: f64 = moved.map(|((g, last), a)| (g - std::mem::replace(last, *g)).powi(2) / a).sum();
        self.travelled += square.sqrt();
        let chosen: Vec<u32> =
            (0..self.safe.len() as u32).filter(|&j| self.travelled >= self.safe[j as usize]).collect();
        self.score_of(problem, chosen)
    }

    /// The same for another penalty than before: another threshold.
    fn score_anew<T: Value + Into<f64>, P: Penalty<f64>>(&mut self, problem: &Problem<'_, T, P>) -> Result<()> {
        let edge = problem.penalty.threshold();
        for j in 0..self.safe.len() {
            self.safe[j] = self.safe_until(j, problem.factors[j] * edge);
        }
        self.score(problem)
    }

    fn score_of<T: Value + Into<f64>, P: Penalty<f64>>(
        &mut self,
        problem: &Problem<'_, T, P>,
        mut chosen: Vec<u32>,
    ) -> Result<()> {
        let edge = problem.penalty.threshold();
        // What was computed here already needs no more.
        let fresh = |j: u32| self.seen[j as usize] == self.travelled;
        let seen = self.anchors.look(&self.gradient, problem.loss.weights());
        let at_rest = |j: u32| {
            let (j, edge) = (j as usize, problem.factors[j as usize] * edge);
            self.w[j] == 0.0 && seen.bound(j, self.norms[j]) < NEAR * edge
        };
        let mut needed: Vec<u32> = chosen.iter().copied().filter(|&j| !fresh(j) && !at_rest(j)).collect();
        if FULL * needed.len() as f64 >= self.w.len() as f64 {
            needed = (0..self.w.len() as u32).filter(|&j| !fresh(j)).collect();
        }
        self.compute(problem, &needed)?;
        chosen.retain(|&j| {
            let (j, factor) = (j as usize, problem.factors[j as usize]);
            let near = self.w[j] != 0.0 || factor == 0.0 || self.scores[j].abs() >= NEAR * factor * edge;
            near && self.seen[j] == self.travelled
        });
        self.live = chosen;
        Ok(())
    }

    /// Scores of all columns at the gradient of now, whatever is known of them.
    pub fn score_all<T: Value + Into<f64>, P: Penalty<f64>>(&mut self, problem: &Problem<'_, T, P>) -> Result<()> {
        self.compute(problem, &(0..self.w.len() as u32).collect::<Vec<_>>())
    }

    fn compute<T: Value + Into<f64>, P: Penalty<f64>>(
        &mut self,
        problem: &Problem<'_, T, P>,
        columns: &[u32],
    ) -> Result<()> {
        problem.design.dots(Some(columns), &self.gradient, &mut self.scores)?;
        let edge = problem.penalty.threshold();
        for j in columns.iter().map(|&j| j as usize) {
            (self.scores[j], self.seen[j]) = (-self.scores[j], self.travelled);
            self.safe[j] = self.safe_until(j, problem.factors[j] * edge);
        }
        if columns.len() == self.w.len() {
            self.anchors.add(&self.gradient, problem.loss.weights(), &self.scores);
        }
        Ok(())
    }

    /// The way of the gradient up to which the score of column `j` stays within `edge`.
    fn safe_until(&self, j: usize, edge: f64) -> f64 {
        if self.w[j] != 0.0 || edge == 0.0 {
            return f64::NEG_INFINITY;
        }
        // A hair inside the edge, for rounding.
        let room = (edge * (1.0 - 1e-9) - self.scores[j].abs()) / self.norms[j];
        if room > 0.0 { self.seen[j] + room } else { f64::NEG_INFINITY }
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
    state.score_anew(problem)?;
    if problem.loss.smoothed(&state.gradient, 1.0).is_some() {
        return multipliers::advance(problem, options, state, expected);
    }
    advance_smooth(problem, options, state, expected)
}

/// How far `state` is from the minimum at most, `bound` being the best lower bound so far; and the fit, if that is little enough or the working sets,
/// the first of the two counts, are used up.
fn look<T: Value + Into<f64>, P: Penalty<f64>>(
    problem: &Problem<'_, T, P>,
    options: &Options,
    state: &State,
    bound: &mut f64,
    (iterations, passes): (usize, usize),
) -> Result<(gap::Measure, Option<Fit>)> {
    let objective = state.value + problem.penalty_of(&state.w);
    if !objective.is_finite() {
        return Err(Error::Diverged(objective, iterations));
    }
    let measure = gap::measure(problem, state, objective, bound);
    let certificate = gap::certificate(state, measure);
    let converged = certificate.size() <= options.tolerance;
    let fit = (converged || iterations >= options.iterations).then(|| Fit {
        coefficients: state.w.clone(),
        intercept: state.b,
        objective,
        certificate,
        iterations,
        passes,
        converged,
    });
    Ok((measure, fit))
}

/// As [`advance`] for a smooth loss.
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
        let (measure, fit) = look(problem, options, state, &mut bound, (iterations, passes))?;
        if let Some(fit) = fit {
            return Ok(fit);
        }
        let chosen = set.choose(problem, state);
        let unit = gap::unit(state, measure);
        let wanted = match measure.size().is_finite() {
            true => (0.3 * measure.size()).max(0.5 * options.tolerance * unit),
            // No bound yet: columns that are not penalised have to come to rest first, whatever the tolerance.
            false => 0.1f64.powi(iterations.min(14) as i32) * unit,
        };
        passes += newton::solve_working_set(problem, state, &chosen, measure.like(wanted))?;
        for &j in chosen.iter().filter(|&&j| state.w[j] != 0.0) {
            state.safe[j] = f64::NEG_INFINITY;
        }
        state.score(problem)?;
        iterations += 1;
    }
}
