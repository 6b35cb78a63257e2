use super::*;
use crate::kernels::testing::on_every_isa;
use crate::matrix::Csr;
use crate::parallel::set_threads;
use crate::pattern::{Pattern, Structure};
use crate::random::Key;
use proptest::prelude::*;

/// A random matrix of small whole numbers, whose sums are exact in any order.
fn whole(rows: usize, cols: usize, nnz: usize, seed: u64) -> Csr<f64> {
    let pattern = Pattern::random((rows, cols), nnz, Structure::Unstructured, Key::new(seed, 0)).unwrap();
    let values = vector(nnz, seed);
    pattern.with_values(values).unwrap()
}

fn vector(len: usize, seed: u64) -> Vec<f64> {
    let mut stream = Key::new(seed, 1).stream(0);
    (0..len).map(|_| stream.below(17) as f64 - 8.0).collect()
}

/// `u`, `w` and sums, by one sweep.
fn swept<T: Value + Into<f64>>(a: &Csr<T>, factors: Option<&[f64]>, seed: u64) -> (Vec<f64>, Vec<f64>, Sums) {
    let (v, mut u, mut w) = (vector(a.cols(), seed + 1), vector(a.rows(), seed + 2), vec![f64::NAN; a.cols()]);
    let mut work = Workspace::new(a.view()).unwrap();
    let sums = sweep(a.view(), factors, 2.0, &v, 3.0, &mut u, &mut w, &mut work).unwrap();
    // A workspace holds nothing over: the second sweep is like the first.
    let mut again = vector(a.rows(), seed + 2);
    assert_eq!(sweep(a.view(), factors, 2.0, &v, 3.0, &mut again, &mut w, &mut work).unwrap(), sums);
    (u, w, sums)
}

fn compare<T: Value + Into<f64>>(a: &Csr<T>, seed: u64) {
    let factors: Vec<f64> = vector(a.rows(), seed + 3).into_iter().map(f64::abs).collect();
    for given in [None, Some(&factors[..])] {
        let ones = vec![1.0; a.rows()];
        let f = given.unwrap_or(&ones);
        let (v, mut u, mut w) = (vector(a.cols(), seed + 1), vector(a.rows(), seed + 2), vec![0.0; a.cols()]);
        reference::sweep(a.view(), f, 2.0, &v, 3.0, &mut u, &mut w);
        let square: f64 = u.iter().map(|u| u * u).sum();
        let along: f64 = u.iter().zip(f).map(|(u, f)| u * f).sum();
        let expected = Sums { square, along };
        assert_eq!(swept(a, given, seed), (u.clone(), w.clone(), expected));
        let mut alone = vector(a.rows(), seed + 2);
        assert_eq!(forward(a.view(), given, 2.0, &v, 3.0, &mut alone).unwrap(), expected);
        assert_eq!(alone, u);
        let scaled: Vec<f64> = u.iter().zip(f).map(|(u, f)| u * f).collect();
        let (columns, mut back) = (a.view().convert().unwrap(), vec![0.0; a.cols()]);
        forward(columns.view().transpose_view(), None, 0.0, &scaled, 0.0, &mut back).unwrap();
        assert_eq!(back, w);
    }
}

proptest! {
    #[test]
    fn ragged_sizes_equal_the_reference((rows, cols, share, seed) in (1usize..70, 1usize..70, 0.0..1.0, 0u64..1 << 40)) {
        let a = whole(rows, cols, (share * (rows * cols) as f64) as usize, seed);
        compare(&a, seed);
        compare(&a.map_values(|v| v as f32).unwrap(), seed);
    }
}

/// Several parts, vectors past the second-level cache, and nothing at all.
#[test]
fn large_and_empty_sizes_equal_the_reference() {
    for (rows, cols, nnz) in [(0, 0, 0), (0, 5, 0), (5, 0, 0), (9000, 40, 90_000), (300, 80_000, 70_000)] {
        compare(&whole(rows, cols, nnz, 7), 7);
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let a = whole(20_000, 100, 200_000, 3).map_values(|v| v / 3.0).unwrap();
    assert!(parts(a.cols(), a.nnz()) > 4);
    on_every_isa(|| {
        set_threads(1);
        let bits = |(u, w, s): (Vec<f64>, Vec<f64>, Sums)| {
            let all = u.into_iter().chain(w).chain([s.square, s.along]);
            all.map(f64::to_bits).collect::<Vec<_>>()
        };
        let sum = || each([&mut vector(70_001, 5)], |[x], _| x.iter().map(|x| x / 3.0).sum()).to_bits();
        let (one, one_sum) = (bits(swept(&a, None, 1)), sum());
        for threads in [2, 3] {
            set_threads(threads);
            assert!(bits(swept(&a, None, 1)) == one && sum() == one_sum, "{threads} threads");
        }
    });
}

#[test]
fn lengths_are_checked() {
    let a = whole(3, 2, 4, 1);
    let mut work = Workspace::new(a.view()).unwrap();
    let mut with = |v: usize, u: usize, w: usize, f: usize| {
        let (f, v) = (vec![1.0; f], vec![1.0; v]);
        sweep(a.view(), Some(&f), 0.0, &v, 0.0, &mut vec![0.0; u], &mut vec![0.0; w], &mut work)
    };
    assert!(with(2, 3, 2, 3).is_ok());
    for (v, u, w, f) in [(3, 3, 2, 3), (2, 2, 2, 3), (2, 3, 3, 3), (2, 3, 2, 2)] {
        assert!(matches!(with(v, u, w, f), Err(Error::Length { .. })));
    }
}
