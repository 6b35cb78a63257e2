use super::*;
use crate::kernels::elementwise::Entmax;
use crate::kernels::testing::{
    activations, assert_close, assert_padding_zero, numbers, on_every_isa, same_bits_on_any_threads, samples,
};
use crate::matrix::Batch;

/// `(outputs, samples)`
const SHAPES: [(usize, usize); 9] =
    [(1, 1), (2, 7), (3, 8), (10, 16), (7, 31), (10, 100), (10, 128), (33, 130), (2, 9000)];

fn column(batch: &Batch, s: usize) -> Vec<f64> {
    (0..batch.features()).map(|j| f64::from(batch.row(j)[s])).collect()
}

fn classes(outputs: usize, n: usize) -> Vec<u32> {
    (0..n).map(|s| (s * 7 % outputs) as u32).collect()
}

/// Weights of which some are zero.
fn weights(n: usize) -> Vec<f32> {
    numbers(n, 9).iter().map(|w| (w + 0.7).max(0.0)).collect()
}

/// A loss, its gradient wanted or not, against the loss of each sample; `targets` is asked once for each batch.
fn check<T>(
    name: &str,
    targets: impl Fn(&Batch) -> T,
    fast: impl Fn(&Batch, &T, Option<&[f32]>, Option<&mut Batch>) -> f64,
    slow: impl Fn(&Batch, &T, usize) -> (f64, Vec<f64>),
) {
    on_every_isa(|| {
        for (outputs, n) in SHAPES {
            let z = activations(outputs, n, 9.0, 1);
            let t = targets(&z);
            let some = weights(n);
            for weights in [None, Some(&some[..])] {
                // Rubbish everywhere: the loss must overwrite it, padding included.
                let mut dz = Batch::zeros(outputs, n).unwrap();
                let (stride, width) = (dz.stride(), dz.width());
                dz.data_mut().chunks_exact_mut(stride).for_each(|row| row[..width].fill(f32::NAN));
                let found = fast(&z, &t, weights, Some(&mut dz));
                let mut exact = 0.0;
                for s in 0..n {
                    let weight = weights.map_or(1.0, |w| f64::from(w[s]));
                    let (loss, gradient) = slow(&z, &t, s);
                    exact += weight * loss;
                    let narrow = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<_>>();
                    let gradient: Vec<f64> = gradient.iter().map(|g| 0.5 * weight * g).collect();
                    assert_close(&narrow(&column(&dz, s)), &narrow(&gradient), 2e-6, name);
                }
                assert!(
                    (found - exact).abs() <= 2e-6 * exact.abs().max(1.0),
                    "{name} {outputs} × {n}: {found}, {exact}"
                );
                assert_padding_zero(&dz);
                assert_eq!(fast(&z, &t, weights, None), found, "{name} without a gradient");
            }
        }
    });
}

#[test]
fn cross_entropy_agrees_with_its_reference() {
    let targets = |z: &Batch| classes(z.features(), z.len());
    let slow = |z: &Batch, t: &Vec<u32>, s: usize| reference::softmax_cross_entropy(&column(z, s), t[s] as usize);
    check("cross-entropy", targets, |z, t, w, dz| softmax_cross_entropy(z, t, w, 0.5, dz), slow);
}

#[test]
fn entmax_losses_agree_with_their_references() {
    for (kind, alpha) in [(Entmax::Sparsemax, 2.0), (Entmax::OneAndAHalf, 1.5)] {
        let classes = |z: &Batch| classes(z.features(), z.len());
        let slow = |z: &Batch, t: &Vec<u32>, s: usize| reference::entmax_loss(&column(z, s), t[s] as usize, alpha);
        check("entmax", classes, |z, t, w, dz| entmax_loss(kind, z, t, w, 0.5, dz), slow);
    }
}

