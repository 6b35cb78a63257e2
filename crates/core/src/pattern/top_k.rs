//! The best of a long stream of scores.

use crate::Result;
use crate::matrix::try_with_capacity;

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
    /// Once `k` scores have been seen, stretches without one that is good enough are passed over in vectors.
    pub fn extend(&mut self, first: u64, scores: &[f32]) {
        /// Long enough for vectors, short enough that few stretches of a long stream hold one of the best.
        const STRETCH: usize = 16;
        for (first, stretch) in (first..).step_by(STRETCH).zip(scores.chunks(STRETCH)) {
            if !stretch.iter().fold(false, |any, &score| any | self.may_be_kept(score)) {
                continue;
            }
            // Without branches: which of them pass is anybody's guess.
            let (mut passed, mut count) = ([0; STRETCH], 0);
            for (at, &score) in stretch.iter().enumerate() {
                passed[count] = at;
                count += usize::from(self.may_be_kept(score));
            }
            passed[..count].iter().for_each(|&at| self.push(first + at as u64, stretch[at]));
        }
    }

    /// Whether a score could be among the best, whatever its index: a quick test that passes some too many.
    #[inline(always)]
    fn may_be_kept(&self, score: f32) -> bool {
        // NaN compares false: it passes only as long as everything does.
        self.floor.is_nan() | (score >= self.floor)
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
        let (_, last, _) = self.kept.select_nth_unstable_by_key(self.k - 1, Entry::order);
        (self.bar, self.floor) = (last.order(), last.score);
        self.kept.truncate(self.k);
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
        indices.sort_unstable();
        indices
    }
}

/// The indices of the `k` highest of a stream of `(index, score)`, rising; see [`TopK`].
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) when they cannot be held.
pub fn top_k(scores: impl IntoIterator<Item = (u64, f32)>, k: usize) -> Result<Vec<u64>> {
    let mut best = TopK::new(k)?;
    scores.into_iter().for_each(|(index, score)| best.push(index, score));
    Ok(best.into_indices())
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
            let order = sorted(&scores);
            prop_assert_eq!(&ranking[..], &order[..k.min(order.len())]);
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
            let expected = top_k((0..).zip(scores.iter().copied()), k).unwrap();
            let backwards = scores.iter().enumerate().rev().map(|(i, &score)| (i as u64, score));
            prop_assert_eq!(&top_k(backwards, k).unwrap(), &expected);
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
