//! What a [`Penalty`] does to a network in training.
//!
//! Proximal steps that weights take one by one happen inside the optimizer's pass; projections onto a ball and group
//! penalties need all weights, and follow the step. At a change of patterns exact zeros leave, and return only through growth: as
//! many as [`Sparsity::fraction`] allows come where the gradient is largest, if it is larger than `λ` — by the optimality condition
//! a weight stays zero only where it is not. At [`Sparsity::until`] the patterns are brought to exactly the density asked for, and
//! stay; the penalty ends.

use super::control::Control;
use super::{Evolution, Penalty, Shape, Sparsity, evolve};
use crate::net::stream;
use crate::{Network, Result, Weight};
use rarefy_core::kernels::update::{Prox, Rule, step_sizes};
use rarefy_core::pattern::Pattern;
use rarefy_core::penalty::{GroupL1, L1, Penalty as _, Steps, ball_threshold};
use rarefy_core::random::Key;

/// The share of neurons that a layer keeps whatever their norms, of what it would have if all layers lost the same share.
const KEPT: f64 = 0.5;

impl Sparsity {
    /// Whether a penalty may act at `step` of `total`.
    fn shrinks_at(&self, step: u64, total: u64) -> bool {
        step < self.settled_after(total)
    }

    /// Puts the penalty of a step into the weights, for the optimizer to take along.
    pub(crate) fn before_step(&self, network: &mut Network, control: &Control, step: u64, total: u64) {
        let Some(penalty) = &self.penalty else { return };
        let acts = control.acts && self.shrinks_at(step, total);
        let prox = if acts { penalty.prox(control.strength) } else { Prox::NONE };
        weights(network).for_each(|weight| weight.param_mut().prox = prox);
    }

    /// What follows the optimizer, if there is a penalty: projections, the controller, and changes of patterns.
    pub(crate) fn shrink(
        &self,
        network: &mut Network,
        control: &mut Control,
        rule: &Rule,
        seed: u64,
        (step, total): (u64, u64),
    ) -> Result<()> {
        let Some(penalty) = self.penalty.filter(|_| self.shrinks_at(step, total)) else { return Ok(()) };
        match penalty.kind {
            Shape::L1Ball { whole } => {
                if control.radii.is_empty() {
                    control.radii = match penalty.strength {
                        Some(radius) => split_radius(network, radius, whole),
                        None => vec![f64::INFINITY; if whole { 1 } else { network.weights().count() }],
                    };
                }
                project(network, rule, &control.radii);
            }
            Shape::GroupL1 if control.acts => {
                let floors = self.floors(network, &penalty);
                shrink_rows(network, rule, control.strength, &floors);
            }
            _ => {}
        }
        let (counts, acted) = ((self.every / 10).max(1), control.acts);
        if penalty.strength.is_none() && step.is_multiple_of(counts) {
            self.steer(network, control, rule, &penalty, (step, total), counts);
        }
        let last = step + 1 == self.settled_after(total);
        if last || step > 0 && step.is_multiple_of(self.every) {
            self.change_shrunk(network, control, &penalty, seed, (step, total), Some(last))?;
        } else if acted && !control.acts {
            // While the penalty rests nothing else would keep zeros at zero.
            self.change_shrunk(network, control, &penalty, seed, (step, total), None)?;
        }
        Ok(())
    }

    /// Lets the controller have its way.
    fn steer(
        &self,
        network: &Network,
        control: &mut Control,
        rule: &Rule,
        penalty: &Penalty,
        (step, total): (u64, u64),
        counts: u64,
    ) {
        let entries: usize = network.weights().map(|w| w.rows() * w.cols()).sum();
        if penalty.kind == Shape::GroupL1 {
            let wanted = (self.density * entries as f64) as usize;
            control.acts = left(network) > wanted;
            let steps = (self.settled_after(total) - step) as f64;
            let floors = self.floors(network, penalty);
            control.strength = if control.acts { row_to_go(network, rule, wanted, &floors) / steps } else { 0.0 };
            return;
        }
        let path = |step| self.schedule.density(self.density, step, total, 1, self.until);
        let nonzero = |w: &Weight| w.param().values.iter().filter(|v| **v != 0.0).count();
        let density = network.weights().map(nonzero).sum::<usize>() as f64 / entries.max(1) as f64;
        let (now, next) = (path(step), path(step + counts));
        let zeros = ((density - next).max(0.0) * entries as f64) as usize;
        control.steer(density, now, || {
            let mut all = breakpoints(network, rule);
            let theta = threshold_for(&mut all, zeros);
            let Shape::L1Ball { .. } = penalty.kind else { return theta / counts as f64 };
            let sum: f64 = all.iter().map(|w| f64::from(w.0)).sum();
            let kept: f64 = all.iter().map(|w| (f64::from(w.0) - theta * f64::from(w.1)).max(0.0)).sum();
            1.0 - kept / sum
        });
        if let Shape::L1Ball { whole } = penalty.kind {
            let share = if control.acts { 1.0 - control.strength.min(0.5) } else { f64::INFINITY };
            let sums = sums(network);
            let sums = if whole { vec![sums.iter().sum()] } else { sums };
            control.radii =
                sums.into_iter().map(|sum: f64| if sum > 0.0 { sum * share } else { f64::INFINITY }).collect();
        }
    }

