"""A small HTTP client that can make its connections inside another network namespace."""

import ctypes
import http.client
import json
import os
import socket
import threading
import time

CLONE_NEWNET = 0x40000000


def inside(namespace, action):
    """Calls `action` in a thread moved into the network namespace of a process, and returns its result.

    A socket belongs to the namespace it was made in, so the result may be used anywhere afterwards.
    """
    if namespace is None:
        return action()
    result = {}

    def work():
        try:
            handle = os.open(f"/proc/{namespace}/ns/net", os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            finally:
                os.close(handle)
            result["value"] = action()
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread
            result["error"] = error

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if "error" in result:
        raise result["error"]
    return result["value"]


class Answer:
    """A whole response."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    def json(self):
        return json.loads(self.text)


class Client:
    """Requests to one host and port, each on a connection of its own; over TLS with `context`, an `ssl.SSLContext`."""

    def __init__(self, host, port, namespace=None, context=None):
        self.host, self.port, self.namespace, self.context = host, port, namespace, context

    def _send(self, method, path, headers, timeout, body=None):
        if self.context:
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.context)
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            inside(self.namespace, connection.connect)
            connection.request(method, path, body, headers or {})
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def request(self, method, path, headers=None, timeout=10, body=None):
        connection, response = self._send(method, path, headers, timeout, body)
        try:
            return Answer(response)
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.request("GET", path, headers)

    def post(self, path, headers=None):
        return self.request("POST", path, headers)

    def stream(self, path, headers=None):
        connection, response = self._send("GET", path, headers, timeout=10)
        assert response.status == 200, f"{path}: {response.status} {response.read()!r}"
        assert response.headers["Content-Type"].startswith("text/event-stream")
        return Stream(connection, response)


class Event:
    """One server-sent event."""

    def __init__(self, kind, data, identity):
        self.kind, self.data, self.id = kind, data, identity

    def __repr__(self):
        return f"{self.kind} {self.id} {self.data}"


class Stream:
    """A stream of server-sent events, read with a deadline. A context manager that hangs up at its end."""

    def __init__(self, connection, response):
        self._connection, self._response = connection, response
        self._socket = connection.sock or response.fp.raw._sock

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._response.close()
        self._connection.close()

    def hang_up(self):
        """Ends the stream for the thread that reads it, which may be another one."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def next(self, within=10):
        """The next event; comments that keep the connection alive are passed over."""
        deadline = time.monotonic() + within
        kind, data, identity = "message", [], None
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"no event within {within} s")
            self._socket.settimeout(left)
            try:
                line = self._response.readline()
            except TimeoutError:
                raise AssertionError(f"no event within {within} s") from None
            if not line:
                raise EOFError("the stream ended")
            field, _, value = line.decode().rstrip("\r\n").partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                kind = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                identity = value
            elif not line.strip() and data:
                return Event(kind, json.loads("\n".join(data)), identity)

    def until(self, wanted, within=20):
        """The first event for which `wanted` is true; the events passed over are shown on failure."""
        deadline = time.monotonic() + within
        passed = []
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"not within {within} s; last seen: {passed[-5:]}")
            try:
                event = self.next(left)
            except AssertionError:
                raise AssertionError(f"not within {within} s; last seen: {passed[-5:]}") from None
            if wanted(event):
                return event
            passed.append(event)
