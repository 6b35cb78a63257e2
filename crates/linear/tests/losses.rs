//! Losses: gradients and curvatures by finite differences, conjugates by Fenchel and Young's inequality, weights, bad targets and extremes; one
//! entry a loss in [`CASES`].

use rarefy_core::random::Key;
use rarefy_linear::loss::{Cox, Huber, Numbers, Quantile, registry};
use rarefy_linear::{Error, Loss};

const ROWS: usize = 12;

/// A loss of the registry, and what is true of it.
struct Case {
    name: &'static str,
    /// A target made of a number between 0 and 1.
    target: fn(f64) -> f64,
    /// Targets that it refuses.
    bad: &'static [f64],
    /// How its curvature compares with the diagonal of the Hessian.
    curvature: Curvature,
    /// Whether its conjugate has a closed form.
    conjugate: bool,
    /// Extreme targets.
    extremes: &'static [f64],
}

#[derive(PartialEq)]
enum Curvature {
    Equal,
    /// Above: rows are not apart.
    Above,
    /// Of a loss that has corners: 0.
    None,
}

const CLASS: fn(f64) -> f64 = |k| f64::from(k > 0.5);
const NUMBER: fn(f64) -> f64 = |k| 4.0 * k - 1.5;

const CASES: &[Case] = &[
    Case {
        name: "squared",
        target: NUMBER,
        bad: &[],
        curvature: Curvature::Equal,
        conjugate: true,
        extremes: &[-1e300, 1e300, 0.0],
    },
    Case {
        name: "logistic",
        target: CLASS,
        bad: &[-1.0, 0.5, 2.0],
        curvature: Curvature::Equal,
        conjugate: true,
        extremes: &[0.0, 1.0],
    },
    Case {
        name: "poisson",
        target: |k| (5.0 * k).floor(),
        bad: &[-1.0],
        curvature: Curvature::Equal,
        conjugate: true,
        extremes: &[0.0, 1e300, 1e-300],
    },
    Case {
        name: "gamma",
        target: |k| 0.1 + 3.0 * k,
        bad: &[0.0, -1.0],
        curvature: Curvature::Equal,
        conjugate: true,
        extremes: &[1e-300, 1e300, 1.0],
    },
    Case {
        name: "huber",
        target: NUMBER,
        bad: &[],
        curvature: Curvature::Above,
        conjugate: true,
        extremes: &[-1e300, 1e300, 0.0],
    },
    Case {
        name: "quantile",
        target: NUMBER,
        bad: &[],
        curvature: Curvature::None,
        conjugate: true,
        extremes: &[-1e300, 1e300, 0.0],
    },
    Case {
        name: "squared-hinge",
        target: CLASS,
        bad: &[-1.0, 0.5, 2.0],
        curvature: Curvature::Equal,
        conjugate: true,
        extremes: &[0.0, 1.0],
    },
    // A few times are shared, and some are censored.
    Case {
        name: "cox",
        target: |k| if k < 0.4 { -1.0 - (10.0 * k).floor() } else { (10.0 * k).floor() },
        bad: &[0.0],
        curvature: Curvature::Above,
        conjugate: false,
        extremes: &[1e300, -1e-300, 1e-300],
    },
];

const NUMBERS: Numbers = Numbers { epsilon: 1.2, quantile: 0.3 };

fn numbers(n: usize, seed: u64) -> Vec<f64> {
    let mut random = Key::new(seed, 0).stream(0);
    (0..n).map(|_| f64::from(random.uniform_f32())).collect()
}

fn make(name: &str, y: &[f64], weights: Option<&[f64]>) -> Result<Box<dyn Loss>, Error> {
    (registry().iter().find(|entry| entry.name == name).unwrap().make)(y, weights, &NUMBERS)
}

/// Calls `check(case, what, loss, η)` for every loss, with and without weights, at some points.
fn each(check: impl Fn(&Case, &str, &dyn Loss, &[f64])) {
    for case in CASES {
        let y: Vec<f64> = numbers(ROWS, 1).into_iter().map(case.target).collect();
        let mut weights = numbers(ROWS, 2);
        weights[3] = 0.0;
        for (weighted, seed) in [(false, 3), (true, 4), (false, 5), (true, 6)] {
            let loss = make(case.name, &y, weighted.then_some(&weights)).unwrap();
            let eta: Vec<f64> = numbers(ROWS, seed).iter().map(|k| 3.0 * k - 1.0).collect();
            check(case, &format!("{}, weights {weighted}, seed {seed}", case.name), &*loss, &eta);
        }
    }
}

