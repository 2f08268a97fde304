//! One process at a time: a lock that the kernel drops with the process, however it ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::store::error::OpenError;

/// The file that is locked. It is never removed: another process might lock it meanwhile and believe to be alone.
const FILE: &str = "lock";

/// Takes the lock of a directory. It is held until the file is dropped.
pub(super) fn take(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join(FILE);
    let file = match OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path) {
        // What cannot be written can be locked all the same, once it is there.
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            File::open(&path).map_err(|_| error)
        }
        other => other,
    };
    let file = file.map_err(|error| OpenError::Io(path.clone(), "open", error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(OpenError::InUse(dir.to_owned())),
        Err(errno) => Err(OpenError::Io(path, "lock", errno.into())),
    }
}
