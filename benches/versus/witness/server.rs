//! The sockets: accepts, reads one request a connection, answers, closes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{Error, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, accept_with, bind, getsockname, listen,
    recv, send, socket_with, sockopt,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::clock::monotonic;
use crate::control::command;
use crate::window::{Mode, Record};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nup\n";
const ERROR: &[u8] =
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\nConnection: close\r\n\r\ndown\n";
const ENDLESS_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n";
const ENDLESS_LINE: &[u8] =
    b"x-and-on: and on and on and on and on and on and on and on and on and on and on\r\n";

/// Address of the first target.
const FIRST: u32 = u32::from_be_bytes([127, 1, 0, 0]);
/// Index of a connection to an address that is no target.
const NO_TARGET: u32 = u32::MAX;
/// Connections accepted at a time; so many requests have come when the first of them is read.
const BATCH: usize = 128;
/// Longest request head; a longer one is hung up on.
const LONGEST: usize = 16_384;

const LISTENER: u64 = u64::MAX;
const CONTROL_LISTENER: u64 = u64::MAX - 1;
const CONTROL: u64 = u64::MAX - 2;

/// One connection. `life` tells it from the one that had its place before.
struct Connection {
    socket: OwnedFd,
    target: u32,
    life: u32,
    waiting: bool,
    head: Vec<u8>,
}

/// What is to be done later: when, for which place and life.
type Later = Reverse<(u64, u32, u32)>;

/// All of the witness.
pub(crate) struct Server {
    epoll: OwnedFd,
    listener: OwnedFd,
    control_listener: TcpListener,
    control: Option<(TcpStream, Vec<u8>)>,
    connections: Vec<Option<Connection>>,
    free: Vec<u32>,
    life: u32,
    later: BinaryHeap<Later>,
    record: Record,
    buffer: Vec<u8>,
}

