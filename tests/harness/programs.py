# SPDX-License-Identifier: ISC
"""Where the programs are: the repository's root, or $TORFED_BUILD."""

import os
import shutil
import subprocess

import reserve
from state import Failure

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
NAMES = ("fedd", "fed-listener", "fed-signer", "fed-sender", "fed-queued",
         "fedctl")
SWITCHBOARD = os.path.join("tests", "lib", "switchboard")


def directory():
    """A relative $TORFED_BUILD is below the root, as make's BUILD is."""
    return os.path.join(ROOT, os.environ.get("TORFED_BUILD", ""))


def find():
    """{name: path}; a program that is not there is an error."""
    base = directory()
    found = {name: os.path.join(base, name, name) for name in NAMES}
    for path in found.values():
        if not os.access(path, os.X_OK):
            raise Failure("%s is not there: run make first" % path)
    for tool in ("tor", "tor-gencert"):
        if not shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            raise Failure("%s is not installed: run make deps" % tool)
    return found


def current(path):
    """Whether the switchboard at path is at least as new as its source."""
    try:
        built = os.stat(path).st_mtime
        return built >= os.stat(os.path.join(ROOT, SWITCHBOARD + ".c")).st_mtime
    except OSError:
        return False


def switchboard(private):
    """Path of the switchboard, which make builds when it is not there yet;
    into the private directory when the tree is not ours to write."""
    build = os.path.join(ROOT, "build")
    if current(os.path.join(build, SWITCHBOARD)):
        return os.path.join(build, SWITCHBOARD)
    if not os.access(build if os.path.isdir(build) else ROOT, os.W_OK):
        build = os.path.join(private, "build")
    path = os.path.join(build, SWITCHBOARD)
    name = os.path.relpath(build, ROOT) if build.startswith(ROOT) else build
    with reserve.lock(300):
        result = subprocess.run(
            ["make", "-s", "-C", ROOT, "BUILD=" + name,
             os.path.join(name, SWITCHBOARD)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, universal_newlines=True, check=False,
            env=dict((k, v) for k, v in os.environ.items()
                     if not k.startswith("MAKE") and k != "MFLAGS"))
    if result.returncode:
        raise Failure("the switchboard cannot be built:\n" + result.stdout)
    return path
