//! Compressed matrices against `sprs`, and every way in which their constructors refuse.

use proptest::prelude::*;
use rarefy_core::Error;
use rarefy_core::matrix::{Csc, Csr, CsrView, Dense};
use sprs::{CsMat, TriMat};

/// A shape and entries inside it, duplicates included. Whole numbers keep sums exact in any order.
fn entries() -> impl Strategy<Value = (usize, usize, Vec<(usize, usize, f64)>)> {
    (1usize..12, 1usize..12).prop_flat_map(|(rows, cols)| {
        let entry = (0..rows, 0..cols, -4i8..5).prop_map(|(i, j, v)| (i, j, f64::from(v)));
        (Just(rows), Just(cols), prop::collection::vec(entry, 0..60))
    })
}

fn oracle(rows: usize, cols: usize, triplets: &[(usize, usize, f64)]) -> TriMat<f64> {
    let mut matrix = TriMat::new((rows, cols));
    triplets.iter().for_each(|&(i, j, v)| matrix.add_triplet(i, j, v));
    matrix
}

/// The same matrix in our type and in the oracle's.
fn both(rows: usize, cols: usize, triplets: &[(usize, usize, f64)]) -> (Csr<f64>, CsMat<f64>) {
    (Csr::from_triplets(rows, cols, triplets).unwrap(), oracle(rows, cols, triplets).to_csr())
}

/// Our arrays in the oracle's type, whose constructor checks them again.
fn csr(a: &Csr<f64>) -> CsMat<f64> {
    let wide = |v: &[u32]| v.iter().map(|&x| x as usize).collect::<Vec<_>>();
    CsMat::new((a.rows(), a.cols()), wide(a.indptr()), wide(a.indices()), a.values().to_vec())
}

fn csc(a: &Csc<f64>) -> CsMat<f64> {
    let wide = |v: &[u32]| v.iter().map(|&x| x as usize).collect::<Vec<_>>();
    CsMat::new_csc((a.rows(), a.cols()), wide(a.indptr()), wide(a.indices()), a.values().to_vec())
}

