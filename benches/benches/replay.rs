//! Whole replays of captures in memory, each way of showing them, in nanoseconds a packet.

use std::{fs::File, hint::black_box, io, io::BufWriter, path::PathBuf, time::Duration};

use criterion::{Criterion, Throughput};
use knock_benches::{
    doors::ONE_DOOR,
    traffic::{self, Kind, LOCAL},
};
use knockd::{config::Style, engine::Local};
use knocksim::replay::{self, Options, Show, Streams, beside::LocalArg, explain::Filter};

const PACKETS: u64 = 200_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let folder = tempfile::tempdir().expect("a folder for the captures");
    let config = folder.path().join("capture.conf");
    std::fs::write(&config, ONE_DOOR).expect("room for the configuration");
    for kind in Kind::ALL {
        let path = folder.path().join(format!("{kind:?}.pcap"));
        let file = File::create(&path).expect("room for the capture");
        traffic::write(kind, PACKETS, 1, BufWriter::new(file)).expect("room for the capture");
        shows(&mut criterion, kind, &config, path);
    }
    criterion.final_summary();
}

/// Every way of showing a replay; the file is opened and mapped each time, and the output goes nowhere.
fn shows(c: &mut Criterion, kind: Kind, config: &std::path::Path, capture: PathBuf) {
    let mut group = c.benchmark_group(format!("replay/{kind:?}"));
    group.throughput(Throughput::Elements(PACKETS));
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    let captures = [capture];
    for (name, show) in [
        ("nothing", Show::Nothing),
        ("json", Show::Json),
        ("timeline", Show::Timeline),
        ("explain", Show::Explain(Filter::default())),
    ] {
        let options = Options {
            config: Some(config.to_owned()),
            local: vec![LocalArg(Local { address: LOCAL.into(), prefix: Some(24) })],
            show,
            ..Options::default()
        };
        group.bench_function(name, |b| {
            b.iter(|| {
                let (out, err) = (&mut io::sink(), &mut io::sink());
                let mut streams = Streams { out, err, style: Style::Plain, bar: false };
                let outcome = replay::run(&options, &captures, &mut streams).expect("nothing refuses the output");
                assert_eq!(black_box(outcome).status(), 0);
            });
        });
    }
    group.finish();
}
