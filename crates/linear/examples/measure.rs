//! Times fits of data already in memory, for `bench/peers/linear.py`.
//!
//! ```text
//! measure FOLDER key=value …
//! ```
//! `FOLDER` holds little-endian files: `meta` (text: rows, columns, nonzeros; nonzeros 0: dense), `values` (f64, column after column), `y` (f64), and
//! for a sparse design `indptr` (i64) and `indices` (u32).
//!
//! | key | |
//! |---|---|
//! | `what` | `solve` (default), `path` |
//! | `loss` | `squared` (default), or another name of the registry |
//! | `penalty` | `l1` (default), `elastic-net` (with `l1-ratio`), `mcp`, `scad` |
//! | `lambda` | strengths, with commas; more than one: each from the solution of the one before |
//! | `intercept` | `false` (default), `true` |
//! | `tolerance`, `repeat`, `threads` | 1e-7, 5, 1 |
//! | `out` | where coefficients go (f64; a row a strength) |
//!
//! Prints one JSON object: seconds and processor seconds of each repetition, and of the last one certificates, iterations and passes.

mod raw;

use rarefy_core::clock::Meter;
use rarefy_core::matrix::{CscView, DenseView};
use rarefy_core::penalty::{ElasticNet, L1, Mcp, Penalty, Scad};
use rarefy_linear::loss::{Numbers, registry};
use rarefy_linear::select::path;
use rarefy_linear::{Design, Fit, Loss, Options, Problem, solve};
use raw::{Failure, indptr, read, sizes};
use std::collections::HashMap;
use std::path::Path;

type Result<T> = std::result::Result<T, Failure>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: measure FOLDER key=value …")?;
    let settings: HashMap<String, String> = arguments
        .map(|pair| pair.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())).ok_or(format!("{pair}: key=value")))
        .collect::<std::result::Result<_, _>>()?;
    let data = Data::read(Path::new(&folder))?;
    let text = |key: &str, default: &str| settings.get(key).map_or(default.to_owned(), String::clone);
    rarefy_core::parallel::set_threads(text("threads", "1").parse()?);
    let options = Options { tolerance: text("tolerance", "1e-7").parse()?, ..Options::default() };
    let name = text("loss", "squared");
    let entry = registry().iter().find(|entry| entry.name == name).ok_or(format!("loss {name} is not known"))?;
    let loss = (entry.make)(&data.y, None, &Numbers::default())?;
    let job = Job {
        data: &data,
        loss: loss.as_ref(),
        intercept: text("intercept", "false") == "true",
        lambdas: text("lambda", "")
            .split(',')
            .filter(|l| !l.is_empty())
            .map(str::parse)
            .collect::<std::result::Result<_, _>>()?,
        options,
        whole: text("what", "solve") == "path",
        repeat: text("repeat", "5").parse()?,
        out: settings.get("out").cloned(),
    };
    let l1_ratio = text("l1-ratio", "0.5").parse()?;
    match text("penalty", "l1").as_str() {
        "l1" => job.run(|lambda| L1 { lambda }),
        "elastic-net" => job.run(|lambda| ElasticNet { lambda, l1_ratio }),
        "mcp" => job.run(|lambda| Mcp { lambda, gamma: 3.0 }),
        "scad" => job.run(|lambda| Scad { lambda, gamma: 3.7 }),
        other => Err(format!("penalty {other} is not known").into()),
    }
}

/// What one call measures.
struct Job<'a> {
    data: &'a Data,
    loss: &'a dyn Loss,
    intercept: bool,
    lambdas: Vec<f64>,
    options: Options,
    whole: bool,
    repeat: usize,
    out: Option<String>,
}

impl Job<'_> {
    fn run<P: Penalty<f64>>(&self, penalty: impl Fn(f64) -> P) -> Result<()> {
        let first = *self.lambdas.first().ok_or("lambda=… is missing")?;
        let (mut seconds, mut cpu, mut fits) = (vec![], vec![], vec![]);
        for _ in 0..self.repeat {
            let meter = Meter::start();
            let problem = Problem::new(self.data.design()?, self.loss, penalty(first))?;
            let problem = if self.intercept { problem } else { problem.without_intercept() };
            fits = match self.whole {
                true => path(problem, &penalty, Some(&self.lambdas), &self.options)?.fits,
                false => vec![solve(&problem, &self.options, None)?],
            };
            let cost = meter.cost();
            seconds.push(cost.seconds);
            cpu.push(cost.cpu_seconds);
        }
        if let Some(out) = &self.out {
            let numbers = fits.iter().flat_map(|fit| fit.coefficients.iter().chain(Some(&fit.intercept)));
            std::fs::write(out, numbers.flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>())?;
        }
        let each = |f: &dyn Fn(&Fit) -> String| fits.iter().map(f).collect::<Vec<_>>().join(", ");
        println!(
            "{{\"seconds\": {seconds:?}, \"cpu\": {cpu:?}, \"certificate\": {:e}, \"converged\": {}, \"iterations\": {}, \"passes\": {}, \"nnz\": [{}]}}",
            fits.iter().map(|fit| fit.certificate.size()).fold(0.0, f64::max),
            fits.iter().all(|fit| fit.converged),
            fits.iter().map(|fit| fit.iterations).sum::<usize>(),
            fits.iter().map(|fit| fit.passes).sum::<usize>(),
            each(&|fit| fit.nnz().to_string()),
        );
        Ok(())
    }
}

/// A design and its targets.
struct Data {
    rows: usize,
    cols: usize,
    indptr: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<f64>,
    y: Vec<f64>,
}

impl Data {
    fn read(folder: &Path) -> Result<Self> {
        let [rows, cols, nnz] = sizes(folder)?;
        let (indptr, indices) = match nnz {
            0 => (vec![], vec![]),
            _ => (indptr(folder, cols)?, read(&folder.join("indices"), nnz, u32::from_le_bytes)?),
        };
        let entries = if nnz > 0 { nnz } else { rows.checked_mul(cols).ok_or("meta: too many entries")? };
        let numbers = |name, count| read(&folder.join(name), count, f64::from_le_bytes);
        Ok(Self { rows, cols, indptr, indices, values: numbers("values", entries)?, y: numbers("y", rows)? })
    }

    fn design(&self) -> Result<Design<'_, f64>> {
        Ok(match self.indptr.is_empty() {
            true => Design::dense(DenseView::new(self.cols, self.rows, &self.values)?),
            false => Design::sparse(CscView::new(self.rows, self.cols, &self.indptr, &self.indices, &self.values)?),
        })
    }
}
