"""The stock AWS CLI and boto3, pointed at a server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
from botocore.config import Config

CLI = str(Path(sys.executable).with_name("aws"))
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secretexample"}


class Aws:
    """`aws elbv2 ...` against one server, through the environment variable that the README names."""

    service = "elbv2"

    def __init__(self, url, region="us-east-1", **environment):
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        self.environment = {
            **kept,
            **KEYS,
            "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": url,
            "AWS_DEFAULT_REGION": region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            **environment,
        }

    def run(self, *arguments, within=60):
        """Runs one command to its end, whatever becomes of it."""
        return subprocess.run(
            [CLI, self.service, *arguments, "--output", "json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
            env=self.environment,
        )

    def __call__(self, *arguments, within=60):
        """What a command that succeeds prints, as JSON."""
        done = self.run(*arguments, within=within)
        assert done.returncode == 0, done
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, *arguments):
        """The error of a command that fails: its code and its message."""
        done = self.run(*arguments)
        assert done.returncode not in (0, 2), done
        before, code, message = done.stderr.partition("An error occurred (")[2].partition(")")[0], None, None
        code = before
        message = done.stderr.partition(" operation: ")[2].strip()
        return code, message


def elbv2(url, region="us-east-1", key="AKIDEXAMPLE", secret="secretexample", token=None, **config):
    """A boto3 client that asks once."""
    return boto3.client(
        "elbv2",
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"max_attempts": 1, "mode": "standard"}, parameter_validation=True, **config),
    )


# Detection within a second, through the attributes that carry what AWS's parameters do not allow.
QUICK = [
    {"Key": "tgprobe.health_check.interval_milliseconds", "Value": "300"},
    {"Key": "tgprobe.health_check.timeout_milliseconds", "Value": "250"},
]


def create(client, name="web", quick=True, **settings):
    """Makes a target group of addresses and returns its ARN."""
    settings = {"Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0123456789abcdef0", "TargetType": "ip", **settings}
    (group,) = client.create_target_group(Name=name, **settings)["TargetGroups"]
    if quick:
        drain = {"Key": "deregistration_delay.timeout_seconds", "Value": "2"}
        client.modify_target_group_attributes(TargetGroupArn=group["TargetGroupArn"], Attributes=[*QUICK, drain])
    return group["TargetGroupArn"]


def health(client, arn, *targets, **more):
    """State, reason and description by `id:port`, of all targets or of those named."""
    if targets:
        more["Targets"] = [{"Id": id, "Port": port} for id, port in targets]
    found = client.describe_target_health(TargetGroupArn=arn, **more)["TargetHealthDescriptions"]
    return {
        f"{one['Target']['Id']}:{one['Target']['Port']}": tuple(
            one["TargetHealth"].get(key) for key in ("State", "Reason", "Description")
        )
        for one in found
    }
