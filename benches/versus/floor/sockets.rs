//! The sockets of the floor.

use std::collections::VecDeque;
use std::io::Error;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, connect_unspec, recv, send,
    socket_with, sockopt,
};

/// tgprobe's request but for the port in `Host`. That of HAProxy is 35 bytes shorter (`versus/probers.py` has them all).
const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
    User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n";
/// Address of the first target.
const FIRST: u32 = u32::from_be_bytes([127, 1, 0, 0]);

/// A socket; `watched` where epoll knows it already.
struct Socket {
    fd: OwnedFd,
    watched: bool,
}

/// All checks under way, and the sockets at rest where they are recycled.
pub(crate) struct Sockets {
    port: u16,
    recycle: bool,
    eager: bool,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    /// Started in the group before, to be read at the next one.
    pending: VecDeque<Socket>,
    /// Those whose answer epoll will tell.
    slow: Vec<Option<Socket>>,
    free: Vec<usize>,
    rest: Vec<Socket>,
    buffer: [u8; 2048],
}

impl Sockets {
    /// No checks yet, of targets on this port.
    pub(crate) fn new(port: u16, recycle: bool, eager: bool) -> Result<Self, Error> {
        Ok(Self {
            port,
            recycle,
            eager,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(1024),
            pending: VecDeque::new(),
            slow: Vec::new(),
            free: Vec::new(),
            rest: Vec::new(),
            buffer: [0; 2048],
        })
    }

    /// Starts the check of one target.
    pub(crate) fn check(&mut self, target: u32) -> Result<(), Error> {
        let socket = if let Some(socket) = self.rest.pop() {
            connect_unspec(&socket.fd)?;
            socket
        } else {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            Socket { fd: socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?, watched: false }
        };
        // The acknowledgement that ends the handshake rides on the request. Dissolving a socket forgets it.
        sockopt::set_tcp_quickack(&socket.fd, false)?;
        let address = SocketAddrV4::new(Ipv4Addr::from_bits(FIRST + target), self.port);
        match connect(&socket.fd, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        // On loopback the handshake is over when connect returns.
        send(&socket.fd, REQUEST, SendFlags::NOSIGNAL)?;
        if self.eager {
            self.watch(socket)
        } else {
            self.pending.push_back(socket)
        }
        Ok(())
    }

    /// Reads the answers to the group before.
    pub(crate) fn collect(&mut self) {
        for _ in 0..self.pending.len() {
            let Some(socket) = self.pending.pop_front() else { return };
            self.read(socket);
        }
    }

    /// Waits for answers, or until a group is due.
    pub(crate) fn wait(&mut self, most: &Timespec) -> Result<(), Error> {
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(most)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            let at = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            if let Some(socket) = self.slow.get_mut(at).and_then(Option::take) {
                self.free.push(at);
                self.read(socket);
            }
        }
        self.events = events;
        Ok(())
    }

    fn read(&mut self, socket: Socket) {
        match recv(&socket.fd, &mut self.buffer[..], RecvFlags::empty()) {
            Err(Errno::AGAIN) => self.watch(socket),
            answer => {
                let good = answer.is_ok_and(|(_, got)| self.buffer[..got].starts_with(b"HTTP/1.1 200"));
                // What is not a good answer is of no use any more: the socket goes, and a new one comes.
                if good && self.recycle {
                    self.rest.push(socket);
                } else {
                    let _ = sockopt::set_socket_linger(&socket.fd, Some(Duration::ZERO));
                }
            }
        }
    }

    /// Lets epoll tell when the answer is there.
    fn watch(&mut self, mut socket: Socket) {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slow.push(None);
            self.slow.len() - 1
        });
        let data = epoll::EventData::new_u64(u64::try_from(at).unwrap_or(u64::MAX));
        let wanted = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
        let done = if socket.watched {
            epoll::modify(&self.epoll, &socket.fd, data, wanted)
        } else {
            epoll::add(&self.epoll, &socket.fd, data, wanted)
        };
        if done.is_err() {
            self.free.push(at);
            return;
        }
        socket.watched = true;
        self.slow[at] = Some(socket);
    }
}
