//! Patterns: exact counts, whole blocks, uniform chance, and the best scores.

use proptest::prelude::*;
use rarefy_core::Error;
use rarefy_core::matrix::Csr;
use rarefy_core::pattern::{Pattern, Structure};
use rarefy_core::random::Key;
use std::collections::BTreeSet;

/// Checks the arrays again, from outside.
fn check(pattern: &Pattern) {
    let (indptr, indices) = (pattern.indptr().to_vec(), pattern.indices().to_vec());
    assert_eq!(&Pattern::new(pattern.rows(), pattern.cols(), indptr, indices).unwrap(), pattern);
}

/// The blocks that a pattern touches, and how many entries they have in all.
fn blocks(pattern: &Pattern, (height, width): (usize, usize)) -> (BTreeSet<(usize, usize)>, usize) {
    let touched: BTreeSet<_> = pattern.iter().map(|(i, j)| (i / height, j / width)).collect();
    let area =
        |&(bi, bj): &(usize, usize)| height.min(pattern.rows() - bi * height) * width.min(pattern.cols() - bj * width);
    let entries = touched.iter().map(area).sum();
    (touched, entries)
}

fn sizes() -> impl Strategy<Value = ((usize, usize), usize, (usize, usize), u64)> {
    (1usize..30, 1usize..30, 1usize..6, 1usize..6, any::<u64>())
        .prop_flat_map(|(rows, cols, h, w, seed)| (Just((rows, cols)), 0..=rows * cols, Just((h, w)), Just(seed)))
}

proptest! {
    #[test]
    fn random_patterns_have_exactly_nnz_entries((shape, nnz, _, seed) in sizes()) {
        let pattern = Pattern::random(shape, nnz, Structure::Unstructured, Key::new(seed, 0)).unwrap();
        check(&pattern);
        prop_assert_eq!(pattern.nnz(), nnz);
        prop_assert_eq!(&Pattern::random(shape, nnz, Structure::Unstructured, Key::new(seed, 0)).unwrap(), &pattern);
    }

    #[test]
    fn random_blocks_are_whole_and_no_further_one_fits((shape, nnz, cell, seed) in sizes()) {
        let structure = Structure::Block { rows: cell.0, cols: cell.1 };
        let pattern = Pattern::random(shape, nnz, structure, Key::new(seed, 0)).unwrap();
        check(&pattern);
        let (touched, entries) = blocks(&pattern, cell);
        prop_assert_eq!(entries, pattern.nnz());
        let left = nnz - pattern.nnz(); // never above
        for (bi, bj) in (0..shape.0.div_ceil(cell.0)).flat_map(|i| (0..shape.1.div_ceil(cell.1)).map(move |j| (i, j))) {
            let area = cell.0.min(shape.0 - bi * cell.0) * cell.1.min(shape.1 - bj * cell.1);
            prop_assert!(touched.contains(&(bi, bj)) || area > left);
        }
    }

    #[test]
    fn transposing_twice_returns_and_positions_follow((shape, nnz, _, seed) in sizes()) {
        let pattern = Pattern::random(shape, nnz, Structure::Unstructured, Key::new(seed, 0)).unwrap();
        let values: Vec<f64> = (0..nnz).map(|v| v as f64).collect();
        let (transpose, positions) = pattern.transpose().unwrap();
        check(&transpose);
        let moved: Vec<f64> = positions.iter().map(|&at| values[at as usize]).collect();
        let expected = pattern.clone().with_values(values).unwrap().transpose().unwrap();
        prop_assert_eq!(transpose.clone().with_values(moved).unwrap(), expected);
        prop_assert_eq!(transpose.transpose().unwrap().0, pattern);
    }

    #[test]
    fn contains_is_what_iter_lists((shape, nnz, _, seed) in sizes()) {
        let pattern = Pattern::random(shape, nnz, Structure::Unstructured, Key::new(seed, 0)).unwrap();
        let listed: BTreeSet<_> = pattern.iter().collect();
        for (i, j) in (0..=shape.0).flat_map(|i| (0..=shape.1).map(move |j| (i, j))) {
            prop_assert_eq!(pattern.contains(i, j), listed.contains(&(i, j)));
        }
    }

    #[test]
    fn the_best_scores_are_kept((shape, nnz, _, seed) in sizes()) {
        let mut scores = vec![0.0; shape.0 * shape.1];
        Key::new(seed, 1).fill_uniform(0, &mut scores);
        let stream = scores.iter().enumerate().map(|(at, &s)| (at / shape.1, at % shape.1, s));
        let pattern = Pattern::from_scores(shape, nnz, Structure::Unstructured, stream).unwrap();
        check(&pattern);
        prop_assert_eq!(pattern.nnz(), nnz);
        let (kept, dropped): (Vec<_>, Vec<_>) =
            scores.iter().enumerate().partition(|(at, _)| pattern.contains(at / shape.1, at % shape.1));
        let lowest = kept.iter().map(|e| *e.1).fold(f32::INFINITY, f32::min);
        prop_assert!(dropped.iter().all(|e| *e.1 <= lowest));
    }
}

