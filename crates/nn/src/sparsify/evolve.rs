//! One change of one pattern: the entries of the lowest score go, those of the highest score come.
//!
//! A pattern of `p` entries is to have `e`. With `r = round(fraction · min(p, e))`:
//! 1. *drop*: among those present, the `r + max(p − e, 0)` of the lowest score; ties go to the lower index;
//! 2. *grow*: among the entries that were absent, the `r + max(e − p, 0)` of the highest score; ties go to the lower index.
//!
//! An entry that is dropped is not grown in the same change. (The paper lets RigL consider it; it would come back as a zero
//! with empty moments, and a change be wasted. The authors' code has it rank last.) Entries start at zero, with zero moments.
//! Blocks are ranked by the sum of the scores of their entries, and counted as blocks. Where windows have a quota, entries beyond
//! it go first, and none grows where it is full.
//!
//! The gradient of absent entries exists a block of rows at a time, never as a whole, and time is that of one dense
//! gradient; growth at random takes `O(nnz)`, with a quota one random number for each absent entry. The result depends neither on
//! threads nor on how rows are cut.

use super::cells::Cells;
use super::quota::{Quota, Room};
use crate::{Input, Result, Weight};
use rarefy_core::matrix::Batch;
use rarefy_core::pattern::{Pattern, Score, Structure, TopK};
use rarefy_core::random::{Key, sample, uniform};
use std::sync::Mutex;

/// How one pattern changes.
#[derive(Clone, Copy)]
pub struct Evolution<'a> {
    /// The lowest go.
    pub drop: &'a dyn Score,
    /// The highest come.
    pub grow: &'a dyn Score,
    /// Entries that the pattern has afterwards; of blocks as near to it as no further one would fit.
    pub entries: usize,
    /// Share of the entries that are replaced, in 0..1.
    pub fraction: f64,
    /// What is dropped and grown as one, and how many may lie in a window.
    pub structure: Structure,
    /// What random numbers are drawn under: one key a layer.
    pub key: Key,
    /// The optimizer step.
    pub step: u64,
    /// Which entries, in row order, go before all others.
    pub first: Option<&'a [bool]>,
    /// Entries grow only where their score is above this.
    pub floor: f32,
}

