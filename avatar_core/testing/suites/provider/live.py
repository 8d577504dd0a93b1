"""Checks of the real vendor, with the settings of the environment, cheapest first.

The checks run only with the option `--avatar-live`. Each check takes the suite, and raises
`CheckFailed` if the provider fails the check.
"""

from __future__ import annotations

import secrets
from typing import Any

from avatar_core.contracts.errors import AuthError, AvatarError, ConfigError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.provisioning.tokens import TokenMint
from avatar_core.settings import LiveKitSettings
from avatar_core.tasks import describe_error
from avatar_core.testing.suites.check import CheckFailed, Level, NotApplicable, check
from avatar_core.testing.suites.provider.bench import AGENT
from avatar_core.testing.suites.provider.record import check_record
from avatar_core.testing.suites.provider.subject import ProviderSubject

WRONG_KEY = "key-of-the-avatar-core-suite"
DEADLINE_S = 20.0


@check("L01", Level.LIVE)
async def vendor_accepts_the_key(suite: ProviderSubject) -> None:
    """`probe` succeeds at the real vendor with the settings of the environment."""
    _need_probe(suite)
    provider = _make_provider(suite)
    try:
        await provider.probe()
    except AvatarError as error:
        raise CheckFailed(f"The vendor refused the settings of the environment: {error}") from None
    finally:
        await provider.aclose()


@check("L02", Level.LIVE)
async def vendor_refuses_a_wrong_key(suite: ProviderSubject) -> None:
    """`probe` raises AuthError at the real vendor with a wrong key."""
    _need_probe(suite)
    if "api_key" not in suite.provider.settings_cls.model_fields:
        raise NotApplicable("the provider has no api_key")
    provider = _make_provider(suite, api_key=WRONG_KEY)
    try:
        await provider.probe()
    except AuthError:
        return
    except Exception as error:
        raise CheckFailed(
            f"For a wrong key, probe raised {describe_error(error)} instead of AuthError: {error}",
            "Map the vendor's status or message to AuthError with error_phrases.",
        ) from None
    finally:
        await provider.aclose()
    raise CheckFailed("The vendor accepts a wrong key.", "Let `probe` call a route with the key.")


@check("L03", Level.LIVE)
async def vendor_creates_and_ends_a_session(suite: ProviderSubject) -> None:
    """The real vendor creates a session, which `release` ends twice without an error."""
    provider = _make_provider(suite)
    try:
        livekit = LiveKitSettings.load()
    except ConfigError as error:
        raise NotApplicable(f"no LiveKit server for the session: {error}") from None
    claims: list[ProvisionedAvatar] = []
    try:
        avatar = check_record(await provider.provision(_make_request(provider, livekit, claims)))
        if [claim.session_id for claim in claims] != [avatar.session_id]:
            raise CheckFailed("provision did not claim its session.", "Call request.claim.")
    except AvatarError as error:
        raise CheckFailed(f"The vendor created no session: {error}") from None
    finally:
        try:
            for claim in claims:
                for _ in range(2):
                    await provider.release(claim, "the check ends")
        except AvatarError as error:
            raise CheckFailed(
                f"The session was not ended: {error}", "End the session on the vendor's site."
            ) from None
        finally:
            await provider.aclose()


def _need_probe(suite: ProviderSubject) -> None:
    if suite.provider.probe is AvatarProvider.probe:
        raise NotApplicable("the provider does not override probe")


def _make_provider(suite: ProviderSubject, **settings: Any) -> AvatarProvider[Any]:
    try:
        return suite.provider(suite.provider.settings_cls.load(**settings))
    except ConfigError as error:
        raise CheckFailed(
            f"The environment does not set up the provider: {error}",
            "Set the variables of the provider, and run pytest with --avatar-live again.",
        ) from None


def _make_request(
    provider: AvatarProvider[Any], livekit: LiveKitSettings, claims: list[ProvisionedAvatar]
) -> ProvisionRequest:
    suffix = secrets.token_hex(4)
    room = f"avatar-suite-{suffix}"

    async def refuse_worker(*_: object, **__: object) -> Any:
        raise NotApplicable("the provider starts its own worker, and has no vendor")

    return ProvisionRequest(
        key=f"{room}-{suffix}",
        livekit_url=livekit.ws_url,
        room_name=room,
        agent_identity=AGENT,
        identity=f"{provider.name}-avatar-{suffix}",
        deadline_s=DEADLINE_S,
        mint=TokenMint(livekit, room).mint,
        claim=claims.append,
        start_worker=refuse_worker,
    )


CHECKS = (
    vendor_accepts_the_key,
    vendor_refuses_a_wrong_key,
    vendor_creates_and_ends_a_session,
)
