//! The backends of the demo: small HTTP servers on loopback, each with a character of its own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::model::tick::Tick;
use crate::runtime::clock::Clock;

/// How a backend answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Character {
    /// 200, always.
    Good,
    /// 500, always.
    Failing,
    /// Accepts and says nothing.
    Slow,
    /// Nothing listens.
    Refusing,
    /// 200 for a while, then 500 for a while.
    Flapping,
    /// 200; the demo deregisters it and takes it back.
    Leaving,
}

/// How long a flapping backend stays of one mind, in milliseconds.
const MOOD: u64 = 6_000;

impl Character {
    /// Every character, in the order shown.
    pub const ALL: [Self; 6] =
        [Self::Good, Self::Failing, Self::Slow, Self::Refusing, Self::Flapping, Self::Leaving];

    /// Its name in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Failing => "failing with 500",
            Self::Slow => "too slow",
            Self::Refusing => "not listening",
            Self::Flapping => "flapping",
            Self::Leaving => "comes and goes",
        }
    }

    fn status(self, began: Tick, now: Tick) -> Option<&'static str> {
        let bad_mood = now.0.saturating_sub(began.0) / MOOD % 2 == 1;
        match self {
            Self::Good | Self::Leaving => Some("200 OK"),
            Self::Failing => Some("500 Internal Server Error"),
            Self::Flapping if bad_mood => Some("500 Internal Server Error"),
            Self::Flapping => Some("200 OK"),
            Self::Slow | Self::Refusing => None,
        }
    }
}

/// A backend that runs until it is dropped.
#[derive(Debug)]
pub struct Backend {
    /// How it answers.
    pub character: Character,
    /// Where.
    pub port: u16,
    /// Bound and not listening, so that connections are refused and nobody else takes the port.
    _silent: Option<Socket>,
}

/// Starts a backend on a free port of 127.0.0.1.
///
/// # Errors
/// If there is no free port or no descriptor.
pub async fn start(character: Character, clock: Clock) -> io::Result<Backend> {
    if character == Character::Refusing {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let port = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
        return Ok(Backend { character, port, _silent: Some(socket) });
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(serve(listener, character, clock));
    Ok(Backend { character, port, _silent: None })
}

async fn serve(listener: TcpListener, character: Character, clock: Clock) {
    let began = clock.now();
    // An error here is a descriptor shortage; the demo's checks then show it, which is the point of them.
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, character, began, clock));
    }
}

async fn answer(mut stream: TcpStream, character: Character, began: Tick, clock: Clock) {
    let mut request = [0; 1_024];
    let Ok(1..) = stream.read(&mut request).await else { return };
    match character.status(began, clock.now()) {
        Some(status) => {
            let response = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            // The checker may have hung up; there is nobody else to tell.
            _ = stream.write_all(response.as_bytes()).await;
        }
        // Says nothing until the checker hangs up.
        None => _ = stream.read(&mut request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flapping_backend_changes_its_mind() {
        let at = |millis| Character::Flapping.status(Tick(1_000), Tick(1_000 + millis));
        assert_eq!(at(0), Some("200 OK"));
        assert_eq!(at(MOOD), Some("500 Internal Server Error"));
        assert_eq!(at(2 * MOOD), Some("200 OK"));
    }
}
