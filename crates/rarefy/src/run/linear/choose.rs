//! The path of a linear model, and the strength that is chosen on it.

use std::ops::ControlFlow;

use rarefy_core::penalty::{ElasticNet, L1, Mcp, Penalty, Scad};
use rarefy_core::progress::Progress;
use rarefy_linear::select::{
    Criterion, CrossValidation, Task, cross_validate, deviance, folds, largest, strengths, walk,
};
use rarefy_linear::{Fit, Loss, Options, Result as LinearResult, solve};

use super::outcome::Point;
use crate::recipe::{Select, Strength};
use crate::{Error, Result};

/// What strengths are chosen for.
pub(super) struct Choice<'a> {
    pub task: &'a Task<'a, f32>,
    pub scale: &'a [f64],
    pub select: &'a Select,
    /// The class of each row, if targets are classes.
    pub classes: Option<&'a [u32]>,
    pub options: Options,
    pub seed: u64,
}

/// A penalty with its numbers, at every strength.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Family {
    L1,
    ElasticNet { l1_ratio: f64 },
    Mcp { gamma: f64 },
    Scad { gamma: f64 },
}

/// What was chosen.
pub(super) struct Chosen {
    pub point: Point,
    pub path: Vec<Point>,
    pub cv: Option<CrossValidation>,
    /// How, in words.
    pub how: String,
    /// What an interruption left undone.
    pub missing: Option<String>,
}

/// A path is at its end when so much of the deviance is explained, as glmnet's: weaker penalties would fit noise.
const EXPLAINED: f64 = 0.999;

/// Folds unless the recipe says.
const FOLDS: u64 = 5;

/// Strengths between the last with few enough coefficients and the first with too many, to come nearer to the number asked for.
const BETWEEN: usize = 20;

/// The share of L1 by which strengths of a penalty without any are spread, as glmnet's.
const LEAST_SHARE: f64 = 1e-3;

