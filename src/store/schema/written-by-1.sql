-- What the first version of the schema looked like, with a row in every table. Never edited: it is what is out there.
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
CREATE TABLE registrations (
    group_name TEXT NOT NULL,
    target_id TEXT NOT NULL,
    port INTEGER NOT NULL,
    zone TEXT,
    quic_server_id TEXT,
    PRIMARY KEY (group_name, target_id, port)
) STRICT, WITHOUT ROWID;
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
INSERT INTO target_groups VALUES (
    'eu-west-1:web', 'arn:aws:elasticloadbalancing:eu-west-1:000000000000:targetgroup/web/0123456789abcdef',
    'eu-west-1', 1700000000000, 'instance', 'HTTPS', 'GRPC', 443, 'vpc-0abc', 'ipv6', 3000, 0, 'HTTPS', '8443',
    '/health?a=''b'';--', 10000, 2500, 3, 4, 2, '0-99', 77000
);
INSERT INTO attributes VALUES ('eu-west-1:web', 'deregistration_delay.timeout_seconds', '17');
INSERT INTO attributes VALUES ('eu-west-1:web', 'tgprobe.health_check.interval_milliseconds', '250');
INSERT INTO tags VALUES ('eu-west-1:web', 'Name', 'Grüße, 世界');
INSERT INTO tags VALUES ('eu-west-1:web', 'empty', '');
INSERT INTO registrations VALUES ('eu-west-1:web', 'i-0abc', 443, 'eu-west-1a', NULL);
INSERT INTO target_states VALUES (
    'eu-west-1:web', 'i-0abc', 443, 'eu-west-1a', 'unhealthy', 1700000000000, 'unhealthy', 1, 7, 'status_mismatch', 503,
    NULL, 12345, 30000
);
INSERT INTO transitions VALUES (
    41, 1700000000000, 'eu-west-1:web', 'i-0abc', 443, 'initial', 'unhealthy', 'Target.ResponseCodeMismatch',
    'status_mismatch', 503
);
