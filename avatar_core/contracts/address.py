"""Which hosts are this machine."""

from __future__ import annotations

from ipaddress import ip_address


def is_public(host: str) -> bool:
    """Whether a server elsewhere can reach that host, as far as its name tells."""
    try:
        return ip_address(host).is_global
    except ValueError:
        return bool(host) and not f".{host}".endswith((".localhost", ".local", ".internal"))


def is_loopback(host: str) -> bool:
    """Whether that host is this machine, and reached by nobody else."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
