//! A backend that misbehaves on request: what a health checker meets in the wild, over real sockets on loopback.
//!
//! Every connection has a thread of its own, so that a stuck one delays nobody. A thread ends when the checker hangs
//! up; every read has a limit, so none stays for ever.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

/// What the backend does with every connection.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// Reads the request, writes this and keeps the connection.
    Answer(&'static [u8]),
    /// Reads the request, writes this and closes.
    AnswerAndClose(&'static [u8]),
    /// Reads the request, writes this and resets.
    AnswerAndReset(&'static [u8]),
    /// Writes this without reading, and closes the sending side.
    Blurt(&'static [u8]),
    /// Writes this without reading and closes the connection, so that the request meets a reset.
    BlurtAndLeave(&'static [u8]),
    /// Resets as soon as it has accepted, without reading.
    Reset,
    /// Resets as soon as anything has come.
    ReadAndReset,
    /// Closes the sending side at once; reads on, so that no reset follows.
    Close,
    /// Accepts, reads, says nothing.
    Silent,
    /// A good status line and one header field without an end.
    EndlessHeader,
    /// Header fields without an end.
    EndlessHeaders,
    /// Interim responses without an end.
    InterimFlood,
    /// A good answer, a byte at a time with this pause in between.
    Trickle(Duration),
    /// A good head, and a body of a gigabyte.
    GigabyteBody,
    /// Speaks TLS, whatever is spoken to it, and plays this inside.
    Tls(Arc<ServerConfig>, Box<Self>),
}

/// What the backend saw of a TLS handshake.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Handshake {
    /// The name asked for.
    pub(crate) server_name: Option<String>,
    /// Whether an earlier session was taken up.
    pub(crate) resumed: bool,
}

/// A running backend; stops accepting when dropped.
#[derive(Debug)]
pub(crate) struct Backend {
    address: SocketAddr,
    received: Arc<Mutex<Vec<u8>>>,
    handshakes: Arc<Mutex<Vec<Handshake>>>,
    farewells: mpsc::Receiver<bool>,
    connections: Arc<AtomicUsize>,
    written: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

const READ_LIMIT: Duration = Duration::from_secs(20);
const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

impl Backend {
    /// A backend on loopback, IPv4.
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        Self::listen("127.0.0.1:0", behaviour)
    }

    /// A backend on `address`.
    pub(crate) fn listen(address: &str, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let (farewell, farewells) = mpsc::channel();
        let backend = Self {
            address: listener.local_addr().unwrap(),
            received: Arc::default(),
            handshakes: Arc::default(),
            farewells,
            connections: Arc::default(),
            written: Arc::default(),
            stop: Arc::default(),
        };
        let stop = Arc::clone(&backend.stop);
        let connections = Arc::clone(&backend.connections);
        let tap = backend.tap(farewell);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                connections.fetch_add(1, Ordering::SeqCst);
                let (tap, behaviour) = (tap.clone(), behaviour.clone());
                thread::spawn(move || {
                    stream.set_read_timeout(Some(READ_LIMIT)).unwrap();
                    // The checker hanging up in the middle is how most of these end.
                    _ = play(&behaviour, stream, &tap);
                });
            }
        });
        backend
    }

    fn tap(&self, farewells: mpsc::Sender<bool>) -> Tap {
        Tap {
            received: Arc::clone(&self.received),
            handshakes: Arc::clone(&self.handshakes),
            farewells,
            written: Arc::clone(&self.written),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every byte received so far, inside TLS if there is one.
    pub(crate) fn received(&self) -> Vec<u8> {
        self.received.lock().unwrap().clone()
    }

    /// The TLS handshakes finished so far.
    pub(crate) fn handshakes(&self) -> Vec<Handshake> {
        self.handshakes.lock().unwrap().clone()
    }

    /// Waits for the end of a connection that was to be kept: whether the checker closed it in turn, over TLS with a
    /// farewell, and not by a reset.
    pub(crate) fn farewell(&self) -> bool {
        self.farewells.recv_timeout(READ_LIMIT).unwrap()
    }

    /// How many connections were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many bytes of answer the sockets have taken.
    pub(crate) fn written(&self) -> usize {
        self.written.load(Ordering::SeqCst)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        _ = TcpStream::connect(self.address);
    }
}

/// Notes what passes.
#[derive(Clone)]
struct Tap {
    received: Arc<Mutex<Vec<u8>>>,
    handshakes: Arc<Mutex<Vec<Handshake>>>,
    farewells: mpsc::Sender<bool>,
    written: Arc<AtomicUsize>,
}

impl Tap {
    /// Reads up to the end of the request's head.
    fn request(&self, stream: &mut impl Read) -> std::io::Result<()> {
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            request.push(byte[0]);
        }
        self.received.lock().unwrap().extend_from_slice(&request);
        Ok(())
    }

    fn write(&self, stream: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
        stream.write_all(bytes)?;
        stream.flush()?;
        self.written.fetch_add(bytes.len(), Ordering::SeqCst);
        Ok(())
    }

    fn repeat(&self, stream: &mut impl Write, bytes: &[u8], times: usize) -> std::io::Result<()> {
        (0..times).try_for_each(|_| self.write(stream, bytes))
    }
}

fn play(behaviour: &Behaviour, mut tcp: TcpStream, tap: &Tap) -> std::io::Result<()> {
    match behaviour {
        Behaviour::Reset => reset(&tcp),
        Behaviour::ReadAndReset => {
            tcp.read_exact(&mut [0])?;
            reset(&tcp)
        }
        Behaviour::BlurtAndLeave(bytes) => tap.write(&mut tcp, bytes),
        Behaviour::Blurt(bytes) => {
            tap.write(&mut tcp, bytes)?;
            tcp.shutdown(std::net::Shutdown::Write)?;
            hold(&mut tcp)
        }
        Behaviour::Close => {
            tcp.shutdown(std::net::Shutdown::Write)?;
            hold(&mut tcp)
        }
        Behaviour::Tls(config, inside) => {
            let session = ServerConnection::new(Arc::clone(config)).map_err(std::io::Error::other)?;
            let mut stream = StreamOwned::new(session, tcp);
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock)?;
            }
            tap.handshakes.lock().unwrap().push(Handshake {
                server_name: stream.conn.server_name().map(str::to_owned),
                resumed: stream.conn.handshake_kind() == Some(HandshakeKind::Resumed),
            });
            let end = talk(inside, &mut stream, tap);
            // Without a farewell the end of the connection is an error here (RFC 8446, section 6.1). Nobody may listen.
            _ = tap.farewells.send(end.is_ok());
            end?;
            if matches!(**inside, Behaviour::AnswerAndReset(_)) {
                return reset(&stream.sock);
            }
            if matches!(**inside, Behaviour::AnswerAndClose(_)) {
                stream.conn.send_close_notify();
            }
            stream.flush()?;
            stream.sock.shutdown(std::net::Shutdown::Write)?;
            hold(&mut stream.sock)
        }
        Behaviour::Answer(_)
        | Behaviour::AnswerAndClose(_)
        | Behaviour::AnswerAndReset(_)
        | Behaviour::Silent
        | Behaviour::EndlessHeader
        | Behaviour::EndlessHeaders
        | Behaviour::InterimFlood
        | Behaviour::Trickle(_)
        | Behaviour::GigabyteBody => {
            let end = talk(behaviour, &mut tcp, tap);
            _ = tap.farewells.send(end.is_ok());
            end?;
            if matches!(behaviour, Behaviour::AnswerAndReset(_)) {
                return reset(&tcp);
            }
            tcp.shutdown(std::net::Shutdown::Write)?;
            hold(&mut tcp)
        }
    }
}

