"""The ECS side of a server: boto3, the stock AWS CLI, and what happens to tasks, in order."""

import json
import os
import random
import subprocess

import boto3
from botocore.config import Config

from .aws import CLI, KEYS
from .client import inside
from .process import eventually


def task_addresses():
    """A network of loopback addresses that no other test is likely to use at this moment."""
    return f"127.{random.randrange(16, 240)}.{random.randrange(0, 16) * 16}.0/20"


class Services:
    """`ecs` and `elbv2` of one server, wherever its network is."""

    def __init__(self, server, region="us-east-1"):
        self.server, self.namespace = server, server.namespace
        self.clients = {
            name: boto3.client(
                name,
                region_name=region,
                endpoint_url=server.url,
                aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
                config=Config(retries={"max_attempts": 1, "mode": "standard"}),
            )
            for name in ("ecs", "elbv2")
        }
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        self.environment = {
            **kept,
            **KEYS,
            "AWS_ENDPOINT_URL": server.url,
            "AWS_DEFAULT_REGION": region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }

    def __getattr__(self, action):
        """An action of `ecs` by its name in boto3."""
        call = getattr(self.clients["ecs"], action)
        pid = self.namespace.pid if self.namespace else None
        return lambda **parameters: inside(pid, lambda: call(**parameters))

    def aws(self, *arguments, within=60):
        """Runs the stock CLI to its end."""
        prefix = self.namespace.enter if self.namespace else []
        command = [*prefix, CLI, *arguments, "--output", "json"]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=within, env=self.environment
        )

    def aws_json(self, *arguments, within=60):
        """What a command of the CLI that succeeds prints."""
        done = self.aws(*arguments, within=within)
        assert done.returncode == 0, done
        return json.loads(done.stdout) if done.stdout.strip() else None

    def service(self, name, cluster="default"):
        (service,) = self.describe_services(services=[name], cluster=cluster)["services"]
        return service

    def tasks(self, service=None, status="RUNNING"):
        """The tasks of a service with this desired status, the oldest first."""
        found = self.list_tasks(**({"serviceName": service} if service else {}), desiredStatus=status)["taskArns"]
        tasks = self.describe_tasks(tasks=found)["tasks"] if found else []
        return sorted(tasks, key=lambda task: task["createdAt"])

    def task(self, arn):
        (task,) = self.describe_tasks(tasks=[arn])["tasks"]
        return task

    def until(self, arn, within=60, **wanted):
        """Waits until the fields of a task are as wanted."""
        fits = lambda task: all(task.get(key) == value for key, value in wanted.items())
        return eventually(lambda: next((task for task in [self.task(arn)] if fits(task)), None), within)

    def messages(self, service):
        """What the service says of itself, the oldest first."""
        return [event["message"] for event in reversed(self.service(service)["events"])]


def in_order(wanted, said):
    """Whether every one of `wanted` is in `said`, in this order, other things between them."""
    left = iter(said)
    return all(any(want == one for one in left) for want in wanted)


def definition(family, *containers, **more):
    """The parameters of RegisterTaskDefinition."""
    return json.loads(json.dumps({"family": family, "containerDefinitions": list(containers), **more}))
