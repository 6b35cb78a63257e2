//! Fits are optimal: by the conditions of Karush, Kuhn and Tucker, worked out here from nothing but the definitions, over losses, penalties,
//! layouts, precisions, intercepts, weights, offsets, factors and scales.

use rarefy_core::matrix::{Csc, Dense, DenseView};
use rarefy_core::penalty::{ElasticNet, L1, Mcp, Penalty, Scad};
use rarefy_core::random::Key;
use rarefy_linear::loss::{Logistic, Numbers, Squared, registry};
use rarefy_linear::select::{path, strengths};
use rarefy_linear::{Certificate, Design, Error, Fit, Loss, Options, Problem, solve};

const ROWS: usize = 60;
const COLS: usize = 150;
const TIGHT: Options = Options { tolerance: 1e-12, iterations: 1000 };

fn numbers(n: usize, seed: u64) -> Vec<f64> {
    let mut random = Key::new(seed, 0).stream(0);
    (0..n).map(|_| f64::from(random.uniform_f32()) * 2.0 - 1.0).collect()
}

/// Columns after one another, three of four entries zero, neighbours alike; the first constant, the second zero.
fn columns() -> Vec<f64> {
    let mut x: Vec<f64> = numbers(ROWS * COLS, 1)
        .into_iter()
        .zip(numbers(ROWS * COLS, 2))
        .map(|(x, k)| if k > 0.5 { x } else { 0.0 })
        .collect();
    for j in 2..COLS {
        (0..ROWS).for_each(|i| {
            if j % 3 == 0 {
                x[j * ROWS + i] = 0.9 * x[(j - 1) * ROWS + i] + 0.3 * x[j * ROWS + i]
            }
        });
    }
    x[..ROWS].fill(2.0);
    x[ROWS..2 * ROWS].fill(0.0);
    x
}

fn dense(x: &[f64]) -> Dense<f64> {
    Dense::new(COLS, ROWS, x.to_vec()).unwrap()
}

/// `b + o + Xw`, with columns scaled.
fn eta(x: &[f64], fit: &Fit, offset: &[f64], scale: &[f64]) -> Vec<f64> {
    let one = |i: usize| {
        offset[i] + fit.intercept + (0..COLS).map(|j| x[j * ROWS + i] * scale[j] * fit.coefficients[j]).sum::<f64>()
    };
    (0..ROWS).map(one).collect()
}

/// The largest violation of the conditions of optimality.
fn violation(
    x: &[f64],
    gradient: &[f64],
    fit: &Fit,
    penalty: &dyn Penalty<f64>,
    factors: &[f64],
    scale: &[f64],
    intercept: bool,
) -> f64 {
    let mut worst = if intercept { gradient.iter().sum::<f64>().abs() } else { 0.0 };
    for j in 0..COLS {
        let slope: f64 = (0..ROWS).map(|i| x[j * ROWS + i] * scale[j] * gradient[i]).sum();
        let w = [fit.coefficients[j]];
        let distance =
            if factors[j] == 0.0 { slope.abs() } else { factors[j] * penalty.distance(&w, &[slope / factors[j]]) };
        worst = worst.max(distance);
    }
    worst
}

/// Huber's scale by bisection: the share of rows beyond it, and squares within, fall with it.
fn scale_of(y: &[f64], a: &[f64], eta: &[f64]) -> f64 {
    let (mut low, mut high) = (1e-9f64, 1e3);
    while high > low * (1.0 + 1e-15) {
        let middle = (low * high).sqrt();
        let sum: f64 = (0..ROWS).map(|i| a[i] * ((y[i] - eta[i]) / middle).abs().min(1.35).powi(2)).sum();
        if sum > 1.0 {
            low = middle
        } else {
            high = middle
        }
        if middle == low && middle == high {
            break;
        }
    }
    low
}

