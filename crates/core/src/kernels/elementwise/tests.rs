mod sparse;

use super::*;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::kernels::testing::{
    activations, assert_close, assert_padding_zero, bits, gradient, numbers, on_every_isa, same_bits_on_any_threads,
    samples,
};
use crate::matrix::Batch;
use crate::random::Key;

/// `(features, samples)`: around lanes, cache lines and tasks.
const SHAPES: [(usize, usize); 10] =
    [(0, 5), (1, 1), (2, 7), (3, 8), (5, 16), (17, 17), (64, 31), (10, 130), (300, 100), (1, 2000)];

/// A function on vectors, run over an array whose length is a multiple of 16.
struct Map<'a, F>(F, &'a mut [f32]);

/// The functions of `math`.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Function {
    Exp,
    Tanh,
    Logistic,
    Ln1p,
}

impl Kernel for Map<'_, Function> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for x in self.1.chunks_exact_mut(S::LANES) {
            // SAFETY: the processor has `S`, and the chunk has its lanes.
            unsafe {
                let v = S::load(x.as_ptr());
                let v = match self.0 {
                    Function::Exp => math::exp::<S>(v),
                    Function::Tanh => math::tanh::<S>(v),
                    Function::Logistic => math::logistic::<S>(v),
                    Function::Ln1p => math::ln_1p::<S>(v),
                };
                S::store(x.as_mut_ptr(), v);
            }
        }
    }
}

/// The largest error of `function` over `x`, in units in the last place of the exact result.
fn worst(function: Function, x: &[f32], exact: impl Fn(f64) -> f64) -> f64 {
    let mut found = x.to_vec();
    dispatch(Map(function, &mut found));
    let errors = x.iter().zip(found).map(|(&x, found)| {
        let exact = exact(f64::from(x));
        let size = exact.abs().max(f64::from(f32::MIN_POSITIVE));
        let ulp = 2f64.powi(size.log2().floor() as i32 - 23);
        (f64::from(found) - exact).abs() / ulp
    });
    errors.fold(0.0, f64::max)
}

/// `n` numbers evenly spread over `[low, high]`.
fn spread(n: usize, low: f32, high: f32) -> Vec<f32> {
    (0..n).map(|i| low + (high - low) * (i as f32 / (n - 1) as f32)).collect()
}

#[test]
fn exp_is_within_two_ulp_and_so_is_all_that_follows_from_it() {
    on_every_isa(|| {
        let error = worst(Function::Exp, &spread(1 << 18, -87.0, 88.7), f64::exp);
        assert!(error < 2.0, "exp: {error} ulp");
        for range in [spread(1 << 16, -9.0, 9.0), spread(1 << 16, -0.7, 0.7), spread(1 << 12, -1e-3, 1e-3)] {
            let error = worst(Function::Tanh, &range, f64::tanh);
            assert!(error < 2.5, "tanh: {error} ulp");
        }
        let error = worst(Function::Logistic, &spread(1 << 18, -80.0, 40.0), |x| 1.0 / (1.0 + (-x).exp()));
        assert!(error < 3.0, "logistic: {error} ulp");
        let error = worst(Function::Ln1p, &spread(1 << 18, 0.0, 1.0), f64::ln_1p);
        assert!(error < 3.0, "ln(1 + x): {error} ulp");
    });
}

#[test]
fn functions_saturate_and_keep_what_is_not_a_number() {
    on_every_isa(|| {
        let at = |function: Function, x: f32| {
            let mut v = [x; 16];
            dispatch(Map(function, &mut v));
            v[3]
        };
        for huge in [100.0, 1e10, f32::MAX, f32::INFINITY] {
            assert_eq!((at(Function::Exp, huge), at(Function::Exp, -huge - 5.0)), (f32::INFINITY, 0.0), "exp {huge}");
            assert_eq!((at(Function::Tanh, huge), at(Function::Tanh, -huge)), (1.0, -1.0), "tanh {huge}");
            assert_eq!((at(Function::Logistic, huge), at(Function::Logistic, -huge)), (1.0, 0.0), "logistic {huge}");
        }
        assert_eq!(at(Function::Exp, 0.0), 1.0);
        let denormal = at(Function::Exp, -100.0);
        assert!((denormal - (-100f64).exp() as f32).abs() <= 2e-45, "exp(-100) = {denormal:e}");
        for function in [Function::Exp, Function::Tanh, Function::Logistic] {
            assert!(at(function, f32::NAN).is_nan(), "{function:?}");
        }
    });
}

