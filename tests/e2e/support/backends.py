"""Backends to be checked: nginx, the Flask service of the founding story, and plain sockets."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from .process import Process, eventually


def free_port(address="127.0.0.1"):
    """A port nothing listens on now. Only for programs that cannot be told to choose one themselves."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


class Closed:
    """A port that refuses connections: it is taken, so nobody else gets it, and nothing listens."""

    def __init__(self):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        self._socket.close()


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


class Certificates:
    """A self-signed certificate, and one for `backend.test` signed by an authority of our own."""

    def __init__(self, folder):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self.key, self.certificate = folder / "self.key", folder / "self.pem"
        self.leaf_key, self.leaf, self.authority = folder / "leaf.key", folder / "leaf.pem", folder / "ca.pem"
        openssl("req", "-x509", *key, "-keyout", str(self.key), "-out", str(self.certificate), "-subj", "/CN=self")
        authority_key, request, extensions = folder / "ca.key", folder / "leaf.csr", folder / "leaf.ext"
        openssl("req", "-x509", *key, "-keyout", str(authority_key), "-out", str(self.authority), "-subj", "/CN=ca")
        openssl("req", *key, "-keyout", str(self.leaf_key), "-out", str(request), "-subj", "/CN=backend.test")
        extensions.write_text("subjectAltName=DNS:backend.test\nbasicConstraints=CA:FALSE\n")
        signer = ["-CA", str(self.authority), "-CAkey", str(authority_key), "-CAcreateserial", "-days", "2"]
        openssl("x509", "-req", "-in", str(request), *signer, "-extfile", str(extensions), "-out", str(self.leaf))


NGINX = """
daemon off;
pid nginx.pid;
error_log stderr warn;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{ listen 127.0.0.1:{ok}; location / {{ return 200 "fine"; }} }}
    server {{ listen 127.0.0.1:{redirect}; location / {{ return 301 https://$host$request_uri; }} }}
    server {{ listen 127.0.0.1:{missing}; location / {{ return 404; }} }}
    server {{ listen 127.0.0.1:{error}; location / {{ return 500; }} }}
    server {{
        listen 127.0.0.1:{tls} ssl; ssl_certificate {self_pem}; ssl_certificate_key {self_key};
        location / {{ return 200 "fine"; }}
    }}
    server {{
        listen 127.0.0.1:{h2} ssl http2; ssl_certificate {self_pem}; ssl_certificate_key {self_key};
        location / {{ return 200 "fine"; }}
    }}
    server {{
        listen 127.0.0.1:{h2c} http2;
        location / {{ return 200 "fine"; }}
        location /gone {{ return 404; }}
    }}
    server {{
        listen 127.0.0.1:{signed} ssl; ssl_certificate {leaf_pem}; ssl_certificate_key {leaf_key};
        location / {{ return 200 "fine"; }}
    }}
}}
"""


class Nginx(Process):
    """nginx with one server block per kind of answer; `ports` maps the kind to its port."""

    KINDS = ("ok", "redirect", "missing", "error", "tls", "signed", "h2", "h2c")

    def __init__(self, folder):
        self.certificates = Certificates(folder)
        self.ports = {kind: free_port() for kind in self.KINDS}
        files = self.certificates
        (folder / "nginx.conf").write_text(
            NGINX.format(
                **self.ports,
                self_pem=files.certificate,
                self_key=files.key,
                leaf_pem=files.leaf,
                leaf_key=files.leaf_key,
            )
        )
        super().__init__(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], folder / "nginx.log")
        for port in self.ports.values():
            eventually(lambda port=port: listens(port) or self.popen.poll() is not None)
        if self.popen.poll() is not None:
            self.stop()
            raise AssertionError(self.errors())

    def target(self, kind):
        return f"127.0.0.1:{self.ports[kind]}"


class Story(Process):
    """The service of the founding story: its health check answers 500 until `fix` is called."""

    def __init__(self, folder, prefix=()):
        self._fixed = folder / "fixed"
        script = Path(__file__).with_name("story.py")
        env = {**os.environ, "FIXED": str(self._fixed)}
        super().__init__([*prefix, sys.executable, str(script)], folder / "story.log", env)
        self.port = int(self.line("port ").split()[1])

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"

    def fix(self):
        self._fixed.touch()


class Grpc(Process):
    """A gRPC server with the standard health service."""

    def __init__(self, folder, certificates=None):
        files = [str(certificates.key), str(certificates.certificate)] if certificates else []
        script = Path(__file__).with_name("grpc_server.py")
        super().__init__([sys.executable, str(script), *files], folder / "grpc.log")
        self.port = int(self.line("port ").split()[1])

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"

    def say(self, status):
        """What its health service says from now on."""
        self.popen.stdin.write(f"{status}\n")
        self.popen.stdin.flush()


class Plain:
    """An HTTP server in this process whose status code can be changed; counts what it is asked."""

    def __init__(self, status=200, port=0, host="127.0.0.1"):
        self.status, self.requests = status, []
        self._answers = threading.Event()
        self._answers.set()
        self._listener = socket.create_server((host, port), backlog=512)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"

    def _serve(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(2)
                try:
                    request = b""
                    while b"\r\n\r\n" not in request:
                        piece = peer.recv(4096)
                        if not piece:
                            break
                        request += piece
                    self.requests.append(request.decode(errors="replace"))
                    self._answers.wait(30)
                    body = json.dumps({"status": self.status}).encode()
                    head = f"HTTP/1.1 {self.status} Status\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                    peer.sendall(head.encode() + body)
                except OSError:
                    continue

    def hold(self):
        """Keeps every answer back from now on."""
        self._answers.clear()

    def release(self):
        """Answers again, also what was held back."""
        self._answers.set()

    def stop(self):
        """Closes the listener; from now on connections are refused."""
        self._answers.set()
        # `shutdown` wakes the thread out of `accept`, where a plain `close` would leave it with the socket open.
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        self._thread.join(timeout=5)