/// An index as a place in a list; 32 bits fit wherever this runs.
fn place(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

impl Server {
    /// Listens on `port` for checks and on `control` for commands.
    pub(crate) fn new(port: u16, control: &str, targets: u32) -> Result<Self, Error> {
        // The witness stands for many machines: it takes all descriptors it may have.
        let most = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let listener = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        sockopt::set_socket_reuseaddr(&listener, true)?;
        bind(&listener, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))?;
        listen(&listener, 65_535)?;
        let control_listener = TcpListener::bind(control)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
        epoll::add(
            &epoll,
            &control_listener,
            epoll::EventData::new_u64(CONTROL_LISTENER),
            epoll::EventFlags::IN,
        )?;
        Ok(Self {
            epoll,
            listener,
            control_listener,
            control: None,
            connections: Vec::new(),
            free: Vec::new(),
            life: 0,
            later: BinaryHeap::new(),
            record: Record::new(targets),
            buffer: vec![0; LONGEST],
        })
    }

    /// The ports it has got, as JSON.
    pub(crate) fn ports(&self) -> Result<Value, Error> {
        let port = SocketAddr::try_from(getsockname(&self.listener)?)?.port();
        Ok(json!({ "port": port, "control": self.control_listener.local_addr()?.port() }))
    }

    /// Serves until whoever controls it hangs up, or is gone: nobody is left to read what it sees then.
    pub(crate) fn run(&mut self) -> Result<(), Error> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(1024);
        loop {
            let wait = self.later.peek().map(|Reverse((due, ..))| {
                Timespec::try_from(Duration::from_nanos(due.saturating_sub(monotonic()))).unwrap_or_default()
            });
            match epoll::wait(&self.epoll, spare_capacity(&mut events), wait.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in events.drain(..) {
                match event.data.u64() {
                    LISTENER => self.accept(),
                    CONTROL_LISTENER => self.accept_control()?,
                    CONTROL => {
                        if !self.obey()? {
                            return Ok(());
                        }
                    }
                    data => {
                        let at = u32::try_from(data & u64::from(u32::MAX)).unwrap_or(u32::MAX);
                        let life = u32::try_from(data >> 32).unwrap_or(u32::MAX);
                        if self.alive(at, life) {
                            self.read(at);
                        }
                    }
                }
            }
            self.fire();
        }
    }

    fn alive(&self, at: u32, life: u32) -> bool {
        self.connections.get(place(at)).and_then(Option::as_ref).is_some_and(|open| open.life == life)
    }

    /// Accepts what waits, then reads it: by then the requests have come, and most need no epoll at all.
    fn accept(&mut self) {
        let mut fresh = [0; BATCH];
        let mut count = 0;
        while count < BATCH {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let Ok(socket) = accept_with(&self.listener, flags) else { break };
            let target = match getsockname(&socket).map(SocketAddr::try_from) {
                Ok(Ok(address)) => match address.ip() {
                    IpAddr::V4(ip) => ip.to_bits().checked_sub(FIRST).unwrap_or(NO_TARGET),
                    IpAddr::V6(_) => NO_TARGET,
                },
                _ => NO_TARGET,
            };
            self.life = self.life.wrapping_add(1);
            let open = Connection { socket, target, life: self.life, waiting: false, head: Vec::new() };
            let at = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                u32::try_from(self.connections.len() - 1).unwrap_or(u32::MAX)
            });
            self.connections[place(at)] = Some(open);
            fresh[count] = at;
            count += 1;
        }
        for at in fresh.into_iter().take(count) {
            self.read(at);
            if let Some(open) = &self.connections[place(at)] {
                let data = epoll::EventData::new_u64(u64::from(open.life) << 32 | u64::from(at));
                let wanted = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
                if epoll::add(&self.epoll, &open.socket, data, wanted).is_err() {
                    self.close(at);
                }
            }
        }
    }

    fn close(&mut self, at: u32) {
        if self.connections[place(at)].take().is_some() {
            self.free.push(at);
        }
    }

    /// Reads what is there; answers a request that is whole.
    fn read(&mut self, at: u32) {
        loop {
            let Some(open) = &mut self.connections[place(at)] else { return };
            let got = match recv(&open.socket, &mut self.buffer[..], RecvFlags::empty()) {
                Ok((_, got)) if got > 0 => got,
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => continue,
                // The prober has gone.
                Ok(_) | Err(_) => return self.close(at),
            };
            if open.waiting {
                continue;
            }
            let text = &self.buffer[..got];
            let whole = if open.head.is_empty() && text.ends_with(b"\r\n\r\n") {
                true
            } else {
                open.head.extend_from_slice(text);
                open.head.windows(4).any(|end| end == b"\r\n\r\n")
            };
            if whole {
                return self.answer(at);
            }
            if open.head.len() > LONGEST {
                return self.close(at);
            }
        }
    }

    fn answer(&mut self, at: u32) {
        let Some(open) = &mut self.connections[place(at)] else { return };
        let mode = self.record.arrival(open.target);
        let after = |millis: u32| monotonic() + u64::from(millis) * 1_000_000;
        match mode {
            Mode::Ok | Mode::Error => {
                let text = if mode == Mode::Ok { OK } else { ERROR };
                let _ = send(&open.socket, text, SendFlags::NOSIGNAL);
                self.close(at);
            }
            Mode::Reset => {
                let _ = sockopt::set_socket_linger(&open.socket, Some(Duration::ZERO));
                self.close(at);
            }
            Mode::Never => open.waiting = true,
            Mode::Slow(millis) => {
                open.waiting = true;
                self.later.push(Reverse((after(millis), at, open.life)));
            }
            Mode::Endless(millis) => {
                open.waiting = true;
                let _ = send(&open.socket, ENDLESS_HEAD, SendFlags::NOSIGNAL);
                self.later.push(Reverse((after(millis), at, open.life)));
            }
        }
    }

    /// Does what is due: the answer of a slow target, the next line of an endless one.
    fn fire(&mut self) {
        if self.later.is_empty() {
            return;
        }
        let now = monotonic();
        while let Some(Reverse((due, at, life))) = self.later.peek().copied() {
            if due > now {
                break;
            }
            self.later.pop();
            if !self.alive(at, life) {
                continue;
            }
            let Some(open) = &self.connections[place(at)] else { continue };
            let mode = self.record.targets.get(place(open.target)).map_or(Mode::Ok, |target| target.mode);
            if let Mode::Endless(millis) = mode
                && send(&open.socket, ENDLESS_LINE, SendFlags::NOSIGNAL).is_ok()
            {
                self.later.push(Reverse((now + u64::from(millis) * 1_000_000, at, life)));
            } else {
                let _ = send(&open.socket, OK, SendFlags::NOSIGNAL);
                self.close(at);
            }
        }
    }

    fn accept_control(&mut self) -> Result<(), Error> {
        let (stream, _) = self.control_listener.accept()?;
        epoll::add(&self.epoll, &stream, epoll::EventData::new_u64(CONTROL), epoll::EventFlags::IN)?;
        self.control = Some((stream, Vec::new()));
        Ok(())
    }

    /// Carries out the commands that have come; false once there will be no more. A reader of the answers that stands
    /// still stops the witness.
    fn obey(&mut self) -> Result<bool, Error> {
        let Some((stream, lines)) = &mut self.control else { return Ok(true) };
        let got = stream.read(&mut self.buffer)?;
        if got == 0 || lines.len() > LONGEST {
            return Ok(false);
        }
        lines.extend_from_slice(&self.buffer[..got]);
        while let Some(end) = lines.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = lines.drain(..=end).collect();
            let mut reply = command(&mut self.record, &String::from_utf8_lossy(&line)).to_string();
            reply.push('\n');
            stream.write_all(reply.as_bytes())?;
        }
        Ok(true)
    }
}
