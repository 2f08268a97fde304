//! The variables of a container that is a plain process (docs/ecs.md, "Plain processes").

use crate::model::ecs::definition::ContainerDefinition;
use crate::model::ecs::task::ContainerOverride;
use crate::runtime::containers::variables::{Variables, variables as named};

/// What is handed down of our own variables. Programs of this host are found, speak the user's language and know the
/// time by them; everything else, secrets among it, is only for those it is named for.
const HANDED_DOWN: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"];

/// Where programs are looked up if we ourselves have not been told.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variables of a container. What comes later overrides what comes before: a few of our own, `home`, the container's
/// files, its variables, its secrets, and what the caller said.
///
/// # Errors
/// A sentence that says which file, or which secret, could not be read.
pub(super) fn variables(
    container: &ContainerDefinition,
    overrides: Option<&ContainerOverride>,
    home: Option<&str>,
) -> Result<Variables, String> {
    let mut all = Variables::from([("PATH".into(), PATH.into())]);
    for name in HANDED_DOWN {
        if let Ok(value) = std::env::var(name) {
            all.insert(name.into(), value.into());
        }
    }
    all.extend(home.map(|home| ("HOME".into(), home.into())));
    all.extend(named(container, overrides)?);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_of_our_own_is_handed_down_and_everything_else_wins() {
        let container = ContainerDefinition::default();
        let of_user = variables(&container, None, Some("/nowhere")).unwrap();
        assert_eq!(of_user.get("HOME").map(|home| &**home), Some("/nowhere"));
        assert_eq!(of_user.get("CARGO"), None, "our own variables are not handed down");
        let container =
            ContainerDefinition { environment: [("HOME".into(), "/own".into())].into(), ..container };
        let own = variables(&container, None, Some("/nowhere")).unwrap();
        assert_eq!(own.get("HOME").map(|home| &**home), Some("/own"));
    }
}
