//! The best of many scores, which stand in an array or come as a stream.

use crate::Result;
use crate::matrix::{check_u32, try_with_capacity};
use crate::parallel::run_chunks;
use std::sync::Mutex;

/// Scores that are looked at in one go: enough for vectors, few enough that few stretches of a long stream hold one of the best.
const STRETCH: usize = 16;

/// Keeps the `k` highest scores of a stream in `O(k)` memory, at `O(1)` a score on average.
///
/// Scores come with an index that no other score of the stream has. Ties go to the lower index and NaN ranks below
/// everything, −∞ included, so what is kept depends neither on the order of the stream nor on how it was cut.
///
/// ```
/// use rarefy_core::pattern::TopK;
/// let mut best = TopK::new(2)?;
/// best.extend(0, &[0.5, 3.0, f32::NAN]);
/// best.push(3, 3.0);
/// best.push(4, 3.0);
/// assert_eq!(best.into_indices(), [1, 3]);
/// # Ok::<(), rarefy_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TopK {
    k: usize,
    /// Up to `2k` entries; whenever it fills up, the worse half goes.
    kept: Vec<Entry>,
    /// No entry above it can be among the best any more.
    bar: (u32, u64),
    /// The score at the bar; NaN while every score may still be among the best.
    floor: f32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    rank: u32,
    score: f32,
    index: u64,
}

impl Entry {
    fn new(index: u64, score: f32) -> Self {
        Self { rank: rank(score), score, index }
    }

    /// Lower is better; no two entries of a stream are equal.
    fn order(&self) -> (u32, u64) {
        (self.rank, self.index)
    }
}

/// A number that falls as the score rises: the bits of a float rise with it once the sign is dealt with.
fn rank(score: f32) -> u32 {
    if score.is_nan() {
        return u32::MAX;
    }
    let bits = (score + 0.0).to_bits(); // −0 becomes 0: they tie
    let rising = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    !rising
}

impl TopK {
    /// For the `k` best; 32 bytes each.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) when they cannot be held.
    pub fn new(k: usize) -> Result<Self> {
        Ok(Self {
            k,
            kept: try_with_capacity("best scores", k.saturating_mul(2))?,
            bar: (u32::MAX, u64::MAX),
            floor: f32::NAN,
        })
    }

    /// Takes the next score.
    #[inline]
    pub fn push(&mut self, index: u64, score: f32) {
        self.admit(Entry::new(index, score));
    }

    /// Takes a run of scores with indices `first`, `first + 1`, ….
    ///
    /// Once `2k` scores have been seen, stretches without one that is good enough are passed over in vectors.
    pub fn extend(&mut self, first: u64, scores: &[f32]) {
        for (first, stretch) in (first..).step_by(STRETCH).zip(scores.chunks(STRETCH)) {
            // Ties with the bar that come after it are no good: often there are many, as zeros.
            let above = first > self.bar.1;
            if !stretch.iter().fold(false, |any, &score| any | self.may_be_kept(score, above)) {
                continue;
            }
            // Without branches: which of them pass is anybody's guess.
            let (mut passed, mut count) = ([0; STRETCH], 0);
            for (at, &score) in stretch.iter().enumerate() {
                passed[count] = at;
                count += usize::from(self.may_be_kept(score, above));
            }
            passed[..count].iter().for_each(|&at| self.push(first + at as u64, stretch[at]));
        }
    }

    /// Whether a score could be among the best, `above` the bar if its index is past that of the bar: a quick test that passes some
    /// too many.
    #[inline(always)]
    fn may_be_kept(&self, score: f32, above: bool) -> bool {
        // NaN compares false: it passes only as long as everything does.
        self.floor.is_nan() | (score > self.floor) | (!above & (score == self.floor))
    }

    /// Takes what another part of the same stream has kept.
    pub fn merge(&mut self, other: &TopK) {
        other.kept.iter().for_each(|&entry| self.admit(entry));
    }

    #[inline]
    fn admit(&mut self, entry: Entry) {
        if self.k > 0 && entry.order() <= self.bar {
            self.keep(entry);
        }
    }

