//! Changes of patterns: how many entries, which ones, and what moves with them.

use proptest::prelude::*;
use rarefy_core::matrix::Batch;
use rarefy_core::parallel;
use rarefy_core::pattern::{Pattern, Structure, score};
use rarefy_core::random::Key;
use rarefy_nn::Weight;
use rarefy_nn::sparsify::{Evolution, evolve};
use std::collections::BTreeSet;

const SHAPE: (usize, usize) = (70, 45);

/// A batch of random numbers with zero padding.
fn batch(features: usize, len: usize, seed: u64) -> Batch {
    let mut batch = Batch::zeros(features, len).unwrap();
    let mut numbers = Key::new(seed, 1).stream(0);
    (0..features).for_each(|j| batch.row_mut(j).iter_mut().for_each(|v| *v = numbers.normal_f32()));
    batch
}

/// A weight whose moments tell which entry they belong to.
fn weight(shape: (usize, usize), nnz: usize, structure: Structure) -> Weight {
    let pattern = Pattern::random(shape, nnz, structure, Key::new(3, 0)).unwrap();
    let mut numbers = Key::new(4, 0).stream(0);
    let values: Vec<f32> = (0..pattern.nnz()).map(|_| numbers.normal_f32()).collect();
    let first: Vec<f32> = pattern.iter().map(|(i, j)| (i * shape.1 + j) as f32).collect();
    let second: Vec<f32> = first.iter().map(|v| v + 0.5).collect();
    Weight::restore(&pattern, &values, &[first, second]).unwrap()
}

fn entries(weight: &Weight) -> BTreeSet<(usize, usize)> {
    weight.pattern().unwrap().iter().collect()
}

fn change(
    weight: &mut Weight,
    drop: &str,
    grow: &str,
    fraction: f64,
    structure: Structure,
    x: &Batch,
    dy: &Batch,
) -> usize {
    let (drop, grow) = (score(drop).unwrap(), score(grow).unwrap());
    let entries = weight.nnz();
    let how = Evolution {
        drop,
        grow,
        entries,
        fraction,
        structure,
        key: Key::new(5, 6),
        step: 100,
        first: None,
        floor: f32::NEG_INFINITY,
    };
    evolve(weight, &how, x, dy).unwrap()
}

const SINGLE: Structure = Structure::Unstructured;