    /// Exact zeros leave the patterns, and some may return; at the last change exactly the density asked for is left.
    fn change_shrunk(
        &self,
        network: &mut Network,
        control: &Control,
        penalty: &Penalty,
        seed: u64,
        (step, total): (u64, u64),
        last: Option<bool>,
    ) -> Result<()> {
        // `None`: zeros leave, and no more.
        let (grows, last) = (last == Some(false), last == Some(true));
        let group = penalty.kind == Shape::GroupL1;
        if group && last && penalty.strength.is_none() {
            self.drop_rows(network);
        }
        let mut gone: Vec<Vec<bool>> = match group {
            true => reached(network).into_iter().map(|row| row.into_iter().map(|reached| !reached).collect()).collect(),
            false => network.weights().map(|w| w.values().iter().map(|&v| v == 0.0).collect()).collect(),
        };
        // How many entries each weight keeps at least: whole neurons know no such number.
        let least = if group { vec![1; gone.len()] } else { self.counts(network, self.density)? };
        let (drop, grow) = self.scores()?;
        let floor = if penalty.strength.is_some() || control.acts { control.strength as f32 } else { 0.0 };
        let floor = if matches!(penalty.kind, Shape::L1Ball { .. }) { 0.0 } else { floor };
        let mut number = 0;
        network.each_weight(|layer, weight, x, dy| {
            let (idle, least) = (std::mem::take(&mut gone[number]), least[number]);
            number += 1;
            let (nnz, zeros) = (weight.nnz(), idle.iter().filter(|idle| **idle).count());
            let fraction = if group || !grows { 0.0 } else { self.fraction_at(step, total) };
            let back = ((fraction * (nnz - zeros) as f64).round() as usize).min(nnz);
            let trimmed = last && !group && penalty.strength.is_none();
            let entries = if trimmed { least } else { (nnz - zeros + back).max(least.min(nnz)).max(1) };
            let key = Key::new(seed, stream::SPARSIFY + layer as u32);
            let how = Evolution {
                drop,
                grow,
                entries,
                fraction: back.min(zeros) as f64 / entries.min(nnz).max(1) as f64,
                structure: self.structure,
                key,
                step,
                first: Some(&idle),
                floor,
            };
            evolve(weight, &how, x, dy).map(|_| ())
        })
    }

    /// Brings a network whose training ends before its time to the density of its end.
    pub(super) fn finish_rows(&self, network: &mut Network) -> Result<()> {
        self.drop_rows(network);
        let reached = reached(network);
        for (weight, reached) in weights(network).zip(reached) {
            let pattern = weight.pattern()?;
            let kept = pattern.iter().zip(reached).filter(|(_, reached)| *reached);
            let cells: Vec<u64> = kept.map(|((i, j), _)| (i * pattern.cols() + j) as u64).collect();
            let shape = (pattern.rows(), pattern.cols());
            weight.move_to(&Pattern::from_cells(shape, self.structure, &cells)?)?;
        }
        Ok(())
    }

    /// The fewest neurons that each layer may be left with. Norms of layers differ, and where all are ranked together a narrow layer can end as a
    /// bottleneck of a few neurons: each keeps half of what it would have if all layers lost the same share. One, where there is no target.
    fn floors(&self, network: &Network, penalty: &Penalty) -> Vec<usize> {
        let shapes: Vec<(f64, f64)> = network.weights().map(|w| (w.rows() as f64, w.cols() as f64)).collect();
        let wanted = self.density * shapes.iter().map(|(rows, cols)| rows * cols).sum::<f64>();
        let left = |share: f64| -> f64 {
            let part = |at: usize| match at {
                0 if shapes.len() == 1 => 1.0,
                _ if at == 0 || at + 1 == shapes.len() => share,
                _ => share * share,
            };
            shapes.iter().enumerate().map(|(at, (rows, cols))| part(at) * rows * cols).sum()
        };
        let (mut share, mut step) = (0.0, 0.5);
        while penalty.strength.is_none() && step > 1e-6 {
            if left(share + step) <= wanted {
                share += step;
            }
            step /= 2.0;
        }
        shapes.iter().map(|(rows, _)| ((KEPT * share * rows) as usize).max(1)).collect()
    }

