# SPDX-License-Identifier: ISC
"""Load on a network, faults under it, and the count at the end.

    with net.Net(servers=2, lines=faults.LINES) as network:
        world = faults.World(network)
        world.load()                    # both ways, with applications
        world.kill("fed-queued", world.sides[0])
        world.judge("a killed fed-queued")

The words of the count: attempted (handed to enqueue), acknowledged (its commit
returned), failed (dead letters), lost (acknowledged, and neither received nor
a dead letter), unexpected (received, and never handed over), duplicated
(received by the application more than once), disordered (received before an
earlier one of its lane), recovered (faults after which the suite was whole).
All that chance decides comes from one seed, $SEED or a new one."""

import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid

import psycopg2

import net
import tap

sys.path.insert(1, os.path.join(net.ROOT, "tests", "harness"))
import processes  # noqa: E402
from server import CHILDREN, Server  # noqa: E402
from state import State  # noqa: E402

LINES = ["retry minimum 100ms", "retry maximum 500ms", "queue sweep 1s",
         "sender idle-time 2s"]
ALL = ("fedd",) + CHILDREN
WHOLE_SECONDS = 2
# PostgreSQL recovers, and the daemon finds it again.
POSTGRES_SECONDS = 8
# All five processes of one suite; what several of them share counts again.
RSS_LIMIT = 64 << 20
LANES = (1, 2, 3)


