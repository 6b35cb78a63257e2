//! From a dense matrix to a sparse one.
//!
//! [`sparsify`] takes entries, rows or columns out by a [`Rule`]; [`report`] says how far the sparse matrix `Ã` is from the dense one and what
//! that does to the loss: `½‖y − Ax̃‖²` at the solution `x̃` of the sparse problem, against the least that there is. Time is the caller's to take.
//!
//! A dense matrix is turned into a sparse one of all its nonzeros for the comparison: 12 bytes each.
//!
//! ```
//! use rarefy_core::matrix::Dense;
//! use rarefy_linear::least_squares::{Options, sparsify::{Rule, report, sparsify}};
//! let a = Dense::new(3, 2, vec![2.0, 0.1, 0.0, 3.0, 1.0, 0.0])?;
//! let sparse = sparsify(a.view(), &[1.0, 2.0, 3.0], Rule::Absolute(0.5))?;
//! assert_eq!(sparse.matrix.nnz(), 3);
//! let report = report(a.view(), &[1.0, 2.0, 3.0], &sparse, &Options::default())?;
//! assert!((report.distance - 0.1).abs() < 1e-6 && report.loss >= report.least);
//! println!("{report}");
//! # Ok::<(), rarefy_linear::Error>(())
//! ```

use super::spectrum::ends;
use super::{Operator, Options, solve};
use crate::design::check;
use crate::{Error, Result};
use rarefy_core::kernels::sweep::square;
use rarefy_core::matrix::{Csr, DenseView};
use rarefy_core::random::Key;

/// How rows are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// With probability in proportion to `‖aᵢ‖²`, which gives the least expected error of `AᵀA` (Drineas, Kannan and Mahoney, *Fast Monte Carlo
    /// algorithms for matrices I*, 2006).
    Squared,
    /// All alike.
    Uniform,
}

/// What is left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Keep entries of `|aᵢⱼ|` above this: 0 keeps all that are not zero, ∞ none.
    Absolute(f64),
    /// Keep this share, in 0..=1, of all entries: the largest, and of equal ones the first.
    Fraction(f64),
    /// Keep entries of `|aᵢⱼ|` above this share of the largest in their column.
    Relative(f64),
    /// Draw `count` rows, with replacement, divided by the root of `count` times their probability: `ÃᵀÃ` is `AᵀA` on average. A row that is
    /// drawn more than once is kept once, multiplied by the root of how often.
    Rows {
        /// How many draws.
        count: usize,
        /// By which probabilities.
        by: Sampling,
        /// Of the random numbers.
        seed: u64,
    },
    /// Keep this many columns, those of the largest `|aⱼᵀy|/‖aⱼ‖`, and drop rows that are then zero: the matrix shrinks.
    Columns(usize),
}

/// A sparse matrix, and which part of the dense one it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse {
    /// `Ã`
    pub matrix: Csr<f64>,
    /// The row of `A` that each row comes from, rising.
    pub rows: Vec<usize>,
    /// What each row, and its number of `y`, is multiplied with.
    pub factors: Vec<f64>,
    /// The column of `A` that each column comes from, rising.
    pub columns: Vec<usize>,
    /// Rows were drawn, so that `Ã` stands for `A` in `AᵀA` only.
    pub sampled: bool,
}

impl Sparse {
    /// The targets of the sparse problem.
    pub fn target(&self, y: &[f64]) -> Vec<f64> {
        self.rows.iter().zip(&self.factors).map(|(&i, f)| f * y[i]).collect()
    }

    /// Coefficients of all columns: 0 for those that were left out.
    pub fn expand(&self, coefficients: &[f64], cols: usize) -> Vec<f64> {
        spread(&self.columns, coefficients, cols)
    }
}

/// `values` at `places` of a vector of `len`, 0 elsewhere.
fn spread(places: &[usize], values: &[f64], len: usize) -> Vec<f64> {
    let mut out = vec![0.0; len];
    places.iter().zip(values).for_each(|(&at, &value)| out[at] = value);
    out
}