/// A function of one number and its reference, over all shapes.
fn check_forward(name: &str, fast: impl Fn(&mut Batch), slow: impl Fn(f64) -> f64) {
    on_every_isa(|| {
        for (features, n) in SHAPES {
            let x = activations(features, n, 4.0, 1);
            let mut y = x.clone();
            fast(&mut y);
            let expected: Vec<f32> = samples(&x).iter().map(|&x| slow(f64::from(x)) as f32).collect();
            assert_close(&samples(&y), &expected, 1e-6, name);
            assert!(y.data().iter().all(|y| y.is_finite()), "{name}: padding");
            if features > 0 {
                y.row_mut(0)[0] = f32::NAN;
                fast(&mut y);
                assert!(y.row(0)[0].is_nan(), "{name}: not a number became {}", y.row(0)[0]);
            }
        }
    });
}

/// A backward function of `(y, dy)` and its reference, over all shapes.
fn check_backward(name: &str, fast: impl Fn(&Batch, &mut Batch), slow: impl Fn(f64, f64) -> f64) {
    on_every_isa(|| {
        for (features, n) in SHAPES {
            let (y, dy) = (activations(features, n, 1.0, 1), gradient(features, n, 2));
            let mut found = dy.clone();
            fast(&y, &mut found);
            let expected = samples(&y).into_iter().zip(samples(&dy));
            let expected: Vec<f32> = expected.map(|(y, dy)| slow(y.into(), dy.into()) as f32).collect();
            assert_close(&samples(&found), &expected, 1e-6, name);
            assert_padding_zero(&found);
        }
    });
}

#[test]
fn relu_agrees_with_its_reference() {
    check_forward("relu", relu, reference::relu);
    check_backward("relu backward", relu_backward, reference::relu_backward);
}

#[test]
fn leaky_relu_agrees_with_its_reference() {
    check_forward("leaky relu", |y| leaky_relu(y, 0.1), |x| reference::leaky_relu(x, f64::from(0.1f32)));
    let slow = |y, dy| reference::leaky_relu_backward(y, dy, f64::from(0.1f32));
    check_backward("leaky relu backward", |y, dy| leaky_relu_backward(y, dy, 0.1), slow);
}

#[test]
fn tanh_agrees_with_its_reference() {
    check_forward("tanh", tanh, f64::tanh);
    check_backward("tanh backward", tanh_backward, reference::tanh_backward);
}

#[test]
fn sigmoid_agrees_with_its_reference() {
    check_forward("sigmoid", sigmoid, reference::sigmoid);
    check_backward("sigmoid backward", sigmoid_backward, reference::sigmoid_backward);
}

#[test]
fn gelu_agrees_with_its_reference() {
    let forward = |y: &mut Batch| gelu(&y.clone(), y);
    check_forward("gelu", forward, reference::gelu);
    let backward = |x: &Batch, dy: &mut Batch| gelu_backward(x, &dy.clone(), dy);
    check_backward("gelu backward", backward, reference::gelu_backward);
}

#[test]
fn gelu_is_finite_for_huge_inputs() {
    on_every_isa(|| {
        let mut x = Batch::zeros(1, 4).unwrap();
        x.row_mut(0).copy_from_slice(&[1e30, -1e30, 50.0, -50.0]);
        let (mut y, mut dy, mut dx) = (x.clone(), x.clone(), x.clone());
        gelu(&x, &mut y);
        assert_eq!(y.row(0), [1e30, 0.0, 50.0, 0.0]);
        dy.row_mut(0).fill(1.0);
        gelu_backward(&x, &dy, &mut dx);
        assert_eq!(dx.row(0), [1.0, 0.0, 1.0, 0.0]);
    });
}

