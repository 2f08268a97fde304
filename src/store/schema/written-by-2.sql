-- What the second version of the schema looked like, with a row in every table. Never edited: it is what is out there.
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
CREATE TABLE instance (
    id TEXT NOT NULL PRIMARY KEY
) STRICT;
CREATE TABLE clusters (
    name TEXT NOT NULL PRIMARY KEY,
    inactive INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE task_definitions (
    family TEXT NOT NULL,
    revision INTEGER NOT NULL,
    registered_at INTEGER NOT NULL,
    deregistered_at INTEGER,
    definition TEXT NOT NULL,
    tags TEXT NOT NULL,
    PRIMARY KEY (family, revision)
) STRICT;
CREATE TABLE services (
    cluster TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (cluster, name)
) STRICT;
CREATE TABLE tasks (
    id TEXT NOT NULL PRIMARY KEY,
    cluster TEXT NOT NULL,
    task_group TEXT NOT NULL,
    last_status TEXT NOT NULL,
    desired_status TEXT NOT NULL,
    health_status TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
INSERT INTO instance VALUES (
    '0123456789abcdef'
);
INSERT INTO clusters VALUES (
    'default',
    1,
    '{"name":"default","inactive":true,"tags":{"Name":"Grüße, 世界","it''s":""}}'
);
INSERT INTO task_definitions VALUES (
    'web',
    7,
    1700000000000,
    1700000000001,
    '{"containerDefinitions":[{"command":["sleep","60"],"essential":true,"image":"","name":"app"}],"family":"web"}',
    '{"Name":"Grüße, 世界","it''s":""}'
);
INSERT INTO services VALUES (
    'default',
    'web',
    'DRAINING',
    '{"spec":{"key":{"cluster":"default","name":"web"},"definition":{"family":"web","revision":7},"desired_count":3,"daemon":true,"load_balancers":[{"target_group_arn":"arn:web","container_name":"app","container_port":80}],"deployment":{"maximum_percent":150,"minimum_healthy_percent":50,"circuit_breaker":{"enable":true,"rollback":true,"reset_on_healthy_task":true,"threshold":{"Count":9}}},"grace_period":{"secs":2,"nanos":500000000},"launch_type":"EC2","told":{"propagateTags":"SERVICE"},"tags":{"Name":"Grüße, 世界","it''s":""},"client_token":"token","in_file":true},"status":"DRAINING","created_at":1700000000000,"deployments":[{"id":"ecs-svc/1","definition":{"family":"web","revision":7},"load_balancers":[{"target_group_arn":"arn:web","container_name":"app","container_port":80}],"desired_count":3,"failed_tasks":2,"has_run":true,"created_at":1700000000000,"updated_at":1700000000001,"rollout":"IN_PROGRESS","rollout_reason":"why","rolls_back":"ecs-svc/0"}],"last_completed":{"family":"web","revision":7},"events":[{"id":"uuid","created_at":1700000000000,"message":"(service web) is"}],"steady":true,"failed_starts":4,"throttled_until":1700000000001,"replaced":5}'
);
INSERT INTO tasks VALUES (
    '0123456789abcdef0123456789abcdef',
    'default',
    'service:web',
    'DEACTIVATING',
    'STOPPED',
    'UNHEALTHY',
    '{"id":"0123456789abcdef0123456789abcdef","cluster":"default","definition":{"family":"web","revision":7},"group":"service:web","started_by":"ecs-svc/1","launch_type":"FARGATE","service":{"service":"web","deployment":"ecs-svc/1"},"overrides":{"app":{"command":["x"],"environment":{"Name":"Grüße, 世界","it''s":""}}},"tags":{"Name":"Grüße, 世界","it''s":""},"last_status":"DEACTIVATING","desired_status":"STOPPED","health":"UNHEALTHY","health_since":1700000000000,"connectivity":"DISCONNECTED","connectivity_at":1700000000000,"address":"127.0.1.1","version":9,"created_at":1700000000000,"pull_started_at":1700000000000,"pull_stopped_at":1700000000000,"started_at":1700000000000,"stopping_at":1700000000001,"execution_stopped_at":1700000000001,"stopped_at":1700000000001,"stop_code":"ServiceSchedulerInitiated","stopped_reason":"Task failed container health checks","containers":[{"name":"app","uuid":"0b","runtime_id":"123:456","last_status":"RUNNING","health":"UNHEALTHY","health_since":1700000000000,"failures":3,"passed":true,"results":[{"started":1700000000000,"ended":1700000000001,"exit_code":-1,"output":"no\n''\""}],"started_at":1700000000000,"stopped_at":1700000000001,"exit_code":137,"reason":"OutOfMemoryError","restarts":2,"bindings":[{"address":"127.0.1.1","container_port":80,"host_port":32768,"udp":true}]}],"targets":[{"arn":"arn:web","id":"127.0.1.1","port":80,"registration":"Draining","state":"unhealthy","description":"Request timed out"}]}'
);
