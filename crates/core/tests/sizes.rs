//! ADVERSARIAL case 51: dimensions and counts past what indices of 32 bits, or `usize`, can hold are named before memory is taken for
//! them. An allocation of any of these sizes would fail, with another error.

use rarefy_core::Error;
use rarefy_core::matrix::{Batch, Csc, CscView, Csr, CsrView, Dense, DenseView};
use rarefy_core::pattern::{Distribution, Pattern, Structure};
use rarefy_core::random::Key;

/// The least one that is too large, then larger and larger ones.
const TOO_LARGE: [usize; 4] = [u32::MAX as usize, 1 << 32, 1 << 62, usize::MAX];

fn is_too_large<T: std::fmt::Debug>(found: Result<T, Error>, what: &str) {
    assert!(matches!(found, Err(Error::TooLarge { .. })), "{what}: {found:?}");
}

/// Every size in either place, and in both.
fn shapes() -> impl Iterator<Item = (usize, usize)> {
    TOO_LARGE.into_iter().flat_map(|n| [(n, 1), (1, n), (n, n)])
}

#[test]
fn case_51_sparse_matrices_of_too_many_rows_or_columns() {
    for (rows, cols) in shapes() {
        let what = format!("{rows} x {cols}");
        is_too_large(Csr::<f32>::new(rows, cols, vec![0], vec![], vec![]), &what);
        is_too_large(Csc::<f64>::new(rows, cols, vec![0], vec![], vec![]), &what);
        is_too_large(CsrView::<f32>::new(rows, cols, &[0], &[], &[]), &what);
        is_too_large(CscView::<f32>::new(rows, cols, &[0], &[], &[]), &what);
        is_too_large(Csr::from_triplets(rows, cols, &[(0, 0, 1.0f32)]), &what);
        is_too_large(Csc::from_triplets(rows, cols, &[(0, 0, 1.0f32)]), &what);
        is_too_large(Csr::<f32>::from_unsorted(rows, cols, vec![0], vec![], vec![]), &what);
        is_too_large(Csr::<f32>::empty(rows, cols), &what);
    }
}

#[test]
fn case_51_a_dense_matrix_without_columns_is_no_sparse_one_of_too_many_rows() {
    for rows in TOO_LARGE {
        let empty = Dense::<f32>::new(rows, 0, Vec::new()).unwrap();
        is_too_large(Csr::from_dense(empty.view()), &format!("{rows} rows"));
    }
}

#[test]
fn case_51_dense_matrices_whose_size_overflows() {
    for (rows, cols) in [(usize::MAX, 2), (2, usize::MAX), (1 << 32, 1 << 32), (usize::MAX, usize::MAX)] {
        let what = format!("{rows} x {cols}");
        is_too_large(Dense::<f32>::new(rows, cols, Vec::new()), &what);
        is_too_large(Dense::<u8>::filled(rows, cols, 0), &what);
        is_too_large(DenseView::<f64>::new(rows, cols, &[]), &what);
    }
    // As many numbers as `usize` counts, and more bytes than there can be.
    let found = Dense::<f32>::filled(1 << 31, 1 << 31, 0.0);
    assert!(matches!(found, Err(Error::Memory { .. })), "{found:?}");
}

#[test]
fn case_51_batches_of_too_many_features_or_samples() {
    for (features, len) in shapes() {
        is_too_large(Batch::zeros(features, len), &format!("{features} x {len}"));
        let mut batch = Batch::zeros(2, 3).unwrap();
        is_too_large(batch.reshape(features, len), &format!("{features} x {len}"));
        assert_eq!((batch.features(), batch.len()), (2, 3));
    }
}

#[test]
fn case_51_patterns_of_too_many_rows_columns_or_entries() {
    for (rows, cols) in shapes() {
        let what = format!("{rows} x {cols}");
        is_too_large(Pattern::new(rows, cols, vec![0], vec![]), &what);
        is_too_large(Pattern::full(rows, cols), &what);
        for structure in
            [Structure::Unstructured, Structure::Block { rows: 4, cols: 1 }, Structure::Window { keep: 2, of: 4 }]
        {
            is_too_large(Pattern::random((rows, cols), 1, structure, Key::new(1, 0)), &what);
            is_too_large(Pattern::from_cells((rows, cols), structure, &[]), &what);
        }
    }
    let (wide, entries) = ((1 << 20, 1 << 20), u32::MAX as usize);
    is_too_large(Pattern::full(wide.0, wide.1), "full");
    is_too_large(Pattern::random(wide, entries, Structure::Unstructured, Key::new(1, 0)), "random");
    is_too_large(Pattern::from_scores(wide, entries, Structure::Unstructured, []), "scores");
    is_too_large(Distribution::Uniform.allocate(&[wide], 1.0, &[]), "allocate");
}
