# SPDX-License-Identifier: ISC
"""Processes by number: start them detached, find them again, end them.

The harness has no daemon of its own: what "up" starts outlives it, and a
later command finds it by pid and start time, so that a number that was used
again is never mistaken for ours.
"""

import os
import signal
import subprocess
import time


class Stat:
    """What /proc tells of a process, to anybody."""

    def __init__(self, pid, text):
        name_end = text.rindex(")")
        self.pid = pid
        self.name = text[text.index("(") + 1:name_end]
        fields = text[name_end + 2:].split()
        self.state = fields[0]
        self.parent = int(fields[1])
        self.session = int(fields[3])
        self.started = int(fields[19])

    def dead(self):
        return self.state in "ZXx"


def stat(pid):
    """Stat, or None when there is no such process or it has ended."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            found = Stat(pid, file.read())
    except OSError:
        return None
    return None if found.dead() else found


def everything():
    for name in os.listdir("/proc"):
        if name.isdigit():
            found = stat(int(name))
            if found:
                yield found


def children(pid):
    return [s for s in everything() if s.parent == pid]


def descendants(pid):
    table = list(everything())
    found = [pid]
    for parent in found:
        found.extend(s.pid for s in table if s.parent == parent)
    return found[1:]


def directory(pid):
    """The working directory, or None when we may not know it."""
    try:
        return os.readlink("/proc/%d/cwd" % pid)
    except OSError:
        return None


def mentions(pid, text):
    """Whether the command line holds text."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return os.fsencode(text) in file.read()
    except OSError:
        return False


def alive(pid, started):
    found = stat(pid)
    return found is not None and found.started == started


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def spawn(arguments, log, identity=None, environment=None, stdin=None):
    """Starts a session of its own with its output in a file. identity: user
    and group id to become. Returns the Popen."""
    if environment is None:
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
                       "TZ": "UTC"}
    become = {}
    if identity is not None:
        become = {"user": identity[0], "group": identity[1],
                  "extra_groups": []}
    with open(log, "ab") as output:
        return subprocess.Popen(
            arguments, stdin=stdin or subprocess.DEVNULL, stdout=output,
            stderr=output, cwd="/", env=environment, umask=0o077,
            start_new_session=True, **become)


def wait_gone(pids, seconds):
    """Waits until none of [(pid, started)] is there. Returns those left."""
    deadline = time.monotonic() + seconds
    while True:
        left = [p for p in pids if alive(*p)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)


def end(pids, gentle, seconds=10):
    """Signal gentle to each, SIGKILL to those still there after seconds."""
    for pid, started in pids:
        if alive(pid, started):
            send(pid, signal.SIGCONT)
            send(pid, gentle)
    for pid, started in wait_gone(pids, seconds):
        send(pid, signal.SIGKILL)
    wait_gone(pids, 5)
