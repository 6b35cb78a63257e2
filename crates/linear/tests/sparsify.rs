//! Sparse matrices out of dense ones: what is kept, how far that is from the whole, and what it does to the loss.

use rarefy_core::matrix::Dense;
use rarefy_core::random::Key;
use rarefy_linear::Error;
use rarefy_linear::least_squares::Options;
use rarefy_linear::least_squares::sparsify::{Rule, Sampling, report, sparsify};

fn numbers(n: usize, seed: u64) -> Vec<f64> {
    let mut random = Key::new(seed, 0).stream(0);
    (0..n).map(|_| f64::from(random.normal_f32())).collect()
}

fn dense(rows: usize, cols: usize, seed: u64) -> Dense<f64> {
    Dense::new(rows, cols, numbers(rows * cols, seed)).unwrap()
}

#[test]
fn thresholds_keep_what_they_say() {
    let a = Dense::new(2, 3, vec![1.0, -2.0, 0.0, 0.5, 4.0, 0.1]).unwrap();
    let y = [1.0, 1.0];
    for (rule, kept) in [
        (Rule::Absolute(0.0), vec![1.0, -2.0, 0.5, 4.0, 0.1]),
        (Rule::Absolute(1.0), vec![-2.0, 4.0]),
        (Rule::Absolute(f64::INFINITY), vec![]),
        (Rule::Relative(0.0), vec![1.0, -2.0, 0.5, 4.0, 0.1]),
        (Rule::Relative(0.5), vec![1.0, 4.0, 0.1]),
        (Rule::Relative(f64::INFINITY), vec![]),
        (Rule::Fraction(0.0), vec![]),
        (Rule::Fraction(0.5), vec![1.0, -2.0, 4.0]),
        (Rule::Fraction(1.0), vec![1.0, -2.0, 0.5, 4.0, 0.1]),
    ] {
        let sparse = sparsify(a.view(), &y, rule).unwrap();
        assert_eq!((sparse.matrix.values(), sparse.rows.len()), (&kept[..], 2), "{rule:?}");
    }
}

