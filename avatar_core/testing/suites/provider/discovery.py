"""Checks of discovery: the entry point, the name, the API version, and the import of the package.

Each check takes the suite, and raises `CheckFailed` if the provider fails the check.
"""

from __future__ import annotations

import re
import subprocess
import sys

from avatar_core.contracts.errors import ApiVersionError, ConfigError, ProviderNotFoundError
from avatar_core.registry.discovery import GROUP, RESERVED, ProviderRegistry
from avatar_core.registry.validation import ProviderInfo, validate_provider
from avatar_core.testing.suites.check import Blocked, CheckFailed, Level, check
from avatar_core.testing.suites.provider.subject import ProviderSubject

NAME = re.compile(r"[a-z][a-z0-9-]*")
IMPORT_S = 60.0

PROBE = """
import socket, sys
sys.path[:] = {path!r}
def refuse(*_, **__):
    raise OSError("The import of a provider package must not use the network.")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
import {module}
loaded = sorted(name for name in sys.modules if name == "livekit" or name.startswith("livekit."))
print("loaded:", *loaded[:3])
"""


@check("P01", Level.BRONZE)
def entry_point_names_the_provider(suite: ProviderSubject) -> None:
    """An installed distribution has an entry point that loads the provider class by its name."""
    name = suite.provider.name
    try:
        found = ProviderRegistry().load(name)
    except ProviderNotFoundError:
        target = f"{suite.provider.__module__}:{suite.provider.__qualname__}"
        raise CheckFailed(
            f"No installed distribution has the entry point {name!r} in the group {GROUP!r}.",
            f'Write in pyproject.toml: [project.entry-points."{GROUP}"] and {name} = "{target}". '
            "Then run: pip install -e .",
        ) from None
    except ApiVersionError as error:
        raise Blocked("P02", str(error)) from None
    except ConfigError as error:
        raise CheckFailed(str(error)) from None
    if found is not suite.provider:
        raise CheckFailed(
            f"The entry point {name!r} loads {found.__module__}:{found.__qualname__}, but the "
            f"suite checks {suite.provider.__module__}:{suite.provider.__qualname__}.",
            "Set `provider` of the suite to the class of the entry point.",
        )
    if not ProviderRegistry().describe(name).version:
        raise CheckFailed(
            f"The distribution of the provider {name!r} has no version.",
            "Set `version` in the section [project] of pyproject.toml.",
        )


@check("P02", Level.BRONZE)
def name_and_api_version_are_valid(suite: ProviderSubject) -> None:
    """The name fits into a chain, and this avatar-core supports the API version."""
    cls = suite.provider
    if cls.name in RESERVED:
        raise CheckFailed(f"The provider name {cls.name!r} is reserved.", "Choose another name.")
    if not NAME.fullmatch(cls.name):
        raise CheckFailed(
            f"The provider name {cls.name!r} does not fit into a chain.",
            "Use lower-case letters, digits and hyphens, with a letter first.",
        )
    if cls.settings_cls.provider not in ("", cls.name):
        raise CheckFailed(
            f"{cls.settings_cls.__name__}.provider is {cls.settings_cls.provider!r}, but the name "
            f"of the provider is {cls.name!r}.",
            f'Write in the settings class: provider: ClassVar[str] = "{cls.name}"',
        )
    try:
        validate_provider(cls, ProviderInfo.of_class(cls.name, cls))
    except ConfigError as error:
        raise CheckFailed(str(error)) from None


@check("P03", Level.BRONZE)
def import_needs_neither_livekit_nor_the_network(suite: ProviderSubject) -> None:
    """The import of the package loads no module of livekit and opens no connection."""
    module = suite.provider.__module__
    done = subprocess.run(  # noqa: S603 - the interpreter of this test
        [sys.executable, "-c", PROBE.format(path=sys.path, module=module)],
        capture_output=True,
        text=True,
        timeout=IMPORT_S,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no output"]
        raise CheckFailed(
            f"The import of {module} failed in a process of its own: {last[0]}",
            "Move calls of the network, and imports that need them, into the methods.",
        )
    loaded = done.stdout.rpartition("loaded:")[2].split()
    if loaded:
        raise CheckFailed(
            f"The import of {module} loads {loaded[0]}, so `avatar list` and each chain with the "
            "provider become slow.",
            "Import livekit inside the methods that need it.",
        )


def load_provider(suite: ProviderSubject) -> None:
    """Check that the provider class can be used at all, before another check.

    Args:
        suite: The suite.

    Raises:
        Blocked: The class was written for another version of the provider API, or is incomplete.
    """
    try:
        validate_provider(
            suite.provider, ProviderInfo.of_class(suite.provider.name, suite.provider)
        )
    except ConfigError as error:
        raise Blocked("P02", str(error)) from None


CHECKS = (
    entry_point_names_the_provider,
    name_and_api_version_are_valid,
    import_needs_neither_livekit_nor_the_network,
)
