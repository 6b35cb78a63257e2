use super::*;
use crate::kernels::testing::{bits, numbers, on_every_isa, same_bits_on_any_threads};

/// Every rule with every option that changes its formula.
fn rules() -> Vec<Rule> {
    let sgd = |momentum, nesterov, weight_decay| Rule::Sgd { learning_rate: 0.1, momentum, nesterov, weight_decay };
    let step = |weight_decay, decoupled| AdamStep {
        learning_rate: 0.01,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay,
        decoupled,
        correction1: 1.0 - 0.9f32.powi(3),
        correction2: 1.0 - 0.999f32.powi(3),
    };
    let rms = |momentum, weight_decay| Rule::RmsProp {
        learning_rate: 0.01,
        alpha: 0.99,
        momentum,
        epsilon: 1e-8,
        weight_decay,
    };
    let adam = |weight_decay, decoupled| Rule::Adam(step(weight_decay, decoupled));
    let prodigy = |weight_decay, decoupled| Rule::Prodigy {
        adam: AdamStep { learning_rate: 0.2, ..step(weight_decay, decoupled) },
        distance: 0.3,
    };
    let mut rules = vec![sgd(0.0, false, 0.0), sgd(0.0, false, 0.1), sgd(0.9, false, 0.0), sgd(0.9, false, 0.1)];
    rules.extend([sgd(0.9, true, 0.0), sgd(0.9, true, 0.1)]);
    rules.extend([adam(0.0, false), adam(0.1, false), adam(0.1, true)]);
    rules.extend([prodigy(0.0, false), prodigy(0.1, false), prodigy(0.1, true)]);
    rules.extend([rms(0.0, 0.0), rms(0.0, 0.1), rms(0.9, 0.0), rms(0.9, 0.1)]);
    rules
}

/// Gradient, values and the moments that `rule` keeps, for `n` values.
fn start(rule: &Rule, n: usize) -> [Vec<f32>; 6] {
    let moment = |which: usize, m: Vec<f32>| if which < rule.moments() { m } else { Vec::new() };
    // Second moments are never negative; their square roots are compared, so keep them away from zero.
    let second: Vec<f32> = numbers(n, 4).iter().map(|v| v.abs() + 0.01).collect();
    let (first, second) = match rule {
        Rule::RmsProp { .. } => (second, numbers(n, 3)),
        _ => (numbers(n, 3), second),
    };
    let (sum, begin) = (moment(2, numbers(n, 5)), moment(3, numbers(n, 6)));
    [numbers(n, 1), numbers(n, 2), moment(0, first), moment(1, second), sum, begin]
}

/// No penalty, L1, and L1 with squares.
fn proxes() -> [Prox; 3] {
    [Prox::NONE, Prox { l1: 0.3, l2: 0.0 }, Prox { l1: 0.2, l2: 0.5 }]
}

/// Value and moments after a step, and its sums.
fn summed(
    update: impl Into<Update>,
    [g, mut w, mut m, mut v, mut s, mut begin]: [Vec<f32>; 6],
) -> ([Vec<f32>; 5], Sums) {
    let moments = Moments { first: &mut m, second: &mut v, sum: &mut s, start: &mut begin };
    let sums = apply(update, &g, &mut w, moments);
    ([w, m, v, s, begin], sums)
}

fn run(update: impl Into<Update>, begin: [Vec<f32>; 6]) -> [Vec<f32>; 5] {
    summed(update, begin).0
}

#[test]
fn every_rule_agrees_with_its_reference() {
    on_every_isa(|| {
        for (rule, prox) in rules().into_iter().flat_map(|rule| proxes().map(|prox| (rule, prox))) {
            for n in [0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 100] {
                let begin = start(&rule, n);
                let (found, sums) = summed(Update { rule, prox }, begin.clone());
                let mut exact_sums = Sums::default();
                for k in 0..n {
                    let at = |array: &[f32]| array.get(k).map_or(0.0, |&x| f64::from(x));
                    let [g, w, m, v, s, begin] = &begin;
                    let (value, moments) = reference::step(&rule, at(g), at(w), [at(m), at(v), at(s), at(begin)]);
                    exact_sums += reference::sums(&rule, at(g), at(w), moments);
                    let value = reference::prox(prox, &rule, value, moments);
                    for (found, exact) in found.iter().zip([value, moments[0], moments[1], moments[2], moments[3]]) {
                        let close = found.is_empty() || (at(found) - exact).abs() <= 1e-6 * exact.abs().max(1.0);
                        assert!(close, "{rule:?}, {prox:?}, {k} of {n}: {} instead of {exact}", at(found));
                    }
                }
                for (found, exact) in [(sums.descent, exact_sums.descent), (sums.length, exact_sums.length)] {
                    assert!((found - exact).abs() <= 1e-6 * n as f64, "{rule:?}, {n}: {sums:?}, not {exact_sums:?}");
                }
            }
        }
    });
}

