//! The CPU's kernels alone, on one thread: bytes of weights (or cache) a second, beside a plain read and a copy of as many bytes.
//!
//! `cargo bench --profile dev --workspace --bench kernels`, which compiles nothing anew; `cargo xtask bench --kernels` writes the table of docs/bench.

#![expect(clippy::expect_used, reason = "a bench has nobody to give an error to")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use minnow::format::BlockFormat;
use minnow::kernels::{Attention, Product, read};

/// An MLP's matrix of a model with 1.7 billion weights.
const ROWS: usize = 2048;
const COLS: usize = 8192;
/// Tokens of a prompt that run at once.
const TOKENS: usize = 64;

/// Times `run` in a pool of one thread, since kernels take all of the pool that they are called in.
fn on_one_thread(bencher: &mut Bencher<'_>, mut run: impl FnMut() + Send) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread starts");
    bencher.iter_custom(|times| {
        pool.install(|| {
            let started = Instant::now();
            (0..times).for_each(|_| run());
            started.elapsed()
        })
    });
}

fn mat_vec(criterion: &mut Criterion) {
    for format in BlockFormat::all() {
        let mut group = criterion.benchmark_group(format!("mat-vec {format}"));
        let mut product = Product::new(format, ROWS, COLS, 1).expect("whole blocks");
        let weights = product.weights().to_vec();
        let mut copy = vec![0; weights.len()];
        group.throughput(Throughput::Bytes(weights.len() as u64));
        group.bench_function("read", |bencher| bencher.iter(|| read(black_box(&weights))));
        group.bench_function("copy", |bencher| {
            bencher.iter(|| black_box(&mut copy).copy_from_slice(black_box(&weights)))
        });
        group.bench_function("kernel", |bencher| on_one_thread(bencher, || product.run().expect("sizes agree")));
        group.finish();
    }
}

fn prefill(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prefill");
    // multiplications with additions
    group.throughput(Throughput::Elements((ROWS * COLS * TOKENS) as u64));
    for format in BlockFormat::all() {
        let mut product = Product::new(format, ROWS, COLS, TOKENS).expect("whole blocks");
        let id = BenchmarkId::from_parameter(format);
        group.bench_function(id, |bencher| on_one_thread(bencher, || product.run().expect("sizes agree")));
    }
    group.finish();
}

fn attention(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("attention");
    for (name, position, queries) in [("a token after 512", 512, 1), ("512 tokens", 0, 512)] {
        let mut attention = Attention::new(9, 3, 64, position, queries);
        group.throughput(Throughput::Bytes(attention.cache_bytes() as u64));
        group.bench_function(name, |bencher| on_one_thread(bencher, || attention.run().expect("sizes agree")));
    }
    group.finish();
}

criterion_group! {
    name = kernels;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    targets = mat_vec, prefill, attention
}
criterion_main!(kernels);
