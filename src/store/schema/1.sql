-- Times are milliseconds since 1970, lengths of time milliseconds. Words are AWS's where AWS has one.

-- A group made through the API. What its health check says is what AWS's parameters said.
CREATE TABLE target_groups (
    name TEXT NOT NULL PRIMARY KEY,
    arn TEXT NOT NULL,
    region TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    target_type TEXT NOT NULL,
    protocol TEXT,
    protocol_version TEXT,
    port INTEGER NOT NULL,
    vpc_id TEXT,
    ip_address_type TEXT,
    target_control_port INTEGER,
    health_check_enabled INTEGER NOT NULL,
    health_check_protocol TEXT NOT NULL,
    health_check_port TEXT NOT NULL,
    health_check_path TEXT NOT NULL,
    health_check_interval INTEGER NOT NULL,
    health_check_timeout INTEGER NOT NULL,
    healthy_threshold INTEGER NOT NULL,
    unhealthy_threshold INTEGER NOT NULL,
    initial_healthy_threshold INTEGER NOT NULL,
    matcher TEXT NOT NULL,
    stale_after INTEGER NOT NULL
) STRICT;

-- The attributes that were set.
CREATE TABLE attributes (
    group_name TEXT NOT NULL REFERENCES target_groups (name) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (group_name, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE tags (
    group_name TEXT NOT NULL REFERENCES target_groups (name) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (group_name, key)
) STRICT, WITHOUT ROWID;

-- Targets registered through an API, some of them in groups of the configuration file.
CREATE TABLE registrations (
    group_name TEXT NOT NULL,
    target_id TEXT NOT NULL,
    port INTEGER NOT NULL,
    zone TEXT,
    quic_server_id TEXT,
    PRIMARY KEY (group_name, target_id, port)
) STRICT, WITHOUT ROWID;

-- The state of every target, registered or draining.
CREATE TABLE target_states (
    group_name TEXT NOT NULL,
    target_id TEXT NOT NULL,
    port INTEGER NOT NULL,
    zone TEXT,
    state TEXT NOT NULL,
    since INTEGER NOT NULL,
    conclusive_state TEXT NOT NULL,
    failing INTEGER NOT NULL,
    run INTEGER NOT NULL,
    failure TEXT,
    failure_detail INTEGER,
    drain_ends INTEGER,
    grid_at INTEGER,
    grid_interval INTEGER,
    PRIMARY KEY (group_name, target_id, port)
) STRICT, WITHOUT ROWID;

-- What happened, oldest first. Numbers are never given twice.
CREATE TABLE transitions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    group_name TEXT NOT NULL,
    target_id TEXT NOT NULL,
    port INTEGER NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    reason TEXT,
    failure TEXT,
    failure_detail INTEGER
) STRICT;

CREATE INDEX transitions_of_group ON transitions (group_name);
CREATE INDEX transitions_of_target ON transitions (group_name, target_id, port);
