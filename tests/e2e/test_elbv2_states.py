"""Every state and every reason that can be true, reached through the ELBv2 API over real backends."""

import json
from urllib.parse import urlencode

import pytest
from support.aws import QUICK, create, elbv2, health
from support.backends import Closed, Plain
from support.process import eventually
from support.server import config

EMPTY = config()
UNUSED = ("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
GONE = ("unused", "Target.NotRegistered", "Target is not registered to the target group")
REGISTERING = ("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
CHECKING = ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
HEALTHY = ("healthy", None, None)
FAILED = "Target.FailedHealthChecks", "Health checks failed"
DRAINING = ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
OFF = ("unavailable", "Target.HealthCheckDisabled", "Health checks are disabled")
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


class Scripted(Plain):
    """Answers each request with the next of its codes, and from then on with the last."""

    def __init__(self, *codes):
        self.codes = codes
        super().__init__()

    @property
    def status(self):
        return self.codes[min(len(self.requests), len(self.codes)) - 1]

    @status.setter
    def status(self, _):
        """What it answers is set at the start."""


class World:
    """A server with one group of addresses, checked every 300 ms."""

    def __init__(self, serve, text=EMPTY, **settings):
        self.server = serve(text)
        self.client = elbv2(self.server.url)
        self.arn = create(self.client, **settings)

    def set(self, **attributes):
        """Sets attributes by the short names in `KEYS`."""
        pairs = [{"Key": KEYS[name], "Value": value} for name, value in attributes.items()]
        self.client.modify_target_group_attributes(TargetGroupArn=self.arn, Attributes=pairs)

    def modify(self, **settings):
        self.client.modify_target_group(TargetGroupArn=self.arn, **settings)

    def register(self, *backends):
        self.client.register_targets(TargetGroupArn=self.arn, Targets=list(map(identity, backends)))

    def deregister(self, *backends):
        self.client.deregister_targets(TargetGroupArn=self.arn, Targets=list(map(identity, backends)))

    def told(self, backend):
        """State, reason and description of one target, asked for by name."""
        named = identity(backend)
        return health(self.client, self.arn, (named["Id"], named["Port"]))[f"{named['Id']}:{named['Port']}"]

    def becomes(self, backend, *wanted, within=15):
        """Waits until a target is told to be in a state, with its reason and description if they are given."""
        wanted = wanted[0] if isinstance(wanted[0], tuple) else wanted
        eventually(lambda: self.told(backend)[: len(wanted)] == wanted, within)

    def changes(self, *wanted):
        """Waits until the last of these states is entered; the group's targets have gone through them in this order."""
        found = []
        with self.server.events(target_group="web", last="0-0") as events:
            while len(found) < len(wanted):
                event = events.until(lambda event: "to" in event.data)
                found.append(event.data["to"])
        assert found == list(wanted)


KEYS = {
    "in_use": "tgprobe.in_use",
    "initial_healthy_threshold": "tgprobe.health_check.initial_healthy_threshold",
    "healthy_threshold": "tgprobe.health_check.healthy_threshold",
    "unhealthy_threshold": "tgprobe.health_check.unhealthy_threshold",
    "start_period": "tgprobe.health_check.start_period_milliseconds",
    "host": "tgprobe.health_check.host",
    "headers": "tgprobe.health_check.headers",
    "body_match": "tgprobe.health_check.body_match",
    "end_when_refused": "tgprobe.deregistration_delay.end_when_refused.enabled",
    "delay": "deregistration_delay.timeout_seconds",
    "termination": "target_health_state.unhealthy.connection_termination.enabled",
    "draining_interval": "target_health_state.unhealthy.draining_interval_seconds",
}


def identity(backend):
    return {"Id": "127.0.0.1", "Port": backend.port}


@pytest.fixture
def world(serve):
    return lambda text=EMPTY, **settings: World(serve, text, **settings)


def test_the_four_verdicts_on_a_backend_have_their_reasons(world, plain, start):
    good, bad, slow, closed = plain(200), plain(503), plain(200), start(Closed)
    slow.hold()
    it = world()
    it.register(good, bad, slow, closed)
    it.becomes(good, HEALTHY)
    it.becomes(bad, "unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]")
    it.becomes(slow, "unhealthy", "Target.Timeout", "Request timed out")
    it.becomes(closed, "unhealthy", *FAILED)
    # Each follows its backend to every other verdict.
    bad.hold()
    slow.release()
    good.stop()
    it.becomes(bad, "unhealthy", "Target.Timeout", "Request timed out")
    it.becomes(slow, HEALTHY)
    it.becomes(good, "unhealthy", *FAILED)


def test_a_target_whose_first_check_has_yet_to_start_is_in_registration(serve, start):
    port = start(Closed).port
    client = elbv2(serve(config(shards=1)).url)
    # The first checks of so many are spread over the interval of 30 s.
    arn = create(client, quick=False)
    targets = [{"Id": f"127.0.{number // 250}.{number % 250 + 1}", "Port": port} for number in range(400)]
    client.register_targets(TargetGroupArn=arn, Targets=targets)
    found = list(health(client, arn).values())
    assert len(found) == 400 and REGISTERING in found
    assert set(found) <= {REGISTERING, CHECKING}


def test_a_target_of_a_network_load_balancer_fails_for_one_reason_only(world, plain, start):
    bad, slow, closed = plain(500), plain(200), start(Closed)
    slow.hold()
    it = world(Protocol="TCP", HealthCheckProtocol="HTTP")
    it.register(bad, slow, closed)
    for backend in (bad, slow, closed):
        it.becomes(backend, "unhealthy", *FAILED)


def test_an_unhealthy_target_of_a_network_load_balancer_drains_first_where_that_is_asked_for(world, plain):
    backend = plain(200)
    it = world(Protocol="TCP", HealthCheckProtocol="HTTP")
    it.set(termination="false", draining_interval="1")
    it.register(backend)
    it.becomes(backend, HEALTHY)
    backend.status = 500
    it.changes("healthy", "unhealthy.draining", "unhealthy")
    assert it.told(backend) == ("unhealthy", *FAILED)
    backend.status = 200
    it.becomes(backend, HEALTHY)
    it.set(draining_interval="3600")
    backend.status = 500
    it.becomes(backend, "unhealthy.draining", *FAILED)
    backend.status = 200
    # Back within the interval it was never unhealthy.
    it.changes("healthy", "unhealthy.draining", "unhealthy", "healthy", "unhealthy.draining", "healthy")
    assert it.told(backend) == HEALTHY


def test_a_group_that_is_not_in_use_checks_nothing(world, plain):
    backend, other = plain(200), plain(200)
    it = world()
    it.register(backend)
    it.becomes(backend, HEALTHY)
    it.set(in_use="false")
    assert it.told(backend) == UNUSED
    it.register(other)
    assert it.told(other) == UNUSED and other.requests == []
    it.deregister(backend)
    assert it.told(backend) == DRAINING
    it.set(in_use="true")
    it.becomes(other, HEALTHY)


def test_a_target_that_is_not_registered_is_unused_and_one_that_leaves_drains(world, plain):
    backend = plain(200)
    it = world()
    assert it.told(backend) == GONE
    it.register(backend)
    it.becomes(backend, HEALTHY)
    it.deregister(backend)
    assert it.told(backend) == DRAINING
    it.becomes(backend, GONE)
    assert health(it.client, it.arn) == {}


def test_what_cannot_be_checked_is_unavailable_and_says_why(serve):
    client = elbv2(serve(EMPTY).url)
    arn = create(client, TargetType="instance")
    client.register_targets(TargetGroupArn=arn, Targets=[{"Id": "i-0123456789abcdef0"}])
    ((state, reason, description),) = health(client, arn).values()
    assert (state, reason) == ("unavailable", "Elb.InternalError") and "[instances]" in description


def test_a_resolver_that_fails_for_long_makes_its_target_unavailable(serve, network, resolver):
    resolver({"web.test": "SERVFAIL"})
    server = serve(EMPTY, network)

    def call(action, **parameters):
        # A stock client cannot be moved into the network of the test.
        form = urlencode({"Action": action, "Version": "2015-12-01", **parameters})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = server.http.request("POST", "/", kind, body=form)
        assert answer.status == 200, answer.text
        return answer.text

    made = call("CreateTargetGroup", Name="web", Protocol="HTTP", Port="80", VpcId="vpc-0a", TargetType="ip")
    arn = made.partition("<TargetGroupArn>")[2].partition("<")[0]
    attributes = {
        f"Attributes.member.{place}.{part}": one[part] for place, one in enumerate(QUICK, 1) for part in ("Key", "Value")
    }
    call("ModifyTargetGroupAttributes", TargetGroupArn=arn, **attributes)
    call("RegisterTargets", TargetGroupArn=arn, **{"Targets.member.1.Id": "web.test"})

    def told():
        return call("DescribeTargetHealth", TargetGroupArn=arn)

    assert "<State>initial</State>" in told()
    # Ten intervals without a verdict.
    text = eventually(lambda: "<State>unavailable</State>" in (text := told()) and text)
    assert "<Reason>Elb.InternalError</Reason>" in text
    assert "<Description>Health checks failed due to an internal error</Description>" in text


def test_failures_do_not_count_in_the_start_period_of_a_target_that_never_passed(world, plain):
    slow, quick = plain(500), plain(500)
    it = world()
    it.set(start_period="86400000")
    it.register(slow, quick)
    eventually(lambda: len(slow.requests) >= 6 and len(quick.requests) >= 6)
    assert it.told(slow) == it.told(quick) == CHECKING
    quick.status = 200
    it.becomes(quick, HEALTHY)
    # Its first pass has ended its start period.
    quick.status = 500
    it.becomes(quick, "unhealthy", "Target.ResponseCodeMismatch")
    assert it.told(slow) == CHECKING
    it.set(start_period="0")
    it.becomes(slow, "unhealthy", "Target.ResponseCodeMismatch")


@pytest.mark.parametrize(
    "attributes, codes, requests, changes",
    [
        # One pass makes a new target healthy unless more are asked for, and they have to be in a row.
        ({}, [200], 1, ["healthy"]),
        ({"initial_healthy_threshold": "2", "unhealthy_threshold": "9"}, [200, 500, 200, 200], 4, ["healthy"]),
        ({"healthy_threshold": "1"}, [500, 500, 200, 500], 3, ["unhealthy", "healthy"]),
        ({"healthy_threshold": "1", "unhealthy_threshold": "1"}, [500, 200, 500, 200], 4, ["unhealthy", "healthy"] * 2),
        ({"healthy_threshold": "2"}, [500, 500, 200, 500, 200, 200], 6, ["unhealthy", "healthy"]),
    ],
)
def test_thresholds_count_verdicts_in_a_row(world, start, attributes, codes, requests, changes):
    backend = start(Scripted, *codes)
    it = world()
    if attributes:
        it.set(**attributes)
    it.register(backend)
    it.changes(*changes)
    assert len(backend.requests) >= requests


def test_a_check_says_what_the_attributes_ask_for(world, plain):
    backend = plain(200)
    it = world(HealthCheckPath="/health?a=b")
    it.set(host="web.example:8080", headers=json.dumps({"X-Team": "blue", "Accept": "text/plain"}))
    it.register(backend)
    it.becomes(backend, HEALTHY)
    lines = backend.requests[0].split("\r\n")
    assert lines[0] == "GET /health?a=b HTTP/1.1"
    assert {"host: web.example:8080", "x-team: blue"} <= {line.lower() for line in lines}
    assert [line.lower() for line in lines if line.lower().startswith("accept:")] == ["accept: text/plain"]


def test_a_body_must_contain_what_is_asked_for(world, plain):
    backend = plain(200)
    it = world()
    it.set(body_match='"status": 200')
    it.register(backend)
    it.becomes(backend, HEALTHY)
    it.set(body_match='"status": 201')
    it.becomes(backend, "unhealthy", *FAILED)
    it.set(body_match="")
    it.becomes(backend, HEALTHY)


def test_a_drain_ends_early_once_nothing_listens_any_more(world, plain):
    backend, other = plain(200), plain(200)
    it = world()
    it.set(end_when_refused="true", delay="3600")
    it.register(backend, other)
    it.becomes(backend, HEALTHY)
    it.becomes(other, HEALTHY)
    it.deregister(backend, other)
    # It listens still, whatever it answers.
    backend.status = 500
    asked = len(backend.requests)
    eventually(lambda: len(backend.requests) > asked + 3)
    assert it.told(backend) == DRAINING
    backend.stop()
    it.becomes(backend, GONE)
    assert it.told(other) == DRAINING


def test_what_was_switched_is_told_by_the_next_call(world, plain):
    held = plain(200)
    held.hold()
    it = world(quick=False)
    function = it.client.create_target_group(Name="function", TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
    it.client.register_targets(TargetGroupArn=function, Targets=[{"Id": FUNCTION}])
    it.register(held)
    for _ in range(50):
        it.set(in_use="false")
        assert it.told(held) == UNUSED
        assert it.server.target("web", held.target)["reason"] == "Target.NotInUse"
        assert it.server.metric("tgprobe_targets", target_group="web", state="unused") == 1
        it.set(in_use="true")
        assert it.told(held) in (REGISTERING, CHECKING)
        assert it.server.metric("tgprobe_targets", target_group="web", state="initial") == 1
        for enabled in (True, False):
            it.client.modify_target_group(TargetGroupArn=function, HealthCheckEnabled=enabled)
            (one,) = it.client.describe_target_health(TargetGroupArn=function)["TargetHealthDescriptions"]
            told = one["TargetHealth"]
            reason = "Elb.InternalError" if enabled else "Target.HealthCheckDisabled"
            assert (told["State"], told["Reason"]) == ("unavailable", reason)
            assert enabled or told["Description"] == OFF[2]


def test_a_group_that_is_deleted_is_in_no_list_from_then_on(world, plain):
    backend = plain(200)
    it = world()
    for _ in range(20):
        others = [{"Id": f"127.0.1.{number}", "Port": backend.port} for number in range(1, 101)]
        it.client.register_targets(TargetGroupArn=it.arn, Targets=[identity(backend), *others])
        it.becomes(backend, HEALTHY)
        it.client.delete_target_group(TargetGroupArn=it.arn)
        assert it.server.http.get("/api/v1/target-groups").json()["target_groups"] == []
        assert it.server.http.get("/api/v1/target-groups/web/targets").status == 404
        assert 'target_group="web"' not in it.server.http.get("/metrics").text
        assert it.client.describe_target_groups()["TargetGroups"] == []
        it.arn = create(it.client)
        assert health(it.client, it.arn) == {}
        assert it.server.targets("web") == {}
