//! What of a container's definition a plain process cannot keep.

use crate::model::ecs::definition::ContainerDefinition;

/// A sentence for the image, and one that names all other settings that have no effect.
pub(super) fn ignored(family: &str, container: &ContainerDefinition) -> Vec<String> {
    let mut sentences = Vec::new();
    let name = &container.name;
    if !container.image.is_empty() {
        sentences.push(format!(
            "{family}, container {name}: the image {} is ignored, its command is run as a plain process",
            container.image
        ));
    }
    let settings = [
        ("cpu", container.cpu > 0),
        ("memory", container.memory.is_some()),
        ("memoryReservation", container.memory_reservation.is_some()),
        ("ulimits", !container.ulimits.is_empty()),
        ("mountPoints", !container.mounts.is_empty()),
        ("linuxParameters.tmpfs", !container.tmpfs.is_empty()),
        ("linuxParameters.initProcessEnabled", container.init),
        ("readonlyRootFilesystem", container.read_only),
        ("hostname", container.hostname.is_some()),
    ];
    let without: Vec<_> = settings.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
    if !without.is_empty() {
        let names = without.join(", ");
        sentences.push(format!("{family}, container {name}: a plain process runs without {names}"));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_kept_is_named() {
        let plain = ContainerDefinition { name: "app".into(), ..ContainerDefinition::default() };
        assert_eq!(ignored("web", &plain), Vec::<String>::new());
        let limited = ContainerDefinition {
            image: "nginx:1".into(),
            memory: Some(512),
            ulimits: [("nofile".into(), (1, 2))].into(),
            ..plain
        };
        let expected = [
            "web, container app: the image nginx:1 is ignored, its command is run as a plain process",
            "web, container app: a plain process runs without memory, ulimits",
        ];
        assert_eq!(ignored("web", &limited), expected);
    }
}