/// Gradients by definition; of the median that of rows which are not met exactly.
fn gradient(name: &str, y: &[f64], a: &[f64], eta: &[f64]) -> Vec<f64> {
    let scale = if name == "huber" { scale_of(y, a, eta) } else { 1.0 };
    // Of each event, the share of row i among those at risk.
    let hazard = |i: usize| {
        let share = |k: usize| {
            let at_risk: f64 = (0..ROWS).filter(|&j| y[j].abs() >= y[k]).map(|j| a[j] * eta[j].exp()).sum();
            a[k] * eta[i].exp() / at_risk
        };
        (0..ROWS).filter(|&k| y[k] > 0.0 && y[k] <= y[i].abs() && a[k] > 0.0).map(share).sum::<f64>()
    };
    let one = |i: usize| {
        let sign = 2.0 * y[i] - 1.0;
        a[i] * match name {
            "squared" => eta[i] - y[i],
            "logistic" => 1.0 / (1.0 + (-eta[i]).exp()) - y[i],
            "poisson" => eta[i].exp() - y[i],
            "gamma" => 1.0 - y[i] / eta[i].exp(),
            "squared-hinge" => -sign * (1.0 - sign * eta[i]).max(0.0),
            "huber" => -2.0 * ((y[i] - eta[i]) / scale).clamp(-1.35, 1.35),
            "cox" => hazard(i) - f64::from(y[i] > 0.0),
            _ if met(y, eta, i) => 0.0,
            _ => 0.5 * (eta[i] - y[i]).signum(),
        }
    };
    (0..y.len()).map(one).collect()
}

/// Whether row `i` is met: where a penalty is quadratic, to the root of what objectives tell.
fn met(y: &[f64], eta: &[f64], i: usize) -> bool {
    (y[i] - eta[i]).abs() < 1e-4
}

/// Gradients of met rows, within `±aᵢ/2`, with which the `known` others come nearest to what `equations` say, rows of them with a right side.
fn complete(known: &mut [f64], met: &[usize], equations: &[(Vec<f64>, f64)], a: &[f64]) {
    let n = met.len();
    let mut system = vec![vec![0.0; n + 1]; n];
    for (row, right) in equations {
        let rest = right - row.iter().zip(&*known).map(|(x, u)| x * u).sum::<f64>();
        for p in 0..n {
            (0..n).for_each(|q| system[p][q] += row[met[p]] * row[met[q]]);
            system[p][n] += row[met[p]] * rest;
        }
    }
    (0..n).for_each(|p| system[p][p] += 1e-13);
    for p in 0..n {
        let pivot = system[p].clone();
        for other in (0..n).filter(|&k| k != p) {
            let factor = system[other][p] / pivot[p];
            (p..=n).for_each(|k| system[other][k] -= factor * pivot[k]);
        }
    }
    for (p, &i) in met.iter().enumerate() {
        known[i] = (system[p][n] / system[p][p]).clamp(-0.5 * a[i], 0.5 * a[i]);
    }
}

const LOSSES: [&str; 8] = ["squared", "logistic", "poisson", "gamma", "huber", "quantile", "squared-hinge", "cox"];

/// Strengths for losses with larger gradients: below, rows are met exactly and have no scale.
fn strength(name: &str) -> f64 {
    match name {
        "huber" => 7.0,
        "quantile" => 1.5,
        _ => 1.0,
    }
}

fn targets(name: &str) -> Vec<f64> {
    let y = numbers(ROWS, 3);
    let one = |y: &f64| match name {
        "squared" | "quantile" => 5.0 + 2.0 * y,
        // A few are far off.
        "huber" => 5.0 + if *y > 0.8 { 20.0 * y } else { 2.0 * y },
        "logistic" | "squared-hinge" => f64::from(*y > 0.3),
        "gamma" => (2.0 * y).exp(),
        // Some are censored, some at one time.
        "cox" => (1.0 + (10.0 * y.abs()).floor()).copysign(y + 0.5),
        _ => (3.0 * (y + 1.0)).floor(),
    };
    y.iter().map(one).collect()
}

fn loss(name: &str, y: &[f64], weights: Option<&[f64]>) -> Box<dyn Loss> {
    let entry = registry().iter().find(|entry| entry.name == name).unwrap();
    (entry.make)(y, weights, &Numbers::default()).unwrap()
}

