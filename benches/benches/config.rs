//! Configurations: parsing them, finding their errors, and drawing those.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, Throughput};
use knock_benches::doors;
use knockd::config::{Config, Style, render};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    config(&mut criterion);
    criterion.final_summary();
}

fn config(c: &mut Criterion) {
    let sixty = doors::many(60, 32, 1);
    let large = doors::large(4 << 20, 1);
    let wrong = doors::wrong(&large);
    let mut group = c.benchmark_group("config");
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for (name, text) in [("60 doors of 32 ports", &sixty), ("4 MB of doors", &large), ("4 MB, each door wrong", &wrong)]
    {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("parse {name}"), |b| b.iter(|| Config::parse(black_box(text).as_bytes())));
    }
    let errors = Config::parse(doors::wrong(&sixty).as_bytes()).expect_err("every door is wrong");
    group.throughput(Throughput::Elements(errors.len() as u64));
    group.bench_function("draw 60 errors", |b| {
        let text = doors::wrong(&sixty);
        b.iter(|| render("knockd.conf", black_box(&text).as_bytes(), &errors, Style::Plain));
    });
    group.finish();
}
