//! Which containers of ours there are on this host.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crate::engine::ecs::action::{ContainerKey, Found};
use crate::runtime::containers::Unreachable;
use crate::runtime::containers::process::Inner;
use crate::runtime::containers::process::container::{Container, Known};
use crate::runtime::containers::process::folder::Record;
use crate::runtime::containers::process::proc::{CHECK, CONTAINER, all, container_of, kill_marked};

impl Inner {
    /// Every container of ours, running or ended, known before or found now.
    pub(super) async fn look_around(self: &Arc<Self>) -> Result<Vec<Found>, Unreachable> {
        let inner = Arc::clone(self);
        let new = tokio::task::spawn_blocking(move || inner.unknown()).await;
        let new = new.map_err(|_| Unreachable("tgprobe is ending".to_owned()))?;
        for known in new {
            self.follow(&Arc::new(Container::found(known)));
        }
        let containers: Vec<_> = self.containers().values().map(Arc::clone).collect();
        for container in &containers {
            // The end of one that is not there any more is told only after what it has left behind is killed.
            if container.is_gone() {
                _ = container.ended().await;
            }
        }
        Ok(containers.iter().map(|container| container.tell()).collect())
    }

    /// The containers that are not known yet: those that are written down, and those that were started and not written
    /// down any more before we were killed. Checks that were under way then are ended.
    fn unknown(&self) -> Vec<Known> {
        // Whoever is being started is neither written down nor known yet.
        let _nobody_starts = self.starting.write().unwrap_or_else(PoisonError::into_inner);
        if !self.swept.swap(true, Ordering::AcqRel) {
            kill_marked(|name, value| name == CHECK && self.key(name, value).is_some());
        }
        let mut found: BTreeMap<ContainerKey, Known> = BTreeMap::new();
        for record in self.folder.records() {
            if let Some(known) = self.known(record) {
                found.insert(known.found.key.clone(), known);
            }
        }
        let own: Vec<_> = self.containers().values().map(|container| container.key.clone()).collect();
        let mut unwritten: Vec<_> = all().filter(|stat| stat.leads).collect();
        // Who leaves its group has the mark, too; the main process is the first.
        unwritten.sort_by_key(|stat| stat.identity.started());
        for stat in unwritten {
            let Some((_, marker)) = stat.variable(&[CONTAINER]) else { continue };
            let Some(key) = key(&marker, &self.owner) else { continue };
            if own.contains(&key) || found.contains_key(&key) {
                continue;
            }
            let address = stat.variable(&[super::ADDRESS]).and_then(|(_, address)| address.parse().ok());
            let known = Found {
                key: key.clone(),
                runtime_id: stat.identity.to_string().into(),
                started_at: stat.identity.started(),
                ended: None,
                address: address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                bindings: Vec::new(),
            };
            let log = self.folder.log_path(&key.task, &key.index.to_string());
            found.insert(key, Known { found: known, marker, log, this_boot: true });
        }
        // Whose main process is gone, and who is not written down either.
        kill_marked(|name, value| {
            self.key(name, value).is_some_and(|key| !own.contains(&key) && !found.contains_key(&key))
        });
        found.into_values().filter(|known| !own.contains(&known.found.key)).collect()
    }

    /// The container of ours that a process with this mark belongs to.
    fn key(&self, name: &str, value: &str) -> Option<ContainerKey> {
        key(container_of(name, value)?, &self.owner)
    }

    fn known(&self, record: Record) -> Option<Known> {
        if record.owner != self.owner {
            return None;
        }
        let key = ContainerKey { task: record.task, index: record.index, run: record.run };
        let log = self.folder.log_path(&key.task, &record.name);
        let marker = self.marker(&key);
        let found = Found {
            key,
            runtime_id: record.runtime_id,
            started_at: Some(record.started),
            ended: None,
            address: record.address,
            bindings: record.bindings,
        };
        Some(Known { found, marker, log, this_boot: record.boot == self.boot })
    }
}

/// Reads the mark of a container of `owner`.
fn key(marker: &str, owner: &str) -> Option<ContainerKey> {
    let mut parts = marker.split('/');
    let (whose, task, index, run) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if whose != owner || task.is_empty() || parts.next().is_some() {
        return None;
    }
    Some(ContainerKey { task: task.into(), index: index.parse().ok()?, run: run.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_marks_are_read() {
        let expected = ContainerKey { task: "t".into(), index: 1, run: 2 };
        assert_eq!(key("me/t/1/2", "me"), Some(expected));
        for other in ["you/t/1/2", "me/t/1", "me/t/1/2/3", "me//1/2", "me/t/x/2", "me/t/1/-1", "", "me"] {
            assert_eq!(key(other, "me"), None, "{other:?}");
        }
    }
}
