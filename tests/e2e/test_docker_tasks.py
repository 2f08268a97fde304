"""Tasks whose containers a real Docker engine runs."""

import signal

import pytest
from support.dockerd import IMAGE, Dockerd
from support.ecs import ecs, register, with_ecs
from support.process import eventually


@pytest.fixture(scope="module")
def engine():
    dockerd = Dockerd()
    yield dockerd
    dockerd.stop()


def started(serve, engine, folder):
    table = f'\n[ecs]\nruntime = "docker"\ndocker_socket = "{engine.socket}"\n'
    return serve(with_ecs(table=table, data_dir=str(folder)))


def app(check):
    script = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"
    health = {"command": ["CMD-SHELL", check], "interval": 5, "timeout": 2, "retries": 1}
    command = {"command": ["/bin/sh", "-c", script], "healthCheck": health}
    return {"name": "app", "image": IMAGE, "memory": 64, "stopTimeout": 5, **command}


def tasks(client, status="RUNNING"):
    arns = client.list_tasks(serviceName="web", desiredStatus=status)["taskArns"]
    return client.describe_tasks(tasks=arns)["tasks"] if arns else []


def healthy(client):
    return [task for task in tasks(client) if task.get("healthStatus") == "HEALTHY"]


def ours(engine):
    return [one["Id"] for one in engine.all(label=["com.tgprobe.owner"]) if one["State"] == "running"]


def test_a_service_replaces_an_unhealthy_task_and_its_tasks_outlive_this_program(serve, engine, folder):
    data = folder()
    server = started(serve, engine, data)
    client = ecs(server.url)
    definition = register(client, app("test ! -f /tmp/bad"), networkMode="host")
    client.create_service(serviceName="web", taskDefinition=definition, desiredCount=1)
    (first,) = eventually(lambda: healthy(client), within=60)
    (container,) = ours(engine)
    assert first["containers"][0]["runtimeId"] == container

    # Killed without a word, it finds its task again, and does not start another.
    server.signal(signal.SIGKILL)
    server.wait(10)
    assert ours(engine) == [container]
    server = started(serve, engine, data)
    client = ecs(server.url)
    (same,) = eventually(lambda: healthy(client), within=60)
    assert (same["taskArn"], ours(engine)) == (first["taskArn"], [container])

    engine.execute(container, "touch", "/tmp/bad")
    stopped = eventually(lambda: tasks(client, "STOPPED"), within=60)
    assert stopped[0]["taskArn"] == first["taskArn"]
    assert "failed container health checks" in stopped[0]["stoppedReason"], stopped
    (second,) = eventually(lambda: healthy(client), within=60)
    assert second["taskArn"] != first["taskArn"]

    client.update_service(service="web", desiredCount=0)
    eventually(lambda: not ours(engine), within=60)
    client.delete_service(service="web")
