//! The one list of keys the file may hold; the reader, the suggestions and the test of the example are made from it.

pub(super) use crate::model::nearest::nearest;

/// The keys of one TOML table.
#[derive(Debug)]
pub(super) struct Keys {
    /// The table's path, empty for the file itself.
    pub(super) table: &'static str,
    /// Its keys, in the order of the example.
    pub(super) keys: &'static [&'static str],
}

pub(super) static ROOT: Keys =
    Keys { table: "", keys: &["server", "instances", "target_group", "ecs", "service", "docker"] };

pub(super) static SERVER: Keys = Keys {
    table: "server",
    keys: &[
        "listen",
        "insecure",
        "allowed_hosts",
        "credentials_file",
        "protect_reads",
        "tls",
        "shards",
        "max_checks_in_flight",
        "resolve_interval",
        "metrics_target_limit",
        "account_id",
        "region",
        "data_dir",
        "targets_per_target_group",
        "journal",
    ],
};

pub(super) static JOURNAL: Keys = Keys { table: "server.journal", keys: &["max_age", "max_transitions"] };

pub(super) static TLS: Keys = Keys { table: "server.tls", keys: &["certificate", "key", "client_ca"] };

/// The top of a credentials file, which is a file of its own.
pub(super) static CREDENTIALS: Keys = Keys { table: "", keys: &["credential"] };

pub(super) static CREDENTIAL: Keys = Keys {
    table: "credential",
    keys: &["access_key_id", "secret_access_key", "session_token", "bearer_token", "access"],
};

pub(super) static TARGET_GROUP: Keys = Keys {
    table: "target_group",
    keys: &[
        "name",
        "target_type",
        "protocol",
        "protocol_version",
        "port",
        "tags",
        "deregistration_delay",
        "end_drain_when_refused",
        "unhealthy_draining",
        "in_use",
        "targets",
        "health_check",
        "target_group_health",
    ],
};

pub(super) static TARGET: Keys = Keys { table: "target_group.targets", keys: &["id", "port", "zone"] };

pub(super) static HEALTH_CHECK: Keys = Keys {
    table: "target_group.health_check",
    keys: &[
        "enabled",
        "protocol",
        "port",
        "path",
        "interval",
        "timeout",
        "healthy_threshold",
        "unhealthy_threshold",
        "initial_healthy_threshold",
        "matcher",
        "start_period",
        "host",
        "headers",
        "body_match",
        "stale_after",
        "close",
        "tls_resumption",
        "verify",
    ],
};

pub(super) static VERIFY: Keys =
    Keys { table: "target_group.health_check.verify", keys: &["ca_file", "server_name"] };

pub(super) static TARGET_GROUP_HEALTH: Keys =
    Keys { table: "target_group.target_group_health", keys: &["dns_failover", "unhealthy_state_routing"] };

const MINIMUM: &[&str] = &["minimum_healthy_targets_count", "minimum_healthy_targets_percentage"];

pub(super) static DNS_FAILOVER: Keys =
    Keys { table: "target_group.target_group_health.dns_failover", keys: MINIMUM };

pub(super) static UNHEALTHY_STATE_ROUTING: Keys =
    Keys { table: "target_group.target_group_health.unhealthy_state_routing", keys: MINIMUM };

pub(super) static ECS: Keys = Keys {
    table: "ecs",
    keys: &[
        "runtime",
        "docker_socket",
        "native_checks",
        "rollup",
        "task_addresses",
        "start_interval",
        "first_wait",
        "longest_wait",
        "keep_stopped",
    ],
};

pub(super) static SERVICE: Keys = Keys {
    table: "service",
    keys: &[
        "name",
        "cluster",
        "task_definition",
        "scheduling_strategy",
        "desired_count",
        "minimum_healthy_percent",
        "maximum_percent",
        "health_check_grace_period",
        "tags",
        "circuit_breaker",
        "load_balancer",
    ],
};

pub(super) static CIRCUIT_BREAKER: Keys = Keys {
    table: "service.circuit_breaker",
    keys: &["enable", "rollback", "reset_on_healthy_task", "threshold_type", "threshold"],
};

pub(super) static LOAD_BALANCER: Keys =
    Keys { table: "service.load_balancer", keys: &["target_group", "container_name", "container_port"] };

