#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The protocol page's vectors: they are what the tests' own implementation
makes, and fedctl takes the good ones and refuses the others."""

import base64
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import tap  # noqa: E402

FEDCTL = os.path.join(ROOT, os.environ.get("TORFED_BUILD", "."), "fedctl",
                      "fedctl")
DATA = os.path.join(ROOT, "man", "federation.vectors")


def fedctl(*arguments, stdin=b""):
    return subprocess.run([FEDCTL] + list(arguments), input=stdin,
                          capture_output=True, timeout=30)


def good(vectors, certificates):
    at = vectors["at"]
    for name in ("alice", "bob"):
        run = fedctl("certificate", "verify", "--at", at, certificates[name])
        tap.equal(run.returncode, 0, "certificate of %s" % name)
        key = vectors["keys"][name]
        for value in (key["address"], key["keyId"]):
            tap.ok(value.encode() in run.stdout, "shows %s" % value[:16])
    for kind, name in (("handshake", "alice"), ("message", "alice"),
                       ("ack", "bob"), ("batch", "alice"),
                       ("batchTypes", "alice"), ("batchAck", "bob"),
                       ("lookup", "alice"), ("lookupAck", "bob"),
                       ("lookupNobody", "bob"),
                       ("roomInviteRequest", "bob"), ("roomInvite", "alice"),
                       ("roomJoin", "bob"), ("roomLeave", "bob"),
                       ("roomState", "alice"), ("roomMessage", "bob"),
                       ("sync", "bob"), ("syncAck", "alice"),
                       ("syncVoids", "alice")):
        entry = vectors[kind]
        run = fedctl("envelope", "verify", "--certificate",
                     certificates[name], "--at", at,
                     stdin=entry["envelope"].encode())
        tap.equal(run.returncode, 0, "envelope of the " + kind)
        # A batch may nest deeper than the command takes.
        if kind not in ("batch", "batchTypes"):
            run = fedctl("json", "canonical",
                         stdin=json.dumps(json.loads(entry["envelope"])[
                             "payload"], indent=2).encode())
            tap.equal(run.stdout.decode(), entry["canonicalPayload"],
                      "canonical payload of the " + kind)
        spaced = json.dumps(json.loads(entry["envelope"]), indent=3)
        run = fedctl("envelope", "verify", "--certificate",
                     certificates[name], "--at", at,
                     stdin=spaced.encode() + b"   ")
        tap.equal(run.returncode, 0, "other spacing of the " + kind)


def refused(vectors, certificates):
    for row in vectors["refused"]:
        run = fedctl("envelope", "verify", "--certificate",
                     certificates["alice"], "--at", vectors["at"],
                     stdin=row["envelope"].encode())
        tap.ok(run.returncode == 65 and not run.stdout and
               run.stderr.startswith(b"fedctl: "),
               "refused: %s (%s)" % (row["why"],
                                     run.stderr.decode().strip()))


def spoken(run):
    """The code of a refusal, None where there is none."""
    if run.returncode == 0:
        return None
    return run.stderr.decode().split(": ")[1]


def table(rows, asked, name):
    """Each row refused with its code, or taken; asked says what came."""
    tap.equal([(row["why"], got) for row in rows
               for got in [asked(row)] if got != row.get("code")], [],
              "%s: %d" % (name, len(rows)))


def json_of(row):
    run = fedctl("json", "canonical", stdin=base64.b64decode(row["input"]))
    if run.returncode == 0 and run.stdout.decode() != row.get(
            "canonical"):
        return run.stdout
    return spoken(run)


def address_of(row):
    run = fedctl("-j", "onion", "check", row["address"])
    if run.returncode == 0 and json.loads(run.stdout)["publicKey"] != row.get(
            "publicKey"):
        return run.stdout
    return spoken(run)


def signature_of(row):
    return spoken(fedctl("signature", "verify", "--public-key",
                         row["publicKey"], "--signature", row["signature"],
                         stdin=base64.b64decode(row["message"])))


def by_themselves(vectors):
    """What needs nobody's certificate."""
    table(vectors["canonicalJson"], json_of, "canonical JSON")
    table(vectors["addresses"], address_of, "addresses")
    table(vectors["ed25519"], signature_of, "signatures")


def outcomes(value):
    """Every outcome in the file, each a vector of its own."""
    if isinstance(value, list):
        return [one for item in value for one in outcomes(item)]
    if not isinstance(value, dict):
        return []
    return [value[name] for name in value if name == "outcome"] + [
        one for item in value.values() for one in outcomes(item)]


def counted(vectors):
    """How many there are, and how many say no; a status that refuses nothing
    is 200."""
    told = outcomes(vectors)
    bad = [one for one in told if one.split()[0] in (
        "rejected", "retry", "none") or one.isdigit() and one != "200"]
    tap.diag("%d outcomes, %d of them negative" % (len(told), len(bad)))
    tap.ok(len(told) >= 240 and len(bad) >= 120 and 2 * len(bad) >= len(told),
           "240 vectors at least, half of them negative")
    missing = [name for name in (
        "addresses", "canonicalJson", "certificates", "chains", "ed25519",
        "evidence", "handshakes", "heads", "http", "invitations",
        "lookupAnswers", "requests", "streams", "syncs", "vouching")
               if not vectors.get(name)]
    tap.equal(missing, [], "of each kind")
    tap.equal([row["why"] for name in ("refused", "refusedStates",
                                       "refusedRooms")
               for row in vectors[name] if "outcome" not in row], [],
              "each negative has its outcome")


def main():
    made = subprocess.run([os.path.join(ROOT, "tests", "golden",
                                        "make_vectors")],
                          capture_output=True, check=True).stdout
    with open(DATA, "rb") as file:
        kept = file.read()
    tap.ok(made == kept, "the vectors are what the other implementation "
           "makes")
    vectors = json.loads(kept)
    counted(vectors)
    by_themselves(vectors)
    with tempfile.TemporaryDirectory() as directory:
        certificates = {}
        for name, key in vectors["keys"].items():
            certificates[name] = os.path.join(directory, name)
            with open(certificates[name], "w") as file:
                file.write(key["certificate"])
        good(vectors, certificates)
        refused(vectors, certificates)


tap.main(main)
