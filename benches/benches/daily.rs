//! The journal's own speed, one bench for each thing programs do all day.
//!
//! Durability of each: `append/*` returns when the record survives kill -9, with commits every
//! 50 ms in the background; `durable/*` when it survives power loss; `recover/*`, `list/*` and
//! `open/*` read what was closed, from the page cache.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use journal_benches::{PAYLOAD_LEN, filled, fresh, kind, options};
use trace_journal::{Reader, SpanKind, SpanStatus, WriteMode};

fn append_raw(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(1));
    for (name, mode) in [
        ("raw mapped/256", WriteMode::Mapped),
        ("raw positioned/256", WriteMode::Positioned),
    ] {
        let dir = fresh();
        let journal = options().write_mode(mode).open(&dir);
        let journal = journal.expect("a fresh directory opens");
        let payload = [b'x'; PAYLOAD_LEN];
        group.bench_function(name, |bench| {
            bench.iter(|| journal.append_raw(kind(), black_box(&payload)));
        });
        journal.close().expect("the disk works");
    }
    group.finish();
}

fn append_span_event(criterion: &mut Criterion) {
    let dir = fresh();
    let journal = options().open(&dir).expect("a fresh directory opens");
    let session = journal.session("bench").start();
    let mut group = criterion.benchmark_group("append");
    // A start and an end.
    group.throughput(Throughput::Elements(2));
    group.bench_function("span_event/5 attributes", |bench| {
        bench.iter(|| {
            let span = session.span("bash").kind(SpanKind::TOOL);
            let span = span
                .set("command", "cargo test")
                .set("directory", "/home/user/project")
                .set("exit_code", 0)
                .set("line", 42)
                .set("is_cached", false)
                .start();
            span.end(SpanStatus::Ok)
        });
    });
    group.finish();
    drop(session);
    journal.close().expect("the disk works");
}

fn durable(criterion: &mut Criterion) {
    let dir = fresh();
    let journal = options().open(&dir).expect("a fresh directory opens");
    let payload = [b'x'; PAYLOAD_LEN];
    criterion.bench_function("durable/1 thread/256", |bench| {
        bench.iter(|| {
            let seq = journal.append_raw(kind(), black_box(&payload))?;
            journal.wait_durable(seq)
        });
    });
    journal.close().expect("the disk works");
}

fn recover(criterion: &mut Criterion) {
    let count = 20_000;
    let dir = filled(count);
    let mut group = criterion.benchmark_group("recover");
    group.throughput(Throughput::Elements(u64::from(count)));
    group.bench_function("scan/20000 x 256", |bench| {
        bench.iter(|| Reader::open(&dir).expect("the journal is whole").report());
    });
    group.bench_function("read/20000 x 256", |bench| {
        let reader = Reader::open(&dir).expect("the journal is whole");
        bench.iter(|| reader.records().filter(Result::is_ok).count());
    });
    group.finish();
}

fn list(criterion: &mut Criterion) {
    let dir = fresh();
    let journal = options().open(&dir).expect("a fresh directory opens");
    for number in 0..20_000_u32 {
        let session = journal.session(format!("s{}", number % 100)).start();
        let span = session.span("bash").kind(SpanKind::TOOL).start();
        span.end(SpanStatus::Ok);
    }
    journal.close().expect("the disk works");
    criterion.bench_function("list/cached/100 sessions", |bench| {
        bench.iter(|| Reader::summaries(&dir).expect("the journal is whole"));
    });
}

fn open(criterion: &mut Criterion) {
    criterion.bench_function("open/empty/0", |bench| {
        let open = |dir: tempfile::TempDir| (options().open(&dir), dir);
        // Closing and removing are not timed.
        bench.iter_batched(fresh, open, BatchSize::PerIteration);
    });
}

criterion_group! {
    name = daily;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = append_raw, append_span_event, durable, recover, list, open
}
criterion_main!(daily);
