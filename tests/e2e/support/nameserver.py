"""A name server for tests: UDP, one question a packet, the answers in a JSON file read for every question."""

import ipaddress
import json
import socket
import struct
import sys

NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
TYPES = {1: 4, 28: 6}


def question(packet):
    """The name asked for, the type asked for, and where the question ends."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    (kind,) = struct.unpack_from("!H", packet, at + 1)
    return ".".join(labels).lower(), kind, at + 5


def answer(packet, zone):
    """The reply to a packet, or `None` where the zone says to keep silent."""
    name, kind, end = question(packet)
    entry = zone.get(name, "NXDOMAIN")
    if entry == "SILENT":
        return None
    code = {"NXDOMAIN": NXDOMAIN, "SERVFAIL": SERVFAIL}.get(entry, NOERROR) if isinstance(entry, str) else NOERROR
    addresses = [] if isinstance(entry, str) else [ipaddress.ip_address(address) for address in entry]
    records = b""
    count = 0
    for address in addresses:
        if address.version == TYPES.get(kind):
            # The name is a pointer to the question; a life of 0 s forbids caching.
            records += struct.pack("!HHHIH", 0xC00C, kind, 1, 0, len(address.packed)) + address.packed
            count += 1
    header = packet[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, count, 0, 0)
    return header + packet[12:end] + records


def main():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        print("ready", flush=True)
        while True:
            packet, peer = server.recvfrom(4096)
            with open(sys.argv[1], encoding="utf-8") as file:
                reply = answer(packet, json.load(file))
            if reply is not None:
                server.sendto(reply, peer)


if __name__ == "__main__":
    main()
