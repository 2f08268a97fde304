"""A server that is killed at any moment of a rolling deployment goes on with it: no task twice, no target without one."""

import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

import pytest
from support.process import eventually
from support.server import config, group
from support.services import Services, definition, task_addresses
from test_adoption import processes

CYCLES = 40 if os.environ.get("LOAD_LONG") else 8
COUNT = 3
PORT = 4567
ANSWERS = Path(__file__).with_name("support") / "answers.py"


def backend(revision):
    return {
        "name": "backend",
        "image": "none",
        "command": [sys.executable, str(ANSWERS)],
        "environment": [
            {"name": "STATUS", "value": "200"},
            {"name": "PORT", "value": str(PORT)},
            {"name": "REVISION", "value": str(revision)},
        ],
        "portMappings": [{"containerPort": PORT}],
        "stopTimeout": 2,
    }


@pytest.fixture
def swept():
    """Leaves nothing running of those who are put into it, by their owners."""
    owners = set()
    yield owners
    for owner in owners:
        for one in processes(owner).values():
            for _, pid in one:
                os.kill(pid, signal.SIGKILL)


def test_a_deployment_goes_on_wherever_the_server_is_killed(serve, folder, swept):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    check = {"path": "/api/health-check", "interval": "200ms", "timeout": "150ms"}
    data = folder("data")
    text = config(group("web", [], check, deregistration_delay="500ms"), data_dir=str(data))
    text += f'\n[ecs]\ntask_addresses = "{task_addresses()}"\n'
    server = serve(text)
    ((owner,),) = sqlite3.connect(next(data.glob("*.db"))).execute("SELECT id FROM instance")
    swept.add(owner)
    ecs = Services(server)
    (arn,) = [one["TargetGroupArn"] for one in ecs.aws_json("elbv2", "describe-target-groups")["TargetGroups"]]
    ecs.register_task_definition(**definition("web", backend(0), networkMode="awsvpc"))
    balancer = {"targetGroupArn": arn, "containerName": "backend", "containerPort": PORT}
    ecs.create_service(serviceName="web", taskDefinition="web:1", desiredCount=COUNT, loadBalancers=[balancer], healthCheckGracePeriodSeconds=30)
    revision = 1

    def settled():
        service = ecs.service("web")
        tasks = ecs.tasks("web")
        done = len(service["deployments"]) == 1 and service["deployments"][0]["rolloutState"] == "COMPLETED"
        steady = service["runningCount"] == COUNT and service["pendingCount"] == 0 and len(tasks) == COUNT
        if not done or not steady or any(task["lastStatus"] != "RUNNING" for task in tasks):
            return None
        assert all(task["taskDefinitionArn"].endswith(f"web:{revision}") for task in tasks), tasks
        ids = {task["taskArn"].rpartition("/")[2] for task in tasks}
        homes = {f"{task['containers'][0]['networkInterfaces'][0]['privateIpv4Address']}:{PORT}" for task in tasks}
        mine = processes(owner)
        targets = server.targets("web")
        whole = mine.keys() == ids and all(len(found) == 1 for found in mine.values())
        return whole and targets.keys() == homes and all(one["state"] == "healthy" for one in targets.values()) and mine

    def wait():
        try:
            return eventually(settled, 60)
        except BaseException:
            print(ecs.service("web"), ecs.tasks("web"), ecs.tasks("web", "STOPPED"), server.targets("web"), sep="\n")
            print({id: found for id, found in processes().items()})
            raise

    before = wait()
    for _ in range(CYCLES):
        revision += 1
        ecs.register_task_definition(**definition("web", backend(revision), networkMode="awsvpc"))
        ecs.update_service(service="web", taskDefinition=f"web:{revision}")
        for _ in range(dice.randint(1, 3)):
            # Any moment is as good as any other; those right after the call are many.
            time.sleep(dice.choice([0.02, 0.2, 1, 3]) * dice.random())
            server.signal(signal.SIGKILL)
            server.wait(10)
            server = serve(text)
            ecs = Services(server)
        now = wait()
        assert not now.keys() & before.keys()
        stopped = lambda: all(task["lastStatus"] == "STOPPED" for task in ecs.tasks("web", "STOPPED"))
        eventually(stopped)
        for gone in ecs.tasks("web", "STOPPED"):
            assert gone["stopCode"] == "ServiceSchedulerInitiated" and "Scaling activity" in gone["stoppedReason"], gone
        before = now
