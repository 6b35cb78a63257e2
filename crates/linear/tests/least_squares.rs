//! Least squares against dense normal equations, solved here by Cholesky's method; stop rules, threads, and what is refused.

use rarefy_core::matrix::{Csr, Dense};
use rarefy_core::parallel::set_threads;
use rarefy_core::progress::Progress;
use rarefy_core::random::Key;
use rarefy_linear::Error;
use rarefy_linear::least_squares::{Fit, Operator, Options, Stop, registry, solve};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

fn numbers(n: usize, seed: u64) -> Vec<f64> {
    let mut random = Key::new(seed, 0).stream(0);
    (0..n).map(|_| f64::from(random.uniform_f32()) * 2.0 - 1.0).collect()
}

/// A third of the entries, some on a diagonal; row 3 is empty. Numbers are those of single precision.
fn matrix(rows: usize, cols: usize, seed: u64) -> Dense<f64> {
    let (values, kept) = (numbers(rows * cols, seed), numbers(rows * cols, seed + 1));
    let entry = |at: usize| match (at / cols, at % cols) {
        (3, _) => 0.0,
        (i, j) if i % cols == j => 2.0 + values[at],
        _ if kept[at] > 0.33 => values[at],
        _ => 0.0,
    };
    Dense::new(rows, cols, (0..rows * cols).map(|at| f64::from(entry(at) as f32)).collect()).unwrap()
}

/// Solves `Mx = b`, `M` symmetric and positive definite.
fn cholesky(mut m: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for j in 0..n {
        for i in j..n {
            let sum: f64 = m[i][j] - (0..j).map(|k| m[i][k] * m[j][k]).sum::<f64>();
            m[i][j] = if i == j { sum.sqrt() } else { sum / m[j][j] };
        }
    }
    for i in 0..n {
        b[i] = (b[i] - (0..i).map(|k| m[i][k] * b[k]).sum::<f64>()) / m[i][i];
    }
    for i in (0..n).rev() {
        b[i] = (b[i] - (i + 1..n).map(|k| m[k][i] * b[k]).sum::<f64>()) / m[i][i];
    }
    b
}

/// Coefficients, and the intercept last if there is one.
fn exact(a: &Dense<f64>, y: &[f64], options: &Options<'_>) -> Vec<f64> {
    let n = a.cols() + usize::from(options.intercept);
    let entry = |i: usize, j: usize| if j < a.cols() { a.row(i)[j] } else { 1.0 };
    let weight = |i: usize| options.weights.map_or(1.0, |w| w[i]);
    let rows = || 0..a.rows();
    let gram = |j: usize, k: usize| {
        let ridge = if j == k && j < a.cols() { options.ridge } else { 0.0 };
        ridge + rows().map(|i| weight(i) * entry(i, j) * entry(i, k)).sum::<f64>()
    };
    let m = (0..n).map(|j| (0..n).map(|k| gram(j, k)).collect()).collect();
    cholesky(m, (0..n).map(|j| rows().map(|i| weight(i) * entry(i, j) * y[i]).sum()).collect())
}

fn close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    for (j, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < tolerance, "{what}, {j}: {found}, expected {expected}");
    }
}

fn every_way(a: &Csr<f64>, y: &[f64], options: &Options<'_>) -> Vec<Fit> {
    let (columns, single) = (a.to_csc().unwrap(), a.map_values(|x| x as f32).unwrap());
    vec![
        solve(&Operator::from_rows(a.view()).unwrap(), y, options, &()).unwrap(),
        solve(&Operator::from_columns(columns.view()).unwrap(), y, options, &()).unwrap(),
        solve(&Operator::from_rows(a.view()).unwrap().with_both_orders().unwrap(), y, options, &()).unwrap(),
        solve(&Operator::from_rows(single.view()).unwrap(), y, options, &()).unwrap(),
    ]
}

