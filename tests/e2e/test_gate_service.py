"""`tgprobe wait --service`, and what a reader sees of a service: JSON, events, metrics, rows."""

import json
import subprocess

import pytest
from support.ecs import ecs, register, shell, waiting, with_ecs
from support.process import eventually

# Starts that fail are tried again soon, so that a circuit breaker trips within a test.
QUICK = '\n[ecs]\nfirst_wait = "1s"\nlongest_wait = "1s"\n'
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def newest(client, name="web"):
    (service,) = client.describe_services(services=[name])["services"]
    return service["deployments"][0]["id"]


@pytest.fixture
def gate(binary):
    """Starts `tgprobe wait --service` and gives the process, which is ended with the test."""
    started = []

    def start(server, *arguments):
        command = [binary, "wait", "--server", server.url, "--service", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        started.append(subprocess.Popen(command, text=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_deploy_passes_once_its_containers_are_healthy_and_says_what_it_waits_for(serve, gate, folder):
    server = serve(with_ecs(table=QUICK))
    client, ready = ecs(server.url), folder("ready") / "ready"
    check = f"test -e {ready} || {{ echo the database is away; exit 7; }}"
    web = register(client, waiting(check=check))
    client.create_service(serviceName="web", taskDefinition=web, desiredCount=2)
    deployment = newest(client)
    process = gate(server, "web", "--deployment", deployment, "--timeout", "60s", "-o", "json")
    said = []
    while "the database is away" not in (said[-1] if said else ""):
        said.append(process.stderr.readline())
        assert said[-1], said
    assert "container app is" in said[-1] and "exit code 7" in said[-1], said
    assert process.poll() is None
    ready.touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, (said, err)
    result = json.loads(out)
    assert (result["result"], result["deployment"], result["healthy"]) == ("reached", deployment, 2)
    assert server.metric("tgprobe_service_steady", service="web", cluster="default") == 1
    # What has arrived passes at once, and one that never was does not.
    assert server.command("wait", "--service", "web").returncode == 0
    other = server.command("wait", "--service", "web", "--deployment", "ecs-svc/1")
    assert (other.returncode, "is no deployment of the service" in other.stderr) == (1, True), other
    unknown = server.command("wait", "--service", "wbe")
    assert (unknown.returncode, "there are: web" in unknown.stderr) == (2, True), unknown


def test_a_deploy_that_is_rolled_back_fails_at_once_though_the_service_is_steady_again(serve, gate):
    server = serve(with_ecs(table=QUICK))
    client = ecs(server.url)
    # With a check a task counts once it has passed, without one only after 40 s.
    web = register(client, waiting(check="true"))
    client.create_service(serviceName="web", taskDefinition=web, desiredCount=1, deploymentConfiguration=BREAKER)
    assert server.command("wait", "--service", "web", "--timeout", "55s", within=60).returncode == 0
    broken = {**shell("true"), "entryPoint": ["/nonexistent/program"], "command": []}
    client.update_service(service="web", taskDefinition=register(client, broken))
    process = gate(server, "web", "--deployment", newest(client), "--timeout", "300s")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, (out, err)
    assert "failed" in err and "circuit breaker" in err, err
    assert "it is STOPPED" in err, err
    # The service itself is steady again, with the revision of before.
    assert server.command("wait", "--service", "web", "--timeout", "55s", within=60).returncode == 0
    (service,) = client.describe_services(services=["web"])["services"]
    assert service["taskDefinition"].endswith("web:1"), service


def test_services_and_tasks_are_told_as_json_events_metrics_and_rows(serve):
    server = serve(with_ecs(table=QUICK))
    client = ecs(server.url)
    with server.events(service="web") as events:
        web = register(client, waiting(check="echo fine"), waiting("sidecar", essential=False))
        client.create_service(serviceName="web", taskDefinition=web, desiredCount=1)
        health = events.until(lambda event: event.kind == "ecs_container_health_change", 30)
        steady = events.until(lambda event: event.data["detail"].get("eventName") == "SERVICE_STEADY_STATE", 30)
    assert health.data["source"] == "tgprobe"
    detail = health.data["detail"]
    assert (detail["containerName"], detail["healthStatus"], detail["check"]["output"].strip()) == ("app", "HEALTHY", "fine")
    assert steady.data["resources"] == ["arn:aws:ecs:us-east-1:000000000000:service/default/web"]
    with server.events(last=health.id, kind="ecs_service_action") as events:
        assert events.next().kind == "ecs_service_action"

    service = server.http.get("/api/v1/services/web").json()
    assert (service["steady"], service["healthy_count"], service["waiting_for"]) == (True, 1, [])
    (task,) = service["tasks"]
    (app, sidecar) = task["containers"]
    assert (app["health"], app["last_check"]["output"].strip(), sidecar["checked"]) == ("HEALTHY", "fine", False)
    alone = server.http.get(f"/api/v1/tasks/{task['task']}").json()
    assert alone["containers"][0]["checks"][0]["exit_code"] == 0
    (listed,) = server.http.get("/api/v1/tasks?service=web&desired_status=RUNNING").json()["tasks"]
    assert listed["task"] == task["task"]
    assert server.http.get("/api/v1/services/none").status == 404
    assert server.http.get("/api/v1/tasks/none").status == 404
    assert server.http.get("/api/v1/tasks?colour=red").status == 400

    labels = {"cluster": "default", "service": "web"}
    assert server.metric("tgprobe_tasks", last_status="RUNNING", **labels) == 1
    assert server.metric("tgprobe_container_healthy", container="app", task=task["task"], **labels) == 1
    assert server.metric("tgprobe_container_checks_total", **labels) >= 1
    assert server.metric("tgprobe_ecs_connected") == 1

    rows = server.command("status", "--service", "web").stdout
    assert task["task"] in rows and "COMPLETED" in rows, rows
    assert "web" in server.command("status", "--services").stdout
    assert task["task"] in server.command("status", "--tasks").stdout
    # A reader of the service hears of its end.
    with server.http.stream("/api/v1/services/web?watch=true") as stream:
        assert stream.next().data["steady"] is True
        client.delete_service(service="web", force=True)
        stream.until(lambda event: event.data["status"] in ("DRAINING", "INACTIVE"), 20)
    eventually(lambda: server.command("wait", "--service", "web").returncode == 1)
