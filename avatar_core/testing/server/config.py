"""What a livekit-server is told so that it stays on loopback."""

from __future__ import annotations

import json
import os
from pathlib import Path

from avatar_core.testing.server.ports import LOOPBACK


def write_config(path: Path, *, port: int, udp_port: int, api_key: str, api_secret: str) -> None:
    """Write the server's configuration, readable by its owner alone.

    JSON is YAML too. There is no ICE over TCP: livekit-server binds that port on every
    address of the machine, whatever `bind_addresses` says.
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
