"""Services of the configuration file while a server runs: warned of, changed, taken away, beside another server, on a bad disk."""

import json
import os
import signal
import sqlite3

import pytest
from support.ecs import ecs, waiting
from support.process import eventually
from support.server import config, run
from test_adoption import processes, swept  # noqa: F401 - a fixture
from test_disk import disk  # noqa: F401 - a fixture


def services(folder, *names, count=2, script="sleep 600", check=None, **server):
    """A configuration with these services, whose tasks are plain processes."""
    definition = {"family": "web", "containerDefinitions": [{**waiting(check=check), "command": [f"exec {script}"]}]}
    file = folder / "web.json"
    file.write_text(json.dumps(definition))
    text = config(**server) + "\n[ecs]\n"
    for name in names:
        text += f'\n[[service]]\nname = "{name}"\ntask_definition = "{file}"\ndesired_count = {count}\n'
    return text


def owner(data):
    ((id,),) = sqlite3.connect(data / "tgprobe.db").execute("SELECT id FROM instance")
    return id


def steady(server, name, count):
    """Waits until a service has so many tasks, and returns their ids."""
    client = ecs(server.url)

    def holds():
        (service,) = client.describe_services(services=[name])["services"]
        arns = client.list_tasks(serviceName=name)["taskArns"]
        whole = (service["runningCount"], service["pendingCount"], len(service["deployments"])) == (count, 0, 1)
        return whole and len(arns) == count and {arn.rpartition("/")[2] for arn in arns}

    return eventually(holds, 30)


def test_what_is_ignored_in_a_service_is_said_at_the_start_as_it_is_by_validate(serve, folder):
    server = serve(services(folder("f"), "web"))
    said = [line for line in server.logged() if line["level"] == "WARN" and line.get("service") == "web"]
    assert [line for line in said if "no essential container has a health check" in line["message"]], said


def test_a_reload_changes_a_service_and_takes_one_away(serve, folder, swept):  # noqa: F811
    place, data = folder("f"), folder("data")
    kept = {"data_dir": str(data), "check": "true"}
    server = serve(services(place, "one", "two", **kept))
    swept.add(owner(data))
    before, other = steady(server, "one", 2), steady(server, "two", 2)
    assert processes(owner(data)).keys() == before | other
    server.write(services(place, "one", count=3, **kept))
    assert server.http.request("POST", "/-/reload").status == 200
    more = steady(server, "one", 3)
    assert before < more, "only the count has changed"
    eventually(lambda: processes(owner(data)).keys() == more, 30)
    server.write(services(place, "one", count=3, script="sleep 700", **kept))
    assert server.http.request("POST", "/-/reload").status == 200
    eventually(lambda: not steady(server, "one", 3) & more, 60)
    # What is taken away while nobody looks is taken away at the next start.
    server.signal(signal.SIGKILL)
    server.wait(10)
    server = serve(config(data_dir=str(data)) + "\n[ecs]\n")
    eventually(lambda: not processes(owner(data)), 30)


def test_two_servers_on_one_host_leave_each_others_tasks_alone(serve, folder, swept):  # noqa: F811
    places = [(folder("f"), folder("data")) for _ in range(2)]
    texts = [services(place, "web", data_dir=str(data)) for place, data in places]
    servers = [serve(text) for text in texts]
    owners = [owner(data) for _, data in places]
    swept.update(owners)
    assert owners[0] != owners[1]
    tasks = [steady(server, "web", 2) for server in servers]
    before = [processes(one) for one in owners]
    for number in (0, 1, 0):
        servers[number].signal(signal.SIGKILL)
        servers[number].wait(10)
        servers[number] = serve(texts[number])
        assert steady(servers[number], "web", 2) == tasks[number]
    assert [processes(one) for one in owners] == before


def test_a_full_disk_costs_no_task_and_heals(serve, folder, disk, swept):  # noqa: F811
    data = disk.folder / "data"
    server = serve(services(folder("f"), "web", data_dir=str(data)))
    swept.add(owner(data))
    tasks = steady(server, "web", 2)
    before = processes(owner(data))
    disk.fill()
    # One ends; what is started in its place must first be known to a later start.
    ended, left = sorted(tasks)
    ((mine, pid),) = before[ended]
    os.kill(pid, signal.SIGKILL)
    client = ecs(server.url)
    running = lambda: client.describe_services(services=["web"])["services"][0]["runningCount"]
    eventually(lambda: running() == 1)
    assert processes(mine) == {left: before[left]}
    with pytest.raises(client.exceptions.ClientError):
        client.update_service(service="web", desiredCount=5)
    disk.empty()
    now = steady(server, "web", 2)
    assert left in now and processes(mine).keys() == now
    (service,) = client.describe_services(services=["web"])["services"]
    assert service["deployments"][0]["failedTasks"] == 1, "that there was no room is no failure of a task"


def test_a_damaged_task_is_refused_at_the_start_with_its_place(serve, binary, folder, swept):  # noqa: F811
    data = folder("data")
    server = serve(services(folder("f"), "web", data_dir=str(data)))
    swept.add(owner(data))
    steady(server, "web", 2)
    server.signal(signal.SIGKILL)
    server.wait(10)
    database = sqlite3.connect(data / "tgprobe.db")
    with database:
        database.execute("UPDATE tasks SET document = substr(document, 1, 40)")
    before = processes(owner(data))
    done = run(binary, "serve", "-c", str(server.file))
    assert done.returncode == 2 and "tasks, document is `wrong: EOF" in done.stderr, done
    assert processes(owner(data)) == before
