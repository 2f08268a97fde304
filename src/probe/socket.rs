//! Sockets to targets: made, connected, closed without a trace, and used again.
//!
//! A connection that has given its answer is reset, not closed in turn: whoever closes first keeps its port for a
//! minute (RFC 9293, section 3.6.1, TIME-WAIT), and thousands of checks a second would use all ports up. Dissolving
//! a connection resets it and leaves the socket, so that the next check need not make one (docs/semantics.md, "The
//! end of a connection").

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, sockopt};

/// Idle sockets kept of each address family. A group of checks started together is some hundred; idle ones more than
/// that would only take descriptors.
const IDLE: usize = 512;

/// One socket, connected or not.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    /// Whether the shell has ever had it watched; see [`super::Attempt::watch`].
    pub(super) watched: bool,
}

impl Socket {
    fn open(address: SocketAddr) -> Result<Self, Errno> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        Ok(Self { fd, watched: false })
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Asks for a connection and does not wait for it. `in_full`: nothing will be sent, so the handshake is to be
    /// completed without.
    ///
    /// # Errors
    /// This machine's word, not the target's.
    pub(super) fn connect(&self, address: SocketAddr, in_full: bool) -> Result<(), Errno> {
        // The handshake's last packet otherwise rides on the request: one packet less, and the target wakes once. Where
        // the kernel does not do it, the check is only dearer.
        _ = sockopt::set_tcp_quickack(&self.fd, in_full);
        match rustix::net::connect(&self.fd, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Sends what fits; `EAGAIN` while the connection does not stand or its buffer is full.
    pub(super) fn send(&self, bytes: &[u8]) -> Result<usize, Errno> {
        rustix::net::send(&self.fd, bytes, SendFlags::NOSIGNAL)
    }

    /// Takes what has come; 0 at the end, `EAGAIN` when there is nothing yet.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        rustix::net::recv(&self.fd, buffer, RecvFlags::empty()).map(|(count, _)| count)
    }

    /// Whether the connection leads back to itself.
    ///
    /// Where nothing listens on a local port of the ephemeral range, the kernel may choose that very port as ours, and
    /// the socket's own packets then answer each other (RFC 9293, section 3.5, simultaneous open).
    pub(super) fn is_connected_to_itself(&self, address: SocketAddr) -> bool {
        let Ok(local) = rustix::net::getsockname(&self.fd) else { return false };
        SocketAddr::try_from(local)
            .is_ok_and(|local| (local.ip(), local.port()) == (address.ip(), address.port()))
    }

    /// Closes with a reset if the connection still stands.
    pub(super) fn reset(self) {
        // Refused by no kernel; otherwise the connection closes in turn, which is right as well.
        _ = sockopt::set_socket_linger(&self.fd, Some(Duration::ZERO));
    }
}

/// Sockets between two checks.
///
/// None is made while an idle one could be used, nor beside an idle one of the other family, only in its place. So the
/// sockets of a thread, connected and idle, are never more than the checks it ever had in flight at once.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    v4: Vec<Socket>,
    v6: Vec<Socket>,
}

impl Sockets {
    /// A socket that can be connected to `address`.
    ///
    /// # Errors
    /// What the kernel said when one had to be made.
    pub(super) fn take(&mut self, address: SocketAddr) -> Result<Socket, Errno> {
        self.take_or(address, Socket::open)
    }

    fn take_or(
        &mut self,
        address: SocketAddr,
        open: impl Fn(SocketAddr) -> Result<Socket, Errno>,
    ) -> Result<Socket, Errno> {
        let (same, other) =
            if address.is_ipv4() { (&mut self.v4, &mut self.v6) } else { (&mut self.v6, &mut self.v4) };
        if let Some(socket) = same.pop() {
            return Ok(socket);
        }
        drop(other.pop());
        match open(address) {
            Err(Errno::MFILE | Errno::NFILE) if !other.is_empty() => {
                other.clear();
                open(address)
            }
            opened => opened,
        }
    }

    /// Resets a connection whose work is done and keeps its socket. `address` is where it led.
    pub(super) fn dissolve(&mut self, socket: Socket, address: SocketAddr) {
        let idle = self.idle(address);
        if idle.len() >= IDLE || rustix::net::connect_unspec(&socket.fd).is_err() {
            return socket.reset();
        }
        idle.push(socket);
    }