    /// Makes whole neurons zero, those with the smallest weights first, until no more than the density asked for is left.
    fn drop_rows(&self, network: &mut Network) {
        let entries: usize = network.weights().map(|w| w.rows() * w.cols()).sum();
        let wanted = (self.density * entries as f64) as usize;
        let mut rows: Vec<(f64, usize, usize)> = Vec::new();
        let count = network.weights().count();
        let floors = self.penalty.map_or_else(|| vec![1; count], |penalty| self.floors(network, &penalty));
        for (at, weight) in network.weights().enumerate().take(count.saturating_sub(1)) {
            let norms = row_norms(weight);
            rows.extend(norms.into_iter().enumerate().filter(|(_, n)| *n > 0.0).map(|(i, norm)| (norm, at, i)));
        }
        rows.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        // The fewest that suffice: what is left falls with every row.
        let mut next = rows.iter();
        while left(network) > wanted {
            // Many at one time while far away: a row holds at most its columns and as many of the next weight.
            let most = network.weights().map(|w| w.rows() + w.cols()).max().unwrap_or(1);
            let some = ((left(network) - wanted) / most).max(1);
            let mut done = 0;
            for &(_, at, row) in next.by_ref() {
                if let Some(weight) = weights(network).nth(at) {
                    let alive = row_norms(weight).iter().filter(|norm| **norm > 0.0).count();
                    if alive > floors[at] {
                        weight.each_row(&[], |i, values, _| {
                            if i == row {
                                values.fill(0.0)
                            }
                        });
                        done += 1;
                    }
                }
                if done == some {
                    break;
                }
            }
            if done == 0 {
                return;
            }
        }
    }
}

/// The weights, to change.
fn weights(network: &mut Network) -> impl Iterator<Item = &mut Weight> {
    network.layers_mut().iter_mut().filter_map(|layer| layer.weight_mut())
}

/// `Σ|w|` of each weight.
fn sums(network: &Network) -> Vec<f64> {
    let penalty = L1 { lambda: 1.0 };
    network.weights().map(|weight| penalty.value(&weight.param().values)).collect()
}

/// One radius for all, or parts of it in proportion to what each weight sums to.
fn split_radius(network: &Network, radius: f64, whole: bool) -> Vec<f64> {
    let sums = sums(network);
    let total: f64 = sums.iter().sum();
    if whole { vec![radius] } else { sums.iter().map(|sum| radius * sum / total).collect() }
}

/// The step size of each number of a weight, as they are stored.
fn sizes(weight: &Weight, rule: &Rule) -> Vec<f32> {
    let param = weight.param();
    let mut sizes = vec![0.0; param.values.len()];
    step_sizes(rule, [&param.first[..], &param.second[..]], &mut sizes);
    sizes
}

/// `|w|` and step size of all weights that are not zero.
fn breakpoints(network: &Network, rule: &Rule) -> Vec<(f32, f32)> {
    let mut all = Vec::new();
    for weight in network.weights() {
        let pairs = weight.param().values.iter().zip(sizes(weight, rule));
        all.extend(pairs.filter(|(w, _)| **w != 0.0).map(|(w, s)| (w.abs(), s)));
    }
    all
}

/// The `θ` for which so many `|w| − θs` are 0 or below, at least one.
fn threshold_for(weights: &mut [(f32, f32)], zeros: usize) -> f64 {
    if weights.is_empty() {
        return 0.0;
    }
    let at = zeros.clamp(1, weights.len()) - 1;
    let breaks = |w: &(f32, f32)| w.0 / w.1;
    let (_, w, _) = weights.select_nth_unstable_by(at, |a, b| breaks(a).total_cmp(&breaks(b)));
    f64::from(breaks(w))
}

/// Projects weights onto their balls, in the metric of the optimizer.
fn project(network: &mut Network, rule: &Rule, radii: &[f64]) {
    let shrink = |weight: &mut Weight, theta: f64| {
        if theta != 0.0 {
            let sizes = sizes(weight, rule);
            L1 { lambda: theta }.prox(&mut weight.param_mut().values, Steps::Each(&sizes));
        }
    };
    if let [radius] = radii[..] {
        if sums(network).iter().sum::<f64>() > radius {
            let theta = ball_threshold(&mut breakpoints(network, rule), radius);
            weights(network).for_each(|weight| shrink(weight, theta));
        }
        return;
    }
    let sums = sums(network);
    for ((weight, &radius), sum) in weights(network).zip(radii).zip(sums) {
        if sum > radius {
            let pairs = weight.param().values.iter().zip(sizes(weight, rule));
            let mut all: Vec<_> = pairs.filter(|(w, _)| **w != 0.0).map(|(w, s)| (w.abs(), s)).collect();
            shrink(weight, ball_threshold(&mut all, radius));
        }
    }
}