/// Changes the pattern of a weight (`rows × cols`) and returns how many entries were grown. Values, moments and gradient
/// move with their entries.
///
/// `x` (`cols × n`) is the layer's input, `dy` (`rows × n`, padding zero) the gradient of its output: `dy xᵀ` is the gradient that
/// scores look at. Fewer entries than asked for are replaced where fewer are absent, or have a score that is not NaN.
///
/// # Errors
/// When the pattern does not consist of whole cells of the structure, or memory does not suffice.
pub fn evolve<'a>(weight: &mut Weight, how: &Evolution<'_>, x: impl Into<Input<'a>>, dy: &Batch) -> Result<usize> {
    let x = x.into();
    let pattern = weight.pattern()?;
    let (shape, nnz) = ((pattern.rows(), pattern.cols()), pattern.nnz());
    let all = shape.0 * shape.1;
    if how.entries >= all {
        if nnz < all {
            weight.move_between(&pattern, &Pattern::full(shape.0, shape.1)?)?;
        }
        return Ok(all - nnz);
    }
    let quota = match how.structure {
        Structure::Window { keep, of } => Some(Quota { keep, of }),
        _ => None,
    };
    if how.entries == nnz && how.fraction == 0.0 && quota.is_none() {
        return Ok(0);
    }
    let cells = Cells::of(&pattern, how.structure)?;
    let norms = x.norms();
    let gradient = if how.drop.needs_gradient() { weight.gradient(x, dy)? } else { Vec::new() };
    let mut scores = cells.sums(&pattern, how.scores_present(&pattern, &weight.values(), &gradient, &norms));
    let excess = quota.map_or(0, |quota| quota.mark_excess(&pattern, &mut scores));
    let (mut wanted, mut dropping) = (Vec::new(), Vec::new());
    for (class, target) in cells.classes.iter().zip(cells.targets(how.entries, nnz)) {
        let replaced = (how.fraction * class.present.min(target) as f64).round() as usize;
        let gone = (replaced + class.present.saturating_sub(target)).max(excess);
        let come = (gone + target - class.present).min(class.len() - class.present);
        wanted.push(come);
        dropping.push((come + class.present).saturating_sub(target));
    }
    if dropping.iter().chain(&wanted).all(|&k| k == 0) {
        return Ok(0);
    }
    // The lowest first.
    let mut dropped = lowest(&cells, &scores, &dropping)?;
    let mut room = quota.map(|quota| quota.room(&cells, shape, &dropped));
    let grown = if wanted.iter().all(|&k| k == 0) {
        wanted.iter().map(|_| Vec::new()).collect()
    } else if how.by_chance() && quota.is_none() {
        how.grow_by_chance(&cells, &wanted)?
    } else {
        how.best_absent(weight, &pattern, &cells, &wanted, room.as_ref(), (x, dy), &norms)?
    };
    let counts: Vec<usize> = grown.iter().map(Vec::len).collect();
    if let Some(room) = &mut room {
        grown.iter().flatten().for_each(|&cell| room.take(cell));
    }
    // For each that could not be grown, the best of the dropped stays.
    for (class, dropped) in dropped.iter_mut().enumerate() {
        let mut missing = wanted[class] - counts[class];
        dropped.reverse();
        dropped.retain(|&cell| {
            let stays = missing > 0 && room.as_mut().is_none_or(|room| room.claim(cell));
            missing -= usize::from(stays);
            !stays
        });
        dropped.sort_unstable();
    }
    let replaced = replace(&cells.present, &in_order(dropped), &in_order(grown));
    weight.move_between(&pattern, &Pattern::from_cells(shape, how.structure, &replaced)?)?;
    Ok(counts.iter().enumerate().map(|(class, count)| count * cells.entries(class)).sum())
}

