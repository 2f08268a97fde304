//! Whose fault it is that a container could not be started.

use std::io;

use rustix::io::Errno;

use crate::engine::ecs::action::StartErrorKind;

/// What kind of trouble it is: `otherwise`, unless this host has no room for anything at this moment, which no container
/// can help.
pub(super) fn kind(error: &io::Error, otherwise: StartErrorKind) -> StartErrorKind {
    match Errno::from_io_error(error) {
        // No descriptor, no memory, no room in the table of processes.
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN) => StartErrorKind::NoRoom,
        // A disk that is full, or cannot be written, keeps neither its log nor its record.
        Some(Errno::NOSPC | Errno::DQUOT | Errno::ROFS | Errno::IO) => StartErrorKind::NoRoom,
        _ => otherwise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_lacks_is_not_the_containers_fault() {
        let start = StartErrorKind::CannotStart;
        for ours in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN, Errno::NOSPC, Errno::ROFS] {
            assert_eq!(kind(&ours.into(), start), StartErrorKind::NoRoom, "{ours:?}");
        }
        for its in [Errno::NOENT, Errno::ACCESS, Errno::NOEXEC, Errno::TOOBIG, Errno::PERM] {
            assert_eq!(kind(&its.into(), start), start, "{its:?}");
        }
        assert_eq!(kind(&io::Error::other("it is not in /proc"), start), start);
    }
}
