#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# fedd with stand-ins for its children (tests/lib/stub_child.c): the ready
# barrier, the end and the beginning of generations, who gets which descriptor,
# hazards of key files and sockets, the SOCKS broker, and the way out. Some of
# it is root only: then the children become other users.

import contextlib
import fcntl
import os
import queue
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "lib"))
import tap  # noqa: E402

TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                   "..", "..", "..")
BUILD = os.environ.get("BUILD", "build")
FEDD = os.path.realpath(os.path.join(TOP, BUILD, "fedd", "fedd"))
STUB = os.path.realpath(os.path.join(TOP, BUILD, "tests", "lib",
                                     "stub_child"))
ROOT = os.geteuid() == 0
CHILDREN = ("fed-listener", "fed-signer", "fed-sender", "fed-queued")
UIDS = {name: 61001 + i for i, name in enumerate(CHILDREN)}
SANITIZED = b"libasan" in subprocess.run(
    ["ldd", FEDD], stdout=subprocess.PIPE, check=True).stdout


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid):
    """Process ids of the children that live, by program."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % entry) as file:
                name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if rest.split()[1] == str(pid) and rest.split()[0] != "Z":
            found[name] = int(entry)
    return found


class Place:
    """A directory with all that one fedd needs."""

    def __init__(self):
        self.top = tempfile.mkdtemp(prefix="fedd.")
        os.chmod(self.top, 0o711)
        self.programs = self.path("programs")
        self.keys = self.path("keys")
        self.config = self.path("fed.conf")
        self.listener = self.path("run/listener")
        self.control = self.path("run/control")
        self.socks = self.path("socks")
        for name, mode in (("programs", 0o755), ("keys", 0o700),
                           ("signatures", 0o700),
                           ("run", 0o755), ("db", 0o755), ("empty", 0o755)):
            os.mkdir(self.path(name))
            os.chmod(self.path(name), mode)
        for name in CHILDREN:
            shutil.copy(STUB, os.path.join(self.programs, name))
        self.make_keys()
        self.lines = ""
        self.write_config()

    def path(self, name):
        return os.path.join(self.top, name)

    def make_keys(self):
        for name, data, mode in (("signing.key", bytes(32), 0o600),
                                 ("certificate", b"certificate\n", 0o644)):
            path = os.path.join(self.keys, name)
            if os.path.isdir(path) and not os.path.islink(path):
                os.rmdir(path)
            elif os.path.lexists(path):
                os.unlink(path)
            with open(path, "wb") as file:
                file.write(data)
            os.chmod(path, mode)

    def write_config(self, lines=""):
        users = "".join("user %s %d\n" % item for item in UIDS.items())
        with open(self.config, "w") as file:
            file.write('keys "%s"\nsignatures "%s"\nlisten on "%s"\n'
                       'control on "%s"\n'
                       'socks on "%s"\nchroot "%s"\n'
                       'database "host=%s user=u password=secret"\n%s%s' % (
                           self.keys, self.path("signatures"),
                           self.listener, self.control,
                           self.socks, self.path("empty"), self.path("db"),
                           users, lines))
        os.chmod(self.config, 0o600)

    def does(self, name, *words):
        path = os.path.join(self.programs, name + ".does")
        if not words:
            os.unlink(path)
            return
        with open(path + ".new", "w") as file:
            file.write("".join(word + "\n" for word in words))
        os.chmod(path + ".new", 0o644)
        os.rename(path + ".new", path)

    def remove(self):
        shutil.rmtree(self.top)


class Fedd:
    """One that runs in the foreground; its log is read as it comes."""

    def __init__(self, place, *options, env=None, foreground=True):
        arguments = [FEDD, "-f", place.config, "-L", place.programs]
        if foreground:
            arguments.append("-d")
        self.lines = []
        self.process = subprocess.Popen(
            arguments + list(options), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.lines.append(line.decode().rstrip("\n"))

    def matches(self, pattern, start=0):
        return [match for match in
                (re.search(pattern, line) for line in self.lines[start:])
                if match]

    def wait(self, pattern, start=0, seconds=20, count=1):
        """The count'th match after line number start, or None."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.matches(pattern, start)
            if len(found) >= count:
                return found[count - 1]
            time.sleep(0.005)
        tap.diag("no %r in:" % pattern)
        tap.diag("\n".join(self.lines))
        return None

    def ready(self, generation, seconds=20):
        return self.wait("ready generation=%d " % generation,
                         seconds=seconds)

    def children(self):
        return children_of(self.pid)

    def stop(self, number=signal.SIGTERM, seconds=10):
        """The exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "killed"
        self.reader.join(5)
        return self.process.returncode


class Running:
    """with Running() as (place, fedd): one that is ready."""

    def __init__(self, lines="", prepare=None, options=(), env=None):
        self.place = Place()
        self.place.write_config(lines)
        if prepare:
            prepare(self.place)
        self.fedd = Fedd(self.place, *options, env=env)

    def __enter__(self):
        if not self.fedd.ready(1):
            raise Exception("fedd is not ready")
        return self.place, self.fedd

    def __exit__(self, *error):
        self.fedd.stop()
        self.place.remove()


def descriptors(pid):
    base = "/proc/%d/fd" % pid
    found = {}
    for name in os.listdir(base):
        try:
            found[int(name)] = os.readlink(os.path.join(base, name))
        except FileNotFoundError:
            pass
    return found


def count_of(pid):
    """How many descriptors; 0 where only root may look."""
    try:
        return len(descriptors(pid))
    except PermissionError:
        return 0


def test_start():
    with Running() as (place, fedd):
        running = fedd.children()
        tap.equal(sorted(running), sorted(CHILDREN), "four children run")
        for name in CHILDREN:
            tap.ok(fedd.wait(r"%s\[%d\].* stub go generation=1 "
                             r"pids=%d,%d,%d,%d,%d$" % (
                                 name, running[name], fedd.pid,
                                 running["fed-listener"],
                                 running["fed-signer"],
                                 running["fed-sender"],
                                 running["fed-queued"])),
                   "%s is told to go, and who runs" % name)
        goes = [i for i, line in enumerate(fedd.lines) if "stub go" in line]
        givens = [i for i, line in enumerate(fedd.lines)
                  if "stub descriptors" in line]
        tap.ok(max(givens) < min(goes), "none goes before all are there")
        tap.equal(len(fedd.matches("not-root")), 0 if ROOT else 1,
                  "a warning exactly without root")
        check_given(place, fedd)
        check_descriptors(fedd, running)
        tap.equal(fedd.stop(), 0, "SIGTERM: exit status 0")
        tap.equal([name for name in running if alive(running[name])], [],
                  "no process is left")
        tap.ok(not any("secret" in line for line in fedd.lines
                       if "stub environment" not in line),
               "no password in fedd's log")


def check_given(place, fedd):
    flags = 1 if ROOT else 0
    for name in CHILDREN:
        uid = UIDS[name] if ROOT else os.getuid()
        gid = uid if ROOT else os.getgid()
        database = ("host=%s user=u password=secret" % place.path("db")
                    if name == "fed-queued" else "")
        tap.ok(fedd.wait(r'%s\[.* stub environment=\d+ uid=%d gid=%d '
                         r'database="%s"$' % (
                             name, uid, gid, re.escape(database))),
               "%s: user, group, and the database for fed-queued alone"
               % name)
        if not SANITIZED:
            tap.ok(fedd.wait(r"%s\[.* stub environment=0 " % name),
                   "%s has an empty environment" % name)
        root = unveil = ""
        if name == "fed-queued":
            unveil = place.path("db")
        if ROOT:
            root = unveil or place.path("empty")
        tap.ok(fedd.wait(
            r'%s\[.* stub start uid=%d gid=%d owner=%d flags=%d '
            r'root="%s" unveil="%s"$' % (
                name, uid if ROOT else 0, gid if ROOT else 0, os.getuid(),
                flags, root, unveil)), "%s is told its place" % name)
    for name, expected in (("fed-listener", {"0"}), ("fed-sender", set()),
                           ("fed-queued", {"1"}),
                           ("fed-signer", {"2", "3", "4", "5"})):
        found = {match.group(1) for match in
                 fedd.matches(r"%s\[.* stub descriptor=(\d)" % name)}
        tap.equal(found, expected, "%s's descriptors" % name)
    tap.equal({match.group(1) for match in fedd.matches(
        r"fed-signer\[.* stub descriptor=[235] flags=(\w+)")}, {"read"},
              "the key files are open for reading only")
    tap.equal({match.group(1) for match in fedd.matches(
        r"fed-signer\[.* stub descriptor=4 flags=(\w+)")}, {"append"},
              "and the log of signatures for appending")
    graph = {match.groups() for match in
             fedd.matches(r"(fed-\w+)\[.* stub channel=(\S+)")}
    tap.equal(graph, {("fed-listener", "fed-queued"),
                      ("fed-queued", "fed-listener"),
                      ("fed-queued", "fed-signer"),
                      ("fed-signer", "fed-queued"),
                      ("fed-queued", "fed-sender"),
                      ("fed-sender", "fed-queued")},
              "the peer graph, and no edge more")
    tap.equal({match.group(1) for match in
               fedd.matches("stub channel=.* blocking=(.*)")}, {"no"},
              "channels come non-blocking")


def check_descriptors(fedd, running):
    expected = {"fed-listener": 2, "fed-signer": 5, "fed-sender": 1,
                "fed-queued": 4}
    for name, extra in expected.items():
        try:
            found = descriptors(running[name])
        except PermissionError:
            continue  # not dumpable, and we are not root
        tap.equal(sorted(found)[:4], [0, 1, 2, 3],
                  "%s: 0 to 3 are there" % name)
        tap.equal(len(found), 4 + extra, "%s: what it was given, no more"
                  % name)
        tap.equal({found[0], found[1]}, {"/dev/null"},
                  "%s: nothing on standard input and output" % name)
        tap.ok(not any(path.startswith("/") and "/db" in path
                       for path in found.values()), "%s: no stray file"
               % name)


def kill_one(fedd, victim, generation):
    """Kills a child of a running generation; the new one's children."""
    before = fedd.children()
    start = len(fedd.lines)
    at = time.monotonic()
    os.kill(before[victim], signal.SIGKILL)
    if not fedd.ready(generation + 1, 5):
        return None
    took = time.monotonic() - at
    tap.ok(took < 2, "%s: whole again within 2 s (%.2f)" % (victim, took))
    tap.ok(fedd.wait("child-died process=%s pid=%d signal=9" % (
        victim, before[victim]), start, 1), "%s is named in the log" % victim)
    after = fedd.children()
    tap.equal(sorted(after), sorted(CHILDREN), "%s: all are back" % victim)
    for name in CHILDREN:
        if name == "fed-signer" and victim != name:
            tap.equal(after[name], before[name],
                      "%s: fed-signer stays" % victim)
        else:
            tap.ok(after[name] != before[name], "%s: %s is a new one"
                   % (victim, name))
            tap.ok(not alive(before[name]), "%s: the old %s is gone"
                   % (victim, name))
    return after


