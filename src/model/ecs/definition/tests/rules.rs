//! Every rule, with the sentence of its problem.

use serde_json::{Value, json};

use super::{problems, put, read, second, with};

/// Checks that a value at a place has a problem that contains a sentence, and that the problem names the container.
#[track_caller]
fn refused(path: &str, value: &Value, sentence: &str) {
    let found = problems(&with(&[(path, value.clone())]));
    assert!(found.iter().any(|problem| problem.contains(sentence)), "{path} {value}: {found:#?}");
    if let Some(rest) = path.strip_prefix("c.")
        && !sentence.starts_with(char::is_uppercase)
        && !sentence.contains("circle")
    {
        let start = format!("Invalid setting for container 'backend'. {}", rest.split('.').next().unwrap());
        assert!(found.iter().any(|problem| problem.starts_with(&start)), "{path}: {found:#?}");
    }
}

#[test]
fn rules_of_the_definition() {
    let long = "x".repeat(256);
    for (path, value, sentence) in [
        ("family", json!(""), "family must be 1 to 255 letters, digits, hyphens and underscores, and is ''."),
        ("family", json!(long), "family must be 1 to 255 letters"),
        ("family", json!("a.b"), "family must be 1 to 255 letters"),
        ("family", Value::Null, "family is missing."),
        ("familly", json!("a"), "familly is unknown; did you mean family?"),
        ("containerDefinitions", Value::Null, "containerDefinitions is missing."),
        ("containerDefinitions", json!([]), "containerDefinitions must have 1 to 10 containers, and has 0."),
        ("containerDefinitions", json!({}), "containerDefinitions must be a list."),
        ("containerDefinitions.1", json!("a"), "Invalid setting for container number 2. must be an object."),
        ("containerDefinitions.1", second("backend"), "name must be its own"),
        ("containerDefinitions.1", json!({}), "Container.name should not be null or empty."),
        (
            "networkMode",
            json!("Bridge"),
            "networkMode must be bridge, host, awsvpc or none, and is 'Bridge'.",
        ),
        ("networkMode", json!("none"), "portMappings must be empty where networkMode is none."),
        (
            "cpu",
            json!("much"),
            "cpu must be units of CPU such as '256', or vCPUs such as '1 vCPU', and is 'much'.",
        ),
        ("memory", json!("0"), "memory must be MiB such as '512', or GB such as '0.5 GB', and is '0'."),
        ("requiresCompatibilities", json!(["LAMBDA"]), "requiresCompatibilities must be of EC2, FARGATE"),
        ("tags", json!([{ "key": "aws:a" }]), "tags[0].key must be 1 to 128 letters"),
        ("volumes", json!([{ "name": "a" }, { "name": "a" }]), "volumes[1].name is 'a' a second time."),
    ] {
        refused(path, &value, sentence);
    }
}

#[test]
fn rules_of_a_container() {
    for (path, value, sentence) in [
        ("c.image", json!("a b"), "Container.image contains invalid characters."),
        ("c.essential", json!(false), "Task definition does not have any essential container."),
        ("c.essential", json!("yes"), "essential must be true or false."),
        (
            "c.privileged",
            json!(true),
            "privileged must be false: no container gets all rights over this host.",
        ),
        ("c.memory", json!(5), "memory must be between 6 and 2147483647, and is 5."),
        ("c.cpu", json!(1.5), "cpu must be a whole number."),
        ("c.command", json!(["a\0"]), "command[0] must not contain the character NUL."),
        ("c.command", json!("a"), "command must be a list of texts."),
        ("c.environment", json!([{ "name": "A=B" }]), "environment[0].name must be the name of a variable"),
        (
            "c.environmentFiles",
            json!([{ "value": "arn:aws:s3:::a/b.env" }]),
            "must be the path of a file on this host",
        ),
        (
            "c.secrets",
            json!([{ "name": "A", "valueFrom": "arn:aws:ssm:a" }]),
            "must be env:NAME or file:PATH",
        ),
        (
            "c.mountPoints",
            json!([{ "sourceVolume": "a", "containerPath": "/a" }]),
            "must be one of volumes, and is 'a'.",
        ),
    ] {
        refused(path, &value, sentence);
    }
}

#[test]
fn rules_of_a_containers_surroundings() {
    for (path, value, sentence) in [
        ("c.volumesFrom", json!([{ "sourceContainer": "backend" }]), "must be another container of the task"),
        (
            "c.ulimits",
            json!([{ "name": "files", "softLimit": 1, "hardLimit": 1 }]),
            "ulimits[0].name must be core, cpu",
        ),
        (
            "c.ulimits",
            json!([{ "name": "core", "softLimit": 2, "hardLimit": 1 }]),
            "must not be above hardLimit",
        ),
        ("c.startTimeout", json!(1), "startTimeout must be between 2 and 120, and is 1."),
        ("c.stopTimeout", json!(121), "stopTimeout must be between 2 and 120, and is 121."),
        ("c.restartPolicy", json!({}), "restartPolicy.enabled is missing."),
        ("c.restartPolicy.restartAttemptPeriod", json!(59), "must be between 60 and 1800, and is 59."),
        (
            "c.portMappings",
            json!([{ "containerPort": 0 }]),
            "portMappings[0].containerPort must be between 1 and 65535, and is 0.",
        ),
        ("c.portMappings", json!([{}]), "portMappings[0].containerPort is missing."),
        ("c.portMappings", json!([{ "containerPort": 1, "protocol": "TCP" }]), "protocol must be tcp or udp"),
        ("c.dependsOn", json!([{ "containerName": "db", "condition": "START" }]), "and names 'db'."),
        (
            "c.dependsOn",
            json!([{ "containerName": "backend", "condition": "UP" }]),
            "must be START, COMPLETE, SUCCESS or HEALTHY",
        ),
        (
            "c.dependsOn",
            json!([{ "containerName": "backend", "condition": "START" }]),
            "wait for each other in a circle: 'backend'.",
        ),
    ] {
        refused(path, &value, sentence);
    }
}

