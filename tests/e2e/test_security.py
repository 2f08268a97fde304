"""Credentials, TLS, and clients that take up room."""

import os
import shutil
import socket
import ssl
import time

import pytest
from support.authority import Authority
from support.client import Client
from support.process import eventually
from support.server import config, group, run

CREDENTIALS = """
[[credential]]
access_key_id = "WRITER"
secret_access_key = "hush-1"
bearer_token = "hush-writer"

[[credential]]
access_key_id = "READER"
secret_access_key = "hush-2"
bearer_token = "hush-reader"
access = "read-only"
"""
READS = ("/metrics", "/-/healthy", "/-/ready", "/", "/api/v1/target-groups", "/nowhere")


def bearer(token):
    return {"Authorization": f"Bearer {token}"} if token else {}


@pytest.fixture
def credentials(folder):
    """A credentials file of the test's own."""
    file = folder("credentials") / "credentials.toml"
    file.write_text(CREDENTIALS)
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "0.0.0.0:0"])
def test_writing_needs_the_token_of_a_writer(serve, credentials, listen):
    text = config(group("web", []), listen=listen, credentials_file=str(credentials))
    server = serve(text, options=["--log-level", "trace"])
    target = "/api/v1/target-groups/web/targets/127.0.0.1:1"
    for method, path in [("POST", "/-/reload"), ("PUT", "/-/reload"), ("PUT", target), ("DELETE", target)]:
        for token, status in [(None, 401), ("nobody", 401), ("hush-reader", 403), ("hush-writer", 200)]:
            answer = server.http.request(method, path, bearer(token))
            assert answer.status == status, (method, path, token)
            assert (answer.headers["WWW-Authenticate"] == "Bearer") == (status == 401)
    assert server.command("register", "web", "127.0.0.1:2", "--token", "hush-reader").returncode == 2
    assert server.command("register", "web", "127.0.0.1:2", "--token", "hush-writer").returncode == 0
    assert server.http.get("/api/v1/target-groups").status == 200
    assert "hush" not in server.errors()


def test_protected_reads_need_a_token_and_the_commands_have_it(serve, plain, credentials):
    backend = plain()
    text = config(group("web", [backend.target]), credentials_file=str(credentials), protect_reads=True)
    server = serve(text)
    eventually(lambda: server.http.get("/-/ready", bearer("hush-reader")).status == 200)
    for path in READS:
        found = {token: server.http.get(path, bearer(token)).status for token in (None, "nobody", "hush-reader")}
        assert (found[None], found["nobody"]) == (401, 401), path
        assert found["hush-reader"] != 401, path
        assert server.http.request("HEAD", path).status == 401, path
    assert server.http.get("/api/v1/target-groups", {"Authorization": "AWS4-HMAC-SHA256 x"}).status == 400
    # Whoever speaks AWS's protocol is answered in its words.
    unsigned = server.http.get("/?Action=DescribeTargetGroups&Version=2015-12-01")
    assert unsigned.status == 403 and "<Code>MissingAuthenticationToken</Code>" in unsigned.text

    assert server.command("status").returncode == 2
    assert server.command("healthcheck").returncode == 2
    assert server.command("status", "web", "--token", "hush-reader").returncode == 0
    assert server.command("healthcheck", environment={"TGPROBE_TOKEN": "hush-reader"}).returncode == 0
    waited = server.command("wait", "web", "--token", "hush-reader", "--timeout", "20s")
    assert waited.returncode == 0, waited
    wrong = server.command("status", "--token", "hush hush")
    assert wrong.returncode == 2 and "hush" not in wrong.stdout + wrong.stderr


def test_credentials_are_read_again_with_the_configuration(serve, credentials):
    server = serve(config(credentials_file=str(credentials)))
    credentials.write_text(CREDENTIALS.replace("hush-writer", "hush-changed"))
    assert server.http.post("/-/reload", bearer("hush-writer")).status == 200
    assert server.http.post("/-/reload", bearer("hush-writer")).status == 401
    credentials.write_text("")
    assert server.http.post("/-/reload", bearer("hush-changed")).status == 400
    assert server.http.post("/-/reload").status == 401


def test_credentials_come_from_the_environment(serve, binary):
    both = {"TGPROBE_ACCESS_KEY_ID": "WRITER", "TGPROBE_SECRET_ACCESS_KEY": "hush"}
    server = serve(config(), environment={**both, "TGPROBE_BEARER_TOKEN": "hush-writer"})
    assert server.http.post("/-/reload").status == 401
    assert server.http.post("/-/reload", bearer("hush-writer")).status == 200
    half = run(binary, "serve", "-t", "http://127.0.0.1:1/", environment={"TGPROBE_ACCESS_KEY_ID": "WRITER"})
    assert half.returncode == 2 and "TGPROBE_SECRET_ACCESS_KEY" in half.stderr


def test_a_credentials_file_that_others_may_read_is_warned_about(serve, credentials):
    text = config(credentials_file=str(credentials))
    assert "can be read by others" not in serve(text).errors()
    credentials.chmod(0o644)
    server = serve(text)
    eventually(lambda: "can be read by others" in server.errors())


