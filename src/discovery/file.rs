//! The configuration file as a source: read anew when it changes and when asked to.
//!
//! Polling what the file system says of the file works everywhere: on network file systems, and where a
//! Kubernetes ConfigMap is swapped by a symbolic link.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tokio::sync::{mpsc, oneshot};

/// What the source needs from the program around it.
pub trait Surroundings: Send + Sync {
    /// All that a file wants.
    type Wishes: Send;

    /// Reads the file and checks it; `Err` holds every error, ready to be shown.
    fn load(&self, path: &Path) -> Result<Self::Wishes, String>;

    /// Makes a set live and says, in a line, what it changed; `Err` says why it cannot become live any more.
    fn apply(&self, wishes: Self::Wishes) -> impl Future<Output = Result<String, String>> + Send;

    /// Hears that the file was refused, once each time it was read.
    fn refused(&self, errors: &str);

    /// Waits until it is time to look at the file again.
    fn pause(&self) -> impl Future<Output = ()> + Send;
}

/// Asks for the file to be read now; answered when it is live, or with every error.
pub type Ask = oneshot::Sender<Result<String, String>>;

/// What tells whether a file is another one than before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Signature {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Signature {
    /// `None` while the file cannot be found, as between the two halves of a replacement.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let data = fs::metadata(path).ok()?;
        Some(Self { inode: data.ino(), size: data.size(), changed: (data.mtime(), data.mtime_nsec()) })
    }
}

/// Follows `path` until `asks` closes. `taken` is what the file was right before the set in force was read from it, so
/// that no change in between is missed.
pub async fn run(
    path: PathBuf,
    mut taken: Option<Signature>,
    surroundings: impl Surroundings,
    mut asks: mpsc::Receiver<Ask>,
) {
    let mut seen = taken;
    loop {
        tokio::select! {
            ask = asks.recv() => {
                let Some(ask) = ask else { return };
                taken = Signature::of(&path);
                seen = taken;
                // Whoever asked may be gone by now; the result is in force or was reported all the same.
                _ = ask.send(reload(&path, &surroundings).await);
            }
            () = surroundings.pause() => {
                let now = Signature::of(&path);
                // A file that is still being written changes again before the next look.
                let settled = now == seen;
                seen = now;
                // So is one that has been emptied to be written anew, however long that takes: taking it would drain
                // every target. Whoever means it asks for it.
                let written = now.is_some_and(|file| file.size > 0);
                if settled && written && now != taken {
                    taken = now;
                    _ = reload(&path, &surroundings).await;
                }
            }
        }
    }
}

async fn reload(path: &Path, surroundings: &impl Surroundings) -> Result<String, String> {
    match surroundings.load(path) {
        Ok(wishes) => surroundings.apply(wishes).await,
        Err(errors) => {
            surroundings.refused(&errors);
            Err(errors)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Lets the source look at the file once per permit and writes down what it did.
    struct Scripted {
        looks: Mutex<mpsc::Receiver<()>>,
        looked: mpsc::Sender<()>,
        did: Mutex<Vec<String>>,
    }

    impl Surroundings for &Scripted {
        type Wishes = ();

        fn load(&self, path: &Path) -> Result<(), String> {
            let text = fs::read_to_string(path).unwrap();
            if text == "bad" { Err("it is bad".to_owned()) } else { Ok(()) }
        }

        async fn apply(&self, (): ()) -> Result<String, String> {
            self.did.lock().unwrap().push("applied".to_owned());
            Ok("applied".to_owned())
        }

        fn refused(&self, errors: &str) {
            self.did.lock().unwrap().push(errors.to_owned());
        }

        async fn pause(&self) {
            self.looked.try_send(()).unwrap();
            std::future::poll_fn(|cx| self.looks.lock().unwrap().poll_recv(cx)).await;
        }
    }

    /// Plays one step per entry: `Some(text)` writes the file, then the source looks once.
    async fn play(steps: &[Option<&str>]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tgprobe.toml");
        fs::write(&path, "first").unwrap();
        let (look, looks) = mpsc::channel(1);
        let (looked, mut has_looked) = mpsc::channel(1);
        let scripted = Scripted { looks: Mutex::new(looks), looked, did: Mutex::default() };
        let (ask, asks) = mpsc::channel(1);
        let taken = Signature::of(&path);
        let script = async {
            has_looked.recv().await;
            for step in steps {
                if let Some(text) = step {
                    // Another name first, so that even an equal size and time is another file.
                    fs::write(folder.path().join("new"), text).unwrap();
                    fs::rename(folder.path().join("new"), &path).unwrap();
                }
                look.send(()).await.unwrap();
                has_looked.recv().await;
            }
            drop(ask);
        };
        tokio::join!(run(path.clone(), taken, &scripted, asks), script);
        scripted.did.into_inner().unwrap()
    }

    #[tokio::test]
    async fn a_file_that_does_not_change_is_not_read_again() {
        assert!(play(&[None, None, None]).await.is_empty());
    }

    #[tokio::test]
    async fn an_emptied_file_is_still_being_written() {
        assert!(play(&[Some(""), None, None]).await.is_empty());
        assert_eq!(play(&[Some(""), None, None, Some("second"), None]).await, ["applied"]);
    }

    #[tokio::test]
    async fn a_changed_file_is_taken_once_it_rests() {
        assert_eq!(play(&[Some("second"), None, None]).await, ["applied"]);
        assert_eq!(play(&[Some("second"), Some("third"), None, None]).await, ["applied"]);
    }

    #[tokio::test]
    async fn a_bad_file_is_reported_once_and_its_repair_is_taken() {
        assert_eq!(play(&[Some("bad"), None, None, Some("good"), None]).await, ["it is bad", "applied"]);
    }
}
