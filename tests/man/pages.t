#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The manual pages against the programs: every setting with its default and
bounds, every command, code, limit and error is on its page; the pages have
their sections; and their examples, and the README's tour, are carried out on
running servers and print what the pages say."""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
ROOT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
ROOT = os.path.realpath(ROOT)
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import net  # noqa: E402
import tap  # noqa: E402

PROGRAMS = ("fedd", "fedctl", "fed-listener", "fed-queued", "fed-sender",
            "fed-signer")
FEDD = os.path.join(ROOT, "fedd", "fedd")
FEDCTL = os.path.join(ROOT, "fedctl", "fedctl")
MINIMAL = """keys "/k"
signatures "/a"
listen on "/l/l"
control on "/c/c"
socks on "/s/s"
database "host=/d user=u"
"""
# Commands of examples that change the system, which a test does not.
NOT_RUN = {"chown", "systemctl", "fedd"}
# What differs each time, and what stands for it.
VOLATILE = [
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"\b[a-z2-7]{56}\.onion\b", "ONION"),
    (r"\b[a-z2-7]{16}\b", "ONION16"),
    (r"\b[0-9a-f]{64}\b", "HASH"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\b", "TIME"),
    (r"\b(fed[a-z-]*)=\d+\b", r"\1=PID"),
    (r"\bfedd\[\d+\]", "fedd[PID]"),
    (r"\bms=\d+\b", "ms=N"),
]


def read(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return file.read()


def pages():
    return sorted(glob.glob(os.path.join(ROOT, "man", "*.[1-9]")))


def rendered(name):
    """A page as plain text, each paragraph's white space as one blank."""
    text = subprocess.run(
        ["mandoc", "-Tascii", "-Owidth=1000",
         os.path.join(ROOT, "man", name)],
        capture_output=True, check=True, text=True).stdout
    return " ".join(re.sub(".\b", "", text).split())


# What every page has

def shape():
    for path in pages():
        name = os.path.basename(path)
        lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", path],
                              capture_output=True, text=True)
        tap.equal((lint.returncode, lint.stdout), (0, ""), name + ": lint")
        wanted = ["NAME", "DESCRIPTION", "EXAMPLES"]
        if name.endswith(".8"):
            wanted += ["SYNOPSIS", "EXIT STATUS"]
        found = re.findall(r"^\.Sh (.*)$", read("man", name), re.M)
        tap.equal([w for w in wanted if w not in found], [],
                  name + ": sections")
        entries = re.findall(r"^\.It (?:Ic|Cm) (.*)$", read("man", name),
                             re.M)
        tap.equal([e for e in set(entries) if entries.count(e) > 1], [],
                  name + ": nothing twice")
    tap.equal(sorted(p + ".8" for p in PROGRAMS),
              sorted(os.path.basename(p) for p in pages()
                     if p.endswith(".8")), "a page for each program")


def references():
    """A page that is referred to is there, or is the system's."""
    known = {os.path.basename(p) for p in pages()}
    for path in pages():
        ours = {"%s.%s" % found for found in re.findall(
            r"\.Xr (\S+) (\d)", read("man", os.path.basename(path)))
            if found[0].startswith(("fed", "torfed"))}
        tap.equal(ours - known, set(), os.path.basename(path) +
                  ": references")


# fed.conf

def fedd(text, *options):
    run = subprocess.run([FEDD, "-n", *options, "-f", "-"], input=text,
                         capture_output=True, text=True, timeout=30)
    return run.stdout, run.stderr


def items(source):
    """{"group name": text of the item} of a page's setting items."""
    found = {}
    for part in re.split(r"^\.It ", source, flags=re.M)[1:]:
        head, _, body = part.partition("\n")
        match = re.match(r"Ic ([a-z]+) ([a-z-]+) (?:Ar|Cm) ", head)
        if match:
            body = re.split(r"^\.El", body, flags=re.M)[0]
            found[" ".join(match.groups())] = (head, body)
    return found