/// Takes out of `a` what `rule` says.
///
/// # Errors
/// [`Error::Length`] and [`Error::Value`] for targets that do not fit, and for an entry of `a` that is not finite; [`Error::Parameter`] for a
/// number out of range; [`Error::Empty`] where rows are to be drawn and all are zero; [`Error::Core`] without memory.
pub fn sparsify(a: DenseView<'_, f64>, y: &[f64], rule: Rule) -> Result<Sparse> {
    check("y", y, a.rows(), "row")?;
    check_entries(a)?;
    let (rows, cols) = (a.rows(), a.cols());
    let least = |name, number: f64| match number >= 0.0 {
        true => Ok(()),
        false => Err(Error::Parameter { name, found: number.to_string(), expected: "0 or above" }),
    };
    match rule {
        Rule::Absolute(threshold) => {
            least("threshold", threshold)?;
            keep(a, |_, _, x| x.abs() > threshold)
        }
        Rule::Relative(share) => {
            least("share of the largest", share)?;
            let mut largest = vec![0.0f64; cols];
            for i in 0..rows {
                largest.iter_mut().zip(a.row(i)).for_each(|(most, x)| *most = most.max(x.abs()));
            }
            // ∞ · 0 is no number, and keeps nothing either.
            keep(a, |_, j, x| x.abs() > share * largest[j])
        }
        Rule::Fraction(share) => {
            if !(0.0..=1.0).contains(&share) {
                let found = share.to_string();
                return Err(Error::Parameter { name: "share of entries", found, expected: "in 0..=1" });
            }
            let wanted = (share * (rows * cols) as f64).round() as usize;
            let mut order: Vec<usize> = (0..rows * cols).collect();
            let size = |&at: &usize| (std::cmp::Reverse(a.data()[at].abs().to_bits()), at);
            if wanted < order.len() {
                order.select_nth_unstable_by_key(wanted, size);
            }
            let mut kept = vec![false; rows * cols];
            order[..wanted].iter().for_each(|&at| kept[at] = true);
            keep(a, |i, j, x| kept[i * cols + j] && x != 0.0)
        }
        Rule::Rows { count, by, seed } => draw(a, count, by, seed),
        Rule::Columns(count) => screen(a, y, count),
    }
}

fn check_entries(a: DenseView<'_, f64>) -> Result<()> {
    match a.data().iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let (row, found) = (at / a.cols(), a.data()[at]);
            Err(Error::Value { what: "A", each: "row", at: row, found, expected: "a finite number" })
        }
    }
}

/// The rows `rows` of `a`, times `factors`, and the columns `columns`.
fn part(a: DenseView<'_, f64>, rows: Vec<usize>, factors: Vec<f64>, columns: Vec<usize>) -> Result<Sparse> {
    let mut entries = vec![];
    for (to, (&i, f)) in rows.iter().zip(&factors).enumerate() {
        let kept = columns.iter().enumerate().map(|(k, &j)| (to, k, f * a.row(i)[j]));
        entries.extend(kept.filter(|(_, _, x)| *x != 0.0));
    }
    let matrix = Csr::from_triplets(rows.len(), columns.len(), &entries)?;
    Ok(Sparse { matrix, rows, factors, columns, sampled: false })
}

fn keep(a: DenseView<'_, f64>, kept: impl Fn(usize, usize, f64) -> bool) -> Result<Sparse> {
    let mut matrix = Csr::from_dense(a)?;
    matrix.retain(kept);
    let (rows, columns) = ((0..a.rows()).collect(), (0..a.cols()).collect());
    Ok(Sparse { matrix, rows, factors: vec![1.0; a.rows()], columns, sampled: false })
}

