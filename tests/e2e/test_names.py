"""Targets that are host names, over a name server in a network of the test's own."""

from datetime import datetime

from support.backends import Story
from support.process import eventually
from support.server import config, group

HEALTH = {"path": "/api/health-check"}


def names(*targets, **server):
    return config(group("web", list(targets), HEALTH), **{"resolve_interval": "1s", **server})


def service(start, folder, network):
    """A backend inside the network, on every address of its loopback interface."""
    running = start(Story, folder("story"), network.enter)
    running.fix()
    return running


def test_a_name_that_does_not_exist_is_the_targets_failure(serve, network, resolver):
    resolver({"gone.test": "NXDOMAIN", "empty.test": []})
    server = serve(names("gone.test:80", "empty.test:80"), network)
    for target, failure in [("gone.test:80", "name_not_found"), ("empty.test:80", "no_address")]:
        found = server.wait_for("web", target, state="unhealthy")
        assert found["reason"] == "Target.FailedHealthChecks"
        assert found["description"] == "Health checks failed"
        assert found["last_check"]["failure"] == failure
        assert found["address"] is None


def test_a_broken_resolver_is_not_the_targets_fault(serve, start, folder, network, resolver):
    backend = service(start, folder, network)
    dns = resolver({"web.test": ["127.0.0.1"]})
    target = f"web.test:{backend.port}"
    server = serve(names(target), network)
    before = server.wait_for("web", target, state="healthy")
    assert before["address"] == f"127.0.0.1:{backend.port}"

    dns.change({"web.test": "SERVFAIL"})
    labels = {"target_group": "web", "cause": "resolver"}
    eventually(lambda: (server.metric("tgprobe_checks_inconclusive_total", **labels) or 0) >= 4, within=30)
    found = server.target("web", target)
    assert (found["state"], found["since"]) == ("healthy", before["since"])
    assert (found["last_check"]["result"], found["last_check"]["cause"]) == ("inconclusive", "resolver")

    dns.change({"web.test": ["127.0.0.1"]})
    server.wait_for("web", target, last_conclusive_state="healthy", state="healthy")


def test_a_name_that_never_resolved_for_trouble_of_ours_stays_initial(serve, network, resolver):
    resolver({"web.test": "SERVFAIL"})
    server = serve(names("web.test:80"), network)
    labels = {"target_group": "web", "cause": "resolver"}
    eventually(lambda: (server.metric("tgprobe_checks_inconclusive_total", **labels) or 0) >= 3, within=30)
    assert server.target("web", "web.test:80")["state"] == "initial"


def test_an_address_that_changes_is_followed_and_one_in_use_is_kept(serve, start, folder, network, resolver):
    backend = service(start, folder, network)
    dns = resolver({"web.test": ["127.0.0.1"]})
    target = f"web.test:{backend.port}"
    server = serve(names(target), network)
    server.wait_for("web", target, state="healthy", address=f"127.0.0.1:{backend.port}")

    # Nothing listens on the second address: the story's service listens on the first only.
    dns.change({"web.test": ["127.0.0.2"]})
    found = server.wait_for("web", target, state="unhealthy", address=f"127.0.0.2:{backend.port}")
    assert found["last_check"]["failure"] == "connect_refused"

    # The address in use is among the answers, so the lower one does not replace it.
    dns.change({"web.test": ["127.0.0.1", "127.0.0.2", "127.0.0.3"]})
    before = server.metric("tgprobe_checks_total", target_group="web")
    eventually(lambda: server.metric("tgprobe_checks_total", target_group="web") >= before + 6, within=20)
    assert server.target("web", target)["address"] == f"127.0.0.2:{backend.port}"

    dns.change({"web.test": ["127.0.0.3", "127.0.0.1"]})
    server.wait_for("web", target, state="healthy", address=f"127.0.0.1:{backend.port}")


def test_a_silent_resolver_delays_no_other_target(serve, start, folder, network, resolver):
    backend = service(start, folder, network)
    resolver({f"silent{number}.test": "SILENT" for number in range(20)})
    good = f"127.0.0.1:{backend.port}"
    silent = [f"silent{number}.test:80" for number in range(20)]
    server = serve(names(good, *silent), network)
    server.wait_for("web", good, within=5, state="healthy")
    with server.watch("web") as stream:
        times = set()
        while len(times) < 8:
            data = stream.until(lambda event: event.data.get("target") == good).data
            times.add(datetime.fromisoformat(data["last_check"]["time"]))
    times = sorted(times)
    # The interval is 400 ms; a target that waited for the resolver would be a second late.
    gaps = [(later - earlier).total_seconds() for earlier, later in zip(times, times[1:])]
    assert max(gaps) < 1, gaps
    assert all(target["state"] != "unhealthy" for target in server.targets("web").values())
