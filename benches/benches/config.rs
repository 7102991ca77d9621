//! How long a configuration takes to parse: a large one, and texts of doubled length, whose bytes a second must agree.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use knockd::config::Config;

/// `doors` doors of 32 ports each.
fn doors(doors: u16) -> Vec<u8> {
    let mut text = String::from("[options]\n    UseSyslog\n\n");
    for door in 0..doors {
        // Steps of 3, so that no door is a sweep; a warning each would measure the warnings.
        let ports: Vec<_> = (0..32).map(|port| (1000 + door % 60_000 + 3 * port).to_string()).collect();
        text += &format!(
            "[door-{door}]\n    Sequence = {}\n    TCPFlags = syn,!ack\n    Start_Command = open %IP%\n\n",
            ports.join(",")
        );
    }
    text.into_bytes()
}

/// A text of about `length` bytes with many doors, long commands, or an error in every other byte of one line.
fn texts(length: usize) -> [(&'static str, Vec<u8>); 3] {
    let count = u16::try_from(length / doors(64).len() * 64).expect("fewer than 65536 doors");
    let command = [b"[ssh]\nSequence = 1,2,3\nStart_Command = ".to_vec(), vec![b'x'; length]].concat();
    let errors = [b"[ssh]\nSequence = 1,2,3\nTCPFlags = x".to_vec(), b",x".repeat(length / 2)].concat();
    [("doors", doors(count)), ("one command", command), ("errors in one line", errors)]
}

fn config(criterion: &mut Criterion) {
    let text = doors(60);
    criterion.bench_function("config/60 doors of 32 ports", |bench| bench.iter(|| Config::parse(black_box(&text))));
    let mut group = criterion.benchmark_group("config/length");
    group.sample_size(10);
    for mebibytes in [1, 2, 4] {
        for (name, text) in texts(mebibytes << 20) {
            group.throughput(Throughput::Bytes(text.len() as u64));
            let id = BenchmarkId::new(name, format!("{mebibytes} MiB"));
            group.bench_with_input(id, &text, |bench, text| bench.iter(|| Config::parse(black_box(text))));
        }
    }
    group.finish();
}

criterion_group!(benches, config);
criterion_main!(benches);