/// Fits with one penalty in every way, and checks each.
fn check<P: Penalty<f64> + Copy>(what: &str, penalty: impl Fn(f64) -> P) {
    let x = columns();
    let by_row = dense(&x).transpose();
    let sparse = Csc::from_dense(by_row.view()).unwrap();
    let (plain, zero, ones) = (dense(&x), vec![0.0; ROWS], vec![1.0; COLS]);
    // Some rows have no weight, some columns no penalty.
    let weights: Vec<f64> = numbers(ROWS, 4).iter().map(|w| (w + 0.8).max(0.0)).collect();
    let factors: Vec<f64> =
        (0..COLS).map(|j| if j == 7 || j == 30 { 0.0 } else { 0.5 + (j % 4) as f64 / 2.0 }).collect();
    let scale: Vec<f64> = (0..COLS).map(|j| 0.5 + (j % 5) as f64 / 3.0).collect();
    for name in LOSSES {
        let (y, penalty) = (targets(name), penalty(strength(name)));
        if name == "quantile" && penalty.conjugate(&[0.0]).is_none() {
            let loss = loss(name, &y, None);
            let problem = Problem::new(Design::dense(plain.view()), &*loss, penalty).unwrap();
            assert_eq!(solve(&problem, &TIGHT, None), Err(Error::Concave));
            continue;
        }
        for case in 0..16 {
            let (weighted, intercept, sparsely, rich) = (case & 1 > 0, case & 2 > 0, case & 4 > 0, case & 8 > 0);
            let loss = loss(name, &y, weighted.then_some(&weights));
            let mut design = if sparsely { Design::sparse(sparse.view()) } else { Design::dense(plain.view()) };
            let (factors, scale) = if rich { (&factors, &scale) } else { (&ones, &ones) };
            let offset: Vec<f64> = if rich { numbers(ROWS, 5) } else { zero.clone() };
            if rich {
                design = design.scaled(scale.clone()).unwrap();
            }
            let mut problem = Problem::new(design, &*loss, penalty).unwrap().with_factors(factors.clone()).unwrap();
            if rich {
                problem = problem.with_offset(offset.clone()).unwrap();
            }
            if !intercept {
                problem = problem.without_intercept();
            }
            let fit = solve(&problem, &TIGHT, None).unwrap();
            let (a, at) = (loss.weights(), eta(&x, &fit, &offset, scale));
            let mut slopes = gradient(name, &y, a, &at);
            if name == "quantile" {
                let corners: Vec<usize> = (0..ROWS).filter(|&i| a[i] > 0.0 && met(&y, &at, i)).collect();
                let mut equations = if intercept { vec![(vec![1.0; ROWS], 0.0)] } else { vec![] };
                for j in (0..COLS).filter(|&j| fit.coefficients[j] != 0.0) {
                    let w = fit.coefficients[j];
                    let slope = if factors[j] > 0.0 { factors[j] * penalty.distance(&[w], &[0.0]) } else { 0.0 };
                    let column = x[j * ROWS..(j + 1) * ROWS].iter().map(|x| x * scale[j]).collect();
                    equations.push((column, -slope.copysign(w)));
                }
                complete(&mut slopes, &corners, &equations, a);
            }
            let known = intercept && !loss.ignores_shifts();
            let found = violation(&x, &slopes, &fit, &penalty, factors, scale, known);
            assert!(found < 1e-6 * strength(name), "{what}, {name}, case {case}: violation {found}, {fit:?}");
            assert!(fit.converged, "{what}, {name}, case {case}: {:?} after {}", fit.certificate, fit.iterations);
            let least = if name == "huber" { 1 } else { 3 };
            assert!(fit.nnz() >= least && fit.nnz() < COLS / 2, "{what}, {name}, case {case}: {} nonzeros", fit.nnz());
            assert!(known || fit.intercept == 0.0);
            let value = loss.value(&eta(&x, &fit, &offset, scale))
                + (0..COLS).map(|j| factors[j] * penalty.value(&[fit.coefficients[j]])).sum::<f64>();
            assert!(
                (value - fit.objective).abs() < 1e-10 * (1.0 + value.abs()),
                "{what}, {name}: {value}, said {}",
                fit.objective
            );
            assert_eq!(matches!(fit.certificate, Certificate::Gap(_)), penalty.conjugate(&[0.0]).is_some());
        }
    }
}

#[test]
fn l1_is_solved_to_optimality() {
    check("l1", |strength| L1 { lambda: 0.02 * strength });
}

#[test]
fn elastic_net_is_solved_to_optimality() {
    check("elastic net", |strength| ElasticNet { lambda: 0.04 * strength, l1_ratio: 0.5 });
}

// These have more columns than rows: beyond γλ nothing holds weights back, so that `γ` is large enough for the classes not to be separated.
#[test]
fn mcp_is_solved_to_a_stationary_point() {
    check("mcp", |strength| Mcp { lambda: 0.03 * strength, gamma: 300.0 });
}

#[test]
fn scad_is_solved_to_a_stationary_point() {
    check("scad", |strength| Scad { lambda: 0.03 * strength, gamma: 300.0 });
}

