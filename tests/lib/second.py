# SPDX-License-Identifier: ISC
"""A second suite on the database of a server that is there: the same identity
(a copy of the keys) and the same PostgreSQL and tor, its own fedd with its own
configuration, listener, control socket, logs.

    second = Second(world.sides[0])         # a faults.Side
    second.start()
"""

import os
import shutil

import faults
import net
from server import Server


class SecondServer(Server):
    def __init__(self, state, number):
        super().__init__(state, number)
        self.directory = os.path.join(state.data["private"],
                                      "%d-second" % number)
        self.first_keys = self.keys
        self.keys = os.path.join(self.directory, "keys")
        self.signatures = os.path.join(self.directory, "signatures")
        self.config = os.path.join(self.directory, "fed.conf")
        self.listener = os.path.join(self.directory, "in", "listener")
        self.control = os.path.join(self.directory, "control", "control")

    def log(self, name):
        return super().log("second-" + name if name == "fedd" else name)

    def process_key(self, name):
        key = super().process_key(name)
        return key.replace("/", "-second/") if name == "fedd" else key

    def make(self):
        self.give(self.directory, 0o711)
        self.give(os.path.dirname(self.listener), 0o2750,
                  gid=self.child_id(len(faults.CHILDREN)))
        self.give(os.path.dirname(self.control), 0o755)
        self.give(self.signatures, 0o700)
        shutil.copytree(self.first_keys, self.keys)
        self.write_config()


class SecondNode(net.Node):
    def log(self, name="fedd"):
        return super().log("second-" + name if name == "fedd" else name)


class Second(faults.Side):
    def __init__(self, side):
        server = SecondServer(side.state, side.node.number)
        super().__init__(side.state, SecondNode(
            side.node.network, side.node.number, dict(
                side.node.entry, config=server.config, keys=server.keys,
                control=server.control, listener=server.listener)))
        self.server = server
        server.make()

    def start(self):
        self.server.start_fedd()
