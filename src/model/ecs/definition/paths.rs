//! Paths of this host's files that a task definition names.

use std::path::Path;

use serde_json::{Map, Value};

use crate::model::ecs::definition::told::objects;
use crate::model::ecs::definition::{Blueprint, Secret};

impl Blueprint {
    /// A path that is relative: of a file of variables, of a secret's file or of a volume. Who has no folder to look
    /// for it in, as the ECS API, refuses it.
    #[must_use]
    pub fn relative_path(&self) -> Option<&str> {
        let container = self.containers.iter().flat_map(|container| {
            let secrets = container.secrets.values().filter_map(|secret| match secret {
                Secret::File(path) => Some(path),
                Secret::Variable(_) => None,
            });
            container.environment_files.iter().chain(secrets)
        });
        let volumes = self.volumes.values().flatten();
        container.chain(volumes).map(|path| &**path).find(|path| !path.starts_with('/'))
    }

    /// Puts a folder before every relative path, in what is told of the definition as well. The folder should be an
    /// absolute one, so that nothing depends on where the program is started the next time.
    pub fn settle(&mut self, folder: &Path) {
        for container in &mut self.containers {
            for path in &mut container.environment_files {
                *path = beside(folder, path).into();
            }
            for secret in container.secrets.values_mut() {
                if let Secret::File(path) = secret {
                    *path = beside(folder, path).into();
                }
            }
        }
        for path in self.volumes.values_mut().flatten() {
            *path = beside(folder, path).into();
        }
        for container in objects(&mut self.told, "containerDefinitions") {
            for file in objects(container, "environmentFiles") {
                change(file, "value", |path| Some(beside(folder, path)));
            }
            for secret in objects(container, "secrets") {
                change(secret, "valueFrom", |from| {
                    from.strip_prefix("file:").map(|path| format!("file:{}", beside(folder, path)))
                });
            }
        }
        for volume in objects(&mut self.told, "volumes") {
            if let Some(host) = volume.get_mut("host").and_then(Value::as_object_mut) {
                change(host, "sourcePath", |path| Some(beside(folder, path)));
            }
        }
    }
}

fn beside(folder: &Path, path: &str) -> String {
    folder.join(path).to_string_lossy().into_owned()
}

fn change(map: &mut Map<String, Value>, name: &str, other: impl FnOnce(&str) -> Option<String>) {
    if let Some(Value::String(text)) = map.get_mut(name)
        && let Some(changed) = other(text)
    {
        *text = changed;
    }
}
