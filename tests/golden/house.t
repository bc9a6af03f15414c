#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""tests/house and tests/style: a small clean tree passes, and each thing that
they refuse is found, alone, where it was put."""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(TESTS, "lib"))
import tap  # noqa: E402

WORDS = """alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo
    lima mike november oscar papa quebec romeo sierra tango uniform""".split()


def module(path, *calls, head=""):
    """PATH.h declares NAME_do(), PATH.c defines it and calls others."""
    name = os.path.basename(path)
    return {
        path + ".h": "void %s_do(void);\n" % name,
        path + ".c": '%s#include "%s"\n\nvoid\n%s_do(void)\n{\n%s}\n' % (
            head, path.split("/", 1)[1] + ".h", name,
            "".join("\t%s_do();\n" % call for call in calls)),
    }


def using(*headers):
    return "".join('#include "%s"\n' % header for header in headers)


CLEAN = {
    **module("common/base/log"),
    **module("common/proto/cert", "log", head=using("base/log.h")),
    **module("common/json/canon", "cert", head=using("proto/cert.h")),
    **module("fed-queued/env", "canon", head=using("json/canon.h")),
    **module("fed-queued/db/row", "env", head=using("env.h")),
    **module("fed-queued/outbound/lane", "row", head=using("db/row.h")),
    **module("fed-queued/inbound/hold", "row", head=using("db/row.h")),
    **module("fed-queued/rooms/turn", "lane",
             head=using("outbound/lane.h")),
    **module("fed-queued/rooms/state/take", "items",
             head=using("rooms/turn.h")),
    **module("fed-queued/rooms/messages/judge", "take",
             head=using("rooms/state/take.h")),
    **module("fed-queued/main", "judge", "hold",
             head=using("rooms/messages/judge.h", "inbound/hold.h")),
    **module("fed-signer/keys", "cert", head=using("proto/cert.h")),
}


class Tree:
    def __init__(self, top, start=None):
        self.top = top
        if start:
            shutil.copytree(start.top, top)

    def put(self, files):
        """Sources are compiled, also those that call what they do not
        declare."""
        for path, text in files.items():
            name = os.path.join(self.top, path)
            os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(name, "w") as file:
                file.write(text)
        for path in files:
            if path.endswith(".c"):
                self.compile(path)

    def compile(self, path):
        name = os.path.join("build", path[:-2] + ".o")
        os.makedirs(os.path.dirname(os.path.join(self.top, name)),
                    exist_ok=True)
        subprocess.run(["gcc", "-w", "-std=gnu11", "-Icommon",
                        "-I" + path.split("/")[0], "-c", "-o", name, path],
                       cwd=self.top, check=True)

    def run(self, script, *arguments):
        done = subprocess.run([os.path.join(TESTS, script)] + list(arguments),
                              cwd=self.top, capture_output=True, text=True)
        return done.returncode, (done.stdout + done.stderr).splitlines()


def expect(result, complaints, name):
    """Just these complaints, each by how it begins, and the line of figures."""
    status, lines = result
    good = status == (1 if complaints else 0) and \
        len(lines) == len(complaints) + 1 and \
        all(line.startswith(begin)
            for line, begin in zip(lines, sorted(complaints)))
    if not tap.ok(good, name):
        tap.diag("\n".join(["status %d" % status] + lines))
    return lines


class House:
    def __init__(self, folder):
        self.folder = folder
        self.count = 0
        self.clean = Tree(os.path.join(folder, "clean"))
        self.clean.put(CLEAN)

    def tree(self, files):
        self.count += 1
        tree = Tree(os.path.join(self.folder, str(self.count)), self.clean)
        tree.put(files)
        return tree

    def expect(self, files, complaints, name):
        return expect(self.tree(files).run("house"), complaints, name)


def ring(count, folder="fed-sender"):
    files = {}
    for index, word in enumerate(WORDS[:count]):
        after = WORDS[(index + 1) % count]
        files.update(module("%s/%s" % (folder, word), after,
                            head=using(after + ".h")))
    return files


def changed(path, *edits):
    text = CLEAN[path]
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return {path: text}


def test_arrows(house):
    lines = house.expect({}, [], "a clean tree")
    tap.ok(lines[-1] == "house: 12 sources, longest circle none, of 0; "
           "largest folder 2 (fed-queued)", "its figures")

    house.expect(
        changed("fed-queued/inbound/hold.c", (
            '#include "db/row.h"\n',
            '#include "db/row.h"\n#include "outbound/lane.h"\n')),
        ["fed-queued/inbound/hold.c:2: fed-queued/inbound may not see "
         "fed-queued/outbound/lane.h"], "an include across")
    house.expect(
        changed("fed-queued/rooms/state/take.c", (
            "{\n", "{\n\tjudge_do();\n")),
        ["fed-queued/rooms/state/take.c:7: fed-queued/rooms/state may not "
         "call fed-queued/rooms/messages: judge_do()"],
        "a call upwards, without an include")
    house.expect(
        changed("fed-queued/env.c", ("{\n", "{\n\trow_do();\n")),
        ["fed-queued/env.c:7: fed-queued/env may not call fed-queued/db"],
        "a call of what stands lowest")
    house.expect(
        changed("common/base/log.c", ("{\n", "{\n\tkeys_do();\n")),
        ["common/base/log.c:6: common/base may not call fed-signer: "
         "keys_do()"], "common calls a program")
    house.expect(
        changed("common/proto/cert.h", (
            "void", '#include "json/canon.h"\nvoid')),
        ["common/proto/cert.h:1: common/proto may not see "
         "common/json/canon.h"], "a header of proto includes json")
    house.expect(
        changed("fed-signer/keys.c", (
            "#include \"proto", '#include "json/canon.h"\n#include "proto')),
        ["fed-signer/keys.c:1: fed-signer may not see common/json/canon.h"],
        "the signer includes json")
    house.expect(
        changed("fed-signer/keys.c", ("#include \"proto",
                '#include "../fed-queued/env.h"\n#include "proto')),
        ["fed-signer/keys.c:1: fed-signer may not see fed-queued/env.h"],
        "a program includes another's header")
    house.expect(
        changed("fed-queued/db/row.c", ('"db/row.h"', '"row.h"')),
        ['fed-queued/db/row.c:2: "row.h" is named neither from common/ nor '
         "from fed-queued/"], "an include without its folder")
    house.expect(
        module("fed-queued/attic/chest"),
        ["fed-queued/attic/chest.%s:1: fed-queued/attic is not in the table"
         % kind for kind in "ch"], "a folder that is not in the table")


def test_objects(house):
    tree = house.tree({})
    os.unlink(os.path.join(tree.top, "build/fed-queued/env.o"))
    os.utime(os.path.join(tree.top, "fed-queued/db/row.c"))
    os.utime(os.path.join(tree.top, "build/fed-queued/db/row.o"), (1, 1))
    status, lines = tree.run("house")
    tap.ok(status == 1 and
           "fed-queued/db/row.c:1: object build/fed-queued/db/row.o is older: "
           "run make first" in lines and
           "fed-queued/env.c:1: no object build/fed-queued/env.o: "
           "run make first" in lines, "objects that are old or missing")


def test_sizes(house):
    lines = house.expect(ring(9), [], "a circle of 9")
    tap.ok("longest circle 9 (fed-sender), of 1;" in lines[-1],
           "its figures")
    house.expect(ring(10), ["fed-sender/alpha.c:1: a circle of 10 sources, at "
                            "most 9: fed-sender/alpha.c fed-sender/bravo.c"],
                 "a circle of 10")
    files = {}
    for word in WORDS[:20]:
        files.update(module("fedctl/" + word))
    lines = house.expect(files, [], "a folder of 20")
    tap.ok(lines[-1].endswith("largest folder 20 (fedctl)"), "its figures")
    files.update(module("fedctl/" + WORDS[20]))
    house.expect(files, ["fedctl:1: 21 sources in one folder, at most 20"],
                 "a folder of 21")


def test_names(house):
    for name, why in (("lanes", "a plural"), ("lamp", None),
                      ("line", "a letter"), ("la_ne", "an underscore"),
                      ("ane", "a letter less"), ("lane_s", "both"),
                      ("logs", "a plural of common's")):
        other = "common/base/log" if name == "logs" else \
            "fed-queued/outbound/lane"
        first, second = sorted(["fed-queued/outbound/" + name,
                                "fed-queued/outbound/lane"])
        if name == "logs":
            first, second = "fed-queued/outbound/logs", other
        house.expect(
            module("fed-queued/outbound/" + name),
            ["%s.c:1: its name is too much like that of %s.c" %
             (first, second)] if why else [],
            "names: " + (why or "two letters are well"))
    house.expect({**module("fed-queued/db/take"),
                  **module("fed-sender/lanes")}, [],
                 "the same name elsewhere, and another program's")
    house.expect({**module("fed-queued/exchange/ack"),
                  **module("common/ipc/pack")}, [], "an exception")


def test_headers(house):
    lane = "fed-queued/outbound/lane.h"
    house.expect(
        {lane: CLEAN[lane] + "int hold_count(const char *,\n    int);\n",
         "fed-queued/inbound/hold.c": CLEAN["fed-queued/inbound/hold.c"] +
         "int hold_count(const char *a, int b) { return b; }\n"},
        [lane + ":2: hold_count() is defined in fed-queued/inbound/hold.c, "
         "not in lane.c or a lane_*.c"], "a header of another's function")
    house.expect(
        changed(lane, ("void", "void lane_stop(int (*)(void));\nvoid")),
        [lane + ":1: lane_stop() is defined in no object"],
        "a function that is nowhere")
    house.expect(
        {lane: CLEAN[lane] + "void lane_stop(void);\n",
         "fed-queued/outbound/lane_internal.h": "void lane_stop(void);\n",
         "fed-queued/outbound/lane_end.c": "void lane_stop(void) {}\n"}, [],
        "a part of a file, and a header of its parts")
    house.expect(
        {lane: CLEAN[lane] + "#define LANE(x) lane_macro(x)\n"
         "/* int lane_comment(void); */\ntypedef int lane_fn(int);\n"
         "struct lane { int (*take)(int); };\n"
         "static inline int lane_one(void) { return (int)sizeof(int); }\n"
         "extern int lane_count;\n"}, [], "what declares no function")


STYLE = (
    # What it shows, name, text, lines that are refused.
    ("return (x)", "fedd/a.c", "return (a + (b));\nreturn (a) + (b);\n"
     "return (\n    a);\nreturn (struct s){1};\nreturn f(x);\n", [1, 3]),
    ("return (x) in a string or comment", "fedd/a.c",
     'puts("return (x);"); /* return (x); */\n', []),
    ("sizeof x", "fedd/a.c", "sizeof(x);\nsizeof *x;\nsizeof x;\n", [2, 3]),
    ("columns", "sql/a.sql", "-- %s\n-- %s\n" % ("x" * 77, "x" * 78), [2]),
    ("columns, with tabs", "fedd/a.def", "\t" * 10 + "\n" + "\t" * 10 + "x\n",
     [2]),
    ("includes in order", "fedd/a.c", "#include <a.h>\n#include <sys/b.h>\n"
     '#include <u.h>\n\n#include "base/c.h"\n#include "d.h"\n', []),
    ("includes not by name", "fedd/a.c", "#include <b.h>\n#include <a.h>\n\n"
     '#include "d.h"\n#include "c.h"\n', [2, 5]),
    ("ours first", "fedd/a.c", '#include "a.h"\n\n#include <b.h>\n', [3]),
    ("no blank line", "fedd/a.c", '#include <b.h>\n#include "a.h"\n', [2]),
    ("a blank line too many", "fedd/a.c", "#include <a.h>\n\n#include <b.h>\n",
     [3]),
    ("includes in branches", "fedd/a.c", "#include <b.h>\n#ifdef X\n"
     "#include <a.h>\n#endif\n\n#include \"a.h\"\n", []),
    ("<sys/types.h> first", "fedd/a.c", "#include <sys/types.h>\n"
     "#include <a.h>\n", []),
    ("cmocka.h", "tests/unit/a.c", "#include <stdio.h>\n\n#include <cmocka.h>"
     '\n\n#include "a.h"\n', []),
    ("a clock", "fedd/a.c", "clock_gettime(CLOCK_MONOTONIC, &t);\n"
     "clock_gettime(CLOCK_REALTIME, &t);\nx = time(NULL);\nx_time(NULL);\n",
     [1, 3]),
    ("the clock", "common/base/clock.c", "x = time(NULL);\n", []),
    ("a clock in a test", "tests/unit/a.c", "x = time(NULL);\n", []),
    ("a timer", "fedd/a.c", "event_add(event, &tv);\nevtimer_add(event,\n"
     "    &tv);\nevent_add(event, NULL);\n", [1, 2]),
    ("a fatal allocation", "fedd/a.c", 'fatal("out of memory");\n'
     'fatal("x error=\\"out of memory\\"");\nfatal("x");\n', [1, 2]),
    ("a reader of rows", "fed-queued/rooms/a.c", "PQgetvalue(r, 0, 0);\n"
     "/* PQgetvalue() */\nPQgetisnull(r, 0, 0);\n", [1, 3]),
    ("rows in db", "fed-queued/db/a.c", "PQgetvalue(r, 0, 0);\n", []),
    ("jansson in proto", "common/proto/a.h", "#include <jansson.h>\n", [1]),
    ("an exception", "fedctl/attach.c", "PQgetvalue(r, 0, 0);\n", []),
    ("an exception of nothing", "fedctl/attach.c", "f();\n", [1]),
)


def test_style(folder):
    for number, (what, name, text, refused) in enumerate(STYLE):
        tree = Tree(os.path.join(folder, "style", str(number)))
        path = os.path.join(tree.top, name)
        os.makedirs(os.path.dirname(path))
        with open(path, "w") as file:
            file.write(text)
        expect(tree.run("style", name),
               ["%s:%d: " % (name, line) for line in refused],
               "style: " + what)


def test():
    with tempfile.TemporaryDirectory() as folder:
        house = House(folder)
        test_arrows(house)
        test_objects(house)
        test_sizes(house)
        test_names(house)
        test_headers(house)
        test_style(folder)


tap.main(test)
