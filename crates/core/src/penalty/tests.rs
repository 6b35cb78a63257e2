use super::*;
use crate::random::Key;

/// A penalty and its formula, written plainly.
struct Case {
    name: &'static str,
    numbers: Numbers,
    value: fn(&[f64]) -> f64,
    /// Weights, gradient, and the distance of 0 to the subdifferential, by hand.
    distances: Vec<([f64; 3], [f64; 3], f64)>,
}

/// Every penalty. A new one adds its entry here.
fn cases() -> Vec<Case> {
    let numbers = Numbers { lambda: 0.3, l1_ratio: 0.25, radius: 1.2, gamma: 3.0 };
    vec![
        Case {
            name: "l1",
            numbers,
            value: |w| 0.3 * w.iter().map(|w| w.abs()).sum::<f64>(),
            distances: vec![
                ([1.0, 0.0, -2.0], [-0.3, 0.2, 0.3], 0.0),
                ([1.0, 0.0, -2.0], [0.1, -0.7, 0.3], (0.16f64 + 0.16).sqrt()),
            ],
        },
        Case {
            name: "elastic-net",
            numbers,
            value: |w| w.iter().map(|w| 0.075 * w.abs() + 0.1125 * w * w).sum(),
            distances: vec![
                ([1.0, 0.0, -2.0], [-0.3, 0.07, 0.525], 0.0),
                ([2.0, 0.0, 0.0], [0.0, -0.175, 0.0], (0.525f64.powi(2) + 0.01).sqrt()),
            ],
        },
        Case {
            name: "group-l1",
            numbers,
            value: |w| 0.3 * w.iter().map(|w| w * w).sum::<f64>().sqrt(),
            distances: vec![
                ([0.0; 3], [0.1, 0.2, -0.2], 0.0),
                ([0.0; 3], [0.3, 0.0, -0.4], 0.2),
                ([3.0, 0.0, -4.0], [-0.18, 0.5, 0.24], 0.5),
            ],
        },
        Case {
            name: "l1-ball",
            numbers,
            value: |w| if w.iter().map(|w| w.abs()).sum::<f64>() <= 1.2 + 1e-12 { 0.0 } else { f64::INFINITY },
            distances: vec![
                ([0.5, 0.0, -0.5], [0.3, 0.0, -0.4], 0.5), // inside: the gradient itself
                ([0.6, 0.0, -0.6], [-0.7, 0.5, 0.7], 0.0), // on the surface, pulled straight out
                ([0.6, 0.0, -0.6], [0.3, 0.0, -0.4], 0.5), // pulled inside
                ([2.0, 0.0, 0.0], [0.0; 3], f64::INFINITY),
            ],
        },
        Case {
            name: "mcp",
            numbers,
            value: |w| w.iter().map(|w| if w.abs() <= 0.9 { 0.3 * w.abs() - w * w / 6.0 } else { 0.135 }).sum(),
            distances: vec![
                ([0.6, 0.0, -2.0], [-0.1, 0.3, 0.0], 0.0), // 0.3 − 0.6/3 is left at 0.6, nothing at −2
                ([0.6, 0.0, -2.0], [0.3, 0.3, 0.3], 0.5),
            ],
        },
        Case {
            name: "scad",
            numbers,
            value: |w| {
                let one = |w: f64| match w {
                    _ if w <= 0.3 => 0.3 * w,
                    _ if w <= 0.9 => (1.8 * w - w * w - 0.09) / 4.0,
                    _ => 0.18,
                };
                w.iter().map(|w| one(w.abs())).sum()
            },
            distances: vec![
                ([0.6, 0.2, -2.0], [-0.15, -0.3, 0.0], 0.0), // (0.9 − 0.6)/2 is left at 0.6
                ([0.6, 0.0, -2.0], [0.25, 0.3, 0.3], 0.5),
            ],
        },
    ]
}

fn entry(name: &str) -> &'static Entry {
    registry().iter().find(|entry| entry.name == name).unwrap()
}