def test_deaths():
    with Running() as (place, fedd):
        generation = 1
        for victim in CHILDREN:
            before = count_of(fedd.pid)
            start = len(fedd.lines)
            kill_one(fedd, victim, generation)
            generation += 1
            if victim != "fed-signer":
                tap.ok(fedd.wait(r"fed-signer\[.* stub message=4 role=4 "
                                 "blocking=no", start),
                       "%s: fed-signer gets a new channel" % victim)
            tap.equal(count_of(fedd.pid), before,
                      "%s: fedd has as many descriptors as before" % victim)
        for _ in range(5):
            kill_one(fedd, "fed-sender", generation)
            generation += 1
        tap.equal(fedd.stop(), 0, "ends well all the same")


def test_deaf_sibling():
    """One that ignores SIGTERM, and one that is stopped."""
    def prepare(place):
        place.does("fed-sender", "deaf")
    with Running(prepare=prepare) as (place, fedd):
        before = fedd.children()
        os.kill(before["fed-queued"], signal.SIGSTOP)
        at = time.monotonic()
        os.kill(before["fed-listener"], signal.SIGKILL)
        tap.ok(fedd.wait("generation number=2"), "a new generation starts")
        took = time.monotonic() - at
        tap.ok(took < 1.1, "within a second (%.2f)" % took)
        tap.ok(fedd.ready(2), "and is ready")
        tap.ok(not alive(before["fed-sender"]), "the deaf one is gone")
        tap.ok(not alive(before["fed-queued"]), "the stopped one is gone")
        os.kill(fedd.children()["fed-queued"], signal.SIGSTOP)
        running = fedd.children()
        at = time.monotonic()
        tap.equal(fedd.stop(), 0, "SIGTERM with those: exit status 0")
        tap.ok(time.monotonic() - at < 3, "within 3 s")
        tap.ok(not any(alive(pid) for pid in running.values()),
               "no process is left")