def test_without_credentials_writes_over_the_network_are_refused_and_reads_are_not(serve):
    server = serve(config(listen="0.0.0.0:0"))
    answer = server.http.post("/-/reload")
    assert answer.status == 403
    for word in ("credentials_file", "TGPROBE_ACCESS_KEY_ID", "insecure"):
        assert word in answer.json()["error"]["message"]
    assert server.http.get("/metrics").status == 200


def test_protected_reads_without_credentials_are_no_configuration(binary, folder):
    file = folder() / "tgprobe.toml"
    file.write_text(config(protect_reads=True))
    done = run(binary, "serve", "-c", str(file))
    assert done.returncode == 2 and "credentials_file" in done.stderr


def replace(new, old):
    """Puts a file in the place of another in one step."""
    shutil.copy(new, f"{old}.new")
    os.replace(f"{old}.new", old)


def serial(server, context):
    """What tells the server's certificate from another."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
            assert secure.selected_alpn_protocol() in (None, "http/1.1")
            return secure.getpeercert()["serialNumber"]


def test_the_listener_speaks_tls_and_takes_a_new_certificate(serve, folder):
    files = folder("tls")
    authority = Authority(files, "authority")
    certificate, key = authority.issue("first")
    context = authority.context()
    server = serve(config(tls={"certificate": str(certificate), "key": str(key)}), context=context)
    assert server.url.startswith("https://")
    assert server.http.get("/-/healthy").status == 200
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        only = authority.context()
        only.minimum_version = only.maximum_version = version
        assert serial(server, only)
    other = Authority(folder("other"), "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        serial(server, other.context())

    assert server.command("healthcheck", "--ca-file", str(other.certificate)).returncode == 3
    assert server.command("healthcheck", "--ca-file", str(authority.certificate)).returncode == 0
    trusting = {"SSL_CERT_FILE": str(authority.certificate)}
    assert server.command("status", environment=trusting).returncode == 0

    before = serial(server, context)
    second = authority.issue("second")
    # The halves do not fit for a moment; whoever connects then gets the old ones.
    replace(second[0], certificate)
    assert serial(server, context) == before
    replace(second[1], key)
    eventually(lambda: serial(server, context) != before, within=20)

    now = serial(server, context)
    key.write_text("no key at all")
    eventually(lambda: "cannot be replaced" in server.errors(), within=20)
    assert serial(server, context) == now
    assert "no key at all" not in server.errors()
    replace(authority.issue("third")[1], key)
    replace(files / "third.pem", certificate)
    eventually(lambda: serial(server, context) != now, within=20)


def test_a_client_authority_is_asked_for_and_can_be_replaced(serve, folder):
    ours, first, second = (Authority(folder("tls"), name) for name in ("ours", "first", "second"))
    certificate, key = ours.issue("server")
    trusted = folder("trusted") / "clients.pem"
    shutil.copy(first.certificate, trusted)
    clients = {name: authority.issue("client") for name, authority in (("first", first), ("second", second))}
    tls = {"certificate": str(certificate), "key": str(key), "client_ca": str(trusted)}
    server = serve(config(tls=tls), context=ours.context(clients["first"]))

    def status(client):
        """The status over a new connection, 0 where the handshake fails."""
        try:
            return Client("127.0.0.1", server.port, None, ours.context(client)).get("/-/healthy").status
        except (ssl.SSLError, ConnectionError):
            return 0

    assert (status(clients["first"]), status(clients["second"]), status(None)) == (200, 0, 0)
    shown = [str(file) for file in clients["first"]]
    arguments = ["--ca-file", str(ours.certificate), "--cert-file", shown[0], "--key-file", shown[1]]
    assert server.command("healthcheck", *arguments).returncode == 0
    assert server.command("healthcheck", *arguments[:2]).returncode == 3
    replace(second.certificate, trusted)
    eventually(lambda: status(clients["second"]) == 200, within=20)
    assert status(clients["first"]) == 0


@pytest.mark.parametrize("kind", ["half a request", "half a handshake", "a whole request"])
def test_silent_clients_do_not_keep_others_out(serve, folder, kind):
    keys, context = {}, None
    if kind == "half a handshake":
        authority = Authority(folder("tls"), "authority")
        certificate, key = authority.issue("server")
        keys, context = {"tls": {"certificate": str(certificate), "key": str(key)}}, authority.context()
    server = serve(config(**keys), context=context)
    said = {
        "half a request": b"GET / HTTP/1.1\r\nHost: loc",
        "half a handshake": b"\x16\x03\x01",
        "a whole request": b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n",
    }
    silent = []
    try:
        for _ in range(512):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=5)
            connection.sendall(said[kind])
            silent.append(connection)
        started = time.monotonic()
        for _ in range(5):
            assert server.http.get("/-/healthy").status == 200
        # Far below the time any of them is given while there is room.
        assert time.monotonic() - started < 8
    finally:
        for connection in silent:
            connection.close()


def test_streams_keep_their_place_and_are_not_silent(serve, plain):
    backend = plain()
    server = serve(config(group("web", [backend.target])))
    with server.watch("web") as stream:
        idle = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(600)]
        try:
            assert server.http.get("/-/healthy").status == 200
            for _ in range(4):
                stream.until(lambda event: event.kind == "target")
        finally:
            for connection in idle:
                connection.close()
