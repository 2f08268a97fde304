"""Reloading: what did not change goes on as it was, what left drains, and a bad file changes nothing."""

import signal

import pytest
from support.process import eventually
from support.server import config, group

WAYS = ("signal", "request", "file")


def reload(server, text, way):
    """Puts `text` in place of the file and makes the server read it, in one of the three ways."""
    if way == "request":
        server.write(text)
        answer = server.http.post("/-/reload")
        assert answer.status == 200, answer.text
    elif way == "signal":
        # In one go, or the change of the file would be noticed by itself first.
        server.write(text)
        server.signal(signal.SIGHUP)
    else:
        server.write(text)


@pytest.mark.parametrize("way", WAYS)
def test_unchanged_targets_keep_their_history_and_removed_ones_drain_and_go(serve, plain, way):
    stays, goes, comes = plain(), plain(), plain()
    server = serve(config(group("web", [stays.target, goes.target])))
    server.wait_for("web", goes.target, state="healthy")
    before = server.wait_for("web", stays.target, state="healthy")

    with server.watch("web") as stream:
        stream.next()
        reload(server, config(group("web", [stays.target, comes.target])), way)
        draining = stream.until(lambda event: event.data.get("state") == "draining").data
        assert draining["target"] == goes.target
        assert draining["reason"] == "Target.DeregistrationInProgress"
        assert draining["next_check"] is None
        # The state is told at once, the rest when the thread that checks the target has heard of it.
        if draining["drain_ends"] is None:
            assert draining["since"] is None
            draining = stream.until(lambda event: event.data.get("drain_ends")).data
        assert (draining["target"], draining["state"]) == (goes.target, "draining")
        assert draining["since"] < draining["drain_ends"]
        gone = stream.until(lambda event: event.kind == "gone").data
    assert (gone["target"], gone["id"], gone["port"]) == (goes.target, "127.0.0.1", goes.port)
    assert set(server.targets("web")) == {stays.target, comes.target}

    after = server.wait_for("web", stays.target, state="healthy")
    assert after["since"] == before["since"]
    assert after["passes_in_a_row"] > before["passes_in_a_row"]
    server.wait_for("web", comes.target, state="healthy")

    asked = server.target("web", goes.target)
    assert (asked["state"], asked["reason"]) == ("unused", "Target.NotRegistered")
    assert asked["description"] == "Target is not registered to the target group"
    assert server.metric("tgprobe_target_healthy", target=goes.target) is None


def test_a_draining_target_is_not_checked(serve, plain):
    stays, goes = plain(), plain()
    server = serve(config(group("web", [stays.target, goes.target], deregistration_delay="60s")))
    server.wait_for("web", goes.target, state="healthy")
    reload(server, config(group("web", [stays.target], deregistration_delay="60s")), "request")
    server.wait_for("web", goes.target, state="draining")
    seen, others = len(goes.requests), len(stays.requests)
    eventually(lambda: len(stays.requests) > others + 4)
    # One check may have been under way when the target was deregistered.
    assert len(goes.requests) <= seen + 1


def test_a_target_that_comes_back_while_draining_is_initial(serve, plain):
    stays, returns = plain(), plain()
    both = config(group("web", [stays.target, returns.target], deregistration_delay="60s"))
    one = config(group("web", [stays.target], deregistration_delay="60s"))
    server = serve(both)
    server.wait_for("web", returns.target, state="healthy")
    with server.events(target_group="web") as events:
        reload(server, one, "request")
        reload(server, both, "request")
        story = [events.until(lambda event: event.data["target"] == returns.target).data for _ in range(3)]
    assert [(step["from"], step["to"]) for step in story] == [
        ("healthy", "draining"),
        ("draining", "initial"),
        ("initial", "healthy"),
    ]


def test_a_group_that_leaves_the_file_drains_and_goes(serve, plain):
    backend = plain()
    keeps, leaves = group("keeps", [backend.target]), group("leaves", [backend.target])
    server = serve(config(keeps, leaves))
    server.wait_for("leaves", backend.target, state="healthy")
    with server.watch("leaves") as stream:
        stream.next()
        reload(server, config(keeps), "request")
        stream.until(lambda event: event.data.get("state") == "draining")
        stream.until(lambda event: event.kind == "target_group_gone")
    assert server.http.get("/api/v1/target-groups/leaves").status == 404
    assert server.target("keeps", backend.target)["state"] == "healthy"


def test_new_settings_keep_the_state(serve, plain):
    backend = plain()
    server = serve(config(group("web", [backend.target])))
    before = server.wait_for("web", backend.target, state="healthy")
    reload(server, config(group("web", [backend.target], {"matcher": "200-299", "path": "/new"})), "request")
    eventually(lambda: any(request.startswith("GET /new ") for request in backend.requests))
    after = server.target("web", backend.target)
    assert (after["state"], after["since"]) == ("healthy", before["since"])


@pytest.mark.parametrize("way", WAYS)
def test_a_bad_file_changes_nothing_and_every_error_is_told(serve, plain, way):
    backend = plain()
    good = config(group("web", [backend.target]))
    bad = config(group("web", [backend.target], {"timeout": "9s", "helthy_threshold": 3}, port=99999))
    server = serve(good)
    before = server.wait_for("web", backend.target, state="healthy")
    assert server.metric("tgprobe_config_last_reload_successful") == 1

    server.write(bad)
    if way == "request":
        answer = server.http.post("/-/reload")
        assert answer.status == 400
        for word in ("timeout", "helthy_threshold", "healthy_threshold", "port"):
            assert word in answer.text, answer.text
    elif way == "signal":
        server.signal(signal.SIGHUP)
    eventually(lambda: server.metric("tgprobe_config_last_reload_successful") == 0)

    after = server.target("web", backend.target)
    assert (after["state"], after["since"]) == ("healthy", before["since"])
    checks = server.metric("tgprobe_checks_total", target_group="web")
    eventually(lambda: server.metric("tgprobe_checks_total", target_group="web") > checks)

    reload(server, good, way)
    eventually(lambda: server.metric("tgprobe_config_last_reload_successful") == 1)
