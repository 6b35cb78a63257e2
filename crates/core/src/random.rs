//! Random numbers that depend only on a key and a counter.
//!
//! Philox4x32-10 (Salmon, Moraes, Dror, Shaw, *Parallel random numbers: as easy as 1, 2, 3*, 2011) maps a 64-bit key
//! and a 128-bit counter to 128 random bits, without a state. So a dropout mask is a function of (seed, stream, step,
//! row): it is the same on any number of threads, and after a restart.
//!
//! * `seed` is the user's; `stream` tells uses apart (shuffling, dropout of layer 3, …): together they make a [`Key`].
//! * `step` and `row` are the counter: [`Key::block`] gives the four words at one counter, and [`Key::stream`] reads
//!   the blocks of one step from row 0 on. Use a stream of its own for each of the two ways, or they repeat one
//!   another.
//!
//! ```
//! use rarefy_core::random::{Key, sample, shuffle};
//! let key = Key::new(7, 0);
//! let mut order: Vec<u32> = (0..100).collect();
//! shuffle(&mut order, &mut key.stream(3)); // the order of epoch 3
//! let chosen = sample(5, 1000, &mut key.stream(4))?;
//! assert!(chosen.len() == 5 && chosen.is_sorted());
//! # Ok::<(), rarefy_core::Error>(())
//! ```

use crate::matrix::{try_vec, try_with_capacity};
use crate::parallel::{Shared, run_chunks};
use crate::{Error, Result};

/// Multipliers and key increments of Philox4x32, from the paper (table 2 and section 3.3).
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const INCREMENTS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Philox4x32-10: the block of random words that belongs to `counter` under `key`.
///
/// Each of 10 rounds multiplies words 0 and 2 of the counter to 64 bits, and mixes high halves, words 1 and 3, and
/// the key, which grows by a constant each round.
#[inline(always)]
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let b = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        let high = |product: u64| (product >> 32) as u32;
        counter = [high(b) ^ counter[1] ^ key[0], b as u32, high(a) ^ counter[3] ^ key[1], a as u32];
        key = [key[0].wrapping_add(INCREMENTS[0]), key[1].wrapping_add(INCREMENTS[1])];
    }
    counter
}

/// What random numbers are drawn under: a seed and the number of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key([u32; 2]);

impl Key {
    /// The key of `stream` under `seed`.
    ///
    /// Seed and stream are 96 bits and a Philox key 64: it is half the block of counter `stream` under `seed`.
    pub fn new(seed: u64, stream: u32) -> Self {
        let [a, b, ..] = philox([stream, 0, 0, 0], [seed as u32, (seed >> 32) as u32]);
        Self([a, b])
    }

    /// The four words at `(step, row)`.
    #[inline(always)]
    pub fn block(self, step: u64, row: u64) -> [u32; 4] {
        philox([row as u32, (row >> 32) as u32, step as u32, (step >> 32) as u32], self.0)
    }

    /// The numbers of `step`, one after the other: the words of `block(step, 0)`, `block(step, 1)`, ….
    pub fn stream(self, step: u64) -> Stream {
        Stream { key: self, step, row: 0, block: [0; 4], used: 4, normal: None }
    }

    /// Fills `out` with uniform numbers in `[0, 1)`: entry `4r + k` is word `k` of `block(step, r)`. Uses all threads.
    pub fn fill_uniform(self, step: u64, out: &mut [f32]) {
        const CHUNK: usize = 1 << 14;
        let (len, shared) = (out.len(), Shared::new(out));
        run_chunks(len, CHUNK, |range| {
            let first = range.start as u64 / 4;
            // SAFETY: chunks are disjoint, and `out` outlives the call.
            let part = unsafe { shared.range(range) };
            for (row, four) in part.chunks_mut(4).enumerate() {
                let block = self.block(step, first + row as u64);
                four.iter_mut().zip(block).for_each(|(x, word)| *x = uniform(word));
            }
        });
    }
}

