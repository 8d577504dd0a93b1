"""Hosts that are public or private, and requests of web pages to servers of this machine."""

from __future__ import annotations

import pytest

from avatar_core.net import is_local_request, is_public


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


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:80", None),
        ("localhost", None),
        ("[::1]:8787", None),
        ("localhost:8787", "http://localhost:8787"),
        ("127.0.0.1:8787", "https://127.0.0.1:8787"),
    ],
)
def test_request_from_this_machine_is_local(host: str, origin: str | None) -> None:
    assert is_local_request(host, origin)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("", None),
        ("evil.example", None),
        ("localhost.evil.example", None),
        ("127.0.0.1@evil.example", None),
        ("evil.example:8787", "http://evil.example:8787"),
        ("[::1", None),
        ("127.0.0.1:8787", "http://evil.example"),
        ("127.0.0.1:8787", "http://127.0.0.1:80"),
        ("127.0.0.1:8787", "http://127.0.0.1:8787@evil.example"),
        ("127.0.0.1:8787", "null"),
        ("127.0.0.1:8787", "http://[::1"),
    ],
)
def test_request_from_another_website_is_not_local(host: str, origin: str | None) -> None:
    assert not is_local_request(host, origin)
