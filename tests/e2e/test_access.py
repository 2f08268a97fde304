"""Who may do what, and what a rude client can do: nothing."""

import errno
import socket

import pytest
from support.server import config, group


def test_a_host_that_is_not_ours_is_refused_on_loopback(serve):
    server = serve(config(allowed_hosts=["probe.internal"]))
    for host, status in [
        (f"127.0.0.1:{server.port}", 200),
        (f"localhost:{server.port}", 200),
        (f"[::1]:{server.port}", 200),
        (f"probe.internal:{server.port}", 200),
        ("evil.example", 403),
        (f"evil.example:{server.port}", 403),
        ("127.0.0.1.evil.example", 403),
    ]:
        answer = server.http.get("/api/v1/target-groups", {"Host": host})
        assert answer.status == status, host


def test_a_foreign_origin_is_refused(serve):
    server = serve(config())
    for origin, status in [(server.url, 200), ("http://evil.example", 403), ("null", 403)]:
        assert server.http.get("/api/v1/target-groups", {"Origin": origin}).status == status, origin
        assert server.http.post("/-/reload", {"Origin": origin}).status == status, origin


@pytest.mark.parametrize(("keys", "status"), [({}, 403), ({"insecure": True}, 200)])
def test_a_reload_over_the_network_is_refused_unless_allowed(serve, plain, keys, status):
    backend = plain()
    text = config(group("web", [backend.target]), **{"listen": "0.0.0.0:0", **keys})
    server = serve(text)
    answer = server.http.post("/-/reload")
    assert answer.status == status
    if status == 403:
        assert "insecure" in answer.json()["error"]["message"]
    assert server.http.get("/api/v1/target-groups").status == 200


def test_unknown_paths_and_methods_are_answered_in_kind(serve):
    server = serve(config())
    assert server.http.get("/nowhere").status == 404
    assert server.http.get("/-/reload").status == 405
    assert server.http.request("DELETE", "/metrics").status == 405
    assert server.http.get("/").status == 200


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"\x00" * 4096,
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(20_000)) + b"\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
    ids=["tls", "zeros", "long path", "many headers", "huge length", "version"],
)
def test_garbage_ends_one_connection_and_nothing_else(serve, plain, bytes_sent):
    backend = plain()
    server = serve(config(group("web", [backend.target])))
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as rude:
        try:
            rude.sendall(bytes_sent)
            rude.shutdown(socket.SHUT_WR)
            while rude.recv(65536):
                pass
        except OSError as error:
            # The server hung up first, at whichever of these steps it was.
            assert error.errno in {errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN}, error
    assert server.http.get("/-/healthy").status == 200
    server.wait_for("web", backend.target, state="healthy")


def test_clients_that_never_finish_hold_up_nobody(serve, plain):
    backend = plain()
    server = serve(config(group("web", [backend.target])))
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(100)]
    try:
        for connection in slow:
            connection.sendall(b"GET /api/v1/target-groups HTTP/1.1\r\nHost: loc")
        assert server.http.get("/-/healthy").status == 200
        server.wait_for("web", backend.target, state="healthy")
        before = len(backend.requests)
        with server.watch("web") as stream:
            for _ in range(4):
                stream.until(lambda event: event.kind == "target")
        assert len(backend.requests) > before
    finally:
        for connection in slow:
            connection.close()
