#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# The key file that fed-signer writes for tor, judged by tor itself: it is
# given the secret file alone, and the address that it works out from it must
# be ours. tor runs with its network disabled.

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

import nacl.signing

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "lib"))
import ipc  # noqa: E402
import tap  # noqa: E402

SIGNER = ipc.program("fed-signer")
SECRET = "hs_ed25519_secret_key"
SERVICES = 5
work = None


def run(*arguments):
    return subprocess.run([SIGNER, *arguments], check=True, timeout=20,
                          stdout=subprocess.PIPE, text=True).stdout


def service(number):
    """Keys and a service's directory; its path and its address."""
    keys = os.path.join(work, "keys%d" % number)
    hidden = os.path.join(work, "hidden%d" % number)
    address = run("generate", "-k", keys).strip().split("=")[1]
    run("tor", "-k", keys, "-t", hidden)
    return hidden, address


def wrong_form(number):
    """The file that a careless program would write: seed and public key in
    place of the expanded key."""
    hidden, address = service(number)
    with open(os.path.join(work, "keys%d" % number, "identity.key"),
              "rb") as file:
        seed = file.read()
    path = os.path.join(hidden, SECRET)
    with open(path, "r+b") as file:
        file.seek(32)
        file.write(seed + bytes(nacl.signing.SigningKey(seed).verify_key))
    return hidden, address


def write_torrc(path, directories):
    lines = ["DataDirectory " + os.path.join(work, "data"),
             "DisableNetwork 1", "SocksPort 0", "ControlPort 0",
             "RunAsDaemon 0", "Log notice stdout"]
    for directory in directories:
        lines += ["HiddenServiceDir " + directory,
                  "HiddenServicePort 80 unix:" + os.path.join(work, "none")]
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def hostname(directory):
    try:
        with open(os.path.join(directory, "hostname")) as file:
            return file.read()
    except FileNotFoundError:
        return ""


def names_of(directories):
    """What tor makes of them, started and stopped."""
    torrc = os.path.join(work, "torrc")
    write_torrc(torrc, directories)
    with open(os.path.join(work, "log"), "w+") as log:
        tor = subprocess.Popen(
            ["tor", "-f", torrc, "--defaults-torrc", torrc + ".none",
             "--ignore-missing-torrc"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 30
            while (not all(hostname(d).endswith("\n") for d in directories)
                   and tor.poll() is None and time.monotonic() < deadline):
                time.sleep(0.05)
            alive = tor.poll() is None
        finally:
            tor.terminate()
            tor.wait(20)
        log.seek(0)
        if not tap.ok(alive, "tor runs with these keys"):
            tap.diag(log.read())
    return [hostname(d).strip() for d in directories]


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).digest()


def whole():
    """As written, tor takes all three files and changes none."""
    hidden, address = service(100)
    before = {n: digest(os.path.join(hidden, n)) for n in os.listdir(hidden)}
    os.unlink(os.path.join(hidden, "hostname"))
    tap.equal(names_of([hidden]), [address], "all files: tor's address")
    after = {n: digest(os.path.join(hidden, n)) for n in before}
    tap.equal(after, before, "and it leaves them as they were")


def secret_alone():
    pairs = [service(number) for number in range(SERVICES)]
    for hidden, _ in pairs:
        for name in os.listdir(hidden):
            if name != SECRET:
                os.unlink(os.path.join(hidden, name))
    names = names_of([hidden for hidden, _ in pairs])
    for name, (_, address) in zip(names, pairs):
        tap.equal(name, address, "secret key alone: tor's address is ours")


def trap():
    hidden, address = wrong_form(200)
    for name in os.listdir(hidden):
        if name != SECRET:
            os.unlink(os.path.join(hidden, name))
    name = names_of([hidden])[0]
    tap.ok(name.endswith(".onion") and name != address,
           "the unexpanded key would be another address")


def test():
    global work
    work = tempfile.mkdtemp(prefix="torfed-tor.")
    try:
        whole()
        secret_alone()
        trap()
    finally:
        shutil.rmtree(work)


tap.main(test)
