"""The founding story through the ELBv2 API, told by the stock AWS CLI and by boto3."""

import pytest
from support.aws import QUICK, Aws, create, elbv2, health
from support.server import config

NOT_REGISTERED = ("unused", "Target.NotRegistered", "Target is not registered to the target group")
DRAINING = ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
EMPTY = config()


def test_a_service_is_created_registered_fixed_and_drained_with_the_aws_cli(serve, story):
    service = story()
    server = serve(EMPTY)
    aws = Aws(server.url)
    id, port = "127.0.0.1", service.port
    (group,) = aws(
        "create-target-group", "--name", "web", "--protocol", "HTTP", "--port", "80", "--vpc-id", "vpc-0a1b2c3d",
        "--target-type", "ip", "--health-check-path", "/api/health-check", "--healthy-threshold-count", "2",
    )["TargetGroups"]  # fmt: skip
    arn = group["TargetGroupArn"]
    assert group["HealthCheckIntervalSeconds"] == 30 and group["Matcher"] == {"HttpCode": "200"}
    changed = aws(
        "modify-target-group-attributes", "--target-group-arn", arn, "--attributes",
        *(f"Key={one['Key']},Value={one['Value']}" for one in QUICK),
        # A command of the CLI may take seconds on a busy machine.
        "Key=deregistration_delay.timeout_seconds,Value=12",
    )["Attributes"]  # fmt: skip
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "12"} in changed
    target = ["--target-group-arn", arn, "--targets", f"Id={id},Port={port}"]

    def described(*arguments):
        (one,) = aws("describe-target-health", *arguments)["TargetHealthDescriptions"]
        found = one["TargetHealth"]
        return found["State"], found.get("Reason"), found.get("Description"), one.get("HealthCheckPort")

    assert described(*target)[:3] == NOT_REGISTERED
    aws("register-targets", *target)
    with server.events(target_group="web", last="0-0") as events:
        events.until(lambda event: event.data.get("to") == "unhealthy")
        assert described("--target-group-arn", arn) == (
            "unhealthy",
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [500]",
            str(port),
        )
        service.fix()
        events.until(lambda event: event.data.get("to") == "healthy")
    assert described("--target-group-arn", arn) == ("healthy", None, None, str(port))
    aws("wait", "target-in-service", *target)

    aws("deregister-targets", *target)
    assert described("--target-group-arn", arn)[:3] == DRAINING
    # The waiter looks at once and then every 15 seconds.
    aws("wait", "target-deregistered", *target)
    assert aws("describe-target-health", "--target-group-arn", arn)["TargetHealthDescriptions"] == []
    assert described(*target)[:3] == NOT_REGISTERED
    aws("delete-target-group", "--target-group-arn", arn)
    assert aws("describe-target-groups")["TargetGroups"] == []


def test_a_new_target_is_initial_and_its_first_check_starts_at_once(serve, plain):
    backend = plain(200)
    backend.hold()
    server = serve(EMPTY)
    client = elbv2(server.url)
    arn = create(client, quick=False)
    client.register_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.1", "Port": backend.port}])
    (state,) = health(client, arn).values()
    assert state in [
        ("initial", "Elb.RegistrationInProgress", "Target registration is in progress"),
        ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress"),
    ]
    # The interval is 30 seconds: what comes within the time of this test is the first check.
    backend.release()
    server.wait_for("web", backend.target, within=3, state="healthy")


def test_every_write_is_seen_by_the_next_read(serve):
    client = elbv2(serve(EMPTY).url)
    arn = create(client)
    for number in range(1, 40):
        target = {"Id": f"127.0.1.{number}", "Port": 9}
        client.register_targets(TargetGroupArn=arn, Targets=[target])
        assert health(client, arn)[f"127.0.1.{number}:9"][0] in ("initial", "unhealthy")
        client.deregister_targets(TargetGroupArn=arn, Targets=[target])
        assert health(client, arn, (target["Id"], 9)) == {f"127.0.1.{number}:9": DRAINING}


def test_boto3_waits_for_service_and_for_the_end_of_a_drain(serve, plain):
    backend = plain(200)
    client = elbv2(serve(EMPTY).url)
    arn = create(client)
    target = {"Id": "127.0.0.1", "Port": backend.port}
    client.register_targets(TargetGroupArn=arn, Targets=[target])
    often = {"Delay": 1, "MaxAttempts": 20}
    client.get_waiter("target_in_service").wait(TargetGroupArn=arn, Targets=[target], WaiterConfig=often)
    client.deregister_targets(TargetGroupArn=arn, Targets=[target])
    assert health(client, arn) == {backend.target: DRAINING}
    client.get_waiter("target_deregistered").wait(TargetGroupArn=arn, Targets=[target], WaiterConfig=often)
    assert health(client, arn) == {}


def test_a_target_that_comes_back_during_its_drain_is_checked_anew(serve, plain):
    backend = plain(200)
    server = serve(EMPTY)
    client = elbv2(server.url)
    arn = create(client)
    target = {"Id": "127.0.0.1", "Port": backend.port}
    client.register_targets(TargetGroupArn=arn, Targets=[target])
    server.wait_for("web", backend.target, state="healthy")
    client.deregister_targets(TargetGroupArn=arn, Targets=[target])
    client.register_targets(TargetGroupArn=arn, Targets=[target])
    server.wait_for("web", backend.target, state="healthy")


@pytest.mark.parametrize("path", ["/", "/?Version=2015-12-01"])
def test_the_console_is_still_there(serve, path):
    answer = serve(EMPTY).http.get(path)
    assert answer.status == 200 and "<html" in answer.text.lower()
