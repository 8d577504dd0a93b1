"""The checks that `avatar doctor` runs. Each check has one result and a next step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from avatar_core.agents.bridge.plugins import facts_of
from avatar_core.bases.rest import RestAvatarProvider
from avatar_core.contracts.errors import AvatarError, ConfigError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.net import ensure_reachable, is_loopback
from avatar_core.provisioning.async_ledger import RESPONSE_S, AsyncLedger
from avatar_core.provisioning.ledger import Ledger, default_folder
from avatar_core.provisioning.ledger_entry import SUFFIX, LedgerEntry
from avatar_core.registry.discovery import LIVEKIT, ProviderRegistry
from avatar_core.registry.selection import Candidate, resolve
from avatar_core.settings import AvatarSettings, LiveKitSettings
from avatar_core.tasks import describe_error, format_trace

Status = Literal["ok", "warning", "fault", "skipped"]
PROBE_S = 10.0
FITS = ("livekit-agents", "httpx", "pydantic-settings", "stevedore", "tenacity")


class CheckResult(NamedTuple):
    """The result of a check.

    Attributes:
        status: `ok`, `warning`, `fault`, or `skipped` if the check could not run.
        message: One line for the user.
        hint: The next step of the user; may be empty.
        code: The code of the error, for example `AV103`; empty without an error.
        trace: The traceback of the error's cause, without the values of variables; may be empty.
    """

    status: Status
    message: str
    hint: str = ""
    code: str = ""
    trace: str = ""


@dataclass(frozen=True)
class Check:
    """A check that `avatar doctor` runs.

    Attributes:
        name: Short name for the user.
        ask: An async function that runs the check. The function may raise an `AvatarError`.
        whose: The distribution to report a bug to if the function raises any other exception.
    """

    name: str
    ask: Callable[[], Awaitable[CheckResult]]
    whose: str = "avatar-core"

    async def run(self) -> CheckResult:
        """Run the check within `PROBE_S` seconds. Convert each exception into a result.

        Returns:
            The result of the check.
        """
        try:
            async with asyncio.timeout(PROBE_S):
                return await self.ask()
        except AvatarError as error:
            who = f"{error.provider}: " if error.provider else ""
            trace = format_trace(error.__cause__) if error.__cause__ is not None else ""
            return CheckResult("fault", f"{who}{error.message}", error.hint, error.code, trace)
        except TimeoutError:
            return CheckResult(
                "fault", f"the check had no result within {PROBE_S:g} s", "Check the network."
            )
        except Exception as error:
            hint = f"This is a bug of {self.whose}. Report it to its author."
            message = f"the check raised {describe_error(error)}"
            return CheckResult("fault", message, hint, trace=format_trace(error))


def list_checks() -> list[Check]:
    """List the checks for the current environment.

    Returns:
        The checks of the selection and of the installation, then the checks of each provider. If
        the selection fails, the list contains no check of a provider.
    """
    found = [
        Check("versions", _versions),
        Check("ledger", _ledger),
        Check("LiveKit", _livekit),
    ]
    try:
        chain = resolve(None, ProviderRegistry(), AvatarSettings.load())
    except ConfigError as error:
        message = error

        async def fault() -> CheckResult:
            """Raise the error of the selection.

            Raises:
                ConfigError: The configured chain cannot be used.
            """
            raise message

        return [Check("provider", fault), *found]
    for candidate in chain:
        if candidate.provider is not None:
            if candidate.name == LIVEKIT:  # a plugin shows no address, and checks no key
                found.append(Check(f"{candidate.provider.name} bridge", _limits_of(candidate)))
                continue
            found += [
                Check(f"{candidate.name} reachability", _reachability_of(candidate)),
                Check(f"{candidate.name} probe", _probe_of(candidate), _package_of(candidate)),
            ]
    names = ", ".join(
        candidate.provider.name if candidate.provider is not None else candidate.name
        for candidate in chain
    )

    async def chosen() -> CheckResult:
        """Return the names of the chain as the result of a check.

        Returns:
            The result, with the status `ok`.
        """
        return CheckResult("ok", f"{names}")

    return [Check("provider", chosen), *found]


async def _versions() -> CheckResult:
    """Compare the installed versions with the requirements of avatar-core.

    A later installation of another package may have changed the versions.
    """
    for line in requires("avatar-core") or ():
        needed = Requirement(line)
        if needed.name in FITS and not needed.specifier.contains(version(needed.name)):
            return CheckResult(
                "fault",
                f"{needed.name} {version(needed.name)} is installed, but avatar-core needs "
                f"{needed}",
                f"pip install '{needed}'",
            )
    from avatar_core.rtc.private_ffi import check_addressed_streams

    if not AvatarSettings.load().allow_public_audio:
        check_addressed_streams()
    versions = (f"{name} {version(name)}" for name in ("avatar-core", "livekit-agents", "livekit"))
    return CheckResult("ok", ", ".join(versions))


async def _ledger() -> CheckResult:
    folder = AvatarSettings.load().ledger or default_folder()
    if folder is None:
        return CheckResult(
            "warning",
            "avatar-core does not record paid sessions",
            "Set AVATAR_LEDGER to a folder that you own.",
        )
    message = f"{folder} did not respond within {RESPONSE_S:g} s"
    late = CheckResult("warning", message, "Set AVATAR_LEDGER to a folder on a local disk.")
    ledger = Ledger(folder)
    return await AsyncLedger(ledger).run(late, _check_ledger, ledger, folder)


def _check_ledger(ledger: Ledger, folder: Path) -> CheckResult:
    trial = LedgerEntry.pending("doctor", "trial", "", "")
    written = ledger.write(trial)
    found = trial in ledger.read_all()
    ledger.remove(trial)
    if written and ledger.problem:
        hint = "Correct the problem of the folder, or set AVATAR_LEDGER to a folder that you own."
        return CheckResult("warning", ledger.problem, hint)
    if not found:
        return CheckResult(
            "warning",
            f"avatar-core cannot write to {folder}",
            "Set AVATAR_LEDGER to a folder that you own.",
        )
    files = list(folder.glob(f"*{SUFFIX}"))
    known = {ledger_entry.file_name for ledger_entry in ledger.read_all()}
    if broken := [file for file in files if file.name not in known and file.exists()]:
        what = (
            f"avatar-core cannot read {len(broken)} files in {folder}; their sessions may be open"
        )
        return CheckResult("warning", what, "Check the vendor's dashboard, then delete the files.")
    left = [one for one in ledger.read_all() if ledger.is_orphan(one)]
    if left:
        what = f"{len(left)} paid session{'s' * (len(left) > 1)} of dead processes may be open"
        return CheckResult("warning", what, "To end them, run `avatar reap`.")
    return CheckResult("ok", "no session of a dead process is open")


async def _livekit() -> CheckResult:
    from avatar_core.cli.agents_in_rooms import find_unserved_agent
    from avatar_core.rtc.admin import SKEW_S, check_server

    livekit = LiveKitSettings.load()
    ahead_s = await check_server(livekit)
    if abs(ahead_s) > SKEW_S:
        return CheckResult(
            "warning", f"the clock of this machine is {ahead_s:+.0f} s off", "Set the clock."
        )
    if problem := await find_unserved_agent(livekit):
        return CheckResult("warning", *problem)
    return CheckResult("ok", f"{livekit.url} accepts the API key")


def _reachability_of(candidate: Candidate) -> Callable[[], Awaitable[CheckResult]]:
    async def check_reachability() -> CheckResult:
        """Check that the provider's servers can connect to the LiveKit server.

        Returns:
            The result; `skipped` if LIVEKIT_URL is not set.

        Raises:
            UnavailableError: The LiveKit server has no public address.
        """
        provider = candidate.provider
        if provider is None or not provider.endpoint:
            return CheckResult("ok", "the worker runs on the same machine as the agent")
        try:
            livekit = LiveKitSettings.load()
        except ConfigError:
            return CheckResult("skipped", "LIVEKIT_URL is not set")
        vendor, server = (urlsplit(url).hostname or "" for url in (provider.endpoint, livekit.url))
        if is_loopback(vendor):
            return CheckResult(
                "ok",
                f"{vendor} is this machine, so it can connect to the same servers as the agent",
            )
        if isinstance(provider, RestAvatarProvider) or is_loopback(server):
            ensure_reachable(provider.endpoint, livekit.url, provider.name)
            return CheckResult("ok", f"{server} is a public address")
        return CheckResult(
            "ok", f"{server} is not this machine; {vendor} must be able to connect to it"
        )

    return check_reachability


def _limits_of(candidate: Candidate) -> Callable[[], Awaitable[CheckResult]]:
    async def state_limits() -> CheckResult:
        """State what a bridge to a plugin of LiveKit cannot do.

        Returns:
            The result, with the status `warning`.
        """
        limits = "; ".join(facts_of(candidate.variant).limits())
        return CheckResult("warning", limits, "A native provider does not have these limits.")

    return state_limits


def _package_of(candidate: Candidate) -> str:
    module = type(candidate.provider).__module__.partition(".")[0]
    return next(iter(packages_distributions().get(module, ())), module)


def _probe_of(candidate: Candidate) -> Callable[[], Awaitable[CheckResult]]:
    async def probe() -> CheckResult:
        """Check the API key and the settings at the vendor.

        Returns:
            The result, with the status `ok`.

        Raises:
            ProvisionError: The vendor does not accept the key or a setting, or the call failed.
            Exception: The code of the provider raised any other exception.
        """
        assert candidate.provider is not None
        await candidate.provider.probe()
        asks = type(candidate.provider).probe is not AvatarProvider.probe
        return CheckResult(
            "ok",
            "the key and the settings work"
            if asks
            else "the provider offers no check of its settings",
        )

    return probe