#[test]
fn single_precision_is_the_same_design() {
    let x: Vec<f64> = columns().iter().map(|&x| f64::from(x as f32)).collect();
    let single: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    let loss = loss("squared", &targets("squared"), None);
    let (double, single) = (dense(&x), DenseView::new(COLS, ROWS, &single).unwrap());
    let exact =
        solve(&Problem::new(Design::dense(double.view()), &*loss, L1 { lambda: 0.02 }).unwrap(), &TIGHT, None).unwrap();
    let fit = solve(&Problem::new(Design::dense(single), &*loss, L1 { lambda: 0.02 }).unwrap(), &TIGHT, None).unwrap();
    assert_eq!(fit, exact);
}

#[test]
fn the_gap_bounds_how_far_the_objective_is_from_its_minimum() {
    let x = columns();
    let design = dense(&x);
    for name in LOSSES {
        let loss = loss(name, &targets(name), None);
        let problem = |lambda| Problem::new(Design::dense(design.view()), &*loss, L1 { lambda }).unwrap();
        let (problem, null) = (problem(0.02 * strength(name)), solve(&problem(1e9), &TIGHT, None).unwrap());
        let best = solve(&problem, &TIGHT, None).unwrap();
        // The least that a loss can be is −F*(0); Cox's is 0.
        let least = -loss.conjugate(&[0.0; ROWS]).unwrap_or(0.0);
        for tolerance in [1e-1, 1e-3, 1e-6] {
            let fit = solve(&problem, &Options { tolerance, ..TIGHT }, None).unwrap();
            let above = (fit.objective - best.objective) / (null.objective - least);
            assert!(
                above <= fit.certificate.size() + 1e-11 && fit.certificate.size() <= tolerance,
                "{name}: {above}, {:?}",
                fit.certificate
            );
        }
    }
}

#[test]
fn a_path_is_its_single_fits_and_begins_at_zero() {
    let x = columns();
    let design = dense(&x);
    for name in LOSSES {
        let loss = loss(name, &targets(name), None);
        let problem = |lambda| Problem::new(Design::dense(design.view()), &*loss, L1 { lambda }).unwrap();
        // Where more columns than rows are left free to, some losses meet every row, and have no unique end.
        let far = matches!(name, "squared" | "logistic" | "poisson");
        let without = path(problem(1.0), |lambda| L1 { lambda }, None, &Options { iterations: 0, ..TIGHT }).unwrap();
        let chosen = if far { without.lambdas } else { strengths(without.lambdas[0], 0.4, 25) };
        let found = path(problem(1.0), |lambda| L1 { lambda }, Some(&chosen), &TIGHT).unwrap();
        assert_eq!((found.lambdas.len(), found.fits[0].nnz()), (if far { 100 } else { 25 }, 0), "{name}");
        assert!(found.fits[1].nnz() > 0, "{name}: the first strength is the least one without columns");
        for k in (0..chosen.len()).step_by(12) {
            let alone = solve(&problem(found.lambdas[k]), &TIGHT, None).unwrap();
            assert!((alone.objective - found.fits[k].objective).abs() < 1e-10 * strength(name), "{name}, {k}");
        }
        for (lambda, fit) in found.lambdas.iter().zip(&found.fits) {
            assert!(fit.converged, "{name}, strength {lambda}: {:?} after {}", fit.certificate, fit.iterations);
        }
    }
}

/// Columns that are not penalised are in every fit, and the first strength is the least at which they are alone.
#[test]
fn a_path_with_free_columns_begins_where_the_others_are_zero() {
    let x = columns();
    let design = dense(&x);
    let factors: Vec<f64> = (0..COLS).map(|j| if j == 7 || j == 30 { 0.0 } else { 1.0 + (j % 3) as f64 }).collect();
    for name in ["squared", "logistic", "poisson"] {
        let loss = loss(name, &targets(name), None);
        let problem = Problem::new(Design::dense(design.view()), &*loss, L1 { lambda: 1.0 }).unwrap();
        let found = path(problem.with_factors(factors.clone()).unwrap(), |lambda| L1 { lambda }, None, &TIGHT).unwrap();
        assert_eq!(found.fits[0].nnz(), 2, "{name}");
        assert_eq!(found.fits[1].nnz(), 3, "{name}: the first strength is the least one without penalised columns");
    }
}

#[test]
fn a_warm_start_at_the_solution_has_nothing_to_do() {
    let x = columns();
    let design = dense(&x);
    let loss = loss("logistic", &targets("logistic"), None);
    let problem = Problem::new(Design::dense(design.view()), &*loss, L1 { lambda: 0.02 }).unwrap();
    let fit = solve(&problem, &Options { tolerance: 1e-9, ..TIGHT }, None).unwrap();
    let again =
        solve(&problem, &Options { tolerance: 1e-8, ..TIGHT }, Some((&fit.coefficients, fit.intercept))).unwrap();
    assert_eq!(again.iterations, 0);
}

