# SPDX-License-Identifier: ISC
"""fedchat itself: what its commands do, and what it makes of what arrives.

What another user says is believed only once that user's key is known. What
comes before that waits, and the user's server is asked. Whatever the answer is,
the work then goes on with it."""

import uuid

import sealing
from home import Room
from sealing import RoomKey, b64, unb64

LEVELS = {1: "known", 2: "verified", 3: "trusted"}
ENDINGS = ("left", "removed", "allowed_servers", "federation")
LEAP = 1000    # epochs that one key may be ahead
WAITING = 200  # messages that cannot be read yet; older ones never will


class Problem(Exception):
    """What the user did wrong; the text is shown to the user."""


class Wait(Exception):
    """Somebody's key, or a room's, is not there yet."""


class Client:
    """show: takes one event, a dictionary, for the user to see."""

    def __init__(self, store, home, show):
        self.store = store
        self.home = home
        self.show = show
        self.server = store.own_address()
        self.me = "%s@%s" % (home.handle, self.server)
        if home.seen is None:  # a new user has missed nothing
            home.seen = store.last()
        self.asked = {}     # address: what to do once the answer is there
        self.unknown = set()  # addresses that were asked for in vain
        self.sending = True  # messages of ours may be on their way
        self.requests = {}  # our own requests: {id: room}
        self.coming = set()  # rooms that we are put into, once checked

    # Keys of others

    def address(self, user):
        """name@server of a user that was typed; our own need no server."""
        return user if "@" in user else "%s@%s" % (user, self.server)

    def ours(self, address):
        """The handle, if the address is that of a user of this server."""
        handle, _, server = address.partition("@")
        return handle if server in ("", self.server) else None

    def key_of(self, address):
        """The public key by which we know the user; None if the user's server
        has none for us. Raises Wait while that server is asked."""
        known = self.home.known.get(address)
        if known is not None or address in self.unknown:
            return known
        if self.ours(address):
            found = self.store.user(self.ours(address))
            if found is None:
                return None
        else:
            found = self.store.lookup(address)
            if found is None:
                self.asked.setdefault(address, [])
                raise Wait
        self.home.known[address] = bytes(found.public_key)
        return self.home.known[address]

    def with_key(self, address, action):
        """Goes on with action(key), at once or when the answer is there."""
        try:
            key = self.key_of(address)
        except Wait:
            self.asked[address].append(action)
            return
        try:
            action(key)
        except sealing.Refused as error:
            self.show({"event": "error",
                       "text": "%s: %s" % (address, error)})

    def badges(self, address):
        """What a user interface shows beside a name."""
        if self.ours(address):
            return []
        found = self.store.user(address)
        level = found.trust_level if found else None
        badges = ["External", LEVELS.get(level, "unknown")]
        known = self.home.known.get(address)
        if known is None:
            badges.append("unverified")
        elif found and bytes(found.public_key) != known:
            badges.append("another key")
        return badges

    # Our own messages

    def prepare(self, title):
        """A function that stores the room that is being made; it is called
        once the room's id is there."""
        def remember(name):
            self.home.rooms[name] = Room(name, title, [RoomKey(1)])
            self.home.current = name
            self.home.save()
        return remember

    def send(self, room, text):
        number = str(uuid.uuid4())
        body = sealing.encrypt(self.home.identity, room.key(), room.name,
                               self.me, number, text)
        self.store.send(room.name, self.home.handle, number, body, "text")
        self.sending = True
        self.show({"event": "sent", "id": number, "room": room.title,
                   "text": text})

    def deliveries(self):
        """Tells what became of messages, while some are on their way."""
        if not self.sending:
            return
        for row in self.store.settled(self.home.handle):
            room = self.home.rooms.get(row.room)
            if room is None or row.message_type != "text":
                continue
            self.show({"event": "failed" if row.server else "delivered",
                       "id": str(row.id), "room": room.title,
                       **({"server": row.server, "reason": row.reason}
                          if row.server else {})})
        self.sending = self.store.on_their_way(self.home.handle)

    # Arrivals

    def arrive(self):
        """Takes what is in the inbox and shows what is new."""
        while self.store.take():
            pass
        progress = True
        while progress:
            progress = False
            for item in self.store.news(self.home.seen, self.home.waiting):
                progress |= self.arrived(item)
        self.home.save()

    def arrived(self, item):
        """Takes one row; true if rows that wait may go on now."""
        old = item.number <= self.home.seen
        self.home.seen = max(self.home.seen, item.number)
        try:
            if item.type == "message":
                helps = self.message(item)
            elif item.type == "room":
                helps = self.room_event(item.payload)
            elif item.type == "user":
                helps = self.user_event(item.payload)
            else:
                helps = False
        except (Wait, sealing.MissingKey):
            if not old:
                self.home.waiting.append(item.number)
                del self.home.waiting[:-WAITING]
            return not old
        except (sealing.Refused, KeyError, TypeError, ValueError) as error:
            self.show({"event": "untrue", "text": str(error)
                       if isinstance(error, sealing.Refused) else "malformed",
                       "sender": self.address(
                           item.sender or item.payload.get("inviter", "?"))})
            helps = False
        if old:
            self.home.waiting.remove(item.number)
        return helps or not old

    def message(self, item):
        room = self.home.rooms.get(item.room)
        author = self.address(item.sender)
        if room is None:
            if item.room in self.coming:
                raise Wait
            return False
        if author == self.me:
            return False
        if item.message_type == "room_key":
            return self.take_key(room, author, bytes(item.body))
        if item.message_type != "text":
            return False
        text = sealing.decrypt(room.keys, room.name, author,
                               self.key_of(author), item.message_id,
                               bytes(item.body))
        self.show({"event": "message", "room": room.title, "sender": author,
                   "text": text, "id": str(item.message_id),
                   "badges": self.badges(author)})
        return False

    def take_key(self, room, author, body):
        """A member has made a new key, or gives us the present key."""
        reader, _, sealed = body.partition(b"\n")
        if reader != self.me.encode():
            return False
        key = sealing.unseal_key(self.home.identity, room.name, self.me,
                                 self.key_of(author), sealed)
        if key.name in room.keys:
            return False
        if key.epoch > room.key().epoch + LEAP:
            raise sealing.Refused("leaves no room for keys that follow")
        room.add(key)
        self.show({"event": "rekeyed", "room": room.title, "sender": author,
                   "epoch": key.epoch})
        return True

    def user_event(self, payload):
        address, event = payload["address"], payload["event"]
        if event in ("unknown", "failed"):
            if address not in self.home.known:
                self.unknown.add(address)
        else:
            self.unknown.discard(address)
        if event in ("key", "contradiction"):
            self.show({"event": "key_changed", "member": address,
                       "fingerprint": sealing.fingerprint(
                           unb64(payload["publicKey"]))})
        if address not in self.asked:
            return False
        for action in self.asked.pop(address):
            self.with_key(address, action)
        self.show({"event": "user", "member": address, "found": event})
        return True

    def room_event(self, payload):
        event = payload["event"]
        if event == "invitation":
            return self.invitation(payload)
        if event == "refused":
            return self.refused(payload)
        room = self.home.rooms.get(payload["room"])
        if room is None:
            return False
        shown = {"event": event, "room": room.title}
        shown.update({name: payload[name] for name in ("member", "inviter")
                      if name in payload})
        self.show(shown)
        member = payload.get("member")
        if event == "joined" and member != self.me:
            self.welcome(room, member)
        elif event in ENDINGS:
            self.gone(room, event, member)
        elif event == "closed":
            self.forget(room.name)
        return False

    def refused(self, payload):
        """Something that this client asked for was refused."""
        if payload["request"] in self.requests:
            room = self.requests.pop(payload["request"])
            self.show({"event": "refused", "kind": payload["kind"],
                       "code": payload["code"]})
            if payload["kind"] == "join":
                self.forget(room)
            self.home.removing = [one for one in self.home.removing
                                  if one[0] != room]
        return False

    def forget(self, room):
        self.home.rooms.pop(room, None)
        if self.home.current == room:
            self.home.current = next(iter(self.home.rooms), None)

    def invitation(self, payload):
        """An invitation holds the room's key, sealed for us by the inviter."""
        if payload["invitee"] != self.home.handle:
            return False
        room, inviter = payload["room"], payload["inviter"]
        automatic = payload["showing"] == "automatic"
        if automatic:
            self.coming.add(room)
        key = sealing.unseal_key(self.home.identity, room, self.me,
                                 self.key_of(inviter),
                                 unb64(payload["encryptedRoomKey"]))
        number = payload["invitation"]
        invitation = Room(room, self.title(key, payload), [key])
        self.home.invitations[number] = invitation
        self.show({"event": "invitation", "invitation": number,
                   "room": invitation.title, "sender": inviter,
                   "badges": self.badges(inviter),
                   "showing": payload["showing"]})
        if automatic:
            self.coming.discard(room)
            self.enter(number)
        return automatic

    @staticmethod
    def title(key, payload):
        """The title that the inviter has encrypted; without one, a name."""
        try:
            title = key.show(unb64(payload["metadata"]["title"]))
        except (ValueError, TypeError, KeyError):
            title = None
        return title or payload["room"][:8]

    def enter(self, number):
        """Makes the room of an invitation one of ours, as far as its keys are
        concerned."""
        invitation = self.home.invitations.pop(number)
        room = self.home.rooms.setdefault(invitation.name, invitation)
        room.keys.update(invitation.keys)
        self.home.current = room.name
        self.home.save()
        return room

    # Who can read what comes next

    def eldest(self, room):
        """Whether we are the one who sees to it that everybody has the right
        key: the member who has been there longest."""
        members = self.store.members(room.name)
        return bool(members) and members[0].member == self.me

    def welcome(self, room, member):
        """The new member's invitation may be older than the present key."""
        key = room.key()
        if key.epoch > 1 and self.eldest(room):
            self.share(room, key, member)

    def gone(self, room, event, member):
        """From now on another key, so that whoever is gone reads no further."""
        if member == self.me:
            self.forget(room.name)
            return
        ours = [room.name, member]
        if ours in self.home.removing:
            self.home.removing.remove(ours)
            self.rekey(room)
        elif event != "removed" and self.eldest(room):
            self.rekey(room)

    def rekey(self, room):
        key = RoomKey(room.key().epoch + 1)
        room.add(key)
        self.home.save()
        for row in self.store.members(room.name):
            if row.member != self.me:
                self.share(room, key, row.member)
        self.show({"event": "rekeyed", "room": room.title,
                   "sender": self.me, "epoch": key.epoch})

    def share(self, room, key, member):
        """Gives a member the key, by a message that only this member can
        open."""
        def give(public):
            if public is None:
                self.show({"event": "error", "text":
                           "%s cannot read on: their server shows no key" %
                           member})
                return
            sealed = key.seal(self.home.identity, room.name, member, public)
            self.store.send(room.name, self.home.handle, str(uuid.uuid4()),
                            member.encode() + b"\n" + sealed, "room_key")
        self.with_key(member, give)
