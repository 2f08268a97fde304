"""A service of a founding story, on an address of its task's own: `/api/health-check` answers with a status of choice."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status = int(os.environ["STATUS"]) if self.path == "/api/health-check" else 404
        body = json.dumps({"status": status}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer((os.environ["TGPROBE_TASK_ADDRESS"], int(os.environ["PORT"])), Handler).serve_forever()
