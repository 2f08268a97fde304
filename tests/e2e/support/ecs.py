"""The stock AWS CLI and boto3 on the ECS API, and task definitions that need nothing but a shell."""

import boto3
from botocore.config import Config

from .aws import Aws
from .server import config

# Lets tasks be run: each is a process of this machine.
ECS = "\n[ecs]\n"


def with_ecs(*groups, table=ECS, **server):
    """A configuration with an `[ecs]` table."""
    return config(*groups, **server) + table


class Ecs(Aws):
    """`aws ecs ...` against one server."""

    service = "ecs"

    def __init__(self, url, **environment):
        super().__init__(url, **{"AWS_ENDPOINT_URL_ECS": url, **environment})


def ecs(url, key="AKIDEXAMPLE", secret="secretexample", region="us-east-1"):
    """A boto3 client that asks once."""
    return boto3.client(
        "ecs",
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 1, "mode": "standard"}),
    )


def shell(script, name="app", **more):
    """A container that runs a script."""
    return {
        "name": name,
        "image": "shell",
        "memory": 64,
        "entryPoint": ["/bin/sh", "-c"],
        "command": [script],
        "stopTimeout": 2,
        **more,
    }


def waiting(name="app", check=None, **more):
    """A container that waits to be stopped, with a check of five seconds if there is to be one."""
    if check:
        more["healthCheck"] = {"command": ["CMD-SHELL", check], "interval": 5, "timeout": 2, "retries": 1}
    # An `exec` so that the signal reaches what waits.
    return shell("exec sleep 600", name, **more)


def register(client, *containers, family="web", **more):
    """Registers a task definition and returns `family:revision`."""
    told = client.register_task_definition(family=family, containerDefinitions=list(containers), **more)
    return f"{family}:{told['taskDefinition']['revision']}"


def wait(client, waiter, **arguments):
    """Lets a waiter of boto3 look every quarter of a second, for at most a minute."""
    client.get_waiter(waiter).wait(**arguments, WaiterConfig={"Delay": 0.25, "MaxAttempts": 240})