/// A word as a number in `[0, 1)`: its upper 24 bits, all that an `f32` holds, times 2⁻²⁴.
#[inline(always)]
pub fn uniform(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// The random numbers of one step, one after the other. As an iterator it yields words and never ends.
#[derive(Debug, Clone)]
pub struct Stream {
    key: Key,
    step: u64,
    row: u64,
    block: [u32; 4],
    used: usize,
    /// The second of a pair of normals, if it has not been handed out.
    normal: Option<f32>,
}

impl Stream {
    /// The next 32 random bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = self.key.block(self.step, self.row);
            self.row += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// The next 64 random bits, the low word first.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) | u64::from(self.next_u32()) << 32
    }

    /// Uniform in `[0, 1)`, a multiple of 2⁻²⁴.
    #[inline]
    pub fn uniform_f32(&mut self) -> f32 {
        uniform(self.next_u32())
    }

    /// Uniform in `[0, 1)`, a multiple of 2⁻⁵³.
    #[inline]
    pub fn uniform_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform in `0..n` without bias; 0 when `n` is 0.
    ///
    /// The high half of `n` times a random word, drawn again where that would favour some results (Lemire, *Fast random
    /// integer generation in an interval*, 2019). One word a draw while `n` fits 32 bits, two beyond.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        match u32::try_from(n) {
            Ok(0) => 0,
            Ok(n) => loop {
                let product = u64::from(self.next_u32()) * u64::from(n);
                let low = product as u32;
                // The remainder costs a division and is less than n: compute it only where it can matter.
                if low >= n || low >= n.wrapping_neg() % n {
                    return product >> 32;
                }
            },
            Err(_) => loop {
                let product = u128::from(self.next_u64()) * u128::from(n);
                let low = product as u64;
                if low >= n || low >= n.wrapping_neg() % n {
                    return (product >> 64) as u64;
                }
            },
        }
    }

    /// Normal with mean 0 and variance 1.
    ///
    /// Box and Muller, in double precision: with `u` in (0, 1] and `v` in [0, 1), `√(−2 ln u) · (cos 2πv, sin 2πv)`
    /// are two independent normals. `u` is a multiple of 2⁻³², which bounds the result by 6.7.
    pub fn normal_f32(&mut self) -> f32 {
        if let Some(second) = self.normal.take() {
            return second;
        }
        const UNIT: f64 = 1.0 / 4_294_967_296.0;
        let u = (f64::from(self.next_u32()) + 1.0) * UNIT;
        let angle = std::f64::consts::TAU * UNIT * f64::from(self.next_u32());
        let radius = (-2.0 * u.ln()).sqrt();
        self.normal = Some((radius * angle.sin()) as f32);
        (radius * angle.cos()) as f32
    }
}

impl Iterator for Stream {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        Some(self.next_u32())
    }
}

/// Puts `items` in random order, each order equally likely (Fisher and Yates).
pub fn shuffle<T>(items: &mut [T], stream: &mut Stream) {
    for i in (1..items.len()).rev() {
        items.swap(i, stream.below(i as u64 + 1) as usize);
    }
}

