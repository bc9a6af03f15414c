# SPDX-License-Identifier: ISC
"""What a run of the benchmark is asked for, and the lines it prints."""

import os
import statistics
import subprocess
import sys
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
TOOLS = os.path.join(ROOT, "build", "tests", "lib")
PAYLOAD = 1024  # bytes of a message's canonical payload


class Report:
    def __init__(self, wanted, quick):
        self.wanted = set(wanted)
        self.quick = quick
        self.failed = False
        self.started = time.monotonic()

    def wants(self, *names):
        return bool(self.wanted.intersection(names))

    def size(self, whole, quick):
        return quick if self.quick else whole

    def say(self, text):
        sys.stderr.write("bench: %3d s: %s\n" % (
            time.monotonic() - self.started, text))
        sys.stderr.flush()

    def line(self, name, value, unit, limit=None):
        """value None: could not be measured."""
        if name not in self.wanted:
            return
        ratio = "%.3f" % (value / limit) if value and limit else "-"
        print("\t".join((name, show(value), unit, show(limit), ratio)),
              flush=True)

    def attempt(self, units, work, *arguments):
        """Runs work for the figures of units ({name: unit}); when it fails
        their lines say so and the others go on."""
        if not self.wants(*units):
            return
        self.say(", ".join(units))
        try:
            work(self, *arguments)
        except Exception:
            sys.stderr.write(traceback.format_exc())
            self.failed = True
            for name, unit in units.items():
                self.line(name, None, unit)


def show(value):
    if value is None:
        return "-"
    return "%.0f" % value if value >= 1000 else "%.2f" % value


def tool(name, *arguments, timeout=600):
    """Runs one of tests/lib; returns the count per second that it shows."""
    result = subprocess.run(
        [os.path.join(TOOLS, name), *map(str, arguments)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=timeout,
        universal_newlines=True, check=True)
    count, seconds = result.stdout.split()
    return int(count), int(count) / float(seconds)


def median(work, times):
    """The median of what work() returns, that many times."""
    return statistics.median(work() for _ in range(times))


def percentile(values, percent):
    """The smallest value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[-(-len(ordered) * percent // 100) - 1]


def payload(size=PAYLOAD):
    """JSON text of a message of that many bytes, different each time."""
    around = '{"encryptedContent":""}'
    return around[:-2] + os.urandom(size // 2).hex()[:size - len(around)] + \
        around[-2:]