#[test]
fn label_cross_entropy_agrees_with_its_reference() {
    // Sample i has the labels i, i + 3, … below its number of labels, i modulo 4.
    let sets = |z: &Batch| {
        let (mut indptr, mut indices) = (vec![0], Vec::new());
        for i in 0..z.len() {
            let mut labels: Vec<u32> = (0..i % 4).map(|n| ((i + 3 * n) % z.features()) as u32).collect();
            labels.sort_unstable();
            labels.dedup();
            indices.extend(labels);
            indptr.push(indices.len() as u32);
        }
        (indptr, indices)
    };
    for counted in [false, true] {
        let counts = |z: &Batch| (0..z.features()).map(|j| (j % 3) as f32 * 2.5).collect::<Vec<_>>();
        type Given = ((Vec<u32>, Vec<u32>), Vec<f32>);
        let fast = |z: &Batch, ((indptr, indices), counts): &Given, w: Option<&[f32]>, dz: Option<&mut Batch>| {
            label_cross_entropy(z, Sets::new(indptr, indices), counted.then_some(&counts[..]), w, 0.5, dz)
        };
        let slow = |z: &Batch, ((indptr, indices), counts): &Given, s: usize| {
            let set = &indices[indptr[s] as usize..indptr[s + 1] as usize];
            let of = |j: usize| match (set.contains(&(j as u32)), counted) {
                (true, _) => (1.0, 1.0),
                (false, true) => (0.0, f64::from(counts[j])),
                (false, false) => (0.0, 1.0),
            };
            let z = column(z, s);
            let parts: Vec<(f64, f64)> = (0..z.len())
                .map(|j| {
                    let (t, count) = of(j);
                    let (loss, gradient) = reference::binary_cross_entropy(&z[j..=j], &[t]);
                    (count * loss, count * gradient[0])
                })
                .collect();
            (parts.iter().map(|p| p.0).sum(), parts.iter().map(|p| p.1).collect())
        };
        check("label cross-entropy", |z| (sets(z), counts(z)), fast, slow);
    }
}

#[test]
fn squared_error_agrees_with_its_reference() {
    let targets = |z: &Batch| activations(z.features(), z.len(), 5.0, 3);
    let slow = |z: &Batch, t: &Batch, s: usize| reference::squared_error(&column(z, s), &column(t, s));
    check("squared error", targets, |z, t, w, dz| squared_error(z, t, w, 0.5, dz), slow);
}

#[test]
fn binary_cross_entropy_agrees_with_its_reference() {
    let targets = |z: &Batch| {
        let mut t = activations(z.features(), z.len(), 1.0, 3);
        t.data_mut().iter_mut().for_each(|t| *t = t.abs());
        t
    };
    let slow = |z: &Batch, t: &Batch, s: usize| reference::binary_cross_entropy(&column(z, s), &column(t, s));
    check("binary cross-entropy", targets, |z, t, w, dz| binary_cross_entropy(z, t, w, 0.5, dz), slow);
}

#[test]
fn gradients_agree_with_finite_differences() {
    let (z, targets) = (activations(4, 3, 1.0, 1), activations(4, 3, 0.5, 2));
    type Loss<'a> = &'a dyn Fn(&Batch, Option<&mut Batch>) -> f64;
    let losses: [Loss<'_>; 3] = [
        &|z, dz| softmax_cross_entropy(z, &[0, 3, 1], None, 1.0, dz),
        &|z, dz| squared_error(z, &targets, None, 1.0, dz),
        &|z, dz| binary_cross_entropy(z, &targets, None, 1.0, dz),
    ];
    for (which, loss) in losses.iter().enumerate() {
        let mut dz = Batch::zeros(4, 3).unwrap();
        loss(&z, Some(&mut dz));
        for j in 0..4 {
            for s in 0..3 {
                let (mut up, mut down) = (z.clone(), z.clone());
                up.row_mut(j)[s] += 0.01;
                down.row_mut(j)[s] -= 0.01;
                let slope = (loss(&up, None) - loss(&down, None)) / 0.02;
                assert!((slope - f64::from(dz.row(j)[s])).abs() < 2e-4, "loss {which}: {slope}, {}", dz.row(j)[s]);
            }
        }
    }
}

