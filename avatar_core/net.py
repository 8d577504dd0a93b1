"""Which hosts are this machine, and which ones everybody reaches."""

from __future__ import annotations

from ipaddress import ip_address

_PRIVATE = (
    *(".arpa", ".corp", ".home", ".internal", ".invalid", ".lan", ".local"),
    *(".localdomain", ".localhost", ".test"),
)
"""Names that end so are known to nobody outside."""
_DIGITS = frozenset("0123456789")


def is_public(host: str) -> bool:
    """Whether a server elsewhere can reach that host, as far as its name tells."""
    host = host.lower().rstrip(".")
    try:
        return ip_address(host).is_global
    except ValueError:
        *before, last = host.split(".")
        number = last.startswith("0x") or _DIGITS.issuperset(last)  # 127.1, 2130706433, 0x7f.1
        return bool(before) and not number and not host.endswith(_PRIVATE)


def is_loopback(host: str) -> bool:
    """Whether that host is this machine, and reached by nobody else."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
