//! A TCP connection to a target, made so that our own failures and the network's can be told apart.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use tokio::net::TcpStream;

use crate::probe::errno::Phase;

/// Connects to `address` and keeps `phase` at where it is.
///
/// The connection is asked for by a call of its own: its error is this machine's word ([`Phase::Dial`]), a later
/// one is the network's or the target's ([`Phase::Connect`]).
///
/// # Errors
/// What the kernel said, or `ECONNREFUSED` where the connection turned out to lead back to itself.
pub(super) async fn connect(address: SocketAddr, phase: &mut Phase) -> io::Result<TcpStream> {
    *phase = Phase::Dial;
    let kind = Type::STREAM.nonblocking();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    match socket.connect(&SockAddr::from(address)) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
        Err(error) => return Err(error),
    }
    let stream = TcpStream::from_std(socket.into())?;
    *phase = Phase::Connect;
    established(stream, address).await
}

/// Waits for the network's answer, and refuses a connection to itself.
///
/// Where nothing listens on a local port of the ephemeral range, the kernel may choose that very port as ours, and
/// the socket's own packets then answer each other (RFC 9293, section 3.5, simultaneous open).
async fn established(stream: TcpStream, address: SocketAddr) -> io::Result<TcpStream> {
    stream.writable().await?;
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    let local = stream.local_addr()?;
    if (local.ip(), local.port()) == (address.ip(), address.port()) {
        // Closed by a reset, so that no TIME_WAIT keeps the target from its port.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        return Err(Errno::CONNREFUSED.into());
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_to_itself_is_refused() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
        let own = socket.local_addr().unwrap();
        socket.connect(&own).unwrap();
        socket.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(socket.into()).unwrap();
        let address = own.as_socket().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), stream.local_addr().unwrap());
        let error = established(stream, address).await.unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::CONNREFUSED));
    }

    #[tokio::test]
    async fn an_error_of_the_call_and_an_error_of_the_network_have_different_phases() {
        let mut phase = Phase::Response;
        // A broadcast address takes no TCP; the kernel refuses it before anything is sent.
        let error = connect(SocketAddr::from(([255, 255, 255, 255], 9)), &mut phase).await.unwrap_err();
        assert_eq!(phase, Phase::Dial, "{error}");

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        connect(listener.local_addr().unwrap(), &mut phase).await.unwrap();
        assert_eq!(phase, Phase::Connect);
    }
}
