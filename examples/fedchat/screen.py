# SPDX-License-Identifier: ISC
"""How fedchat shows what happened and takes what is typed: a terminal with a
line to edit, or one JSON object a line for scripts."""

import codecs
import json
import os
import shutil
import sys
import termios
import tty
import unicodedata

# The only invisible characters that stay are those that join letters: scripts
# and emoji need them. All others can hide, move or reverse text.
JOINERS = "\u200c\u200d"
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
REPLACEMENT = "\ufffd"
MARKS = 4  # accents on one letter; more climb into other lines


def harmless(text):
    """Text of others, without what a terminal would obey: control and escape
    characters, changes of direction, whatever is invisible or not assigned,
    and heaps of accents. One line."""
    shown, marks = [], 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if character in "\n\t":
            shown.append(" ")
        elif category in HIDDEN and character not in JOINERS:
            shown.append(REPLACEMENT)
        elif marks <= MARKS:
            shown.append(character)
    return "".join(shown)


def clean(value):
    """harmless() of all text in what is shown."""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, list):
        return [clean(one) for one in value]
    if isinstance(value, dict):
        return {name: clean(one) for name, one in value.items()}
    return value


def short(address):
    """name@addr… of name@address, for people."""
    name, at, server = address.partition("@")
    return name + at + (server[:8] + "…" if len(server) > 20 else server)


# Shown to people; what is not here is shown as its fields.
LINES = {
    "message": "[{room}] {who}{badges}: {text}",
    "invitation": "* {who}{badges} invites you to \"{room}\": "
                  "/accept {invitation} or /decline {invitation}",
    "invited": "* [{room}] {member} was invited",
    "joined": "* [{room}] {member} is here",
    "left": "* [{room}] {member} left",
    "removed": "* [{room}] {member} was removed",
    "created": "* [{room}] is there; /invite handle@server",
    "rekeyed": "* [{room}] has a new key, number {epoch}",
    "key_changed": "! {member} has another key now: {fingerprint}. Compare "
                   "it with them, then /trust {member}",
    "sent": "  ✓ [{room}] {text}",
    "delivered": "  ✓✓ [{room}] delivered",
    "failed": "  ! [{room}] not delivered to {server}: {reason}",
    "error": "! {text}",
    "help": "{text}",
}


class Batch:
    """Events as JSON, commands from standard input, nothing else. Characters
    beyond ASCII are escaped."""

    batch = True

    def __init__(self):
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.rest = ""

    def show(self, event):
        print(json.dumps(clean(event), sort_keys=True), flush=True)

    def read(self):
        """The lines that are complete; None at the end of input."""
        data = os.read(sys.stdin.fileno(), 65536)
        if not data:
            return None
        *lines, self.rest = (self.rest +
                             self.decoder.decode(data)).split("\n")
        return lines

    def close(self):
        pass


class Terminal(Batch):
    """The line that is being typed stays below what comes in."""

    batch = False

    def __init__(self):
        super().__init__()
        self.line = ""
        self.before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)

    def show(self, event):
        event = clean(event)
        event["badges"] = "".join(" [%s]" % b for b in
                                  event.get("badges", ()))
        event["who"] = short(event.get("sender", ""))
        line = LINES.get(event["event"])
        if line is None:
            skip = ("event", "badges", "who")
            text = event["event"] + ": " + "  ".join(
                "%s %s" % (n.replace("_", " "), v) for n, v in event.items()
                if n not in skip)
        else:
            text = line.format_map(event)
        sys.stdout.write("\r\033[K" + text + "\n")
        self.draw()

    def draw(self):
        width = shutil.get_terminal_size().columns - 4
        sys.stdout.write("\r\033[K> " + self.line[-width:])
        sys.stdout.flush()

    def read(self):
        """What was typed and ended with return; None at the end."""
        data = os.read(sys.stdin.fileno(), 65536)
        lines = []
        for character in self.decoder.decode(data):
            if character == "\n":
                lines.append(self.line)
                self.line = ""
            elif character in "\x7f\b":
                self.line = self.line[:-1]
            elif character == "\x15":  # ^U
                self.line = ""
            elif character == "\x04" and not self.line or not data:
                return None
            elif character >= " ":
                self.line += character
        self.draw()
        return lines if data else None

    def close(self):
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self.before)
        sys.stdout.write("\r\033[K")
