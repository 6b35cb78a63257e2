//! Optimizers, entry by entry.
//!
//! A [`Rule`] is an optimizer with its numbers for one step; [`apply`] runs it over arrays of gradients, values and moments.
//! The same loop serves sparse and dense weights, so a kept weight moves exactly as in the dense twin.
//! `g` is the gradient, `w` the value, `η` the learning rate, `λ` the weight decay:
//!
//! * [`Rule::Sgd`]: `g ← g + λw`; `m ← μm + g`; `w ← w − η·(m, or g + μm with Nesterov)`
//! * [`Rule::Adam`]: `g ← g + λw` (or, decoupled as in AdamW, `w ← w − ηλw`); `m ← β₁m + (1−β₁)g`; `v ← β₂v + (1−β₂)g²`;
//!   `w ← w − η/(1−β₁ᵗ) · m / (√(v/(1−β₂ᵗ)) + ε)`
//! * [`Rule::RmsProp`]: `g ← g + λw`; `v ← αv + (1−α)g²`; `w ← w − η·g/(√v + ε)`, or with momentum `m ← μm + g/(√v + ε)`,
//!   `w ← w − ηm`
//! * [`Rule::Prodigy`]: Adam of `d·g` with `ε` as `d·ε` and `η = γd`; beside it `s ← √β₂·s + d²g`, and over all values
//!   `Σ g·(x₀ − w)` and `Σ |s|` ([`Sums`]), from which the next `d`, the estimated distance to the solution, is made
//!
//! An [`Update`] is a rule with a [`Prox`], the proximal step of a penalty, done in the same loop.
//!
//! Sources: Sutskever et al. 2013 (momentum as PyTorch writes it); Kingma and Ba 2015; Loshchilov and Hutter 2019; Hinton 2012; Mishchenko and
//! Defazio, *Prodigy: an expeditiously adaptive parameter-free learner*, 2023 (arXiv 2306.06101), algorithm 4.

mod adam;
mod prodigy;
mod prox;
pub mod reference;
mod rmsprop;
mod sgd;
mod sums;
#[cfg(test)]
mod tests;

pub use prox::Prox;
pub use sums::Sums;
pub(crate) use sums::run_summed;

use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::parallel::{self, Shared};

/// An optimizer with its numbers for one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Stochastic gradient descent.
    Sgd {
        /// `η`
        learning_rate: f32,
        /// `μ`; 0 keeps no moment.
        momentum: f32,
        /// Look ahead along the moment.
        nesterov: bool,
        /// `λ`
        weight_decay: f32,
    },
    /// Adam and AdamW.
    Adam(AdamStep),
    /// RMSprop.
    RmsProp {
        /// `η`
        learning_rate: f32,
        /// `α`
        alpha: f32,
        /// `μ`; 0 keeps no momentum.
        momentum: f32,
        /// `ε`
        epsilon: f32,
        /// `λ`
        weight_decay: f32,
    },
    /// Adam and AdamW with an estimated learning rate.
    Prodigy {
        /// Adam's numbers; its `η` is `γd`: the estimate, times what a schedule makes of it.
        adam: AdamStep,
        /// `d`
        distance: f32,
    },
}

/// The numbers of a step of Adam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// `η`
    pub learning_rate: f32,
    /// `β₁`
    pub beta1: f32,
    /// `β₂`
    pub beta2: f32,
    /// `ε`
    pub epsilon: f32,
    /// `λ`
    pub weight_decay: f32,
    /// Whether the decay is AdamW's.
    pub decoupled: bool,
    /// `1 − β₁ᵗ` at this step.
    pub correction1: f32,
    /// `1 − β₂ᵗ` at this step.
    pub correction2: f32,
}

impl AdamStep {
    /// The factor by which decoupled weight decay shrinks a value; 1 for coupled decay.
    fn decay(&self) -> f32 {
        if self.decoupled { 1.0 - self.learning_rate * self.weight_decay } else { 1.0 }
    }

    /// The decay that is a part of the gradient.
    fn coupled(&self) -> f32 {
        if self.decoupled { 0.0 } else { self.weight_decay }
    }
}

/// Most moments that a rule keeps for a value.
const MOST: usize = 4;

impl Rule {
    /// How many moments the rule keeps for each value: 0, 1, 2 or 4.
    pub fn moments(&self) -> usize {
        match *self {
            Rule::Sgd { momentum, .. } => usize::from(momentum != 0.0),
            Rule::Adam(_) => 2,
            Rule::RmsProp { momentum, .. } => 1 + usize::from(momentum != 0.0),
            Rule::Prodigy { .. } => 4,
        }
    }