#[test]
fn biases_and_their_gradients_agree_with_plain_loops() {
    on_every_isa(|| {
        for (features, n) in SHAPES {
            let (x, bias, dy) = (activations(features, n, 1.0, 1), numbers(features, 2), gradient(features, n, 3));
            let (mut plain, mut rectified) = (x.clone(), x.clone());
            add_bias(&mut plain, &bias);
            add_bias_relu(&mut rectified, &bias);
            let (mut sums, mut fused_sums) = (vec![9.0; features], vec![9.0; features]);
            row_sums(&dy, &mut sums);
            let mut fused = dy.clone();
            relu_backward_row_sums(&rectified, &mut fused, &mut fused_sums);
            for j in 0..features {
                let expected: Vec<f32> = x.row(j).iter().map(|x| x + bias[j]).collect();
                assert_eq!(plain.row(j), expected);
                assert_eq!(rectified.row(j), expected.iter().map(|x| x.max(0.0)).collect::<Vec<_>>());
                let open = dy.row(j).iter().zip(&expected).map(|(&g, &x)| if x > 0.0 { g } else { 0.0 });
                assert_eq!(fused.row(j), open.clone().collect::<Vec<_>>());
                assert_close(&fused_sums[j..=j], &[open.sum()], 1e-4, "fused sums");
                assert_close(&sums[j..=j], &[dy.row(j).iter().sum()], 1e-4, "row sums");
            }
            assert_padding_zero(&fused);
        }
    });
}

#[test]
fn softmax_agrees_with_its_reference() {
    on_every_isa(|| {
        for (features, n) in SHAPES {
            let (x, dy) = (activations(features, n, 30.0, 1), gradient(features, n, 2));
            let (mut y, mut dx) = (x.clone(), dy.clone());
            softmax(&mut y);
            softmax_backward(&y, &mut dx);
            for s in 0..n {
                let column = |b: &Batch| (0..features).map(|j| f64::from(b.row(j)[s])).collect::<Vec<_>>();
                let narrow = |x: Vec<f64>| x.into_iter().map(|x| x as f32).collect::<Vec<_>>();
                let expected = reference::softmax(&column(&x));
                assert_close(&narrow(column(&y)), &narrow(expected.clone()), 2e-6, "softmax");
                let expected = reference::softmax_backward(&expected, &column(&dy));
                assert_close(&narrow(column(&dx)), &narrow(expected), 2e-6, "softmax backward");
            }
            assert_padding_zero(&dx);
            assert!(y.data().iter().all(|y| y.is_finite()), "padding");
        }
    });
}

#[test]
fn softmax_spoils_only_the_sample_that_is_not_a_number() {
    on_every_isa(|| {
        let mut y = activations(5, 3, 1.0, 1);
        y.row_mut(2)[1] = f32::NAN;
        softmax(&mut y);
        assert!((0..5).all(|j| y.row(j)[1].is_nan() && y.row(j)[0].is_finite() && y.row(j)[2].is_finite()));
    });
}

#[test]
fn dropout_draws_what_its_reference_draws() {
    on_every_isa(|| {
        let key = Key::new(7, 3);
        for (features, n) in SHAPES {
            let x = activations(features, n, 1.0, 1);
            let mut y = x.clone();
            dropout(&mut y, 0.3, key, 11, 1000);
            for j in 0..features {
                for s in 0..n {
                    let factor = reference::dropout_factor(0.3, key, 11, 1000 + s as u64, j);
                    assert_eq!(y.row(j)[s], x.row(j)[s] * factor, "feature {j} of sample {s}");
                }
            }
        }
    });
}

