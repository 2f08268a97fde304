//! `tgprobe wait --service` and `tgprobe status` of services, against a server that plays a part.

use crate::server::{Request, Server, end, nobody, run, start};

const WATCH: &str = "/api/v1/services/web?cluster=default&watch=true";
const ASK: &str = "/api/v1/services/web?cluster=default";

/// A service whose newest deployment is as told, and its tasks.
fn service(deployment: &str, rollout: &str, tasks: &[String]) -> String {
    let deployments = format!(
        r#"[{{"id":"{deployment}","status":"PRIMARY","definition":"web:2","desired_count":2,"running_count":1,"pending_count":1,"failed_tasks":1,"failure_limit":3,"rollout_state":"{rollout}","rollout_state_reason":"ECS deployment {deployment} is told.","rolls_back":null}}]"#
    );
    format!(
        r#"{{"time":"2030-01-01T00:00:00.000Z","service":"web","cluster":"default","status":"ACTIVE","definition":"web:2","desired_count":2,"running_count":1,"pending_count":1,"healthy_count":1,"steady":false,"connectivity":"CONNECTED","waiting_for":["1 of 3 failures at which the circuit breaker trips"],"deployments":{deployments},"events":[],"tasks":[{}]}}"#,
        tasks.join(",")
    )
}

/// A task that runs and waits for what is said.
fn task(id: &str, deployment: &str, waiting_for: &str) -> String {
    format!(
        r#"{{"task":"{id}","cluster":"default","service":"web","deployment":"{deployment}","group":"service:web","definition":"web:2","last_status":"RUNNING","desired_status":"RUNNING","health":"HEALTHY","started":"2030-01-01T00:00:00.000Z","stopped":null,"stopped_reason":null,"containers":[{{"name":"app","last_status":"RUNNING","health":"HEALTHY","exit_code":null,"reason":null,"last_check":null}}],"targets":[{{"target_group":"web","target":"127.0.0.1:80","state":"healthy"}}],"waiting_for":[{waiting_for}]}}"#
    )
}

const SICK: &str =
    r#"{"container":"app","target":null,"message":"container app is UNHEALTHY: exit code 7, no database"}"#;

fn follow(server: &Server, text: &str) -> Request {
    let mut request = server.expect(WATCH);
    request.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n");
    request.event("service", text);
    request
}

#[test]
fn a_deploy_passes_once_the_deployment_is_complete_and_its_tasks_are_healthy() {
    let server = Server::start();
    let gate = start(&server.url, "wait --service web");
    let [first, second] = ["0123456789abcdef", "fedcba9876543210"];
    let healthy = |id| task(id, "ecs-svc/2", "");
    let mut stream = follow(
        &server,
        &service("ecs-svc/2", "IN_PROGRESS", &[healthy(first), task(second, "ecs-svc/2", SICK)]),
    );
    stream.event("service", &service("ecs-svc/2", "COMPLETED", &[healthy(first), healthy(second)]));
    let (out, err) = end(gate, 0);
    assert!(out.starts_with("web: ecs-svc/2 is complete, 2 of 2 healthy, after "), "{out}");
    let line = "web: 1/2 healthy, waiting for 1 of 3 failures at which the circuit breaker trips, \
                task fedcba98: container app is UNHEALTHY: exit code 7, no database\n";
    assert_eq!(err, line);
}

#[test]
fn the_deadline_names_every_task_that_holds_it_up() {
    let server = Server::start();
    let gate = start(&server.url, "wait --service web --timeout 300ms -o json");
    let _stream = follow(&server, &service("ecs-svc/2", "IN_PROGRESS", &[task("0f", "ecs-svc/2", SICK)]));
    let (out, err) = end(gate, 1);
    let tail = "error: web: the timeout of 300ms passed (0 of 2 healthy)\n  \
                1 of 3 failures at which the circuit breaker trips\n  \
                1 task is still to be started\n  \
                task 0f: container app is UNHEALTHY: exit code 7, no database\n";
    assert!(err.ends_with(tail), "{err}");
    let result: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(result["result"], "timeout");
    assert_eq!((&result["service"], &result["cluster"]), (&"web".into(), &"default".into()));
    assert_eq!((&result["deployment"], &result["needed"]), (&"ecs-svc/2".into(), &2.into()));
    assert_eq!(result["blockers"][2]["container"], "app");
    assert_eq!(result.get("target_group"), None);
}

