use super::*;
use crate::kernels::testing::{
    activations, assert_padding_zero, bits, numbers, on_every_isa, same_bits_on_any_threads, samples,
};

/// `(rows in the data, features, rows chosen)`
const SHAPES: [(usize, usize, usize); 9] = [
    (1, 1, 1),
    (3, 7, 2),
    (9, 8, 8),
    (20, 15, 15),
    (40, 17, 33),
    (50, 64, 31),
    (90, 70, 64),
    (130, 33, 100),
    (200, 784, 130),
];

fn chosen(rows: usize, n: usize) -> Vec<u32> {
    (0..n).map(|s| ((s * 7 + 3) % rows) as u32).collect()
}

#[test]
fn floats_and_bytes_are_gathered_exactly() {
    on_every_isa(|| {
        for (rows, cols, n) in SHAPES {
            let list = chosen(rows, n);
            let floats = numbers(rows * cols, 1);
            let small: Vec<u8> = floats.iter().map(|x| (x.abs() * 255.0) as u8).collect();
            let each = numbers(cols, 2);
            for factors in [Factors::One(0.25), Factors::Each(&each)] {
                let (mut fast, mut slow) = (activations(cols, n, 1.0, 3), Batch::zeros(cols, n).unwrap());
                let data = DenseView::new(rows, cols, &floats).unwrap();
                dense(data, &list, factors, &mut fast);
                reference::gather(data, &list, factors, &mut slow);
                assert_eq!(bits(&samples(&fast)), bits(&samples(&slow)), "floats {rows} × {cols}, {n}");
                let data = DenseView::new(rows, cols, &small).unwrap();
                bytes(data, &list, factors, &mut fast);
                reference::gather(data, &list, factors, &mut slow);
                assert_eq!(bits(&samples(&fast)), bits(&samples(&slow)), "bytes {rows} × {cols}, {n}");
            }
        }
    });
}

#[test]
fn padding_is_zero_after_a_gather() {
    on_every_isa(|| {
        for (rows, cols, n) in SHAPES {
            let data = numbers(rows * cols, 1);
            let mut out = Batch::zeros(cols, n).unwrap();
            let (stride, width) = (out.stride(), out.width());
            out.data_mut().chunks_exact_mut(stride).for_each(|row| row[..width].fill(9.0));
            dense(DenseView::new(rows, cols, &data).unwrap(), &chosen(rows, n), Factors::One(1.0), &mut out);
            assert_padding_zero(&out);
        }
    });
}

#[test]
fn a_batch_comes_back_row_major() {
    on_every_isa(|| {
        for (_, features, n) in SHAPES {
            let batch = activations(features, n, 1.0, 5);
            let (mut fast, mut slow) = (vec![0.0; n * features], vec![0.0; n * features]);
            transpose_out(&batch, &mut fast);
            reference::transpose_out(&batch, &mut slow);
            assert_eq!(bits(&fast), bits(&slow), "{features} × {n}");
        }
    });
}

#[test]
fn threads_change_no_bit() {
    let data = numbers(300 * 784, 1);
    same_bits_on_any_threads(|| {
        let mut out = Batch::zeros(784, 130).unwrap();
        dense(DenseView::new(300, 784, &data).unwrap(), &chosen(300, 130), Factors::One(0.5), &mut out);
        let mut back = vec![0.0; 130 * 784];
        transpose_out(&out, &mut back);
        back
    });
}

#[test]
#[should_panic(expected = "past the last")]
fn a_row_past_the_last_is_refused() {
    dense(DenseView::new(2, 1, &[1.0, 2.0]).unwrap(), &[2], Factors::One(1.0), &mut Batch::zeros(1, 1).unwrap());
}
