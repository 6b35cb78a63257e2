//! Scaling that keeps zeros.
//!
//! Each feature is multiplied by a factor, and nothing is subtracted: a zero stays a zero, sparse data stay sparse, and a
//! pixel that is always black never costs anything. The features themselves stay as they were read; the factors are
//! applied when a batch is gathered.

use crate::dataset::Features;
use crate::error::{Error, Result};

/// How features are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Scaling {
    /// Not at all.
    #[default]
    None,
    /// Each feature by one over its largest absolute value among the training rows, so that it lies in −1 … 1.
    MaxAbs,
    /// Every feature by the same number, such as 1/255 for bytes.
    Factor(f32),
}

/// The numbers that features are multiplied by.
#[derive(Debug, Clone, PartialEq)]
pub enum Factors {
    /// One for all.
    Same(f32),
    /// One each.
    PerFeature(Vec<f32>),
}

impl Scaling {
    /// The factors for `features`, learned from the rows `rows` alone.
    ///
    /// A feature that is zero in all of them gets the factor 1, as does one so small that 1/max is not finite.
    ///
    /// ```
    /// use rarefy_core::matrix::Dense;
    /// use rarefy_data::{Factors, Features, Scaling};
    /// let x = Features::Dense(Dense::new(2, 3, vec![-4.0, 0.0, 1.0, 2.0, 0.0, 8.0])?);
    /// assert_eq!(Scaling::MaxAbs.fit(&x, &[0])?, Factors::PerFeature(vec![0.25, 1.0, 1.0]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Row`] if a row is past the last, [`Error::Scaling`] if a factor is given that is 0 or not finite.
    pub fn fit(self, features: &Features, rows: &[usize]) -> Result<Factors> {
        match self {
            Self::None => return Ok(Factors::Same(1.0)),
            Self::Factor(factor) if factor.is_finite() && factor != 0.0 => return Ok(Factors::Same(factor)),
            Self::Factor(factor) => return Err(Error::Scaling { factor }),
            Self::MaxAbs => {}
        }
        if let Some(&row) = rows.iter().find(|&&row| row >= features.rows()) {
            return Err(Error::Row { row, rows: features.rows() });
        }
        let mut largest = vec![0f32; features.cols()];
        match features {
            Features::Sparse(m) => {
                for &i in rows {
                    let (indices, values) = m.row(i);
                    for (&j, value) in indices.iter().zip(values) {
                        let place = &mut largest[j as usize];
                        *place = place.max(value.abs());
                    }
                }
            }
            _ => {
                let mut row = vec![0.0; features.cols()];
                for &i in rows {
                    features.row_into(i, &mut row);
                    largest.iter_mut().zip(&row).for_each(|(place, value)| *place = place.max(value.abs()));
                }
            }
        }
        let factor = |max: f32| if max > 0.0 && max.recip().is_finite() { max.recip() } else { 1.0 };
        Ok(Factors::PerFeature(largest.into_iter().map(factor).collect()))
    }
}

impl Factors {
    /// Multiplies the features of one row.
    ///
    /// # Panics
    /// If there is one factor each, and not as many as `row` is long.
    pub fn apply(&self, row: &mut [f32]) {
        match self {
            Self::Same(1.0) => {}
            Self::Same(factor) => row.iter_mut().for_each(|value| *value *= factor),
            Self::PerFeature(factors) => {
                assert_eq!(row.len(), factors.len(), "one factor for each feature");
                row.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
            }
        }
    }

    /// The factor of feature `j`.
    pub fn of(&self, j: usize) -> f32 {
        match self {
            Self::Same(factor) => *factor,
            Self::PerFeature(factors) => factors[j],
        }
    }
}