/// What can be done inside TLS as well. Returns when it is time to close.
fn talk(behaviour: &Behaviour, stream: &mut (impl Read + Write), tap: &Tap) -> std::io::Result<()> {
    tap.request(stream)?;
    match behaviour {
        Behaviour::AnswerAndClose(bytes) | Behaviour::AnswerAndReset(bytes) => {
            return tap.write(stream, bytes);
        }
        Behaviour::Answer(bytes) => tap.write(stream, bytes)?,
        Behaviour::EndlessHeader => {
            tap.write(stream, b"HTTP/1.1 200 OK\r\nEndless: ")?;
            tap.repeat(stream, &[b'a'; 1000], usize::MAX)?;
        }
        Behaviour::EndlessHeaders => {
            tap.write(stream, b"HTTP/1.1 200 OK\r\n")?;
            tap.repeat(stream, b"A: b\r\n", usize::MAX)?;
        }
        Behaviour::InterimFlood => tap.repeat(stream, b"HTTP/1.1 100 Continue\r\n\r\n", usize::MAX)?,
        Behaviour::GigabyteBody => {
            tap.write(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")?;
            tap.repeat(stream, &[b'b'; 65_536], 16_384)?;
        }
        Behaviour::Trickle(pause) => {
            for byte in GOOD {
                tap.write(stream, &[*byte])?;
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the pace is the behaviour; nothing waits for it"
                )]
                thread::sleep(*pause);
            }
        }
        // Those that do not read have been played already.
        Behaviour::Silent
        | Behaviour::Blurt(_)
        | Behaviour::BlurtAndLeave(_)
        | Behaviour::Reset
        | Behaviour::ReadAndReset
        | Behaviour::Close
        | Behaviour::Tls(..) => {}
    }
    hold(stream)
}

/// Reads until the other side hangs up.
fn hold(stream: &mut impl Read) -> std::io::Result<()> {
    let mut rest = [0; 1024];
    while stream.read(&mut rest)? > 0 {}
    Ok(())
}

/// Has the socket closed with a reset once it is dropped.
fn reset(tcp: &TcpStream) -> std::io::Result<()> {
    SockRef::from(tcp).set_linger(Some(Duration::ZERO))
}

/// An address that lets no connection stand, as a dropping packet filter does: a listener whose queue is full.
///
/// Keep what is returned for as long as the address is used.
pub(crate) fn black_hole() -> (SocketAddr, Vec<Socket>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut kept = vec![listener];
    loop {
        let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let full = filler.connect_timeout(&address, Duration::from_millis(100)).is_err();
        kept.push(filler);
        assert!(kept.len() < 64, "the queue of a listener has no end here");
        if full {
            return (address.as_socket().unwrap(), kept);
        }
    }
}
