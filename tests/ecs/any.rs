//! Whatever a client says is answered, in the form of the API.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::server::Server;

const ACTIONS: [&str; 21] = [
    "CreateCluster",
    "CreateService",
    "DeleteCluster",
    "DeleteService",
    "DeregisterTaskDefinition",
    "DescribeClusters",
    "DescribeContainerInstances",
    "DescribeServices",
    "DescribeTaskDefinition",
    "DescribeTasks",
    "ListClusters",
    "ListServices",
    "ListTagsForResource",
    "ListTaskDefinitionFamilies",
    "ListTaskDefinitions",
    "ListTasks",
    "RegisterTaskDefinition",
    "RunTask",
    "StopTask",
    "TagResource",
    "UpdateService",
];

/// What means something to one of them, and of the right type.
fn good() -> Vec<(&'static str, Value)> {
    vec![
        ("cluster", json!("default")),
        ("clusterName", json!("shop")),
        ("clusters", json!(["default", "arn:aws:ecs:us-east-1:000000000000:cluster/x"])),
        ("containerDefinitions", json!([{ "name": "app", "image": "a", "memory": 8 }])),
        ("containerInstances", json!(["x"])),
        ("count", json!(2)),
        ("deploymentConfiguration", json!({ "maximumPercent": 100, "minimumHealthyPercent": 0 })),
        ("desiredCount", json!(1)),
        ("family", json!("web")),
        ("force", json!(true)),
        ("include", json!(["TAGS"])),
        ("loadBalancers", json!([])),
        ("maxResults", json!(1)),
        ("nextToken", json!("00")),
        ("overrides", json!({ "containerOverrides": [{ "name": "app", "command": ["x"] }] })),
        ("resourceArn", json!("arn:aws:ecs:us-east-1:000000000000:cluster/default")),
        ("schedulingStrategy", json!("DAEMON")),
        ("service", json!("web")),
        ("serviceName", json!("web")),
        ("services", json!(["web"])),
        ("tags", json!([{ "key": "a", "value": "b" }])),
        ("task", json!("x")),
        ("taskDefinition", json!("web")),
        ("tasks", json!(["x", "arn:aws:ecs:us-east-1:000000000000:task/default/x"])),
    ]
}

/// Any JSON, of a few levels.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,8}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn call() -> impl Strategy<Value = (&'static str, String)> {
    let field = (prop::sample::select(good()), prop::option::weighted(0.2, anything()));
    let fields = prop::collection::vec(field, 0..8).prop_map(|fields| {
        let fields = fields.into_iter().map(|((name, good), other)| (name.to_owned(), other.unwrap_or(good)));
        Value::Object(fields.collect::<Map<_, _>>()).to_string()
    });
    let body = prop_oneof![9 => fields, 1 => "\\PC{0,20}"];
    (prop::sample::select(ACTIONS.to_vec()), body)
}

proptest! {
    #[test]
    fn every_call_is_answered_with_an_object(calls in prop::collection::vec(call(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start().await;
            for (action, body) in calls {
                let (status, answer) = server.call(action, &body, true).await;
                let refused = answer.get("__type").is_some_and(Value::is_string)
                    && answer.get("message").is_some_and(Value::is_string);
                prop_assert!(answer.is_object() && (status == 400) == refused, "{action} {body}: {answer}");
                prop_assert!(status == 200 || status == 400, "{action} {body}: {status}: {answer}");
            }
            Ok(())
        })?;
    }
}
