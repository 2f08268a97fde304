"""More than there is room for: whatever we cannot do on time is skipped evenly, shown, and never held against a target."""

import json
import os
import re
import time

import pytest
from support.crowd import Crowd
from support.process import eventually
from support.server import config, group

pytestmark = pytest.mark.load

LONG = bool(os.environ.get("LOAD_LONG"))


def groups(addresses, check, name="web", size=1_000):
    """Groups of AWS's size over many addresses."""
    return [
        group(f"{name}-{n}", addresses[start : start + size], check, port=Crowd.PORT)
        for n, start in enumerate(range(0, len(addresses), size))
    ]


def series(server, name):
    """The sums over all shards and groups of one family, by the label `le` where it has one."""
    sums = {}
    for line in server.http.get("/metrics").text.splitlines():
        match = re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line)
        if match:
            bound = re.search(r'le="([^"]+)"', match[1] or "")
            key = bound[1] if bound else ""
            sums[key] = sums.get(key, 0) + float(match[2])
    return sums


def total(server, name):
    return sum(series(server, name).values())


def inconclusive(server):
    """Checks without a verdict, by cause."""
    found = re.findall(r'^tgprobe_checks_inconclusive_total{.*cause="(\w+)".*} (\S+)$', server.http.get("/metrics").text, re.M)
    return {cause: float(count) for cause, count in found if float(count)}


def lateness_within(server, bound, window):
    """The share of checks in so many seconds that started at most `bound` seconds late."""
    name = "tgprobe_check_lateness_seconds"
    before, all_before = series(server, f"{name}_bucket"), total(server, f"{name}_count")
    # Nothing to wait for: what happens in this time is what is measured.
    time.sleep(window)
    after, all_after = series(server, f"{name}_bucket"), total(server, f"{name}_count")
    assert all_after > all_before
    return (after[bound] - before[bound]) / (all_after - all_before)


def without_port(server):
    """Checks that found no port to start from, of every group there is."""
    text = server.http.get("/metrics").text
    return [float(count) for count in re.findall(r'^tgprobe_checks_inconclusive_total{.*"no_local_port".*} (\S+)$', text, re.M)]


def bad_news(server):
    """Transitions to anything but healthy."""
    return [line for line in server.logged() if "to" in line and line["to"] != "healthy"]


