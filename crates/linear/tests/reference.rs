//! Fits are those of other libraries: coefficients, intercepts and objectives that `reference.py` has made of the same data with scikit-learn and
//! with cvxpy and Clarabel.

use rarefy_core::matrix::Dense;
use rarefy_core::penalty::ElasticNet;
use rarefy_linear::loss::{Numbers, registry};
use rarefy_linear::{Design, Options, Problem, solve};

const ROWS: usize = 24;
const COLS: usize = 6;

/// Loss, share of L1, strength, whether there is an intercept, whether there are weights; coefficients, intercept, objective.
type Fit = (&'static str, f64, f64, bool, bool, [f64; COLS], f64, f64);

#[rustfmt::skip]
const FITS: &[Fit] = &[
    ("squared", 1.0, 0.1, false, false, [1.517436468, 0.000000000, -1.050812126, 0.294267003, 0.000000000, 0.000000000], 0.000000000, 4.702574663),
    ("squared", 1.0, 0.1, false, true, [1.534120055, 0.000000000, -1.069379267, 0.308330896, 0.751536202, 0.061665461], 0.000000000, 4.801546998),
    ("squared", 1.0, 0.1, true, false, [1.186582418, 0.000000000, -0.851256712, 0.358370833, 0.000000000, 0.000000000], 2.963310255, 0.351037007),
    ("squared", 1.0, 0.1, true, true, [1.233741622, 0.000000000, -0.742098017, 0.338708880, 0.000000000, 0.000000000], 3.014949943, 0.346038777),
    ("squared", 0.5, 0.2, false, false, [1.260577797, 0.000000000, -0.866800946, 0.222534874, 0.000000000, 0.000000000], 0.000000000, 4.847033479),
    ("squared", 0.5, 0.2, false, true, [1.301017996, 0.000000000, -0.891420704, 0.242009439, 0.419545250, 0.032373895], 0.000000000, 4.968602168),
    ("squared", 0.5, 0.2, true, false, [0.984128680, 0.000000000, -0.698868997, 0.281068684, 0.000000000, 0.000000000], 2.978531809, 0.444206683),
    ("squared", 0.5, 0.2, true, true, [1.034146750, 0.000000000, -0.598856575, 0.266339448, 0.000000000, 0.000000000], 3.034349677, 0.436563362),
    ("logistic", 1.0, 0.03, false, false, [1.213879233, 0.000000000, -1.043033125, 0.529268081, 0.000000000, 0.000000000], 0.000000000, 0.573609192),
    ("logistic", 1.0, 0.03, false, true, [1.511851932, -0.333793215, -0.826666787, 0.762316516, 0.000000000, -0.152967518], 0.000000000, 0.533056128),
    ("logistic", 1.0, 0.03, true, false, [1.258543281, 0.000000000, -1.075693960, 0.510322712, 0.000000000, 0.000000000], -0.302005437, 0.564968172),
    ("logistic", 1.0, 0.03, true, true, [1.511900934, -0.325602919, -0.793564216, 0.787368022, 0.000000000, -0.179839658], 0.194404281, 0.529821144),
    ("poisson", 1.0, 0.1, false, false, [1.285074844, 0.000000000, -0.640629566, 0.114920220, 0.000000000, 0.000000000], 0.000000000, 0.098728220),
    ("poisson", 1.0, 0.1, false, true, [1.336607552, 0.000000000, -0.543122943, 0.084599536, 0.000000000, 0.000000000], 0.000000000, 0.127633257),
    ("poisson", 1.0, 0.1, true, false, [1.017139835, 0.000000000, -0.544703258, 0.135048474, 0.000000000, 0.000000000], 0.312180684, 0.054358063),
    ("poisson", 1.0, 0.1, true, true, [1.022792398, 0.000000000, -0.431494835, 0.102217200, 0.000000000, 0.000000000], 0.350561887, 0.072290898),
    ("gamma", 1.0, 0.05, false, false, [0.836348456, -0.036124470, -0.670745799, 0.301749118, 0.000000000, 0.000000000], 0.000000000, 1.670550652),
    ("gamma", 1.0, 0.05, false, true, [0.856304750, -0.049332965, -0.612232878, 0.295465528, 0.063571008, 0.000000000], 0.000000000, 1.746882150),
    ("gamma", 1.0, 0.05, true, false, [0.768044911, 0.000000000, -0.595251760, 0.262531391, 0.000000000, 0.000000000], 0.428277594, 1.568446994),
    ("gamma", 1.0, 0.05, true, true, [0.782478370, -0.016553219, -0.499387090, 0.234115366, 0.000000000, 0.000000000], 0.473536751, 1.622334895),
    ("squared-hinge", 1.0, 0.05, false, false, [0.516500900, -0.007287125, -0.437387688, 0.237524307, 0.000000000, 0.000000000], 0.000000000, 0.380313730),
    ("squared-hinge", 1.0, 0.05, false, true, [0.639746444, -0.170395132, -0.351240363, 0.346604255, 0.000000000, -0.101476052], 0.000000000, 0.338806348),
    ("squared-hinge", 1.0, 0.05, true, false, [0.530227710, -0.009907362, -0.446206318, 0.234814790, 0.000000000, 0.000000000], -0.124393482, 0.372647377),
    ("squared-hinge", 1.0, 0.05, true, true, [0.632395511, -0.174625615, -0.343541174, 0.348604456, 0.000000000, -0.106270814], 0.064279106, 0.336780009),
    ("huber", 1.0, 0.2, false, false, [0.609547673, 0.000000000, -0.757226027, 0.000000000, 0.000000000, 0.000000000], 0.000000000, 8.721461074),
    ("huber", 1.0, 0.2, false, true, [0.400371204, 0.432786626, -0.933792090, 0.000000000, 0.000000000, 0.000000000], 0.000000000, 9.821311861),
    ("huber", 1.0, 0.2, true, false, [1.229301922, 0.000000000, -1.248687658, 0.408809467, 0.000000000, 0.000000000], 3.001979859, 4.323542700),
    ("huber", 1.0, 0.2, true, true, [1.202298331, 0.215287358, -1.046549331, 0.000000000, 0.000000000, 0.124781495], 3.111363059, 5.851868339),
    ("huber", 0.0, 0.2, false, false, [0.773104918, 0.264472973, -0.849704562, -0.113242177, 0.008195205, 0.091269969], 0.000000000, 8.514871484),
    ("huber", 0.0, 0.2, false, true, [0.616935903, 0.751105122, -0.965085617, -0.556339665, 0.196986154, 0.538314804], 0.000000000, 9.452346329),
    ("huber", 0.0, 0.2, true, false, [1.207544929, 0.026385186, -1.272733074, 0.461532440, -0.183007481, 0.027303292], 3.023755380, 4.056169980),
    ("huber", 0.0, 0.2, true, true, [1.184776120, 0.340786426, -1.081790586, 0.054745265, -0.312258120, 0.181574843], 3.164604055, 5.555376072),
    ("quantile", 1.0, 0.02, false, false, [0.000000000, 0.000000000, 0.000000000, 0.000000000, 0.000000000, 0.000000000], 0.000000000, 0.915795614),
    ("quantile", 1.0, 0.02, false, true, [0.000000000, 0.000000000, 0.000000000, 0.000000000, 0.000000000, 0.000000000], 0.000000000, 0.938230105),
    ("quantile", 1.0, 0.02, true, false, [1.293456308, -0.080181492, -1.111985558, 0.566762299, 0.000000000, -0.133290469], 2.738857051, 0.187970845),
    ("quantile", 1.0, 0.02, true, true, [1.461847238, 0.000000000, -0.920860575, 0.396861091, 0.707410032, 0.000000000], 2.725186704, 0.182219144),
    ("cox", 1.0, 0.03, false, false, [1.744099135, 0.575597505, -0.438968597, 0.379134079, -0.466833454, -0.077636345], 0.000000000, 1.502449966),
    ("cox", 1.0, 0.03, false, true, [1.655615531, 0.700439074, -0.635134444, 0.363217746, -0.497973653, -0.025463679], 0.000000000, 1.398242163),
];

/// The same numbers as in `reference.py`.
struct Data {
    columns: Dense<f64>,
    score: Vec<f64>,
    noise: Vec<f64>,
    weights: Vec<f64>,
}

fn data() -> Data {
    let entry = |i: usize, j: usize| {
        let (i, j) = (i as f64, j as f64);
        (1.0 + 1.7 * i + 0.9 * j * j + 0.37 * i * j).sin()
    };
    let columns = (0..COLS).flat_map(|j| (0..ROWS).map(move |i| entry(i, j))).collect();
    let mut weights: Vec<f64> = (0..ROWS).map(|i| 0.5 + (i % 4) as f64 * 0.5).collect();
    weights[7] = 0.0;
    Data {
        columns: Dense::new(COLS, ROWS, columns).unwrap(),
        score: (0..ROWS).map(|i| 1.2 * entry(i, 0) - 0.8 * entry(i, 2) + 0.5 * entry(i, 3)).collect(),
        noise: (0..ROWS).map(|i| (2.3 * i as f64 + 0.4 * (i * i) as f64).cos()).collect(),
        weights,
    }
}

fn targets(name: &str, data: &Data) -> Vec<f64> {
    let one = |(i, (score, noise)): (usize, (&f64, &f64))| {
        let number = 3.0 + score + 0.6 * noise;
        match (name, i) {
            ("logistic" | "squared-hinge", _) => f64::from(score + noise > 0.2),
            ("poisson", _) => (0.7 + 0.5 * score + 0.3 * noise).exp().floor(),
            ("gamma", _) => (0.4 + 0.6 * score + 0.5 * noise).exp(),
            ("cox", _) => {
                let time = (4.0 * (-0.7 * score + 0.6 * noise).exp()).ceil();
                if i % 4 == 1 { -time } else { time }
            }
            ("huber", 3) => number + 9.0,
            ("huber", 11) => number - 7.0,
            ("huber", 18) => number + 12.0,
            _ => number,
        }
    };
    data.score.iter().zip(&data.noise).enumerate().map(one).collect()
}

#[test]
fn fits_are_those_of_other_libraries() {
    let data = data();
    for &(name, l1_ratio, lambda, intercept, weighted, coefficients, constant, objective) in FITS {
        let what = format!("{name}, share of L1 {l1_ratio}, intercept {intercept}, weights {weighted}");
        let entry = registry().iter().find(|entry| entry.name == name).unwrap();
        let numbers = Numbers { quantile: 0.3, ..Numbers::default() };
        let loss = (entry.make)(&targets(name, &data), weighted.then_some(&data.weights), &numbers).unwrap();
        let design = Design::dense(data.columns.view());
        let mut problem = Problem::new(design, &*loss, ElasticNet { lambda, l1_ratio }).unwrap();
        if !intercept {
            problem = problem.without_intercept();
        }
        let fit = solve(&problem, &Options { tolerance: 3e-14, iterations: 1000 }, None).unwrap();
        assert!(fit.converged, "{what}: {:?}", fit.certificate);
        let pairs = fit.coefficients.iter().chain([&fit.intercept]).zip(coefficients.iter().chain([&constant]));
        let far = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(far < 1e-6, "{what}: {far}; {:?} and {}", fit.coefficients, fit.intercept);
        assert!((fit.objective - objective).abs() < 1e-8, "{what}: {}, expected {objective}", fit.objective);
    }
}

/// A quantile regression with an unpenalised intercept has at most a share `τ` of rows below it, and at most `1 − τ` above.
#[test]
fn quantiles_have_their_share_of_rows_on_each_side() {
    let data = data();
    let y = targets("quantile", &data);
    let entry = registry().iter().find(|entry| entry.name == "quantile").unwrap();
    for quantile in [0.1, 0.3, 0.5, 0.85] {
        let loss = (entry.make)(&y, None, &Numbers { quantile, ..Numbers::default() }).unwrap();
        let penalty = ElasticNet { lambda: 0.02, l1_ratio: 1.0 };
        let problem = Problem::new(Design::dense(data.columns.view()), &*loss, penalty).unwrap();
        let fit = solve(&problem, &Options::default(), None).unwrap();
        assert!(fit.converged, "{quantile}: {:?}", fit.certificate);
        let mut eta = vec![fit.intercept; ROWS];
        Design::dense(data.columns.view()).multiply_add(&fit.coefficients, &mut eta);
        let share = |side: fn(f64) -> bool| {
            y.iter().zip(&eta).filter(|(y, eta)| side(**y - **eta)).count() as f64 / ROWS as f64
        };
        assert!(share(|r| r < -1e-6) <= quantile && share(|r| r > 1e-6) <= 1.0 - quantile, "{quantile}");
    }
}

/// Targets in another unit have coefficients in it: neither curvatures nor widths assume a size.
#[test]
fn losses_that_scale_are_fitted_alike_in_every_unit() {
    let data = data();
    for name in ["huber", "quantile"] {
        let entry = registry().iter().find(|entry| entry.name == name).unwrap();
        let fit = |unit: f64| {
            let y: Vec<f64> = targets(name, &data).iter().map(|y| unit * y).collect();
            let loss = (entry.make)(&y, None, &Numbers { quantile: 0.3, ..Numbers::default() }).unwrap();
            let penalty = ElasticNet { lambda: 0.03, l1_ratio: 1.0 };
            let problem = Problem::new(Design::dense(data.columns.view()), &*loss, penalty).unwrap();
            solve(&problem, &Options { tolerance: 1e-11, iterations: 300 }, None).unwrap()
        };
        let one = fit(1.0);
        for unit in [1e-150, 1e-9, 1e9, 1e150] {
            let found = fit(unit);
            assert!(found.converged, "{name}, {unit}: {:?} after {}", found.certificate, found.iterations);
            let pairs = found
                .coefficients
                .iter()
                .chain([&found.intercept])
                .zip(one.coefficients.iter().chain([&one.intercept]));
            let far = pairs.map(|(a, b)| (a / unit - b).abs()).fold(0.0, f64::max);
            assert!(far < 1e-5, "{name}, {unit}: {far}");
        }
    }
}

#[test]
fn a_loss_that_knows_no_intercept_has_none() {
    let data = data();
    let loss = (registry().iter().find(|entry| entry.name == "cox").unwrap().make)(
        &targets("cox", &data),
        None,
        &Numbers::default(),
    )
    .unwrap();
    let penalty = ElasticNet { lambda: 0.03, l1_ratio: 1.0 };
    let problem = Problem::new(Design::dense(data.columns.view()), &*loss, penalty).unwrap();
    let fit = solve(&problem, &Options::default(), None).unwrap();
    let again =
        solve(&problem, &Options { tolerance: 1e-6, ..Options::default() }, Some((&fit.coefficients, 5.0))).unwrap();
    assert_eq!((fit.intercept, again.intercept, again.iterations), (0.0, 0.0, 0));
}
