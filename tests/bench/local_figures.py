# SPDX-License-Identifier: ISC
"""Figures of two suites on this machine, without tor between them."""

import os
import random
import select
import threading
import time

import net
import peer
import psycopg2
import psycopg2.extensions
from report import PAYLOAD, median, payload, percentile, tool

NAMES = ("memory_idle", "latency_idle_p50", "latency_idle_p99",
         "inbound_single", "inbound_batch64", "delivery", "memory_load",
         "dead_peers", "restart")
BATCH = 64
DEAD_PEERS = 500
SUITE = ("fedd", "fed-listener", "fed-signer", "fed-sender", "fed-queued")
# Nothing to wait for: a lost message would show as a figure that never ends.
SECONDS = 300


# Memory

def pss(pid):
    """MiB, proportional set size."""
    with open("/proc/%d/smaps_rollup" % pid) as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    raise RuntimeError("no Pss of process %d" % pid)


def memory(network):
    """MiB of the larger of the suites; None without the right to look."""
    if os.geteuid() != 0:
        return None
    return max(sum(pss(node.processes[name]) for name in SUITE)
               for node in network.servers)


class Sampler:
    """The most memory of a suite while other figures are measured."""

    def __init__(self, network):
        self.network = network
        self.most = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def run(self):
        while not self.ended.wait(0.25):
            found = memory(self.network)
            if found is None:
                return
            self.most = max(found, self.most or 0)


def measure_memory_idle(result, network):
    time.sleep(1)
    result.line("memory_idle", memory(network), "MiB")


# Latency

class Watch:
    """Waits for what a server commits to its inbox."""

    def __init__(self, node):
        self.connection = psycopg2.connect(node.database)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def value(self, statement, *arguments):
        self.cursor.execute(statement, arguments)
        return self.cursor.fetchone()[0]

    def listen(self):
        self.cursor.execute("LISTEN federation_inbox")

    def notified(self, seconds=60):
        """Returns at the next commit to the inbox."""
        del self.connection.notifies[:]
        deadline = time.monotonic() + seconds
        while not self.connection.notifies:
            if not select.select([self.connection], [], [],
                                 deadline - time.monotonic())[0]:
                raise RuntimeError("nothing arrived within %d s" % seconds)
            self.connection.poll()

    def position(self):
        """A number that grows with each row of the inbox, cheap to ask."""
        return self.value("""SELECT CASE WHEN is_called THEN last_value
            ELSE 0 END FROM federation.inbox_inbox_id_seq""")

    def wait_rows(self, behind, count):
        """Until that many more rows are committed."""
        deadline = time.monotonic() + SECONDS
        while self.position() < behind + count or self.value(
                "SELECT count(*) FROM federation.inbox WHERE inbox_id > %s",
                behind) < count:
            if time.monotonic() > deadline:
                raise RuntimeError("%d messages did not arrive in %d s" % (
                    count, SECONDS))
            time.sleep(0.005)


def latencies(a, b, times, between=None):
    """Milliseconds from before the commit of one message in a to after the
    commit of its row in b, each on idle servers: the acknowledgement of the
    one before has come back."""
    found = []
    sending = psycopg2.connect(a.app_database)
    with Watch(b) as watch, sending.cursor() as cursor:
        watch.listen()
        for _ in range(times):
            cursor.execute("SELECT federation.enqueue(%s, %s)",
                           (b.onion, payload()))
            started = time.monotonic()
            sending.commit()
            watch.notified()
            found.append((time.monotonic() - started) * 1000)
            settled(a)
            time.sleep(random.uniform(0.01, 0.03))
            if between:
                between()
    sending.close()
    return found


def measure_latency(result, network):
    a, b = network.servers
    latencies(a, b, 5)
    found = latencies(a, b, result.size(1000, 100))
    result.line("latency_idle_p50", percentile(found, 50), "ms")
    result.line("latency_idle_p99", percentile(found, 99), "ms")


# Inbound

def forget(node):
    """Empty tables and a flushed cache, the same for each measurement."""
    node.sql("TRUNCATE federation.inbox, federation.received_ids")
    connection = psycopg2.connect(node.database)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
    connection.close()


class Peer:
    """Somebody who sends to a server as fast as it takes."""

    def __init__(self, node):
        self.node = node
        self.identity = peer.Identity()
        answer = peer.Client.of(node).handshake(self.identity)
        if answer.status != 200:
            raise RuntimeError("no handshake: status %d" % answer.status)
        status, _, text = node.fedctl("server", "trust",
                                      self.identity.address, "2")
        if status != 0:
            raise RuntimeError("no trust: " + text)

    def load(self, count, *options):
        """Messages per second."""
        forget(self.node)
        more = ["-p"] if self.node.proxy_line else []
        done, rate = tool(
            "load", *options, *more, "-z", PAYLOAD, self.node.listener,
            self.node.onion, self.identity.address,
            self.identity.signing.seed.hex(),
            self.identity.certificate.key_id(), count)
        rows = self.node.value("SELECT count(*) FROM federation.inbox")
        if done != count or rows != count:
            raise RuntimeError("%d messages, %d accepted, %d in the inbox" % (
                count, done, rows))
        return rate


def insert_limit(node, count):
    """Rows per second that PostgreSQL takes from one client."""
    forget(node)
    server = node.value("SELECT min(id::text) FROM "
                        "federation.federation_servers")
    rate = tool("limit", "insert", node.database, server, count, BATCH,
                PAYLOAD)[1]
    forget(node)
    return rate


