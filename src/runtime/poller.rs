//! What a shard's thread waits for: sockets, its mailbox, and one moment.
//!
//! epoll by hand: a turn of the loop costs one call, however much has happened, and no timer is registered for a check
//! (docs/capacity.md, "Where the time goes").

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::io::Errno;

use crate::probe::Interest;

/// Events taken at a time; more wait for the next turn.
const EVENTS: usize = 256;

/// The mailbox's bell, among numbers that otherwise name checks.
const BELL: u64 = u64::MAX;

/// Waits for a shard's thread.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    bell: OwnedFd,
}

/// Room for what one wait finds; it stays on the thread that waits.
#[expect(missing_debug_implementations, reason = "the kernel's events have none")]
pub struct Events(Vec<epoll::Event>);

impl Default for Events {
    fn default() -> Self {
        Self(Vec::with_capacity(EVENTS))
    }
}

/// Wakes a [`Poller`] from another thread.
#[derive(Debug)]
pub struct Bell(OwnedFd);

impl Bell {
    /// Ends the poller's wait, now or as soon as it begins.
    pub fn ring(&self) {
        // Full only after 2^64 - 2 rings nobody heard, and then it rings already.
        _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Another hand on the same bell.
    ///
    /// # Errors
    /// If there is no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }
}

impl Poller {
    /// Makes a poller and its bell.
    ///
    /// # Errors
    /// If there is no descriptor left.
    pub fn new() -> io::Result<(Self, Bell)> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &bell, epoll::EventData::new_u64(BELL), epoll::EventFlags::IN)?;
        let hand = Bell(bell.try_clone()?);
        Ok((Self { epoll, bell }, hand))
    }

    /// Has `socket` watched once, under `name`. `again`: it has been watched before.
    ///
    /// # Errors
    /// If the kernel has no memory for it, or the limit of watched descriptors is reached.
    pub fn watch(
        &self,
        socket: BorrowedFd<'_>,
        name: u32,
        interest: Interest,
        again: bool,
    ) -> Result<(), Errno> {
        let ready = match interest {
            Interest::Readable => epoll::EventFlags::IN,
            Interest::Writable => epoll::EventFlags::OUT,
        };
        let flags = ready | epoll::EventFlags::RDHUP | epoll::EventFlags::ONESHOT;
        let data = epoll::EventData::new_u64(u64::from(name));
        if again {
            epoll::modify(&self.epoll, socket, data, flags)
        } else {
            epoll::add(&self.epoll, socket, data, flags)
        }
    }

    /// Waits for `timeout` at most, or without end. Gives the names of the sockets that are ready to `ready`, and says
    /// whether the bell rang.
    pub fn wait(
        &self,
        timeout: Option<Duration>,
        Events(events): &mut Events,
        mut ready: impl FnMut(u32),
    ) -> bool {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        events.clear();
        // An interrupted wait is a short one.
        _ = epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), timeout.as_ref());
        let mut rang = false;
        for event in events.iter() {
            match event.data.u64() {
                BELL => rang = true,
                name => ready(u32::try_from(name).unwrap_or(u32::MAX)),
            }
        }
        if rang {
            let mut count = [0; 8];
            // Nothing to read means that it has been heard already.
            _ = rustix::io::read(self.bell.as_fd(), &mut count);
        }
        rang
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};

    fn wait(poller: &Poller, timeout: Option<Duration>) -> (bool, Vec<u32>) {
        let mut names = Vec::new();
        let rang = poller.wait(timeout, &mut Events::default(), |name| names.push(name));
        (rang, names)
    }

    #[test]
    fn a_socket_is_told_once_for_each_time_it_is_watched() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let (poller, _bell) = Poller::new().unwrap();
        poller.watch(near.as_fd(), 7, Interest::Readable, false).unwrap();
        assert_eq!(wait(&poller, Some(Duration::ZERO)), (false, vec![]));
        far.write_all(b"x").unwrap();
        assert_eq!(wait(&poller, None), (false, vec![7]));
        assert_eq!(wait(&poller, Some(Duration::ZERO)), (false, vec![]));
        poller.watch(near.as_fd(), 8, Interest::Writable, true).unwrap();
        assert_eq!(wait(&poller, None), (false, vec![8]));
    }

    #[test]
    fn the_bell_ends_a_wait_without_end_and_is_heard_once() {
        let (poller, bell) = Poller::new().unwrap();
        bell.ring();
        bell.try_clone().unwrap().ring();
        assert_eq!(wait(&poller, None), (true, vec![]));
        assert_eq!(wait(&poller, Some(Duration::ZERO)), (false, vec![]));
        let ringer = std::thread::spawn(move || bell.ring());
        assert_eq!(wait(&poller, None), (true, vec![]));
        ringer.join().unwrap();
    }
}
