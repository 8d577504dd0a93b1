"""The configuration that keeps a livekit-server on the loopback interface."""

from __future__ import annotations

import json
import os
from pathlib import Path

from avatar_core.testing.server.ports import LOOPBACK


def write_config(
    path: Path, *, port: int, udp_port: int, api_key: str, api_secret: str, media_ip: str = LOOPBACK
) -> None:
    """Write the configuration of a livekit-server; only the owner of the file can read it.

    The file contains JSON, which is also valid YAML. The configuration disables ICE over TCP,
    because livekit-server ignores `bind_addresses` for that port and binds it on all interfaces.

    Args:
        path: The file to create.
        port: The TCP port for signalling (HTTP and WebSocket).
        udp_port: The UDP port for media.
        api_key: The only API key that the server accepts.
        api_secret: The secret of the key.
        media_ip: The address to which clients send media. If the server does not listen at this
            address, the server sends no ICE checks, so that all packets pass a relay there.

    Raises:
        FileExistsError: `path` exists already.
        OSError: The file cannot be written.
    """
    config = {
        "port": port,
        "bind_addresses": [LOOPBACK],
        "rtc": {
            "node_ip": media_ip,
            "use_ice_lite": media_ip != LOOPBACK,
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