def settings():
    printed, _ = fedd(MINIMAL, "-v")
    page = items(read("man", "fed.conf.5"))
    names = set()
    for line in printed.splitlines():
        words = line.split()
        if len(words) != 3 or '"' in line:
            continue
        name, value = " ".join(words[:2]), words[2]
        names.add(name)
        head, body = page.get(name, ("", ""))
        default = re.search(r"^Default (\w+)[.;]", body, re.M)
        tap.equal(default and default.group(1), value,
                  "fed.conf(5): default of " + name)
        _, errors = fedd(MINIMAL + name + " x\n")
        bounds = re.search(r"expected a (?:number|time) from (\S+) to (\S+)",
                           errors)
        if bounds:
            tap.ok("; %s to %s." % bounds.groups() in body,
                   "fed.conf(5): bounds of " + name)
        else:
            choices = re.search(r"expected (.*) after", errors).group(1)
            tap.equal(set(re.split(r", | or ", choices)),
                      set(re.findall(r"[a-z]+", head.split(" Cm ")[1])),
                      "fed.conf(5): choices of " + name)
    tap.ok(len(names) > 30, "settings were printed")
    tap.equal(set(page) - names, set(),
              "fed.conf(5): no setting that is not there")
    defaults = dict(re.findall(r'^(chroot) "(.*)"', printed, re.M))
    defaults.update(re.findall(r'^user (\S+) "(.*)"', printed, re.M))
    text = rendered("fed.conf.5")
    for name, value in defaults.items():
        tap.ok(value in text, "fed.conf(5): default of " + name)
    example = read("etc", "fed.conf")
    given = re.sub(r"^#([a-z]+ [a-z-]+ \S+)", r"\1", example, flags=re.M)
    tap.equal(fedd(given, "-v"), fedd(example, "-v"),
              "etc/fed.conf: what stands there as a default is one")
    tap.equal({n for n in names if not re.search(
        "^#" + n + " ", example, re.M)}, set(), "etc/fed.conf: every setting")


def paths():
    """One set of paths in pages, examples, README and programs."""
    conf, torrc = read("etc", "fed.conf"), read("etc", "torrc.snippet")
    readme, page = read("README.md"), read("man", "fed.conf.5")
    control = re.search(r'^control on "(.*?)"', conf, re.M).group(1)
    tap.equal(re.search(r'CONTROL_SOCKET "(.*)"', read(
        "fedctl", "control.c")).group(1), control, "control socket: fedctl")
    tap.ok(control in read("man", "fedctl.8"), "control socket: fedctl(8)")
    for name in ("keys", "listen on", "control on", "socks on"):
        value = re.search('^%s "(.*?)"' % name, conf, re.M).group(1)
        tap.ok('%s "%s"' % (name, value) in page, "fed.conf(5): " + name)
    listen = re.search(r'^listen on "(.*?)"', conf, re.M).group(1)
    socks = re.search(r'^socks on "(.*?)"', conf, re.M).group(1)
    tap.ok("HiddenServicePort 80 unix:%s\n" % listen in torrc,
           "torrc: listener")
    tap.ok("SocksPort unix:%s " % socks in torrc, "torrc: SOCKS")
    service = re.search(r"^HiddenServiceDir (.*)", torrc, re.M).group(1)
    for name, text in (("README", readme),
                       ("fed-signer(8)", read("man", "fed-signer.8"))):
        tap.ok("-t %s\n" % service in text, name + ": onion service")
    directories = re.findall(r"^d (\S+) ", read("etc", "tmpfiles.conf"),
                             re.M)
    empty = re.search(r'^chroot "(.*?)"', conf, re.M).group(1)
    for path in (empty, os.path.dirname(listen), os.path.dirname(control)):
        tap.ok(path in directories, "tmpfiles: " + path)
    users = re.findall(r"^user \S+ (\S+)", conf, re.M)
    tap.equal(users, re.findall(r"^u (\S+)", read("etc", "sysusers.conf"),
                                re.M), "sysusers: the configuration's")