fn draw(a: DenseView<'_, f64>, count: usize, by: Sampling, seed: u64) -> Result<Sparse> {
    if count == 0 {
        return Err(Error::Parameter { name: "rows to draw", found: "0".into(), expected: "1 or above" });
    }
    let chances: Vec<f64> = match by {
        Sampling::Squared => (0..a.rows()).map(|i| square(a.row(i))).collect(),
        Sampling::Uniform => vec![1.0; a.rows()],
    };
    let mut total = 0.0;
    let sums: Vec<f64> = chances
        .iter()
        .map(|chance| {
            total += chance;
            total
        })
        .collect();
    if total == 0.0 {
        return Err(Error::Empty("all rows are zero: there is none to draw"));
    }
    let mut random = Key::new(seed, 0).stream(0);
    let mut times = vec![0usize; a.rows()];
    for _ in 0..count {
        let at = random.uniform_f64() * total;
        // The first sum past it belongs to a row of a chance, as those without one repeat the sum before.
        times[sums.partition_point(|&sum| sum <= at).min(a.rows() - 1)] += 1;
    }
    let rows: Vec<usize> = (0..a.rows()).filter(|&i| times[i] > 0).collect();
    let factors = rows.iter().map(|&i| (times[i] as f64 * total / (count as f64 * chances[i])).sqrt()).collect();
    Ok(Sparse { sampled: true, ..part(a, rows, factors, (0..a.cols()).collect())? })
}

fn screen(a: DenseView<'_, f64>, y: &[f64], count: usize) -> Result<Sparse> {
    let (mut dots, mut squares) = (vec![0.0; a.cols()], vec![0.0; a.cols()]);
    for (i, y) in y.iter().enumerate() {
        for ((x, dot), square) in a.row(i).iter().zip(&mut dots).zip(&mut squares) {
            *dot += x * y;
            *square += x * x;
        }
    }
    let score = |j: usize| if squares[j] > 0.0 { dots[j].abs() / f64::sqrt(squares[j]) } else { 0.0 };
    let mut columns: Vec<usize> = (0..a.cols()).collect();
    columns.sort_by(|&i, &j| score(j).total_cmp(&score(i)).then(i.cmp(&j)));
    columns.truncate(count);
    columns.sort_unstable();
    let rows: Vec<usize> = (0..a.rows()).filter(|&i| columns.iter().any(|&j| a.row(i)[j] != 0.0)).collect();
    let factors = vec![1.0; rows.len()];
    part(a, rows, factors, columns)
}

/// What leaving something out costs in accuracy, and what it saves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Nonzeros of `Ã`.
    pub nnz: usize,
    /// Nonzeros of `A`.
    pub of: usize,
    /// `nnz` over all entries that `A` has room for.
    pub density: f64,
    /// `‖A − Ã‖₂`, what was left out counted as 0; of drawn rows `‖AᵀA − ÃᵀÃ‖₂/‖AᵀA‖₂`.
    pub distance: f64,
    /// Which of both.
    pub sampled: bool,
    /// `½‖y − Ax̃‖²`
    pub loss: f64,
    /// `½‖y − Ax*‖²`
    pub least: f64,
    /// Iterations on `Ã` and on `A`.
    pub iterations: [usize; 2],
    /// Whether both solutions converged.
    pub converged: bool,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = if self.sampled { "‖AᵀA − ÃᵀÃ‖/‖AᵀA‖" } else { "‖A − Ã‖" };
        let excess = if self.loss == self.least { 0.0 } else { 100.0 * (self.loss / self.least - 1.0) };
        writeln!(f, "{:<18}{:>14}{:>14}", "", "sparse", "dense")?;
        writeln!(f, "{:<18}{:>14}{:>14}", "nonzeros", self.nnz, self.of)?;
        writeln!(f, "{:<18}{:>14.4}", "density", self.density)?;
        writeln!(f, "{:<18}{:>14.6e}{:>14.6e}  (+{excess:.3} %)", "loss on dense A", self.loss, self.least)?;
        writeln!(f, "{:<18}{:>14}{:>14}", "iterations", self.iterations[0], self.iterations[1])?;
        write!(f, "{name:<18}{:>14.4e}{}", self.distance, if self.converged { "" } else { "  (not converged)" })
    }
}

