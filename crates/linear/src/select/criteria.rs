//! Information criteria: what a model explains, less what its size should cost.
//!
//! `C = L + c(k)` with `L = −2 log likelihood` but for a constant, and `k` the nonzeros, which are an unbiased count of the degrees of freedom of
//! L1 (Zou, Hastie and Tibshirani, *On the degrees of freedom of the lasso*, 2007). `L` is `n·deviance`, and `n log(deviance)` for the squared loss,
//! whose variance nobody knows.

/// Which cost a nonzero has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion {
    /// `2k`: Akaike, 1974.
    Aic,
    /// `k log n`: Schwarz, 1978.
    Bic,
    /// `k log n + 2 log(p choose k)`: Chen and Chen, *Extended Bayesian information criteria for model selection with large model spaces*, 2008,
    /// with their `γ = 1`: for many more columns than rows.
    Ebic,
}

impl Criterion {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 3] = [("aic", Self::Aic), ("bic", Self::Bic), ("ebic", Self::Ebic)];

    /// The criterion of a model with `nnz` of `columns` coefficients on `rows` rows: the lower the better. `deviance` is the mean one; `quadratic`
    /// says whether it is that of the squared loss. ∞ for a model that has a coefficient for each row or more, which no criterion can judge.
    ///
    /// ```
    /// use rarefy_linear::select::Criterion;
    /// let bic = |nnz, deviance| Criterion::Bic.of(100, 10, nnz, deviance, true);
    /// assert!(bic(2, 0.5) < bic(1, 0.6) && bic(1, 0.6) < bic(2, 0.59));
    /// ```
    pub fn of(self, rows: usize, columns: usize, nnz: usize, deviance: f64, quadratic: bool) -> f64 {
        if nnz + 1 >= rows {
            return f64::INFINITY;
        }
        let (n, k) = (rows as f64, nnz as f64);
        let lack = if quadratic { n * deviance.max(f64::MIN_POSITIVE).ln() } else { n * deviance };
        let choices = || (1..=nnz).map(|i| ((columns - nnz + i) as f64 / i as f64).ln()).sum::<f64>();
        lack + match self {
            Self::Aic => 2.0 * k,
            Self::Bic => k * n.ln(),
            Self::Ebic => k * n.ln() + 2.0 * choices(),
        }
    }
}