# Tables of the sources

def commands():
    usage = subprocess.run([FEDCTL, "help"], capture_output=True, text=True,
                           check=True).stdout
    page = rendered("fedctl.8").lower().replace("directory]", "dir]")
    lines = re.findall(r"^ {1,2}(\S.*)$", usage, re.M)
    tap.ok(len(lines) > 10, "commands were printed")
    for line in lines:
        wanted = line.lower()
        if wanted.split()[0] == "help" or wanted == "version":
            wanted += " print"
        tap.ok(wanted in page, "fedctl(8): " + line)


def codes():
    table = re.findall(r"^CODE\((\w+), (\w+),", read(
        "common", "proto", "code.def"), re.M)
    protocol, queued = rendered("federation.7"), rendered("fed-queued.8")
    for name, kind in table:
        if kind in ("NEVER", "LATER", "ADMINISTRATIVE", "LOAD"):
            tap.ok(re.search(r"\b%s\b" % name, protocol),
                   "federation(7): " + name)
        elif kind == "LOCAL":
            tap.ok(re.search(r"\b%s\b" % name, queued),
                   "fed-queued(8): " + name)


CLASSES = {"NEVER": "never", "LATER": "later", "LOAD": "load",
           "ADMINISTRATIVE": "administrator"}


def code_table():
    """federation(7)'s table of codes is the program's: each code once, in its
    order, with its class, what waits, and who sends it."""
    waits = {name: "messages" if messages == "true" else "server"
             for name, messages in re.findall(
                 r"\{CODE_(\w+), (true|false), DESTINATION_", read(
                     "fed-queued", "exchange", "reaction.c").split(
                         "} server_codes[] = {")[1].split("};")[0])}
    program = [(name, CLASSES[kind], waits.get(name, "item"))
               for name, kind in re.findall(
                   r"^CODE\((\w+), (\w+),", read(
                       "common", "proto", "code.def"), re.M)
               if kind in CLASSES]
    page = re.findall(
        r"^\.It Dv (\w+) Pq ([a-z]+); ([a-z]+); ([a-z, ]+)$", read(
            "man", "federation.7").split("\n.Sh CODES\n")[1], re.M)
    tap.equal(len(waits), 7, "codes that concern the server were read")
    tap.equal([row[:3] for row in page], program,
              "federation(7): the table of codes")
    tap.equal({who for row in page for who in row[3].split(", ")},
              {"receiver", "home"}, "federation(7): who sends")
    rooms = "".join(read(path) for path in glob.glob(
        os.path.join(ROOT, "common", "room", "*.c")))
    answers = rooms + "".join(read(path) for folder in (
        "exchange/check.c", "inbound/*.c", "rooms/*/*.c") for path in
        glob.glob(os.path.join(ROOT, "fed-queued", folder)))
    tap.equal([name for name, _, _, who in page if who != "nobody" and
               "CODE_" + name not in answers], [],
              "federation(7): what is sent is in the program")


def limits():
    """Every limiter in the page of its process, and none that is not."""
    header = read("common", "ipc", "limit_names.h")
    for process, page in (("LISTENER", "fed-listener.8"),
                          ("QUEUED", "fed-queued.8")):
        part = re.search(r"#define LIMITS_%s(.*?)\n\n" % process, header,
                         re.S)[1]
        section = re.search(r"\n\.Ss Limits\n(.*?)\n\.S[sh] ", read(
            "man", page), re.S)[1]
        found = re.findall(r"^\.It Cm (.+)$", section, re.M)
        tap.equal({name for line in found for name in line.split(" , ")},
                  set(re.findall(r'X\([A-Z_]+, "([a-z-]+)"', part)),
                  page + ": limits")
    for name, page in (("signatures", "fed-signer.8"),
                       ("socks", "fedd.8")):
        tap.ok(re.search(r"\b%s\b" % name, read("man", page)),
               "%s: %s" % (page, name))