/// `k` different numbers out of `0..n`, every set of `k` equally likely, in rising order.
///
/// Time and memory are `O(k)` (times `log k` where `k < n / 64`), whatever `n` is. Sets that are not thin are drawn
/// by Floyd's method (Bentley and Floyd, *A sample of brilliance*, 1987) on a bitmap, which is then never longer than
/// the result; thin ones by drawing, sorting and drawing again for the few that met.
///
/// # Errors
/// [`Error::Parameter`] when `k > n`, [`Error::Memory`] when `k` numbers cannot be held.
pub fn sample(k: usize, n: u64, stream: &mut Stream) -> Result<Vec<u64>> {
    let wanted = k as u64;
    if wanted > n {
        let found = format!("{k} of {n}");
        return Err(Error::Parameter { name: "sample size", found, expected: "at most as many as there are" });
    }
    let mut drawn: Vec<u64> = try_with_capacity("sample", k)?;
    if n / 64 > wanted {
        while drawn.len() < k {
            drawn.extend((drawn.len()..k).map(|_| stream.below(n)));
            drawn.sort_unstable();
            drawn.dedup();
        }
        return Ok(drawn);
    }
    let mut taken = try_vec("sample", n.div_ceil(64) as usize, 0u64)?;
    let bit = |i: u64| ((i / 64) as usize, 1u64 << (i % 64));
    for j in n - wanted..n {
        let (word, mask) = bit(stream.below(j + 1));
        let (word, mask) = if taken[word] & mask == 0 { (word, mask) } else { bit(j) };
        taken[word] |= mask;
    }
    for (word, mut bits) in (0u64..).zip(taken) {
        while bits != 0 {
            drawn.push(word * 64 + u64::from(bits.trailing_zeros()));
            bits &= bits - 1;
        }
    }
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `kat_vectors` of the Random123 distribution: counter, key, result.
    #[test]
    fn philox_gives_the_published_answers() {
        let known = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in known {
            assert_eq!(philox(counter, key), expected);
        }
    }

    #[test]
    fn seed_stream_step_and_row_all_matter() {
        let mut blocks: Vec<[u32; 4]> = Vec::new();
        for seed in [0, 1, 1 << 32] {
            for stream in [0, 1] {
                for (step, row) in [(0, 0), (1, 0), (0, 1), (1 << 32, 0), (0, 1 << 32)] {
                    blocks.push(Key::new(seed, stream).block(step, row));
                }
            }
        }
        let all = blocks.len();
        blocks.sort();
        blocks.dedup();
        assert_eq!(blocks.len(), all);
    }

    #[test]
    fn a_stream_reads_the_blocks_in_order() {
        let key = Key::new(3, 9);
        let words: Vec<u32> = key.stream(5).take(8).collect();
        assert_eq!(words, [key.block(5, 0), key.block(5, 1)].concat());
    }

    #[test]
    fn fill_uniform_is_the_stream_and_ignores_threads() {
        let key = Key::new(11, 2);
        for len in [0, 1, 5, 70_001] {
            let mut out = vec![-1.0; len];
            key.fill_uniform(6, &mut out);
            let mut stream = key.stream(6);
            assert!(out.iter().all(|&x| x == stream.uniform_f32()));
        }
    }

    /// Mean and variance within five standard errors of the uniform distribution's 1/2 and 1/12.
    #[test]
    fn uniform_has_the_right_moments() {
        let (n, mut stream) = (200_000, Key::new(1, 0).stream(0));
        let x: Vec<f64> = (0..n).map(|_| f64::from(stream.uniform_f32())).collect();
        assert!(x.iter().all(|x| (0.0..1.0).contains(x)));
        let mean = x.iter().sum::<f64>() / n as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 5.0 * (1.0 / 12.0 / n as f64).sqrt());
        assert!((variance - 1.0 / 12.0).abs() < 5.0 * (1.0 / 180.0 / n as f64).sqrt());
        assert!((0..n).all(|_| (0.0..1.0).contains(&stream.uniform_f64())));
    }

    /// Moments 1, 2 and 4 within five standard errors of 0, 1 and 3, and tails as the normal has them.
    #[test]
    fn normal_has_the_right_moments() {
        let (n, mut stream) = (200_000, Key::new(2, 0).stream(0));
        let x: Vec<f64> = (0..n).map(|_| f64::from(stream.normal_f32())).collect();
        let moment = |p: i32| x.iter().map(|x| x.powi(p)).sum::<f64>() / n as f64;
        let error = |variance: f64| 5.0 * (variance / n as f64).sqrt();
        assert!(moment(1).abs() < error(1.0));
        assert!((moment(2) - 1.0).abs() < error(2.0));
        assert!((moment(4) - 3.0).abs() < error(96.0));
        let beyond_two = x.iter().filter(|x| x.abs() > 2.0).count() as f64 / n as f64;
        assert!((beyond_two - 0.0455).abs() < error(0.0455 * 0.9545));
    }

    /// Pearson's statistic of counts against equal chances; degrees of freedom are one less than the cells.
    fn chi_square(counts: &[usize]) -> f64 {
        let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
        counts.iter().map(|&c| (c as f64 - expected).powi(2) / expected).sum()
    }

    /// 3·2³⁰ is where multiplying without rejection would favour every third number by a third.
    #[test]
    fn below_is_unbiased_on_both_widths() {
        for n in [3u64 << 30, 3 << 62] {
            let mut stream = Key::new(4, 0).stream(0);
            let mut counts = [0; 3];
            (0..60_000).for_each(|_| counts[(stream.below(n) % 3) as usize] += 1);
            assert!(chi_square(&counts) < 13.8, "{counts:?}"); // 99.9 % point, 2 degrees of freedom
        }
    }

    #[test]
    fn below_keeps_its_bound() {
        let mut stream = Key::new(5, 0).stream(0);
        assert_eq!((stream.below(0), stream.below(1)), (0, 0));
        for n in [2, 7, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            assert!((0..1000).all(|_| stream.below(n) < n));
        }
    }

    #[test]
    fn shuffle_gives_every_order_equally_often() {
        let mut stream = Key::new(6, 0).stream(0);
        let mut counts = [0; 6];
        for _ in 0..60_000 {
            let mut items = [0usize, 1, 2];
            shuffle(&mut items, &mut stream);
            counts[items[0] * 2 + usize::from(items[1] > items[2])] += 1;
        }
        assert!(chi_square(&counts) < 20.5, "{counts:?}"); // 99.9 % point, 5 degrees of freedom
    }

    #[test]
    fn samples_are_sorted_distinct_and_below_n() {
        let mut stream = Key::new(7, 0).stream(0);
        for (k, n) in [(0, 0), (0, 9), (9, 9), (1, 1), (500, 1000), (999, 1000), (3, 1000), (1000, u64::MAX)] {
            let drawn = sample(k, n, &mut stream).unwrap();
            assert_eq!(drawn.len(), k);
            assert!(drawn.is_sorted_by(|a, b| a < b) && drawn.iter().all(|&i| i < n));
        }
    }

    /// Both methods: every number is drawn equally often, and so is every pair.
    #[test]
    fn samples_are_uniform() {
        for (k, n, cells) in [(3usize, 7u64, 7usize), (2, 700, 7)] {
            let mut stream = Key::new(8, 0).stream(0);
            let mut counts = vec![0; cells];
            for _ in 0..20_000 {
                sample(k, n, &mut stream).unwrap().iter().for_each(|i| counts[(i % cells as u64) as usize] += 1);
            }
            assert!(chi_square(&counts) < 22.5, "{counts:?}"); // 99.9 % point, 6 degrees of freedom
        }
        let mut stream = Key::new(9, 0).stream(0);
        let mut pairs = [0; 6];
        for _ in 0..60_000 {
            let drawn = sample(2, 4, &mut stream).unwrap();
            pairs[(drawn[0] + drawn[1] - 1 + u64::from(drawn[0] > 0)) as usize] += 1;
        }
        assert!(chi_square(&pairs) < 20.5, "{pairs:?}"); // 99.9 % point, 5 degrees of freedom
    }

    #[test]
    fn too_large_a_sample_is_refused() {
        let error = sample(6, 5, &mut Key::new(0, 0).stream(0)).unwrap_err();
        assert_eq!(error.to_string(), "sample size is 6 of 5, expected at most as many as there are");
    }
}
