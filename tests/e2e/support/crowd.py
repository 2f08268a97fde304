"""One nginx that is tens of thousands of targets: it answers on every address of a network of the test's own."""

from .process import Process, eventually

CONF = """
daemon off;
pid nginx.pid;
error_log stderr warn;
worker_processes 1;
worker_rlimit_nofile 20000;
events {{ worker_connections 16000; }}
http {{
    log_format tiny "$server_addr $remote_port";
    access_log access.log tiny buffer=64k flush=1s;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{ listen 0.0.0.0:{port} backlog=65535; keepalive_timeout {linger}; location / {{ return 200 "fine"; }} }}
}}
"""


class Crowd(Process):
    """Answers 200 on every address of 127.0.0.0/8, and writes down which address was asked."""

    PORT = 8080

    def __init__(self, network, folder, linger="0"):
        # One listener stands for all targets, and so does its queue.
        network.run("sysctl", "-qw", "net.core.somaxconn=65535")
        (folder / "nginx.conf").write_text(CONF.format(port=self.PORT, linger=linger))
        self.access = folder / "access.log"
        command = [*network.enter, "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        super().__init__(command, folder / "nginx.log")
        eventually(lambda: (folder / "nginx.pid").exists() or self.popen.poll() is not None)
        if self.popen.poll() is not None:
            self.stop()
            raise AssertionError(self.errors())

    @staticmethod
    def addresses(count, net=1):
        """So many addresses of 127.`net`.0.0 and on."""
        return [f"127.{net + (n >> 16)}.{n >> 8 & 255}.{n & 255}" for n in range(1, count + 1)]

    def asked(self):
        """How often each address has been asked."""
        counts = {}
        for line in self.access.read_text().splitlines():
            address = line.partition(" ")[0]
            counts[address] = counts.get(address, 0) + 1
        return counts