#[test]
fn kept_weights_move_as_in_the_dense_twin_bit_for_bit() {
    on_every_isa(|| {
        for rule in rules() {
            let all = start(&rule, 1000);
            let dense = run(&rule, all.clone());
            // Every third value, and then every tenth: other lanes and other tails than in the dense array.
            for step in [3, 10] {
                let kept = |array: &Vec<f32>| array.iter().copied().skip(1).step_by(step).collect::<Vec<_>>();
                let sparse = run(&rule, all.each_ref().map(kept));
                assert_eq!(sparse.map(|a| bits(&a)), dense.each_ref().map(|a| bits(&kept(a))), "{rule:?}");
            }
        }
    });
}

#[test]
fn a_zero_gradient_without_decay_leaves_plain_sgd_where_it_is() {
    let rule = Rule::Sgd { learning_rate: 0.1, momentum: 0.0, nesterov: false, weight_decay: 0.0 };
    let mut w = numbers(50, 1);
    apply(&rule, &[0.0; 50], &mut w, Moments::default());
    assert_eq!(w, numbers(50, 1));
}

#[test]
fn what_the_penalty_outweighs_becomes_exactly_zero_and_nothing_else() {
    on_every_isa(|| {
        for rule in rules() {
            let (begin, prox) = (start(&rule, 1000), Prox { l1: 5.0, l2: 0.1 });
            let free = run(&rule, begin.clone());
            let mut sizes = vec![0.0; 1000];
            let [w, m, v, ..] = run(Update { rule, prox }, begin);
            step_sizes(&rule, [&m, &v], &mut sizes);
            let zeros = w.iter().filter(|&&w| w == 0.0).count();
            assert!((1..1000).contains(&zeros), "{rule:?}: {zeros}");
            for ((w, free), size) in w.iter().zip(&free[0]).zip(&sizes) {
                let threshold = size * prox.l1;
                let near = (free.abs() - threshold).abs() < 1e-5 * threshold;
                assert!(near || (*w == 0.0) == (free.abs() <= threshold), "{rule:?}: {w} of {free}");
            }
        }
    });
}

#[test]
fn a_penalty_hides_no_divergence() {
    on_every_isa(|| {
        for rule in rules() {
            let mut begin = start(&rule, 40);
            (begin[0][3], begin[1][20]) = (f32::NAN, f32::NAN);
            let [w, ..] = run(Update { rule, prox: Prox { l1: 0.5, l2: 0.0 } }, begin);
            assert!(w[3].is_nan() && w[20].is_nan(), "{rule:?}");
        }
    });
}

/// The bits of a double as those of two floats.
fn halves(x: f64) -> Vec<f32> {
    let bits = x.to_bits();
    [bits as u32, (bits >> 32) as u32].map(f32::from_bits).into()
}

#[test]
fn sums_of_very_many_values_stay_exact() {
    on_every_isa(|| {
        for rule in rules().into_iter().filter(Rule::sums) {
            let begin = start(&rule, 100_003);
            let mut exact = Sums::default();
            let (found, sums) = summed(&rule, begin.clone());
            let at = |array: &[f32], k: usize| f64::from(array[k]);
            for k in 0..100_003 {
                let moments = [0.0, 0.0, at(&found[3], k), at(&begin[5], k)];
                exact += reference::sums(&rule, at(&begin[0], k), at(&begin[1], k), moments);
            }
            assert!((sums.length - exact.length).abs() < 1e-6 * exact.length, "{sums:?}, not {exact:?}");
            assert!((sums.descent - exact.descent).abs() < 1e-6 * exact.length, "{sums:?}, not {exact:?}");
        }
    });
}

#[test]
fn threads_change_no_bit() {
    for rule in rules() {
        same_bits_on_any_threads(|| {
            let [g, mut w, mut m, mut v, mut s, mut begin] = start(&rule, 70_001);
            let moments = Moments { first: &mut m, second: &mut v, sum: &mut s, start: &mut begin };
            let sums = apply_parallel(&rule, &g, &mut w, moments);
            [w, m, v, s, halves(sums.descent), halves(sums.length)].concat()
        });
    }
}

#[test]
#[should_panic(expected = "moments [0, 0, 0, 0] of 4 values")]
fn missing_moments_are_refused() {
    let rule = Rule::Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: false, weight_decay: 0.0 };
    apply(&rule, &[0.0; 4], &mut [0.0; 4], Moments::default());
}