def errors():
    codes_used = set()
    for path in (glob.glob(os.path.join(ROOT, "sql", "*.sql")) +
                 glob.glob(os.path.join(ROOT, "sql", "rooms", "*.sql"))):
        codes_used |= set(re.findall(r"ERRCODE = '(FD\d+)'", read(path)))
    page = set(re.findall(r"^\.It (FD\d+)$", read("man", "torfed-sql.7"),
                          re.M))
    tap.equal(page, codes_used, "torfed-sql(7): errors")


def events():
    """Log lines that pages quote are written somewhere."""
    sources = "".join(read(p) for folder in ("fed*", "common")
                      for p in glob.glob(os.path.join(
                          ROOT, folder, "**", "*.c"), recursive=True))
    for path in pages():
        text = read(path)
        if ".Sh DIAGNOSTICS" not in text:
            continue
        text = text.split(".Sh DIAGNOSTICS")[1]
        for words in re.findall(
                r"Ql ([a-z][a-z-]*(?: [a-z]+)?)(?: [a-z0-9_-]+=|$| ,)",
                text, re.M):
            tap.ok('"' + words in sources, "%s: %s" %
                   (os.path.basename(path), words))


# Examples

def masked(text):
    for pattern, mask in VOLATILE:
        text = re.sub(pattern, mask, text)
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")


def complete(command):
    return subprocess.run(["bash", "-n", "-c", command],
                          capture_output=True).returncode == 0 and \
        not command.endswith("\\")