def measure_single(result, b, sender):
    rate = median(lambda: sender.load(result.size(20000, 8000), "-c", 64),
                  result.size(3, 1))
    limit = tool("limit", "crypto", result.size(3, 1))[1]
    result.line("inbound_single", rate, "messages/s", limit)


def measure_batch(result, b, sender):
    count = result.size(64000, 19200)
    times = result.size(3, 1)
    rate = median(lambda: sender.load(count, "-b", BATCH, "-c", 16), times)
    limit = median(lambda: insert_limit(b, count), times)
    result.line("inbound_batch64", rate, "messages/s", limit)


# Delivery

def enqueue(a, onion, count, size=PAYLOAD):
    """64 a transaction."""
    texts = [payload(size) for _ in range(count)]
    connection = psycopg2.connect(a.app_database)
    connection.autocommit = True
    started = time.monotonic()
    with connection.cursor() as cursor:
        for first in range(0, count, BATCH):
            cursor.execute("SELECT federation.enqueue(%s, text) FROM "
                           "unnest(%s) AS text",
                           (onion, texts[first:first + BATCH]))
    connection.close()
    return started


def deliver(a, b, count):
    """Messages per second, from the first enqueue to the last commit."""
    with Watch(b) as watch:
        before = watch.position()
        started = enqueue(a, b.onion, count)
        watch.wait_rows(before, count)
        rate = count / (time.monotonic() - started)
    doubled = b.value("SELECT count(*) - count(DISTINCT message_id) "
                      "FROM federation.inbox")
    if doubled:
        raise RuntimeError("%d messages arrived twice" % doubled)
    return rate


def settled(a):
    """Until nothing is under way any more."""
    if not net.wait(lambda: a.value(
            "SELECT NOT EXISTS (SELECT 1 FROM federation."
            "federated_message_queue WHERE status IN ('pending', 'sending'))"),
            SECONDS, 0.01):
        raise RuntimeError("the queue does not become empty")


def measure_delivery(result, a, b):
    count = result.size(20000, 6400)
    forget(b)
    rate = deliver(a, b, count)
    settled(a)
    limit = median(lambda: insert_limit(b, count), result.size(3, 1))
    result.line("delivery", rate, "messages/s", limit)


# Dead peers

def add_dead(network, a):
    """Peers that tor looks for: half are not found at once, for half tor
    goes on looking. Each has something waiting for it."""
    addresses = [peer.Identity().address for _ in range(DEAD_PEERS)]
    with open(os.path.join(network.directory, "switchboard.map"),
              "a") as file:
        for address in addresses[::2]:
            file.write("%s -\n" % address)
    a.sql("SELECT federation.server_add(address), "
          "federation.server_set_trust(address, 2) "
          "FROM unnest(%s) AS address", addresses)
    a.sql("SELECT federation.enqueue(address, %s) FROM unnest(%s) AS address,"
          " generate_series(1, 2)", payload(), addresses)


def measure_dead(result, network, a, b):
    count = result.size(10000, 3200)
    times = result.size(3, 1)
    forget(b)

    def once():
        rate = deliver(a, b, count)
        time.sleep(0.5)
        return rate

    limit = median(once, times)
    settled(a)
    add_dead(network, a)
    rate = median(once, times)
    result.line("dead_peers", rate, "messages/s", limit)


# Restart

def kill_all(network, number):
    """kill -9 of the five processes, PostgreSQL and what stands for tor."""
    for pid in network.processes(number).values():
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass


def restart_once(network, a, b):
    """Milliseconds from the kill to the first row in the inbox of b, of
    messages of which one was under way."""
    network.freeze(2, "fed-listener")
    try:
        enqueue(a, b.onion, 10)
        if not net.wait(lambda: a.value(
                "SELECT EXISTS (SELECT 1 FROM federation."
                "federated_message_queue WHERE status = 'sending')"), 30):
            raise RuntimeError("nothing is under way")
        with Watch(b) as watch:
            watch.listen()
            processes = network.processes(1)
            started = time.monotonic()
            for pid in processes.values():
                os.kill(pid, 9)
            network.thaw(2, "fed-listener")
            network.start(1)
            watch.notified()
            found = (time.monotonic() - started) * 1000
    finally:
        network.thaw(2, "fed-listener")
    settled(a)
    return found


def measure_restart(result):
    with net.Net(servers=2) as network:
        a, b = network.servers
        latencies(a, b, 5)
        found = median(lambda: restart_once(network, a, b),
                       result.size(5, 1))
    result.line("restart", found, "ms")


def measure(result):
    if not result.wants(*NAMES):
        return
    result.say("two suites come up")
    if result.wants(*(name for name in NAMES if name != "restart")):
        with net.Net(servers=2) as network:
            measure_network(result, network)
    result.attempt({"restart": "ms"}, measure_restart)


def measure_network(result, network):
    a, b = network.servers
    rate = "messages/s"
    result.attempt({"memory_idle": "MiB"}, measure_memory_idle, network)
    result.attempt({"latency_idle_p50": "ms", "latency_idle_p99": "ms"},
                   measure_latency, network)
    sender = Peer(b)
    with Sampler(network) as sampler:
        result.attempt({"inbound_single": rate}, measure_single, b, sender)
        result.attempt({"inbound_batch64": rate}, measure_batch, b, sender)
        result.attempt({"delivery": rate}, measure_delivery, a, b)
    result.line("memory_load", sampler.most, "MiB")
    result.attempt({"dead_peers": rate}, measure_dead, network, a, b)
