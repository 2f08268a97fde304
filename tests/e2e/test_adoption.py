"""A server that is killed at random moments finds its tasks again: none is lost, none is started twice."""

import http.client
import json
import os
import random
import signal
import threading
from pathlib import Path

import pytest

from support.process import eventually
from support.server import config

CYCLES = 60 if os.environ.get("LOAD_LONG") else 12
CLIENTS = 3
# Tasks of each client that are wished for at once, at most.
AT_ONCE = 4
SERVICE = "AmazonEC2ContainerServiceV20141113"
ALIVE = {
    "family": "alive",
    "containerDefinitions": [{"name": "app", "image": "none", "command": ["sleep", "86400"], "stopTimeout": 2}],
}


def call(server, action, **parameters):
    """One call of the ECS API, by hand: nothing is tried again behind the test's back."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{SERVICE}.{action}"}
    answer = server.http.request("POST", "/", headers, body=json.dumps(parameters))
    assert answer.status == 200, answer.text
    return answer.json()


def processes(owner=None):
    """The leaders of the containers that run on this host, by the ids of their tasks."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            environment = (place / "environ").read_bytes().split(b"\0")
            state, _, group = (place / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        mark = next((one for one in environment if one.startswith(b"TGPROBE_CONTAINER=")), b"").decode()
        if mark and state != "Z" and group == place.name:
            whose, task = mark.partition("=")[2].split("/")[:2]
            if owner in (None, whose):
                found.setdefault(task, []).append((whose, int(place.name)))
    return found


class Client:
    """Runs and stops tasks, one after another, and remembers what it was answered."""

    def __init__(self, number):
        self.number, self.count = number, 0
        # Ids of tasks by the names the client gave them; `None` before it has heard of one.
        self.wanted, self.stopped = {}, {}
        # The name of what was asked for and not answered: a task to be run, or one to be stopped.
        self.doubt = None

    def ask(self, server, dice):
        """Asks for one thing. Returns false if the server is gone."""
        stop = self.wanted and (len(self.wanted) >= AT_ONCE or dice.random() < 0.4)
        if stop:
            name = dice.choice(sorted(self.wanted))
        else:
            self.count += 1
            name = f"client-{self.number}-{self.count}"
        self.doubt = name
        try:
            if stop:
                call(server, "StopTask", task=self.wanted[name])
                self.stopped[name] = self.wanted.pop(name)
            else:
                (task,) = call(server, "RunTask", taskDefinition="alive", startedBy=name)["tasks"]
                self.wanted[name] = task["taskArn"].rpartition("/")[2]
        except (OSError, http.client.HTTPException):
            return False
        self.doubt = None
        return True

    def settle(self, tasks):
        """Finds out what became of what was asked for and not answered."""
        name, self.doubt = self.doubt, None
        if name in self.wanted and tasks[name]["desiredStatus"] == "STOPPED":
            self.stopped[name] = self.wanted.pop(name)
        elif name is not None and name not in self.wanted and name in tasks:
            self.wanted[name] = tasks[name]["taskArn"].rpartition("/")[2]


def everything(server):
    """All tasks by the names their clients gave them."""
    arns = []
    for status in ("RUNNING", "STOPPED"):
        token = {}
        while token is not None:
            page = call(server, "ListTasks", desiredStatus=status, **token)
            arns += page["taskArns"]
            token = {"nextToken": page["nextToken"]} if page.get("nextToken") else None
    tasks = []
    for place in range(0, len(arns), 100):
        tasks += call(server, "DescribeTasks", tasks=arns[place : place + 100])["tasks"]
    names = [task["startedBy"] for task in tasks]
    assert len(set(names)) == len(names), f"a call was carried out twice: {sorted(names)}"
    return {task["startedBy"]: task for task in tasks}


def storm(server, clients, dice, seconds):
    """Lets every client ask, and kills the server in the midst of it."""
    troubles = []

    def work(client, seed):
        own = random.Random(seed)
        try:
            while client.ask(server, own):
                pass
        except BaseException as trouble:  # noqa: BLE001 - carried over to the test's thread
            troubles.append(trouble)

    threads = [threading.Thread(target=work, args=(client, dice.random())) for client in clients]
    for thread in threads:
        thread.start()
    threads[0].join(timeout=seconds)
    server.signal(signal.SIGKILL)
    server.wait(10)
    for thread in threads:
        thread.join()
    assert not troubles, troubles


@pytest.fixture
def swept():
    """Leaves nothing running of those who are put into it, by their owners."""
    owners = set()
    yield owners
    for owner in owners:
        for one in processes(owner).values():
            for _, pid in one:
                os.kill(pid, signal.SIGKILL)


def test_tasks_live_through_every_end_of_the_server_and_none_is_started_twice(serve, folder, swept):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    text = config(data_dir=str(folder("data"))) + "\n[ecs]\n"
    server = serve(text)
    call(server, "RegisterTaskDefinition", **ALIVE)
    clients = [Client(number) for number in range(CLIENTS)]
    known = {}
    for _ in range(CYCLES):
        storm(server, clients, dice, dice.uniform(0, 0.6))
        server = serve(text)
        tasks = everything(server)
        for client in clients:
            client.settle(tasks)
            for name in client.wanted:
                assert tasks[name]["desiredStatus"] == "RUNNING", f"{name} was run and is not there: {tasks[name]}"
            for name in client.stopped:
                assert tasks[name]["desiredStatus"] == "STOPPED", f"{name} was stopped and lives: {tasks[name]}"
        wanted = {id for client in clients for id in client.wanted.values()}
        assert len(tasks) == sum(len(client.wanted) + len(client.stopped) for client in clients)
        # Each that is wanted is one process, and no other is left.
        running = lambda: {id: found for id, found in processes().items() if id in wanted or owned(found, swept)}
        settled = lambda: (now := running()).keys() == wanted and all(len(found) == 1 for found in now.values()) and now
        now = eventually(settled, 20)
        swept.update(whose for found in now.values() for whose, _ in found)
        for id, found in now.items():
            assert known.setdefault(id, found) == found, f"{id} was started again: {known[id]}, {found}"
        ran = lambda: all(everything(server)[name]["lastStatus"] == "RUNNING" for one in clients for name in one.wanted)
        eventually(ran, 20)
    assert sum(client.count for client in clients) > CYCLES, "hardly anything was asked for"


def owned(found, owners):
    return any(whose in owners for whose, _ in found)


def test_tasks_end_with_a_server_that_could_not_find_them_again(serve):
    server = serve(config() + "\n[ecs]\n")
    call(server, "RegisterTaskDefinition", **ALIVE)
    (task,) = call(server, "RunTask", taskDefinition="alive")["tasks"]
    id = task["taskArn"].rpartition("/")[2]
    eventually(lambda: id in processes())
    server.signal(signal.SIGTERM)
    server.wait(10)
    assert id not in processes()


def test_tasks_live_on_when_a_server_that_finds_them_again_ends_as_it_should(serve, folder, swept):
    text = config(data_dir=str(folder("data"))) + "\n[ecs]\n"
    server = serve(text)
    call(server, "RegisterTaskDefinition", **ALIVE)
    (task,) = call(server, "RunTask", taskDefinition="alive", startedBy="me")["tasks"]
    id = task["taskArn"].rpartition("/")[2]
    (found,) = eventually(lambda: processes().get(id))
    swept.add(found[0])
    eventually(lambda: everything(server)["me"]["lastStatus"] == "RUNNING")
    started = everything(server)["me"]["startedAt"]
    server.signal(signal.SIGTERM)
    server.wait(10)
    server = serve(text)
    eventually(lambda: everything(server)["me"]["connectivity"] == "CONNECTED")
    task = everything(server)["me"]
    assert (task["lastStatus"], task["startedAt"]) == ("RUNNING", started)
    assert processes()[id] == [found]
    call(server, "StopTask", task=id)
    eventually(lambda: everything(server)["me"]["lastStatus"] == "STOPPED")
    # It was the child of a process that is no more: how it ended nobody knows, and nothing is made up.
    assert "exitCode" not in everything(server)["me"]["containers"][0]
    assert id not in processes()