    fn keep(&mut self, entry: Entry) {
        self.kept.push(entry);
        if self.kept.len() == self.k.saturating_mul(2) {
            self.compact();
        }
    }

    /// Drops all but the best `k`.
    fn compact(&mut self) {
        if self.kept.len() <= self.k || self.k == 0 {
            return;
        }
        let bar = Bar::of(self.kept.len(), self.k, |at| self.kept[at].rank);
        let at_bar = self.kept.iter().filter(|entry| entry.rank == bar.rank);
        let mut ties: Vec<u64> = at_bar.clone().map(|entry| entry.index).collect();
        self.floor = at_bar.map(|entry| entry.score).next().unwrap_or(f32::NAN);
        self.bar = (bar.rank, *ties.select_nth_unstable(bar.ties - 1).1);
        // In the order in which they came, which is the rising one or runs of it: easy to sort.
        self.kept.retain(|entry| entry.order() <= self.bar);
    }

    /// The best, as `(index, score)`, the best first. Fewer than `k` if the stream was shorter.
    pub fn into_ranking(mut self) -> Vec<(u64, f32)> {
        self.compact();
        self.kept.sort_unstable_by_key(Entry::order);
        self.kept.iter().map(|entry| (entry.index, entry.score)).collect()
    }

    /// The indices of the best whose score is a number, rising.
    pub fn into_scored(mut self) -> Vec<u64> {
        self.compact();
        self.kept.retain(|entry| !entry.score.is_nan());
        self.into_indices()
    }

    /// The indices of the best, rising. Fewer than `k` if the stream was shorter.
    pub fn into_indices(mut self) -> Vec<u64> {
        self.compact();
        let mut indices: Vec<u64> = self.kept.iter().map(|entry| entry.index).collect();
        indices.sort();
        indices
    }
}

/// What divides the `k` lowest ranks from the others.
struct Bar {
    /// All below are among the `k`.
    rank: u32,
    /// How many of this rank are, at least 1.
    ties: usize,
}

impl Bar {
    /// The bar for the `k` lowest, 1 or more, of `len` ranks, which are at least as many. Counts them by their upper bits, then those
    /// of the bucket at the bar by the next, and so on.
    fn of(len: usize, k: usize, rank: impl Fn(usize) -> u32 + Sync) -> Self {
        /// Bits of each pass: counters stay in the first-level cache.
        const BITS: [u32; 3] = [11, 11, 10];
        /// Ranks that one task counts.
        const CHUNK: usize = 1 << 16;
        // The bits of the bar that are known, and how many are not.
        let (mut known, mut open, mut ties) = (0u32, 32, k);
        for bits in BITS {
            let total = Mutex::new(vec![0usize; 1 << bits]);
            let (shift, upper) = (open - bits, u64::from(known) >> open);
            run_chunks(len, CHUNK, |range| {
                let mut counts = [0u32; 1 << BITS[0]];
                for rank in range.map(&rank).filter(|&rank| u64::from(rank) >> open == upper) {
                    counts[(rank >> shift) as usize & ((1 << bits) - 1)] += 1;
                }
                let mut total = total.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                total.iter_mut().zip(counts).for_each(|(total, count)| *total += count as usize);
            });
            let total = total.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
            let mut bucket = 0;
            while ties > total[bucket] {
                ties -= total[bucket];
                bucket += 1;
            }
            (known, open) = (known | (bucket as u32) << shift, shift);
        }
        Self { rank: known, ties }
    }
}