impl Evolution<'_> {
    /// Whether entries grow by chance alone: then nothing needs to be looked through.
    fn by_chance(&self) -> bool {
        self.grow.name() == "random"
    }

    /// Draws absent cells of each class, every choice equally likely.
    fn grow_by_chance(&self, cells: &Cells, wanted: &[usize]) -> Result<Vec<Vec<u64>>> {
        let mut stream = self.key.stream(2 * self.step + 1);
        let mut grown = Vec::with_capacity(wanted.len());
        for (number, (class, &k)) in cells.classes.iter().zip(wanted).enumerate() {
            let of_class = |cell: &&u64| cells.class(**cell) == number;
            let mut present = cells.present.iter().filter(of_class).map(|&cell| cells.rank(number, cell)).peekable();
            // Number `a` of the absent is number `a + p` of all, with `p` present ones before it.
            let mut before = 0;
            let place = |absent: u64| {
                while present.next_if(|&rank| rank <= absent + before).is_some() {
                    before += 1;
                }
                cells.nth(number, absent + before)
            };
            grown.push(sample(k, (class.len() - class.present) as u64, &mut stream)?.into_iter().map(place).collect());
        }
        Ok(grown)
    }

    /// Looks through the scores of all absent entries once: the best absent cells of each class, rising.
    #[allow(clippy::too_many_arguments, reason = "all of them are what one pass looks at")]
    fn best_absent(
        &self,
        weight: &Weight,
        pattern: &Pattern,
        cells: &Cells,
        wanted: &[usize],
        room: Option<&Room>,
        (x, dy): (Input<'_>, &Batch),
        norms: &[f32],
    ) -> Result<Vec<Vec<u64>>> {
        let (height, cols) = (self.structure.cell().0, pattern.cols());
        let best = wanted.iter().map(|&k| TopK::new(k)).collect::<rarefy_core::Result<Vec<_>>>()?;
        let found = Mutex::new((best, Vec::new()));
        let look = |first: usize, block: &mut [f32]| {
            for (i, row) in block.chunks_exact_mut(cols).enumerate() {
                // NaN is never among the best.
                if self.floor > f32::NEG_INFINITY {
                    row.iter_mut().filter(|score| **score <= self.floor).for_each(|score| *score = f32::NAN);
                }
                pattern.row(first + i).iter().for_each(|&j| row[j as usize] = f32::NAN);
                if let Some(room) = room {
                    room.limit(first + i, row);
                }
            }
            // What is kept does not depend on the order in which blocks arrive.
            let mut found = found.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let (best, buffer) = &mut *found;
            let scores = cells.sum_rows(block, buffer);
            let first = (first / height * cols.div_ceil(self.structure.cell().1)) as u64;
            for (class, range) in cells.stretches(first, scores.len()) {
                best[class].extend(first + range.start as u64, &scores[range]);
            }
        };
        if self.by_chance() {
            let mut row = vec![0.0; cols];
            for i in 0..pattern.rows() {
                let number = |j: usize| i as u64 * cols as u64 + j as u64;
                let draw = |j: usize| uniform(self.key.block(2 * self.step + 1, number(j))[0]);
                row.iter_mut().enumerate().for_each(|(j, score)| *score = draw(j));
                look(i, &mut row);
            }
        } else {
            weight.dense_gradient(x, dy, height, |first, block| {
                block.chunks_exact_mut(cols).for_each(|row| self.grow.absent(row, norms));
                look(first, block);
            });
        }
        let (best, _) = found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        Ok(best.into_iter().map(TopK::into_scored).collect())
    }

    /// The score to drop by of each entry present, in row order.
    fn scores_present(&self, pattern: &Pattern, values: &[f32], gradient: &[f32], norms: &[f32]) -> Vec<f32> {
        let by_chance = self.drop.name() == "random";
        let mut scores = Vec::with_capacity(pattern.nnz());
        for i in 0..pattern.rows() {
            for &j in pattern.row(i) {
                let (at, number) = (scores.len(), i as u64 * pattern.cols() as u64 + u64::from(j));
                let random = if by_chance { uniform(self.key.block(2 * self.step, number)[0]) } else { 0.0 };
                let gradient = gradient.get(at).copied().unwrap_or(0.0);
                let score = self.drop.score(values[at], gradient, norms[j as usize], random);
                // Below every score, which are none of them negative, and in their order.
                let first = self.first.is_some_and(|first| first[at]);
                scores.push(if first { -1.0 / (1.0 + score) } else { score });
            }
        }
        scores
    }
}

/// The `counts` cells of the lowest score in each class, the lowest first; `scores` are those of the cells present.
fn lowest(cells: &Cells, scores: &[f32], counts: &[usize]) -> Result<Vec<Vec<u64>>> {
    let mut lowest = counts.iter().map(|&k| TopK::new(k)).collect::<rarefy_core::Result<Vec<_>>>()?;
    for (&cell, score) in cells.present.iter().zip(scores) {
        lowest[cells.class(cell)].push(cell, -score);
    }
    Ok(lowest.into_iter().map(|lowest| lowest.into_ranking().into_iter().map(|(cell, _)| cell).collect()).collect())
}

/// The cells of all classes in one rising list; those of each class rise.
fn in_order(mut classes: Vec<Vec<u64>>) -> Vec<u64> {
    if classes.len() == 1 {
        return classes.swap_remove(0);
    }
    let mut cells = classes.concat();
    cells.sort_unstable();
    cells
}

/// `present` without `dropped` and with `grown`; all of them rising.
fn replace(present: &[u64], dropped: &[u64], grown: &[u64]) -> Vec<u64> {
    let mut cells = Vec::with_capacity(present.len());
    let (mut gone, mut new) = (0, 0);
    for &cell in present {
        while new < grown.len() && grown[new] < cell {
            cells.push(grown[new]);
            new += 1;
        }
        if gone < dropped.len() && dropped[gone] == cell {
            gone += 1;
        } else {
            cells.push(cell);
        }
    }
    cells.extend_from_slice(&grown[new..]);
    cells
}