/// `n` numbers in `[-size, size)`.
fn numbers(n: usize, size: f64, seed: u64) -> Vec<f64> {
    let mut random = Key::new(seed, 0).stream(0);
    (0..n).map(|_| (f64::from(random.uniform_f32()) * 2.0 - 1.0) * size).collect()
}

/// What the prox minimises, by the plain formula.
fn objective(case: &Case, w: &[f64], steps: &[f64], u: &[f64]) -> f64 {
    (case.value)(u) + u.iter().zip(w).zip(steps).map(|((u, w), s)| (u - w).powi(2) / (2.0 * s)).sum::<f64>()
}

#[test]
fn every_penalty_is_in_the_table() {
    let names: Vec<_> = cases().iter().map(|case| case.name).collect();
    assert_eq!(names, registry().iter().map(|entry| entry.name).collect::<Vec<_>>());
}

#[test]
fn values_and_distances_are_those_worked_out_by_hand() {
    for case in cases() {
        let penalty = (entry(case.name).double)(&case.numbers);
        for seed in 0..20 {
            let w = numbers(7, 0.3, seed);
            let (found, exact) = (penalty.value(&w), (case.value)(&w));
            assert!(found == exact || (found - exact).abs() < 1e-12, "{}: {found}, expected {exact}", case.name);
        }
        for (w, gradient, expected) in &case.distances {
            let found = penalty.distance(w, gradient);
            assert!(found == *expected || (found - expected).abs() < 1e-6, "{}: {found}, not {expected}", case.name);
        }
    }
}

/// A point that no move improves, small or large, is the minimum.
#[test]
fn no_other_point_is_better_than_the_prox() {
    for case in cases() {
        let penalty = (entry(case.name).double)(&case.numbers);
        for seed in 0..60 {
            let n = [1, 2, 3, 8][seed as usize % 4];
            let w = numbers(n, [0.2, 1.0, 5.0][seed as usize % 3], seed);
            let varied: Vec<f64> = numbers(n, 0.9, seed + 1000).iter().map(|s| s + 1.0).collect();
            for steps in [vec![0.7; n], varied] {
                let mut u = w.clone();
                penalty.prox(&mut u, Steps::Each(&steps));
                let best = objective(&case, &w, &steps, &u);
                assert!(best.is_finite(), "{}", case.name);
                for (at, size) in [1e-4, 1e-2, 0.3, 2.0].into_iter().enumerate() {
                    for direction in 0..40 {
                        let mut other = numbers(n, size, seed * 997 + direction * 3 + at as u64);
                        // Also along single weights, and onto zeros.
                        for (i, (o, &u)) in other.iter_mut().zip(&u).enumerate() {
                            match direction % 4 {
                                0 if i as u64 != direction / 4 % n as u64 => *o = u,
                                1 if i % 2 == 0 => *o = 0.0,
                                _ => *o += u,
                            }
                        }
                        let found = objective(&case, &w, &steps, &other);
                        assert!(found >= best - 1e-9, "{}: {u:?} of {w:?}: {other:?} is better", case.name);
                    }
                }
                // And the optimality condition says so too: the gradient of the first term is (u − w)/s.
                let gradient: Vec<f64> = u.iter().zip(&w).zip(&steps).map(|((u, w), s)| (u - w) / s).collect();
                let distance = penalty.distance(&u, &gradient);
                assert!(distance < 1e-6, "{}: distance {distance} at the prox {u:?} of {w:?}", case.name);
            }
        }
    }
}

