//! Checks that only connect: what passes, what does not, and that nothing is said.

use std::io::{ErrorKind, Read as _};
use std::net::TcpListener;

use tgprobe::model::failure::Failure;
use tgprobe::model::health_check::{Close, HealthCheck, HealthCheckProtocol};
use tgprobe::model::outcome::Outcome;
use tgprobe::probe::Kit;
use tgprobe::runtime::clock::Clock;

use crate::misbehaving::{Backend, Behaviour, black_hole};
use crate::{LONG, SHORT, check_overdue, failed, judge_without_status, probe, probe_from, prober, within};

fn tcp(check: HealthCheck) -> HealthCheck {
    HealthCheck { protocol: HealthCheckProtocol::Tcp, ..check }
}

#[tokio::test]
async fn a_connection_that_stands_passes_and_nothing_is_sent() {
    for (close, end) in [(Close::Reset, Err(ErrorKind::ConnectionReset)), (Close::Orderly, Ok(0))] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let report = probe(&tcp(HealthCheck { close, ..within(LONG) }), listener.local_addr().unwrap()).await;
        judge_without_status(&report, Outcome::Pass, "c");
        // The handshake was made in full, so there is a connection to accept.
        let (mut connection, _) = listener.accept().unwrap();
        let mut received = [0; 64];
        assert_eq!(connection.read(&mut received).map_err(|error| error.kind()), end, "{close:?}");
    }
}

#[test]
fn sockets_are_used_again_for_other_checks() {
    let backend = Backend::start(Behaviour::Answer(crate::OK));
    let (clock, mut kit) = (Clock::start(), Kit::new());
    for check in [tcp(within(LONG)), within(LONG), tcp(within(LONG)), within(LONG)] {
        let report = probe_from(&mut kit, &prober(&check), backend.address(), &clock);
        assert_eq!(report.outcome, Outcome::Pass, "{report:?}");
    }
    assert_eq!(backend.received().iter().filter(|&&byte| byte == b'G').count(), 2);
}

#[tokio::test]
async fn what_a_target_does_with_the_connection_is_not_looked_at() {
    let talkative = Behaviour::Blurt(b"220 mail.internal\r\n");
    for behaviour in [Behaviour::Silent, Behaviour::Close, talkative, Behaviour::Reset] {
        let backend = Backend::start(behaviour);
        // Whether the check sees the connection before the target's reset or after it makes no difference.
        for _ in 0..50 {
            judge_without_status(&probe(&tcp(within(LONG)), backend.address()).await, Outcome::Pass, "c");
        }
    }
}

#[tokio::test]
async fn a_port_without_a_listener_is_refused() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report = probe(&tcp(within(LONG)), address).await;
    judge_without_status(&report, failed(Failure::ConnectRefused), "");
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_is_overdue() {
    let (address, _kept) = black_hole();
    check_overdue(tcp(within(SHORT)), address, Failure::ConnectTimeout, "").await;
}
