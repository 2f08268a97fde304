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

    /// Asks for a connection and does not wait for it.
    ///
    /// # Errors
    /// This machine's word, not the target's.
    pub(super) fn connect(&self, address: SocketAddr) -> Result<(), Errno> {
        // The handshake's last packet then rides on the request: one packet less, and the target wakes once. Where the
        // kernel does not do it, the check is only dearer.
        _ = sockopt::set_tcp_quickack(&self.fd, false);
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
        match self.idle(address).pop() {
            Some(socket) => Ok(socket),
            None => Socket::open(address),
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

    /// How many descriptors lie idle.
    pub(super) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Closes all idle sockets: their descriptors are needed elsewhere.
    pub(super) fn clear(&mut self) {
        self.v4.clear();
        self.v6.clear();
    }

    fn idle(&mut self, address: SocketAddr) -> &mut Vec<Socket> {
        if address.is_ipv4() { &mut self.v4 } else { &mut self.v6 }
    }
}
