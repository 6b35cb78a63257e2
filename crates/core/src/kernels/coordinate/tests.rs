use super::*;
use crate::kernels::testing;
use crate::matrix::{Csc, Dense, DenseView};
use crate::penalty::{ElasticNet, L1, Mcp};

fn numbers(n: usize, seed: u64) -> Vec<f64> {
    testing::numbers(n, seed).into_iter().map(f64::from).collect()
}

/// `columns` of `rows` numbers, of which about a share of `density` is not zero; the second is constant.
fn design(rows: usize, columns: usize, density: f64, seed: u64) -> Vec<Vec<f64>> {
    let one = |j: usize| {
        let kept = numbers(rows, seed * 1000 + 500 + j as u64);
        let values = numbers(rows, seed * 1000 + j as u64);
        values.into_iter().zip(kept).map(|(x, kept)| if kept.abs() < density { x } else { 0.0 }).collect()
    };
    (0..columns).map(|j| if j == 1 { vec![1.0; rows] } else { one(j) }).collect()
}

fn packed(columns: &[Vec<f64>], sparse: bool, direction: Option<&[f64]>) -> Columns {
    let rows = columns[0].len();
    if !sparse {
        return Columns::dense(rows, columns.concat(), direction).unwrap();
    }
    let (mut starts, mut indices, mut values) = (vec![0], vec![], vec![]);
    for column in columns {
        for (i, &x) in column.iter().enumerate().filter(|(_, x)| **x != 0.0) {
            indices.push(i as u32);
            values.push(x);
        }
        starts.push(indices.len());
    }
    Columns::sparse(rows, starts, indices, values, direction).unwrap()
}

#[test]
fn passes_are_those_of_the_reference() {
    testing::on_every_isa(|| {
        for (seed, rows) in [1, 2, 7, 8, 9, 31, 64].into_iter().enumerate() {
            let columns = design(rows, 13, 0.4, seed as u64);
            let factors: Vec<f64> = numbers(13, 77).iter().map(|f| (f + 0.8).max(0.0)).collect();
            let ones = vec![1.0; rows];
            let roots: Vec<f64> = numbers(rows, 78).iter().map(|x| x.abs() + 0.1).collect();
            for direction in [None, Some(&ones[..]), Some(&roots[..])] {
                let penalties: [&dyn Penalty<f64>; 3] = [
                    &L1 { lambda: 0.05 },
                    &ElasticNet { lambda: 0.1, l1_ratio: 0.5 },
                    &Mcp { lambda: 0.05, gamma: 3.0 },
                ];
                for (which, penalty) in penalties.into_iter().enumerate() {
                    let projected: Vec<_> = columns.iter().map(|x| reference::project(x, direction)).collect();
                    let all: Vec<u32> = (0..13).collect();
                    let y = numbers(rows, 79);
                    let (mut w, mut r) = (vec![0.0; 13], reference::project(&y, direction));
                    for _ in 0..3 {
                        reference::pass(&projected, penalty, &factors, &mut w, &mut r);
                    }
                    for sparse in [false, true] {
                        let packed = packed(&columns, sparse, direction);
                        let mut residual = Residual::new(y.clone(), direction.map(<[f64]>::to_vec)).unwrap();
                        let mut found = vec![0.0; 13];
                        for _ in 0..3 {
                            match which {
                                0 => pass(&packed, &all, &L1 { lambda: 0.05 }, &factors, &mut found, &mut residual),
                                1 => pass(
                                    &packed,
                                    &all,
                                    &ElasticNet { lambda: 0.1, l1_ratio: 0.5 },
                                    &factors,
                                    &mut found,
                                    &mut residual,
                                ),
                                _ => pass(
                                    &packed,
                                    &all,
                                    &Mcp { lambda: 0.05, gamma: 3.0 },
                                    &factors,
                                    &mut found,
                                    &mut residual,
                                ),
                            };
                        }
                        for (found, expected) in found.iter().zip(&w) {
                            assert!(
                                (found - expected).abs() < 1e-9,
                                "{rows} rows, sparse {sparse}: {found}, expected {expected}"
                            );
                        }
                        let square: f64 = r.iter().map(|r| r * r).sum();
                        assert!((residual.square() - square).abs() < 1e-9, "{rows} rows");
                        let mut products = vec![0.0; 13];
                        scores(&packed, &all, &residual, &mut products);
                        for (x, found) in projected.iter().zip(products) {
                            let expected: f64 = x.iter().zip(&r).map(|(x, r)| x * r).sum();
                            assert!((found - expected).abs() < 1e-9, "{rows} rows: {found}, expected {expected}");
                        }
                    }
                }
            }
        }
    });
}

#[test]
fn a_constant_column_keeps_weight_zero_beside_an_intercept() {
    let columns = packed(&[vec![3.0; 50], numbers(50, 1)], false, Some(&[1.0; 50]));
    assert_eq!(columns.norms()[0], 0.0);
    let mut r = Residual::new(numbers(50, 2), Some(vec![1.0; 50])).unwrap();
    let mut w = [0.0; 2];
    pass(&columns, &[0, 1], &L1 { lambda: 0.0 }, &[1.0; 2], &mut w, &mut r);
    assert!(w[0] == 0.0 && w[1] != 0.0);
}

