"""What `avatar doctor` looks at: each check is one question, with one answer and a next step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import packages_distributions, requires, version
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from avatar_core.bases.rest import RestAvatarProvider
from avatar_core.contracts.errors import AvatarError, ConfigError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.net import ensure_reachable, is_loopback
from avatar_core.provisioning.ledger import Ledger, default_folder
from avatar_core.provisioning.ledger_entry import SUFFIX, LedgerEntry
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import Candidate, resolve
from avatar_core.settings import AvatarSettings, LiveKitSettings
from avatar_core.tasks import describe_error, format_trace

Verdict = Literal["ok", "warning", "fault", "skipped"]
PROBE_S = 10.0
FITS = ("livekit-agents", "httpx", "pydantic-settings", "stevedore", "tenacity")


class Answer(NamedTuple):
    """Of a check.

    Attributes:
        verdict: How it stands.
        said: One line.
        hint: The next step, where there is one.
        code: Of the error, where there was one.
        trace: The traceback of the error's cause, without the values that it may quote.
    """

    verdict: Verdict
    said: str
    hint: str = ""
    code: str = ""
    trace: str = ""


@dataclass(frozen=True)
class Check:
    """A question.

    Attributes:
        name: Two words.
        ask: Answers it, or raises an `AvatarError`.
        whose: The package that answers for anything else that it raises.
    """

    name: str
    ask: Callable[[], Awaitable[Answer]]
    whose: str = "avatar-core"

    async def answer(self) -> Answer:
        """The answer, whatever happens."""
        try:
            async with asyncio.timeout(PROBE_S):
                return await self.ask()
        except AvatarError as error:
            who = f"{error.provider}: " if error.provider else ""
            trace = format_trace(error.__cause__) if error.__cause__ is not None else ""
            return Answer("fault", f"{who}{error.message}", error.hint, error.code, trace)
        except TimeoutError:
            return Answer("fault", f"no answer within {PROBE_S:g} s", "Check the network.")
        except Exception as error:
            hint = f"This is a bug of {self.whose}. Report it to its author."
            said = f"the check raised {describe_error(error)}"
            return Answer("fault", said, hint, trace=format_trace(error))


def checks() -> list[Check]:
    """All of them, for the environment as it is; those of providers come last."""
    found = [
        Check("versions", _versions),
        Check("ledger", _ledger),
        Check("LiveKit", _livekit),
    ]
    try:
        chain = resolve(None, ProviderRegistry(), AvatarSettings.load())
    except ConfigError as error:
        said = error

        async def fault() -> Answer:
            raise said

        return [Check("provider", fault), *found]
    for candidate in chain:
        if candidate.provider is not None:
            found += [
                Check(f"{candidate.name} reach", _reach_of(candidate)),
                Check(f"{candidate.name} probe", _probe_of(candidate), _package_of(candidate)),
            ]
    names = ", ".join(candidate.name for candidate in chain)

    async def chosen() -> Answer:
        return Answer("ok", f"{names}")

    return [Check("provider", chosen), *found]


async def _versions() -> Answer:
    """What avatar-core needs, it has: pip does not hold to it later."""
    for line in requires("avatar-core") or ():
        needed = Requirement(line)
        if needed.name in FITS and not needed.specifier.contains(version(needed.name)):
            return Answer(
                "fault",
                f"{needed.name} {version(needed.name)} is installed, and {needed} is needed",
                f"pip install '{needed}'",
            )
    told = (f"{name} {version(name)}" for name in ("avatar-core", "livekit-agents", "livekit"))
    return Answer("ok", ", ".join(told))


async def _ledger() -> Answer:
    folder = AvatarSettings.load().ledger or default_folder()
    if folder is None:
        return Answer("warning", "none is kept", "Set AVATAR_LEDGER to a folder of yours.")
    ledger, trial = Ledger(folder), LedgerEntry.pending("doctor", "trial", "", "")
    ledger.write(trial)
    written = trial in ledger.read_all()
    ledger.remove(trial)
    if not written:
        return Answer(
            "warning", f"{folder} cannot be written", "Set AVATAR_LEDGER to a folder of yours."
        )
    files = list(folder.glob(f"*{SUFFIX}"))
    known = {entry.file_name for entry in ledger.read_all()}
    if broken := [file for file in files if file.name not in known and file.exists()]:
        what = f"{len(broken)} of {folder} cannot be read: what it bought may be open"
        return Answer("warning", what, "Look at the vendor's own page, then delete it.")
    left = [entry for entry in ledger.read_all() if entry.is_orphan()]
    if left:
        what = f"{len(left)} paid session{'s' * (len(left) > 1)} of dead processes may be open"
        return Answer("warning", what, "End them: avatar reap")
    return Answer("ok", "nothing is left open")


async def _livekit() -> Answer:
    from avatar_core.rtc.admin import SKEW_S, check_server

    livekit = LiveKitSettings.load()
    ahead_s = await check_server(livekit)
    if abs(ahead_s) > SKEW_S:
        return Answer("warning", f"this machine's clock is {ahead_s:+.0f} s off", "Set the clock.")
    return Answer("ok", f"{livekit.url} takes our key")


def _reach_of(candidate: Candidate) -> Callable[[], Awaitable[Answer]]:
    async def reach() -> Answer:
        provider = candidate.provider
        if provider is None or not provider.endpoint:
            return Answer("ok", "its worker runs where your agent runs")
        try:
            livekit = LiveKitSettings.load()
        except ConfigError:
            return Answer("skipped", "there is no LiveKit server to reach")
        vendor, server = (urlsplit(url).hostname or "" for url in (provider.endpoint, livekit.url))
        if is_loopback(vendor):
            return Answer("ok", f"{vendor} reaches what your agent reaches")
        if isinstance(provider, RestAvatarProvider) or is_loopback(server):
            ensure_reachable(provider.endpoint, livekit.url, provider.name)
            return Answer("ok", f"{server} looks public")
        return Answer("ok", f"{server} is not this machine; {vendor} must reach it")

    return reach


def _package_of(candidate: Candidate) -> str:
    module = type(candidate.provider).__module__.partition(".")[0]
    return next(iter(packages_distributions().get(module, ())), module)


def _probe_of(candidate: Candidate) -> Callable[[], Awaitable[Answer]]:
    async def probe() -> Answer:
        assert candidate.provider is not None
        await candidate.provider.probe()
        asks = type(candidate.provider).probe is not AvatarProvider.probe
        return Answer("ok", "its key and its choices work" if asks else "it has nothing to ask")

    return probe
