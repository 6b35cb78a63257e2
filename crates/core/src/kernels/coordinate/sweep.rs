//! Sweeps: products of a vector with the columns of a whole design, on all threads.

use super::super::simd::{Kernel, Simd, dispatch};
use super::columns::Column;
use crate::matrix::{CscView, DenseView, Value};
use crate::parallel::{Shared, run};
use crate::{Error, Result};

/// The entries of a design, as they lie in memory.
#[derive(Debug, Clone, Copy)]
pub enum Entries<'a, T> {
    /// The transpose: a row of it is a column.
    Dense(DenseView<'a, T>),
    /// Columns of nonzeros.
    Sparse(CscView<'a, T>),
}

/// Entries in a task.
const TASK: usize = 1 << 15;

impl<T: Value + Into<f64>> Entries<'_, T> {
    /// Rows of the design.
    pub fn rows(&self) -> usize {
        match self {
            Self::Dense(transposed) => transposed.cols(),
            Self::Sparse(design) => design.rows(),
        }
    }

    /// Columns of the design.
    pub fn cols(&self) -> usize {
        match self {
            Self::Dense(transposed) => transposed.rows(),
            Self::Sparse(design) => design.cols(),
        }
    }

    /// Stored entries.
    pub fn nnz(&self) -> usize {
        match self {
            Self::Dense(transposed) => transposed.data().len(),
            Self::Sparse(design) => design.nnz(),
        }
    }

    #[inline(always)]
    fn column(&self, j: usize) -> Column<'_, T> {
        match self {
            Self::Dense(transposed) => Column::Dense(transposed.row(j)),
            Self::Sparse(design) => {
                let (rows, values) = design.col(j);
                Column::Sparse(rows, values)
            }
        }
    }

    /// `out[j] ← xⱼᵀv` of all columns, or of those `chosen`, which rise.
    ///
    /// # Errors
    /// [`Error::Length`] unless `v` has a number a row of the design and `out` one a column; [`Error::Order`] unless `chosen` rises.
    pub fn dots(&self, chosen: Option<&[u32]>, v: &[f64], out: &mut [f64]) -> Result<()> {
        self.check(&[("v", v.len(), self.rows()), ("out", out.len(), self.cols())])?;
        let Some(chosen) = chosen else {
            self.sweep(self.cols(), out, |range, out| dispatch(Dots { entries: self, range, v, out }));
            return Ok(());
        };
        let fits = |at: usize| (chosen[at] as usize) < self.cols() && (at == 0 || chosen[at - 1] < chosen[at]);
        if let Some(at) = (0..chosen.len()).find(|&at| !fits(at)) {
            return Err(Error::Order {
                axis: "design",
                major: 0,
                index: chosen[at] as usize,
                at,
                problem: "out of order",
            });
        }
        let mut found = vec![0.0; chosen.len()];
        self.sweep(chosen.len(), &mut found, |range, out| {
            dispatch(DotsOf { entries: self, chosen: &chosen[range], v, out });
        });
        chosen.iter().zip(found).for_each(|(&j, dot)| out[j as usize] = dot);
        Ok(())
    }

    /// `dots[j] ← xⱼᵀv` and `squares[j] ← Σᵢ aᵢxᵢⱼ²` of all columns in one sweep, `a` being 1 everywhere unless given.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is a number a row in `v` and `a`, one a column in `dots` and `squares`.
    pub fn dots_and_squares(&self, v: &[f64], a: Option<&[f64]>, dots: &mut [f64], squares: &mut [f64]) -> Result<()> {
        let (rows, cols) = (self.rows(), self.cols());
        self.check(&[
            ("v", v.len(), rows),
            ("a", a.map_or(rows, <[f64]>::len), rows),
            ("dots", dots.len(), cols),
            ("squares", squares.len(), cols),
        ])?;
        let squares = Shared::new(squares);
        self.sweep(cols, dots, |range, dots| {
            // SAFETY: ranges have no column in common, and `squares` outlives the sweep.
            let squares = unsafe { squares.range(range.clone()) };
            dispatch(DotsAndSquares { entries: self, range, v, a, dots, squares });
        });
        Ok(())
    }

    fn check(&self, lengths: &[(&'static str, usize, usize)]) -> Result<()> {
        match lengths.iter().find(|(_, found, expected)| found != expected) {
            Some(&(what, found, expected)) => Err(Error::Length { what, found, expected }),
            None => Ok(()),
        }
    }

    /// Calls `body` with ranges of `0..count`, as of so many columns, and their part of `out`.
    fn sweep(&self, count: usize, out: &mut [f64], body: impl Fn(std::ops::Range<usize>, &mut [f64]) + Sync) {
        let entries = (self.nnz() as f64 * count as f64 / self.cols().max(1) as f64) as usize;
        let tasks = (entries + count).div_ceil(TASK).min(count);
        let shared = Shared::new(out);
        run(tasks, |task| {
            let range = task * count / tasks..(task + 1) * count / tasks;
            // SAFETY: tasks have no range in common, and `out` outlives `run`.
            let out = unsafe { shared.range(range.clone()) };
            body(range, out);
        });
    }
}

struct Dots<'a, T> {
    entries: &'a Entries<'a, T>,
    range: std::ops::Range<usize>,
    v: &'a [f64],
    out: &'a mut [f64],
}

impl<T: Value + Into<f64>> Kernel for Dots<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        self.range.zip(self.out).for_each(|(j, out)| *out = self.entries.column(j).dot(self.v));
    }
}

struct DotsOf<'a, T> {
    entries: &'a Entries<'a, T>,
    chosen: &'a [u32],
    v: &'a [f64],
    out: &'a mut [f64],
}

impl<T: Value + Into<f64>> Kernel for DotsOf<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        self.chosen.iter().zip(self.out).for_each(|(&j, out)| *out = self.entries.column(j as usize).dot(self.v));
    }
}

struct DotsAndSquares<'a, T> {
    entries: &'a Entries<'a, T>,
    range: std::ops::Range<usize>,
    v: &'a [f64],
    a: Option<&'a [f64]>,
    dots: &'a mut [f64],
    squares: &'a mut [f64],
}

impl<T: Value + Into<f64>> Kernel for DotsAndSquares<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for (j, (dot, square)) in self.range.zip(self.dots.iter_mut().zip(self.squares)) {
            let column = self.entries.column(j);
            *dot = column.dot(self.v);
            *square = match self.a {
                Some(a) => column.square_by(a),
                None => column.square(),
            };
        }
    }
}