#[test]
fn huge_logits_give_a_finite_loss() {
    on_every_isa(|| {
        let mut z = Batch::zeros(2, 2).unwrap();
        z.row_mut(0).copy_from_slice(&[1e30, -1e30]);
        let mut dz = z.clone();
        let loss = softmax_cross_entropy(&z, &[0, 0], None, 1.0, Some(&mut dz));
        assert!((loss / 1e30 - 1.0).abs() < 1e-6, "{loss}");
        assert_eq!((dz.row(0), dz.row(1)), (&[0.0, -1.0][..], &[0.0, 1.0][..]));
        z.row_mut(0).copy_from_slice(&[500.0, -500.0]);
        let mut targets = Batch::zeros(2, 2).unwrap();
        targets.row_mut(0).copy_from_slice(&[0.0, 1.0]);
        let exact = 1000.0 + 2.0 * 2f64.ln();
        assert!((binary_cross_entropy(&z, &targets, None, 1.0, None) - exact).abs() < 1e-3);
    });
}

#[test]
fn what_is_not_a_number_reaches_the_loss() {
    on_every_isa(|| {
        for class in 0..3 {
            let mut z = activations(3, 20, 1.0, 1);
            z.row_mut(class)[13] = f32::NAN;
            assert!(softmax_cross_entropy(&z, &[1; 20], None, 1.0, None).is_nan());
            for kind in [Entmax::Sparsemax, Entmax::OneAndAHalf] {
                assert!(entmax_loss(kind, &z, &[1; 20], None, 1.0, None).is_nan());
            }
            assert!(squared_error(&z, &z.clone(), None, 1.0, None).is_nan());
            assert!(binary_cross_entropy(&z, &activations(3, 20, 1.0, 1), None, 1.0, None).is_nan());
        }
    });
}

#[test]
fn argmax_agrees_with_its_reference() {
    on_every_isa(|| {
        for (outputs, n) in SHAPES {
            let mut z = activations(outputs, n, 2.0, 1);
            // Few different numbers, so that many are equal.
            z.data_mut().iter_mut().for_each(|z| *z = z.round());
            z.data_mut().iter_mut().step_by(7).for_each(|z| *z = f32::NAN);
            z.data_mut().iter_mut().step_by(5).for_each(|z| *z = f32::NEG_INFINITY);
            let mut found = vec![9; n];
            argmax(&z, &mut found);
            for (s, &class) in found.iter().enumerate() {
                let column: Vec<f32> = (0..outputs).map(|j| z.row(j)[s]).collect();
                assert_eq!(class, reference::argmax(&column), "{column:?}");
            }
        }
    });
}

#[test]
fn the_largest_are_the_first_of_all_sorted() {
    for n in [1, 2, 5, 40, 1000] {
        // Few different numbers, so that many are equal.
        let mut z: Vec<f32> = numbers(n, 3).iter().map(|z| (2.0 * z).round()).collect();
        z.iter_mut().skip(3).step_by(7).for_each(|z| *z = f32::NAN);
        z.iter_mut().skip(2).step_by(5).for_each(|z| *z = f32::NEG_INFINITY);
        let mut sorted: Vec<u32> = (0..n as u32).collect();
        let key = |j: &u32| if z[*j as usize].is_nan() { f32::NEG_INFINITY } else { z[*j as usize] };
        sorted.sort_by(|a, b| key(b).partial_cmp(&key(a)).unwrap()); // stable
        for count in [0, 1, 3, 5, n, n + 1] {
            assert_eq!(largest(&z, count), sorted[..count.min(n)], "{count} of {n}");
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let (z, t) = (activations(300, 500, 3.0, 1), activations(300, 500, 1.0, 2));
    same_bits_on_any_threads(|| {
        let mut dz = Batch::zeros(300, 500).unwrap();
        let loss = softmax_cross_entropy(&z, &classes(300, 500), None, 1.0, Some(&mut dz));
        let mut all = vec![loss as f32, (loss * 1e9).fract() as f32];
        all.extend(samples(&dz));
        let loss = squared_error(&z, &t, None, 1.0, Some(&mut dz));
        all.extend([loss as f32, (loss * 1e9).fract() as f32]);
        let loss = binary_cross_entropy(&z, &t, None, 1.0, Some(&mut dz));
        all.extend([loss as f32, (loss * 1e9).fract() as f32]);
        all.extend(samples(&dz));
        all
    });
}

#[test]
#[should_panic(expected = "a class past the last")]
fn a_class_past_the_last_is_refused() {
    softmax_cross_entropy(&Batch::zeros(2, 1).unwrap(), &[2], None, 1.0, None);
}