#[test]
fn rules_of_a_health_check() {
    for (path, value, sentence) in [
        ("c.healthCheck", json!({}), "healthCheck.command is missing."),
        ("c.healthCheck.interval", json!(4), "healthCheck.interval must be between 5 and 300, and is 4."),
        ("c.healthCheck.interval", json!(301), "healthCheck.interval must be between 5 and 300, and is 301."),
        ("c.healthCheck.timeout", json!(1), "healthCheck.timeout must be between 2 and 60, and is 1."),
        ("c.healthCheck.timeout", json!(61), "healthCheck.timeout must be between 2 and 60, and is 61."),
        ("c.healthCheck.retries", json!(0), "healthCheck.retries must be between 1 and 10, and is 0."),
        ("c.healthCheck.retries", json!(11), "healthCheck.retries must be between 1 and 10, and is 11."),
        (
            "c.healthCheck.startPeriod",
            json!(-1),
            "healthCheck.startPeriod must be between 0 and 300, and is -1.",
        ),
        (
            "c.healthCheck.startPeriod",
            json!(301),
            "healthCheck.startPeriod must be between 0 and 300, and is 301.",
        ),
        ("c.healthCheck.retires", json!(3), "healthCheck.retires is unknown; did you mean retries?"),
        ("c.healthCheck.command", json!(["CMD"]), "healthCheck.command must have a command behind CMD."),
        ("c.healthCheck.command", json!(["CURL", "x"]), "healthCheck.command must be CMD, a program"),
    ] {
        refused(path, &value, sentence);
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let json = with(&[
        ("family", json!("a b")),
        ("c.healthCheck.interval", json!(1)),
        ("c.healthCheck.retries", json!("3")),
        ("containerDefinitions.1", json!({ "name": "b", "essential": false, "stopTimeout": 1, "colour": 1 })),
    ]);
    let found = problems(&json);
    assert_eq!(found.len(), 5, "{found:#?}");
    assert_eq!(problems(&json!([])), ["A task definition must be an object."]);
}

#[test]
fn dependencies_need_what_they_wait_for() {
    let waits = |condition: &str, name: &str| {
        ("c.dependsOn", json!([{ "containerName": name, "condition": condition }]))
    };
    let with_second =
        |second: Value, condition: &str| with(&[("containerDefinitions.1", second), waits(condition, "b")]);
    let mut essential = second("b");
    put(&mut essential, "essential", json!(true));
    let mut checked = second("b");
    put(&mut checked, "healthCheck.command", json!(["CMD", "true"]));
    let mut none = second("b");
    put(&mut none, "healthCheck.command", json!(["NONE"]));
    for (second, condition, part) in [
        (second("b"), "START", None),
        (second("b"), "COMPLETE", None),
        (second("b"), "SUCCESS", None),
        (second("b"), "HEALTHY", Some("HEALTHY of container 'b', which has no health check.")),
        (none, "HEALTHY", Some("which has no health check.")),
        (checked, "HEALTHY", None),
        (essential.clone(), "START", None),
        (essential.clone(), "COMPLETE", Some("COMPLETE of container 'b', which is essential.")),
        (essential, "SUCCESS", Some("SUCCESS of container 'b', which is essential.")),
    ] {
        let json = with_second(second, condition);
        match part {
            None => assert_eq!(read(&json).blueprint.requires_attributes().len(), 2),
            Some(part) => assert!(problems(&json)[0].contains(part), "{condition}: {:?}", problems(&json)),
        }
    }
    let mut circle = second("b");
    put(&mut circle, "dependsOn", json!([{ "containerName": "backend", "condition": "START" }]));
    let found = problems(&with_second(circle, "START"));
    assert_eq!(found, ["Containers must not wait for each other in a circle: 'b', 'backend'."]);
}

#[test]
fn ports_mean_something_else_in_each_network_mode() {
    for (mode, host, expected) in [
        ("bridge", None, Ok(0)),
        ("bridge", Some(80), Ok(80)),
        ("host", None, Ok(8000)),
        ("host", Some(8000), Ok(8000)),
        (
            "host",
            Some(80),
            Err("When networkMode=host, the host ports and container ports in port mappings must match."),
        ),
        ("awsvpc", None, Ok(8000)),
        (
            "awsvpc",
            Some(80),
            Err("When networkMode=awsvpc, the host ports and container ports in port mappings must match."),
        ),
    ] {
        let port = json!([{ "containerPort": 8000, "hostPort": host }]);
        let json = with(&[("networkMode", json!(mode)), ("c.portMappings", port)]);
        match expected {
            Ok(host) => assert_eq!(read(&json).blueprint.containers[0].ports[0].host_port, host, "{mode}"),
            Err(sentence) => assert_eq!(problems(&json), [sentence]),
        }
    }
    let mut other = second("b");
    put(&mut other, "portMappings", json!([{ "containerPort": 8000 }]));
    let json = |mode: &str| with(&[("networkMode", json!(mode)), ("containerDefinitions.1", other.clone())]);
    assert_eq!(read(&json("bridge")).blueprint.containers.len(), 2);
    assert!(problems(&json("host"))[0].ends_with("and 8000/tcp is taken by container 'backend'."));
}