fn derivatives(loss: &dyn Loss, eta: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut gradient, mut curvature) = (vec![f64::NAN; eta.len()], vec![f64::NAN; eta.len()]);
    loss.derivatives(eta, &mut gradient, &mut curvature);
    (gradient, curvature)
}

/// `(f(x + step) − f(x − step))/(2·step)` in entry `i`.
fn difference(eta: &[f64], i: usize, step: f64, f: impl Fn(&[f64]) -> f64) -> f64 {
    let mut there = eta.to_vec();
    there[i] = eta[i] + step;
    let after = f(&there);
    there[i] = eta[i] - step;
    (after - f(&there)) / (2.0 * step)
}

#[test]
fn the_table_is_that_of_the_registry() {
    let names: Vec<&str> = registry().iter().map(|entry| entry.name).collect();
    assert!(CASES.iter().all(|case| names.contains(&case.name)) && names.len() == CASES.len());
    assert!(registry().iter().all(|entry| entry.help.ends_with('.')));
}

#[test]
fn gradients_are_finite_differences() {
    each(|_, what, loss, eta| {
        let (gradient, _) = derivatives(loss, eta);
        for (i, said) in gradient.into_iter().enumerate() {
            let found = difference(eta, i, 1e-5, |eta| loss.value(eta));
            assert!((found - said).abs() < 1e-8, "{what}, row {i}: {found}, said {said}");
        }
    });
}

#[test]
fn curvatures_are_finite_differences_or_above() {
    each(|case, what, loss, eta| {
        let (_, curvature) = derivatives(loss, eta);
        for (i, said) in curvature.into_iter().enumerate() {
            let found = difference(eta, i, 1e-5, |eta| derivatives(loss, eta).0[i]);
            let good = match case.curvature {
                Curvature::Equal => (found - said).abs() < 1e-8,
                Curvature::Above => found < said + 1e-8,
                Curvature::None => said == 0.0,
            };
            assert!(good, "{what}, row {i}: {found}, said {said}");
        }
    });
}

/// What makes a second-order model with the diagonal an upper bound: in any direction, the curvature is at most the diagonal's; for a loss
/// that ignores shifts even at most its variance.
#[test]
fn diagonals_bound_curvature_in_every_direction() {
    each(|case, what, loss, eta| {
        if case.curvature == Curvature::None {
            return;
        }
        let (before, h) = derivatives(loss, eta);
        for seed in 10..20 {
            let d: Vec<f64> = numbers(ROWS, seed).iter().map(|k| k - 0.5).collect();
            let there: Vec<f64> = eta.iter().zip(&d).map(|(eta, d)| eta + 1e-6 * d).collect();
            let after = derivatives(loss, &there).0;
            let found: f64 = d.iter().zip(after.iter().zip(&before)).map(|(d, (b, a))| d * (b - a) / 1e-6).sum();
            let moment = |power: i32| h.iter().zip(&d).map(|(h, d)| h * d.powi(power)).sum::<f64>();
            let most = moment(2) - if loss.ignores_shifts() { moment(1).powi(2) / moment(0) } else { 0.0 };
            assert!(found < most + 1e-6, "{what}: {found} above {most}");
        }
    });
}

