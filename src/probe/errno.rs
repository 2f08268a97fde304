//! Whose fault an operating system error is: the one table from phase and `errno` to an [`Outcome`].

use rustix::io::Errno;

use crate::model::failure::Failure;
use crate::model::outcome::{Cause, Outcome};

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// Making the socket and asking for the connection: what fails here, failed on this machine.
    Dial,
    /// Waiting for the connection: what fails here, the network or the target said.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending the request.
    Send,
    /// Waiting for the response head.
    Response,
}

/// The deadline, ours or the kernel's, passed in `phase`.
pub(super) fn timed_out(phase: Phase) -> Failure {
    match phase {
        Phase::Dial | Phase::Connect => Failure::ConnectTimeout,
        Phase::Tls => Failure::TlsTimeout,
        // The request fits a socket buffer; who does not take it in will not answer it either.
        Phase::Send | Phase::Response => Failure::ResponseTimeout,
    }
}

fn reset(phase: Phase) -> Failure {
    match phase {
        Phase::Dial | Phase::Connect => Failure::ConnectReset,
        Phase::Tls => Failure::TlsReset,
        Phase::Send => Failure::SendReset,
        Phase::Response => Failure::ResponseReset,
    }
}

/// What an attempt has come to that broke off with `errno` in `phase`.
///
/// The target is blamed for what it or the network on the way to it did. Trouble of this machine, and everything
/// not understood, is ours and says nothing about the target.
pub(super) fn outcome(phase: Phase, errno: Errno) -> Outcome {
    let connecting = matches!(phase, Phase::Dial | Phase::Connect);
    match errno {
        Errno::MFILE | Errno::NFILE => Outcome::Inconclusive(Cause::NoDescriptors),
        Errno::ADDRNOTAVAIL | Errno::ADDRINUSE => Outcome::Inconclusive(Cause::NoLocalPort),
        Errno::NOBUFS | Errno::NOMEM => Outcome::Inconclusive(Cause::NoBuffers),
        // An answer from the network that a filter forbids the way arrives as EACCES too (ICMPv6, RFC 4443, section
        // 3.1, codes 1, 5 and 6), but never before the connection was asked for.
        Errno::ACCESS if phase == Phase::Connect => Outcome::Fail(Failure::ConnectUnreachable),
        Errno::ACCESS | Errno::PERM | Errno::AFNOSUPPORT => Outcome::Inconclusive(Cause::NotPermitted),
        Errno::CONNREFUSED if connecting => Outcome::Fail(Failure::ConnectRefused),
        Errno::CONNREFUSED | Errno::CONNRESET | Errno::CONNABORTED | Errno::PIPE | Errno::NOTCONN => {
            Outcome::Fail(reset(phase))
        }
        Errno::TIMEDOUT => Outcome::Fail(timed_out(phase)),
        // Nothing has been sent yet, so this machine has no route, or one that it was told not to use.
        Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::HOSTDOWN if phase == Phase::Dial => {
            Outcome::Inconclusive(Cause::NotPermitted)
        }
        Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::HOSTDOWN => unreachable(phase),
        // The rest of what Linux makes of an ICMP "destination unreachable"; from the socket calls they mean
        // something else.
        Errno::NONET | Errno::NOPROTOOPT | Errno::OPNOTSUPP | Errno::PROTO if phase == Phase::Connect => {
            unreachable(phase)
        }
        // ENETDOWN among them: the network that is down is our own.
        _ => Outcome::Inconclusive(Cause::Internal),
    }
}

/// No way to the host. On a standing connection the kernel gives this for packets it could not get through in time.
fn unreachable(phase: Phase) -> Outcome {
    Outcome::Fail(match phase {
        Phase::Dial | Phase::Connect => Failure::ConnectUnreachable,
        Phase::Tls | Phase::Send | Phase::Response => timed_out(phase),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One error in the five phases, in the order they come.
    #[track_caller]
    fn check(error: Errno, expected: [Outcome; 5]) {
        let phases = [Phase::Dial, Phase::Connect, Phase::Tls, Phase::Send, Phase::Response];
        for (phase, expected) in phases.into_iter().zip(expected) {
            assert_eq!(outcome(phase, error), expected, "{error:?} in {phase:?}");
        }
    }

    #[test]
    fn our_own_trouble_is_ours_in_every_phase() {
        for (errno, cause) in [
            (Errno::MFILE, Cause::NoDescriptors),
            (Errno::NFILE, Cause::NoDescriptors),
            (Errno::ADDRNOTAVAIL, Cause::NoLocalPort),
            (Errno::ADDRINUSE, Cause::NoLocalPort),
            (Errno::NOBUFS, Cause::NoBuffers),
            (Errno::NOMEM, Cause::NoBuffers),
            (Errno::PERM, Cause::NotPermitted),
            (Errno::AFNOSUPPORT, Cause::NotPermitted),
            (Errno::NETDOWN, Cause::Internal),
            (Errno::INVAL, Cause::Internal),
            (Errno::IO, Cause::Internal),
        ] {
            check(errno, [Outcome::Inconclusive(cause); 5]);
        }
    }

    #[test]
    fn what_the_target_or_the_network_did_is_named_by_its_phase() {
        use Failure as F;
        let resets = [F::ConnectReset, F::ConnectReset, F::TlsReset, F::SendReset, F::ResponseReset];
        let timeouts =
            [F::ConnectTimeout, F::ConnectTimeout, F::TlsTimeout, F::ResponseTimeout, F::ResponseTimeout];
        for (errno, failures) in [
            (
                Errno::CONNREFUSED,
                [F::ConnectRefused, F::ConnectRefused, F::TlsReset, F::SendReset, F::ResponseReset],
            ),
            (Errno::CONNRESET, resets),
            (Errno::CONNABORTED, resets),
            (Errno::PIPE, resets),
            (Errno::NOTCONN, resets),
            (Errno::TIMEDOUT, timeouts),
        ] {
            check(errno, failures.map(Outcome::Fail));
        }
    }

    #[test]
    fn what_only_the_network_can_say_is_the_targets_only_while_waiting_for_it() {
        let far = Outcome::Fail(Failure::ConnectUnreachable);
        let ours = Outcome::Inconclusive(Cause::NotPermitted);
        check(Errno::ACCESS, [ours, far, ours, ours, ours]);
        let (tls, late) = (Outcome::Fail(Failure::TlsTimeout), Outcome::Fail(Failure::ResponseTimeout));
        for errno in [Errno::HOSTUNREACH, Errno::NETUNREACH, Errno::HOSTDOWN] {
            check(errno, [ours, far, tls, late, late]);
        }
        let ours = Outcome::Inconclusive(Cause::Internal);
        for errno in [Errno::NONET, Errno::NOPROTOOPT, Errno::OPNOTSUPP, Errno::PROTO] {
            check(errno, [ours, far, ours, ours, ours]);
        }
    }
}
