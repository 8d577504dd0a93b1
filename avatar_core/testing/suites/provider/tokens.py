"""Checks of room tokens: the least grants for the shortest time, and no secret in a URL.

Each check takes the suite, and raises `CheckFailed` if the provider fails the check.
"""

from __future__ import annotations

from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.testing.suites.check import CheckFailed, Level, NotApplicable, check
from avatar_core.testing.suites.provider.bench import AGENT, open_bench
from avatar_core.testing.suites.provider.discovery import load_provider
from avatar_core.testing.suites.provider.subject import ProviderSubject

HINT = "Use request.avatar_token() instead of an own TokenSpec."


@check("P30", Level.SILVER)
async def room_token_has_the_least_grants(suite: ProviderSubject) -> None:
    """The room token is for the avatar alone, may not subscribe, and expires in time."""
    load_provider(suite)
    async with open_bench(suite) as bench:
        avatar = await bench.provision()
        if not bench.minted:
            raise NotApplicable("the provider creates no room token")
        limit_s = bench.request().token_ttl_s
        for spec, _ in bench.minted:
            if spec.identity != avatar.identity:
                raise CheckFailed(
                    f"The room token is for {spec.identity!r}, but the record says that the avatar "
                    f"is {avatar.identity!r}.",
                    "Mint the token for request.identity, and return the same identity.",
                )
            if spec.ttl_s > limit_s:
                raise CheckFailed(
                    f"The room token is valid for {spec.ttl_s:g} s instead of {limit_s:g} s.", HINT
                )
            if spec.can_subscribe:
                raise CheckFailed("The room token may subscribe to all tracks of the room.", HINT)
            if spec.attributes.get(PUBLISH_ON_BEHALF) != AGENT:
                raise CheckFailed(
                    f"The room token lacks the attribute {PUBLISH_ON_BEHALF} with the identity of "
                    "the agent, so the avatar does not speak for the agent.",
                    HINT,
                )


@check("P31", Level.SILVER)
async def url_contains_no_secret(suite: ProviderSubject) -> None:
    """No URL of a request contains the API key or a room token, because servers log URLs."""
    load_provider(suite)
    async with open_bench(suite) as bench:
        bench.need_vendor()
        avatar = await bench.provision()
        await bench.provider.release(avatar, "the check ends")
        secrets = bench.secrets()
        for call in bench.calls:
            if any(secret in call.path for secret in secrets):
                raise CheckFailed(
                    f"The URL of the {call.operation} request contains a secret.",
                    "Send the API key in a header, and the room token in the body.",
                )


CHECKS = (room_token_has_the_least_grants, url_contains_no_secret)
