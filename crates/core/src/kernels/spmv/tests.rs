use super::*;
use crate::matrix::{Csc, Csr};
use crate::parallel::set_threads;
use crate::pattern::{Pattern, Structure};
use crate::random::Key;
use proptest::prelude::*;
use sprs::{CsMat, TriMat};

/// A random matrix of small whole numbers, whose sums are exact in any order.
fn whole(rows: usize, cols: usize, nnz: usize, seed: u64) -> Csr<f64> {
    let pattern = Pattern::random((rows, cols), nnz, Structure::Unstructured, Key::new(seed, 0)).unwrap();
    let mut stream = Key::new(seed, 1).stream(0);
    pattern.with_values((0..nnz).map(|_| stream.below(17) as f64 - 8.0).collect()).unwrap()
}

fn vector(len: usize, seed: u64) -> Vec<f64> {
    let mut stream = Key::new(seed, 2).stream(0);
    (0..len).map(|_| stream.below(17) as f64 - 8.0).collect()
}

/// `A x` and `Aᵀ x` by rows and by columns, all four against the reference.
fn compare<T: Value>(a: &Csr<T>, x: &[T], z: &[T]) {
    let by_columns: Csc<T> = a.to_csc().unwrap();
    let (mut expected, mut y) = (vec![T::zero(); a.rows()], vec![T::nan(); a.rows()]);
    reference::spmv(a.view(), x, &mut expected);
    spmv(a.view(), x, &mut y).unwrap();
    assert_eq!(y, expected, "by rows");
    spmv(by_columns.view(), x, &mut y).unwrap();
    assert_eq!(y, expected, "by columns");
    let (mut expected, mut y) = (vec![T::zero(); a.cols()], vec![T::nan(); a.cols()]);
    reference::spmv(a.view().transpose_view(), z, &mut expected);
    spmv_transposed(a.view(), z, &mut y).unwrap();
    assert_eq!(y, expected, "transposed, by rows");
    spmv_transposed(by_columns.view(), z, &mut y).unwrap();
    assert_eq!(y, expected, "transposed, by columns");
}

/// Shapes with one side short enough for partial results, and with empty lines.
const SHAPES: [(usize, usize, usize); 7] = [
    (0, 0, 0),
    (0, 5, 0),
    (5, 0, 0),
    (1, 100_000, 60_000),
    (70_000, 3, 100_000),
    (3001, 517, 130_001),
    (40_000, 40_000, 50_000),
];

proptest! {
    #[test]
    fn ragged_sizes_equal_the_reference((rows, cols, share, seed) in (1usize..70, 1usize..70, 0.0..1.0, any::<u64>())) {
        let a = whole(rows, cols, (share * (rows * cols) as f64) as usize, seed);
        let (x, z) = (vector(cols, seed), vector(rows, seed));
        compare(&a, &x, &z);
        let narrow = |v: &[f64]| v.iter().map(|&v| v as f32).collect::<Vec<_>>();
        compare(&a.map_values(|v| v as f32).unwrap(), &narrow(&x), &narrow(&z));
    }

    #[test]
    fn products_agree_with_sprs((rows, cols, seed) in (1usize..40, 1usize..40, any::<u64>())) {
        let a = whole(rows, cols, rows * cols / 3, seed);
        let mut oracle = TriMat::new((rows, cols));
        a.iter().for_each(|(i, j, v)| oracle.add_triplet(i, j, v));
        let (oracle, x): (CsMat<f64>, _) = (oracle.to_csr(), vector(cols, seed));
        let mut y = vec![f64::NAN; rows];
        spmv(a.view(), &x, &mut y).unwrap();
        let mut expected = vec![0.0; rows];
        sprs::prod::mul_acc_mat_vec_csr(oracle.view(), &x[..], &mut expected[..]);
        prop_assert_eq!(y, expected);
    }
}

#[test]
fn work_cut_into_tasks_equals_the_reference() {
    for (rows, cols, nnz) in SHAPES {
        compare(&whole(rows, cols, nnz, 1), &vector(cols, 1), &vector(rows, 2));
    }
}

#[test]
fn parts_cover_every_line_once() {
    for (rows, cols, nnz) in SHAPES {
        let a = whole(rows, cols, nnz, 1);
        let parts = tasks(a.view());
        let covered: Vec<usize> = (0..parts).flat_map(|part| lines(a.view(), part, parts)).collect();
        assert!(covered.into_iter().eq(0..rows));
    }
}

/// Values whose sums depend on the order of addition.
#[test]
fn the_number_of_threads_changes_no_bit() {
    let a = whole(3001, 517, 130_001, 3).map_values(|v| v as f32 / 7.0).unwrap();
    let (mut x, mut z) = (vec![0.0; 517], vec![0.0; 3001]);
    Key::new(3, 3).fill_uniform(0, &mut x);
    Key::new(3, 3).fill_uniform(1, &mut z);
    let products = |threads| {
        set_threads(threads);
        let (mut y, mut w) = (vec![0.0; 3001], vec![0.0; 517]);
        spmv(a.view(), &x, &mut y).unwrap();
        spmv_transposed(a.view(), &z, &mut w).unwrap();
        set_threads(0);
        (y, w)
    };
    let alone = products(1);
    assert!([2, 3, 8].into_iter().all(|threads| products(threads) == alone));
}

/// Against the same sums in double precision: an error of a few units in the last place of what was added.
#[test]
fn single_precision_is_accurate() {
    let a = whole(300, 2000, 200_000, 4).map_values(|v| v / 7.0).unwrap();
    let x: Vec<f64> = vector(2000, 4).iter().map(|x| f64::from((x / 3.0) as f32)).collect();
    let (mut exact, mut magnitude, mut y) = (vec![0.0; 300], vec![0.0; 300], vec![0.0f32; 300]);
    let narrow = a.map_values(|v| v as f32).unwrap();
    reference::spmv(narrow.map_values(f64::from).unwrap().view(), &x, &mut exact);
    let positive: Vec<f64> = x.iter().map(|x| x.abs()).collect();
    reference::spmv(a.map_values(f64::abs).unwrap().view(), &positive, &mut magnitude);
    spmv(narrow.view(), &x.iter().map(|&x| x as f32).collect::<Vec<_>>(), &mut y).unwrap();
    for i in 0..300 {
        assert!((f64::from(y[i]) - exact[i]).abs() <= 1e-5 * magnitude[i], "row {i}");
    }
}

#[test]
fn entries_that_are_not_stored_take_no_part() {
    let a = Csr::from_triplets(2, 2, &[(0, 0, 1.0f64)]).unwrap();
    let mut y = [f64::NAN; 2];
    spmv(a.view(), &[2.0, f64::INFINITY], &mut y).unwrap();
    assert_eq!(y, [2.0, 0.0]);
    spmv_transposed(a.view(), &[2.0, f64::INFINITY], &mut y).unwrap();
    assert_eq!(y, [2.0, 0.0]);
}

#[test]
fn vectors_of_the_wrong_length_are_refused() {
    let a = whole(2, 3, 4, 0);
    let error = spmv(a.view(), &[0.0; 2], &mut [0.0; 2]).unwrap_err();
    assert_eq!(error, Error::Length { what: "x", found: 2, expected: 3 });
    let error = spmv_transposed(a.view(), &[0.0; 2], &mut [0.0; 2]).unwrap_err();
    assert_eq!(error, Error::Length { what: "y", found: 2, expected: 3 });
}