def test_backoff():
    place = Place()
    place.does("fed-sender", "die-early")
    fedd = Fedd(place)
    try:
        times = []
        for number in range(1, 5):
            if not fedd.wait("generation number=%d$" % number, seconds=15):
                break
            times.append(time.monotonic())
        gaps = [b - a for a, b in zip(times, times[1:])]
        tap.ok(len(gaps) == 3 and 0.9 < gaps[0] < 2 and 1.9 < gaps[1] < 3.2
               and 3.9 < gaps[2] < 5.2,
               "one that dies before it is ready waits longer each time")
        tap.diag("gaps: %s" % gaps)
        tap.ok(fedd.wait("generation=3 failures=3 wait-ms=[34]\\d{3}$"),
               "and the log says so")
        tap.ok(fedd.wait("child-died process=fed-sender pid=\\d+ status=1"),
               "and who it was")
        tap.equal(len(fedd.matches("ready generation=\\d+ ms=")), 0,
                  "no child ever goes")
        tap.equal(len(fedd.matches("stub go")), 0, "really none")
        fedd.wait("not-ready generation=4 ")
        tap.ok(not fedd.children(), "none is left while it waits")
        place.does("fed-sender")
        tap.ok(fedd.wait("ready generation=5 ", seconds=15),
               "recovers when the cause is gone")
        start = len(fedd.lines)
        os.kill(fedd.children()["fed-sender"], signal.SIGKILL)
        at = time.monotonic()
        tap.ok(fedd.ready(6) and time.monotonic() - at < 2,
               "then a death is cheap again")
        place.does("fed-sender", "die-early")
        os.kill(fedd.children()["fed-sender"], signal.SIGKILL)
        tap.ok(fedd.wait("failures=1 wait-ms=\\d+", start),
               "and counting begins anew")
        at = time.monotonic()
        tap.equal(fedd.stop(), 0, "SIGTERM while it waits: exit status 0")
        tap.ok(time.monotonic() - at < 2, "at once")
    finally:
        fedd.stop()
        place.remove()


def test_misbehaviour():
    for name, words, error in (
            ("fed-listener", ["early"], "type not permitted"),
            ("fed-sender", ["early"], "request before its turn"),
            ("fed-sender", ["ready-twice"], "ready out of turn"),
            ("fed-signer", ["ready-twice"], "ready out of turn"),
            ("fed-queued", ["garbage"], "type not permitted"),
            ("fed-sender", ["flood"], "does not read what it asks for")):
        place = Place()
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(place.socks)
        listening.listen(4096)
        place.does(name, *words)
        fedd = Fedd(place)
        try:
            tap.ok(fedd.wait('child-misbehaved process=%s pid=\\d+ '
                             'error="%s"' % (name, error)),
                   "%s %s: %s" % (name, words[0], error))
            place.does(name)
            start = len(fedd.lines)
            tap.ok(fedd.wait("ready generation=", start),
                   "%s %s: fedd goes on" % (name, words[0]))
            tap.ok(count_of(fedd.pid) < 40,
                   "%s %s: no descriptor is left over" % (name, words[0]))
        finally:
            fedd.stop()
            listening.close()
            place.remove()


class Late:
    """One whose fed-sender is never ready; the deadline takes its time, so
    this runs beside the other tests."""

    def __init__(self):
        self.place = Place()
        self.place.does("fed-sender", "silent")
        self.fedd = Fedd(self.place)
        self.since = time.monotonic()

    def check(self):
        try:
            tap.ok(self.fedd.wait("not-ready generation=1 failures=1",
                                  seconds=40), "one that is never ready is "
                   "not waited for for ever")
            text = "\n".join(self.fedd.lines).split("not-ready")[0]
            tap.equal(re.findall(r"child-late process=(\S+) ms=30000", text),
                      ["fed-sender"], "and named, alone")
            self.place.does("fed-sender")
            tap.ok(self.fedd.wait("ready generation=", seconds=100),
                   "the next generation is, when it can be")
            tap.equal(self.fedd.stop(), 0, "and ends well")
        finally:
            self.fedd.stop()
            self.place.remove()


def test_closed_channel():
    place = Place()
    place.does("fed-queued", "close")
    fedd = Fedd(place)
    try:
        tap.ok(fedd.wait('child-killed process=fed-queued pid=\\d+ '
                         'error="does not end"'),
               "one that closes its channel is ended")
        place.does("fed-queued")
        start = len(fedd.lines)
        tap.ok(fedd.wait("ready generation=", start), "and replaced")
    finally:
        fedd.stop()
        place.remove()


def test_parent_dies():
    with Running() as (place, fedd):
        running = fedd.children()
        fedd.process.kill()
        fedd.process.wait()
        end = time.monotonic() + 2
        while time.monotonic() < end and any(
                alive(pid) for pid in running.values()):
            time.sleep(0.01)
        tap.ok(not any(alive(pid) for pid in running.values()),
               "children end with fedd")
        again = Fedd(place)
        tap.ok(again.ready(1), "a successor takes the stale sockets over")
        again.process.kill()
        again.process.wait()
        again = Fedd(place)
        tap.ok(again.ready(1), "also when it comes before they have ended")
        tap.ok(all(stat.S_ISSOCK(os.lstat(path).st_mode)
                   for path in (place.listener, place.control)),
               "with sockets in place")
        tap.equal(again.stop(), 0, "and ends well")


