"""HTTPS: nginx is every target, with a full handshake for each check. Its own log is the witness.

A round in which a session was resumed, an answer was not 200 or a check in a hundred was missing is no measurement.
"""

import collections
import contextlib
import subprocess
import time

from . import install
from .point import PROBER_CORE, WITNESS_CORE
from .probers import Point, free_port
from .processes import Process

KEYS = {"rsa": ["rsa:2048"], "p256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}
#: nginx signs for all targets on one core, so the rate is low.
TARGETS, INTERVAL = 1000, 2000

CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
worker_rlimit_nofile 10000;
events {{ worker_connections 8000; }}
http {{
    log_format versus '$msec $server_addr $ssl_protocol $ssl_cipher $ssl_curve reused=$ssl_session_reused $status';
    access_log {folder}/access.log versus;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_timeout 0;
    ssl_session_cache off;
    ssl_session_tickets off;
    server {{
        listen 0.0.0.0:{port} ssl backlog=65535;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate {folder}/{key}.pem;
        ssl_certificate_key {folder}/{key}.key;
        return 200 "up";
    }}
}}
"""


@contextlib.contextmanager
def nginx(folder, key):
    """A running nginx with a certificate of this kind; its port."""
    program, openssl = install.rival("nginx"), install.rival("openssl")
    if not program or not openssl:
        yield None
        return
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", *KEYS[key], "-nodes", "-days", "2", "-subj", "/CN=target",
         "-keyout", folder / f"{key}.key", "-out", folder / f"{key}.pem"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, key=key))
    server = Process([str(program), "-p", str(folder), "-c", str(config)], folder / "nginx.out", WITNESS_CORE)
    try:
        time.sleep(0.5)
        if ended := server.ended():
            raise SystemExit(f"nginx does not start: {ended}")
        yield port
    finally:
        server.stop()


def measure(prober, port, key, folder, seconds):
    """One prober over nginx: CPU over the requests nginx logged meanwhile, and what was negotiated."""
    point = Point(TARGETS, INTERVAL, tls=key)
    log = folder / "access.log"
    process = Process(prober.command(point, port, folder), folder / f"{prober.name}.out", PROBER_CORE)
    row = {"kind": "tls", "prober": prober.name, "point": str(point), "offered": point.rate}
    try:
        time.sleep(INTERVAL / 1000 + 2)
        if ended := process.ended():
            return row | {"error": ended}
        size, cpu, begin = log.stat().st_size, process.cpu(), time.monotonic()
        time.sleep(seconds)
        used, took = process.cpu() - cpu, time.monotonic() - begin
        with log.open("rb") as file:
            file.seek(size)
            lines = file.read().decode().splitlines()
    finally:
        process.stop()
    return row | judge(lines, used, took, point)


def judge(lines, used, took, point):
    """The numbers of a window, and an `error` where it was not full handshakes and good answers throughout."""
    requests = [line.split() for line in lines]
    reused = sum(request[5] != "reused=." for request in requests)
    bad = sum(request[6] != "200" for request in requests)
    row = {
        "cpu_us": used * 1e6 / max(1, len(requests)),
        "share": len(requests) / took / point.rate,
        "targets_seen": len({request[1] for request in requests}),
        # Protocol, cipher and curve, as many times as each.
        "negotiated": dict(collections.Counter(" ".join(request[2:5]) for request in requests)),
        "reused": reused,
        "not_200": bad,
    }
    if reused or bad or row["share"] < 0.99:
        row["error"] = f"{row['share']:.2%} arrived, {reused} with a resumed session, {bad} not answered with 200"
    return row


def negotiated(rows):
    """What each prober negotiated, by name."""
    found = {}
    for row in rows:
        found.setdefault(row["prober"], set()).update(row.get("negotiated", ()))
    return {prober: " / ".join(sorted(sorts)) for prober, sorts in found.items() if sorts}


def run(chosen, folder, rounds, seconds, note):
    """Rows of the probers named, in turn, for each kind of certificate."""
    for key in KEYS:
        with nginx(folder, key) as port:
            if port is None:
                return
            rows = []
            for turn in range(rounds):
                at = turn % len(chosen)
                for prober in chosen[at:] + chosen[:at]:
                    row = note(measure(prober, port, key, folder, seconds) | {"round": turn})
                    rows.append(row)
                    head = f"  {row['point']:>12} round {turn + 1}  {prober.name:<18}"
                    if "error" in row:
                        print(head, row["error"], flush=True)
                    else:
                        print(f"{head} {row['cpu_us']:6.1f} µs/check  {row['share']:7.2%} arrived  "
                              f"{' / '.join(row['negotiated'])}", flush=True)
            if len(set(negotiated(rows).values())) > 1:
                print(f"  {key}: the probers negotiated differently, so they did not do the same work", flush=True)