#[test]
fn a_rollback_ends_the_gate_at_once() {
    let server = Server::start();
    let gate = start(&server.url, "wait --service web --timeout 1h");
    let mut stream = follow(&server, &service("ecs-svc/2", "IN_PROGRESS", &[]));
    let back = service("ecs-svc/3", "IN_PROGRESS", &[])
        .replace(r#""rolls_back":null"#, r#""rolls_back":"ecs-svc/2""#);
    stream.event("service", &back);
    let (_, err) = end(gate, 1);
    let reason = "error: web: the deployment ecs-svc/2 failed and ecs-svc/3 takes its place: ECS deployment ecs-svc/3 \
                  is told (0 of 2 healthy)\n";
    assert!(err.contains(reason), "{err}");
}

#[test]
fn a_deployment_that_is_not_the_one_named_ends_the_gate_at_once() {
    let server = Server::start();
    let gate = start(&server.url, "wait --service web --deployment ecs-svc/1 --timeout 1h");
    let _stream = follow(&server, &service("ecs-svc/2", "COMPLETED", &[]));
    let (_, err) = end(gate, 1);
    assert!(err.contains("ecs-svc/1 is no deployment of the service, the newest one is ecs-svc/2"), "{err}");
}

#[test]
fn a_lost_server_is_looked_for_and_what_it_says_then_counts() {
    let server = Server::start();
    let gate = start(&server.url, "wait --service web --stable-for 10ms");
    let healthy = service("ecs-svc/2", "COMPLETED", &["0e", "0f"].map(|id| task(id, "ecs-svc/2", "")));
    drop(follow(&server, &service("ecs-svc/2", "IN_PROGRESS", &[])));
    let _stream = follow(&server, &healthy);
    // What was reached by time passing is asked for once more.
    server.expect(ASK).answer("200 OK", &healthy);
    let (_, err) = end(gate, 0);
    assert!(err.contains("web: lost the server, reconnecting"), "{err}");
}

#[test]
fn an_unknown_service_is_wrong_usage_and_so_is_a_goal_of_groups() {
    let server = Server::start();
    let gate = start(&server.url, "wait --service web");
    let body =
        r#"{"error":{"code":"service_not_found","message":"There is no service `web`; there are: api."}}"#;
    server.expect(WATCH).answer("404 Not Found", body);
    let (_, err) = end(gate, 2);
    assert_eq!(err, "error: There is no service `web`; there are: api.\n");
    for line in
        ["wait", "wait web --service web", "wait --service web --for gone", "wait web --old-tasks-stopped"]
    {
        run(&nobody(), line, 2);
    }
    run(&nobody(), "wait --service web", 3);
}

#[test]
fn services_are_rows() {
    let server = Server::start();
    let status = start(&server.url, "status --services --cluster default");
    let list = format!(r#"{{"services":[{}]}}"#, service("ecs-svc/2", "IN_PROGRESS", &[]));
    server.expect("/api/v1/services?cluster=default").answer("200 OK", &list);
    let (out, _) = end(status, 0);
    assert_eq!(
        out,
        "SERVICE  CLUSTER  STATUS  DEFINITION  DESIRED  RUNNING  PENDING  HEALTHY  ROLLOUT      STEADY\n\
         web      default  ACTIVE  web:2       2        1        1        1        IN_PROGRESS  no\n"
    );
}

#[test]
fn tasks_are_rows_and_say_what_they_wait_for() {
    let server = Server::start();
    let status = start(&server.url, "status --tasks");
    let list = format!(r#"{{"tasks":[{}]}}"#, task("0f", "ecs-svc/2", SICK));
    server.expect("/api/v1/tasks").answer("200 OK", &list);
    let (out, _) = end(status, 0);
    assert_eq!(
        out,
        "TASK  SERVICE  DEFINITION  LAST STATUS  HEALTH   WAITING FOR\n\
         0f    web      web:2       RUNNING      HEALTHY  container app is UNHEALTHY: exit code 7, no database\n"
    );
}

#[test]
fn a_service_is_shown_with_what_it_waits_for_its_deployments_and_its_tasks() {
    let server = Server::start();
    let status = start(&server.url, "status --service web");
    let text = service("ecs-svc/2", "IN_PROGRESS", &[task("0f", "ecs-svc/2", "")]);
    server.expect("/api/v1/services/web").answer("200 OK", &text);
    let (out, _) = end(status, 0);
    let parts: Vec<_> = out.split("\n\n").map(|part| part.lines().last().unwrap()).collect();
    let expected = [
        "web      default  ACTIVE  web:2       2        1        1        1        IN_PROGRESS  no",
        "1 of 3 failures at which the circuit breaker trips",
        "ecs-svc/2   PRIMARY  web:2       2        1        1        1 of 3  IN_PROGRESS  ECS deployment ecs-svc/2 is \
         told.",
        "0f    web      web:2       RUNNING      HEALTHY  -",
    ];
    assert_eq!(parts, expected);
}
