//! The kernels of one layer of a network: 1024 × 1024, batch 128, at several densities; and what surrounds it.
//!
//! `cargo bench -p rarefy-core --bench kernels -- forward` runs the group `forward` alone, `taskset -c 0 cargo bench …` all on
//! one core, and `RAREFY_ISA` chooses the instruction set. Throughput counts multiply-adds
//! on stored entries for products (half the floating-point operations), and numbers written elsewhere.

use criterion::{Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rarefy_core::kernels::dense::{Strided, product};
use rarefy_core::kernels::gather::{self, Factors};
use rarefy_core::kernels::sparse_dense::{Gradient, TwoWay, backward, forward};
use rarefy_core::kernels::sparse_input::{self, SparseBatch};
use rarefy_core::kernels::update::{AdamStep, Moments, Rule, apply_parallel};
use rarefy_core::kernels::{elementwise, loss};
use rarefy_core::matrix::{Batch, DenseView};
use rarefy_core::pattern::{Pattern, Structure};
use rarefy_core::random::Key;
use std::hint::black_box;

const SIZE: usize = 1024;
const BATCH: usize = 128;
const DENSITIES: [f64; 4] = [0.2, 0.1, 0.05, 0.02];

const ADAM: Rule = Rule::Adam(AdamStep {
    learning_rate: 1e-6,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weight_decay: 0.0,
    decoupled: false,
    correction1: 0.5,
    correction2: 0.5,
});

fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut random = Key::new(seed, 0).stream(0);
    (0..n).map(|_| random.uniform_f32() - 0.5).collect()
}

fn batch(features: usize, seed: u64) -> Batch {
    let mut batch = Batch::zeros(features, BATCH).expect("a small batch");
    for j in 0..features {
        batch.row_mut(j).copy_from_slice(&numbers(BATCH, seed + j as u64));
    }
    batch
}

fn pattern(rows: usize, cols: usize, density: f64) -> Pattern {
    let nnz = (rows as f64 * cols as f64 * density) as usize;
    Pattern::random((rows, cols), nnz, Structure::Unstructured, Key::new(1, 0)).expect("a small pattern")
}

fn sparse_products(c: &mut Criterion) {
    let (x, dy) = (batch(SIZE, 1), batch(SIZE, 2));
    let (mut y, mut dx) = (batch(SIZE, 3), batch(SIZE, 4));
    for density in DENSITIES {
        let weight = TwoWay::new(&pattern(SIZE, SIZE, density)).expect("a small weight");
        let nnz = weight.nnz();
        let [mut w, mut m, mut v] = [numbers(nnz, 5), vec![0.0; nnz], vec![1.0; nnz]];
        let work = Throughput::Elements((nnz * BATCH) as u64);
        let mut group = c.benchmark_group("forward");
        group.throughput(work.clone());
        group.bench_function(BenchmarkId::from_parameter(density), |b| b.iter(|| forward(&weight, &w, &x, &mut y)));
        group.finish();
        let mut group = c.benchmark_group("backward-adam");
        group.throughput(work.clone());
        group.bench_function(BenchmarkId::from_parameter(density), |b| {
            b.iter(|| {
                let gradient = Gradient::Apply {
                    update: (&ADAM).into(),
                    moments: Moments { first: &mut m, second: &mut v, ..Moments::default() },
                };
                backward(&weight, &mut w, &x, &dy, Some(&mut dx), gradient, None);
            });
        });
        group.finish();
        let mut group = c.benchmark_group("backward-accumulate");
        group.throughput(work);
        group.bench_function(BenchmarkId::from_parameter(density), |b| {
            b.iter(|| backward(&weight, &mut w, &x, &dy, Some(&mut dx), Gradient::Accumulate(&mut m), None));
        });
        group.finish();
    }
}

fn dense_twin(c: &mut Criterion) {
    let n = SIZE * SIZE;
    let [mut w, mut m, mut v] = [numbers(n, 1), vec![0.0; n], vec![1.0; n]];
    let (x, dy, mut y) = (batch(SIZE, 1), batch(SIZE, 2), batch(SIZE, 3));
    let stride = y.stride();
    let mut dw = vec![0.0; n];
    let mut group = c.benchmark_group("dense");
    group.throughput(Throughput::Elements((n * BATCH) as u64));
    let (weight, xs) = (|w| Strided::new(w, SIZE, SIZE, SIZE), Strided::new(x.data(), SIZE, BATCH, stride));
    let dys = Strided::new(dy.data(), SIZE, BATCH, stride);
    group.bench_function("forward", |b| b.iter(|| product(y.data_mut(), stride, 0.0, weight(&w), xs)));
    group.bench_function("dx", |b| b.iter(|| product(y.data_mut(), stride, 0.0, weight(&w).t(), dys)));
    group.bench_function("dw", |b| b.iter(|| product(&mut dw, SIZE, 0.0, dys, xs.t())));
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function("adam", |b| {
        b.iter(|| apply_parallel(&ADAM, &dw, &mut w, Moments { first: &mut m, second: &mut v, ..Moments::default() }));
    });
    group.finish();
}

