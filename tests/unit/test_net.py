"""`is_public` distinguishes public hosts from private ones."""

from __future__ import annotations

import pytest

from avatar_core.net import is_public


@pytest.mark.parametrize(
    "host",
    [
        *(
            "my-project.livekit.cloud",
            "livekit.acme.io",
            "livekit.acme.io.",
            "homeland.corporate.de",
        ),
        *("8.8.8.8", "2606:4700:4700::1111", "xn--bcher-kva.de", "1.acme.io", "test.acme.io"),
    ],
)
def test_is_public_accepts_a_public_host(host: str) -> None:
    assert is_public(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", ".", "livekit", "livekit-server", "localhost", "localhost.", "LOCALHOST"),
        *("nas.lan", "NAS.LAN.", "x.home.arpa", "x.localdomain", "x.test", "x.invalid", "a.corp"),
        *("a.home", "a.internal", "a.local", "a.localhost", "svc.default.svc.cluster.local"),
        *("127.1", "2130706433", "0x7f.1", "0x7f000001", "10.0.0.256", "127.0.0.1", "10.0.0.5"),
        *("192.168.1.2", "172.16.0.1", "169.254.1.1", "100.64.0.1", "::1", "fe80::1", "fd00::1"),
        "::ffff:127.0.0.1",
    ],
)
def test_is_public_rejects_a_private_host(host: str) -> None:
    assert not is_public(host)