    fn idle(&mut self, address: SocketAddr) -> &mut Vec<Socket> {
        if address.is_ipv4() { &mut self.v4 } else { &mut self.v6 }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;
    use crate::model::failure::Failure;
    use crate::model::health_check::{HealthCheck, HealthCheckProtocol};
    use crate::model::outcome::Outcome;
    use crate::probe::{Kit, Prober, Stopwatch};

    const V4: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 80);
    const V6: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 80);

    /// Any socket will do where none is connected, and IPv4 ones can be had everywhere.
    fn open(_: SocketAddr) -> Result<Socket, Errno> {
        Socket::open(V4)
    }

    /// A clock that stands still: no deadline comes.
    struct Still;

    impl Stopwatch for Still {
        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn idle_count(sockets: &Sockets) -> usize {
        sockets.v4.len() + sockets.v6.len()
    }

    /// So many idle IPv4 sockets.
    fn idle(count: usize) -> Sockets {
        let mut sockets = Sockets::default();
        let taken: Vec<Socket> = (0..count).map(|_| sockets.take_or(V4, open).unwrap()).collect();
        taken.into_iter().for_each(|socket| sockets.dissolve(socket, V4));
        assert_eq!(idle_count(&sockets), count);
        sockets
    }

    #[test]
    fn sockets_are_never_more_than_checks_were_in_flight() {
        let mut sockets = idle(3);
        let taken: Vec<Socket> = (0..2).map(|_| sockets.take_or(V6, open).unwrap()).collect();
        assert_eq!(idle_count(&sockets), 1);
        taken.into_iter().for_each(|socket| sockets.dissolve(socket, V6));
        assert_eq!(idle_count(&sockets), 3);
        let taken = [V4, V6, V6, V4].map(|address| sockets.take_or(address, open).unwrap());
        assert_eq!((taken.len(), idle_count(&sockets)), (4, 0));
    }

    #[test]
    fn a_check_takes_the_socket_that_the_one_before_has_left() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = std::thread::spawn(move || {
            for _ in 0..3 {
                let (mut connection, _) = listener.accept().unwrap();
                connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                // Until it is reset.
                _ = connection.read_to_end(&mut Vec::new());
            }
        });
        let (prober, mut kit) = (Prober::new(&HealthCheck::default(), None), Kit::new());
        for _ in 0..3 {
            let mut attempt = prober.attempt(address, &Still);
            while attempt.step("127.0.0.1", &mut kit, &Still).is_none() {
                std::thread::yield_now();
            }
            assert_eq!(idle_count(&kit.sockets), 1);
        }
        target.join().unwrap();
    }

    #[test]
    fn a_connection_that_leads_back_to_itself_is_no_target() {
        for protocol in HealthCheckProtocol::ALL {
            // No dice: the socket has the port it will ask for before it asks.
            let socket = open(V4).unwrap();
            rustix::net::bind(&socket.fd, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
            let itself = SocketAddr::try_from(rustix::net::getsockname(&socket.fd).unwrap()).unwrap();
            let mut kit = Kit::new();
            kit.sockets.v4.push(socket);
            let prober = Prober::new(&HealthCheck { protocol, ..HealthCheck::default() }, None);
            let mut attempt = prober.attempt(itself, &Still);
            let report = loop {
                if let Some(report) = attempt.step("127.0.0.1", &mut kit, &Still) {
                    break report;
                }
                std::thread::yield_now();
            };
            assert_eq!(report.outcome, Outcome::Fail(Failure::ConnectRefused), "{protocol}");
            assert_eq!(report.timings.connect, None, "{protocol}");
        }
    }

    #[test]
    fn where_descriptors_run_out_the_idle_ones_are_given_up() {
        for errno in [Errno::MFILE, Errno::NFILE] {
            let (mut sockets, tries) = (idle(3), Cell::new(0));
            let taken = sockets.take_or(V6, |address| {
                tries.set(tries.get() + 1);
                if tries.get() == 1 { Err(errno) } else { open(address) }
            });
            assert!(taken.is_ok(), "{errno}");
            assert_eq!((tries.get(), idle_count(&sockets)), (2, 0), "{errno}");
            let nothing_to_give = sockets.take_or(V6, |_| Err(errno));
            assert_eq!(nothing_to_give.err(), Some(errno));
        }
        let (mut sockets, other) = (idle(3), Errno::NOBUFS);
        assert_eq!(sockets.take_or(V6, |_| Err(other)).err(), Some(other));
        assert_eq!(idle_count(&sockets), 2, "no descriptor is missing");
    }
}
