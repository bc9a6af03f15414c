# SPDX-License-Identifier: ISC
"""A server's log of signatures, from outside."""

import collections
import glob
import os
import subprocess

import net

SECONDS = 60


class Log:
    def __init__(self, node):
        self.node = node
        self.signer = node.network.programs["fed-signer"]
        self.directory = os.path.join(os.path.dirname(os.path.dirname(
            node.control)), "signatures")

    def files(self):
        return sorted(glob.glob(os.path.join(self.directory, "*.log")))

    def audit(self, *files):
        """(exit status, {name: value})."""
        result = subprocess.run(
            [self.signer, "audit", *(files or self.files())],
            capture_output=True, text=True, check=False, timeout=60)
        found = dict(line.split("=", 1) for line in
                     result.stdout.splitlines())
        return result.returncode, found or result.stderr

    def text(self):
        whole = b""
        for path in self.files():
            with open(path, "rb") as file:
                whole += file.read()
        return whole.decode()

    def kinds(self):
        return collections.Counter(line.split()[2] for line in
                                   self.text().splitlines())


def exchange(a, b, count):
    """Messages, until they are delivered."""
    numbers = [a.enqueue(b.onion, {"n": n}) for n in range(count)]
    return net.wait(lambda: all(a.delivered(n) for n in numbers), SECONDS)