/// The proximal step of group L1 on the rows of all weights but the last, and but the largest of each, as many as its floor.
fn shrink_rows(network: &mut Network, rule: &Rule, strength: f64, floors: &[usize]) {
    let count = network.weights().count();
    for (weight, &floor) in weights(network).take(count.saturating_sub(1)).zip(floors) {
        let sizes = sizes(weight, rule);
        // Finite: an infinite one times the step size 0 of a warm-up would be no number.
        let penalty = GroupL1 { lambda: (strength * (weight.cols() as f64).sqrt()).min(f64::MAX) };
        // The largest stay as they are: a layer without neurons lets nothing through.
        let norms = row_norms(weight);
        let mut ranked: Vec<usize> = (0..norms.len()).collect();
        let floor = floor.min(ranked.len());
        if floor < ranked.len() {
            ranked.select_nth_unstable_by(floor, |&a, &b| norms[b].total_cmp(&norms[a]).then(a.cmp(&b)));
        }
        let mut stays = vec![false; norms.len()];
        ranked[..floor].iter().for_each(|&i| stays[i] = true);
        weight.each_row(&sizes, |i, values, sizes| {
            if !stays[i] {
                penalty.prox(values, Steps::Each(sizes));
            }
        });
    }
}

/// The strength at which one proximal step would make zero all the neurons that have to go so that `wanted` entries are left, those
/// that take least first: the largest `√(Σ(w/s)²/n)` of theirs.
fn row_to_go(network: &Network, rule: &Rule, wanted: usize, floors: &[usize]) -> f64 {
    let count = network.weights().count();
    let mut rows: Vec<(f64, usize)> = Vec::new();
    let mut alive = Vec::with_capacity(count);
    for (at, weight) in network.weights().enumerate() {
        let (sizes, values) = (sizes(weight, rule), &weight.param().values);
        let sums = weight.row_sums(|at| (f64::from(values[at]) / f64::from(sizes[at])).powi(2));
        let norms = sums.into_iter().filter(|sum| *sum > 0.0).map(|sum| (sum / weight.cols() as f64).sqrt());
        let before = rows.len();
        rows.extend(norms.map(|norm| (norm, at)));
        alive.push((rows.len() - before) as f64);
        if at + 1 == count {
            rows.truncate(before);
        }
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all: Vec<(f64, f64)> = network.weights().map(|w| (w.cols() as f64, w.density())).collect();
    let mut strength = 0.0;
    for (norm, at) in rows {
        let inputs = |at: usize| if at == 0 { all[0].0 } else { alive[at - 1] };
        if (0..count).map(|at| alive[at] * inputs(at) * all[at].1).sum::<f64>() <= wanted as f64 {
            break;
        }
        if alive[at] > floors[at] as f64 {
            (alive[at], strength) = (alive[at] - 1.0, norm);
        }
    }
    strength
}

/// The root mean square of each row.
fn row_norms(weight: &Weight) -> Vec<f64> {
    let values = &weight.param().values;
    let squares = weight.row_sums(|at| f64::from(values[at]) * f64::from(values[at]));
    squares.into_iter().map(|sum| (sum / weight.cols().max(1) as f64).sqrt()).collect()
}

/// Entries between neurons that are alive.
fn left(network: &Network) -> usize {
    reached(network).iter().flatten().filter(|reached| **reached).count()
}

/// Which entries of each weight, in row order, lie between neurons that are both alive: a neuron is dead if all weights into it are zero.
fn reached(network: &Network) -> Vec<Vec<bool>> {
    let count = network.weights().count();
    let mut before: Option<Vec<bool>> = None;
    let mut all = Vec::with_capacity(count);
    for (at, weight) in network.weights().enumerate() {
        let last = at + 1 == count;
        let alive: Vec<bool> = row_norms(weight).iter().map(|norm| last || *norm > 0.0).collect();
        let of = |(i, j): (usize, usize)| alive[i] && before.as_ref().is_none_or(|before| before[j]);
        all.push(weight.pattern().map_or_else(|_| Vec::new(), |pattern| pattern.iter().map(of).collect()));
        before = Some(alive);
    }
    all
}