def test_signals():
    with Running() as (place, fedd):
        fedd.process.send_signal(signal.SIGHUP)
        tap.ok(fedd.wait("reload unchanged"), "SIGHUP is answered in the log")
        for _ in range(200):
            for number in (signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
                fedd.process.send_signal(number)
        os.kill(fedd.children()["fed-listener"], signal.SIGTERM)
        tap.ok(fedd.ready(2), "a child ended by hand is replaced")
        tap.ok(fedd.wait("child-died process=fed-listener pid=\\d+ "
                         "signal=15"), "and named")
        tap.equal(fedd.stop(signal.SIGINT), 0, "SIGINT: exit status 0")


def put_key(place, name, data, mode=None):
    """A key file takes the place of another, whole."""
    path = os.path.join(place.keys, name)
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.chmod(path + ".new", mode or (0o644 if name == "certificate"
                                     else 0o600))
    os.rename(path + ".new", path)


def reload_refused(place, fedd, what, text):
    """Nothing was changed by it; the key files are made good again."""
    running, start = fedd.children(), len(fedd.lines)
    descriptors_before = count_of(fedd.pid)
    fedd.process.send_signal(signal.SIGHUP)
    tap.ok(fedd.wait('reload error="[^"]*%s.*; the old ones stay in use"' %
                     text, start), "reload: %s: a sentence" % what)
    end = time.monotonic() + 5
    while time.monotonic() < end and (
            fedd.children() != running or
            count_of(fedd.pid) != descriptors_before):
        time.sleep(0.01)
    tap.equal((fedd.children(), count_of(fedd.pid)),
              (running, descriptors_before),
              "reload: %s: the same processes, and none besides" % what)
    tap.ok(fedd.wait(r"fed-queued\[.* stub reloaded=[2-6]$", start),
           "reload: %s: fed-queued is told" % what)
    place.make_keys()
    put_key(place, "certificate", b"100 first\n")


def test_reload():
    """stub_child.c says what the certificates mean here."""
    with Running(prepare=lambda place: put_key(
            place, "certificate", b"100 first\n")) as (place, fedd):
        before = fedd.children()
        for what, change, text in (
                ("no certificate", lambda: os.unlink(
                    os.path.join(place.keys, "certificate")), "is missing"),
                ("no key", lambda: os.unlink(
                    os.path.join(place.keys, "signing.key")), "is missing"),
                ("a key that others may read", lambda: put_key(
                    place, "signing.key", bytes(32), 0o644), "not safe"),
                ("half a key", lambda: put_key(
                    place, "signing.key", bytes(16)), "not safe"),
                ("a bad certificate", lambda: put_key(
                    place, "certificate", b"bad\n"), "are bad"),
                ("another server's", lambda: put_key(
                    place, "certificate", b"200 other\n"), "another server"),
                ("the same serial", lambda: put_key(
                    place, "certificate", b"100 second\n"), "not above"),
                ("a lower serial", lambda: put_key(
                    place, "certificate", b"99 second\n"), "not above"),
                ("one that has expired", lambda: put_key(
                    place, "certificate", b"200 expired\n"), "not valid")):
            change()
            reload_refused(place, fedd, what, text)
        tap.equal(fedd.children(), before, "all that changed nothing")
        check_reloaded(place, fedd, before)


def check_reloaded(place, fedd, before):
    descriptors_before = count_of(fedd.pid)
    for generation, serial in ((2, 101), (3, 102), (4, 1000)):
        put_key(place, "certificate", b"%d next\n" % serial)
        start = len(fedd.lines)
        fedd.process.send_signal(signal.SIGHUP)
        tap.ok(fedd.ready(generation), "reload: another generation")
        now = fedd.children()
        tap.ok(sorted(now) == sorted(CHILDREN) and
               not set(now.values()) & set(before.values()) and
               not any(alive(pid) for pid in before.values()),
               "with other processes, fed-signer among them")
        tap.ok(fedd.wait("reload serial=%d$" % serial, start),
               "the log says which serial")
        tap.ok(fedd.wait(r"fed-signer\[%d\].* stub descriptor=4 "
                         "flags=append" % now["fed-signer"], start),
               "and it has the log of signatures")
        tap.equal(len(fedd.matches("stub keys", start)), 1,
                  "the keys were read once")
        tap.equal(len(fedd.matches("child-(died|left|killed|misbehaved)",
                                   start)), 0, "nobody died of it")
        before = now
    tap.equal(count_of(fedd.pid), descriptors_before,
              "fedd has as many descriptors as before")
    for victim in ("fed-sender", "fed-signer"):
        generation += 1
        os.kill(fedd.children()[victim], signal.SIGKILL)
        tap.ok(fedd.ready(generation), "and %s may die after it" % victim)
    check_reload_odd(place, fedd, generation)


def check_reload_odd(place, fedd, generation):
    """At a bad time, and with a fed-queued that does not go."""
    put_key(place, "certificate", b"2000 next\n")
    os.kill(fedd.children()["fed-sender"], signal.SIGKILL)
    fedd.process.send_signal(signal.SIGHUP)
    start = len(fedd.lines)
    tap.ok(fedd.wait("reload serial=2000") and
           fedd.wait("ready generation=", start, count=2),
           "reload while a generation ends: after it")
    for serial in range(2001, 2021):
        put_key(place, "certificate", b"%d next\n" % serial)
        fedd.process.send_signal(signal.SIGHUP)
        time.sleep(0.01)
    tap.ok(fedd.wait("reload serial=2020$"), "many at once: the last counts")
    end = time.monotonic() + 20
    while time.monotonic() < end and not re.search(
            "ready generation=", fedd.lines[-1]):
        time.sleep(0.05)
    place.does("fed-queued", "deaf")
    os.kill(fedd.children()["fed-sender"], signal.SIGKILL)
    start = len(fedd.lines)
    tap.ok(fedd.wait("ready generation=", start), "fed-queued is deaf")
    place.does("fed-queued")
    put_key(place, "certificate", b"3000 next\n")
    fedd.process.send_signal(signal.SIGHUP)
    start = len(fedd.lines)
    tap.ok(fedd.wait("child-killed process=fed-queued", start) and
           fedd.wait("ready generation=", start),
           "reload: a fed-queued that does not go is ended")
    place.does("fed-signer", "keyless")
    put_key(place, "certificate", b"4000 next\n")
    running = fedd.children()
    fedd.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 10
    while time.monotonic() < end and len(children_count(fedd.pid)) < 5:
        time.sleep(0.01)
    tap.equal(len(children_count(fedd.pid)), 5, "a fed-signer that is slow")
    tap.ok(all(alive(pid) for pid in running.values()), "does not disturb")
    left = children_count(fedd.pid)
    tap.equal(fedd.stop(), 0, "and fedd ends")
    tap.ok(not any(alive(pid) for pid in left), "with all of its processes")


def children_count(pid):
    """Process ids of all children that live, also of two of one name."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % entry) as file:
                rest = file.read().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if rest[1] == str(pid) and rest[0] != "Z":
            found.append(int(entry))
    return found


def fails(place, *patterns, seconds=10):
    """Whether fedd refuses to start, and says why."""
    fedd = Fedd(place)
    try:
        status = fedd.process.wait(seconds)
    except subprocess.TimeoutExpired:
        tap.diag("it runs: " + "\n".join(fedd.lines))
        fedd.stop()
        return False
    fedd.reader.join(5)
    text = "\n".join(fedd.lines)
    if status == 1 and all(pattern in text for pattern in patterns):
        return True
    tap.diag("status %d:\n%s" % (status, text))
    return False


def test_second_instance():
    with Running() as (place, fedd):
        inodes = [os.lstat(path).st_ino
                  for path in (place.listener, place.control)]
        tap.ok(fails(place, place.listener, "another fedd has it"),
               "a second instance gives up")
        tap.equal([os.lstat(path).st_ino
                   for path in (place.listener, place.control)], inodes,
                  "and touches neither socket")
        client = socket.socket(socket.AF_UNIX)
        client.connect(place.listener)
        client.close()
        tap.ok(True, "which still answers")
        # One that differs in the first socket alone.
        text = open(place.config).read()
        with open(place.config, "w") as file:
            file.write(text + 'listen on "%s"\n' % place.path("run/other"))
        tap.ok(fails(place, place.control, "another fedd has it"),
               "nor does it get the other socket")
        tap.equal(os.lstat(place.control).st_ino, inodes[1],
                  "which stays as it was")
        tap.ok(fedd.children(), "the first runs on")


def test_sockets():
    place = Place()
    try:
        alien = socket.socket(socket.AF_UNIX)
        alien.bind(place.listener)
        alien.listen(1)
        tap.ok(fails(place, "somebody listens there already"),
               "a stranger's live socket is not stolen")
        busy = []
        for _ in range(3):
            one = socket.socket(socket.AF_UNIX)
            one.setblocking(False)
            one.connect_ex(place.listener)
            busy.append(one)
        tap.ok(fails(place, "somebody listens there already"),
               "nor one too busy to answer")
        for one in busy + [alien]:
            one.close()
        os.unlink(place.listener)
        with open(place.listener, "w") as file:
            file.write("precious")
        tap.ok(fails(place, "exists and is not a socket"),
               "a file in its place is not removed")
        tap.equal(open(place.listener).read(), "precious", "nor changed")
        os.unlink(place.listener)
        os.symlink(place.path("victim"), place.listener)
        tap.ok(fails(place, "exists and is not a socket"),
               "a symbolic link is not followed")
        tap.ok(not os.path.lexists(place.path("victim")),
               "nothing is made behind it")
        os.unlink(place.listener)
        os.unlink(place.listener + ".lock")
        os.symlink(place.path("victim"), place.listener + ".lock")
        tap.ok(fails(place, place.listener), "a lock file that is a "
               "symbolic link is refused")
        os.unlink(place.listener + ".lock")
        os.chmod(place.path("run"), 0o777)
        tap.ok(fails(place, "can be written by others"),
               "a directory that others can write is refused")
        os.chmod(place.path("run"), 0o775)
        tap.ok(fails(place, "can be written by others"),
               "also if it is only the group")
        os.chmod(place.path("run"), 0o755)
        os.rename(place.path("run"), place.path("gone"))
        tap.ok(fails(place, "No such file or directory"),
               "a directory that is not there is refused")
        os.rename(place.path("gone"), place.path("run"))
        if ROOT:
            os.chown(place.path("run"), 12345, -1)
            tap.ok(fails(place, "belongs to neither root"),
                   "a directory of somebody else is refused")
            os.chown(place.path("run"), 0, -1)
        fedd = Fedd(place)
        tap.ok(fedd.ready(1), "then it starts")
        fedd.stop()
    finally:
        place.remove()


def test_race():
    """Somebody swaps things at the socket's path while it is made."""
    place = Place()
    victim = place.path("victim")
    with open(victim, "w") as file:
        file.write("precious")
    os.chmod(victim, 0o640)
    before = os.stat(victim)
    done = threading.Event()

    def swap():
        spare = place.path("run/spare")
        while not done.is_set():
            for target in (victim, place.path("nowhere"), place.socks):
                try:
                    os.symlink(target, spare)
                    os.rename(spare, place.listener)
                    os.unlink(place.listener)
                except FileExistsError:
                    os.unlink(spare)
                except FileNotFoundError:
                    pass

    thread = threading.Thread(target=swap)
    thread.start()
    started = refused = 0
    try:
        for _ in range(60):
            fedd = Fedd(place)
            while fedd.process.poll() is None and \
                    not fedd.matches("ready generation=1"):
                time.sleep(0.002)
            if fedd.process.poll() is None:
                started += 1
            status = fedd.stop()
            refused += status == 1
            if status not in (0, 1):
                tap.diag("status %s" % status)
                break
    finally:
        done.set()
        thread.join()
    after = os.stat(victim)
    tap.diag("started %d, refused %d" % (started, refused))
    tap.equal(started + refused, 60, "a path swapped all the time: starts or "
              "refuses")
    tap.equal((after.st_mode, after.st_uid, after.st_gid, after.st_size),
              (before.st_mode, before.st_uid, before.st_gid, 8),
              "the file it led to is as it was")
    tap.ok(not os.path.lexists(place.path("nowhere")),
           "nothing was made where it led to nothing")
    place.remove()


def test_socket_modes():
    with Running() as (place, fedd):
        tap.equal(oct(os.stat(place.listener).st_mode & 0o777), "0o666",
                  "whoever can reach the listening socket may connect")
        tap.equal(oct(os.stat(place.control).st_mode & 0o777), "0o600",
                  "the control socket is its owner's alone")
    group = 54321 if ROOT else os.getgid()
    with Running(prepare=lambda place: append(
            place, 'control on "%s" group %d\n' % (
                place.control, group))) as (place, fedd):
        info = os.stat(place.control)
        tap.equal((oct(info.st_mode & 0o777), info.st_gid),
                  ("0o660", group), "or its group's as well, where there "
                  "is one")
        tap.ok(fedd.wait("stub settings items=100 proxy=0 group=%d" % group),
               "and the children know it")
        tap.equal(os.stat(place.listener).st_gid, os.getegid(),
                  "the other socket keeps fedd's group")


def append(place, line):
    with open(place.config, "a") as file:
        file.write(line)


def test_signatures():
    place = Place()
    directory = place.path("signatures")
    spare = place.path("spare")
    name = os.path.join(directory, "0000000007.log")

    def file(mode=0o600, path=name):
        with open(path, "wb"):
            os.chmod(path, mode)

    cases = [
        ("a missing directory", lambda: os.rename(directory, spare),
         "No such file"),
        ("a link to one", lambda: (os.rename(directory, spare),
                                   os.symlink(spare, directory)),
         "signatures directory="),
        ("a file", lambda: (os.rename(directory, spare), file(0o600,
                                                              directory)),
         "Not a directory"),
        ("one that others may read", lambda: os.chmod(directory, 0o750),
         "is open to others"),
        ("a log that others may read", lambda: file(0o640),
         "is not a file of ours alone"),
        ("a log that is a link", lambda: os.symlink("/etc/passwd", name),
         "signatures file=0000000007.log"),
        ("a log with another name", lambda: (file(), os.link(name, spare)),
         "is not a file of ours alone"),
        ("a log that is a FIFO", lambda: os.mkfifo(name, 0o600),
         "signatures file=0000000007.log"),
        ("a directory in its place", lambda: os.mkdir(name, 0o700),
         "signatures file=0000000007.log"),
        ("no number left", lambda: (
            file(), os.rename(name, os.path.join(directory,
                                                 "9999999999.log")),
            os.truncate(os.path.join(directory, "9999999999.log"), 1)),
         "no number is left")]
    if ROOT:
        cases += [("a directory of somebody else",
                   lambda: os.chown(directory, 12345, -1),
                   "does not belong to the user who runs"),
                  ("a log of somebody else",
                   lambda: (file(), os.chown(name, 12345, -1)),
                   "is not a file of ours alone")]
    try:
        for what, change, error in cases:
            change()
            tap.ok(fails(place, error), "log of signatures: %s is refused" %
                   what)
            for path in (spare, directory):
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path)
                elif os.path.lexists(path):
                    os.unlink(path)
            os.mkdir(directory, 0o700)
        for path, text in ((directory, "is used by another fedd"),
                           (name, "are used by another fed-signer")):
            if path == name:
                file()
            held = os.open(path, os.O_RDONLY)
            fcntl.flock(held, fcntl.LOCK_EX)
            tap.ok(fails(place, text), "log of signatures: " + text)
            os.close(held)
        for other in ("readme", "1.log", "00000000012.log", "0000000003.log~"):
            file(path=os.path.join(directory, other))
        file()
        fedd = Fedd(place)
        tap.ok(fedd.ready(1), "other names are let alone")
        tap.equal(sorted(os.listdir(directory)),
                  sorted(["readme", "1.log", "00000000012.log",
                          "0000000003.log~", "0000000007.log"]),
                  "and an empty file is gone on with")
        fedd.stop()
    finally:
        place.remove()


