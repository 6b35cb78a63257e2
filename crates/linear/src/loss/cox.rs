//! Cox's partial likelihood of times until an event, some of them censored: how well `η` tells who has the event first.
//!
//! At the time `tᵢ` of an event, each row `j` that is still at risk (`tⱼ ≥ tᵢ`) has it with probability `pᵢⱼ = aⱼe^ηⱼ/Σₖ aₖe^ηₖ`, over all at risk:
//! `F(η) = −Σᵢ aᵢ log pᵢᵢ` over events. Events at one time share what is at risk (Breslow). Without weights it is the negative log
//! partial likelihood over the number of rows; weights are numbers of equal rows, but for a constant.
//!
//! * Gradient: `cⱼ − aⱼ[j is an event]`, with `cⱼ = Σᵢ aᵢpᵢⱼ` over events that `j` was at risk of.
//! * Curvature: `cⱼ`. The Hessian is `Σᵢ aᵢ(diag(pᵢ) − pᵢpᵢᵀ)`, at most `diag(c) − ccᵀ/Σc`, since a variance within groups is at most that of all:
//!   the model of a diagonal with a free intercept is an upper bound.
//! * `F` does not know an intercept: it cancels.
//! * `F*` has no closed form, but `α∇F` is the sum of `αaᵢ(pᵢ − eᵢ)`, and each term's conjugate is the entropy of `αpᵢ + (1 − α)eᵢ`: their sum is
//!   above `F*(α∇F)`, and equal to it for `α = 1`.
//!
//! One pass over rows sorted by time, sums being kept in logarithms so that no `η` overflows.
//!
//! Cox, *Regression models and life-tables*, 1972; Breslow's discussion of it; Simon, Friedman, Hastie and Tibshirani, *Regularization paths
//! for Cox's proportional hazards model via coordinate descent*, 2011.

use super::{Entry, Loss, entropy, shares};
use crate::design::check;
use crate::{Error, Result};

pub(super) const ENTRY: Entry = Entry {
    name: "cox",
    help: "Times until an event; a negative one is the time until which there was none.",
    make: |y, weights, _| Ok(Box::new(Cox::signed(y, weights)?)),
};

/// Cox's partial likelihood with Breslow's ties.
#[derive(Debug, Clone)]
pub struct Cox {
    a: Vec<f64>,
    logs: Vec<f64>,
    event: Vec<bool>,
    /// Rows that have a weight, the latest first.
    order: Vec<usize>,
    /// Where in `order` each time begins, and the end.
    starts: Vec<usize>,
}

impl Cox {
    /// Times, whether there was an event (else the time is that of the last look), and sample weights (all the same unless given; any
    /// positive sum).
    ///
    /// # Errors
    /// [`Error::Empty`] without rows, weight, or an event of a row that has a weight; [`Error::Length`]; [`Error::Value`] for times or weights that
    /// cannot be.
    pub fn new(time: &[f64], event: &[bool], weights: Option<&[f64]>) -> Result<Self> {
        check("time", time, time.len(), "row")?;
        if event.len() != time.len() {
            return Err(Error::Length { what: "event", found: event.len(), expected: time.len(), each: "row" });
        }
        let a = shares(time.len(), weights)?;
        let mut order: Vec<usize> = (0..time.len()).filter(|&i| a[i] > 0.0).collect();
        if !order.iter().any(|&i| event[i]) {
            return Err(Error::Empty("no event: all times are censored, and nothing tells rows apart"));
        }
        order.sort_by(|&i, &j| time[j].total_cmp(&time[i]));
        let mut starts: Vec<usize> =
            (0..order.len()).filter(|&k| k == 0 || time[order[k]] != time[order[k - 1]]).collect();
        starts.push(order.len());
        Ok(Self { logs: a.iter().map(|a| a.ln()).collect(), a, event: event.to_vec(), order, starts })
    }

    /// Times in one array: those of events are above 0, the others have their sign changed. So do recipes.
    ///
    /// # Errors
    /// As [`new`](Cox::new), and [`Error::Value`] for a time of 0, which has no sign.
    pub fn signed(y: &[f64], weights: Option<&[f64]>) -> Result<Self> {
        check("y", y, y.len(), "row")?;
        if let Some(at) = y.iter().position(|&y| y == 0.0) {
            let expected = "a time above 0, or below where it is censored";
            return Err(Error::Value { what: "y", each: "row", at, found: 0.0, expected });
        }
        let (time, event): (Vec<f64>, Vec<bool>) = y.iter().map(|y| (y.abs(), *y > 0.0)).unzip();
        Self::new(&time, &event, weights)
    }