#[test]
fn products_with_all_columns_are_those_with_each_for_both_precisions() {
    let (rows, columns) = (37, 3000);
    let dense = design(rows, columns, 0.3, 5);
    let v = numbers(rows, 6);
    let exact: Vec<f64> = dense.iter().map(|x| x.iter().zip(&v).map(|(x, v)| x * v).sum()).collect();
    let transposed = Dense::new(columns, rows, dense.concat()).unwrap();
    let by_columns = Csc::from_dense(transposed.transpose().view()).unwrap();
    let single: Vec<f32> = transposed.data().iter().map(|&x| x as f32).collect();
    let close =
        |found: &[f64]| found.iter().zip(&exact).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{a}, expected {b}"));
    let a: Vec<f64> = numbers(rows, 7).iter().map(|a| a.abs()).collect();
    let square = |a: &[f64], x: &[f64]| x.iter().zip(a).map(|(x, a)| a * x * x).sum::<f64>();
    let some: Vec<u32> = (0..columns as u32).filter(|j| j % 7 == 2).collect();
    fn check<T: crate::matrix::Value + Into<f64>>(
        entries: Entries<'_, T>,
        v: &[f64],
        a: &[f64],
        some: &[u32],
        close: impl Fn(&[f64]),
    ) -> [Vec<f64>; 2] {
        let cols = entries.cols();
        let (mut out, mut part, mut dots) = (vec![f64::NAN; cols], vec![f64::NAN; cols], vec![f64::NAN; cols]);
        entries.dots(None, v, &mut out).unwrap();
        close(&out);
        entries.dots(Some(some), v, &mut part).unwrap();
        for j in 0..cols {
            assert!(if some.contains(&(j as u32)) { part[j] == out[j] } else { part[j].is_nan() }, "{j}");
        }
        let mut squares = [vec![f64::NAN; cols], vec![f64::NAN; cols]];
        for (squares, a) in squares.iter_mut().zip([None, Some(a)]) {
            entries.dots_and_squares(v, a, &mut dots, squares).unwrap();
            assert_eq!(dots, out);
        }
        assert!(entries.dots(None, &v[1..], &mut out).is_err());
        for wrong in [&[1, 0][..], &[2, 2], &[cols as u32]] {
            assert!(entries.dots(Some(wrong), v, &mut out).is_err());
        }
        squares
    }
    // The single numbers are those that the others came from, so nothing is lost.
    let found = [
        check(Entries::Dense(transposed.view()), &v, &a, &some, close),
        check(Entries::Sparse(by_columns.view()), &v, &a, &some, close),
        check(Entries::Dense(DenseView::new(columns, rows, &single).unwrap()), &v, &a, &some, close),
    ];
    for [plain, weighted] in found {
        for (j, x) in dense.iter().enumerate() {
            assert!(
                (plain[j] - square(&vec![1.0; rows], x)).abs() < 1e-12 && (weighted[j] - square(&a, x)).abs() < 1e-12
            );
        }
    }
}

#[test]
fn pushed_columns_are_those_made_at_once() {
    let columns = design(20, 6, 0.5, 3);
    let direction: Vec<f64> = numbers(20, 4);
    for sparse in [false, true] {
        let whole = packed(&columns, sparse, Some(&direction));
        let mut grown = Columns::none(20, sparse, Some(&direction)).unwrap();
        for column in &columns {
            let kept: Vec<u32> = (0..20).filter(|&i| column[i as usize] != 0.0).collect();
            let (indices, values): (&[u32], Vec<f64>) = match sparse {
                true => (&kept, kept.iter().map(|&i| column[i as usize]).collect()),
                false => (&[], column.clone()),
            };
            grown.push(indices, values.into_iter(), Some(&direction)).unwrap();
        }
        assert_eq!((grown.norms(), grown.means(), grown.len()), (whole.norms(), whole.means(), 6));
        assert!(grown.push(&[], [1.0].into_iter(), Some(&direction)).is_err());
    }
    let mut grown = Columns::none(20, true, None).unwrap();
    assert!(matches!(grown.push(&[20], [1.0].into_iter(), None), Err(Error::Index { index: 20, .. })));
}

#[test]
fn arrays_that_are_no_columns_are_refused() {
    let sparse = |starts: &[usize], indices: &[u32]| {
        Columns::sparse(3, starts.to_vec(), indices.to_vec(), vec![1.0; indices.len()], None)
    };
    assert!(sparse(&[0, 1, 2], &[0, 2]).is_ok());
    assert!(matches!(sparse(&[0, 1, 2], &[0, 3]), Err(Error::Index { major: 1, index: 3, .. })));
    for starts in [&[][..], &[0, 1], &[1, 2], &[0, 2, 1, 2]] {
        assert!(matches!(sparse(starts, &[0, 2]), Err(Error::Indptr { .. })), "{starts:?}");
    }
    assert!(matches!(Columns::dense(3, vec![0.0; 7], None), Err(Error::Length { .. })));
    assert!(matches!(Columns::dense(3, vec![0.0; 6], Some(&[1.0])), Err(Error::Length { .. })));
}
