"""Backends that misbehave, each in one way, with every connection."""

import selectors
import socket
import ssl
import struct
import threading

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
# What a TLS server says to a client hello it does not like: handshake_failure (40), protocol_version (70).
ALERT = b"\x15\x03\x03\x00\x02\x02"


def request(peer):
    """Reads up to the end of a request's head."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = peer.recv(4096)
        if not piece:
            raise ConnectionError("hung up")
        head += piece


def hold(peer):
    """Reads until the other side hangs up."""
    while peer.recv(65536):
        pass


def reset(peer):
    """Has the socket closed with a reset."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answer(data):
    def play(peer, _):
        request(peer)
        peer.sendall(data)
        hold(peer)

    return play


def answer_and_close(data):
    def play(peer, _):
        request(peer)
        peer.sendall(data)

    return play


def answer_and_reset(data):
    def play(peer, _):
        request(peer)
        peer.sendall(data)
        reset(peer)

    return play


def flood(start, piece):
    """An answer without an end."""

    def play(peer, _):
        request(peer)
        peer.sendall(start)
        while True:
            peer.sendall(piece)

    return play


def trickle(pause):
    """A good answer, a byte at a time."""

    def play(peer, gone):
        request(peer)
        for byte in GOOD:
            peer.sendall(bytes([byte]))
            if gone.wait(pause):
                return

    return play


def raw(data):
    """Answers the first bytes, whatever they are."""

    def play(peer, _):
        peer.recv(4096)
        peer.sendall(data)
        hold(peer)

    return play


def raw_reset(peer, _):
    peer.recv(1)
    reset(peer)


def raw_close(peer, _):
    peer.recv(4096)


def reset_at_once(peer, _):
    reset(peer)


def silent(peer, _):
    hold(peer)


def over_tls(certificates, inside):
    """The same behind a TLS handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)

    def play(peer, gone):
        with context.wrap_socket(peer, server_side=True) as secured:
            inside(secured, gone)

    return play


class Misbehaving:
    """A listener whose every connection is played by `play`, in a thread of its own."""

    def __init__(self, play):
        self._play, self._gone = play, threading.Event()
        self._open, self._lock = set(), threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(peer)
            threading.Thread(target=self._serve, args=[peer], daemon=True).start()

    def _serve(self, peer):
        peer.settimeout(10)
        try:
            self._play(peer, self._gone)
        except OSError:
            # The checker hanging up in the middle is how most of these end.
            pass
        with self._lock:
            self._open.discard(peer)
        peer.close()

    def stop(self):
        self._gone.set()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            for peer in self._open:
                try:
                    peer.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self._thread.join(timeout=5)


class BlackHoles:
    """Many listeners that accept and say nothing, in one thread."""

    def __init__(self, count):
        self._selector, self._peers = selectors.DefaultSelector(), []
        self._listeners = [socket.create_server(("127.0.0.1", 0), backlog=16) for _ in range(count)]
        for listener in self._listeners:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ)
        self._waker, self._wake = socket.socketpair()
        self._selector.register(self._waker, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def targets(self):
        return [f"127.0.0.1:{listener.getsockname()[1]}" for listener in self._listeners]

    def _serve(self):
        while True:
            for key, _ in self._selector.select():
                ready = key.fileobj
                if ready is self._waker:
                    return
                if key.data is None:
                    try:
                        peer, _ = ready.accept()
                    except OSError:
                        continue
                    peer.setblocking(False)
                    self._selector.register(peer, selectors.EVENT_READ, "peer")
                    continue
                try:
                    heard = ready.recv(4096)
                except OSError:
                    heard = b""
                if not heard:
                    self._selector.unregister(ready)
                    ready.close()

    def stop(self):
        self._wake.close()
        self._thread.join(timeout=5)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()
