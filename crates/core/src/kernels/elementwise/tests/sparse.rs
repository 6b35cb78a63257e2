//! Activations with exact zeros.

use super::*;

#[test]
fn sparse_relu_agrees_with_its_reference() {
    for threshold in [0.0, 0.75] {
        let slow = move |x| if x > f64::from(threshold) { x } else { 0.0 };
        check_forward("sparse relu", |y| sparse_relu(y, threshold), slow);
    }
}

#[test]
fn sparse_tanh_agrees_with_its_reference() {
    for (threshold, soft) in [(0.0, false), (0.75, false), (0.75, true)] {
        let slow = move |x| reference::sparse_tanh(x, f64::from(threshold), soft);
        check_forward("sparse tanh", |y| sparse_tanh(y, threshold, soft), slow);
    }
    check_backward("sparse tanh backward", sparse_tanh_backward, reference::sparse_tanh_backward);
    // Where the output is zero, nothing passes.
    let (mut dy, zero) = (gradient(2, 5, 1), Batch::zeros(2, 5).unwrap());
    sparse_tanh_backward(&zero, &mut dy);
    assert!(dy.data().iter().all(|&dy| dy == 0.0));
}

#[test]
fn winners_are_those_of_the_reference_and_ties_go_to_the_lower_feature() {
    for (features, n) in SHAPES {
        for k in [0, 1, 3, features / 2, features] {
            let mut x = activations(features, n, 3.0, 1);
            // Few different numbers, so that many are equal.
            x.data_mut().iter_mut().for_each(|x| *x = x.round() + 0.25);
            let (mut y, dy) = (x.clone(), gradient(features, n, 2));
            let mut dx = dy.clone();
            k_winners(&mut y, k);
            k_winners_backward(&y, &mut dx);
            for s in 0..n {
                let column = |b: &Batch| (0..features).map(|j| f64::from(b.row(j)[s])).collect::<Vec<_>>();
                let expected = reference::k_winners(&column(&x), k);
                assert_eq!(column(&y), expected, "{k} of {features}");
                let passed = expected.iter().zip(column(&dy)).map(|(&y, dy)| if y == 0.0 { 0.0 } else { dy });
                assert_eq!(column(&dx), passed.collect::<Vec<_>>(), "{k} of {features}");
            }
            assert_padding_zero(&dx);
        }
    }
}

#[test]
fn signed_zeros_tie_and_what_is_not_a_number_is_kept() {
    let mut y = Batch::zeros(5, 1).unwrap();
    for (j, x) in [-0.0, 0.0, f32::NAN, -1.0, 0.0].into_iter().enumerate() {
        y.row_mut(j)[0] = x;
    }
    k_winners(&mut y, 2);
    assert!(y.row(2)[0].is_nan());
    assert_eq!([0, 1, 3, 4].map(|j| y.row(j)[0].abs()), [0.0; 4]);
}

#[test]
fn entmax_agrees_with_its_reference() {
    for (kind, alpha) in [(Entmax::Sparsemax, 2.0), (Entmax::OneAndAHalf, 1.5)] {
        for (features, n) in SHAPES {
            for size in [0.3, 3.0, 1000.0] {
                let (x, dy) = (activations(features, n, size, 1), gradient(features, n, 2));
                let (mut y, mut dx) = (x.clone(), dy.clone());
                entmax(kind, &mut y);
                entmax_backward(kind, &y, &mut dx);
                for s in 0..n {
                    let column = |b: &Batch| (0..features).map(|j| f64::from(b.row(j)[s])).collect::<Vec<_>>();
                    let narrow = |x: Vec<f64>| x.into_iter().map(|x| x as f32).collect::<Vec<_>>();
                    let expected = reference::entmax(&column(&x), alpha);
                    assert_close(&narrow(column(&y)), &narrow(expected), 2e-6, "entmax");
                    let expected = reference::entmax_backward(&column(&y), &column(&dy), alpha);
                    assert_close(&narrow(column(&dx)), &narrow(expected), 2e-5, "entmax backward");
                }
                assert_padding_zero(&dx);
            }
        }
    }
}

#[test]
fn entmax_of_equal_features_shares_alike_and_of_one_far_ahead_gives_it_all() {
    for kind in [Entmax::Sparsemax, Entmax::OneAndAHalf] {
        let mut y = Batch::zeros(4, 2).unwrap();
        y.row_mut(2)[1] = 2.5;
        entmax(kind, &mut y);
        assert_eq!([0, 1, 2, 3].map(|j| y.row(j)[0]), [0.25; 4], "{kind:?}");
        assert_eq!([0, 1, 2, 3].map(|j| y.row(j)[1]), [0.0, 0.0, 1.0, 0.0], "{kind:?}");
    }
}

#[test]
fn entmax_spoils_only_the_sample_that_is_not_a_number() {
    for kind in [Entmax::Sparsemax, Entmax::OneAndAHalf] {
        for poison in [f32::NAN, f32::INFINITY] {
            let mut y = activations(5, 3, 1.0, 1);
            y.row_mut(2)[1] = poison;
            entmax(kind, &mut y);
            assert!((0..5).all(|j| y.row(j)[1].is_nan() && y.row(j)[0].is_finite() && y.row(j)[2].is_finite()));
        }
    }
}
