//! Solves one sparse least-squares problem and prints one line of JSON: what `bench/peers/least_squares.py` measures.
//!
//! ```text
//! cargo run --release -p rarefy-linear --example least_squares -- DIRECTORY [OPTIONS]
//! cargo run --release -p rarefy-linear --example least_squares -- --random ROWS COLS PER_ROW [OPTIONS]
//! ```
//!
//! The directory has `meta` (text: `rows cols nnz`) and, little-endian, `indptr` (i64), `indices` (u32 or i32), `values` (f64) and `y` (f64);
//! by rows, or by columns with `--csc`. Sizes are checked before memory is taken. `--random` makes a matrix of `PER_ROW` normal numbers a row
//! instead.
//!
//! Options: `--method NAME`, `--atol NUMBER` (for `btol` as well), `--iterations N`, `--threads N`, `--repeats N` (the median counts), `--ridge NUMBER`,
//! `--scale` (columns to length 1), `--both` (both orders), `--single` (values in `f32`), `--out FILE` (where to write `x`, f64).
//! Reading and conversion are not in `seconds`; conversion is in `conversion`. `cpu` is processor time, of all threads.

mod raw;

use rarefy_core::clock::process_cpu_seconds;
use rarefy_core::matrix::{Csc, Csr, Value};
use rarefy_core::parallel::set_threads;
use rarefy_core::random::Key;
use rarefy_linear::least_squares::{Operator, Options, solve};
use raw::{Failure, indptr, read, sizes};
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Debug, Default)]
struct Arguments {
    directory: Option<PathBuf>,
    random: Option<[usize; 3]>,
    method: Option<String>,
    atol: Option<f64>,
    iterations: Option<usize>,
    threads: usize,
    repeats: usize,
    ridge: f64,
    out: Option<PathBuf>,
    csc: bool,
    scale: bool,
    both: bool,
    single: bool,
}

fn arguments() -> Result<Arguments, Failure> {
    let mut given = std::env::args().skip(1);
    let mut parsed = Arguments { repeats: 1, ..Arguments::default() };
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{argument}: a value is missing"));
        match argument.as_str() {
            "--random" => parsed.random = Some([value()?.parse()?, value()?.parse()?, value()?.parse()?]),
            "--method" => parsed.method = Some(value()?),
            "--atol" => parsed.atol = Some(value()?.parse()?),
            "--iterations" => parsed.iterations = Some(value()?.parse()?),
            "--threads" => parsed.threads = value()?.parse()?,
            "--repeats" => parsed.repeats = value()?.parse()?,
            "--ridge" => parsed.ridge = value()?.parse()?,
            "--out" => parsed.out = Some(value()?.into()),
            "--csc" => parsed.csc = true,
            "--scale" => parsed.scale = true,
            "--both" => parsed.both = true,
            "--single" => parsed.single = true,
            other if other.starts_with("--") => {
                return Err(format!("{other}: no such option; see the file's head").into());
            }
            other => parsed.directory = Some(other.into()),
        }
    }
    Ok(parsed)
}

/// `rows`, `cols`, `indptr`, `indices`, `values`, `y`.
type System = (usize, usize, Vec<u32>, Vec<u32>, Vec<f64>, Vec<f64>);

fn load(directory: &Path, csc: bool) -> Result<System, Failure> {
    let [rows, cols, nnz] = sizes(directory)?;
    let indptr = indptr(directory, if csc { cols } else { rows })?;
    let indices = read(&directory.join("indices"), nnz, u32::from_le_bytes)?;
    let values = read(&directory.join("values"), nnz, f64::from_le_bytes)?;
    let y = read(&directory.join("y"), rows, f64::from_le_bytes)?;
    Ok((rows, cols, indptr, indices, values, y))
}