def commit():
    try:
        return subprocess.run(
            ["git", "-C", net.ROOT, "describe", "--always", "--dirty"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            check=False).stdout.strip() or "unknown"
    except OSError:
        return "unknown"


def children(pid):
    """{name: pid} of a process's children."""
    found = {}
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            numbers = [int(word) for word in file.read().split()]
    except OSError:
        return found
    for number in numbers:
        one = processes.stat(number)
        if one:
            found[one.name] = number
    return found


def resident(pid):
    """Bytes; 0 for a process that is gone."""
    try:
        with open("/proc/%d/statm" % pid) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except (OSError, IndexError):
        return 0


class Side:
    """One server: its node in net.json and the harness's view of it."""

    def __init__(self, state, node):
        self.node = node
        self.server = Server(state, node.number)
        self.state = state

    def pid(self, name):
        fedd = self.state.pid(self.server.process_key("fedd"))
        if name == "fedd":
            return fedd
        if name in CHILDREN:
            return children(fedd).get(name) if fedd else None
        return self.state.pid(self.server.process_key(name))

    def suite(self):
        fedd = self.pid("fedd")
        return dict(children(fedd), fedd=fedd) if fedd else {}

    def whole(self, without=()):
        """All five run, none of them one of those, and say so."""
        found = self.suite()
        return (len(found) == 5 and not set(found.values()) & set(without)
                and self.server.suite_ready())

    def wait_whole(self, without=(), seconds=30):
        """Seconds until it was; None when it never was."""
        started = time.monotonic()
        if net.wait(lambda: self.whole(without), seconds, 0.005):
            return time.monotonic() - started
        return None

    def postgres_signal(self, number):
        pid = self.pid("postgres")
        processes.send(pid, number)
        processes.wait_gone([(pid, processes.stat(pid).started)]
                            if processes.stat(pid) else [], 30)


class Application(threading.Thread):
    """The chat server of one side: claims from the inbox, keeps what it
    sees in a table of its own, and acknowledges, all in one transaction."""

    TABLE = """DROP TABLE IF EXISTS public.seen;
        CREATE TABLE public.seen (inbox_id bigint,
        message_id uuid, origin text, payload text);
        GRANT INSERT ON public.seen TO fed_app"""

    def __init__(self, side):
        super().__init__(daemon=True)
        self.side = side
        self.ending = False
        self.idle = 0  # claims in a row that found nothing
        side.node.sql(self.TABLE)
        self.start()

    def run(self):
        connection = None
        while not self.ending:
            try:
                if connection is None:
                    connection = psycopg2.connect(self.side.node.app_database)
                if not self.take(connection):
                    self.idle += 1
                    time.sleep(0.02)
                else:
                    self.idle = 0
            except psycopg2.Error:
                connection = None
                self.idle = 0
                time.sleep(0.05)
        if connection is not None:
            connection.close()

    @staticmethod
    def take(connection):
        with connection, connection.cursor() as cursor:
            cursor.execute("""SELECT inbox_id, message_id, origin,
                convert_from(payload, 'UTF8') FROM federation.inbox_claim(
                256)""")
            rows = cursor.fetchall()
            for row in rows:
                cursor.execute("INSERT INTO public.seen VALUES (%s, %s, %s, "
                               "%s)", row)
            cursor.execute("SELECT federation.inbox_acknowledge(%s)",
                           ([row[0] for row in rows],))
            if cursor.fetchone()[0] != len(rows):
                raise psycopg2.Error("somebody else was faster")
        return len(rows)


class Flow(threading.Thread):
    """The application of one side, sending to another: transactions of up
    to `most` messages. One whose outcome is not known is tried again under
    the same ids, as an application should."""

    def __init__(self, one, other, seed, most=8, pause=0.04, size=100):
        super().__init__(daemon=True)
        self.one, self.other = one, other
        self.rng = random.Random(seed)
        self.most, self.pause, self.size = most, pause, size
        self.attempted = {}     # id: (lane, number)
        self.acknowledged = set()
        self.errors = 0         # transactions that had to be repeated
        self.numbers = dict.fromkeys(LANES, 0)
        self.disordered = []    # (id, lane, number, number before it)
        self.ending = False
        self.start()

    def transaction(self):
        rows = []
        for _ in range(self.rng.randint(1, self.most)):
            lane = self.rng.choice(LANES)
            self.numbers[lane] += 1
            number = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
            self.attempted[number] = (lane, self.numbers[lane])
            rows.append((number, lane, json.dumps(
                {"lane": lane, "n": self.numbers[lane],
                 "text": "x" * self.rng.randint(0, self.size)})))
        return rows

    def run(self):
        connection = None
        rows = None
        while not self.ending or rows:
            rows = rows or self.transaction()
            try:
                if connection is None:
                    connection = psycopg2.connect(self.one.node.app_database)
                with connection, connection.cursor() as cursor:
                    for number, lane, payload in rows:
                        cursor.execute(
                            "SELECT federation.enqueue(%s, %s, %s, %s)",
                            (self.other.node.onion, payload, number, lane))
                self.acknowledged.update(row[0] for row in rows)
                rows = None
            except psycopg2.Error:
                self.errors += 1
                connection = None
                time.sleep(0.05)
                continue
            time.sleep(self.pause * 2 * self.rng.random())

    def hand_over(self, priority=2, seconds=30):
        """One more message, outside of the order that is checked."""
        number = str(uuid.uuid4())
        self.attempted[number] = (0, 0)

        def enqueued():
            try:
                return self.one.node.enqueue(
                    self.other.node.onion, {"lane": 0, "n": 0},
                    priority=priority, message_id=number)
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                return None  # the latter: cut off within the transaction
        if net.wait(enqueued, seconds, 0.05) is None:
            raise RuntimeError("the database takes nothing")
        self.acknowledged.add(number)
        return number

    def settled(self):
        try:
            return not self.one.node.value("""SELECT count(*) FROM
                federation.federated_message_queue
                WHERE status IN ('pending', 'sending')""")
        except psycopg2.Error:
            return False

    def explain(self):
        """What became of those that were out of order, on both sides."""
        for message, lane, number, highest in self.disordered[:5]:
            tap.diag("%s lane %d: %d after %d" % (message, lane, number,
                                                  highest))
            payload = '"lane":%d' % lane
            rows = self.one.node.sql("""SELECT q.id, q.message_id::text,
                q.status, q.attempts, q.last_error, q.created_at,
                q.next_attempt_at, q.delivered_at,
                convert_from(q.encrypted_payload, 'UTF8')::json->>'n'
                FROM federation.federated_message_queue q
                WHERE q.priority = %s AND abs(q.id - (SELECT o.id
                    FROM federation.federated_message_queue o
                    WHERE o.message_id = %s)) <= 25 ORDER BY q.id""",
                                     lane, message)
            rows += self.other.node.sql("""SELECT i.inbox_id,
                i.message_id::text, i.received_at,
                convert_from(i.payload, 'UTF8')::json->>'n'
                FROM federation.inbox i
                WHERE abs(i.inbox_id - (SELECT o.inbox_id
                    FROM federation.inbox o WHERE o.message_id = %s)) <= 25
                AND convert_from(i.payload, 'UTF8') LIKE %s
                ORDER BY i.inbox_id""", message, "%" + payload + "%")
            for row in rows:
                tap.diag(" ".join(map(str, row)))

    def count(self):
        """Counter of the words above."""
        failed = {row[0]: row[1] for row in self.one.node.sql("""SELECT
            message_id::text, last_error
            FROM federation.federated_message_queue
            WHERE status = 'failed'""") if row[0] in self.attempted}
        rows = self.other.node.sql("""SELECT message_id::text,
            (payload::json->>'lane')::int, (payload::json->>'n')::int
            FROM public.seen WHERE origin = %s ORDER BY inbox_id""",
                                   self.one.node.onion)
        seen = collections.Counter(row[0] for row in rows)
        highest = dict.fromkeys((0,) + LANES, 0)
        found = collections.Counter(
            attempted=len(self.attempted),
            acknowledged=len(self.acknowledged),
            received=len(rows), failed=len(set(failed) - set(seen)),
            lost=len(self.acknowledged - set(seen) - set(failed)),
            unexpected=len(set(seen) - set(self.attempted)),
            duplicated=sum(seen.values()) - len(seen))
        # Both: the peer has it and we say that it failed.
        found["contradicted"] = len(set(failed) & set(seen))
        self.disordered = []
        for message, lane, number in rows:
            if number < highest[lane]:
                found["disordered"] += 1
                self.disordered.append((message, lane, number, highest[lane]))
            highest[lane] = max(highest[lane], number)
        for reason in failed.values():
            found["failed " + str(reason)] += 1
        return found


class Memory(threading.Thread):
    """The most that the five processes of any suite had at once."""

    def __init__(self, sides):
        super().__init__(daemon=True)
        self.sides = sides
        self.most = 0
        self.ending = False
        self.start()

    def run(self):
        while not self.ending:
            for side in self.sides:
                self.most = max(self.most, sum(
                    resident(pid) for pid in side.suite().values()))
            time.sleep(0.2)


class World:
    def __init__(self, network, seed=None):
        self.network = network
        self.seed = seed if seed is not None else int(
            os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
        print("# seed %d commit %s" % (self.seed, commit()), flush=True)
        self.rng = random.Random(self.seed)
        self.state = State.load(network.directory)
        self.sides = [Side(self.state, node) for node in network.servers]
        self.applications = [Application(side) for side in self.sides]
        self.flows = []
        self.recovered = 0
        self.in_commit = 0  # crashes that met commits under way
        self.slowest = 0
        self.memory = Memory(self.sides)

    def note(self):
        """What every line about a failure ends with."""
        return "seed %d commit %s" % (self.seed, commit())

    def load(self, **options):
        """Both ways, between all pairs of neighbours."""
        for one in self.sides:
            for other in self.sides:
                if one is not other:
                    self.flows.append(Flow(
                        one, other, self.rng.getrandbits(64), **options))

    def some_side(self):
        return self.rng.choice(self.sides)

    def some_time(self, seconds=0.4):
        time.sleep(seconds * self.rng.random())

    # Faults. Each returns the seconds until the suite was whole again.

    def whole(self, side, gone, limit, what):
        took = side.wait_whole(gone)
        if took is None or took > limit:
            tap.diag("%s: whole after %s s (%s)\n%s" % (
                what, took, self.note(), side.node.log()[-3000:]))
        else:
            self.recovered += 1
        took = 1e9 if took is None else took
        self.slowest = max(self.slowest, took)
        return took

    def kill(self, name, side):
        """SIGKILL to one of the five; fedd is started by us, as by a
        service manager."""
        pid = net.wait(lambda: side.pid(name), 10)
        gone = [pid] if name != "fedd" else list(side.suite().values())
        processes.send(pid, signal.SIGKILL)
        if name == "fedd":
            net.wait(lambda: side.pid("fedd") is None, 5, 0.002)
            side.server.start_fedd(wait=False)
        return self.whole(side, gone, WHOLE_SECONDS, "%s killed" % name)

    def kill_everything(self, sides):
        """The five, PostgreSQL and tor of each, at once."""
        for side in sides:
            pids = list(side.suite().values())
            for name in ("postgres", "tor"):
                pids += side.server.members(name)
            for pid in pids:
                processes.send(pid, signal.SIGKILL)
        for side in sides:
            side.server.forget_postgres()
        slowest = 0
        for side in sides:
            # what was killed counts as running until the kernel is done
            for name in ("fedd", "postgres", "tor"):
                net.wait(lambda: side.pid(name) is None, 5, 0.002)
            side.server.start(("postgres", "tor", "fedd"))
            slowest = max(slowest, self.whole(side, (), WHOLE_SECONDS,
                                              "everything killed"))
        return slowest

    def crash_postgres(self, side, number=signal.SIGQUIT, off=0.0):
        """Immediate shutdown (or another signal) and start."""
        side.postgres_signal(number)
        time.sleep(off)
        side.server.start_postgres()
        return self.whole(side, (), POSTGRES_SECONDS, "PostgreSQL restarted")

    def crash_in_commit(self, side):
        """Crashes while a commit, the daemon's if it has one, is on the disk
        and nobody has been told: it waits for a standby that never comes."""
        with contextlib.closing(psycopg2.connect(side.node.database)) as one:
            one.autocommit = True
            with one.cursor() as cursor:
                cursor.execute("ALTER SYSTEM SET synchronous_standby_names "
                               "= 'nobody'")
                cursor.execute("SELECT pg_reload_conf()")

        def waits(who):
            return lambda: side.node.value("""SELECT count(*)
                FROM pg_stat_activity
                WHERE wait_event = 'SyncRep' AND usename LIKE %s""", who)
        met = (net.wait(waits("_fedqueued"), 0.5, 0.005) or
               net.wait(waits("%"), 20, 0.005))
        self.in_commit += bool(met)
        side.postgres_signal(signal.SIGQUIT)
        side.server.cluster.configure()  # without it
        side.server.start_postgres()
        return self.whole(side, (), POSTGRES_SECONDS, "PostgreSQL crashed in "
                          "a commit")

    def crash_backend(self, side):
        """SIGKILL to the daemon's backend: PostgreSQL restarts itself."""
        (pid,), = side.node.sql("""SELECT pid FROM pg_stat_activity
            WHERE usename = '_fedqueued' LIMIT 1""") or ((None,),)
        if pid:
            processes.send(pid, signal.SIGKILL)
            time.sleep(0.2)  # until the postmaster has noticed
        net.wait(side.server.postgres_answers, 30)
        return self.whole(side, (), POSTGRES_SECONDS, "a backend killed")

    def read_only(self, side, seconds):
        side.node.sql("ALTER ROLE _fedqueued SET "
                      "default_transaction_read_only = on")
        side.node.sql("""SELECT pg_terminate_backend(pid)
            FROM pg_stat_activity WHERE usename = '_fedqueued'""")
        time.sleep(seconds)
        side.node.sql("ALTER ROLE _fedqueued RESET "
                      "default_transaction_read_only")

    def restart_tor(self, side, off=0.0):
        processes.send(side.pid("tor"), signal.SIGKILL)
        net.wait(lambda: side.pid("tor") is None, 5)
        time.sleep(off)
        side.server.start_tor()
        return self.whole(side, (), WHOLE_SECONDS, "tor restarted")

    def freeze(self, side, name, seconds):
        pid = side.pid(name)
        if pid:
            processes.send(pid, signal.SIGSTOP)
            time.sleep(seconds)
            processes.send(pid, signal.SIGCONT)

    # The count.

    def finish(self, seconds=60):
        """Ends the load and waits until everything is settled and taken."""
        for flow in self.flows:
            flow.ending = True
        for flow in self.flows:
            flow.join(seconds)
        settled = net.wait(lambda: all(f.settled() for f in self.flows),
                           seconds, 0.1)
        for application in self.applications:
            application.idle = 0
        net.wait(lambda: all(a.idle > 2 for a in self.applications), 30, 0.05)
        return bool(settled)

    def total(self):
        total = collections.Counter()
        for flow in self.flows:
            total.update(flow.count())
        total["recovered"] = self.recovered
        return total

    def judge(self, name, seconds=60, least=100, failed=0):
        """Counts and tests. failed: dead letters that the fault explains."""
        settled = self.finish(seconds)
        total = self.total()
        print("# " + " ".join("%s=%d" % entry for entry in total.items()),
              flush=True)
        wrong = {word: total[word] for word in (
            "lost", "unexpected", "duplicated", "disordered",
            "contradicted") if total[word]}
        good = [tap.ok(settled, "%s: the queues settle" % name),
                tap.ok(total["acknowledged"] == total["attempted"] >= least,
                       "%s: the load was handed over, %d messages" % (
                           name, total["acknowledged"])),
                tap.equal(wrong, {}, "%s: none lost, unexpected, duplicated "
                          "or out of order" % name),
                tap.equal(total["failed"], failed,
                          "%s: dead letters" % name),
                tap.ok(self.memory.most < RSS_LIMIT, "%s: a suite had at most"
                       " %.1f MiB" % (name, self.memory.most / (1 << 20)))]
        if not all(good):
            self.explain(wrong)
        return total

    def explain(self, wrong):
        tap.diag("%s: %s" % (self.note(), wrong))
        for flow in self.flows:
            flow.explain()
        for side in self.sides:
            tap.diag("server %d:\n%s" % (side.node.number,
                                         side.node.log()[-3000:]))

    def close(self):
        for one in self.applications + self.flows + [self.memory]:
            one.ending = True