    /// Rows of each time, the latest first.
    fn times(&self) -> impl DoubleEndedIterator<Item = &[usize]> + ExactSizeIterator {
        self.starts.windows(2).map(|range| &self.order[range[0]..range[1]])
    }

    /// Calls `visit(rows, risk)` for each time, the latest first, with those at risk summed.
    fn each(&self, eta: &[f64], mut visit: impl FnMut(&[usize], &LogSum)) {
        let mut risk = LogSum::default();
        for rows in self.times() {
            rows.iter().for_each(|&i| risk.add(self.logs[i] + eta[i]));
            visit(rows, &risk);
        }
    }

    fn events<'a>(&'a self, rows: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
        rows.iter().copied().filter(|&i| self.event[i])
    }
}

/// `log Σ eˣ`, and the mean of the `x` in these shares, kept as multiples of the largest.
#[derive(Debug, Clone, Copy)]
struct LogSum {
    largest: f64,
    sum: f64,
    /// `Σ (x − largest)e^(x − largest)`
    moment: f64,
}

impl Default for LogSum {
    fn default() -> Self {
        Self { largest: f64::NEG_INFINITY, sum: 0.0, moment: 0.0 }
    }
}

impl LogSum {
    fn add(&mut self, x: f64) {
        if x <= self.largest {
            let share = (x - self.largest).exp();
            self.sum += share;
            self.moment += share * (x - self.largest);
        } else if self.sum == 0.0 {
            *self = Self { largest: x, sum: 1.0, moment: 0.0 };
        } else {
            let less = self.largest - x;
            self.moment = (self.moment + less * self.sum) * less.exp();
            self.sum = self.sum * less.exp() + 1.0;
            self.largest = x;
        }
    }

    fn log(&self) -> f64 {
        self.largest + self.sum.ln()
    }

    /// `Σ p log p` of the shares.
    fn entropy(&self) -> f64 {
        self.moment / self.sum - self.sum.ln()
    }
}

impl Loss for Cox {
    fn weights(&self) -> &[f64] {
        &self.a
    }

    fn value(&self, eta: &[f64]) -> f64 {
        let mut sum = 0.0;
        self.each(eta, |rows, risk| {
            let log = risk.log();
            sum += self.events(rows).map(|i| self.a[i] * (log - self.logs[i] - eta[i])).sum::<f64>();
        });
        sum
    }

    fn derivatives(&self, eta: &[f64], gradient: &mut [f64], curvature: &mut [f64]) {
        gradient.fill(0.0);
        curvature.fill(0.0);
        let mut risks = Vec::with_capacity(self.starts.len());
        self.each(eta, |_, risk| risks.push(risk.log()));
        // log Σᵢ aᵢ/Σₖ aₖe^ηₖ over the events so far, the earliest first.
        let mut hazard = LogSum::default();
        for (rows, risk) in self.times().zip(&risks).rev() {
            let happened: f64 = self.events(rows).map(|i| self.a[i]).sum();
            if happened > 0.0 {
                hazard.add(happened.ln() - risk);
            }
            let log = hazard.log();
            for &j in rows {
                curvature[j] = (log + self.logs[j] + eta[j]).exp();
                gradient[j] = curvature[j] - if self.event[j] { self.a[j] } else { 0.0 };
            }
        }
    }

    fn conjugate(&self, _u: &[f64]) -> Option<f64> {
        None
    }

    fn scaled_conjugate(&self, eta: &[f64], gradient: &[f64], share: f64) -> Option<f64> {
        let mut sum = 0.0;
        self.each(eta, |rows, risk| {
            let (log, all) = (risk.log(), entropy(share) + share * risk.entropy());
            for i in self.events(rows) {
                let p = share * (self.logs[i] + eta[i] - log).exp();
                sum += self.a[i] * (all - entropy(p) + entropy(p + 1.0 - share));
            }
        });
        // F is a function of η + log a.
        Some(sum - share * self.order.iter().map(|&j| gradient[j] * self.logs[j]).sum::<f64>())
    }

    fn ignores_shifts(&self) -> bool {
        true
    }
}
