//! One change of one pattern: the entries of the lowest score go, as many of the highest score come.
//!
//! With `k = round(fraction · nnz)`:
//! 1. *grow*: among the entries that are absent, the `k` of the highest score; ties go to the lower index;
//! 2. *drop*: among those present, the `k` of the lowest score; ties go to the lower index.
//!
//! An entry that is dropped is not grown in the same change. (The paper lets RigL consider it; it would come back as a zero
//! with empty moments, and a change be wasted. The authors' code has it rank last.) Entries start at zero, with zero moments.
//! Blocks are ranked by the sum of the scores of their entries, and `k` counts blocks.
//!
//! The gradient of absent entries exists a block of rows at a time, never as a whole, and time is that of one dense
//! gradient; growth at random takes `O(nnz)`. The result depends neither on threads nor on how rows are cut.

use super::cells::Cells;
use crate::{Result, Weight};
use rarefy_core::kernels::elementwise;
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
    /// Share of the entries that are replaced, in 0..1.
    pub fraction: f64,
    /// What is dropped and grown as one.
    pub structure: Structure,
    /// What random numbers are drawn under: one key a layer.
    pub key: Key,
    /// The optimizer step.
    pub step: u64,
}

/// Changes the pattern of a weight (`rows × cols`) and returns how many entries were replaced. Values, moments and gradient
/// move with their entries. The number of nonzeros stays.
///
/// `x` (`cols × n`) is the layer's input, `dy` (`rows × n`, padding zero) the gradient of its output: `dy xᵀ` is the gradient that
/// scores look at. Fewer entries than asked for are replaced where fewer are absent, or have a score that is not NaN.
///
/// # Errors
/// When the pattern does not consist of whole cells of the structure, or memory does not suffice.
pub fn evolve(weight: &mut Weight, how: &Evolution<'_>, x: &Batch, dy: &Batch) -> Result<usize> {
    let pattern = weight.pattern()?;
    let cells = Cells::of(&pattern, how.structure)?;
    let wanted: Vec<usize> = cells
        .classes
        .iter()
        .map(|class| ((how.fraction * class.present as f64).round() as usize).min(class.len() - class.present))
        .collect();
    if wanted.iter().all(|&k| k == 0) {
        return Ok(0);
    }
    let norms = input_norms(x);
    let (grown, gradient) = if how.by_chance() && !how.drop.needs_gradient() {
        (how.grow_by_chance(&cells, &wanted)?, Vec::new())
    } else {
        let (best, gradient) = how.look_through(weight, &pattern, &cells, &wanted, (x, dy), &norms)?;
        (if how.by_chance() { how.grow_by_chance(&cells, &wanted)? } else { best }, gradient)
    };
    let counts: Vec<usize> = grown.iter().map(Vec::len).collect();
    let scores = how.scores_present(&pattern, &weight.values(), &gradient, &norms);
    let dropped = lowest(&cells, &cells.sums(&pattern, scores), &counts)?;
    let grown = in_order(grown);
    let new = Pattern::from_cells(
        (pattern.rows(), pattern.cols()),
        how.structure,
        &replace(&cells.present, &dropped, &grown),
    )?;
    weight.move_between(&pattern, &new)?;
    let (height, width) = how.structure.cell();
    let entries = |cell: usize| {
        let class = &cells.classes[cell];
        height.min(pattern.rows() - class.rows.start * height) * width.min(pattern.cols() - class.cols.start * width)
    };
    Ok(counts.iter().enumerate().map(|(class, count)| count * entries(class)).sum())
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

    /// Looks through the dense gradient once: the best absent cells of each class, and, if the score to drop by needs it, the
    /// gradient of the entries present, in row order.
    fn look_through(
        &self,
        weight: &Weight,
        pattern: &Pattern,
        cells: &Cells,
        wanted: &[usize],
        (x, dy): (&Batch, &Batch),
        norms: &[f32],
    ) -> Result<(Vec<Vec<u64>>, Vec<f32>)> {
        let (height, cols) = (self.structure.cell().0, pattern.cols());
        let keep = self.drop.needs_gradient();
        let best = wanted.iter().map(|&k| TopK::new(k)).collect::<rarefy_core::Result<Vec<_>>>()?;
        let found = Mutex::new((best, vec![0.0; if keep { pattern.nnz() } else { 0 }], Vec::new()));
        weight.dense_gradient(x, dy, height, |first, block| {
            let kept = if keep { self.gradient_present(pattern, first, block) } else { Vec::new() };
            for (i, row) in block.chunks_exact_mut(cols).enumerate() {
                self.grow.absent(row, norms);
                // NaN is never among the best.
                pattern.row(first + i).iter().for_each(|&j| row[j as usize] = f32::NAN);
            }
            // What is kept does not depend on the order in which blocks arrive.
            let mut found = found.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let (best, gradient, buffer) = &mut *found;
            let start = pattern.indptr()[first] as usize;
            gradient[if keep { start..start + kept.len() } else { 0..0 }].copy_from_slice(&kept);
            let scores = cells.sum_rows(block, buffer);
            let first = (first / height * cols.div_ceil(self.structure.cell().1)) as u64;
            for (class, range) in cells.stretches(first, scores.len()) {
                best[class].extend(first + range.start as u64, &scores[range]);
            }
        });
        let (best, gradient, _) = found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        Ok((best.into_iter().map(TopK::into_scored).collect(), gradient))
    }

    /// The gradient of the entries present in the rows of a block.
    fn gradient_present(&self, pattern: &Pattern, first: usize, block: &[f32]) -> Vec<f32> {
        let rows = block.chunks_exact(pattern.cols()).enumerate();
        rows.flat_map(|(i, row)| pattern.row(first + i).iter().map(|&j| row[j as usize])).collect()
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
                scores.push(self.drop.score(values[at], gradient, norms[j as usize], random));
            }
        }
        scores
    }
}

/// The Euclidean norm of each input over the samples of a batch.
fn input_norms(x: &Batch) -> Vec<f32> {
    (0..x.features()).map(|j| elementwise::sum_of_squares(x.row(j)).sqrt() as f32).collect()
}

/// The `counts` cells of the lowest score in each class, rising; `scores` are those of the cells present.
fn lowest(cells: &Cells, scores: &[f32], counts: &[usize]) -> Result<Vec<u64>> {
    let mut lowest = counts.iter().map(|&k| TopK::new(k)).collect::<rarefy_core::Result<Vec<_>>>()?;
    for (&cell, score) in cells.present.iter().zip(scores) {
        lowest[cells.class(cell)].push(cell, -score);
    }
    Ok(in_order(lowest.into_iter().map(TopK::into_indices).collect()))
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