#[test]
fn a_sample_meets_the_same_draw_in_any_batch() {
    let (mut whole, mut part) = (activations(20, 64, 1.0, 1), Batch::zeros(20, 10).unwrap());
    for j in 0..20 {
        part.row_mut(j).copy_from_slice(&whole.row(j)[37..47]);
    }
    let key = Key::new(1, 2);
    dropout(&mut whole, 0.5, key, 4, 100);
    dropout(&mut part, 0.5, key, 4, 137);
    assert!((0..20).all(|j| part.row(j) == &whole.row(j)[37..47]));
}

#[test]
fn dropout_drops_at_its_rate_and_keeps_the_mean() {
    for rate in [0.1, 0.5, 0.9] {
        let mut y = Batch::zeros(400, 500).unwrap();
        (0..400).for_each(|j| y.row_mut(j).fill(1.0));
        dropout(&mut y, rate, Key::new(5, 0), 9, 0);
        let kept = samples(&y).iter().filter(|&&y| y != 0.0).count() as f64 / 200_000.0;
        let deviation = (f64::from(rate) * (1.0 - f64::from(rate)) / 200_000.0).sqrt();
        assert!((kept - (1.0 - f64::from(rate))).abs() < 5.0 * deviation, "kept {kept} at rate {rate}");
        let mean = samples(&y).iter().sum::<f32>() / 200_000.0;
        assert!((mean - 1.0).abs() < 0.02, "mean {mean} at rate {rate}");
        // Neighbours are independent: of pairs of features and of pairs of samples, as many drop together as chance has it.
        let both = |a: &[f32], b: &[f32]| a.iter().zip(b).filter(|(a, b)| **a == 0.0 && **b == 0.0).count() as f64;
        let together: f64 = (0..399).map(|j| both(y.row(j), y.row(j + 1))).sum::<f64>() / (399.0 * 500.0);
        assert!((together - f64::from(rate * rate)).abs() < 0.01, "features {together} at {rate}");
        let together: f64 = (0..400).map(|j| both(&y.row(j)[1..], y.row(j))).sum::<f64>() / (400.0 * 499.0);
        assert!((together - f64::from(rate * rate)).abs() < 0.01, "samples {together} at {rate}");
    }
}

#[test]
fn arrays_scale_and_sum() {
    on_every_isa(|| {
        for n in [0, 1, 15, 16, 17, 16_383, 16_384, 50_001] {
            let mut x = numbers(n, 1);
            let exact: f64 = x.iter().map(|&x| f64::from(x).powi(2)).sum();
            assert!((sum_of_squares(&x) - exact).abs() <= 1e-12 * exact, "{n} squares");
            let expected: Vec<f32> = x.iter().map(|x| x * 0.3).collect();
            scale(&mut x, 0.3);
            assert_eq!(bits(&x), bits(&expected), "{n} scaled");
        }
        assert_eq!(sum_of_squares(&[1e30; 4]), 4.0 * f64::from(1e30f32).powi(2));
    });
}

#[test]
fn threads_change_no_bit() {
    let (x, dy) = (activations(700, 130, 3.0, 1), gradient(700, 130, 2));
    let bias = numbers(700, 3);
    same_bits_on_any_threads(|| {
        let (mut y, mut g, mut sums) = (x.clone(), dy.clone(), vec![0.0; 1400]);
        add_bias_relu(&mut y, &bias);
        relu_backward_row_sums(&y, &mut g, &mut sums[..700]);
        tanh(&mut y);
        tanh_backward(&y, &mut g);
        k_winners(&mut y, 300);
        entmax(Entmax::OneAndAHalf, &mut y);
        entmax_backward(Entmax::OneAndAHalf, &y, &mut g);
        dropout(&mut y, 0.2, Key::new(1, 1), 2, 3);
        softmax(&mut y);
        softmax_backward(&y, &mut g);
        row_sums(&g, &mut sums[700..]);
        sums.push(sum_of_squares(g.data()) as f32);
        sums.extend(samples(&g));
        sums
    });
}
