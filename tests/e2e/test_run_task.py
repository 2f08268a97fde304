"""`tgprobe run-task`: a task definition tried in the foreground."""

import json
import os
import pty
import re
import signal
import subprocess
import time

import pytest
from support.process import Process

CHECK = {"command": ["CMD-SHELL", "test -e ok && echo fine || { echo no ok; exit 7; }"], "interval": 5, "retries": 1}


def in_order(wanted, said):
    """Whether all of `wanted` are in `said` in this order, whatever is between them."""
    rest = iter(said)
    return all(any(line == one for line in rest) for one in wanted)


def shell(script, name="app", check=CHECK, **more):
    """A container that writes the number of its group, and then does something."""
    script = f"echo $$ >{name}.group; {script}"
    found = {"name": name, "entryPoint": ["sh", "-c"], "command": [script], **more}
    return {**found, "healthCheck": check} if check else found


def left_of(group):
    """The processes of a group that are not dead."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                state, _, in_group = file.read().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(in_group) == group and state != "Z":
            found.append(int(pid))
    return found


class Trial:
    """A folder with a task definition, in which its containers run."""

    def __init__(self, binary, folder):
        self.binary = binary
        self.folder = folder
        self.file = folder / "task.json"
        self.environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
        (folder / "tmp").mkdir()

    def write(self, *containers, **more):
        containers = [{"workingDirectory": str(self.folder), **container} for container in containers]
        self.file.write_text(json.dumps({"family": "web", "containerDefinitions": containers, **more}))
        return self

    def run(self, *arguments, within=60):
        command = [self.binary, "run-task", self.file, *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=within)

    def begin(self, *arguments):
        command = [self.binary, "run-task", str(self.file), *arguments]
        return Process(command, self.folder / "stderr", env=self.environment)

    def group(self, name="app", within=20):
        """The process group of a container, once it runs."""
        deadline = time.monotonic() + within
        path = self.folder / f"{name}.group"
        while not (path.exists() and path.read_text().endswith("\n")):
            assert time.monotonic() < deadline, f"{name} does not start"
            time.sleep(0.02)
        return int(path.read_text())

    def leftovers(self):
        """Folders of runs."""
        return [path.name for path in (self.folder / "tmp").iterdir()]


@pytest.fixture
def trial(binary, tmp_path):
    trial = Trial(binary, tmp_path)
    yield trial
    for path in tmp_path.glob("*.group"):
        for pid in left_of(int(path.read_text())):
            os.kill(pid, signal.SIGKILL)


def test_a_healthy_task_is_told_of_line_by_line_and_stopped(trial):
    run = trial.write(shell("touch ok; sleep 97", image="app:1")).run()
    assert run.returncode == 0, run
    assert run.stdout.splitlines() == [
        "TASK PROVISIONING",
        "TASK PENDING",
        "TASK ACTIVATING",
        "app RUNNING",
        "TASK RUNNING",
        "app UNKNOWN -> HEALTHY: fine",
        "TASK UNKNOWN -> HEALTHY",
        "TASK DEACTIVATING",
        "TASK STOPPING",
        "app STOPPED: exit code 143",
        "TASK DEPROVISIONING",
        "TASK STOPPED: run-task is done",
        "web: HEALTHY",
    ]
    assert "the image app:1 is ignored" in run.stderr
    assert (left_of(trial.group()), trial.leftovers()) == ([], [])


def test_an_unhealthy_task_ends_with_what_its_check_and_its_container_said(trial):
    run = trial.write(shell("echo starting; echo no database >&2; sleep 97")).run()
    assert run.returncode == 1, run
    assert "app UNKNOWN -> UNHEALTHY: no ok" in run.stdout.splitlines()
    said = run.stderr.splitlines()
    assert "error: web is UNHEALTHY: container app is UNHEALTHY: exit code 7, no ok" in said
    assert in_order(["app printed last:", "  starting", "  no database"], said), run.stderr
    assert left_of(trial.group()) == []


def test_a_task_that_stops_by_itself_says_how(trial):
    run = trial.write(shell("echo bad configuration; exit 3")).run()
    assert run.returncode == 1, run
    assert "app STOPPED: exit code 3" in run.stdout.splitlines()
    said = run.stderr.splitlines()
    assert "error: web has stopped: Essential container in task exited (app: exit code 3)" in said
    assert "  bad configuration" in said


def test_a_program_that_is_not_there_is_named(trial):
    trial.write({"name": "app", "command": ["no-such-program"], "healthCheck": CHECK})
    run = trial.run()
    assert run.returncode == 1, run
    assert 'CannotStartContainerError: cannot start "no-such-program": No such file' in run.stderr, run.stderr


def test_who_has_no_time_for_the_first_check_is_told_so(trial):
    run = trial.write(shell("sleep 97")).run("--timeout", "1s")
    assert run.returncode == 1, run
    assert "note: the first check of app runs 5s after its start, and --timeout is 1s" in run.stderr.splitlines()
    expected = "error: web is not HEALTHY after 1s: container app is UNKNOWN: its check has not run yet"
    assert expected in run.stderr.splitlines(), run.stderr
    assert left_of(trial.group()) == []


@pytest.mark.parametrize(
    "text, said",
    [
        ("{", "not JSON: EOF while parsing"),
        ("[]", "A task definition must be an object."),
        ('{"family": "web"}', "containerDefinitions"),
    ],
)
def test_a_file_that_is_no_task_definition_is_refused(trial, text, said):
    trial.file.write_text(text)
    run = trial.run()
    assert (run.returncode, run.stdout) == (2, ""), run
    assert said in run.stderr and run.stderr.startswith(f"error: {trial.file}: "), run.stderr


def test_every_error_of_a_task_definition_is_told_with_its_container(trial):
    bad = {**CHECK, "interval": 1, "timeout": 900}
    run = trial.write(shell("sleep 97", check=bad)).run()
    assert run.returncode == 2, run
    assert run.stderr.count("Invalid setting for container 'app'. healthCheck.") == 2, run.stderr
    missing = subprocess.run([trial.binary, "run-task", "no-such-file"], capture_output=True, text=True, timeout=20)
    assert (missing.returncode, missing.stderr) == (2, "error: no-such-file: No such file or directory (os error 2)\n")


def test_a_task_that_can_never_be_healthy_is_refused_before_it_starts(trial):
    trial.write(shell("sleep 97", check=None), shell("sleep 97", name="side", essential=False))
    run = trial.run()
    assert run.returncode == 2, run
    assert run.stderr.endswith("give a healthCheck to app\n"), run.stderr
    assert not (trial.folder / "app.group").exists()


@pytest.mark.parametrize("host, code, said", [
    ("unix:///no/such/socket", 3, "/no/such/socket"),
    ("tcp://127.0.0.1:2375", 2, 'DOCKER_HOST is "tcp://127.0.0.1:2375": expected a Unix socket'),
])
def test_an_engine_that_cannot_be_reached_ends_the_run_at_once(trial, host, code, said):
    trial.environment["DOCKER_HOST"] = host
    run = trial.write(shell("sleep 97", image="tiny:1")).run("--runtime", "docker")
    assert (run.returncode, run.stdout) == (code, ""), run
    assert said in run.stderr, run.stderr


def test_a_healthy_task_is_left_running_where_that_is_asked_for(trial):
    run = trial.write(shell("touch ok; echo serving; exec sleep 97")).run("--keep")
    assert run.returncode == 0, run
    group = trial.group()
    assert left_of(group) == [group]
    *_, healthy, kept = run.stdout.splitlines()
    found = re.fullmatch(r"app runs on: stop it with `kill -- -(\d+)`, it prints to (.*/app\.log)", kept)
    assert (healthy, found and int(found[1])) == ("web: HEALTHY", group), run.stdout
    with open(found[2]) as log:
        assert log.read() == "serving\n"


def test_ctrl_c_stops_the_task(trial):
    process = trial.write(shell("sleep 97")).begin()
    try:
        process.line("app RUNNING")
        trial.group()
        process.signal(signal.SIGINT)
        assert process.wait(20) == 1
        assert "error: interrupted before web was HEALTHY" in process.errors()
        assert (left_of(trial.group()), trial.leftovers()) == ([], [])
    finally:
        process.stop()


def test_a_second_ctrl_c_kills_who_does_not_stop(trial):
    process = trial.write(shell("trap '' TERM; while :; do sleep 97; done", stopTimeout=120)).begin()
    try:
        process.line("app RUNNING")
        trial.group()
        process.signal(signal.SIGINT)
        process.line("TASK STOPPING")
        process.signal(signal.SIGINT)
        assert process.wait(20) == 1
        assert left_of(trial.group()) == []
    finally:
        process.stop()


def test_a_container_waits_for_the_one_it_depends_on(trial):
    check = {"command": ["CMD-SHELL", "test -e db.ready"], "interval": 5}
    depends = {"dependsOn": [{"containerName": "db", "condition": "HEALTHY"}]}
    trial.write(shell("touch ok; sleep 97", **depends), shell("touch db.ready; sleep 97", name="db", check=check))
    run = trial.run()
    assert run.returncode == 0, run
    started = ["db RUNNING", "db UNKNOWN -> HEALTHY", "app RUNNING", "app UNKNOWN -> HEALTHY: fine", "TASK UNKNOWN -> HEALTHY"]
    stopped = ["app STOPPED: exit code 143", "db STOPPED: exit code 143"]
    assert in_order(started + stopped, run.stdout.splitlines()), run.stdout


def test_json_is_one_object_at_the_end(trial):
    run = trial.write(shell("sleep 97")).run("-o", "json")
    told = json.loads(run.stdout)
    assert (run.returncode, told["result"], told["exit"]) == (1, "unhealthy", 1)
    (container,) = told["task"]["containers"]
    assert (container["last_status"], container["health"], container["exit_code"]) == ("STOPPED", "UNHEALTHY", 143)
    assert (container["last_check"]["exit_code"], container["last_check"]["output"]) == (7, "no ok\n")
    assert "TASK RUNNING" in run.stderr.splitlines()


def test_on_a_terminal_a_table_is_redrawn(trial):
    trial.write(shell("touch ok; sleep 97"))
    ours, theirs = pty.openpty()
    environment = {**trial.environment, "TERM": "xterm", "NO_COLOR": "1"}
    command = [trial.binary, "run-task", str(trial.file)]
    process = subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    screen = b""
    while True:
        try:
            read = os.read(ours, 4096)
        except OSError:
            break
        if not read:
            break
        screen += read
    os.close(ours)
    assert process.wait(timeout=20) == 0
    text = screen.decode()
    assert re.search(r"TASK RUNNING HEALTHY after \d+s", text), text
    assert re.search(r"CONTAINER +STATUS +HEALTH +EXIT CODE +LAST OUTPUT", text), text
    assert re.search(r"app +RUNNING +HEALTHY +fine", text), text
    assert re.search(r"app +STOPPED +HEALTHY +143 +fine", text), text
    assert "\x1b[4A" in text, "it is not redrawn in place"