#[test]
fn every_entry_is_equally_likely() {
    let (shape, draws) = ((3, 4), 24_000);
    let mut counts = [0f64; 12];
    for seed in 0..draws {
        let pattern = Pattern::random(shape, 5, Structure::Unstructured, Key::new(seed, 0)).unwrap();
        pattern.iter().for_each(|(i, j)| counts[i * 4 + j] += 1.0);
    }
    let expected = draws as f64 * 5.0 / 12.0;
    let statistic: f64 = counts.iter().map(|c| (c - expected).powi(2) / expected).sum();
    assert!(statistic < 31.3, "{counts:?}"); // 99.9 % point, 11 degrees of freedom
}

#[test]
fn blocks_are_ranked_by_their_sum_and_passed_over_when_too_large() {
    // Blocks of 2×2 in 2×5: sums 4, 6 and, cut off to one column, 3.
    let scores = [[1.0, 1.0, 3.0, 0.0, 1.0], [1.0, 1.0, 0.0, 3.0, 2.0]];
    let stream = || (0..2).flat_map(|i| (0..5).map(move |j| (i, j, scores[i][j])));
    let structure = Structure::Block { rows: 2, cols: 2 };
    let columns = |nnz| Pattern::from_scores((2, 5), nnz, structure, stream()).unwrap().row(1).to_vec();
    assert_eq!(columns(4), [2, 3]);
    assert_eq!(columns(7), [2, 3, 4]);
    assert_eq!(columns(9), [0, 1, 2, 3]);
}

#[test]
fn places_without_a_score_are_never_chosen() {
    let one = || [(1, 1, f32::NAN)];
    let single = Pattern::from_scores((2, 2), 3, Structure::Unstructured, one()).unwrap();
    assert_eq!(single.iter().collect::<Vec<_>>(), [(1, 1)]);
    let block = Pattern::from_scores((2, 4), 8, Structure::Block { rows: 2, cols: 2 }, one()).unwrap();
    assert_eq!(block.row(0), [0, 1]);
}

#[test]
fn empty_rows_and_columns_are_fine() {
    let pattern = Pattern::new(3, 3, vec![0, 0, 1, 1], vec![1]).unwrap();
    assert_eq!((pattern.row(0), pattern.density()), (&[][..], 1.0 / 9.0));
    assert_eq!(Pattern::random((0, 7), 0, Structure::Unstructured, Key::new(0, 0)).unwrap().density(), 0.0);
    assert_eq!(Pattern::random((7, 0), 0, Structure::Block { rows: 2, cols: 2 }, Key::new(0, 0)).unwrap().nnz(), 0);
}

#[test]
fn full_has_every_entry() {
    let pattern = Pattern::full(3, 2).unwrap();
    check(&pattern);
    assert_eq!(pattern.nnz(), 6);
    assert_eq!(Pattern::random((3, 2), 6, Structure::Block { rows: 2, cols: 2 }, Key::new(0, 0)), Ok(pattern));
}

#[test]
fn the_pattern_of_a_matrix_counts_stored_zeros() {
    let a = Csr::from_triplets(1, 3, &[(0, 0, 0.0f32), (0, 2, 1.0)]).unwrap();
    assert_eq!(Pattern::of(a.view()).unwrap().indices(), [0, 2]);
}

#[test]
fn more_nonzeros_than_entries_are_refused() {
    let error = Pattern::random((2, 2), 5, Structure::Unstructured, Key::new(0, 0)).unwrap_err();
    assert_eq!(error.to_string(), "nonzeros is 5 of 4, expected at most as many as there are entries");
}