    /// Whether sums over all values are taken along, in an order that must not depend on the number of threads.
    pub(crate) fn sums(&self) -> bool {
        matches!(self, Rule::Prodigy { .. })
    }

    /// The factor by which decoupled weight decay shrinks a value in this step; 1 for every other rule.
    pub fn decay(&self) -> f32 {
        match *self {
            Rule::Adam(adam) | Rule::Prodigy { adam, .. } => adam.decay(),
            _ => 1.0,
        }
    }
}

/// What happens to every value in one step: the optimizer, then the proximal step of a penalty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// The optimizer.
    pub rule: Rule,
    /// The penalty.
    pub prox: Prox,
}

impl From<&Rule> for Update {
    /// The optimizer alone.
    fn from(rule: &Rule) -> Self {
        Self { rule: *rule, prox: Prox::NONE }
    }
}

/// The moments of an array of values; a moment that the rule does not keep is empty.
#[derive(Debug, Default)]
pub struct Moments<'a> {
    /// Momentum, or Adam's first moment; RMSprop's second moment.
    pub first: &'a mut [f32],
    /// Adam's second moment; RMSprop's momentum.
    pub second: &'a mut [f32],
    /// Prodigy's weighted sum of gradients, `s`.
    pub sum: &'a mut [f32],
    /// The values that Prodigy began with, `x₀`; it reads them only.
    pub start: &'a mut [f32],
}

/// [`Moments`] from which tasks borrow disjoint parts.
pub(crate) struct SharedMoments([(Shared<f32>, bool); MOST]);

impl<'a> Moments<'a> {
    fn into_array(self) -> [&'a mut [f32]; MOST] {
        [self.first, self.second, self.sum, self.start]
    }

    fn from_array([first, second, sum, start]: [&'a mut [f32]; MOST]) -> Self {
        Self { first, second, sum, start }
    }

    /// How many numbers there are of each.
    fn lens(&self) -> [usize; MOST] {
        [self.first.len(), self.second.len(), self.sum.len(), self.start.len()]
    }

    /// The moments of the values in `range`.
    ///
    /// # Panics
    /// When a moment that is kept has no such numbers.
    pub fn part(self, range: std::ops::Range<usize>) -> Self {
        Self::from_array(self.into_array().map(|m| if m.is_empty() { m } else { &mut m[range.clone()] }))
    }

    /// Shares the moments of `len` values between tasks.
    pub(crate) fn share(self, len: usize) -> SharedMoments {
        SharedMoments(self.into_array().map(|m| {
            assert!(m.is_empty() || m.len() == len, "{} moments of {len} values", m.len());
            (Shared::new(m), !m.is_empty())
        }))
    }
}

impl SharedMoments {
    /// The moments of the values in `range`.
    ///
    /// # Safety
    /// As [`Shared::range`].
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn range(&self, range: std::ops::Range<usize>) -> Moments<'_> {
        Moments::from_array(self.0.each_ref().map(|(moment, kept)| {
            // SAFETY: the caller's promise.
            unsafe { moment.range(if *kept { range.clone() } else { 0..0 }) }
        }))
    }
}

/// Values that one task of [`apply_parallel`] takes.
const CHUNK: usize = 16_384;

/// Applies a rule, or an update, to every value, on this thread; returns what the rule sums over them.
///
/// # Panics
/// Unless all arrays have one number for each value, moments that the rule keeps included.
pub fn apply(update: impl Into<Update>, gradient: &[f32], values: &mut [f32], moments: Moments<'_>) -> Sums {
    let (update, n) = (update.into(), values.len());
    assert_eq!(gradient.len(), n, "gradient of every value");
    check_moments(&update.rule, n, &moments.lens());
    dispatch(Apply { update, gradient, values, moments })
}

/// Checks that there is one of each of the first moments that the rule keeps for each of `n` values.
fn check_moments(rule: &Rule, n: usize, kept: &[usize]) {
    let all = kept.iter().take(rule.moments()).all(|&len| len == n);
    assert!(all, "moments {kept:?} of {n} values for {rule:?}");
}

