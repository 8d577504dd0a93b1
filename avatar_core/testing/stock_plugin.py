"""A comparison of a provider's requests with those of an unmodified avatar plugin of LiveKit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

import jwt

from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionRequest, TokenSpec
from avatar_core.provisioning.tokens import TokenMint
from avatar_core.settings import LiveKitSettings
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.http_server import serve_http
from avatar_core.testing.fake_vendor.recorded import RecordedRequest

LIVEKIT_URL = "wss://my-project.livekit.cloud"
LIVEKIT_KEY, LIVEKIT_SECRET = "livekit-key", "a livekit secret of thirty-two letters"
ROOM, AGENT, IDENTITY = "room", "agent", "avatar"
"""The names of the room, the agent and the avatar's participant in all recorded requests."""
ABSENT = "(absent)"
"""Stands in a difference for a value that one of the requests does not contain."""
CONNECTION_HEADERS = {
    *("accept", "accept-encoding", "connection", "content-length", "host", "user-agent"),
}
"""Headers that the HTTP client sets, which are no part of the vendor's API."""

TOKEN_DIFFERENCES = {
    "name": "the plugins always set a display name",
    "ttl_s": "our token admits for the time that a join may take",
    "video.canPublishSources": "an avatar needs a camera and a microphone",
    "video.canSubscribe": "an avatar receives its audio as data, and need not hear the room",
    "video.canUpdateOwnMetadata": "the grants of our token are explicit",
}
"""Why the claims of our room token differ from those of the plugins' tokens."""


class Difference(NamedTuple):
    """Two different values at the same place of two requests.

    Attributes:
        ours: The value in the request of the provider; `ABSENT` for no value.
        stock: The value in the request of the plugin; `ABSENT` for no value.
    """

    ours: object
    stock: object


async def record_stock_requests(
    make_session: Callable[[str], Any], vendor: FakeVendor
) -> list[RecordedRequest]:
    """Start an unmodified avatar plugin of LiveKit, and return the requests that it sends.

    The plugin runs in a job without a server, and calls the fake vendor over TCP on the loopback
    interface. The room and the agent session only accept the calls that a plugin makes at its
    start. Do not call the function in virtual time.

    Args:
        make_session: A function that creates the plugin's `AvatarSession` for the base URL of the
            fake vendor. Pass `avatar_participant_identity=IDENTITY` for equal identities.
        vendor: The fake vendor.

    Returns:
        The requests in their order.

    Raises:
        Exception: The plugin raised an error, for example after an unexpected response.
        AssertionError: The plugin started, but did not replace the audio output of the agent.
    """
    from livekit.agents.testing import fake_job_context
    from livekit.agents.utils import http_context

    before = len(vendor.recorded)
    agent_session = _AgentSession()
    room: Any = _Room()
    async with serve_http(vendor) as url, http_context.open():
        with fake_job_context(room=room) as job:
            job._info.token = _mint(TokenSpec(identity=AGENT))  # where plugins read the identity
            await make_session(url).start(
                agent_session,
                room,
                livekit_url=LIVEKIT_URL,
                livekit_api_key=LIVEKIT_KEY,
                livekit_api_secret=LIVEKIT_SECRET,
            )
    if agent_session.output.audio is None:
        raise AssertionError("The plugin started without an error, but also without an avatar.")
    return vendor.recorded[before:]


async def record_provider_requests(
    provider: AvatarProvider[Any], vendor: FakeVendor
) -> list[RecordedRequest]:
    """Provision an avatar, and return the requests that the provider sends.

    Args:
        provider: The provider, with the `transport` of the fake vendor.
        vendor: The fake vendor.

    Returns:
        The requests in their order.

    Raises:
        ProvisionError: The vendor did not create a session.
    """
    before = len(vendor.recorded)
    await provider.provision(make_request())
    return vendor.recorded[before:]


def make_request(key: str = "room-1", deadline_s: float = 10.0) -> ProvisionRequest:
    """Create a request to a provider with a room token that is signed like a real one.

    Args:
        key: The key of the request.
        deadline_s: Seconds that `provision` may take.

    Returns:
        The request. It records no session in a ledger, and cannot start workers.
    """
    return ProvisionRequest(
        key=key,
        livekit_url=LIVEKIT_URL,
        room_name=ROOM,
        agent_identity=AGENT,
        identity=IDENTITY,
        deadline_s=deadline_s,
        mint=_mint,
        claim=lambda avatar: None,
        start_worker=_refuse_worker,
    )


