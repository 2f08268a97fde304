"""The second founding document: a service whose target fails its health check, and the deployment that mends it."""

import re
import sys
from pathlib import Path

from support.ecs import Ecs, definition, in_order, task_addresses
from support.process import eventually
from support.server import config, group

SUPPORT = Path(__file__).with_name("support")
PORT = 4567


def backend(status):
    return {
        "name": "backend",
        "image": "backend-flask",
        "command": [sys.executable, str(SUPPORT / "answers.py")],
        "environment": [{"name": "STATUS", "value": str(status)}, {"name": "PORT", "value": str(PORT)}],
        "portMappings": [{"containerPort": PORT}],
        "stopTimeout": 5,
    }


def test_a_service_that_answers_500_is_mended_by_a_deployment_and_the_stock_waiters_see_it(serve):
    check = {"path": "/api/health-check", "port": "traffic-port", "matcher": "200"}
    ecs_table = f'\n[ecs]\ntask_addresses = "{task_addresses()}"\n'
    server = serve(config(group("backend", [], check, deregistration_delay="1s")) + ecs_table)
    ecs = Ecs(server)
    (target_group,) = ecs.aws_json("elbv2", "describe-target-groups")["TargetGroups"]
    arn = target_group["TargetGroupArn"]
    for status in (500, 200):
        ecs.register_task_definition(**definition("backend", backend(status), networkMode="awsvpc"))
    ecs.create_service(
        serviceName="backend",
        taskDefinition="backend:1",
        desiredCount=1,
        loadBalancers=[{"targetGroupArn": arn, "containerName": "backend", "containerPort": PORT}],
    )

    # At least one task runs, so that it is no failure to start; its target says what is wrong.
    def unhealthy():
        found = ecs.aws_json("elbv2", "describe-target-health", "--target-group-arn", arn)
        states = [one["TargetHealth"] for one in found["TargetHealthDescriptions"]]
        return next((state for state in states if state["State"] == "unhealthy"), None)

    assert eventually(unhealthy) == {
        "State": "unhealthy",
        "Reason": "Target.ResponseCodeMismatch",
        "Description": "Health checks failed with these codes: [500]",
    }
    assert eventually(lambda: [task for task in ecs.tasks("backend") if task["lastStatus"] == "RUNNING"])
    assert {deployment["rolloutState"] for deployment in ecs.service("backend")["deployments"]} == {"IN_PROGRESS"}

    updated = ecs.aws_json("ecs", "update-service", "--service", "backend", "--task-definition", "backend:2")
    primary = next(one for one in updated["service"]["deployments"] if one["status"] == "PRIMARY")
    gate = server.command("wait", "--service", "backend", "--deployment", primary["id"], "--timeout", "60s", within=70)
    assert gate.returncode == 0, gate
    (task,) = [task for task in ecs.tasks("backend") if task["taskDefinitionArn"].endswith("backend:2")]
    address = task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    for waiter in (
        ("ecs", "wait", "services-stable", "--services", "backend"),
        ("elbv2", "wait", "target-in-service", "--target-group-arn", arn, "--targets", f"Id={address},Port={PORT}"),
        ("ecs", "wait", "tasks-running", "--tasks", task["taskArn"]),
    ):
        done = ecs.aws(*waiter, within=120)
        assert done.returncode == 0, done

    service = ecs.service("backend")
    (deployment,) = service["deployments"]
    assert (deployment["id"], deployment["rolloutState"]) == (primary["id"], "COMPLETED")
    assert deployment["rolloutStateReason"] == f"ECS deployment {primary['id']} completed."
    assert (service["runningCount"], service["pendingCount"], service["desiredCount"]) == (1, 0, 1)
    health = server.targets("backend")
    assert health[f"{address}:{PORT}"]["state"] == "healthy"

    said = ecs.messages("backend")
    new = task["taskArn"].rsplit("/", 1)[1]
    (first,) = re.findall(r"\(task (\w+)\)", said[0])
    name = "(service backend)"
    wanted = [
        f"{name} has started 1 tasks: (task {first}).",
        f"{name} registered 1 targets in (target-group {arn})",
        f"{name} has started 1 tasks: (task {new}).",
        f"{name} registered 1 targets in (target-group {arn})",
        f"{name} (deployment {primary['id']}) deployment completed.",
        f"{name} has reached a steady state.",
    ]
    assert in_order(wanted, said), said
    why = f"(port {PORT}) is unhealthy in (target-group {arn}) due to (reason Health checks failed with these codes: [500])."
    complaints = [message for message in said if "is unhealthy in" in message]
    for message in complaints:
        assert re.fullmatch(rf"\(service backend\) \(task \w+\) {re.escape(why)}", message), message
    # Every task of the first revision has gone the way of a task that a load balancer does not want.
    for gone in ecs.tasks("backend", "STOPPED"):
        assert gone["stopCode"] == "ServiceSchedulerInitiated", gone
        assert gone["stoppedReason"] == f"Task failed ELB health checks in (target-group {arn})" or re.fullmatch(
            r"Scaling activity initiated by \(deployment ecs-svc/\d+\)", gone["stoppedReason"]
        ), gone
