"""The streams of server-sent events."""

from support.server import config, group


def test_a_stream_goes_on_after_the_last_event_seen(serve, plain):
    backend = plain(200)
    server = serve(config(group("web", [backend.target])))
    with server.events(target_group="web") as events:
        server.wait_for("web", backend.target, state="healthy")
        backend.status = 500
        first = events.until(lambda event: event.data.get("to") == "unhealthy")
    assert first.kind == "transition"
    assert first.id == first.data["id"]
    assert first.data["reason"] == "Target.ResponseCodeMismatch"
    assert first.data["description"] == "Health checks failed with these codes: [500]"

    # What happens while nobody listens is told to who comes back.
    backend.status = 200
    server.wait_for("web", backend.target, state="healthy")
    with server.events(last=first.id, target_group="web") as events:
        second = events.next()
    assert (second.data["from"], second.data["to"]) == ("unhealthy", "healthy")
    boot, sequence = first.id.rsplit("-", 1)
    assert second.id.rsplit("-", 1)[0] == boot
    assert int(second.id.rsplit("-", 1)[1]) > int(sequence)


def test_an_event_that_is_not_known_resets_the_stream(serve):
    server = serve(config())
    for unknown in ("never-1", "nonsense", "é"):
        with server.events(last=unknown.encode().decode("latin-1")) as events:
            assert events.next().kind == "reset"


def test_a_stream_of_one_group_tells_nothing_of_another(serve, plain):
    quiet, loud = plain(200), plain(500)
    server = serve(config(group("quiet", [quiet.target]), group("loud", [loud.target])))
    with server.events(target_group="quiet") as events, server.events() as all_events:
        all_events.until(lambda event: event.data.get("target_group") == "loud")
        quiet.status = 500
        event = events.until(lambda event: event.data.get("to") == "unhealthy")
    assert event.data["target_group"] == "quiet"


def test_a_watch_begins_with_everything_and_follows_every_check(serve, plain):
    backend = plain(200)
    server = serve(config(group("web", [backend.target])))
    server.wait_for("web", backend.target, state="healthy")
    with server.watch("web") as stream:
        begin = stream.next()
        assert begin.kind == "sync"
        assert [target["target"] for target in begin.data["targets"]] == [backend.target]
        times = [stream.until(lambda event: event.kind == "target").data["last_check"]["time"] for _ in range(3)]
    assert times == sorted(set(times))


def test_a_group_that_does_not_exist_is_not_found(serve):
    server = serve(config())
    for path in ("", "/targets", "/targets?watch=true"):
        answer = server.http.get(f"/api/v1/target-groups/nobody{path}")
        assert answer.status == 404
        assert "nobody" in answer.json()["error"]["message"]