fn gathers(c: &mut Criterion) {
    const ROWS: usize = 60_000;
    const COLS: usize = 784;
    let pixels: Vec<u8> = Key::new(1, 0).stream(0).map(|word| word as u8).take(ROWS * COLS).collect();
    let data = DenseView::new(ROWS, COLS, &pixels).expect("rows of pixels");
    let mut random = Key::new(2, 0).stream(0);
    let rows: Vec<Vec<u32>> = (0..64).map(|_| (0..BATCH).map(|_| random.below(ROWS as u64) as u32).collect()).collect();
    let floats = numbers(BATCH * COLS, 3);
    let dense = DenseView::new(BATCH, COLS, &floats).expect("rows of floats");
    let order: Vec<u32> = (0..BATCH as u32).rev().collect();
    let (mut out, mut back) = (batch(COLS, 4), vec![0.0; BATCH * COLS]);
    let mut group = c.benchmark_group("gather");
    group.throughput(Throughput::Elements((BATCH * COLS) as u64));
    // Fresh rows every time, as in training: most of them come from memory, not from a cache.
    let mut at = 0;
    group.bench_function("bytes-from-memory", |b| {
        b.iter(|| {
            at = (at + 1) % rows.len();
            gather::bytes(data, &rows[at], Factors::One(1.0 / 255.0), &mut out);
        });
    });
    group.bench_function("bytes-from-cache", |b| {
        b.iter(|| gather::bytes(data, &rows[0], Factors::One(1.0 / 255.0), &mut out));
    });
    group.bench_function("floats", |b| b.iter(|| gather::dense(dense, &order, Factors::One(0.5), &mut out)));
    group.bench_function("transpose-out", |b| b.iter(|| gather::transpose_out(&out, &mut back)));
    group.finish();
}

fn element_wise(c: &mut Criterion) {
    let (x, mut y, mut dy) = (batch(SIZE, 1), batch(SIZE, 2), batch(SIZE, 3));
    let (bias, mut sums) = (numbers(SIZE, 4), vec![0.0; SIZE]);
    let key = Key::new(1, 0);
    let mut group = c.benchmark_group("element-wise");
    group.throughput(Throughput::Elements((SIZE * BATCH) as u64));
    let mut bench = |name: &str, run: &mut dyn FnMut(&mut Bencher<'_>)| {
        group.bench_function(name, |b| run(b));
    };
    bench("add-bias-relu", &mut |b| b.iter(|| elementwise::add_bias_relu(&mut y, &bias)));
    bench("relu-backward-row-sums", &mut |b| {
        b.iter(|| elementwise::relu_backward_row_sums(&x, &mut dy, &mut sums));
    });
    bench("row-sums", &mut |b| b.iter(|| elementwise::row_sums(&dy, &mut sums)));
    bench("tanh", &mut |b| b.iter(|| elementwise::tanh(&mut y)));
    bench("sigmoid", &mut |b| b.iter(|| elementwise::sigmoid(&mut y)));
    bench("gelu", &mut |b| b.iter(|| elementwise::gelu(&x, &mut y)));
    bench("gelu-backward", &mut |b| b.iter(|| elementwise::gelu_backward(&x, &dy, &mut y)));
    bench("softmax", &mut |b| b.iter(|| elementwise::softmax(&mut y)));
    bench("dropout", &mut |b| b.iter(|| elementwise::dropout(&mut y, 0.01, key, 1, 0)));
    group.finish();
}

fn losses(c: &mut Criterion) {
    let (z, mut dz) = (batch(10, 1), batch(10, 2));
    let classes: Vec<u32> = (0..BATCH as u32).map(|s| s % 10).collect();
    let mut guesses = vec![0; BATCH];
    let mut group = c.benchmark_group("loss");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("cross-entropy", |b| {
        b.iter(|| black_box(loss::softmax_cross_entropy(&z, &classes, None, 1.0, Some(&mut dz))));
    });
    group.bench_function("argmax", |b| b.iter(|| loss::argmax(&z, &mut guesses)));
    group.finish();
}

fn sparse_data(c: &mut Criterion) {
    // Text: 20,000 words of which a document has 100.
    const WORDS: usize = 20_000;
    let documents = pattern(BATCH, WORDS, 0.005);
    let nnz = documents.nnz();
    let documents = documents.with_values(numbers(nnz, 1)).expect("a value each");
    let weight = TwoWay::new(&pattern(256, WORDS, 0.1)).expect("a small weight");
    let nnz = weight.nnz();
    let [mut w, mut m, mut v] = [numbers(nnz, 2), vec![0.0; nnz], vec![1.0; nnz]];
    let rows: Vec<u32> = (0..BATCH as u32).collect();
    let mut x = SparseBatch::new(WORDS).expect("a small batch");
    x.fill(documents.view(), &rows, Factors::One(1.0)).expect("few entries");
    let (mut y, dy) = (batch(256, 3), batch(256, 4));
    let mut group = c.benchmark_group("sparse-input");
    group.throughput(Throughput::Elements(x.nnz() as u64));
    let mut again = x.clone();
    group.bench_function("fill", |b| b.iter(|| again.fill(documents.view(), &rows, Factors::One(1.0))));
    group.bench_function("forward", |b| b.iter(|| sparse_input::forward(&weight, &w, &x, &mut y)));
    for lazy in [true, false] {
        group.bench_function(if lazy { "backward-lazy" } else { "backward-all" }, |b| {
            b.iter(|| {
                let gradient = Gradient::Apply {
                    update: (&ADAM).into(),
                    moments: Moments { first: &mut m, second: &mut v, ..Moments::default() },
                };
                sparse_input::backward(&weight, &mut w, &x, &dy, gradient, lazy);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, sparse_products, dense_twin, gathers, element_wise, losses, sparse_data);
criterion_main!(benches);
