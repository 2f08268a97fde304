"""tgprobe's HTTP interface, as far as it is measured here."""

import http.client
import json
import threading
import time

from .point import Failed


def call(prober, method, path, patience=60):
    """One request: the status, the body, and the seconds until all of it was there."""
    host, port = prober.listen.split(":")
    begin = time.monotonic()
    connection = http.client.HTTPConnection(host, int(port), timeout=patience)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    return answer.status, body, time.monotonic() - begin


class Events:
    """Follows the stream of transitions from now on: `seen` has pairs of monotonic nanoseconds and a transition.

    `lost` is true once the stream said that it left some out.
    """

    def __init__(self, prober):
        host, port = prober.listen.split(":")
        self.seen = []
        self.lost = False
        self.connection = http.client.HTTPConnection(host, int(port), timeout=600)
        self.connection.request("GET", "/api/v1/events")
        self.answer = self.connection.getresponse()
        if self.answer.status != 200:
            raise Failed(f"the event stream: {self.answer.status}")
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        try:
            for line in self.answer:
                if line.startswith(b"event: reset"):
                    self.lost = True
                if line.startswith(b"data:"):
                    now = time.monotonic_ns()
                    event = json.loads(line[5:])
                    if "to" in event:
                        self.seen.append((now, event))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass  # The server was stopped; so are we.