def find_differences(ours: RecordedRequest, stock: RecordedRequest) -> dict[str, Difference]:
    """Compare two requests, with the claims of the room tokens in them.

    Args:
        ours: The request of the provider.
        stock: The request of the plugin.

    Returns:
        The different values by their place: `method`, `path`, `header x-api-key`, or
        `body.transport.token.ttl_s` for a value in the body or in a room token. Headers of the
        HTTP client, such as `user-agent`, are not compared.
    """
    left, right = dict(_values(ours)), dict(_values(stock))
    return {
        place: Difference(left.get(place, ABSENT), right.get(place, ABSENT))
        for place in sorted({*left, *right})
        if left.get(place, ABSENT) != right.get(place, ABSENT)
    }


def token_differences(place: str) -> dict[str, str]:
    """Return the explanations for the differences of a room token.

    Args:
        place: The place of the token in the request, such as `body.transport.token`.

    Returns:
        The explanations by place, for `check_differences`.
    """
    return {f"{place}.{claim}": reason for claim, reason in TOKEN_DIFFERENCES.items()}


def check_differences(found: Mapping[str, Difference], explained: Mapping[str, str]) -> None:
    """Check that each difference has an explanation, and each explanation a difference.

    Args:
        found: The differences, from `find_differences`.
        explained: The reason of each difference, by its place.

    Raises:
        AssertionError: A difference has no explanation, or an explanation has no difference.
    """
    lines = [
        f"{place}: ours is {ours!r}, the plugin's is {stock!r}; the test does not explain it."
        for place, (ours, stock) in found.items()
        if place not in explained
    ]
    lines += [
        f"{place}: the values are equal, but the test explains a difference."
        for place in explained
        if place not in found
    ]
    if lines:
        raise AssertionError("\n".join(lines))


def _values(request: RecordedRequest) -> Iterator[tuple[str, object]]:
    yield "method", request.method
    yield "path", request.path
    for name, value in request.headers.items():
        if name not in CONNECTION_HEADERS:
            yield f"header {name}", value
    yield from _flatten("body", request.body)


def _flatten(place: str, value: Any) -> Iterator[tuple[str, object]]:
    claims = _claims_of(value) if isinstance(value, str) else value
    if isinstance(claims, dict) and claims:
        for name, inner in claims.items():
            yield from _flatten(f"{place}.{name}", inner)
    else:
        yield place, value


def _claims_of(text: str) -> dict[str, Any] | None:
    """Return the claims of a room token, with its lifetime in place of its times."""
    try:
        claims: dict[str, Any] = jwt.decode(text, options={"verify_signature": False})
    except jwt.PyJWTError:
        return None
    end, begin = claims.pop("exp", 0), claims.pop("nbf", 0)
    claims.pop("iat", None)
    return {**claims, "ttl_s": end - begin}


def _mint(spec: TokenSpec) -> str:
    settings = LiveKitSettings.load(url=LIVEKIT_URL, api_key=LIVEKIT_KEY, api_secret=LIVEKIT_SECRET)
    return TokenMint(settings, ROOM).mint(spec)


async def _refuse_worker(*_: object, **__: object) -> NoReturn:
    raise AssertionError("A provider of a vendor must not start a worker.")


class _Output:
    """The output of an agent session, as far as a plugin uses it."""

    audio: object = None

    def replace_audio_tail(self, sink: object) -> None:
        self.audio = sink


class _AgentSession:
    """An agent session, as far as a plugin uses it at its start."""

    def __init__(self) -> None:
        self.output = _Output()

    def on(self, event: str, callback: Callable[..., None] | None = None) -> Callable[..., Any]:
        return callback or (lambda decorated: decorated)


class _Participant:
    identity = AGENT


class _Room:
    """A room that is not connected, as far as a plugin uses it at its start."""

    name = ROOM
    local_participant = _Participant()
    remote_participants: Mapping[str, object] = {}

    def isconnected(self) -> bool:
        return False

    def on(self, *_: object) -> None:
        return