/// Fenchel and Young: `pen(w) + pen*(u) ≥ uᵀw`, and equal where `u` is a subgradient, such as `(w₀ − w)/s` at `w = prox(w₀)`.
#[test]
fn conjugates_meet_the_penalties_at_the_prox() {
    let mut convex = 0;
    for case in cases() {
        let penalty = (entry(case.name).double)(&case.numbers);
        for seed in 0..40 {
            let start = numbers(5, 3.0, seed);
            let (mut w, other) = (start.clone(), numbers(5, 1.0, seed + 99));
            penalty.prox(&mut w, Steps::Same(0.7));
            // A hair inside, where the conjugate of a norm is 0 and not ∞.
            let u: Vec<f64> = start.iter().zip(&w).map(|(s, w)| (s - w) / 0.7 * (1.0 - 1e-12)).collect();
            let Some(conjugate) = penalty.conjugate(&u) else { continue };
            convex += 1;
            let dot = |w: &[f64]| u.iter().zip(w).map(|(u, w)| u * w).sum::<f64>();
            assert!((penalty.value(&w) + conjugate - dot(&w)).abs() < 1e-9, "{}: {w:?}, {u:?}", case.name);
            assert!(penalty.value(&other) + conjugate >= dot(&other) - 1e-9, "{}: {other:?}, {u:?}", case.name);
        }
    }
    assert_eq!(convex, 4 * 40, "which penalties are convex");
}

#[test]
fn up_to_the_threshold_zeros_are_optimal() {
    for case in cases() {
        let penalty = (entry(case.name).double)(&case.numbers);
        let (at, zeros) = (penalty.threshold(), [0.0; 2]);
        assert_eq!(penalty.distance(&zeros, &[0.0, -at]), 0.0, "{}", case.name);
        assert!(penalty.distance(&zeros, &[0.0, -at - 0.01]) > 0.0, "{}", case.name);
    }
}

#[test]
fn single_precision_is_double_precision_rounded() {
    for case in cases() {
        let entry = entry(case.name);
        let (single, double) = ((entry.single)(&case.numbers), (entry.double)(&case.numbers));
        assert_eq!(single.block(), double.block());
        for seed in 0..20 {
            let mut w: Vec<f32> = numbers(9, 2.0, seed).iter().map(|&w| w as f32).collect();
            let mut exact: Vec<f64> = w.iter().map(|&w| f64::from(w)).collect();
            single.prox(&mut w, Steps::Same(0.5));
            double.prox(&mut exact, Steps::Same(0.5));
            assert_eq!(w, exact.iter().map(|&w| w as f32).collect::<Vec<_>>(), "{}", case.name);
            assert!(single.value(&w).is_finite() || single.value(&w) == double.value(&exact), "{}", case.name);
        }
    }
}

#[test]
fn what_is_no_number_stays_none() {
    for case in cases() {
        let mut w = [0.5f32, f32::NAN, -3.0];
        (entry(case.name).single)(&case.numbers).prox(&mut w, Steps::Same(0.5));
        assert!(w.iter().any(|w| w.is_nan()), "{}: {w:?}", case.name);
    }
}

/// Against sorting: with weights in order of their breakpoints, the first `θ` that is below the next breakpoint.
#[test]
fn the_threshold_of_the_ball_is_that_of_sorting() {
    for seed in 0..200 {
        let n = 1 + seed as usize % 50;
        let mut weights: Vec<(f32, f32)> = numbers(n, 1.0, seed)
            .iter()
            .zip(numbers(n, 0.9, seed + 500))
            // Few distinct numbers: many ties.
            .map(|(w, s)| ((w.abs() * 8.0).round() as f32 / 8.0, if seed % 2 == 0 { 1.0 } else { s as f32 + 1.0 }))
            .collect();
        let mut sorted: Vec<(f64, f64)> = weights.iter().map(|w| (f64::from(w.0), f64::from(w.1))).collect();
        sorted.sort_by(|a, b| (b.0 / b.1).total_cmp(&(a.0 / a.1)));
        let total: f64 = sorted.iter().map(|w| w.0).sum();
        for share in [0.01, 0.3, 0.9, 0.9999, 1.0, 1.5] {
            let radius = total * share;
            let (mut a, mut s, mut exact) = (0.0, 0.0, 0.0);
            for (i, w) in sorted.iter().enumerate() {
                (a, s) = (a + w.0, s + w.1);
                exact = (a - radius) / s;
                if sorted.get(i + 1).is_none_or(|next| next.0 / next.1 <= exact) {
                    break;
                }
            }
            let found = ball_threshold(&mut weights, radius);
            assert!(
                (found - exact.max(0.0)).abs() < 1e-9,
                "{found}, expected {exact}: {n} weights, {share} of {total}"
            );
        }
    }
    assert_eq!(ball_threshold(&mut [(1.0, 1.0)], 0.0), f64::INFINITY);
    assert_eq!(ball_threshold(&mut [], 1.0), 0.0);
    assert!(ball_threshold(&mut [(f32::NAN, 1.0), (1.0, 1.0)], 0.5).is_nan());
}