#[test]
fn every_method_solves_the_normal_equations() {
    for (rows, cols) in [(60, 12), (24, 24), (12, 40), (1, 1)] {
        let a = matrix(rows, cols, 10);
        let sparse = Csr::from_dense(a.view()).unwrap();
        let (y, start) = (numbers(rows, 12), numbers(cols, 13));
        let weights: Vec<f64> = numbers(rows, 14).iter().map(|w| if *w < -0.8 { 0.0 } else { w + 1.0 }).collect();
        for (entry, ridge) in registry().iter().flat_map(|entry| [(entry, 0.0), (entry, 0.7)]) {
            for flags in 0..16 {
                let on = |bit: usize| flags >> bit & 1 == 1;
                let unique = ridge > 0.0 || (rows > cols + 1 || rows == 1 && !on(0));
                if !unique {
                    continue;
                }
                let options = Options {
                    method: entry.name,
                    ridge,
                    intercept: on(0),
                    weights: on(1).then_some(&weights),
                    scale: on(2),
                    start: on(3).then_some(&start),
                    atol: 1e-12,
                    btol: 0.0,
                    ..Options::default()
                };
                let expected = exact(&a, &y, &options);
                for fit in every_way(&sparse, &y, &options) {
                    let what = format!("{} on {rows} × {cols}, ridge {ridge}, flags {flags:04b}", entry.name);
                    assert!(fit.converged(), "{what}: {:?}", fit.stop);
                    close(&fit.coefficients, &expected, 1e-8, &what);
                    assert!(!on(0) || (fit.intercept - expected[cols]).abs() < 1e-8, "{what}: {}", fit.intercept);
                    assert!(fit.optimality < 1e-10 || fit.gradient < 1e-12, "{what}: {}", fit.optimality);
                }
            }
        }
    }
}

/// What a fit says of itself is what its coefficients give.
#[test]
fn reports_are_those_of_the_coefficients() {
    let a = matrix(40, 15, 20);
    let sparse = Csr::from_dense(a.view()).unwrap();
    let (y, weights) = (numbers(40, 21), numbers(40, 22).iter().map(|w| w + 1.5).collect::<Vec<_>>());
    for entry in registry() {
        for scale in [false, true] {
            let options = Options {
                method: entry.name,
                ridge: 0.3,
                weights: Some(&weights),
                intercept: true,
                scale,
                iterations: 3,
                ..Options::default()
            };
            let fit = solve(&Operator::from_rows(sparse.view()).unwrap(), &y, &options, &()).unwrap();
            assert!(fit.stop == Stop::Iterations && !fit.converged() && fit.iterations == 3, "{}", entry.name);
            let x = &fit.coefficients;
            let dot = |i: usize| a.row(i).iter().zip(x).map(|(a, x)| a * x).sum::<f64>();
            let r: Vec<f64> = (0..40).map(|i| y[i] - dot(i) - fit.intercept).collect();
            let square: f64 = r.iter().zip(&weights).map(|(r, w)| w * r * r).sum();
            let slope = |j: usize| (0..40).map(|i| weights[i] * r[i] * a.row(i)[j]).sum::<f64>() - 0.3 * x[j];
            let gradient = (0..15).map(|j| slope(j).powi(2)).sum::<f64>().sqrt();
            close(&[fit.residual, fit.gradient], &[square.sqrt(), gradient], 1e-12, entry.name);
            let balance: f64 = r.iter().zip(&weights).map(|(r, w)| w * r).sum();
            assert!(balance.abs() < 1e-12, "{}: the intercept is the best for its coefficients", entry.name);
        }
    }
}

/// Two columns alike: the least norm shares between them. A wide matrix: `x = Aᵀ(AAᵀ)⁻¹y`.
#[test]
fn deficient_ranks_give_the_solution_of_least_norm() {
    let (a, y) = (matrix(30, 8, 30), numbers(30, 31));
    let twice: Vec<f64> = (0..30).flat_map(|i| [&a.row(i)[..1], a.row(i)].concat()).collect();
    let twice = Csr::from_dense(Dense::new(30, 9, twice).unwrap().view()).unwrap();
    let expected = exact(&a, &y, &Options::default());
    let expected = [&[expected[0] / 2.0, expected[0] / 2.0], &expected[1..]].concat();
    // No empty row, so that the system is consistent.
    let wide = Dense::new(9, 30, matrix(40, 30, 32).data()[300..570].to_vec()).unwrap();
    let gram = |i: usize, k: usize| wide.row(i).iter().zip(wide.row(k)).map(|(a, b)| a * b).sum();
    let solved = cholesky((0..9).map(|i| (0..9).map(|k| gram(i, k)).collect()).collect(), y[..9].to_vec());
    let least: Vec<f64> = (0..30).map(|j| (0..9).map(|i| wide.row(i)[j] * solved[i]).sum()).collect();
    let wide = Csr::from_dense(wide.view()).unwrap();
    for method in ["lsmr", "lsqr", "cg"] {
        let options = Options { method, atol: 1e-13, btol: 1e-13, ..Options::default() };
        for fit in every_way(&twice, &y, &options) {
            assert_eq!(fit.stop, Stop::Gradient, "{method}");
            close(&fit.coefficients, &expected, 1e-9, method);
        }
        for fit in every_way(&wide, &y[..9], &options) {
            assert_eq!(fit.stop, Stop::Residual, "{method}");
            close(&fit.coefficients, &least, 1e-9, method);
        }
    }
}

