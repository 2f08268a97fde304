"""Registering and deregistering through the JSON API and the command line, and looking back."""

import json
from urllib.parse import quote

import pytest
from support.server import config, group


def path(target, name="web"):
    return f"/api/v1/target-groups/{name}/targets/{quote(target, safe='')}"


def test_a_target_is_registered_checked_and_deregistered(serve, plain):
    backend = plain(200)
    server = serve(config(group("web", [], port=backend.port)))
    answer = server.http.request("PUT", path("127.0.0.1"), body=json.dumps({"zone": "a"}))
    assert answer.status == 200, answer.text
    assert (answer.json()["target"], answer.json()["zone"]) == (backend.target, "a")
    assert answer.json()["state"] in ("initial", "healthy")
    server.wait_for("web", backend.target, state="healthy")
    assert server.http.request("PUT", path(backend.target), body='{"zone": "a"}').json()["state"] == "healthy"
    assert server.http.get(path(backend.target)).json()["state"] == "healthy"

    answer = server.http.request("DELETE", path(backend.target))
    assert (answer.status, answer.json()["state"]) == (200, "draining")
    assert server.target("web", backend.target)["state"] == "draining"
    again = server.http.request("DELETE", path(backend.target))
    assert (again.status, again.json()["error"]["code"]) == (404, "target_not_registered")
    with server.watch("web") as stream:
        stream.until(lambda event: event.kind == "gone" or event.data.get("targets") == [])
    assert server.http.get(path(backend.target)).json()["reason"] == "Target.NotRegistered"


def test_what_comes_from_the_file_stays_and_what_was_registered_survives_a_reload(serve, plain):
    backend, other = plain(200), plain(200)
    server = serve(config(group("web", [backend.target])))
    refused = server.http.request("DELETE", path(backend.target))
    assert (refused.status, refused.json()["error"]["code"]) == (409, "target_from_file")
    assert server.http.request("PUT", path(other.target)).status == 200
    server.wait_for("web", other.target, state="healthy")
    server.write(config(group("web", [])))
    assert server.http.post("/-/reload").status == 200
    assert server.targets("web")[other.target]["state"] == "healthy"
    assert server.targets("web")[backend.target]["state"] == "draining"


def test_registering_again_keeps_what_is_not_named(serve):
    server = serve(config(group("web", [], port=9)))
    zone = lambda body: server.http.request("PUT", path("127.0.0.1"), body=body).json()["zone"]
    assert [zone('{"zone": "a"}'), zone(None), zone('{"zone": "b"}')] == ["a", "a", "b"]


@pytest.mark.parametrize(
    "method, target, body, status, word",
    [
        ("PUT", "10.0.0.256", None, 400, "10.0.0.256"),
        ("PUT", "0.0.0.0", None, 400, "unspecified"),
        ("PUT", "10.0.0.1:0", None, 400, "port"),
        ("PUT", "10.0.0.1", '{"zon": "a"}', 400, "zon"),
        ("PUT", "10.0.0.1", '{"zone": ""}', 400, "zone"),
        ("PUT", "10.0.0.1", "{" * 20_000, 413, "bytes"),
        ("DELETE", "a b", None, 400, "a b"),
    ],
)
def test_what_is_no_registration_is_refused_with_the_reason(serve, method, target, body, status, word):
    server = serve(config(group("web", [])))
    answer = server.http.request(method, path(target), body=body)
    assert answer.status in (status, 400) and word in answer.json()["error"]["message"], answer.text
    assert server.targets("web") == {}


def test_a_group_that_does_not_exist_is_named(serve):
    server = serve(config(group("web", [])))
    for method, where in [("PUT", path("10.0.0.1", "wbe")), ("DELETE", path("10.0.0.1", "wbe"))]:
        answer = server.http.request(method, where)
        assert (answer.status, answer.json()["error"]["code"]) == (404, "target_group_not_found")
        assert "wbe" in answer.json()["error"]["message"]


def test_history_tells_what_happened_the_latest_first(serve, plain):
    backend, other = plain(200), plain(200)
    server = serve(config(group("web", [backend.target, other.target])))
    for one in (backend, other):
        server.wait_for("web", one.target, state="healthy")
    backend.status = 503
    server.wait_for("web", backend.target, state="unhealthy")

    def past(**query):
        query = "&".join(f"{key}={quote(str(value))}" for key, value in query.items())
        answer = server.http.get(f"/api/v1/target-groups/web/transitions?{query}")
        assert answer.status == 200, answer.text
        return answer.json()

    told = past()["transitions"]
    assert told[0]["target"] == backend.target and told[0]["to"] == "unhealthy"
    assert told[0]["description"] == "Health checks failed with these codes: [503]"
    assert [one["number"] for one in told] == sorted((one["number"] for one in told), reverse=True)
    of_one = past(target=backend.target)["transitions"]
    assert [(one["from"], one["to"]) for one in of_one] == [("healthy", "unhealthy"), ("initial", "healthy")]
    first = past(limit=1)
    assert first["transitions"] == told[:1]
    assert past(limit=1, before=first["next"])["transitions"] == told[1:2]
    assert past(before=1)["next"] is None
    for bad in ["limit=0", "limit=1001", "before=x", "target=a%20b", "what=1"]:
        assert server.http.get(f"/api/v1/target-groups/web/transitions?{bad}").status == 400, bad
    assert server.http.get("/api/v1/target-groups/wbe/transitions").status == 404


def test_the_commands_register_and_deregister(serve, plain):
    backend = plain(200)
    server = serve(config(group("web", [])))
    done = server.command("register", "web", backend.target, "127.0.0.9:9", "--zone", "b")
    assert done.returncode == 0 and backend.target in done.stdout, done
    assert server.targets("web")["127.0.0.9:9"]["zone"] == "b"
    assert server.command("wait", "web", "--targets", backend.target).returncode == 0
    done = server.command("deregister", "web", backend.target, "-o", "json")
    (told,) = json.loads(done.stdout)["targets"]
    assert (told["target"], told["state"]) == (backend.target, "draining")
    for words, message in [
        (["register", "web", "a b"], "a b"),
        (["register", "wbe", "10.0.0.1"], "wbe"),
        (["deregister", "web", "10.0.0.1"], "not registered"),
    ]:
        done = server.command(*words)
        assert done.returncode == 2 and message in done.stderr, done
