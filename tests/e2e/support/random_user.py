"""The backend of the founding story: `/randomUser` reads a row of a table, and is no better than its database."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pg8000.native


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/randomUser":
            connection = pg8000.native.Connection("app", host="127.0.0.1", database="postgres")
            ((number, name),) = connection.run("SELECT id, name FROM users ORDER BY random() LIMIT 1")
            connection.close()
            self.answer(200, {"id": number, "name": name})
        else:
            # Does not depend on the database, as a load balancer's check should not.
            self.answer(200, {"status": "ok"})

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