#[test]
fn shapes_past_the_index_width_are_refused_without_memory() {
    let huge = 1_000_000_000_000_000_000;
    for shape in [(huge, 1), (1, huge)] {
        assert!(matches!(
            Pattern::random(shape, 1, Structure::Unstructured, Key::new(0, 0)),
            Err(Error::TooLarge { .. })
        ));
        assert!(matches!(Pattern::full(shape.0, shape.1), Err(Error::TooLarge { .. })));
        assert!(matches!(Pattern::new(shape.0, shape.1, vec![0], vec![]), Err(Error::TooLarge { .. })));
    }
    assert!(matches!(Pattern::full(1 << 20, 1 << 20), Err(Error::TooLarge { what: "nonzeros", .. })));
}

#[test]
fn a_huge_shape_costs_only_its_rows_and_nonzeros() {
    let pattern = Pattern::random((1000, 4_000_000_000), 10_000, Structure::Unstructured, Key::new(0, 0)).unwrap();
    check(&pattern);
    assert_eq!(pattern.nnz(), 10_000);
}

#[test]
fn broken_arrays_are_refused() {
    assert!(matches!(Pattern::new(1, 3, vec![0, 2], vec![2, 1]), Err(Error::Order { .. })));
    assert!(matches!(Pattern::new(1, 3, vec![0, 1], vec![3]), Err(Error::Index { .. })));
    assert!(matches!(Pattern::new(1, 3, vec![1, 1], vec![0]), Err(Error::Indptr { .. })));
}

#[test]
fn cells_that_do_not_exist_or_do_not_rise_are_refused() {
    for cells in [&[4][..], &[1, 1], &[2, 1]] {
        let error = Pattern::from_cells((2, 2), Structure::Unstructured, cells).unwrap_err();
        assert!(matches!(error, Error::Parameter { name: "cells of a pattern", .. }));
    }
}

#[test]
fn a_value_is_needed_for_each_entry() {
    let error = Pattern::full(2, 2).unwrap().with_values(vec![1.0f32; 3]).unwrap_err();
    assert_eq!(error, Error::Length { what: "values", found: 3, expected: 4 });
}

proptest! {
    #[test]
    fn windows_keep_their_quota_and_are_equally_full(
        (rows, cols) in (1usize..20, 1usize..40),
        (keep, more) in (1usize..5, 1usize..6),
        share in 0.0f64..=1.0,
        seed in any::<u64>(),
    ) {
        let (shape, of) = ((rows, cols), keep + more);
        let structure = Structure::Window { keep, of };
        let room = structure.capacity(shape).unwrap();
        let nnz = (share * room as f64) as usize;
        let pattern = Pattern::random(shape, nnz, structure, Key::new(seed, 0)).unwrap();
        prop_assert_eq!(pattern.nnz(), nnz);
        let counts: Vec<usize> = (0..rows)
            .flat_map(|i| (0..cols / of).map(move |w| (i, w)))
            .map(|(i, w)| pattern.row(i).iter().filter(|&&j| j as usize / of == w).count())
            .collect();
        prop_assert!(counts.iter().all(|&n| n <= keep));
        if let (Some(least), Some(most)) = (counts.iter().min(), counts.iter().max()) {
            prop_assert!(most - least <= 1);
        }
        prop_assert!(Pattern::random(shape, room + 1, structure, Key::new(seed, 0)).is_err());
    }
}

#[test]
fn the_best_of_each_window_are_chosen() {
    let scores = [(0, 0, 5.0), (0, 1, 4.0), (0, 2, 3.0), (0, 3, 1.0), (0, 4, 2.0), (1, 0, 0.5)];
    let structure = Structure::Window { keep: 2, of: 4 };
    let best = Pattern::from_scores((2, 6), 4, structure, scores).unwrap();
    assert_eq!(best.iter().collect::<Vec<_>>(), [(0, 0), (0, 1), (0, 4), (1, 0)]);
    assert!(Pattern::from_cells((2, 6), structure, &[0, 1, 2]).is_err());
    assert!(Pattern::from_cells((2, 6), structure, &[2, 3, 4, 5]).is_ok());
}
