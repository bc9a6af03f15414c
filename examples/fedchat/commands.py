# SPDX-License-Identifier: ISC
"""What is typed: commands, and messages."""

import inspect

import psycopg2

import sealing
from client import LEVELS, Problem
from sealing import b64

commands = {}


def command(function):
    """Makes a function a command. Its name becomes /name; its parameters, but
    for the client, are the command's; its docstring is the help. The last
    parameter takes the rest of the line."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    commands["/" + function.__name__.rstrip("_")] = function, parameters
    return function


def perform(client, line):
    """Carries out one line. Problems are shown, not raised."""
    try:
        if line.startswith("/"):
            name, _, rest = line.partition(" ")
            if name not in commands:
                raise Problem("no such command; there is /help")
            call(client, *commands[name], rest.strip())
        elif line.strip():
            client.send(current(client), line)
    except (Problem, sealing.Refused) as error:
        problem(client, str(error))
    except psycopg2.Error as error:
        if not (error.pgcode or "").startswith("FD"):
            raise
        problem(client, error.diag.message_primary, code=error.pgcode)


def problem(client, text, **more):
    client.show({"event": "error", "text": text, **more})


def call(client, function, parameters, rest):
    values = rest.split(None, len(parameters) - 1) if parameters else []
    needed = [p for p in parameters if p.default is p.empty]
    if len(values) < len(needed):
        raise Problem("what is missing: " + " ".join(
            p.name.upper() for p in parameters))
    function(client, *values)


def current(client):
    room = client.home.rooms.get(client.home.current)
    if room is None:
        raise Problem("no room: /create one, or /accept an invitation")
    return room


def find(names, wanted, what):
    """The name that begins with wanted, if there is only one."""
    found = [name for name in names if name.startswith(wanted)]
    if len(found) != 1:
        raise Problem("no such %s" % what if not found else
                      "more than one %s begins like that" % what)
    return found[0]


@command
def create(client, title):
    """makes a room, with you in it"""
    room = client.store.create(client.home.handle, client.prepare(title))
    client.show({"event": "asked", "room": title, "name": room})


@command
def invite(client, user):
    """invites handle@server into the room"""
    room = current(client)
    who = client.address(user)

    def go_on(public):
        if public is None:
            raise sealing.Refused("nobody is known by that name")
        key = room.key()
        client.requests[client.store.invite(
            room.name, client.home.handle, who,
            key.seal(client.home.identity, room.name, who, public),
            {"title": b64(key.hide(room.title))})] = room.name
    client.with_key(who, go_on)


@command
def invitations(client):
    """lists who invites you where"""
    for row in client.store.invitations(client.home.handle):
        room = client.home.invitations.get(str(row.invitation))
        client.show({"event": "pending", "invitation": str(row.invitation),
                     "room": room.title if room else row.room[:8],
                     "inviter": row.inviter, "state": row.state})


def invitation_named(client, wanted):
    waiting = [str(row.invitation) for row in
               client.store.invitations(client.home.handle)
               if str(row.invitation) in client.home.invitations]
    return find(waiting, wanted, "invitation")


@command
def accept(client, invitation=""):
    """joins the room of an invitation (its first letters do)"""
    number = invitation_named(client, invitation)
    request = client.store.accept(number)
    client.requests[request] = client.enter(number).name


@command
def decline(client, invitation=""):
    """declines an invitation"""
    number = invitation_named(client, invitation)
    client.store.decline(number)
    del client.home.invitations[number]
    client.show({"event": "declined", "invitation": number})


@command
def rooms(client):
    """lists your rooms"""
    for name, room in client.home.rooms.items():
        client.show({"event": "room", "room": room.title, "name": name,
                     "current": name == client.home.current,
                     "members": len(client.store.members(name))})


@command
def room(client, title):
    """makes the room with that title, or id, the one you write to"""
    names = {r.title: name for name, r in client.home.rooms.items()}
    name = names.get(title) or find(client.home.rooms, title, "room")
    client.home.current = name
    client.show({"event": "room", "room": client.home.rooms[name].title,
                 "name": name, "current": True})


@command
def members(client):
    """lists who is in the room"""
    for row in client.store.members(current(client).name):
        client.show({"event": "member", "member": row.member,
                     "badges": client.badges(row.member),
                     "trust": LEVELS.get(row.trust_level, "unknown")
                     if row.external_server else "ours",
                     "online": row.is_online})


@command
def leave(client):
    """leaves the room"""
    client.store.leave(current(client).name, client.home.handle)


@command
def remove(client, user):
    """removes a user from a room that was made here; it gets a new key"""
    room = current(client)
    who = client.address(user)
    client.home.removing.append([room.name, who])
    try:
        client.requests[client.store.remove(room.name, who)] = room.name
    except psycopg2.Error:
        client.home.removing.pop()
        raise


@command
def whois(client, user):
    """shows a user's name and the fingerprint of their key"""
    who = client.address(user)

    def go_on(public):
        row = client.store.user(client.ours(who) or who)
        client.show({"event": "whois", "member": who,
                     "name": row and row.display_name or "-",
                     "badges": client.badges(who), "fingerprint":
                     sealing.fingerprint(public) if public else "-"})
    client.with_key(who, go_on)


@command
def trust(client, user):
    """takes a user's new key for theirs, once you have compared it"""
    who = client.address(user)
    client.home.known.pop(who, None)
    client.with_key(who, lambda public: whois(client, who))


@command
def help_(client):
    """lists the commands"""
    for name, (function, parameters) in commands.items():
        client.show({"event": "help", "text": "%-24s%s" % (" ".join(
            [name] + [p.name.upper() for p in parameters]),
            function.__doc__)})
    client.show({"event": "help", "text": "%-24s%s" % (
        "/quit", "leaves this client, not the room")})
