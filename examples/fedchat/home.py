# SPDX-License-Identifier: ISC
"""What a user's client keeps to itself, in one private file: the user's key
pair, the keys of the user's rooms, the keys by which the user knows others, and
how far the user has read."""

import json
import os

from sealing import Identity, RoomKey, b64, new_seed, unb64


class Home:
    """directory: made if it is missing. handle: needed the first time."""

    def __init__(self, directory, handle=None):
        self.path = os.path.join(directory, "state.json")
        os.makedirs(directory, mode=0o700, exist_ok=True)
        try:
            with open(self.path) as file:
                state = json.load(file)
        except FileNotFoundError:
            if not handle:
                raise SystemExit("fedchat: who are you? --user HANDLE")
            state = {"handle": handle, "seed": b64(new_seed())}
        self.handle = state["handle"]
        self.seed = unb64(state["seed"])
        self.identity = Identity(self.seed)
        # The highest number in chat's tables that was read; None: a new user.
        self.seen = state.get("seen")
        # Numbers up to it whose rows wait for a key.
        self.waiting = state.get("waiting", [])
        self.known = {who: unb64(key) for who, key in
                      state.get("known", {}).items()}
        self.current = state.get("current")      # the room written to
        self.removing = state.get("removing", [])  # [room, member], by us
        self.rooms = {name: Room.load(name, room) for name, room in
                      state.get("rooms", {}).items()}
        self.invitations = {number: Room.load(room["room"], room)
                            for number, room in
                            state.get("invitations", {}).items()}
        self.save()

    def save(self):
        """Call it before anything that needs this state is committed
        elsewhere: it is on disk then."""
        state = {
            "handle": self.handle, "seed": b64(self.seed), "seen": self.seen,
            "waiting": self.waiting, "current": self.current,
            "removing": self.removing,
            "known": {who: b64(key) for who, key in self.known.items()},
            "rooms": {name: room.dump() for name, room in
                      self.rooms.items()},
            "invitations": {number: room.dump() for number, room in
                            self.invitations.items()}}
        beside = self.path + ".new"
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                          0o600), "w") as file:
            json.dump(state, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.path)


class Room:
    """name: uuid@server.onion."""

    def __init__(self, name, title, keys):
        self.name = name
        self.title = title
        self.keys = {key.name: key for key in keys}

    @staticmethod
    def load(name, state):
        return Room(name, state["title"], [
            RoomKey(epoch, unb64(key)) for epoch, key in state["keys"]])

    def dump(self):
        return {"room": self.name, "title": self.title, "keys": [
            [key.epoch, b64(key.key)] for key in self.keys.values()]}

    def add(self, key):
        self.keys[key.name] = key

    def key(self):
        """The key to write with."""
        return max(self.keys.values(), key=RoomKey.order)
