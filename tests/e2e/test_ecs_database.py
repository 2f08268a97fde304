"""The first founding document: a task whose health is that of its database, and a service that replaces it."""

import sys
import threading
import time
from http.client import HTTPException
from pathlib import Path

from support.services import Services, definition, in_order
from support.postgres import PORT, Postgres
from support.process import eventually
from support.server import config, group

SUPPORT = Path(__file__).with_name("support")

# To the letter what the document says, but for the interval and the start period, which are the shortest ones allowed.
COMMAND = "CMD-SHELL,curl -f http://localhost:8000/randomUser || exit 1"
BACKEND = {
    "name": "backend",
    "image": "my-backend",
    "essential": True,
    "command": [sys.executable, str(SUPPORT / "random_user.py")],
    "portMappings": [{"containerPort": 8000}],
    "stopTimeout": 5,
    "healthCheck": {"command": COMMAND.split(",", 1), "interval": 5, "timeout": 5, "retries": 3, "startPeriod": 5},
}
LIFE = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"]


class Diary:
    """The states of every task, in order, as the event stream tells them."""

    def __init__(self, server):
        self.server, self.states = server, {}
        self._stream = server.events()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self):
        with self._stream:
            try:
                while True:
                    event = self._stream.next(within=300)
                    if event.data.get("detail-type") == "ECS Task State Change":
                        task = event.data["detail"]
                        self.states.setdefault(task["taskArn"], []).append(task["lastStatus"])
            except (EOFError, OSError, HTTPException):
                return

    def stop(self):
        self._stream.hang_up()
        self._thread.join(timeout=5)

    def of(self, arn):
        """The states of one task, each told once though other things about it changed."""
        told = self.states.get(arn, [])
        return [state for before, state in zip([None, *told], told) if state != before]


def test_a_task_cut_off_from_its_database_is_replaced_after_draining_and_heals_with_it(serve, network, start, folder):
    database = start(Postgres, network, folder("postgres") / "log")
    server = serve(
        config(group("web", [], {"path": "/"}, deregistration_delay="2s")) + "\n[ecs]\n",
        network,
        environment={"PATH": "/usr/local/bin:/usr/bin:/bin"},
    )
    diary = start(Diary, server)
    ecs = Services(server)
    (web,) = ecs.aws_json("elbv2", "describe-target-groups")["TargetGroups"]
    registered = ecs.register_task_definition(**definition("my-backend-task", BACKEND, networkMode="host"))
    assert registered["taskDefinition"]["containerDefinitions"][0]["healthCheck"]["command"] == [
        "CMD-SHELL",
        "curl -f http://localhost:8000/randomUser || exit 1",
    ]
    ecs.create_service(
        serviceName="my-backend-task-service",
        taskDefinition="my-backend-task",
        desiredCount=1,
        loadBalancers=[
            {"targetGroupArn": web["TargetGroupArn"], "containerName": "backend", "containerPort": 8000}
        ],
        deploymentConfiguration={"maximumPercent": 100, "minimumHealthyPercent": 0},
        # What it takes to start must not look like a failure.
        healthCheckGracePeriodSeconds=10,
    )
    (first,) = eventually(lambda: ecs.tasks("my-backend-task-service"))
    first = ecs.until(first["taskArn"], lastStatus="RUNNING", healthStatus="HEALTHY")
    assert [container["healthStatus"] for container in first["containers"]] == ["HEALTHY"]
    server.wait_for("web", "127.0.0.1:8000", state="healthy")

    network.drop(PORT)
    cut = time.monotonic()
    seen = eventually(lambda: ecs.task(first["taskArn"])["healthStatus"] == "UNHEALTHY" and time.monotonic(), within=45)
    # Three checks that hang for five seconds each, five seconds between them, and up to five before the first.
    assert 24 <= seen - cut <= 33, seen - cut

    stopped = ecs.until(first["taskArn"], within=30, lastStatus="STOPPED")
    assert stopped["stopCode"] == "ServiceSchedulerInitiated"
    assert stopped["stoppedReason"] == "Task failed container health checks"
    assert stopped["healthStatus"] == "UNHEALTHY"
    (second,) = eventually(lambda: ecs.tasks("my-backend-task-service"))
    assert second["createdAt"] >= stopped["stoppedAt"], "without headroom the new task comes after the old one"
    # The database comes back; the task that was started without it is healthy as soon as a check has passed.
    network.undrop()
    healthy = eventually(
        lambda: next((t for t in ecs.tasks("my-backend-task-service") if t["healthStatus"] == "HEALTHY"), None), 60
    )
    assert healthy["taskArn"] != first["taskArn"]
    # The list of terminated tasks that the document speaks of.
    assert first["taskArn"] in [task["taskArn"] for task in ecs.tasks("my-backend-task-service", "STOPPED")]
    assert diary.of(first["taskArn"]) == LIFE
    eventually(lambda: diary.of(healthy["taskArn"]) == LIFE[:4])

    old, new = (arn["taskArn"].rsplit("/", 1)[1] for arn in (first, second))
    name, arn = "(service my-backend-task-service)", web["TargetGroupArn"]
    deployment = first["startedBy"]
    wanted = [
        f"{name} has started 1 tasks: (task {old}).",
        f"{name} registered 1 targets in (target-group {arn})",
        f"{name} has reached a steady state.",
        f"{name} (task {old}) failed container health checks.",
        f"{name} has stopped 1 running tasks: (task {old}).",
        f"{name} deregistered 1 targets in (target-group {arn})",
        f"(service my-backend-task-service, taskSet {deployment}) has begun draining connections on 1 tasks.",
        f"{name} has started 1 tasks: (task {new}). Amazon ECS replaced 1 tasks due to an unhealthy status.",
        f"{name} registered 1 targets in (target-group {arn})",
    ]
    said = ecs.messages("my-backend-task-service")
    assert in_order(wanted, said), said
    eventually(lambda: ecs.messages("my-backend-task-service")[-1] == f"{name} has reached a steady state.", 30)
    assert database.popen.poll() is None
