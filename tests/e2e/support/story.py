"""A service whose health check fails until someone fixes its handler, as in the story this program began with."""

import os
from pathlib import Path

from flask import Flask
from werkzeug.serving import make_server

app = Flask(__name__)
FIXED = Path(os.environ["FIXED"])


@app.get("/api/health-check")
def health_check():
    if not FIXED.exists():
        # What a forgotten template looks like from outside.
        raise FileNotFoundError("health.html")
    return {"status": "ok"}


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(f"port {server.server_port}", flush=True)
    server.serve_forever()
