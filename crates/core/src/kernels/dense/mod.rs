//! Dense products, through the `gemm` crates (only the part for `f32`: the others would double the time of a build).
//!
//! [`product`] computes `C ← αC + A B` for matrices of any strides, cut into fixed blocks of `C`, so that the
//! result does not depend on the number of threads. Cost: `2·m·n·k` floating-point operations.

use crate::parallel;

/// Rows and columns of `C` in one task, at most: small enough that a second core finds work in a layer of 1024, large enough
/// that operands are not packed too often.
const BLOCK: usize = 512;

/// A borrowed matrix with any strides: entry `(i, j)` is `data[i * row_stride + j * col_stride]`.
#[derive(Debug, Clone, Copy)]
pub struct Strided<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Strided<'a> {
    /// A `rows × cols` matrix whose rows are contiguous and `stride` apart.
    ///
    /// # Panics
    /// When `data` is too short for that.
    pub fn new(data: &'a [f32], rows: usize, cols: usize, stride: usize) -> Self {
        assert!(rows == 0 || cols == 0 || (rows - 1) * stride + cols <= data.len(), "{rows} rows {stride} apart");
        Self { data, rows, cols, row_stride: stride, col_stride: 1 }
    }

    /// Rows `range` of a matrix whose rows are contiguous.
    ///
    /// # Panics
    /// When `range` is past the last row.
    pub fn slice(self, range: std::ops::Range<usize>) -> Self {
        assert!(range.end <= self.rows, "rows {range:?} of {}", self.rows);
        Self { data: &self.data[range.start * self.row_stride..], rows: range.len(), ..self }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        let Self { data, rows, cols, row_stride, col_stride } = self;
        Self { data, rows: cols, cols: rows, row_stride: col_stride, col_stride: row_stride }
    }
}

/// `C ← keep·C + A B`, where `C` is `a.rows × b.cols`, its rows contiguous and `stride` apart in `c`.
///
/// `keep` 0 overwrites `C`, whatever it held.
///
/// # Panics
/// When the shapes do not fit together, or `c` is too short.
pub fn product(c: &mut [f32], stride: usize, keep: f32, a: Strided<'_>, b: Strided<'_>) {
    let (m, n, k) = (a.rows, b.cols, a.cols);
    assert_eq!(k, b.rows, "inner dimensions of a product");
    if m == 0 || n == 0 {
        return;
    }
    assert!(n <= stride && (m - 1) * stride + n <= c.len(), "room for a product of {m} × {n}");
    let out = parallel::Shared::new(c);
    let (tall, wide) = (m.div_ceil(BLOCK), n.div_ceil(BLOCK));
    parallel::run(tall * wide, |task| {
        let rows = (task / wide) * BLOCK..((task / wide + 1) * BLOCK).min(m);
        let cols = (task % wide) * BLOCK..((task % wide + 1) * BLOCK).min(n);
        // SAFETY: every block lies in `c` (checked above) and blocks are disjoint; `gemm` touches only the block. The
        // operands hold all entries that their shapes promise (checked in `Strided::new`).
        unsafe {
            let to = out.pointer().add(rows.start * stride + cols.start);
            // The kernels want `C` column by column: they compute Cᵀ ← αCᵀ + Bᵀ Aᵀ.
            gemm_f32::gemm::f32::get_gemm_fn()(
                cols.len(),
                rows.len(),
                k,
                to,
                stride as isize,
                1,
                keep != 0.0,
                b.data.as_ptr().add(cols.start * b.col_stride),
                b.row_stride as isize,
                b.col_stride as isize,
                a.data.as_ptr().add(rows.start * a.row_stride),
                a.row_stride as isize,
                a.col_stride as isize,
                keep,
                1.0,
                false,
                false,
                false,
                gemm_common::Parallelism::None,
            );
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    #[test]
    fn agrees_with_the_triple_loop_on_ragged_sizes() {
        for (m, n, k) in [(1, 1, 1), (3, 5, 7), (600, 17, 33), (10, 700, 129), (64, 64, 0)] {
            let mut random = Key::new(1, 0).stream(0);
            let mut numbers = |n| (0..n).map(|_| random.uniform_f32() - 0.5).collect::<Vec<_>>();
            let (a, b, c0) = (numbers(m * (k + 2)), numbers((k + 1) * n), numbers(m * (n + 3)));
            let (av, bv) = (Strided::new(&a, m, k, k + 2), Strided::new(&b, n, k, k + 1).t());
            for keep in [0.0, 1.0, 0.5] {
                let mut c = c0.clone();
                product(&mut c, n + 3, keep, av, bv);
                for i in 0..m {
                    for j in 0..n {
                        let exact: f64 =
                            (0..k).map(|q| f64::from(a[i * (k + 2) + q]) * f64::from(b[j * (k + 1) + q])).sum();
                        let exact = exact + f64::from(keep) * f64::from(c0[i * (n + 3) + j]);
                        assert!((f64::from(c[i * (n + 3) + j]) - exact).abs() < 1e-4, "{m} {n} {k} at {i} {j}");
                    }
                    assert_eq!(c[i * (n + 3) + n..(i + 1) * (n + 3)], c0[i * (n + 3) + n..(i + 1) * (n + 3)]);
                }
            }
        }
    }
}
