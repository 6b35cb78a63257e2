//! From rows, as data sets have them, to the columns that solvers walk over.

use rarefy_core::matrix::{Csc, Dense};
use rarefy_data::Features;
use rarefy_linear::Design;

use crate::Result;

/// A column whose standard deviation is below this share of its largest value is constant but for rounding.
const CONSTANT: f64 = 1e-12;

/// Features column by column. Sparse ones stay sparse.
pub(super) enum Columns {
    /// The transpose: a row for each feature.
    Dense(Dense<f32>),
    Sparse(Csc<f32>),
}

impl Columns {
    /// Of some rows, in the order given.
    pub fn of(features: &Features, rows: &[u32]) -> Result<Self> {
        let all = rows.len() == features.rows() && rows.iter().enumerate().all(|(at, &row)| at == row as usize);
        let chosen: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
        Ok(match features {
            Features::Dense(m) if all => Self::Dense(m.transpose()),
            Features::Sparse(m) if all => Self::Sparse(m.to_csc()?),
            _ => match features.select(&chosen)? {
                Features::Dense(m) => Self::Dense(m.transpose()),
                Features::Sparse(m) => Self::Sparse(m.to_csc()?),
                Features::Bytes(m) => {
                    let (rows, mut numbers) = (m.rows(), Dense::filled(m.cols(), m.rows(), 0.0f32)?);
                    for i in 0..rows {
                        let column = numbers.data_mut()[i..].iter_mut().step_by(rows);
                        column.zip(m.row(i)).for_each(|(x, &byte)| *x = byte.into());
                    }
                    Self::Dense(numbers)
                }
            },
        })
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Self::Dense(transposed) => (transposed.cols(), transposed.rows()),
            Self::Sparse(m) => (m.rows(), m.cols()),
        }
    }

    /// The stored values of column `j`.
    fn stored(&self, j: usize) -> &[f32] {
        match self {
            Self::Dense(transposed) => transposed.row(j),
            Self::Sparse(m) => m.col(j).1,
        }
    }

    /// What each column is multiplied with: one over its standard deviation where they are to be standardised. A column that is constant
    /// says nothing that an intercept does not: it is multiplied with 0 beside one.
    pub fn scale(&self, standardize: bool, intercept: bool) -> Vec<f64> {
        let (rows, cols) = self.shape();
        let one = |j| {
            let (stored, n) = (self.stored(j), rows as f64);
            let largest = stored.iter().fold(0.0f64, |most, &x| most.max(f64::from(x).abs()));
            let mean = stored.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
            let squares: f64 = stored.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum();
            let deviation = ((squares + (rows - stored.len()) as f64 * mean * mean) / n).sqrt();
            match deviation > CONSTANT * largest {
                true if standardize => deviation.recip(),
                true => 1.0,
                false if intercept || largest == 0.0 => 0.0,
                false if standardize => largest.recip(),
                false => 1.0,
            }
        };
        (0..cols).map(one).collect()
    }

    /// The design, its columns scaled.
    pub fn design(&self, scale: &[f64]) -> Result<Design<'_, f32>> {
        let design = match self {
            Self::Dense(transposed) => Design::dense(transposed.view()),
            Self::Sparse(m) => Design::sparse(m.view()),
        };
        Ok(design.scaled(scale.to_vec())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rarefy_core::matrix::Csr;

    #[test]
    fn columns_are_scaled_to_unit_deviation_and_constant_ones_are_left_out() {
        let rows = [1.0, 0.1, 0.0, 3.0, 0.1, 0.0, 5.0, 0.1, 0.0, 7.0, 0.1, 4.0];
        let dense = Features::Dense(Dense::new(4, 3, rows.to_vec()).unwrap());
        let sparse = Features::Sparse(Csr::from_dense(Dense::new(4, 3, rows.to_vec()).unwrap().view()).unwrap());
        for features in [dense, sparse] {
            let columns = Columns::of(&features, &[0, 1, 2, 3]).unwrap();
            let scale = columns.scale(true, true);
            // Of 1, 3, 5, 7 the variance is 5; of 0, 0, 0, 4 it is 3.
            assert!((scale[0] - 5f64.sqrt().recip()).abs() < 1e-12 && (scale[2] - 3f64.sqrt().recip()).abs() < 1e-12);
            assert_eq!((scale[1], columns.scale(false, true)), (0.0, vec![1.0, 0.0, 1.0]));
            assert!((columns.scale(true, false)[1] - 10.0).abs() < 1e-5);
            assert_eq!(Columns::of(&features, &[3, 1]).unwrap().stored(0), [7.0, 3.0]);
        }
    }
}
