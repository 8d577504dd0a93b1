"""A provider module that opens a connection when it is imported in a process of its own."""

import socket
import sys

from tests.suites.right_providers import AcmeProvider

if "pytest" not in sys.modules:
    socket.create_connection(("127.0.0.1", 9))


class ConnectsAtImport(AcmeProvider):
    pass