def test_keys():
    place = Place()
    key = os.path.join(place.keys, "signing.key")
    certificate = os.path.join(place.keys, "certificate")
    spare = place.path("spare")

    def move():
        os.rename(key, spare)

    def replaced(make):
        def change():
            os.unlink(key)
            make()
        return change

    def sized(length, path=key):
        def change():
            with open(path, "wb") as file:
                file.write(bytes(length))
        return change

    cases = [
        ("a missing key", move, "No such file"),
        ("a symbolic link", lambda: (move(), os.symlink(spare, key)),
         "is a symbolic link"),
        ("a hard link", lambda: os.link(key, spare),
         "has another hard link"),
        ("a FIFO", replaced(lambda: os.mkfifo(key, 0o600)),
         "not a regular file"),
        ("a directory", replaced(lambda: os.mkdir(key, 0o700)),
         "not a regular file"),
        ("a socket", replaced(lambda: bind_at(key)), "error="),
        ("mode 0644", lambda: os.chmod(key, 0o644),
         "can be read or written by others"),
        ("mode 0640", lambda: os.chmod(key, 0o640),
         "can be read or written by others"),
        ("mode 0620", lambda: os.chmod(key, 0o620),
         "can be read or written by others"),
        ("mode 0601", lambda: os.chmod(key, 0o601),
         "can be read or written by others"),
        ("an empty key", sized(0), "has the wrong size"),
        ("31 bytes", sized(31), "has the wrong size"),
        ("33 bytes", sized(33), "has the wrong size"),
        ("65 bytes", sized(65), "has the wrong size"),
        ("no certificate", lambda: os.unlink(certificate), "No such file"),
        ("an empty certificate", sized(0, certificate),
         "has the wrong size"),
        ("a certificate too long", sized(1025, certificate),
         "has the wrong size"),
        ("a certificate that others can write",
         lambda: os.chmod(certificate, 0o664), "can be written by others"),
        ("a directory that others can write",
         lambda: os.chmod(place.keys, 0o770), "can be written by others"),
    ]
    if ROOT:
        cases += [
            ("a key of somebody else", lambda: os.chown(key, 12345, -1),
             "belongs to neither root"),
            ("a directory of somebody else",
             lambda: os.chown(place.keys, 12345, -1),
             "belongs to neither root"),
        ]
    try:
        for name, change, error in cases:
            change()
            tap.ok(fails(place, error), "%s is refused" % name)
            if os.path.lexists(spare):
                os.unlink(spare)
            os.chown(place.keys, os.geteuid(), -1)
            os.chmod(place.keys, 0o700)
            place.make_keys()
        sized(1024, certificate)()
        os.chmod(certificate, 0o600)
        os.chmod(key, 0o400)
        fedd = Fedd(place)
        tap.ok(fedd.ready(1), "the longest certificate, and mode 0400, "
               "are good")
        # A key that goes bad later is no reason to end.
        os.chmod(key, 0o644)
        os.kill(fedd.children()["fed-signer"], signal.SIGKILL)
        tap.ok(fedd.wait("not-ready generation=2 failures=1"),
               "a key gone bad: fedd waits")
        os.chmod(key, 0o600)
        tap.ok(fedd.wait("ready generation=3 "), "and goes on when it is "
               "good again")
        fedd.stop()
    finally:
        place.remove()