/// Applies a rule, or an update, to every value, on all threads.
///
/// # Panics
/// As [`apply`].
pub fn apply_parallel(update: impl Into<Update>, gradient: &[f32], values: &mut [f32], moments: Moments<'_>) -> Sums {
    let (update, n) = (update.into(), values.len());
    assert_eq!(gradient.len(), n, "gradient of every value");
    let (values, moments) = (Shared::new(values), moments.share(n));
    run_summed(n.div_ceil(CHUNK), |task| {
        let range = task * CHUNK..((task + 1) * CHUNK).min(n);
        // SAFETY: chunks are disjoint, and the slices outlive the call.
        unsafe { apply(update, &gradient[range.clone()], values.range(range.clone()), moments.range(range)) }
    })
}

/// Applies a rule, or an update, to every value, on all threads, with gradients that exist only block by block: `fill(range, gradient)`
/// writes those of the values in `range`, which are `block` long but for the last.
///
/// # Panics
/// As [`apply`].
pub fn apply_streamed(
    update: impl Into<Update>,
    values: &mut [f32],
    moments: Moments<'_>,
    block: usize,
    fill: impl Fn(std::ops::Range<usize>, &mut [f32]) + Sync,
) -> Sums {
    let (update, n) = (update.into(), values.len());
    let (values, moments) = (Shared::new(values), moments.share(n));
    run_summed(n.div_ceil(block), |task| {
        let range = task * block..((task + 1) * block).min(n);
        GRADIENT.with_borrow_mut(|gradient| {
            gradient.resize(range.len(), 0.0);
            fill(range.clone(), gradient);
            // SAFETY: blocks are disjoint, and the slices outlive the call.
            unsafe { apply(update, gradient, values.range(range.clone()), moments.range(range)) }
        })
    })
}

/// The step size of each value, by which [`Prox`] and projections shrink: see there. Written to `sizes`, on all threads, from the
/// first and second moment.
///
/// # Panics
/// Unless there is one size for each value, and one of each moment that the rule keeps.
pub fn step_sizes(rule: &Rule, moments: [&[f32]; 2], sizes: &mut [f32]) {
    let n = sizes.len();
    check_moments(rule, n, &moments.map(<[f32]>::len));
    let sizes = Shared::new(sizes);
    parallel::run_chunks(n, CHUNK, |range| {
        // SAFETY: chunks are disjoint, and the slice outlives the call.
        let sizes = unsafe { sizes.range(range.clone()) };
        let (rate, squares, correction, epsilon) = match *rule {
            Rule::Sgd { learning_rate, .. } => return sizes.fill(learning_rate),
            Rule::Adam(AdamStep { learning_rate, epsilon, correction2, .. }) => {
                (learning_rate, &moments[1][range], correction2, epsilon)
            }
            Rule::RmsProp { learning_rate, epsilon, .. } => (learning_rate, &moments[0][range], 1.0, epsilon),
            // Its moments are those of `d·g`.
            Rule::Prodigy { adam, distance } => {
                (adam.learning_rate * distance, &moments[1][range], adam.correction2, distance * adam.epsilon)
            }
        };
        sizes.iter_mut().zip(squares).for_each(|(size, v)| *size = rate / ((v / correction).sqrt() + epsilon));
    });
}

thread_local! {
    /// Each thread's block of gradients, kept from call to call.
    static GRADIENT: std::cell::RefCell<Vec<f32>> = const { std::cell::RefCell::new(Vec::new()) };
}

struct Apply<'a> {
    update: Update,
    gradient: &'a [f32],
    values: &'a mut [f32],
    moments: Moments<'a>,
}

impl Kernel for Apply<'_> {
    type Output = Sums;
    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> Sums {
        let rule = self.update.rule;
        // SAFETY: the processor has `S`, and `apply` has checked the lengths.
        unsafe {
            match rule {
                Rule::Sgd { momentum: 0.0, .. } => self.with::<S, _>(sgd::Sgd::<0>(rule)),
                Rule::Sgd { .. } => self.with::<S, _>(sgd::Sgd::<1>(rule)),
                Rule::Adam(step) => self.with::<S, _>(adam::Adam(step)),
                Rule::RmsProp { momentum: 0.0, .. } => self.with::<S, _>(rmsprop::RmsProp::<1>(rule)),
                Rule::RmsProp { .. } => self.with::<S, _>(rmsprop::RmsProp::<2>(rule)),
                Rule::Prodigy { adam, distance } => self.with::<S, _>(prodigy::Prodigy { adam, distance }),
            }
        }
    }
}