/// The gradient `dy xᵀ` of an entry, the slow way.
fn gradient(x: &Batch, dy: &Batch, (i, j): (usize, usize)) -> f64 {
    dy.row(i).iter().zip(x.row(j)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn rigl_grows_the_largest_gradients_and_drops_the_smallest_weights() {
    let (x, dy) = (batch(SHAPE.1, 33, 1), batch(SHAPE.0, 33, 2));
    for nnz in [200, 1000, 2200] {
        let mut weight = weight(SHAPE, nnz, SINGLE);
        let before = entries(&weight);
        let values: Vec<((usize, usize), f32)> = before.iter().copied().zip(weight.values()).collect();
        let k = change(&mut weight, "magnitude", "gradient", 0.3, SINGLE, &x, &dy);
        let after = entries(&weight);
        assert_eq!(k, (0.3 * nnz as f64).round() as usize);

        let all = (0..SHAPE.0).flat_map(|i| (0..SHAPE.1).map(move |j| (i, j)));
        let mut absent: Vec<_> = all.filter(|at| !before.contains(at)).collect();
        absent.sort_by(|&a, &b| gradient(&x, &dy, b).abs().total_cmp(&gradient(&x, &dy, a).abs()));
        let grown: BTreeSet<_> = after.difference(&before).copied().collect();
        assert_eq!(grown, absent.into_iter().take(k).collect(), "grown at {nnz}");

        let mut present = values;
        present.sort_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        let dropped: BTreeSet<_> = before.difference(&after).copied().collect();
        assert_eq!(dropped, present.into_iter().take(k).map(|(at, _)| at).collect(), "dropped at {nnz}");
    }
}

#[test]
fn values_and_moments_follow_their_entries_and_new_ones_are_zero() {
    let (x, dy) = (batch(SHAPE.1, 33, 1), batch(SHAPE.0, 33, 2));
    // Sparse, and past the density from which weights are stored dense.
    for nnz in [300, 2500] {
        let mut weight = weight(SHAPE, nnz, SINGLE);
        weight.param_mut().gradient = weight.param().first.clone();
        let before: std::collections::BTreeMap<_, _> = entries(&weight).into_iter().zip(weight.values()).collect();
        change(&mut weight, "magnitude", "gradient", 0.2, SINGLE, &x, &dy);
        let param = weight.param();
        let arrays = [&param.values, &param.first, &param.second, &param.gradient].map(|a| weight.in_row_order(a));
        for (k, at) in entries(&weight).into_iter().enumerate() {
            let tag = (at.0 * SHAPE.1 + at.1) as f32;
            let expected = before.get(&at).map_or([0.0; 4], |&value| [value, tag, tag + 0.5, tag]);
            assert_eq!([0, 1, 2, 3].map(|a: usize| arrays[a][k]), expected, "{at:?} of {nnz}");
        }
        assert_eq!(weight.is_dense(), nnz == 2500);
    }
}

#[test]
fn forward_uses_the_new_pattern() {
    let (x, dy) = (batch(SHAPE.1, 33, 1), batch(SHAPE.0, 33, 2));
    let mut weight = weight(SHAPE, 300, SINGLE);
    change(&mut weight, "magnitude", "random", 0.5, SINGLE, &x, &dy);
    let mut y = Batch::zeros(SHAPE.0, 33).unwrap();
    weight.forward(&x, &mut y);
    let values = weight.values();
    for i in [0, 13, 69] {
        let row = entries(&weight).into_iter().zip(&values).filter(|((r, _), _)| *r == i);
        let exact: f64 = row.map(|((_, j), v)| f64::from(*v) * f64::from(x.row(j)[7])).sum();
        assert!((f64::from(y.row(i)[7]) - exact).abs() < 1e-4);
    }
}

#[test]
fn growth_at_random_reaches_every_absent_entry() {
    let (x, dy) = (batch(6, 4, 1), batch(5, 4, 2));
    let mut seen = BTreeSet::new();
    let start = weight((5, 6), 10, SINGLE);
    for step in 0..60 {
        let mut weight = start.clone();
        let (drop, grow) = (score("magnitude").unwrap(), score("random").unwrap());
        let (nnz, key) = (weight.nnz(), Key::new(1, 1));
        let how = Evolution {
            drop,
            grow,
            entries: nnz,
            fraction: 0.2,
            structure: SINGLE,
            key,
            step,
            first: None,
            floor: f32::NEG_INFINITY,
        };
        assert_eq!(evolve(&mut weight, &how, &x, &dy).unwrap(), 2);
        seen.extend(entries(&weight).difference(&entries(&start)).copied());
    }
    assert_eq!(seen.len(), 20);
}

#[test]
fn a_pattern_with_little_room_changes_by_what_is_absent() {
    let (x, dy) = (batch(6, 4, 1), batch(5, 4, 2));
    for grow in ["gradient", "random"] {
        let mut weight = weight((5, 6), 27, SINGLE);
        let before = entries(&weight);
        assert_eq!(change(&mut weight, "magnitude", grow, 0.9, SINGLE, &x, &dy), 3);
        assert_eq!(entries(&weight).union(&before).count(), 30);
        let mut full = self::weight((5, 6), 30, SINGLE);
        assert_eq!(change(&mut full, "magnitude", grow, 0.9, SINGLE, &x, &dy), 0);
    }
}

#[test]
fn gradients_that_are_not_numbers_grow_nothing() {
    let (x, mut dy) = (batch(6, 4, 1), batch(5, 4, 2));
    dy.data_mut().fill(f32::NAN);
    let mut weight = weight((5, 6), 10, SINGLE);
    let before = entries(&weight);
    assert_eq!(change(&mut weight, "magnitude", "gradient", 0.3, SINGLE, &x, &dy), 0);
    assert_eq!(entries(&weight), before);
}

#[test]
fn equal_scores_go_by_index() {
    // No gradient anywhere: the first absent entries are grown.
    let (x, dy) = (batch(6, 4, 1), Batch::zeros(5, 4).unwrap());
    let pattern = Pattern::new(5, 6, vec![0, 1, 1, 1, 1, 3], vec![1, 2, 3]).unwrap();
    let mut weight = Weight::new(&pattern, &[1.0, 1.0, 1.0], 2).unwrap();
    change(&mut weight, "magnitude", "gradient", 0.7, SINGLE, &x, &dy);
    assert_eq!(entries(&weight).into_iter().collect::<Vec<_>>(), [(0, 0), (0, 2), (4, 3)]);
}

#[test]
fn blocks_of_the_largest_gradient_are_grown_whole() {
    let structure = Structure::Block { rows: 4, cols: 2 };
    let (x, dy) = (batch(SHAPE.1, 16, 1), batch(SHAPE.0, 16, 2)); // neither side a multiple: ragged blocks
    let mut weight = weight(SHAPE, 800, structure);
    let before = entries(&weight);
    let replaced = change(&mut weight, "magnitude", "gradient", 0.3, structure, &x, &dy);
    let after = entries(&weight);
    let grown: BTreeSet<_> = after.difference(&before).copied().collect();
    assert_eq!((after.len(), grown.len()), (before.len(), replaced));
    let block = |(i, j): (usize, usize)| (i / 4, j / 2);
    let whole = |b: (usize, usize)| b.0 < SHAPE.0 / 4 && b.1 < SHAPE.1 / 2;
    let sum = |b: (usize, usize)| -> f64 {
        (0..4).flat_map(|i| (0..2).map(move |j| (b.0 * 4 + i, b.1 * 2 + j))).map(|at| gradient(&x, &dy, at).abs()).sum()
    };
    let of_before: BTreeSet<_> = before.iter().map(|&at| block(at)).collect();
    let chosen: BTreeSet<_> = grown.iter().map(|&at| block(at)).filter(|&b| whole(b)).collect();
    let mut absent: Vec<_> = (0..SHAPE.0 / 4).flat_map(|i| (0..SHAPE.1 / 2).map(move |j| (i, j))).collect();
    absent.retain(|b| !of_before.contains(b));
    absent.sort_by(|&a, &b| sum(b).total_cmp(&sum(a)));
    assert_eq!(chosen, absent.into_iter().take(chosen.len()).collect());
    assert!(after.iter().all(|&at| {
        let b = block(at);
        let rows =
            (b.0 * 4..SHAPE.0.min(b.0 * 4 + 4)).flat_map(|i| (b.1 * 2..SHAPE.1.min(b.1 * 2 + 2)).map(move |j| (i, j)));
        rows.into_iter().all(|at| after.contains(&at))
    }));
}

#[test]
fn a_pattern_of_other_structure_is_refused() {
    let (x, dy) = (batch(SHAPE.1, 4, 1), batch(SHAPE.0, 4, 2));
    let (drop, grow) = (score("magnitude").unwrap(), score("gradient").unwrap());
    let structure = Structure::Block { rows: 2, cols: 2 };
    let mut weight = weight(SHAPE, 300, SINGLE);
    let (entries, key) = (weight.nnz(), Key::new(5, 6));
    let how = Evolution {
        drop,
        grow,
        entries,
        fraction: 0.3,
        structure,
        key,
        step: 1,
        first: None,
        floor: f32::NEG_INFINITY,
    };
    let error = evolve(&mut weight, &how, &x, &dy).unwrap_err().to_string();
    assert!(error.contains("whole cells of structure block 2x2"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_method_keeps_the_count_and_what_stays(
        (rows, cols) in (1usize..150, 1usize..60),
        share in 0.0f64..1.0,
        fraction in 0.0f64..0.99,
        block in prop::option::of((1usize..5, 1usize..5)),
        drop in prop::sample::select(vec!["magnitude", "random", "gradient", "weight-gradient"]),
        grow in prop::sample::select(vec!["random", "gradient"]),
    ) {
        let structure = block.map_or(SINGLE, |(rows, cols)| Structure::Block { rows, cols });
        let (x, dy) = (batch(cols, 5, 1), batch(rows, 5, 2));
        let start = weight((rows, cols), (share * (rows * cols) as f64) as usize, structure);
        let before = entries(&start);
        let run = |threads| {
            parallel::set_threads(threads);
            let mut weight = start.clone();
            let replaced = change(&mut weight, drop, grow, fraction, structure, &x, &dy);
            (entries(&weight), weight.values(), replaced)
        };
        let (after, values, replaced) = run(1);
        prop_assert_eq!(after.len(), before.len());
        prop_assert_eq!(after.difference(&before).count(), replaced, "no entry that was dropped is grown");
        if structure == SINGLE {
            let wanted = (fraction * before.len() as f64).round() as usize;
            prop_assert_eq!(replaced, wanted.min(rows * cols - before.len()));
        }
        prop_assert_eq!(run(2), (after, values, replaced));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a pattern was, it ends with the entries asked for, the largest kept; windows with no more than their quota.
    #[test]
    fn patterns_shrink_and_grow_to_what_is_asked(
        (rows, cols) in (1usize..60, 1usize..60),
        (from, to) in (0.0f64..=1.0, 0.0f64..=1.0),
        fraction in prop::sample::select(vec![0.0, 0.3]),
        window in prop::option::of((1usize..4, 1usize..5)),
        grow in prop::sample::select(vec!["random", "gradient"]),
    ) {
        let (shape, all) = ((rows, cols), rows * cols);
        let structure = window.map_or(SINGLE, |(keep, more)| Structure::Window { keep, of: keep + more });
        let to = (to * structure.capacity(shape).unwrap() as f64) as usize;
        let (x, dy) = (batch(cols, 5, 1), batch(rows, 5, 2));
        // Dense training knows no windows, so that a pattern may break them at first.
        let mut weight = weight(shape, (from * all as f64) as usize, SINGLE);
        let before: std::collections::BTreeMap<_, _> = entries(&weight).into_iter().zip(weight.values()).collect();
        let (drop, grow) = (score("magnitude").unwrap(), score(grow).unwrap());
        let how = Evolution { drop, grow, entries: to, fraction, structure, key: Key::new(5, 6), step: 9, first: None, floor: f32::NEG_INFINITY };
        evolve(&mut weight, &how, &x, &dy).unwrap();
        let after = entries(&weight);
        if let Structure::Window { keep, of } = structure {
            let mut held = std::collections::BTreeMap::new();
            after.iter().for_each(|(i, j)| *held.entry((i, j / of)).or_insert(0) += 1);
            prop_assert!(held.values().all(|&n| n <= keep));
        }
        prop_assert_eq!(after.len(), to);
        if window.is_none() {
            let least_kept = before.iter().filter(|(at, _)| after.contains(at)).map(|(_, v)| v.abs()).fold(f32::MAX, f32::min);
            let gone = before.iter().filter(|(at, _)| !after.contains(at)).map(|(_, v)| v.abs());
            prop_assert!(gone.fold(0.0, f32::max) <= least_kept);
        }
    }
}