/// The positions of the `k` highest scores, rising; of all if there are no more. Ties go to the lower position, and NaN ranks below
/// everything.
///
/// ```
/// use rarefy_core::pattern::top_k;
/// assert_eq!(top_k(&[1.0, f32::NAN, 3.0, 1.0], 2)?, [0, 2]);
/// # Ok::<(), rarefy_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge) for more than 2³² − 2 scores, [`Error::Memory`](crate::Error::Memory) when the positions
/// cannot be held.
pub fn top_k(scores: &[f32], k: usize) -> Result<Vec<u32>> {
    check_u32("scores", scores.len())?;
    let k = k.min(scores.len());
    let mut best = try_with_capacity("best scores", k)?;
    if k > 0 {
        let Bar { rank: bar, mut ties } = Bar::of(scores.len(), k, |at| rank(scores[at]));
        for (first, some) in (0u32..).step_by(STRETCH).zip(scores.chunks(STRETCH)) {
            // Without branches: which of them pass is anybody's guess.
            let (mut passed, mut count) = ([0; STRETCH], 0);
            for (at, &score) in (first..).zip(some) {
                let rank = rank(score);
                let tie = rank == bar && ties > 0;
                passed[count] = at;
                count += usize::from(rank < bar || tie);
                ties -= usize::from(tie);
            }
            best.extend_from_slice(&passed[..count]);
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Few distinct values, so that ties are the rule.
    fn scores() -> impl Strategy<Value = Vec<f32>> {
        let score = prop_oneof![
            (-3i8..4).prop_map(f32::from),
            Just(-0.0),
            Just(f32::NAN),
            Just(f32::INFINITY),
            Just(f32::NEG_INFINITY),
            any::<f32>(),
        ];
        prop::collection::vec(score, 0..200)
    }

    /// The whole stream sorted the slow way.
    fn sorted(scores: &[f32]) -> Vec<u64> {
        let mut order: Vec<u64> = (0..scores.len() as u64).collect();
        order.sort_by(|&a, &b| {
            let (x, y) = (scores[a as usize], scores[b as usize]);
            x.is_nan().cmp(&y.is_nan()).then(y.partial_cmp(&x).unwrap_or(std::cmp::Ordering::Equal))
        });
        order
    }

    proptest! {
        #[test]
        fn equals_a_full_sort(scores in scores(), k in 0usize..40) {
            let mut best = TopK::new(k).unwrap();
            best.extend(0, &scores);
            let ranking: Vec<u64> = best.into_ranking().iter().map(|e| e.0).collect();
            let mut order = sorted(&scores);
            order.truncate(k);
            prop_assert_eq!(&ranking, &order);
            order.sort();
            prop_assert_eq!(top_k(&scores, k).unwrap().into_iter().map(u64::from).collect::<Vec<_>>(), order);
        }

        #[test]
        fn indices_of_numbers_leave_out_nothing_else(scores in scores(), k in 0usize..40) {
            let mut best = TopK::new(k).unwrap();
            best.extend(0, &scores);
            let mut expected = best.clone().into_indices();
            expected.retain(|&index| !scores[index as usize].is_nan());
            prop_assert_eq!(best.into_scored(), expected);
        }

        #[test]
        fn neither_order_nor_cuts_matter(scores in scores(), k in 0usize..40, cut in any::<prop::sample::Index>()) {
            let expected: Vec<u64> = top_k(&scores, k).unwrap().into_iter().map(u64::from).collect();
            let mut backwards = TopK::new(k).unwrap();
            scores.iter().enumerate().rev().for_each(|(i, &score)| backwards.push(i as u64, score));
            prop_assert_eq!(&backwards.into_indices(), &expected);
            let cut = cut.index(scores.len() + 1);
            let (mut one, mut two) = (TopK::new(k).unwrap(), TopK::new(k).unwrap());
            one.extend(0, &scores[..cut]);
            two.extend(cut as u64, &scores[cut..]);
            two.merge(&one);
            prop_assert_eq!(&two.into_indices(), &expected);
        }
    }

    #[test]
    fn memory_stays_at_two_k() {
        let mut best = TopK::new(8).unwrap();
        let room = best.kept.capacity();
        (0..10_000).for_each(|i| best.push(i, i as f32)); // each beats all before it
        assert_eq!(best.kept.capacity(), room);
        assert_eq!(best.into_indices(), (9992..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn room_that_no_machine_has_is_refused() {
        assert!(matches!(TopK::new(usize::MAX), Err(crate::Error::Memory { .. })));
    }
}