#[test]
fn nothing_to_do_is_done_at_once() {
    let a = Csr::from_dense(matrix(9, 5, 40).view()).unwrap();
    let zero = Csr::<f64>::empty(9, 5).unwrap();
    for entry in registry() {
        let options = Options { method: entry.name, ..Options::default() };
        let done = |a: &Csr<f64>, y: &[f64]| solve(&Operator::from_rows(a.view()).unwrap(), y, &options, &()).unwrap();
        for (a, y) in [(&zero, numbers(9, 41)), (&a, vec![0.0; 9])] {
            let fit = done(a, &y);
            assert_eq!((fit.stop, fit.iterations, fit.coefficients), (Stop::Exact, 0, vec![0.0; 5]));
        }
        for (rows, cols) in [(0, 3), (3, 0), (0, 0)] {
            let fit = done(&Csr::empty(rows, cols).unwrap(), &vec![1.0; rows]);
            assert_eq!((fit.stop, fit.coefficients), (Stop::Exact, vec![0.0; cols]));
        }
        // From a solution, no iteration is needed.
        let (operator, y) = (Operator::from_rows(a.view()).unwrap(), numbers(9, 42));
        let tight = Options { atol: 1e-13, ..options };
        let x = solve(&operator, &y, &tight, &()).unwrap().coefficients;
        let again = solve(&operator, &y, &Options { start: Some(&x), ..options }, &()).unwrap();
        assert_eq!((again.stop, again.iterations, again.coefficients), (Stop::Gradient, 0, x), "{}", entry.name);
    }
}

/// Columns of lengths 1 to 10⁶.
fn badly_scaled() -> Csr<f64> {
    let mut a = Csr::from_dense(matrix(200, 20, 50).view()).unwrap();
    let factors: Vec<f64> = a.indices().iter().map(|&j| 10f64.powf(6.0 * f64::from(j) / 19.0)).collect();
    a.values_mut().iter_mut().zip(factors).for_each(|(x, f)| *x *= f);
    a
}

#[test]
fn limits_stop_and_scaling_helps() {
    let (a, y) = (badly_scaled(), numbers(200, 51));
    let operator = Operator::from_rows(a.view()).unwrap();
    for method in ["lsmr", "lsqr"] {
        let limited = Options { method, condition_limit: 1e3, atol: 1e-14, ..Options::default() };
        let fit = solve(&operator, &y, &limited, &()).unwrap();
        assert!(fit.stop == Stop::Condition && !fit.converged() && fit.condition.unwrap() >= 1e3, "{method}: {fit:?}");
        let plain = solve(&operator, &y, &Options { method, ..Options::default() }, &()).unwrap();
        let scaled = solve(&operator, &y, &Options { method, scale: true, ..Options::default() }, &()).unwrap();
        assert!(scaled.converged() && scaled.iterations < 40, "{method}: {}", scaled.iterations);
        assert!(scaled.iterations <= plain.iterations && scaled.condition.unwrap() < 100.0, "{method}");
    }
}

/// Estimates of `‖r‖`, `‖Aᵀr‖`, `‖A‖` and the condition are close to what a matrix has whose singular values are known.
#[test]
fn estimates_are_close() {
    let diagonal: Vec<_> = (0..10).map(|i| (i, i, 1.0 + i as f64)).collect();
    let a = Csr::from_triplets(12, 10, &diagonal).unwrap();
    for method in ["lsmr", "lsqr"] {
        let options = Options { method, atol: 1e-12, ..Options::default() };
        let fit = solve(&Operator::from_rows(a.view()).unwrap(), &[1.0; 12], &options, &()).unwrap();
        assert!(fit.converged() && (fit.residual - 2f64.sqrt()).abs() < 1e-10, "{fit:?}");
        let frobenius = (1..=10).map(|d| f64::from(d * d)).sum::<f64>().sqrt();
        assert!((fit.norm / frobenius - 1.0).abs() < 0.2, "{method}: {}, expected {frobenius}", fit.norm);
        assert!((5.0..100.0).contains(&fit.condition.unwrap()), "{method}: {:?}", fit.condition);
    }
}