/// Solves the sparse and the dense problem by `options`, and compares. Weights, if given, are those of the rows of `a`.
///
/// # Errors
/// As [`solve`]; [`Error::Length`] unless `sparse` is part of a matrix of this size.
pub fn report(a: DenseView<'_, f64>, y: &[f64], sparse: &Sparse, options: &Options<'_>) -> Result<Report> {
    check_entries(a)?;
    check("y", y, a.rows(), "row")?;
    for (what, last, expected, each) in [
        ("sparse rows", sparse.rows.last(), a.rows(), "row"),
        ("sparse columns", sparse.columns.last(), a.cols(), "column"),
    ] {
        if let Some(&last) = last.filter(|&&last| last >= expected) {
            return Err(Error::Length { what, found: last + 1, expected, each });
        }
    }
    let whole = Csr::from_dense(a)?;
    let (dense, thin) = (Operator::from_rows(whole.view())?, Operator::from_rows(sparse.matrix.view())?);
    let best = solve(&dense, y, options, &())?;
    let weights: Option<Vec<f64>> = options.weights.map(|w| sparse.rows.iter().map(|&i| w[i]).collect());
    let start: Option<Vec<f64>> = options.start.map(|x| sparse.columns.iter().map(|&j| x[j]).collect());
    let inner = Options { weights: weights.as_deref(), start: start.as_deref(), ..*options };
    let fit = solve(&thin, &sparse.target(y), &inner, &())?;
    let loss = |x: &[f64], intercept: f64| -> Result<f64> {
        let mut r = vec![0.0; a.rows()];
        dense.multiply(x, &mut r)?;
        let weight = |i: usize| options.weights.map_or(1.0, |w| w[i]);
        Ok(r.iter().zip(y).enumerate().map(|(i, (r, y))| 0.5 * weight(i) * (y - intercept - r).powi(2)).sum())
    };
    Ok(Report {
        nnz: sparse.matrix.nnz(),
        of: whole.nnz(),
        density: sparse.matrix.nnz() as f64 / (a.rows() * a.cols()).max(1) as f64,
        distance: distance(&dense, &thin, sparse)?,
        sampled: sparse.sampled,
        loss: loss(&sparse.expand(&fit.coefficients, a.cols()), fit.intercept)?,
        least: loss(&best.coefficients, best.intercept)?,
        iterations: [fit.iterations, best.iterations],
        converged: fit.converged() && best.converged(),
    })
}

/// `‖A − Ã‖₂`, or of sampled rows `‖AᵀA − ÃᵀÃ‖₂/‖AᵀA‖₂`; from products alone.
fn distance(a: &Operator<'_, f64>, thin: &Operator<'_, f64>, sparse: &Sparse) -> Result<f64> {
    let (rows, cols) = (a.rows(), a.cols());
    let mut u = vec![0.0; rows];
    let mut small = [vec![0.0; thin.rows()], vec![0.0; thin.cols()]];
    let pick = |v: &[f64], places: &[usize]| -> Vec<f64> { places.iter().map(|&at| v[at]).collect() };
    let mut take = |v: &[f64], out: &mut [f64], gram: bool| -> Result<()> {
        a.multiply(v, &mut u)?;
        let [below, back] = &mut small;
        thin.multiply(&pick(v, &sparse.columns), below)?;
        if !gram {
            sparse.rows.iter().zip(&*below).for_each(|(&i, x)| u[i] -= x);
            *below = pick(&u, &sparse.rows);
        }
        a.multiply_transposed(&u, out)?;
        thin.multiply_transposed(below, back)?;
        out.iter_mut().zip(spread(&sparse.columns, back, cols)).for_each(|(out, x)| *out -= x);
        Ok(())
    };
    if !sparse.sampled {
        return Ok(ends(cols, |v, out| take(v, out, false))?.1.max(0.0).sqrt());
    }
    let (low, high) = ends(cols, |v, out| take(v, out, true))?;
    let (_, norm) = ends(cols, |v, out| {
        a.multiply(v, &mut u)?;
        a.multiply_transposed(&u, out)
    })?;
    Ok(if norm > 0.0 { low.abs().max(high.abs()) / norm } else { 0.0 })
}