/// Strengths, radii and step sizes at the ends of their ranges.
const EXTREMES: [f64; 6] = [0.0, 5e-324, 1e-300, 1e300, 1e308, f64::MAX];

#[test]
fn case_50_no_strength_and_no_step_size_makes_weights_that_are_no_numbers() {
    let starts =
        [vec![0.5, -2.0, 0.0, 1e-30], vec![0.0; 4], vec![1e-320, -1e-300, 1e30, 0.0], vec![f64::from(f32::MAX); 4]];
    for case in cases() {
        for (extreme, step) in EXTREMES.into_iter().flat_map(|x| [1e-300, 1e-3, 1.0, 1e10, 1e300].map(|step| (x, step)))
        {
            let numbers = Numbers { lambda: extreme, radius: extreme, ..case.numbers };
            for (start, uneven) in starts.iter().flat_map(|start| [(start, 1.0), (start, 1e-20)]) {
                let steps = [step, step * uneven, step, step];
                let mut w = start.clone();
                (entry(case.name).double)(&numbers).prox(&mut w, Steps::Each(&steps));
                let shrunk = w.iter().zip(start).all(|(w, start)| w.abs() <= start.abs() && w * start >= 0.0);
                assert!(shrunk, "{} {extreme}, steps {steps:?}: {start:?} became {w:?}", case.name);
            }
        }
    }
}

#[test]
fn case_50_a_strength_of_zero_changes_nothing() {
    for case in cases().into_iter().filter(|case| case.name != "l1-ball") {
        let mut w = [0.5, -2.0, 0.0, 1e-30];
        (entry(case.name).double)(&Numbers { lambda: 0.0, ..case.numbers }).prox(&mut w, Steps::Same(0.7));
        assert_eq!(w, [0.5, -2.0, 0.0, 1e-30], "{}", case.name);
    }
}

#[test]
fn case_50_strengths_from_the_largest_weight_on_make_all_weights_zero() {
    for case in cases().into_iter().filter(|case| case.name != "l1-ball") {
        for lambda in [2.0, 1e10, 1e308, f64::MAX] {
            // Of the elastic net a quarter is L1; a group is zero from its norm on.
            let (mut w, step) = ([0.5, -2.0, 0.0, 1e-30], if case.name == "l1" { 1.0 } else { 4.0 });
            (entry(case.name).double)(&Numbers { lambda, ..case.numbers }).prox(&mut w, Steps::Same(step));
            assert_eq!(w, [0.0; 4], "{} {lambda}", case.name);
        }
    }
}

#[test]
fn case_50_a_ball_of_any_radius_holds_what_is_projected() {
    for (radius, expected) in
        [(0.0, [0.0; 3]), (1e-300, [0.0, -1e-300, 0.0]), (1e308, [0.5, -2.0, 1.0]), (f64::MAX, [0.5, -2.0, 1.0])]
    {
        let mut w = [0.5f64, -2.0, 1.0];
        L1Ball { radius }.prox(&mut w, Steps::Same(0.7));
        // What is left of the largest weight is lost in its last bit.
        assert!(w.iter().zip(expected).all(|(w, e)| (w - e).abs() < 1e-15), "{radius}: {w:?}");
        assert!(w.iter().map(|w| w.abs()).sum::<f64>() <= radius.max(1e-15));
    }
}