pub(super) static DOCKER: Keys = Keys {
    table: "docker",
    keys: &[
        "name",
        "socket",
        "labels",
        "target_group",
        "port",
        "on_unhealthy",
        "drain",
        "stop_timeout",
        "first_wait",
        "longest_wait",
        "max_restarts",
        "within",
        "health_check",
    ],
};

pub(super) static CONTAINER_CHECK: Keys = Keys {
    table: "docker.health_check",
    keys: &["command", "interval", "timeout", "retries", "start_period"],
};

static TABLES: [&Keys; 17] = [
    &ROOT,
    &SERVER,
    &JOURNAL,
    &TLS,
    &TARGET_GROUP,
    &TARGET,
    &HEALTH_CHECK,
    &VERIFY,
    &TARGET_GROUP_HEALTH,
    &DNS_FAILOVER,
    &UNHEALTHY_STATE_ROUTING,
    &ECS,
    &SERVICE,
    &CIRCUIT_BREAKER,
    &LOAD_BALANCER,
    &DOCKER,
    &CONTAINER_CHECK,
];

/// Every key the file may hold, as the path of its table (empty for the top) and its own name.
///
/// Array tables are named without an index: `target_group.targets` holds `id`.
pub fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLES.iter().flat_map(|table| table.keys.iter().map(|key| (table.table, *key)))
}

/// What the writer of an unknown key may have meant, as the end of a sentence.
pub(super) fn suggestion(typed: &str, table: &Keys) -> Option<String> {
    // Someone who copies from AWS's API writes `HealthCheckIntervalSeconds`, and someone in a hurry puts a key of the
    // health check into the group: both are told exactly, before letters are compared.
    let wanted = plain(typed);
    if let Some(key) = table.keys.iter().find(|key| plain(key) == wanted) {
        return Some(format!("did you mean `{key}`?"));
    }
    if let Some(other) = TABLES.iter().find(|other| other.keys.iter().any(|key| plain(key) == wanted)) {
        return Some(match other.table {
            "" => "it belongs at the top of the file".to_owned(),
            path => format!("it belongs in `{path}`"),
        });
    }
    nearest(typed, table.keys).map(|key| format!("did you mean `{key}`?"))
}

/// A key without case, separators, and the prefix and units of AWS's API.
fn plain(key: &str) -> String {
    let letters: String = key
        .chars()
        .filter(|c| !matches!(c, '_' | '-' | '.'))
        .take(64)
        .collect::<String>()
        .to_ascii_lowercase();
    // The table `health_check` itself must not lose its whole name.
    let name = letters.strip_prefix("healthcheck").filter(|rest| !rest.is_empty()).unwrap_or(&letters);
    ["timeoutseconds", "seconds", "count"]
        .iter()
        .find_map(|unit| name.strip_suffix(unit).filter(|rest| !rest.is_empty()))
        .unwrap_or(name)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, table: &Keys, expected: Option<&str>) {
        assert_eq!(suggestion(typed, table).as_deref(), expected, "{typed}");
    }

    #[test]
    fn typing_errors_find_the_nearest_key() {
        check("intervall", &HEALTH_CHECK, Some("did you mean `interval`?"));
        check("unhealthy_treshold", &HEALTH_CHECK, Some("did you mean `unhealthy_threshold`?"));
        check("nmae", &TARGET_GROUP, Some("did you mean `name`?"));
        check("lisen", &SERVER, Some("did you mean `listen`?"));
        check("colour", &SERVER, None);
        check(&"x".repeat(1_000_000), &SERVER, None);
    }

    #[test]
    fn names_of_the_api_find_their_key() {
        check("HealthCheckIntervalSeconds", &HEALTH_CHECK, Some("did you mean `interval`?"));
        check("HealthCheckTimeoutSeconds", &HEALTH_CHECK, Some("did you mean `timeout`?"));
        check("healthy_threshold_count", &HEALTH_CHECK, Some("did you mean `healthy_threshold`?"));
        check(
            "deregistration_delay_timeout_seconds",
            &TARGET_GROUP,
            Some("did you mean `deregistration_delay`?"),
        );
    }

    #[test]
    fn a_key_in_the_wrong_table_is_sent_to_its_own() {
        check("interval", &TARGET_GROUP, Some("it belongs in `target_group.health_check`"));
        check("HealthCheckPath", &TARGET_GROUP, Some("it belongs in `target_group.health_check`"));
        check("target_group", &SERVER, Some("it belongs at the top of the file"));
    }

    #[test]
    fn no_table_has_a_key_twice() {
        let mut keys: Vec<_> = known().collect();
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