def bind_at(path):
    one = socket.socket(socket.AF_UNIX)
    one.bind(path)
    os.chmod(path, 0o600)
    one.close()


def test_programs():
    place = Place()
    try:
        os.rename(os.path.join(place.programs, "fed-sender"),
                  place.path("spare"))
        tap.ok(fails(place, "process=fed-sender", "No such file"),
               "a missing program is named")
        nested = os.path.join(place.programs, "fed-sender")
        os.mkdir(nested)
        os.rename(place.path("spare"), os.path.join(nested, "fed-sender"))
        os.chmod(os.path.join(nested, "fed-sender"), 0o644)
        tap.ok(fails(place, "process=fed-sender", "Permission denied"),
               "one that cannot be executed, too")
        os.chmod(os.path.join(nested, "fed-sender"), 0o755)
        fedd = Fedd(place)
        tap.ok(fedd.ready(1), "a folder of that name holds the program")
        fedd.stop()
        # Executed, but no program: found out by the child.
        with open(os.path.join(nested, "fed-sender"), "wb") as file:
            file.write(b"\x7fELF nonsense")
        fedd = Fedd(place)
        tap.ok(fedd.wait("child-exec process=fed-sender error="),
               "one that is no program is named")
        tap.ok(fedd.wait("not-ready generation=1"), "and waited for")
        fedd.stop()
        link = place.path("link")
        os.symlink(place.programs, link)
        shutil.rmtree(nested)
        shutil.copy(STUB, nested)
        fedd = subprocess.Popen(
            [FEDD, "-d", "-f", "fed.conf", "-L", "link"], cwd=place.top,
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for line in fedd.stderr:
            if b"ready generation=1" in line:
                break
        tap.ok(fedd.poll() is None, "relative paths are good")
        fedd.terminate()
        fedd.stderr.read()
        fedd.stderr.close()
        tap.equal(fedd.wait(), 0, "and end well")
    finally:
        place.remove()


def test_chroot():
    """Root only."""
    place = Place()
    empty = place.path("empty")
    try:
        with open(os.path.join(empty, "file"), "w"):
            pass
        tap.ok(fails(place, "is not empty"), "a chroot with a file in it is "
               "refused")
        os.unlink(os.path.join(empty, "file"))
        os.chmod(empty, 0o775)
        tap.ok(fails(place, "can be written by others"),
               "one that others can write, too")
        os.chmod(empty, 0o755)
        os.chown(empty, 12345, -1)
        tap.ok(fails(place, "does not belong to root"),
               "one of somebody else, too")
        os.rmdir(empty)
        tap.ok(fails(place, "No such file"), "one that is not there, too")
        os.symlink(place.path("db"), empty)
        tap.ok(fails(place, "chroot"), "a symbolic link, too")
    finally:
        place.remove()


def test_database_directory():
    """Root only."""
    with Running() as (place, fedd):
        os.rename(place.path("db"), place.path("old"))
        os.mkdir(place.path("db"))
        tap.ok(fedd.wait("database-directory replaced", seconds=6),
               "a database's directory that was replaced is noticed")
        tap.ok(fedd.ready(2), "and a new generation looks into it")
        os.rmdir(place.path("db"))
        os.kill(fedd.children()["fed-queued"], signal.SIGKILL)
        tap.ok(fedd.wait("not-ready generation=3"), "without one it waits")
        for number in (4, 5):
            fedd.wait("not-ready generation=%d" % number)
        os.mkdir(place.path("db"))
        at = time.monotonic()
        tap.ok(fedd.wait("ready generation=6 "), "and goes on")
        tap.ok(time.monotonic() - at < 3, "as soon as there is one")


def test_broker():
    def prepare(place):
        place.does("fed-sender", "socks 3")
        prepare.socket = socket.socket(socket.AF_UNIX)
        prepare.socket.bind(place.socks)
        os.chmod(place.socks, 0o666)
        prepare.socket.listen(1024)
    with Running(prepare=prepare) as (place, fedd):
        tap.ok(fedd.wait("stub socks got=3 failed=0"),
               "fed-sender gets connections")
        for _ in range(3):
            client = prepare.socket.accept()[0]
            tap.equal(client.recv(5), b"hello", "to the SOCKS socket")
            client.close()
        # The burst, and what is over it.
        place.does("fed-sender", "socks 400")
        os.kill(fedd.children()["fed-listener"], signal.SIGKILL)
        match = fedd.wait(r"stub socks got=(\d+) failed=(\d+) errno=11$",
                          seconds=30)
        tap.ok(match and 100 <= int(match.group(1)) < 300 and
               int(match.group(1)) + int(match.group(2)) == 400,
               "no more of them than the rate allows")
        tap.ok(fedd.wait("warning: limit name=socks refused=1$"),
               "the limiter's name is in the log")
        prepare.socket.close()
        place.does("fed-sender", "socks 1")
        start = len(fedd.lines)
        time.sleep(1)
        os.kill(fedd.children()["fed-listener"], signal.SIGKILL)
        tap.ok(fedd.wait("stub socks got=0 failed=1 errno=111", start),
               "the reason when nobody listens")
        os.unlink(place.socks)
        start = len(fedd.lines)
        os.kill(fedd.children()["fed-listener"], signal.SIGKILL)
        tap.ok(fedd.wait("stub socks got=0 failed=1 errno=2", start),
               "and when there is no socket")


def test_broker_tcp():
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(8)
    lines = "socks tcp 127.0.0.1 port %d unconfined\n" % \
        listening.getsockname()[1]

    with Running(lines, prepare=lambda place: place.does(
            "fed-sender", "socks 2")) as (place, fedd):
        tap.ok(fedd.wait("stub socks got=2 failed=0"),
               "fed-sender gets connections by TCP")
        listening.settimeout(5)
        tap.ok(listening.accept()[0], "to the port that is configured")
    listening.close()


def test_notify():
    place = Place()
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(place.path("notify"))
    manager.settimeout(20)
    environment = dict(os.environ, NOTIFY_SOCKET=place.path("notify"))
    fedd = Fedd(place, env=environment, foreground=False)
    try:
        tap.equal(manager.recv(100), b"READY=1", "the service manager hears "
                  "when all are ready")
        tap.ok(fedd.wait(r"^<6>fedd\[%d\]: ready generation=1" % fedd.pid),
               "the log has the service manager's form")
        tap.ok(fedd.wait(r"^<6>fed-signer\[\d+\]: stub go"),
               "the children's, too")
        tap.ok(fedd.process.poll() is None, "and it stays in the foreground")
        status = fedd.stop()
        tap.equal(manager.recv(100), b"STOPPING=1", "and when it ends")
        tap.equal(status, 0, "exit status 0")
    finally:
        fedd.stop()
        manager.close()
        place.remove()


def test_check():
    place = Place()
    run = lambda *options: subprocess.run(
        [FEDD] + list(options), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True, check=False)
    try:
        shutil.rmtree(place.keys)
        good = run("-n", "-f", place.config)
        tap.equal((good.returncode, good.stdout, good.stderr),
                  (0, "", "configuration OK\n"),
                  "-n asks only what the file says")
        printed = run("-nv", "-f", place.config)
        tap.equal(printed.returncode, 0, "-nv prints")
        with open(place.path("printed"), "w") as file:
            file.write(printed.stdout)
        again = run("-nv", "-f", place.path("printed"))
        tap.equal(again.stdout, printed.stdout, "what parses to the same")
        from_input = subprocess.run(
            [FEDD, "-n", "-f", "-"], input=printed.stdout.encode(),
            stderr=subprocess.PIPE, check=False)
        tap.equal(from_input.returncode, 0, "also from standard input")
        with open(place.config, "a") as file:
            file.write("limit conections 5\n")
        lines = open(place.config).read().count("\n")
        bad = run("-n", "-f", place.config)
        tap.equal(bad.returncode, 1, "a mistake: exit status 1")
        tap.equal(bad.stderr, '%s:%d: expected a setting of "limit" '
                  '(connections, connections-per-circuit, '
                  'requests-pending, inbox), found "conections"\n'
                  % (place.config, lines), "file, line, what, and what not")
        tap.ok(fails(place, "%s:%d:" % (place.config, lines)),
               "nor does it start with it")
        os.chmod(place.config, 0o666)
        tap.ok(run("-n", "-f", place.config).returncode == 1,
               "a file that others can write is refused")
        for options in (["-x"], ["-n", "more"], ["-f"]):
            tap.equal(run(*options).returncode, 64, "%s: exit status 64"
                      % " ".join(options))
    finally:
        place.remove()


def uncommented(path):
    """The example with its commented defaults put in force."""
    with open(path) as file:
        return re.sub(r"^#([a-z]+ [a-z-]+ [a-z0-9]+\b)", r"\1", file.read(),
                      flags=re.M)


def printed(text):
    result = subprocess.run(
        [FEDD, "-nv", "-f", "-"], input=text, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True, check=False)
    if result.returncode:
        tap.diag(result.stderr)
    return result.stdout


def test_example():
    path = os.path.join(TOP, "etc", "fed.conf")
    with open(path) as file:
        plain = printed(file.read())
    tap.ok(plain, "the example is a good configuration")
    tap.equal(printed(uncommented(path)), plain,
              "what it calls a default is one")
    with open(path) as file:
        text = file.read()
    names = [re.match(r'[a-z]+( [a-z-]+)?', line).group()
             for line in plain.splitlines()]
    missing = [name for name in names
               if not re.search("^#?%s " % name, text, re.M)]
    tap.equal(missing, [], "and it shows every setting")


def test_not_root():
    """Root only: the same once more as somebody else."""
    place = Place()
    try:
        for directory, _, files in os.walk(place.top):
            os.chown(directory, 61000, 61000)
            for name in files:
                os.chown(os.path.join(directory, name), 61000, 61000)
        process = subprocess.Popen(
            ["setpriv", "--reuid=61000", "--regid=61000", "--clear-groups",
             FEDD, "-d", "-f", place.config, "-L", place.programs],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        lines = []
        for line in process.stderr:
            lines.append(line.decode())
            if "ready generation=1" in lines[-1]:
                break
        else:
            tap.diag("".join(lines))
        tap.equal(sum("not-root" in line for line in lines), 1,
                  "without root: one warning")
        tap.ok(any('flags=0 root="" unveil="%s"' % place.path("db") in line
                   for line in lines), "no chroot, but the same view")
        process.terminate()
        process.stderr.read()
        process.stderr.close()
        tap.equal(process.wait(), 0, "and it ends well")
    finally:
        place.remove()


@contextlib.contextmanager
def long_queue():
    """For sockets made meanwhile: as long as a service manager sets it, so
    that no line is lost while everything starts on a busy machine."""
    path = "/proc/sys/net/unix/max_dgram_qlen"
    with open(path) as file:
        before = file.read()
    try:
        with open(path, "w") as file:
            file.write("512")
    except OSError:
        tap.diag("%s cannot be written" % path)
        yield
        return
    try:
        yield
    finally:
        with open(path, "w") as file:
            file.write(before)


def read_log(log, lines):
    """At once: its queue is short, and what does not fit is lost."""
    while True:
        try:
            lines.put(log.recv(2048).decode())
        except OSError:
            return


def test_background():
    """Needs a system log: root only, where there is none yet."""
    place = Place()
    with long_queue():
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        log.bind("/dev/log")
    lines = queue.Queue()
    threading.Thread(target=read_log, args=(log, lines), daemon=True).start()
    pid = None
    ready = False
    try:
        environment = {key: value for key, value in os.environ.items()
                       if key not in ("NOTIFY_SOCKET", "JOURNAL_STREAM",
                                      "INVOCATION_ID")}
        start = subprocess.run(
            [FEDD, "-f", place.config, "-L", place.programs], check=False,
            env=environment, stderr=subprocess.PIPE, timeout=60)
        tap.equal((start.returncode, start.stderr), (0, b""),
                  "goes into the background")
        senders = set()
        # Lines of different processes come in no certain order.
        while not ready or not {"fedd"} | set(CHILDREN) <= senders:
            text = lines.get(timeout=60)
            name, number = re.search(r" (fed[a-z-]*)\[(\d+)\]", text).groups()
            senders.add(name)
            if name == "fedd":
                pid = int(number)
            ready = ready or "ready generation=1" in text
        tap.ok({"fedd"} | set(CHILDREN) <= senders,
               "all of them log to syslog")
        found = descriptors(pid)
        tap.equal((found[0], found[1]), ("/dev/null", "/dev/null"),
                  "nothing is left of the terminal")
        tap.equal(os.getsid(pid), pid, "nor of the session")
        tap.equal(os.readlink("/proc/%d/cwd" % pid), "/",
                  "nor of the directory")
        running = children_of(pid)
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 5
        while time.monotonic() < end and alive(pid):
            time.sleep(0.01)
        tap.ok(not any(alive(one) for one in [pid] + list(running.values())),
               "and ends on SIGTERM")
    finally:
        if pid is not None and alive(pid):
            os.kill(pid, signal.SIGTERM)
        log.shutdown(socket.SHUT_RDWR)
        log.close()
        os.unlink("/dev/log")
        place.remove()


def test_few_descriptors():
    place = Place()
    process = subprocess.Popen(
        ["prlimit", "--nofile=32", FEDD, "-d", "-f", place.config, "-L",
         place.programs], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        lines = []
        for line in process.stderr:
            lines.append(line.decode())
            if "ready generation=1" in lines[-1]:
                break
        tap.ok("ready generation=1" in lines[-1], "starts with 32 "
               "descriptors")
        tap.ok(any("descriptors limit=32 wanted=" in line for line in lines),
               "and warns")
    finally:
        process.terminate()
        process.stderr.read()
        process.stderr.close()
        process.wait()
        place.remove()


def status_of(pid):
    with open("/proc/%d/status" % pid) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file
                    if ":\t" in line)


def test_real_children():
    """The programs themselves; a database is not needed to be ready."""
    place = Place()
    place.programs = os.path.dirname(os.path.dirname(FEDD))
    if os.path.basename(place.programs) == "build":
        place.programs = os.path.realpath(TOP)
    shutil.rmtree(place.keys)
    os.mkdir(place.keys, 0o700)
    made = subprocess.run(
        [os.path.join(place.programs, "fed-signer", "fed-signer"),
         "generate", "-k", place.keys], stdout=subprocess.DEVNULL,
        check=False)
    tap.equal(made.returncode, 0, "fed-signer makes keys")
    fedd = Fedd(place)
    try:
        tap.ok(fedd.ready(1), "the real children become ready")
        running = fedd.children()
        before = count_of(fedd.pid)
        check_confinement(place, running)
        # fed-queued looks for its database all the time.
        same = ("fed-listener", "fed-signer", "fed-sender") if ROOT else ()
        counts = {name: count_of(running[name]) for name in same}
        generation = 1
        for victim in CHILDREN * 5:
            was = fedd.children()
            at = time.monotonic()
            os.kill(was[victim], signal.SIGKILL)
            generation += 1
            if not tap.ok(fedd.ready(generation, 5) and
                          time.monotonic() - at < 2,
                          "%s dies: whole again within 2 s" % victim):
                break
            now = fedd.children()
            tap.ok(sorted(now) == sorted(CHILDREN) and not any(
                alive(was[name]) for name in CHILDREN
                if name != "fed-signer" or victim == name),
                   "and no process of before is left")
            if victim != "fed-signer":
                tap.equal(now["fed-signer"], was["fed-signer"],
                          "but fed-signer")
        tap.equal(count_of(fedd.pid), before,
                  "fedd has as many descriptors as before")
        running = fedd.children()
        tap.equal({name: count_of(running[name]) for name in same},
                  counts, "and so have the children")
        tap.equal(fedd.stop(), 0, "SIGTERM: exit status 0")
        tap.ok(not any(alive(pid) for pid in running.values()),
               "no process is left")
    finally:
        fedd.stop()
        place.remove()


def check_confinement(place, running):
    for name, pid in running.items():
        status = status_of(pid)
        tap.equal((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"),
                  "%s: filtered, no new privileges" % name)
        if not ROOT:
            continue
        tap.equal((set(status["Uid"].split()), set(status["Gid"].split()),
                   status["Groups"].strip(), int(status["CapPrm"], 16)),
                  ({str(UIDS[name])}, {str(UIDS[name])}, str(UIDS[name]), 0),
                  "%s: its own user and group, no capability" % name)
        tap.equal(os.readlink("/proc/%d/root" % pid), place.path(
            "db" if name == "fed-queued" else "empty"),
                  "%s: its own root directory" % name)
    if ROOT:
        tap.equal(len({status_of(pid)["Uid"] for pid in running.values()}),
                  4, "no user has two processes")


def test():
    late = Late()
    test_check()
    test_example()
    test_start()
    test_deaths()
    test_deaf_sibling()
    test_backoff()
    test_misbehaviour()
    test_closed_channel()
    test_parent_dies()
    test_signals()
    test_reload()
    test_second_instance()
    test_sockets()
    test_race()
    test_socket_modes()
    test_keys()
    test_signatures()
    test_programs()
    test_broker()
    test_broker_tcp()
    test_notify()
    test_few_descriptors()
    late.check()
    test_real_children()
    if ROOT:
        test_chroot()
        test_database_directory()
        test_not_root()
        if not os.path.lexists("/dev/log"):
            test_background()


tap.main(test)