def prompted(lines):
    """[(command, expected output)] of a block with prompts."""
    found = []
    for line in lines:
        if found and not complete(found[-1][0]):
            found[-1] = (found[-1][0] + "\n" + line, [])
        elif line[:2] in ("$ ", "# "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return [(c, "\n".join(o)) for c, o in found]


class Shell:
    """One shell, as a person has it."""

    def __init__(self, directory, path, **variables):
        environment = {"PATH": "%s:/usr/sbin:/usr/bin:/sbin:/bin" % path,
                       "LC_ALL": "C.UTF-8", "HOME": directory,
                       "PSQL_PAGER": "cat", **variables}
        self.process = subprocess.Popen(
            ["bash"], cwd=directory, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)

    def run(self, command):
        self.process.stdin.write(command + "\necho; echo '<end>'\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line == "<end>\n":
                break
            lines.append(line)
        return "".join(lines)[:-1]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def mdoc_blocks(name):
    """The literal blocks of a page's examples, escapes resolved."""
    text = read("man", name).split(".Sh EXAMPLES")[1].split("\n.Sh ")[0]
    return [block.replace("\\e", "\\").split("\n")
            for block in re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$",
                                    text, re.M)]


def check_prompted(shell, name, block, change=lambda command: command):
    for command, expected in prompted(block[:-1] if not block[-1] else
                                      block):
        if command.split()[0] in NOT_RUN and "-n" not in command:
            tap.ok(complete(command), "%s: %s" % (name, command))
            continue
        output = masked(shell.run(change(command)))
        if expected:
            tap.equal(output, masked(expected), "%s: %s" % (
                name, command.split("\n")[0]))
        else:
            tap.ok("not found" not in output and "rror" not in output,
                   "%s: %s" % (name, command.split("\n")[0]))


def whole(server):
    """An example may have begun a new generation."""
    tap.ok(net.wait(lambda: "database=up" in server.fedctl("status")[1], 30),
           "the suite is whole")


def page_examples(server, other, scratch):
    """Every command of the pages; /etc/torfed and /var/lib/tor are folders
    of ours, and the daemon's socket is a test's server's."""
    bin_directory = os.path.join(scratch, "bin")
    os.makedirs(bin_directory)
    for name in PROGRAMS:
        target = os.path.join(ROOT, name, name)
        if name == "fedctl":
            with open(os.path.join(bin_directory, name), "w") as file:
                file.write('#!/bin/sh\nexec %s -s "%s" "$@"\n' % (
                    target, server.control))
            os.chmod(os.path.join(bin_directory, name), 0o755)
        else:
            os.symlink(target, os.path.join(bin_directory, name))
    etc = os.path.join(scratch, "torfed")
    os.makedirs(etc)
    for path in (os.path.join(etc, "fed.conf"),
                 os.path.join(scratch, "fed.conf")):
        with open(path, "w") as file:
            file.write("\n".join(mdoc_blocks("fed.conf.5")[0]))
    shutil.copy(os.path.join(ROOT, "man", "federation.vectors"), scratch)

    def change(command):
        if command.startswith(("fed-signer certify", "fed-signer show")):
            command = command.replace("/etc/torfed/keys", server["keys"])
        return (command.replace("/etc/torfed", etc)
                .replace("/var/lib/tor/", scratch + "/"))

    shell = Shell(scratch, bin_directory, server=other.onion,
                  database=server.database)
    for path in pages():
        name = os.path.basename(path)
        for block in mdoc_blocks(name):
            if block[0][:2] in ("$ ", "# "):
                check_prompted(shell, name, block, change)
                whole(server)
    shell.close()


def quoted(value):
    return "ARRAY[%s]::bigint[]" % ",".join(map(str, value)) if isinstance(
        value, list) else "'%s'" % value.replace("'", "''")


def sql_examples(one, two):
    """The blocks of torfed-sql(7), the sending ones here and the receiving
    one there."""
    values = {"id": "5f0b38a1-7f6e-4b2c-9a57-0a4c1d2e3f40", "body": "hello",
              "server": two.onion,
              "payload": '{"encryptedContent":"aGVsbG8="}'}
    for node in (one, two):
        node.sql("CREATE ROLE chat")
        node.sql("CREATE TABLE IF NOT EXISTS public.messages "
                 "(id uuid, body text)")
        node.sql("GRANT ALL ON public.messages TO fed_app")
    states = []
    for block in mdoc_blocks("torfed-sql.7"):
        text = "\n".join(block)
        if "user" in text or "room" in text:
            continue
        receiving = "inbox_claim" in text
        if receiving:
            two.wait_inbox(1)
        if "delivery_state" in text:
            net.wait(lambda: one.delivered(values["id"]))
        import psycopg2
        user = "owner" if "GRANT" in text else "app"
        node = two if receiving else one
        connection = psycopg2.connect(
            node.app_database if user == "app" else node.database)
        connection.autocommit = True
        cursor = connection.cursor()
        for statement in text.split(";"):
            statement = re.sub(r"--.*", "", statement).strip()
            if not statement:
                continue
            statement = re.sub(r"(?<!:):(\w+)",
                               lambda m: quoted(values[m.group(1)]),
                               statement)
            cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else None
            if "inbox_claim" in statement:
                tap.equal([row[1:] for row in rows],
                          [(one.onion, values["payload"])],
                          "torfed-sql(7): what was sent is received")
                values["inbox_ids"] = [row[0] for row in rows]
            elif "inbox_acknowledge" in statement:
                tap.equal(rows, [(1,)], "torfed-sql(7): and acknowledged")
            elif "delivery_state" in statement:
                states = rows
        connection.close()
    tap.equal(states, [("delivered", None)],
              "torfed-sql(7): and shown as delivered")


def user_examples(one, two):
    """The blocks about users: she is published there, and looked up here."""
    values = {"key": "\\x0102", "alice": "alice@" + two.onion}
    results = []
    for block in mdoc_blocks("torfed-sql.7"):
        text = "\n".join(block)
        if "user" not in text or "room" in text:
            continue
        there = "user_publish" in text or "user_withdraw" in text
        if "inbox_claim" in text:
            one.wait_inbox(1)
        for statement in text.rstrip().rstrip(";").split(";\n"):
            statement = re.sub(r"(?<!:):(\w+)",
                               lambda m: quoted(values[m.group(1)]),
                               statement).replace("%", "%%")
            results.append([tuple(
                bytes(v) if isinstance(v, memoryview) else v for v in row)
                for row in (two if there else one).sql(statement,
                                                       user="app")])
    tap.equal(results[1:2] + [[row[1:] for row in results[2]]] + results[3:],
              [[], [("found",)], [("Alice", b"\1\2", True, None)],
               [(True,)]], "torfed-sql(7): a user is published, looked up, "
              "shown and withdrawn")


def room_examples(one, two):
    """The blocks about rooms: bob's here, alice's there."""
    values = {"alice": "alice@" + two.onion, "sealed": "\\x01",
              "ciphertext": "\\x0203"}
    two.sql("SELECT federation.user_publish('alice', 'key')", user="app")
    results = []
    for block in mdoc_blocks("torfed-sql.7"):
        text = "\n".join(block).replace(" \\gset", ";")
        if "room" not in text:
            continue
        node = two if "invitation" in text else one
        for statement in text.rstrip().rstrip(";").split(";\n"):
            statement = re.sub(r":'(\w+)'",
                               lambda m: quoted(values[m.group(1)]),
                               statement).replace("%", "%%")

            def run(statement=statement, node=node):
                return node.sql(statement, user="app")
            rows = net.wait(run)
            if "room_create" in statement:
                values["room"] = rows[0][0]
            elif "room_invitations" in statement:
                values["invitation"] = rows[0][0]
            elif "room_accept" in statement:
                net.wait(lambda: one.value(
                    "SELECT members FROM federation.rooms WHERE room = %s",
                    values["room"], user="app") == 2)
            elif "room_delivery" in statement:
                net.wait(lambda run=run: run()[0][1] == "delivered")
                rows = run()
            results.append(rows)
    tap.equal((results[2][0][1], results[5]),
              ("bob@" + one.onion, [(two.onion, "delivered", None)]),
              "torfed-sql(7): a room is made, joined and talked in")
    tap.ok(net.wait(lambda: two.value(
        "SELECT members FROM federation.rooms WHERE room = %s",
        values["room"], user="app") == 1), "torfed-sql(7): and she goes")


# README

def readme_blocks(section):
    text = read("README.md").split("\n## " + section)[1].split("\n## ")[0]
    return [block.split("\n") for block in
            re.findall(r"^```\n((?:.*\n)*?)```$", text, re.M)]


def tour(scratch):
    """The README's tour, to the letter, in a tree of links."""
    tree = os.path.join(scratch, "tree")
    os.makedirs(tree)
    for name in os.listdir(ROOT):
        if name not in (".git", "net"):
            os.symlink(os.path.join(ROOT, name), os.path.join(tree, name))
    shell = Shell(tree, "/nonexistent")
    shell.run("unset MAKEFLAGS MAKELEVEL MFLAGS")
    try:
        for block in readme_blocks("Tour"):
            for command, expected in prompted(block[:-1]):
                output = masked(shell.run(command))
                name = "README: " + command.split("\n")[0]
                if expected:
                    tap.equal(output, masked(expected.strip("\n")), name)
                else:
                    tap.ok("rror" not in output, name) or tap.diag(output)
                time.sleep(1)  # a person reads
        tap.equal(os.path.exists(os.path.join(tree, "net", "net.json")),
                  False, "README: down leaves nothing")
    finally:
        if os.path.exists(os.path.join(tree, "net")):
            shell.run("tests/harness/fednet down --dir net")
        shell.close()


def main():
    shape()
    references()
    settings()
    paths()
    commands()
    codes()
    code_table()
    limits()
    errors()
    events()
    scratch = tempfile.mkdtemp(prefix="torfed-man-", dir="/tmp")
    try:
        with net.Net(servers=2, trust="none") as network:
            one, two = network.servers
            page_examples(one, two, scratch)
            one.fedctl("server", "trust", two.onion, "2")
            two.fedctl("server", "trust", one.onion, "2")
            sql_examples(one, two)
            user_examples(one, two)
            room_examples(one, two)
        tour(scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


tap.main(main)