#[test]
fn conjugates_meet_fenchel_and_young() {
    each(|case, what, loss, eta| {
        let (gradient, _) = derivatives(loss, eta);
        let product = |u: &[f64], eta: &[f64]| u.iter().zip(eta).map(|(u, eta)| u * eta).sum::<f64>();
        let equal = loss.scaled_conjugate(eta, &gradient, 1.0).unwrap() + loss.value(eta) - product(&gradient, eta);
        assert!(equal.abs() < 1e-10, "{what}: {equal}");
        assert_eq!(loss.conjugate(&gradient).is_some(), case.conjugate, "{what}");
        for (seed, share) in [(20, 0.0), (21, 0.3), (22, 0.9), (23, 0.999)] {
            let other: Vec<f64> = numbers(ROWS, seed).iter().map(|k| 6.0 * k - 3.0).collect();
            let u: Vec<f64> = gradient.iter().map(|g| share * g).collect();
            let scaled = loss.scaled_conjugate(eta, &gradient, share).unwrap();
            let above = scaled + loss.value(&other) - product(&u, &other);
            assert!(scaled.is_finite() && above > -1e-12, "{what}, share {share}: {above}");
            // Any point at all.
            let there = derivatives(loss, &other).0;
            if let Some(conjugate) = loss.conjugate(&there) {
                assert!(conjugate + loss.value(eta) - product(&there, eta) > -1e-12, "{what}");
            }
            // Out of the domain, or still an upper bound.
            let far: Vec<f64> = there.iter().map(|g| 3.0 * g).collect();
            if let Some(conjugate) = loss.conjugate(&far) {
                assert!(conjugate + loss.value(eta) - product(&far, eta) > -1e-12, "{what}");
            }
        }
    });
}

#[test]
fn rows_without_weight_count_nothing() {
    for case in CASES {
        let y: Vec<f64> = numbers(ROWS, 1).into_iter().map(case.target).collect();
        let mut weights = numbers(ROWS, 2);
        weights[..4].fill(0.0);
        let with = make(case.name, &y, Some(&weights)).unwrap();
        let without =
            make(case.name, &y[4..], Some(&weights[4..].iter().map(|a| 7.0 * a).collect::<Vec<_>>())).unwrap();
        let eta = numbers(ROWS, 5);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-13 * (1.0 + a.abs());
        assert!(close(with.value(&eta), without.value(&eta[4..])), "{}", case.name);
        let ((g, h), (g4, h4)) = (derivatives(&*with, &eta), derivatives(&*without, &eta[4..]));
        assert!(g[..4].iter().chain(&h[..4]).all(|x| *x == 0.0), "{}: {g:?}, {h:?}", case.name);
        let same = g[4..].iter().zip(&g4).chain(h[4..].iter().zip(&h4)).all(|(&a, &b)| close(a, b));
        assert!(same, "{}", case.name);
        let scaled = |loss: &dyn Loss, eta: &[f64], g: &[f64]| loss.scaled_conjugate(eta, g, 0.7).unwrap();
        assert!(close(scaled(&*with, &eta, &g), scaled(&*without, &eta[4..], &g4)), "{}", case.name);
    }
}

#[test]
fn targets_that_cannot_be_are_named() {
    for case in CASES {
        let good: Vec<f64> = numbers(ROWS, 1).into_iter().map(case.target).collect();
        for &bad in case.bad.iter().chain(&[f64::NAN, f64::INFINITY]) {
            let mut y = good.clone();
            y[5] = bad;
            let error = make(case.name, &y, None).err().unwrap().to_string();
            assert!(error.starts_with(&format!("y, row 5: {bad} is not ")), "{}: {error}", case.name);
        }
        let error = |y: &[f64], weights: Option<&[f64]>| make(case.name, y, weights).err().unwrap().to_string();
        assert_eq!(error(&[], None), "no rows: there is nothing to learn from");
        assert_eq!(error(&good, Some(&[0.0; ROWS])), "all weights are zero: there is nothing to learn from");
        assert_eq!(error(&good, Some(&[1.0; ROWS - 1])), "weights: 11 numbers, expected 12, one for each row");
    }
    let named = |result: Result<(), Error>| result.unwrap_err().to_string();
    assert_eq!(named(Huber::new(&[1.0], 1.0, None).map(|_| ())), "epsilon is 1, expected above 1");
    assert_eq!(named(Quantile::new(&[1.0], 1.0, None).map(|_| ())), "quantile is 1, expected between 0 and 1");
    let censored = "no event: all times are censored, and nothing tells rows apart";
    assert_eq!(named(Cox::new(&[1.0, 2.0], &[false; 2], None).map(|_| ())), censored);
    assert_eq!(named(Cox::new(&[1.0, 2.0], &[true, false], Some(&[0.0, 1.0])).map(|_| ())), censored);
    let short = "event: 1 numbers, expected 2, one for each row";
    assert_eq!(named(Cox::new(&[1.0, 2.0], &[true], None).map(|_| ())), short);
}