def test_three_times_the_capacity_is_skipped_evenly_and_nobody_is_blamed(network, start, serve, folder):
    crowd = start(Crowd, network, folder("nginx"))
    # 300,000 checks a second, ten times what one shard was measured to do. Where a shard does a third of it, the first
    # assertion below says so.
    count = 75_000
    check = {"interval": "250ms", "timeout": "240ms", "unhealthy_threshold": 1, "stale_after": "60s"}
    server = serve(
        config(*groups(crowd.addresses(count), check), shards=1, metrics_target_limit=0),
        namespace=network,
    )
    eventually(lambda: server.metric("tgprobe_ready") == 1, within=60)
    checks, skipped = total(server, "tgprobe_checks_total"), total(server, "tgprobe_checks_skipped_total")
    asked = crowd.asked()
    time.sleep(120 if LONG else 20)
    checks = total(server, "tgprobe_checks_total") - checks
    skipped = total(server, "tgprobe_checks_skipped_total") - skipped
    assert skipped >= 2 * checks, f"{checks} checks made and {skipped} skipped is no overload of three times"
    assert bad_news(server) == []
    assert series_of_state(server, "healthy") == count
    # What was dropped would be missing above.
    assert series(server, "tgprobe_events_dropped_total") == {"": 0}
    # Between two looks at the log every target was asked about as often as any other.
    eventually(lambda: sum(crowd.asked().values()) >= sum(asked.values()) + checks * 0.9)
    times = sorted(number - asked.get(address, 0) for address, number in crowd.asked().items())
    assert len(times) == count
    assert times[len(times) // 100] >= times[-len(times) // 100] * 0.5 - 2, times[:: len(times) // 20]
    begun = [line for line in server.logged() if "Checks are skipped" in json.dumps(line)]
    assert len(begun) == 1, begun
    assert server.metric("tgprobe_checks_in_flight", shard="0") <= server.metric("tgprobe_checks_in_flight_limit", shard="0")


def test_black_holes_delay_nobody_else(network, start, serve, folder):
    crowd = start(Crowd, network, folder("nginx"))
    network.run("nft", "add table inet filter")
    network.run("nft", "add chain inet filter input { type filter hook input priority 0; }")
    network.run("nft", "add rule inet filter input ip daddr 127.64.0.0/16 drop")
    check = {"interval": "10s", "timeout": "5s"}
    good = groups(crowd.addresses(35_000), check)
    holes = groups(crowd.addresses(15_000, net=64), check, "hole")
    server = serve(config(*good, *holes, metrics_target_limit=0), namespace=network, prefix=["prlimit", "--nofile=20000:20000"])
    eventually(lambda: server.metric("tgprobe_ready") == 1, within=60)
    skipped = total(server, "tgprobe_checks_skipped_total")
    on_time = lateness_within(server, "0.02", 60 if LONG else 15)
    assert on_time >= 0.99, f"only {on_time:.2%} of the checks started within 20 ms"
    assert total(server, "tgprobe_checks_skipped_total") == skipped
    assert inconclusive(server) == {}
    eventually(lambda: series_of_state(server, "unhealthy") == 15_000, within=20)
    assert series_of_state(server, "healthy") == 35_000
    assert {line["target"].split(".")[1] for line in bad_news(server)} == {"64"}


def series_of_state(server, state):
    return sum(
        float(value)
        for value in re.findall(rf'^tgprobe_targets{{.*state="{state}".*}} (\S+)$', server.http.get("/metrics").text, re.M)
    )


def test_a_group_of_black_holes_leaves_the_others_their_share_of_the_room(network, start, serve, folder):
    crowd = start(Crowd, network, folder("nginx"))
    network.drop(9)
    holes = group("hole", crowd.addresses(600, net=64), {"interval": "2s", "timeout": "1900ms"}, port=9)
    good = group("web", crowd.addresses(40), {"interval": "200ms", "timeout": "190ms"}, port=Crowd.PORT)
    server = serve(config(holes, good, shards=1, max_checks_in_flight=90), namespace=network)
    eventually(lambda: server.metric("tgprobe_checks_waiting", shard="0") > 0, within=30)
    before = server.metric("tgprobe_checks_total", target_group="web")
    begin = time.monotonic()
    # Everybody gets a turn, also among those who wait for each other.
    eventually(lambda: server.metric("tgprobe_targets", target_group="hole", state="unhealthy") == 600, within=120)
    made = server.metric("tgprobe_checks_total", target_group="web") - before
    offered = 40 * (time.monotonic() - begin) / 0.2
    assert made >= offered * 0.95 - 80, f"{made} of {offered:.0f} checks beside the black holes"
    assert server.metric("tgprobe_targets", target_group="web", state="healthy") == 40
    assert [line for line in bad_news(server) if line["target_group"] == "web"] == []


def test_one_address_checked_thousands_of_times_a_second_needs_few_ports(network, start, serve, folder):
    network.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40199")
    crowd = start(Crowd, network, folder("nginx"), "60s")
    # One address and port in forty groups: 2,000 checks a second from 200 ports.
    check = {"interval": "20ms", "timeout": "19ms", "stale_after": "60s"}
    many = [group(f"web-{n}", ["127.1.0.1"], check, port=Crowd.PORT) for n in range(40)]
    server = serve(config(*many), namespace=network)
    eventually(lambda: total(server, "tgprobe_checks_total") > 6_000, within=60)
    assert without_port(server) == [0] * len(many)
    assert all(line["to"] == "healthy" for line in server.logged() if "to" in line)


def test_without_a_port_left_checks_say_so_and_come_back(network, start, serve, folder):
    network.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40019")
    crowd = start(Crowd, network, folder("nginx"))
    network.drop(9)
    # Forty connections to one place that never answers, and twenty ports to make them from.
    check = {"interval": "2s", "timeout": "1900ms", "unhealthy_threshold": 1}
    holes = [group(f"hole-{n}", ["127.1.0.1"], check, port=9) for n in range(40)]
    web = group("web", crowd.addresses(1), {"interval": "100ms", "timeout": "90ms", "unhealthy_threshold": 1}, port=Crowd.PORT)
    server = serve(config(*holes, web, shards=1), namespace=network)

    eventually(lambda: sum(without_port(server)) > 40, within=30)
    network.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=32768 60999")
    eventually(lambda: series_of_state(server, "unhealthy") == 40, within=20)
    before, checks = without_port(server), total(server, "tgprobe_checks_total")
    eventually(lambda: total(server, "tgprobe_checks_total") > checks + 100)
    assert without_port(server) == before
    assert {line["failure"] for line in bad_news(server)} == {"connect_timeout"}
    assert server.metric("tgprobe_targets", target_group="web", state="healthy") == 1
    assert [line for line in bad_news(server) if line["target_group"] == "web"] == []
