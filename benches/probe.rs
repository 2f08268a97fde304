//! What one check costs: a whole attempt over loopback, from the socket to the verdict, plain and over TLS; and its
//! parts that need no kernel, the request written and the response head read.
//!
//! The server is a thread of this process that does as little as it can, so the figure is an upper bound of ours.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tgprobe::model::health_check::{HealthCheck, HealthCheckProtocol};
use tgprobe::model::outcome::Outcome;
use tgprobe::probe::Prober;
use tgprobe::probe::head::{Head, Verdict};
use tgprobe::probe::http1::Http1;
use tgprobe::runtime::clock::Clock;

mod heads;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/// Answers one connection after the other. The process ends it.
fn serve(mut answer: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(&mut answer));
    address
}

/// Reads what comes at once, which is the whole request, and answers. A broken connection is the next one's chance.
fn answer(stream: &mut (impl Read + Write)) {
    let mut request = [0; 2048];
    if stream.read(&mut request).is_ok() {
        _ = stream.write_all(ANSWER);
    }
}

fn tls_config() -> Arc<ServerConfig> {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    Arc::new(config)
}

fn one_check(criterion: &mut Criterion, name: &str, protocol: HealthCheckProtocol, address: SocketAddr) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let prober = Prober::new(&HealthCheck { protocol, ..HealthCheck::default() }, None);
    let clock = Clock::start();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            let report = runtime.block_on(prober.probe(address, "127.0.0.1", &clock));
            assert_eq!(report.outcome, Outcome::Pass);
        });
    });
}

fn probe(criterion: &mut Criterion) {
    let plain = serve(|mut stream| answer(&mut stream));
    one_check(criterion, "probe/http", HealthCheckProtocol::Http, plain);
    let config = tls_config();
    let tls = serve(move |stream| {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        answer(&mut StreamOwned::new(session, stream));
    });
    one_check(criterion, "probe/https", HealthCheckProtocol::Https, tls);
}

fn render(criterion: &mut Criterion) {
    let http1 = Http1::new(&HealthCheck::default());
    let mut buffer = Vec::new();
    criterion.bench_function("render", |bencher| {
        bencher.iter(|| {
            http1.render(&mut buffer, black_box("10.0.0.5"), black_box(8080));
            black_box(buffer.len())
        });
    });
}

fn parse(criterion: &mut Criterion) {
    let mut table = criterion.benchmark_group("parse");
    for (name, head) in [("typical", heads::typical()), ("large", heads::large())] {
        table.throughput(Throughput::Bytes(u64::try_from(head.len()).unwrap()));
        table.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(Head::new().feed(black_box(&head)), Verdict::Final { status: 200 }));
        });
    }
}

criterion_group!(benches, probe, render, parse);
criterion_main!(benches);
