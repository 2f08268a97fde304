//! Calls an AWS Query API as fast as it answers, over so many connections, and tells how fast that was.
//!
//! ```text
//! caller ADDRESS CONNECTIONS SECONDS BODIES
//! ```
//!
//! `BODIES` is a file with one form-encoded body a line; each connection sends its share of them in turn, the next as soon
//! as the answer to the one before has come whole. An answer that is not 200 is counted as refused. Prints one line of
//! JSON.

#![expect(clippy::print_stdout, reason = "what it measured is what it is for")]
#![expect(clippy::unwrap_used, reason = "a load that cannot be made as asked is not to be made at all")]

#[path = "../versus/clock.rs"]
mod clock;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;

use clock::monotonic;

/// What one connection saw.
#[derive(Default)]
struct Seen {
    /// Of each answer, in nanoseconds from its request.
    times: Vec<u64>,
    refused: u64,
    bytes: u64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, connections, seconds, bodies] = &words[..] else {
        println!("usage: caller ADDRESS CONNECTIONS SECONDS BODIES");
        std::process::exit(2);
    };
    let connections: usize = connections.parse().unwrap();
    let seconds: f64 = seconds.parse().unwrap();
    let text = std::fs::read_to_string(bodies).unwrap();
    let bodies: Vec<&str> = text.lines().collect();
    let begin = monotonic();
    let window = std::time::Duration::from_secs_f64(seconds);
    let end = begin + u64::try_from(window.as_nanos()).unwrap();
    let seen: Vec<Seen> = thread::scope(|scope| {
        let call = |at: usize| {
            let bodies = bodies.iter().copied().cycle().skip(at).step_by(connections);
            scope.spawn(move || calls(address, bodies, end))
        };
        let callers: Vec<_> = (0..connections).map(call).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let took = monotonic() - begin;
    println!("{}", told(&seen, took));
}

/// Sends bodies one after the other until the time is over.
fn calls<'a>(address: &str, bodies: impl Iterator<Item = &'a str>, end: u64) -> Seen {
    let mut seen = Seen::default();
    let mut stream: Option<BufReader<TcpStream>> = None;
    for body in bodies {
        let begin = monotonic();
        if end <= begin {
            break;
        }
        let open = stream.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            BufReader::new(stream)
        });
        let (status, bytes, kept) = call(open, address, body);
        seen.times.push(monotonic() - begin);
        seen.refused += u64::from(status != 200);
        seen.bytes += bytes;
        stream = kept;
    }
    seen
}

/// One call: its status, the bytes of the answer's body, and the connection if it stays.
fn call(
    mut stream: BufReader<TcpStream>,
    address: &str,
    body: &str,
) -> (u16, u64, Option<BufReader<TcpStream>>) {
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/elasticloadbalancing/aws4_request, \
         SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap().parse().unwrap();
    let (mut length, mut chunked, mut stays) = (None, false, line.starts_with("HTTP/1.1"));
    loop {
        line.clear();
        stream.read_line(&mut line).unwrap();
        let field = line.trim_end().to_ascii_lowercase();
        if field.is_empty() {
            break;
        }
        if let Some(value) = field.strip_prefix("content-length: ") {
            length = value.parse::<u64>().ok();
        }
        chunked |= field == "transfer-encoding: chunked";
        stays &= field != "connection: close";
    }
    let mut content = Vec::new();
    match length {
        Some(length) => _ = (&mut stream).take(length).read_to_end(&mut content).unwrap(),
        None if chunked => chunks(&mut stream, &mut content),
        None => _ = stream.read_to_end(&mut content).unwrap(),
    }
    let bytes = u64::try_from(content.len()).unwrap();
    (status, bytes, (stays && (chunked || length.is_some())).then_some(stream))
}

/// Reads a body in chunks to its end (RFC 9112, section 7.1).
fn chunks(stream: &mut BufReader<TcpStream>, content: &mut Vec<u8>) {
    let mut line = String::new();
    loop {
        line.clear();
        stream.read_line(&mut line).unwrap();
        let size = u64::from_str_radix(line.trim_end(), 16).unwrap();
        stream.take(size).read_to_end(content).unwrap();
        line.clear();
        stream.read_line(&mut line).unwrap();
        if size == 0 {
            return;
        }
    }
}

fn told(seen: &[Seen], took: u64) -> serde_json::Value {
    let mut times: Vec<u64> = seen.iter().flat_map(|one| one.times.iter().copied()).collect();
    times.sort_unstable();
    let millis = |share: usize| {
        let at = (times.len() * share / 1_000).min(times.len().saturating_sub(1));
        times.get(at).map_or(0.0, |&nanos| ratio(nanos, 1_000_000))
    };
    serde_json::json!({
        "requests": times.len(),
        "refused": seen.iter().map(|one| one.refused).sum::<u64>(),
        "bytes": seen.iter().map(|one| one.bytes).sum::<u64>(),
        "seconds": ratio(took, 1_000_000_000),
        "per_second": ratio(u64::try_from(times.len()).unwrap() * 1_000_000_000, took),
        "p50_ms": millis(500),
        "p99_ms": millis(990),
        "max_ms": millis(1_000),
    })
}

/// A quotient to a thousandth, without a cast that could lose anything that matters.
fn ratio(number: u64, by: u64) -> f64 {
    let thousandths = u128::from(number) * 1_000 / u128::from(by.max(1));
    f64::from(u32::try_from(thousandths).unwrap_or(u32::MAX)) / 1_000.0
}
