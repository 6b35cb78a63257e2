//! Penalties in which every weight counts for itself: five functions of one number.

use super::{Block, Penalty, Real, Steps, squares};

/// A penalty of single weights; sums and square roots of sums make a [`Penalty`] of it.
pub trait Entrywise: Send + Sync {
    /// `pen(w)`
    fn value(&self, w: f64) -> f64;
    /// `argmin_u (u − w)²/(2·step) + pen(u)`
    fn prox(&self, w: f64, step: f64) -> f64;
    /// The distance of 0 to `gradient + ∂pen(w)`.
    fn distance(&self, w: f64, gradient: f64) -> f64;
    /// `pen*(u)`, ∞ where it has no bound; `None` where `pen` is not convex.
    fn conjugate(&self, u: f64) -> Option<f64>;
    /// The largest absolute gradient at which 0 is optimal.
    fn threshold(&self) -> f64;
}

impl<T: Real, P: Entrywise> Penalty<T> for P {
    fn block(&self) -> Block {
        Block::Entries
    }

    fn value(&self, w: &[T]) -> f64 {
        w.iter().map(|&w| Entrywise::value(self, w.into())).sum()
    }

    fn prox(&self, w: &mut [T], steps: Steps<'_, T>) {
        w.iter_mut().enumerate().for_each(|(i, w)| *w = T::near(Entrywise::prox(self, (*w).into(), steps.of(i))));
    }

    fn distance(&self, w: &[T], gradient: &[T]) -> f64 {
        let each = w.iter().zip(gradient).map(|(&w, &g)| Entrywise::distance(self, w.into(), g.into()));
        squares(each).sqrt()
    }

    fn conjugate(&self, u: &[T]) -> Option<f64> {
        u.iter().map(|&u| Entrywise::conjugate(self, u.into())).sum()
    }

    fn threshold(&self) -> f64 {
        Entrywise::threshold(self)
    }
}
