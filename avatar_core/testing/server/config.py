"""The configuration that keeps a livekit-server on loopback."""

from __future__ import annotations

import json
import os
from pathlib import Path

from avatar_core.testing.server.ports import LOOPBACK


def write_config(path: Path, *, port: int, udp_port: int, api_key: str, api_secret: str) -> None:
    """Write the server's configuration, with read permission for its owner only.

    The file contains JSON, which is also valid YAML. ICE over TCP is switched off, because
    livekit-server ignores `bind_addresses` for that port and binds it on all interfaces.

    Args:
        path: The file to create.
        port: TCP port for signalling (HTTP and WebSocket).
        udp_port: UDP port for media.
        api_key: Name of the only API key that the server accepts.
        api_secret: Secret of that key.

    Raises:
        FileExistsError: `path` exists already.
        OSError: The file cannot be written.
    """
    config = {
        "port": port,
        "bind_addresses": [LOOPBACK],
        "rtc": {
            "node_ip": LOOPBACK,
            "enable_loopback_candidate": True,
            "interfaces": {"includes": ["lo", "lo0"]},
            "ips": {"includes": ["127.0.0.0/8"]},
            "use_external_ip": False,
            "tcp_port": 0,
            "udp_port": udp_port,
        },
        "keys": {api_key: api_secret},
        "logging": {"level": "info"},
    }
    config_fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(config_fd, "w") as file:
        json.dump(config, file)