#[test]
fn case_50_strengths_at_the_ends() {
    let x = columns();
    let design = dense(&x);
    let y = targets("squared");
    let loss = loss("squared", &y, None);
    let fit = |lambda: f64| {
        solve(&Problem::new(Design::dense(design.view()), &*loss, L1 { lambda }).unwrap(), &Options::default(), None)
            .unwrap()
    };
    // More columns than rows and no penalty: the targets are met.
    assert!(fit(0.0).objective < 1e-6 * fit(1e308).objective);
    for lambda in [1e3, 1e308, f64::MAX] {
        let fit = fit(lambda);
        let mean = y.iter().sum::<f64>() / ROWS as f64;
        assert!(fit.nnz() == 0 && fit.converged && (fit.intercept - mean).abs() < 1e-12, "{lambda}: {fit:?}");
    }
}

#[test]
fn cases_41_to_48_of_bad_input_are_named() {
    let x = columns();
    let design = dense(&x);
    let message = |result: Result<Fit, Error>| result.unwrap_err().to_string();
    let with = |x: &[f64], y: &[f64], weights: Option<&[f64]>| {
        let design = Dense::new(COLS, ROWS, x.to_vec()).unwrap();
        let loss = Logistic::new(y, weights)?;
        solve(&Problem::new(Design::dense(design.view()), &loss, L1 { lambda: 0.1 })?, &Options::default(), None)
    };
    let y = targets("logistic");
    let changed = |values: &[f64], at: usize, to: f64| {
        let mut values = values.to_vec();
        values[at] = to;
        values
    };
    assert_eq!(
        message(with(&changed(&x, 3 * ROWS + 1, f64::NAN), &y, None)),
        "X, column 3: NaN is not a finite number"
    );
    assert_eq!(message(with(&x, &changed(&y, 4, f64::INFINITY), None)), "y, row 4: inf is not a finite number");
    assert_eq!(message(with(&x, &changed(&y, 4, 0.5), None)), "y, row 4: 0.5 is not 0 or 1");
    assert_eq!(message(with(&x, &y[1..], None)), "y: 59 numbers, expected 60, one for each row");
    assert_eq!(message(with(&x, &y, Some(&changed(&[1.0; ROWS], 2, -1.0)))), "weights, row 2: -1 is not 0 or above");
    assert_eq!(message(with(&x, &y, Some(&[0.0; ROWS]))), "all weights are zero: there is nothing to learn from");
    assert_eq!(message(with(&x, &[], None)), "no rows: there is nothing to learn from");
    let loss = Squared::new(&y, None).unwrap();
    let ball = Problem::new(Design::dense(design.view()), &loss, rarefy_core::penalty::L1Ball { radius: 1.0 });
    assert!(matches!(ball.err(), Some(Error::Block("all weights"))));
    let problem = Problem::new(Design::dense(design.view()), &loss, L1 { lambda: 0.1 }).unwrap();
    assert!(
        message(
            path(problem, |lambda| L1 { lambda }, Some(&[1.0, 2.0]), &Options::default()).map(|mut p| p.fits.remove(0))
        )
        .contains("2 after 1")
    );
}

#[test]
fn targets_of_one_kind_and_designs_without_columns_are_models_of_the_intercept() {
    let none = Dense::<f64>::new(0, ROWS, vec![]).unwrap();
    let y = targets("squared");
    let loss = Squared::new(&y, None).unwrap();
    let fit =
        solve(&Problem::new(Design::dense(none.view()), &loss, L1 { lambda: 0.1 }).unwrap(), &Options::default(), None)
            .unwrap();
    assert!(fit.coefficients.is_empty() && fit.converged);
    let x = columns();
    let design = dense(&x);
    let constant = Squared::new(&[3.0; ROWS], None).unwrap();
    let fit = solve(
        &Problem::new(Design::dense(design.view()), &constant, L1 { lambda: 0.1 }).unwrap(),
        &Options::default(),
        None,
    )
    .unwrap();
    assert!(fit.nnz() == 0 && fit.intercept == 3.0 && fit.converged);
}

#[test]
fn strengths_are_spaced_by_a_factor() {
    assert_eq!(strengths(8.0, 0.25, 3), [8.0, 4.0, 2.0]);
    assert_eq!(strengths(8.0, 0.25, 1), [8.0]);
}
