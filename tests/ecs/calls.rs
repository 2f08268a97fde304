//! Calls that are refused for what they say, before anything is looked at.

use axum::body::Body;
use axum::extract::Request;

use super::refused;
use super::server::Server;

const INVALID: &str = "InvalidParameterException";
const MISTYPED: &str = "SerializationException";
const UNSUPPORTED: &str = "UnsupportedFeatureException";

/// An action, what is said to it, the code of the refusal and what its message holds.
type Refused = (&'static str, &'static str, &'static str, &'static str);

async fn all_refused(server: &Server, calls: &[Refused]) {
    for (action, parameters, code, message) in calls {
        let (found, told) = refused(server, action, parameters).await;
        assert!(found == *code && told.contains(message), "{action} {parameters}: {found}: {told}");
    }
}

#[tokio::test]
async fn every_parameter_is_of_one_type() {
    let calls = [
        ("ListTasks", "[]", MISTYPED, "The body must be a structure, not a list"),
        ("ListTasks", "{", MISTYPED, "The body is not JSON: "),
        ("ListTasks", "{} {}", MISTYPED, "The body is not JSON: "),
        ("ListTasks", r#"{"cluster":7}"#, MISTYPED, "'cluster' must be a string, not the number 7"),
        (
            "ListTasks",
            r#"{"maxResults":"7"}"#,
            MISTYPED,
            "'maxResults' must be an integer of 32 bits, not a string",
        ),
        ("ListTasks", r#"{"maxResults":1.5}"#, MISTYPED, "not the number 1.5"),
        ("ListTasks", r#"{"maxResults":2147483648}"#, MISTYPED, "not the number 2147483648"),
        ("ListTasks", r#"{"maxResults":-1}"#, INVALID, "Value '-1' at 'maxResults'"),
        ("DescribeTasks", r#"{"tasks":"x"}"#, MISTYPED, "'tasks' must be a list, not a string"),
        ("DescribeTasks", r#"{"tasks":["x",{}]}"#, MISTYPED, "'tasks[1]' must be a string, not a structure"),
        ("DescribeTasks", r#"{"tasks":["x",null]}"#, MISTYPED, "'tasks[1]' must be a string, not null"),
        ("CreateCluster", r#"{"tags":[true]}"#, MISTYPED, "'tags[0]' must be a structure, not a boolean"),
        (
            "CreateCluster",
            r#"{"tags":[{"key":1}]}"#,
            MISTYPED,
            "'tags[0].key' must be a string, not the number 1",
        ),
        ("StopTask", r#"{"task":"x","force":"yes"}"#, MISTYPED, "'force' must be a boolean, not a string"),
        (
            "RunTask",
            r#"{"taskDefinition":"x","overrides":[]}"#,
            MISTYPED,
            "'overrides' must be a structure, not a list",
        ),
    ];
    all_refused(&Server::start().await, &calls).await;
}

#[tokio::test]
async fn services_that_cannot_be_are_refused() {
    let calls: Vec<Refused> = vec![
        ("CreateService", "{}", INVALID, "ServiceName cannot be empty."),
        ("CreateService", r#"{"serviceName":"a b"}"#, INVALID, "Service name must be 1 to 255"),
        ("CreateService", r#"{"serviceName":"a"}"#, INVALID, "TaskDefinition can not be blank."),
        (
            "CreateService",
            r#"{"serviceName":"a","taskDefinition":"web"}"#,
            INVALID,
            "The replica scheduling strategy needs a desired count (desiredCount).",
        ),
        (
            "CreateService",
            r#"{"serviceName":"a","taskDefinition":"web","schedulingStrategy":"DAEMON","desiredCount":1}"#,
            INVALID,
            "The daemon scheduling strategy does not support a desired count",
        ),
        (
            "CreateService",
            r#"{"serviceName":"a","taskDefinition":"web","desiredCount":5001}"#,
            INVALID,
            "less than or equal to 5000",
        ),
        (
            "CreateService",
            r#"{"serviceName":"a","cluster":"none"}"#,
            "ClusterNotFoundException",
            "Cluster not found.",
        ),
        (
            "CreateService",
            r#"{"deploymentController":{"type":"CODE_DEPLOY"}}"#,
            UNSUPPORTED,
            "The deployment controller CODE_DEPLOY is not supported here",
        ),
        (
            "CreateService",
            r#"{"capacityProviderStrategy":[{"capacityProvider":"x"}]}"#,
            UNSUPPORTED,
            "'capacityProviderStrategy' is not supported here",
        ),
        ("CreateService", r#"{"serviceRegistries":[{}]}"#, UNSUPPORTED, "'serviceRegistries'"),
        (
            "CreateService",
            r#"{"serviceConnectConfiguration":{"enabled":true}}"#,
            UNSUPPORTED,
            "'serviceConnectConfiguration.enabled'",
        ),
        ("UpdateService", "{}", INVALID, "Service can not be blank."),
        ("UpdateService", r#"{"service":"arn:x"}"#, "ServiceNotFoundException", "Service not found."),
        ("UpdateService", r#"{"service":"none"}"#, "ServiceNotFoundException", "Service not found."),
        ("DeleteService", r#"{"service":"none"}"#, "ServiceNotFoundException", "Service not found."),
    ];
    all_refused(&Server::start().await, &calls).await;
}

#[tokio::test]
async fn what_a_service_says_of_its_deployments_and_targets_is_checked() {
    let server = Server::start().await;
    let head = r#""serviceName":"a","taskDefinition":"web","desiredCount":1"#;
    let web = format!(r#""targetGroupArn":"{}""#, server.arn("web"));
    let vms = server.arn("vms");
    let vms = format!(r#""targetGroupArn":"{vms}""#);
    let circuit = r#""deploymentConfiguration":{"deploymentCircuitBreaker":"#;
    for (rest, code, message) in [
        (r#""deploymentConfiguration":{"strategy":"CANARY"}"#, UNSUPPORTED, "The strategy CANARY"),
        (r#""deploymentConfiguration":{"strategy":"x"}"#, INVALID, "enum value set: [ROLLING,"),
        (r#""deploymentConfiguration":{"bakeTimeInMinutes":1}"#, UNSUPPORTED, "'bakeTimeInMinutes'"),
        (r#""deploymentConfiguration":{"lifecycleHooks":[{}]}"#, UNSUPPORTED, "lifecycleHooks'"),
        (
            r#""deploymentConfiguration":{"alarms":{"enable":true}}"#,
            UNSUPPORTED,
            "'deploymentConfiguration.alarms.enable'",
        ),
        (
            r#""deploymentConfiguration":{"maximumPercent":0}"#,
            INVALID,
            "at 'deploymentConfiguration.maximumPercent'",
        ),
        (
            r#""deploymentConfiguration":{"maximumPercent":99}"#,
            INVALID,
            "maximumPercent is 99 and must not be less than",
        ),
        (
            &format!(r#"{circuit}{{"enable":true}}}}"#),
            INVALID,
            "deploymentCircuitBreaker.rollback' must be specified.",
        ),
        (
            &format!(
                r#"{circuit}{{"enable":true,"rollback":true,"thresholdConfiguration":{{"type":"COUNT"}}}}}}"#
            ),
            INVALID,
            "thresholdConfiguration.value' must be specified.",
        ),
        (
            &format!(
                r#"{circuit}{{"enable":true,"rollback":true,"thresholdConfiguration":{{"type":"COUNT","value":0}}}}}}"#
            ),
            INVALID,
            "greater than or equal to 1",
        ),
        (r#""healthCheckGracePeriodSeconds":-1"#, INVALID, "at 'healthCheckGracePeriodSeconds'"),
        (r#""launchType":"MOON""#, INVALID, "[EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES]"),
        (r#""clientToken":"a b""#, INVALID, "visible ASCII"),
        (
            r#""loadBalancers":[{"loadBalancerName":"old"}]"#,
            UNSUPPORTED,
            "'loadBalancers[0].loadBalancerName'",
        ),
        (r#""loadBalancers":[{}]"#, INVALID, "Target group ARN can not be blank."),
        (
            r#""loadBalancers":[{"targetGroupArn":"x"}]"#,
            INVALID,
            "The specified target group does not exist: x",
        ),
        (&format!(r#""loadBalancers":[{{{vms}}}]"#), INVALID, "has target type instance"),
        (&format!(r#""loadBalancers":[{{{web}}}]"#), INVALID, "Container name can not be blank."),
        (
            &format!(r#""loadBalancers":[{{{web},"containerName":"a"}}]"#),
            INVALID,
            "Container port can not be null.",
        ),
        (
            &format!(r#""loadBalancers":[{{{web},"containerName":"a","containerPort":65536}}]"#),
            INVALID,
            "less than or equal to 65535",
        ),
        (
            &format!(
                r#""loadBalancers":[{{{web},"containerName":"a","containerPort":1}},{{{web},"containerName":"a","containerPort":1}}]"#
            ),
            INVALID,
            "is named twice",
        ),
        (r#""loadBalancers":[{},{},{},{},{},{}]"#, INVALID, "at most 5 load balancers"),
        (r#""tags":[{"key":"aws:x"}]"#, INVALID, "is not allowed"),
        (r#""tags":[{"key":"x"},{"key":"x"}]"#, INVALID, "Duplicate tag key found: 'x'."),
        (r#""tags":[{"value":"x"}]"#, INVALID, "Tag key can not be null or empty."),
        (r#""tags":[{"key":"x","value":"<"}]"#, INVALID, "at 'tags[0].value'"),
    ] {
        let (found, told) = refused(&server, "CreateService", &format!("{{{head},{rest}}}")).await;
        assert!(found == code && told.contains(message), "{rest}: {found}: {told}");
    }
}

#[tokio::test]
async fn tasks_that_cannot_be_are_refused() {
    let long = format!(
        r#"{{"taskDefinition":"web","overrides":{{"containerOverrides":[{{"name":"a","command":["{}"]}}]}}}}"#,
        "x".repeat(8_192)
    );
    let server = Server::start().await;
    let (code, message) = refused(&server, "RunTask", &long).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        (INVALID, "Container Overrides length must be at most 8192")
    );
    let calls = [
        ("RunTask", "{}", INVALID, "TaskDefinition can not be blank."),
        ("RunTask", r#"{"taskDefinition":"web","count":0}"#, INVALID, "greater than or equal to 1"),
        ("RunTask", r#"{"taskDefinition":"web","count":11}"#, INVALID, "less than or equal to 10"),
        (
            "RunTask",
            r#"{"taskDefinition":"web","group":"service:x"}"#,
            INVALID,
            "must not begin with 'service:'",
        ),
        ("RunTask", r#"{"taskDefinition":"web","startedBy":"a b"}"#, INVALID, "at 'startedBy'"),
        ("RunTask", r#"{"taskDefinition":"web"}"#, "ClientException", "TaskDefinition not found."),
        ("RunTask", r#"{"volumeConfigurations":[{}]}"#, UNSUPPORTED, "'volumeConfigurations'"),
        (
            "RunTask",
            r#"{"taskDefinition":"web","overrides":{"containerOverrides":[{"environmentFiles":[{}]}]}}"#,
            UNSUPPORTED,
            "'overrides.containerOverrides[0].environmentFiles'",
        ),
        (
            "RunTask",
            r#"{"taskDefinition":"web","overrides":{"containerOverrides":[{"name":"a"},{"name":"a"}]}}"#,
            INVALID,
            "Container a is overridden twice.",
        ),
        (
            "RunTask",
            r#"{"taskDefinition":"web","overrides":{"containerOverrides":[{"name":"a","environment":[{"name":"A=B"}]}]}}"#,
            INVALID,
            "'A=B' cannot be an environment variable.",
        ),
        ("StopTask", "{}", INVALID, "Task can not be blank."),
        ("StopTask", r#"{"task":"x"}"#, INVALID, "The referenced task was not found."),
        ("StopTask", r#"{"task":"x","cluster":"y"}"#, "ClusterNotFoundException", "Cluster not found."),
        ("TagResource", r#"{"resourceArn":"x","tags":[]}"#, INVALID, "At least one tag"),
        ("TagResource", r#"{"resourceArn":"x","tags":[{"key":"a"}]}"#, "ResourceNotFoundException", ": x"),
        ("UntagResource", r#"{"resourceArn":"x"}"#, INVALID, "At least one tag key"),
        (
            "DeregisterTaskDefinition",
            r#"{"taskDefinition":"web"}"#,
            "ClientException",
            "A revision must be specified",
        ),
        ("DeregisterTaskDefinition", r#"{"taskDefinition":"web:1"}"#, "ClientException", "does not exist"),
        ("CreateCluster", r#"{"clusterName":"a b"}"#, INVALID, "Cluster name must be"),
        ("CreateCluster", r#"{"capacityProviders":["x"]}"#, UNSUPPORTED, "'capacityProviders'"),
        ("DeleteCluster", "{}", INVALID, "Cluster can not be blank."),
        ("DeleteCluster", r#"{"cluster":"x"}"#, "ClusterNotFoundException", "Cluster not found."),
    ];
    all_refused(&server, &calls).await;
}

#[tokio::test]
async fn a_definition_may_not_be_too_long_and_names_files_by_absolute_paths() {
    let server = Server::start().await;
    let definition = |image: &str, more: &str| {
        format!(
            r#"{{"family":"a","containerDefinitions":[{{"name":"a","image":"{image}","memory":8}}]{more}}}"#
        )
    };
    let (code, message) =
        refused(&server, "RegisterTaskDefinition", &definition(&"x".repeat(65_536), "")).await;
    assert_eq!(code, "ClientException");
    assert!(message.ends_with("Max allowed length is '65536' bytes."), "{message}");
    let volume = r#","volumes":[{"name":"v","host":{"sourcePath":"data"}}]"#;
    let (code, message) = refused(&server, "RegisterTaskDefinition", &definition("x", volume)).await;
    assert_eq!((code.as_str(), message.as_str()), ("ClientException", "data must be an absolute path."));
    let calls = [
        ("RegisterTaskDefinition", "{}", "ClientException", "amily"),
        (
            "RegisterTaskDefinition",
            r#"{"family":"a","containerDefinitions":[{"name":"a","image":"a","memory":8,"healthCheck":{"command":["CMD-SHELL","true"],"interval":1}}]}"#,
            "ClientException",
            "healthCheck.interval must be",
        ),
    ];
    all_refused(&server, &calls).await;
}

#[tokio::test]
async fn what_is_of_ecs_and_not_here_is_said_to_be_unsupported() {
    let server = Server::start().await;
    for action in ["CreateCapacityProvider", "DeleteTaskDefinitions", "ExecuteCommand", "StartTask"] {
        let (code, message) = refused(&server, action, "{}").await;
        assert!(code == UNSUPPORTED && message.starts_with(action), "{code}: {message}");
    }
    for target in ["AmazonEC2ContainerServiceV20141113.RunTasks", "RunTask", "AmazonSQS.SendMessage"] {
        let request = Request::post("/").header("x-amz-target", target).body(Body::empty()).unwrap();
        let (status, answer) = server.send(request, true).await;
        assert_eq!((status, answer["__type"].as_str()), (400, Some("UnknownOperationException")), "{target}");
    }
}

#[tokio::test]
async fn a_foreign_page_cannot_change_anything() {
    let server = Server::start().await;
    for (action, status) in [("CreateCluster", 400), ("ListTasks", 200)] {
        let target = format!("AmazonEC2ContainerServiceV20141113.{action}");
        let request =
            Request::post("/").header("x-amz-target", target).header("sec-fetch-site", "cross-site");
        let (found, answer) = server.send(request.body(Body::empty()).unwrap(), true).await;
        assert_eq!(found, status, "{answer}");
    }
}