/// Stops at the third iteration, and counts.
struct Third(AtomicU64);

impl Progress for Third {
    fn advance(&self, done: u64, note: &str) {
        assert!(note.contains("‖r‖"));
        self.0.store(done, Ordering::Relaxed);
    }
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= 3
    }
}

#[test]
fn a_caller_can_stop_it() {
    let (a, y) = (badly_scaled(), numbers(200, 61));
    for entry in registry() {
        let options = Options { method: entry.name, ..Options::default() };
        let fit = solve(&Operator::from_rows(a.view()).unwrap(), &y, &options, &Third(AtomicU64::new(0))).unwrap();
        assert_eq!((fit.stop, fit.iterations, fit.converged()), (Stop::Cancelled, 3, false), "{}", entry.name);
    }
}

/// The number of threads belongs to the process.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn threads_do_not_change_a_bit() {
    let _alone = ALONE.lock();
    let (rows, cols) = (20_000, 300);
    let mut random = Key::new(70, 0).stream(0);
    let entries: Vec<_> =
        (0..rows * 10).map(|k| (k / 10, random.below(cols as u64) as usize, f64::from(random.normal_f32()))).collect();
    let (a, y) = (Csr::from_triplets(rows, cols, &entries).unwrap(), numbers(rows, 71));
    let weights: Vec<f64> = numbers(rows, 72).iter().map(|w| w + 1.1).collect();
    for entry in registry() {
        let options = Options {
            method: entry.name,
            weights: Some(&weights),
            intercept: true,
            ridge: 0.1,
            scale: true,
            iterations: 5,
            ..Options::default()
        };
        let bits = |threads: usize| {
            set_threads(threads);
            every_way(&a, &y, &options)
                .into_iter()
                .map(|fit| fit.coefficients.into_iter().map(f64::to_bits).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        let one = bits(1);
        assert!(bits(2) == one && bits(3) == one, "{}", entry.name);
    }
    set_threads(0);
}

#[test]
fn what_cannot_be_is_refused() {
    let a = Csr::from_dense(matrix(9, 5, 80).view()).unwrap();
    let operator = Operator::from_rows(a.view()).unwrap();
    let refused = |y: &[f64], options: Options<'_>| solve(&operator, y, &options, &()).unwrap_err();
    let mut y = numbers(9, 81);
    let weights = [&[-1.0][..], &[1.0; 8]].concat();
    assert!(matches!(refused(&y[1..], Options::default()), Error::Length { what: "y", found: 8, expected: 9, .. }));
    let error = refused(&y, Options { weights: Some(&weights), ..Options::default() });
    assert_eq!(error.to_string(), "weights, row 0: -1 is not 0 or above");
    let error = refused(&y, Options { weights: Some(&[0.0; 9]), intercept: true, ..Options::default() });
    assert!(matches!(error, Error::Empty(_)));
    for (options, name) in [
        (Options { ridge: -1.0, ..Options::default() }, "ridge"),
        (Options { atol: f64::NAN, ..Options::default() }, "atol"),
        (Options { btol: f64::INFINITY, ..Options::default() }, "btol"),
        (Options { condition_limit: 0.5, ..Options::default() }, "condition limit"),
        (Options { method: "magic", ..Options::default() }, "method"),
    ] {
        assert!(matches!(refused(&y, options), Error::Parameter { name: found, .. } if found == name), "{name}");
    }
    y[2] = f64::NAN;
    assert_eq!(refused(&y, Options::default()).to_string(), "y, row 2: NaN is not a finite number");
    let mut broken = a.clone();
    let at = a.indptr()[4] as usize;
    broken.values_mut()[at] = f64::INFINITY;
    let error = Operator::from_rows(broken.view()).unwrap_err();
    assert_eq!(error.to_string(), "A, row 4: inf is not a finite number");
}
