#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# All scenarios, one after the other on one network of three servers, over
# Tor ($NET=local: without).

import glob
import os
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import scenario  # noqa: E402
import tap  # noqa: E402


def title(path):
    """What its third line calls it: the text before the first full stop."""
    with open(path) as file:
        text = " ".join(line.lstrip("# ").rstrip("\n")
                        for line in list(file)[3:8])
    return text.split(".")[0]


def test():
    with scenario.network(3) as network:
        environment = dict(os.environ, DIR=network.directory)
        for path in sorted(glob.glob(os.path.join(HERE, "[1-9]"))):
            done = subprocess.run([path], env=environment, text=True,
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, check=False)
            for line in done.stdout.splitlines():
                print("    " + line, flush=True)
            tap.ok(done.returncode == 0, title(path))


tap.main(test)