impl Choice<'_> {
    /// Fits the path and chooses.
    pub fn run(&self, family: Family, progress: &dyn Progress) -> Result<Chosen> {
        match family {
            Family::L1 => self.sparse(|lambda| L1 { lambda }, progress),
            Family::ElasticNet { l1_ratio } => self.sparse(|lambda| ElasticNet { lambda, l1_ratio }, progress),
            Family::Mcp { gamma } => self.sparse(|lambda| Mcp { lambda, gamma }, progress),
            Family::Scad { gamma } => self.sparse(|lambda| Scad { lambda, gamma }, progress),
        }
    }

    /// The twin: squares alone, its strength by cross-validation, from a thousand times the strongest to the weakest of the sparse path.
    /// `None` where there are too few rows for folds, or it was interrupted.
    pub fn ridge(&self, ends: (f64, f64), progress: &dyn Progress) -> Result<Option<Chosen>> {
        let rows = self.task.design.rows();
        if rows < 2 || ends.0 <= 0.0 {
            return Ok(None);
        }
        let ridge = |lambda| ElasticNet { lambda, l1_ratio: 0.0 };
        let (first, last) = (ends.0 / LEAST_SHARE, ends.1);
        let lambdas = strengths(first, last / first, self.count());
        let Some(cv) = self.cross_validate(ridge, &lambdas, progress)? else { return Ok(None) };
        let asked = self.folds(rows)?;
        if cv.folds < asked {
            return Ok(None);
        }
        let lambda = lambdas[self.by_rule(&cv)];
        let loss = self.whole_loss()?;
        let fit = solve(&self.task.problem(&*loss, ridge(lambda))?, &self.options, None)?;
        let point = self.point(lambda, &fit, &*loss, self.null(&*loss)?);
        let how = self.cv_in_words(&cv, asked);
        Ok(Some(Chosen { point, path: Vec::new(), cv: Some(cv), how, missing: None }))
    }

    fn sparse<P: Penalty<f64>>(&self, penalty: impl Fn(f64) -> P, progress: &dyn Progress) -> Result<Chosen> {
        self.check_folds()?;
        let lambdas = self.grid(&penalty)?;
        let path = self.path(&penalty, &lambdas, progress)?;
        let cut = progress.cancelled() && path.len() < lambdas.len();
        let missing = cut.then(|| format!("{} of {} strengths were fitted", path.len(), lambdas.len()));
        if let Some(most) = self.most()? {
            return self.by_count(&penalty, path, most, missing);
        }
        if !self.select.is_auto() {
            let (at, how) = (path.len() - 1, "given".to_owned());
            return Ok(chosen(path, at, None, how, missing));
        }
        match self.criterion() {
            Some(criterion) => Ok(self.by_criterion(path, criterion, missing)),
            None if missing.is_some() => Ok(self.by_criterion(path, Criterion::Bic, missing)),
            None => self.by_folds(&penalty, path, progress),
        }
    }

    /// The strengths of the path, falling.
    fn grid<P: Penalty<f64>>(&self, penalty: &impl Fn(f64) -> P) -> Result<Vec<f64>> {
        let loss = self.whole_loss()?;
        let share = penalty(1.0).threshold().max(LEAST_SHARE);
        let top = largest(self.task.problem(&*loss, penalty(1.0))?, penalty, &self.options)? / share;
        if let Some(Strength::Given(lambda)) = self.select.lambda {
            if lambda > 0.99 * top {
                return Ok(vec![lambda]);
            }
            let mut lambdas = strengths(top, lambda / top, self.count());
            lambdas.pop();
            lambdas.push(lambda);
            return Ok(lambdas);
        }
        if top <= 0.0 {
            return Ok(vec![0.0]); // no feature says anything: at any strength the model is its intercept
        }
        let wide = self.task.design.rows() <= self.task.design.cols();
        let ratio = self.select.ratio.unwrap_or(if wide { 1e-2 } else { 1e-4 });
        Ok(strengths(top, ratio, self.count()))
    }

    /// Fits along the path, until it is cancelled, or what is asked for is surely behind.
    fn path<P: Penalty<f64>>(
        &self,
        penalty: &impl Fn(f64) -> P,
        lambdas: &[f64],
        progress: &dyn Progress,
    ) -> Result<Vec<Point>> {
        let (loss, most) = (self.whole_loss()?, self.most()?);
        let null = self.null(&*loss)?;
        let mut path: Vec<Point> = Vec::with_capacity(lambdas.len());
        progress.start("path", lambdas.len() as u64);
        walk(
            self.task.problem(&*loss, penalty(lambdas[0]))?,
            penalty,
            Some(lambdas),
            &self.options,
            &mut |at, fit| {
                let point = self.point(at, &fit, &*loss, null);
                progress.advance(path.len() as u64 + 1, &format!("{} nonzeros", point.nnz));
                let given = matches!(self.select.lambda, Some(Strength::Given(_)));
                let enough = most.is_some_and(|most| point.nnz > most) || (!given && point.explained > EXPLAINED);
                path.push(point);
                if enough || progress.cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        )?;
        progress.finish();
        Ok(path)
    }

    /// The weakest penalty that keeps at most so many.
    fn by_count<P: Penalty<f64>>(
        &self,
        penalty: &impl Fn(f64) -> P,
        mut path: Vec<Point>,
        most: usize,
        missing: Option<String>,
    ) -> Result<Chosen> {
        let how = format!("the weakest with at most {most} nonzeros");
        let Some(over) = path.iter().position(|point| point.nnz > most).filter(|at| *at > 0) else {
            let at = path.len() - 1;
            return Ok(chosen(path, at, None, how, missing));
        };
        let (low, high) = (path[over].lambda, path[over - 1].lambda);
        let mut between = strengths(high, low / high, BETWEEN + 2);
        between.pop();
        let loss = self.whole_loss()?;
        let null = self.null(&*loss)?;
        let mut found = Vec::new();
        walk(self.task.problem(&*loss, penalty(high))?, penalty, Some(&between), &self.options, &mut |lambda, fit| {
            let within = fit.nnz() <= most;
            if within {
                found.push(self.point(lambda, &fit, &*loss, null));
            }
            if within { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        // The first of them is on the path already.
        path.splice(over..over, found.into_iter().skip(1));
        let at = path.iter().rposition(|point| point.nnz <= most).unwrap_or(0);
        Ok(chosen(path, at, None, how, missing))
    }

    /// The least information criterion.
    fn by_criterion(&self, mut path: Vec<Point>, criterion: Criterion, missing: Option<String>) -> Chosen {
        let (rows, cols) = (self.task.design.rows(), self.task.design.cols());
        let quadratic = self.whole_loss().is_ok_and(|loss| loss.quadratic());
        for point in &mut path {
            point.criterion = Some(criterion.of(rows, cols, point.nnz, point.deviance, quadratic));
        }
        let of = |at: &usize| path[*at].criterion.unwrap_or(f64::INFINITY);
        let at = (0..path.len()).min_by(|a, b| of(a).total_cmp(&of(b))).unwrap_or(0);
        let name = Criterion::ALL.iter().find(|(_, c)| *c == criterion).map_or("", |(name, _)| name);
        chosen(path, at, None, format!("the least {}", name.to_uppercase()), missing)
    }

    /// Cross-validation.
    fn by_folds<P: Penalty<f64>>(
        &self,
        penalty: &impl Fn(f64) -> P,
        path: Vec<Point>,
        progress: &dyn Progress,
    ) -> Result<Chosen> {
        let lambdas: Vec<f64> = path.iter().map(|point| point.lambda).collect();
        let asked = self.folds(self.task.design.rows())?;
        let Some(cv) = self.cross_validate(penalty, &lambdas, progress)? else {
            return Ok(self.by_criterion(path, Criterion::Bic, Some(format!("none of {asked} folds was fitted"))));
        };
        let missing = (cv.folds < asked).then(|| format!("{} of {asked} folds were fitted", cv.folds));
        let (at, how) = (self.by_rule(&cv), self.cv_in_words(&cv, asked));
        Ok(chosen(path, at, Some(cv), how, missing))
    }

    fn cross_validate<P: Penalty<f64>>(
        &self,
        penalty: impl Fn(f64) -> P,
        lambdas: &[f64],
        progress: &dyn Progress,
    ) -> Result<Option<CrossValidation>> {
        let rows = self.task.design.rows();
        let fold = folds(rows, self.folds(rows)?, self.classes, self.seed)?;
        let right = self.classes.map(|classes| move |i: usize, eta: f64| (eta > 0.0) == (classes[i] == 1));
        let right = right.as_ref().map(|right| right as &dyn Fn(usize, f64) -> bool);
        Ok(cross_validate(self.task, penalty, lambdas, &fold, right, &self.options, progress)?)
    }

    /// How many folds: as asked for, or as many as there are rows.
    fn folds(&self, rows: usize) -> Result<usize> {
        let wrong = |problem| Err(Error::Recipe { place: "select.folds".to_owned(), problem });
        match self.select.folds {
            Some(folds) if folds > rows as u64 => {
                wrong(format!("is {folds}, expected at most one for each of {rows} training rows"))
            }
            None if rows < 2 => wrong(
                "one training row cannot be divided into folds, expected two or more; give select.lambda a number, or more data"
                    .to_owned(),
            ),
            folds => Ok(folds.unwrap_or(FOLDS).min(rows as u64) as usize),
        }
    }

    /// Finds out before the path is fitted whether there can be folds.
    fn check_folds(&self) -> Result<()> {
        match self.select.is_auto() && self.criterion().is_none() {
            true => self.folds(self.task.design.rows()).map(drop),
            false => Ok(()),
        }
    }

    fn by_rule(&self, cv: &CrossValidation) -> usize {
        if self.select.rule.as_deref() == Some("1se") { cv.one_se } else { cv.best }
    }

    fn cv_in_words(&self, cv: &CrossValidation, asked: usize) -> String {
        let folds = if cv.folds < asked { format!("{} of {asked}", cv.folds) } else { asked.to_string() };
        match self.select.rule.as_deref() {
            Some("1se") => format!("the strongest within one standard error of the least deviance over {folds} folds"),
            _ => format!("the least deviance over {folds} folds"),
        }
    }

    fn criterion(&self) -> Option<Criterion> {
        Criterion::ALL
            .iter()
            .find(|(name, _)| Some(*name) == self.select.by.as_deref())
            .map(|(_, criterion)| *criterion)
    }

    /// The most coefficients that may be kept, if the recipe says so.
    fn most(&self) -> Result<Option<usize>> {
        let cols = self.task.design.cols();
        let Some(sparsity) = self.select.sparsity else { return Ok(self.select.nonzeros.map(|n| n as usize)) };
        // A hair more: 10 × (1 − 0.9) is 0.9999999999999998.
        let most = ((1.0 - sparsity) * cols as f64 + 1e-9) as usize;
        if most > 0 {
            return Ok(Some(most));
        }
        let limit = 1.0 - 1.0 / cols as f64;
        let problem = format!("is {sparsity}, which leaves none of {cols} coefficients; give {limit:.6} or less");
        Err(Error::Recipe { place: "select.sparsity".to_owned(), problem })
    }

    fn count(&self) -> usize {
        self.select.lambdas.unwrap_or(100) as usize
    }

    fn whole_loss(&self) -> LinearResult<Box<dyn Loss>> {
        (self.task.loss)(&self.task.weights)
    }

    /// The deviance of the model without features.
    fn null(&self, loss: &dyn Loss) -> Result<f64> {
        let nothing = L1 { lambda: f64::MAX.sqrt() };
        let fit = solve(&self.task.problem(loss, nothing)?, &self.options, None)?;
        Ok(deviance(loss, &self.task.eta(&fit)))
    }

    fn point(&self, lambda: f64, fit: &Fit, loss: &dyn Loss, null: f64) -> Point {
        Point::new(lambda, fit, self.scale, deviance(loss, &self.task.eta(fit)), null)
    }
}

/// The point at `at`.
fn chosen(path: Vec<Point>, at: usize, cv: Option<CrossValidation>, how: String, missing: Option<String>) -> Chosen {
    Chosen { point: path[at].clone(), path, cv, how, missing }
}