/// A difference of one entry has that entry's size; everything left out is the norm of `A`, here of a diagonal.
#[test]
fn distances_and_losses_are_known() {
    let a = Dense::new(4, 2, vec![3.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    let y = [3.0, 4.0, 1.0, 0.0];
    let of = |rule| {
        let sparse = sparsify(a.view(), &y, rule).unwrap();
        report(a.view(), &y, &sparse, &Options::default()).unwrap()
    };
    let (none, one, all) = (of(Rule::Absolute(0.0)), of(Rule::Absolute(2.0)), of(Rule::Absolute(f64::INFINITY)));
    assert!(none.distance < 1e-12 && (none.loss - 0.5).abs() < 1e-12 && none.nnz == 2 && none.density == 0.25);
    assert!((one.distance - 2.0).abs() < 1e-6 && (one.loss - 8.5).abs() < 1e-9 && (one.least - 0.5).abs() < 1e-9);
    assert!((all.distance - 3.0).abs() < 1e-6 && (all.loss - 13.0).abs() < 1e-9 && all.nnz == 0);
    assert!(one.converged && one.to_string().contains("‖A − Ã‖"), "{one}");
}

#[test]
fn screening_keeps_the_columns_that_matter_and_shrinks() {
    let mut a = dense(50, 12, 1);
    (0..50).for_each(|i| a.data_mut()[i * 12 + 5] = 0.0);
    // Row 7 is zero where columns are kept.
    [2, 9].iter().for_each(|j| a.data_mut()[7 * 12 + j] = 0.0);
    let y: Vec<f64> = (0..50).map(|i| 3.0 * a.row(i)[2] - 2.0 * a.row(i)[9]).collect();
    let sparse = sparsify(a.view(), &y, Rule::Columns(2)).unwrap();
    assert_eq!((&sparse.columns[..], sparse.matrix.rows(), sparse.rows.contains(&7)), (&[2, 9][..], 49, false));
    let two = report(a.view(), &y, &sparse, &Options::default()).unwrap();
    assert!(two.loss < 1e-10 && two.distance > 1.0, "{two}");
    let whole = sparsify(a.view(), &y, Rule::Columns(99)).unwrap();
    assert_eq!((whole.matrix.cols(), whole.matrix.nnz()), (12, 50 * 11 - 2));
    let none = sparsify(a.view(), &y, Rule::Columns(0)).unwrap();
    assert!(none.matrix.rows() == 0 && report(a.view(), &y, &none, &Options::default()).unwrap().loss > 1.0);
}

/// Over 400 draws, each entry of the mean of `ÃᵀÃ` is within five standard errors of `AᵀA`.
#[test]
fn sampled_rows_are_right_on_average() {
    let a = dense(30, 3, 2);
    let y = numbers(30, 3);
    let gram = |rows: &mut dyn Iterator<Item = Vec<f64>>| {
        rows.fold([0.0; 9], |g, x| std::array::from_fn(|k| g[k] + x[k / 3] * x[k % 3]))
    };
    let expected = gram(&mut (0..30).map(|i| a.row(i).to_vec()));
    for by in [Sampling::Squared, Sampling::Uniform] {
        let (mut sum, mut square) = ([0.0; 9], [0.0; 9]);
        for seed in 0..400 {
            let sparse = sparsify(a.view(), &y, Rule::Rows { count: 10, by, seed }).unwrap();
            let drawn = sparse.matrix.to_dense().unwrap();
            let found = gram(&mut (0..drawn.rows()).map(|i| drawn.row(i).to_vec()));
            (0..9).for_each(|k| (sum[k], square[k]) = (sum[k] + found[k], square[k] + found[k] * found[k]));
            assert_eq!(sparse.target(&y)[0], sparse.factors[0] * y[sparse.rows[0]]);
        }
        for k in 0..9 {
            let mean = sum[k] / 400.0;
            let error = 5.0 * ((square[k] / 400.0 - mean * mean) / 400.0).sqrt() + 1e-12;
            assert!((mean - expected[k]).abs() < error, "{by:?}, {k}: {mean}, expected {}", expected[k]);
        }
    }
}

#[test]
fn more_rows_come_closer() {
    let (a, y) = (dense(400, 5, 4), numbers(400, 5));
    let of = |count| {
        let sparse = sparsify(a.view(), &y, Rule::Rows { count, by: Sampling::Squared, seed: 1 }).unwrap();
        report(a.view(), &y, &sparse, &Options::default()).unwrap()
    };
    let (few, many) = (of(20), of(20_000));
    assert!(few.sampled && few.to_string().contains("AᵀA") && many.distance < 0.2 && many.distance < few.distance);
    assert!(many.least <= many.loss && many.loss < 1.01 * many.least && many.loss < few.loss);
}

#[test]
fn what_cannot_be_is_refused() {
    let (a, y) = (dense(4, 3, 6), [1.0; 4]);
    for rule in [
        Rule::Absolute(-1.0),
        Rule::Absolute(f64::NAN),
        Rule::Relative(f64::NAN),
        Rule::Fraction(1.5),
        Rule::Fraction(f64::NAN),
        Rule::Rows { count: 0, by: Sampling::Uniform, seed: 0 },
    ] {
        assert!(matches!(sparsify(a.view(), &y, rule), Err(Error::Parameter { .. })), "{rule:?}");
    }
    let rows = Rule::Rows { count: 3, by: Sampling::Squared, seed: 0 };
    let zero = Dense::filled(4, 3, 0.0).unwrap();
    assert!(matches!(sparsify(zero.view(), &y, rows), Err(Error::Empty(_))));
    assert!(matches!(sparsify(a.view(), &y[1..], rows), Err(Error::Length { .. })));
    let broken = Dense::filled(4, 3, f64::NAN).unwrap();
    assert!(matches!(sparsify(broken.view(), &y, rows), Err(Error::Value { what: "A", each: "row", at: 0, .. })));
    let sparse = sparsify(a.view(), &y, Rule::Absolute(0.0)).unwrap();
    assert!(report(dense(3, 3, 7).view(), &y[1..], &sparse, &Options::default()).is_err());
}