impl Apply<'_> {
    /// The loop of a formula, with a proximal step if there is a penalty.
    #[inline(always)]
    unsafe fn with<S: Simd, F: Formula>(self, formula: F) -> Sums {
        // SAFETY: as `run`.
        unsafe {
            if self.update.prox == Prox::NONE {
                sweep::<S, F, false>(formula, self)
            } else {
                sweep::<S, F, true>(formula, self)
            }
        }
    }
}

/// The formula of one optimizer, on vectors.
trait Formula: Copy {
    /// Moments kept for each value.
    const MOMENTS: usize;
    /// The first of them, which a step changes.
    const MOVED: usize = Self::MOMENTS;
    /// Whether there is something to sum over all values.
    const SUMS: bool = false;

    /// From gradient, value and moments to the new value and moments.
    ///
    /// # Safety
    /// The processor has the instruction set of `S`.
    unsafe fn step<S: Simd>(self, gradient: S::V, value: S::V, moments: [S::V; MOST]) -> (S::V, [S::V; MOST]);

    /// The step size of each value: what its (corrected) mean gradient was multiplied by, given the new moments.
    ///
    /// # Safety
    /// The processor has the instruction set of `S`.
    unsafe fn size<S: Simd>(self, moments: [S::V; MOST]) -> S::V;

    /// The terms of [`Sums`], from gradient and value before the step and moments after it.
    ///
    /// # Safety
    /// The processor has the instruction set of `S`.
    #[inline(always)]
    unsafe fn terms<S: Simd>(self, _gradient: S::V, _value: S::V, _moments: [S::V; MOST]) -> [S::V; 2] {
        // SAFETY: the caller's promise.
        unsafe { [S::zero(); 2] }
    }
}

/// Values after which the vectors of sums are emptied into double precision.
const EMPTIED: usize = 4096;

/// Runs `formula` over the arrays, vector by vector; the last one touches only the lanes that are left.
#[inline(always)]
unsafe fn sweep<S: Simd, F: Formula, const PROX: bool>(formula: F, arrays: Apply<'_>) -> Sums {
    let prox = arrays.update.prox;
    let n = arrays.values.len();
    let (g, w) = (arrays.gradient.as_ptr(), arrays.values.as_mut_ptr());
    let m = arrays.moments.into_array().map(|moment| moment.as_mut_ptr());
    let (mut at, mut total) = (0, Sums::default());
    // SAFETY: `apply` has checked that the arrays in use hold `n` numbers; at + LANES ≤ n in the loop, and the rest is masked.
    unsafe {
        let mut sums = [S::zero(); 2];
        while at + S::LANES <= n {
            let mut old = [S::zero(); MOST];
            for i in 0..F::MOMENTS {
                old[i] = S::load(m[i].add(at));
            }
            let (gradient, before) = (S::load(g.add(at)), S::load(w.add(at)));
            let (mut value, new) = formula.step::<S>(gradient, before, old);
            if PROX {
                value = prox.step::<S>(value, formula.size::<S>(new));
            }
            S::store(w.add(at), value);
            for i in 0..F::MOVED {
                S::store(m[i].add(at), new[i]);
            }
            at += S::LANES;
            if F::SUMS {
                let terms = formula.terms::<S>(gradient, before, new);
                sums = [S::add(sums[0], terms[0]), S::add(sums[1], terms[1])];
                if at % EMPTIED == 0 {
                    total += Sums::of::<S>(sums);
                    sums = [S::zero(); 2];
                }
            }
        }
        let rest = n - at;
        if rest > 0 {
            let mut old = [S::zero(); MOST];
            for i in 0..F::MOMENTS {
                old[i] = S::load_part(m[i].add(at), rest);
            }
            let (gradient, before) = (S::load_part(g.add(at), rest), S::load_part(w.add(at), rest));
            let (mut value, new) = formula.step::<S>(gradient, before, old);
            if PROX {
                value = prox.step::<S>(value, formula.size::<S>(new));
            }
            S::store_part(w.add(at), value, rest);
            for i in 0..F::MOVED {
                S::store_part(m[i].add(at), new[i], rest);
            }
            if F::SUMS {
                // Lanes past the last hold zeros, and add them.
                let terms = formula.terms::<S>(gradient, before, new);
                sums = [S::add(sums[0], terms[0]), S::add(sums[1], terms[1])];
            }
        }
        if F::SUMS {
            total += Sums::of::<S>(sums);
        }
    }
    total
}