/// Numbers may be too large to hold, but they are never none: solvers then say so.
#[test]
fn extremes_are_numbers() {
    for case in CASES {
        for weights in [[1.0, 1.0, 1.0], [1e-300, 1.0, 1e300]] {
            for (k, &y) in case.extremes.iter().enumerate() {
                let y = [y, case.extremes[(k + 1) % case.extremes.len()], case.extremes[0]];
                let loss = make(case.name, &y, Some(&weights)).unwrap();
                for eta in [[0.0; 3], [800.0; 3], [-800.0; 3], [800.0, -800.0, 0.0], [1e-300, -1e10, 1e10]] {
                    let value = loss.value(&eta);
                    let (gradient, curvature) = derivatives(&*loss, &eta);
                    let fine = gradient.iter().chain(&curvature).chain([&value]).all(|x| !x.is_nan());
                    assert!(fine, "{}, {y:?} at {eta:?}: {value}, {gradient:?}, {curvature:?}", case.name);
                }
            }
        }
    }
}

#[test]
fn the_scale_is_that_of_the_condition() {
    let y = [0.3, -1.0, 2.5, 40.0, 0.1, -0.7, 0.0, -90.0, 1.1, 0.4];
    let weights = [1.0, 2.0, 1.0, 0.5, 1.0, 1.0, 3.0, 0.0, 1.0, 1.0];
    for (factor, weights) in [(1.0, None), (1e-200, None), (1e200, Some(&weights[..])), (1.0, Some(&weights[..]))] {
        let y: Vec<f64> = y.iter().map(|y| factor * y).collect();
        let loss = Huber::new(&y, 1.35, weights).unwrap();
        let sigma = loss.scale(&[0.0; 10]);
        let one = |(y, a): (&f64, &f64)| a * (y / sigma).abs().min(1.35).powi(2);
        let sum: f64 = y.iter().zip(loss.weights()).map(one).sum();
        assert!((sum - 1.0).abs() < 1e-14, "{factor}: {sum}");
    }
    // Residuals of which too few are not zero have no scale but the least.
    let loss = Huber::new(&[3.0, 3.0, 3.0, 7.0], 1.35, None).unwrap();
    for eta in [[3.0; 4], [3.0, 3.0, 3.0, 7.0]] {
        assert!((loss.scale(&eta) - 7e-10).abs() < 1e-20);
    }
    assert_eq!(Huber::new(&[0.0; 4], 1.35, None).unwrap().value(&[0.0; 4]), 1e-10);
}

/// By hand: at time 1 the first of three fails, at time 3 the last; the second left at 2.
#[test]
fn partial_likelihood_by_hand() {
    let loss = Cox::new(&[1.0, 2.0, 3.0], &[true, false, true], None).unwrap();
    let (a, b, c) = (0.5f64, -1.0f64, 2.0f64);
    let expected = -((a.exp() / (a.exp() + b.exp() + c.exp())).ln()) / 3.0;
    assert!((loss.value(&[a, b, c]) - expected).abs() < 1e-15);
    assert!((loss.value(&[a + 800.0, b + 800.0, c + 800.0]) - expected).abs() < 1e-12);
    // Two that fail together have the same at risk.
    let loss = Cox::signed(&[1.0, 1.0, -5.0], None).unwrap();
    let sum = a.exp() + b.exp() + c.exp();
    assert!((loss.value(&[a, b, c]) - (2.0 * sum.ln() - a - b) / 3.0).abs() < 1e-15);
}

#[test]
fn quantiles_shift_to_the_nearest() {
    let y = [1.0, 2.0, 4.0, 8.0];
    let shift = |tau: f64, eta: f64| Quantile::new(&y, tau, None).unwrap().best_shift(&[eta; 4]).unwrap();
    // Half of them are up to 2, and up to anything below 4.
    assert_eq!((shift(0.5, 0.0), shift(0.5, 3.0), shift(0.5, 9.0)), (2.0, 0.0, -5.0));
    assert_eq!((shift(0.3, 0.0), shift(0.1, 0.0), shift(0.9, 0.0)), (2.0, 1.0, 8.0));
    let weighted = Quantile::new(&y, 0.5, Some(&[1.0, 0.0, 1.0, 5.0])).unwrap();
    assert_eq!(weighted.best_shift(&[0.0; 4]), Some(8.0));
}
