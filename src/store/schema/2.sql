-- What runs tasks here, by a random number: containers bear it, so that two stores on one host know theirs apart.
CREATE TABLE instance (
    id TEXT NOT NULL PRIMARY KEY
) STRICT;
INSERT INTO instance (id) VALUES (lower(hex(randomblob(8))));

-- Clusters, task definitions, services and tasks. Columns are what one looks for; `document` is everything, as JSON.
CREATE TABLE clusters (
    name TEXT NOT NULL PRIMARY KEY,
    inactive INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The definition is what DescribeTaskDefinition tells.
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
