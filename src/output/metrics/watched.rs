//! Metrics of containers that are only watched.

use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::task::Connectivity;
use crate::model::ecs::watched::Watched;
use crate::output::metrics::families::{Families, flag, number};

impl Families {
    /// All that is told of one watch.
    pub(super) fn watched(&mut self, watched: &Watched) {
        let labels = [("watch", &*watched.name)];
        let connected = watched.connectivity == Connectivity::Connected;
        self.gauge("tgprobe_watch_connected", &labels, flag(connected));
        for health in HealthStatus::ALL {
            let count = watched.containers.values().filter(|one| one.health == health).count();
            let labels = [labels[0], ("health", health.as_str())];
            self.gauge("tgprobe_watched_containers", &labels, number(count));
        }
        let gave_up = watched.containers.values().filter(|one| one.gave_up).count();
        self.gauge("tgprobe_watched_gave_up", &labels, number(gave_up));
        self.counter("tgprobe_watched_restarts_total", &labels, watched.restarts);
    }
}
