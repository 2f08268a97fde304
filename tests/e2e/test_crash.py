"""A server that is killed at random moments keeps all it has answered for, and leaves nothing half done."""

import http.client
import os
import random
import signal
import threading
import time
from datetime import datetime
from urllib.parse import urlencode

from support.process import eventually
from support.server import config, group, run

CYCLES = 220 if os.environ.get("LOAD_LONG") else 50
CLIENTS = 4
PAIRS = 5
# Drains that outlast the test, and drains that end within it.
DRAINS = {"long": 3600, "short": 2}
# How late a thread of a busy machine may hear of something. Nothing may be early.
LATE = 1
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def call(server, action, **parameters):
    """One call of the Query protocol."""
    body = urlencode({"Action": action, "Version": "2015-12-01", **parameters})
    return server.http.request("POST", "/", FORM, body=body)


def create(server, name, seconds):
    """Makes a group whose targets drain for so long; returns its ARN."""
    answer = call(
        server, "CreateTargetGroup", Name=name, Protocol="HTTP", Port=80, VpcId="vpc-0a1b2c3d", TargetType="ip"
    )
    assert answer.status == 200, answer.text
    arn = answer.text.partition("<TargetGroupArn>")[2].partition("<")[0]
    attributes = {
        "deregistration_delay.timeout_seconds": seconds,
        "tgprobe.health_check.interval_milliseconds": 200,
        "tgprobe.health_check.timeout_milliseconds": 150,
    }
    members = {}
    for number, (key, value) in enumerate(attributes.items(), 1):
        members |= {f"Attributes.member.{number}.Key": key, f"Attributes.member.{number}.Value": value}
    answer = call(server, "ModifyTargetGroupAttributes", TargetGroupArn=arn, **members)
    assert answer.status == 200, answer.text
    return arn


class Pair:
    """Two targets that are registered and deregistered together, always in one call."""

    def __init__(self, group, client, number):
        self.group = group
        self.ids = [f"127.{client + 1}.{number}.{half}" for half in (1, 2)]
        self.registered = False
        # What was asked for and not answered.
        self.doubt = None
        # When the call that began the latest drain was sent and answered, on the wall clock.
        self.left = None
        self.drain_ends = None

    def ask(self, server, arn):
        """Turns the pair round. Returns false if the server is gone."""
        register = not self.registered
        members = {f"Targets.member.{number}.Id": id for number, id in enumerate(self.ids, 1)}
        self.doubt, sent = register, time.time()
        try:
            answer = call(
                server, "RegisterTargets" if register else "DeregisterTargets", TargetGroupArn=arn, **members
            )
        except (OSError, http.client.HTTPException):
            if not register:
                self.left = (sent, time.time())
            return False
        assert answer.status == 200, answer.text
        self.registered, self.doubt, self.drain_ends = register, None, None
        self.left = None if register else (sent, time.time())
        return True

    def compare(self, targets, looked):
        """Holds what a server that was started again shows against what was answered before."""
        found = [targets.get(f"{id}:80") for id in self.ids]
        states = [one and one["state"] for one in found]
        there = [state not in (None, "draining") for state in states]
        assert there[0] == there[1], f"{self.ids} is half done: {states}"
        allowed = {self.registered} if self.doubt is None else {self.registered, self.doubt}
        assert there[0] in allowed, f"{self.ids} should be {allowed}, and is {states}"
        if self.doubt is not None and there[0] != self.registered:
            self.drain_ends = None
        self.registered, self.doubt = there[0], None
        if self.registered:
            self.left = self.drain_ends = None
        elif self.left:
            self.compare_drain(found, looked)

    def compare_drain(self, found, looked):
        (sent, answered), drain = self.left, DRAINS[self.group]
        began, ended = looked
        for id, target in zip(self.ids, found, strict=True):
            if ended < sent + drain - 0.1:
                assert target, f"the drain of {id} ended early"
            if began > answered + drain + 2 * LATE:
                assert not target, f"the drain of {id} did not end: {target}"
        ends = [datetime.fromisoformat(one["drain_ends"]).timestamp() for one in found if one and one["drain_ends"]]
        for end in ends:
            assert sent + drain - 0.1 <= end <= answered + drain + LATE, (self.left, ends)
            # The shard begins a drain an instant after it was asked for; later no restart moves its end.
            assert abs(end - (self.drain_ends or end)) < LATE, f"the drain of {self.ids} moved: {self.drain_ends}, {ends}"
            self.drain_ends = self.drain_ends or end


def work(server, arns, pairs, seed, troubles):
    """Asks for one thing after another until the server is gone."""
    dice = random.Random(seed)
    try:
        while True:
            pair = dice.choice(pairs)
            if not pair.ask(server, arns[pair.group]):
                return
    except BaseException as trouble:  # noqa: BLE001 - carried over to the test's thread
        troubles.append(trouble)


def storm(server, arns, owned, dice, seconds):
    """Lets every client ask, and kills the server in the midst of it."""
    troubles = []
    clients = [
        threading.Thread(target=work, args=(server, arns, pairs, dice.random(), troubles)) for pairs in owned
    ]
    for client in clients:
        client.start()
    clients[0].join(timeout=seconds)
    server.signal(signal.SIGKILL)
    server.wait(10)
    for client in clients:
        client.join()
    assert not troubles, troubles


def test_nothing_answered_is_lost_however_often_the_server_is_killed(serve, plain, folder):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    backend = plain()
    # The file's own group belongs to it; what its target has come to is kept all the same.
    text = config(group("steady", [backend.target]), data_dir=str(folder("data") / "made" / "here"))
    server = serve(text)
    arns = {name: create(server, name, seconds) for name, seconds in DRAINS.items()}
    owned = [
        [Pair(name, client, number) for number in range(PAIRS) for name in DRAINS] for client in range(CLIENTS)
    ]
    since = server.wait_for("steady", backend.target, state="healthy")["since"]
    # The history is read from the store: what stands there survives.
    history = "/api/v1/target-groups/steady/transitions"
    eventually(lambda: server.http.get(history).json()["transitions"])
    calls = 0
    for _ in range(CYCLES):
        storm(server, arns, owned, dice, dice.uniform(0, 0.3))
        server = serve(text)
        # Nothing was asked for yet, and no check has passed again: this is what was kept.
        steady = server.target("steady", backend.target)
        assert (steady["state"], steady["since"]) == ("healthy", since)
        began = time.time()
        seen = {name: server.targets(name) for name in DRAINS}
        looked = (began, time.time())
        for pair in (pair for pairs in owned for pair in pairs):
            pair.compare(seen[pair.group], looked)
        calls += sum(pair.registered for pairs in owned for pair in pairs)
        known = {f"{id}:80" for pairs in owned for pair in pairs for id in pair.ids}
        assert all(set(targets) <= known for targets in seen.values())
    assert calls, "no registration was ever kept, so nothing was tested"


def test_a_second_server_over_the_same_data_is_refused_until_the_first_is_gone(serve, binary, folder):
    data = folder("data")
    text = config(data_dir=str(data))
    first = serve(text)
    arn = create(first, "web", 9)
    done = run(binary, "serve", "-c", str(first.file))
    assert done.returncode == 2 and str(data) in done.stderr and "in use by another process" in done.stderr, done
    assert call(first, "DescribeTargetGroups").text.count(arn) == 1
    first.signal(signal.SIGKILL)
    first.wait(10)
    assert call(serve(text), "DescribeTargetGroups").text.count(arn) == 1