/// `per_row` different columns a row.
fn random([rows, cols, per_row]: [usize; 3]) -> Result<System, Failure> {
    if per_row > cols {
        return Err(format!("{per_row} nonzeros a row, but {cols} columns").into());
    }
    let mut stream = Key::new(0, 0).stream(0);
    let nnz = rows.checked_mul(per_row).filter(|&nnz| nnz < u32::MAX as usize).ok_or("too many nonzeros")?;
    let (mut indices, mut row) = (Vec::with_capacity(nnz), Vec::with_capacity(per_row));
    for _ in 0..rows {
        row.clear();
        while row.len() < per_row {
            row.extend((row.len()..per_row).map(|_| stream.below(cols as u64) as u32));
            row.sort_unstable();
            row.dedup();
        }
        indices.extend_from_slice(&row);
    }
    let values = (0..nnz).map(|_| f64::from(stream.normal_f32())).collect();
    let y = (0..rows).map(|_| f64::from(stream.normal_f32())).collect();
    Ok((rows, cols, (0..=rows).map(|i| (i * per_row) as u32).collect(), indices, values, y))
}

fn main() -> Result<(), Failure> {
    let arguments = arguments()?;
    set_threads(arguments.threads);
    let system = match (&arguments.directory, arguments.random) {
        (Some(directory), None) => load(directory, arguments.csc)?,
        (None, Some(sizes)) => random(sizes)?,
        _ => return Err("expected a directory or --random ROWS COLS PER_ROW; see the file's head".into()),
    };
    let (rows, cols, indptr, indices, values, y) = system;
    if arguments.single {
        let values = values.into_iter().map(|x| x as f32).collect();
        run(&arguments, (rows, cols), indptr, indices, values, &y)
    } else {
        run(&arguments, (rows, cols), indptr, indices, values, &y)
    }
}

fn run<T: Value + Into<f64>>(
    arguments: &Arguments,
    (rows, cols): (usize, usize),
    indptr: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<T>,
    y: &[f64],
) -> Result<(), Failure> {
    let clock = Instant::now();
    // Only one of both is there, and it is lent for as long as this function runs.
    let (by_rows, by_columns);
    let operator = if arguments.csc {
        by_columns = Csc::new(rows, cols, indptr, indices, values)?;
        Operator::from_columns(by_columns.view())?
    } else {
        by_rows = Csr::new(rows, cols, indptr, indices, values)?;
        Operator::from_rows(by_rows.view())?
    };
    let operator = if arguments.both { operator.with_both_orders()? } else { operator };
    let conversion = clock.elapsed().as_secs_f64();
    let usual = Options::default();
    let options = Options {
        method: arguments.method.as_deref().unwrap_or(usual.method),
        atol: arguments.atol.unwrap_or(usual.atol),
        btol: arguments.atol.unwrap_or(usual.btol),
        iterations: arguments.iterations.unwrap_or(usual.iterations),
        ridge: arguments.ridge,
        scale: arguments.scale,
        ..usual
    };
    let (mut seconds, mut cpu) = (vec![], vec![]);
    let mut fit = None;
    for _ in 0..arguments.repeats.max(1) {
        let (clock, used) = (Instant::now(), process_cpu_seconds());
        fit = Some(solve(&operator, y, &options, &())?);
        seconds.push(clock.elapsed().as_secs_f64());
        cpu.push(process_cpu_seconds() - used);
    }
    let median = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let Some(fit) = fit else { return Ok(()) };
    println!(
        "{{\"method\": \"{}\", \"nnz\": {}, \"seconds\": {}, \"cpu\": {}, \"conversion\": {conversion}, \"iterations\": {}, \"residual\": {:e}, \"gradient\": {:e}, \
         \"optimality\": {:e}, \"stop\": \"{:?}\", \"converged\": {}}}",
        options.method,
        operator.nnz(),
        median(seconds),
        median(cpu),
        fit.iterations,
        fit.residual,
        fit.gradient,
        fit.optimality,
        fit.stop,
        fit.converged(),
    );
    if let Some(out) = &arguments.out {
        std::fs::write(out, fit.coefficients.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())?;
    }
    Ok(())
}