proptest! {
    #[test]
    fn triplets_are_sorted_and_summed((rows, cols, t) in entries()) {
        prop_assert_eq!(csr(&Csr::from_triplets(rows, cols, &t).unwrap()), oracle(rows, cols, &t).to_csr());
        prop_assert_eq!(csc(&Csc::from_triplets(rows, cols, &t).unwrap()), oracle(rows, cols, &t).to_csc());
    }

    #[test]
    fn unsorted_lines_are_sorted_and_summed((rows, cols, mut t) in entries()) {
        let expected = oracle(rows, cols, &t).to_csr();
        t.sort_by_key(|e| e.0); // by row only: columns stay as they came
        let indptr = (0..=rows).map(|i| t.partition_point(|e| e.0 < i) as u32).collect();
        let (indices, values) = t.iter().map(|e| (e.1 as u32, e.2)).unzip();
        prop_assert_eq!(csr(&Csr::from_unsorted(rows, cols, indptr, indices, values).unwrap()), expected);
    }

    #[test]
    fn conversion_and_transposes_agree_with_sprs((rows, cols, t) in entries()) {
        let (ours, theirs) = both(rows, cols, &t);
        prop_assert_eq!(csc(&ours.to_csc().unwrap()), theirs.to_csc());
        prop_assert_eq!(&ours.to_csc().unwrap().to_csr().unwrap(), &ours);
        prop_assert_eq!(csr(&ours.transpose().unwrap()), theirs.transpose_view().to_csr());
        prop_assert_eq!(csc(&ours.clone().into_transpose()), theirs.transpose_into());
        prop_assert_eq!(ours.view().transpose_view().transpose_view(), ours.view());
    }

    #[test]
    fn dense_round_trip_drops_only_zeros((rows, cols, t) in entries()) {
        let mut a = Csr::from_triplets(rows, cols, &t).unwrap();
        let dense = a.to_dense().unwrap();
        let expected: Vec<f64> = oracle(rows, cols, &t).to_csr::<usize>().to_dense().into_iter().collect();
        prop_assert_eq!(dense.data(), &expected[..]);
        a.prune_zeros();
        prop_assert_eq!(&Csr::from_dense(dense.view()).unwrap(), &a);
        prop_assert_eq!(Csc::from_dense(dense.view()).unwrap(), a.to_csc().unwrap());
    }

    #[test]
    fn slices_agree_with_sprs((rows, cols, t) in entries(), cut in any::<[prop::sample::Index; 2]>()) {
        let (ours, theirs) = both(rows, cols, &t);
        let range = |len: usize| {
            let (a, b) = (cut[0].index(len + 1), cut[1].index(len + 1));
            a.min(b)..a.max(b)
        };
        let (r, c) = (range(rows), range(cols));
        let (by_row, by_col) = (theirs.clone(), theirs.to_csc());
        // Compared as dense: sprs leaves the `indptr` of an empty slice at the end of a matrix off zero.
        let dense = |a: CsMat<f64>| a.to_dense().into_iter().collect::<Vec<_>>();
        let rows_part = dense(by_row.slice_outer(r.clone()).to_owned());
        let cols_part = dense(by_col.slice_outer(c.clone()).to_owned());
        let columns = ours.to_csc().unwrap();
        prop_assert_eq!(dense(csr(&ours.rows_range(r.clone()).unwrap())), &rows_part[..]);
        prop_assert_eq!(dense(csc(&columns.rows_range(r).unwrap())), &rows_part[..]);
        prop_assert_eq!(dense(csr(&ours.cols_range(c.clone()).unwrap())), &cols_part[..]);
        prop_assert_eq!(dense(csc(&columns.cols_range(c).unwrap())), &cols_part[..]);
    }

    #[test]
    fn selections_repeat_and_reorder(
        (rows, cols, t) in entries(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
    ) {
        let a = Csr::from_triplets(rows, cols, &t).unwrap();
        let dense = a.to_dense().unwrap();
        let i: Vec<usize> = picks.iter().map(|p| p.index(rows)).collect();
        let picked = i.iter().flat_map(|&i| dense.row(i).to_vec()).collect();
        prop_assert_eq!(a.select_rows(&i).unwrap().to_dense().unwrap(), Dense::new(i.len(), cols, picked).unwrap());
        let j: Vec<usize> = picks.iter().map(|p| p.index(cols)).collect();
        let picked = (0..rows).flat_map(|r| j.iter().map(|&j| dense.row(r)[j]).collect::<Vec<_>>()).collect();
        prop_assert_eq!(a.select_cols(&j).unwrap().to_dense().unwrap(), Dense::new(rows, j.len(), picked).unwrap());
    }

    #[test]
    fn get_finds_what_is_stored((rows, cols, t) in entries()) {
        let (ours, theirs) = both(rows, cols, &t);
        for (i, j) in (0..=rows).flat_map(|i| (0..=cols).map(move |j| (i, j))) {
            let inside = i < rows && j < cols;
            prop_assert_eq!(ours.get(i, j), if inside { theirs.get(i, j).copied() } else { None });
        }
    }
}

fn refuse(rows: usize, cols: usize, indptr: &[u32], indices: &[u32], values: &[f32]) -> Error {
    let view = CsrView::new(rows, cols, indptr, indices, values).unwrap_err();
    let owned = Csr::new(rows, cols, indptr.to_vec(), indices.to_vec(), values.to_vec()).unwrap_err();
    assert_eq!(view, owned);
    let transposed = Csc::new(cols, rows, indptr.to_vec(), indices.to_vec(), values.to_vec()).unwrap_err();
    assert_eq!(std::mem::discriminant(&owned), std::mem::discriminant(&transposed));
    owned
}

#[test]
fn refuses_a_first_indptr_other_than_zero() {
    let expected = Error::Indptr { at: 0, found: 1, expected: "0".into() };
    assert_eq!(refuse(1, 2, &[1, 1], &[0], &[1.0]), expected);
}

#[test]
fn refuses_a_falling_indptr() {
    let error = refuse(2, 2, &[0, 2, 1], &[0], &[1.0]);
    assert_eq!(error.to_string(), "indptr[2] is 1, expected at least 2, the entry before it");
}

#[test]
fn refuses_an_indptr_that_ends_off_nnz() {
    assert!(matches!(refuse(1, 3, &[0, 3], &[0, 1], &[1.0; 2]), Error::Indptr { at: 1, found: 3, .. }));
    assert!(matches!(refuse(1, 3, &[0, 1], &[0, 1], &[1.0; 2]), Error::Indptr { at: 1, found: 1, .. }));
}

#[test]
fn refuses_an_indptr_of_the_wrong_length() {
    assert_eq!(refuse(2, 2, &[0, 0], &[], &[]), Error::Length { what: "indptr", found: 2, expected: 3 });
    assert_eq!(refuse(2, 2, &[], &[], &[]), Error::Length { what: "indptr", found: 0, expected: 3 });
}

#[test]
fn refuses_an_index_past_its_dimension() {
    let expected = Error::Index { axis: "row", major: 1, index: 3, limit: 3, at: 1 };
    assert_eq!(refuse(3, 3, &[0, 1, 2, 2], &[0, 3], &[1.0; 2]), expected);
    // What a negative 32-bit index reads as.
    assert!(matches!(refuse(1, 3, &[0, 1], &[-1i32 as u32], &[1.0]), Error::Index { .. }));
}

#[test]
fn refuses_values_of_another_length() {
    assert_eq!(refuse(1, 3, &[0, 2], &[0, 1], &[1.0]), Error::Length { what: "values", found: 1, expected: 2 });
}

#[test]
fn refuses_duplicates_and_disorder() {
    let duplicate = Error::Order { axis: "row", major: 0, index: 1, at: 1, problem: "a duplicate" };
    assert_eq!(refuse(1, 3, &[0, 2], &[1, 1], &[1.0; 2]), duplicate);
    let disorder = Error::Order { axis: "row", major: 1, index: 0, at: 2, problem: "out of order" };
    assert_eq!(refuse(2, 3, &[0, 1, 3], &[1, 1, 0], &[1.0; 3]), disorder);
}

#[test]
fn refuses_shapes_past_the_index_width_without_allocating_them() {
    let huge = 1_000_000_000_000_000_000;
    for (rows, cols) in [(huge, 1), (1, huge), (huge, huge), (u32::MAX as usize, 1)] {
        assert!(matches!(refuse(rows, cols, &[0, 0], &[], &[]), Error::TooLarge { .. }));
        assert!(matches!(Csr::from_triplets(rows, cols, &[(0, 0, 1.0f32)]), Err(Error::TooLarge { .. })));
        assert!(matches!(Csc::<f32>::empty(rows, cols), Err(Error::TooLarge { .. })));
    }
}

#[test]
fn refuses_triplets_outside_the_shape() {
    let row = Csr::from_triplets(2, 3, &[(0, 0, 1.0f32), (2, 1, 1.0)]).unwrap_err();
    assert_eq!(row, Error::Index { axis: "column", major: 1, index: 2, limit: 2, at: 1 });
    let col = Csc::from_triplets(2, 3, &[(1, 3, 1.0f32)]).unwrap_err();
    assert_eq!(col, Error::Index { axis: "row", major: 1, index: 3, limit: 3, at: 0 });
}

#[test]
fn refuses_slices_outside_the_matrix() {
    let a = Csr::from_triplets(2, 3, &[(0, 0, 1.0f32)]).unwrap();
    #[allow(clippy::reversed_empty_ranges)]
    for range in [1..3, 2..1] {
        assert!(matches!(a.rows_range(range), Err(Error::Parameter { name: "row range", .. })));
    }
    let expected = Error::Index { axis: "selection", major: 1, index: 2, limit: 2, at: 1 };
    assert_eq!(a.select_rows(&[0, 2]).unwrap_err(), expected);
}

#[test]
fn matrices_without_entries_are_matrices() {
    let a = Csr::<f32>::empty(0, 5).unwrap();
    assert_eq!((a.nnz(), a.density(), a.transpose().unwrap().rows()), (0, 0.0, 5));
    assert_eq!(Csr::<f32>::from_triplets(3, 0, &[]).unwrap().to_dense().unwrap().data(), &[0.0f32; 0]);
}

#[test]
fn a_sum_at_one_place_follows_the_order_given() {
    let t = [(0, 0, 1e8f32), (0, 0, 1.0), (0, 0, -1e8)];
    assert_eq!(Csr::from_triplets(1, 1, &t).unwrap().values(), &[(1e8f32 + 1.0) - 1e8]);
}

#[test]
fn values_change_type_and_zeros_are_pruned() {
    let a = Csr::from_triplets(1, 3, &[(0, 0, 1.5f32), (0, 1, -0.0), (0, 2, f32::NAN)]).unwrap();
    let mut wide = a.map_values(f64::from).unwrap();
    assert_eq!(wide.row(0).1[..2], [1.5f64, -0.0]);
    wide.prune_zeros();
    assert_eq!((wide.indices(), wide.indptr()), (&[0, 2][..], &[0, 2][..]));
}

#[test]
fn parts_return_what_was_given() {
    let a = Csr::new(2, 2, vec![0, 1, 2], vec![1, 0], vec![1.0f32, 2.0]).unwrap();
    assert_eq!(a.view().try_to_owned().unwrap().into_parts(), (vec![0, 1, 2], vec![1, 0], vec![1.0, 2.0]));
}
