"""The validation of provider classes, and the errors for a failed import."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, Any, Self

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ApiVersionError, ProviderLoadError
from avatar_core.contracts.provider import PROVIDER_API_VERSION, AvatarProvider

MOST_TEXT = 500
"""The maximum number of characters of an import error that a message quotes."""

if TYPE_CHECKING:
    ProviderClass = type[AvatarProvider[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInfo:
    """The name, the distribution and the class of a provider.

    Attributes:
        name: The name of the provider in a chain.
        distribution: The distribution that `pip` installs; empty for a class that was registered
            at run time.
        version: The version of the distribution; empty for a class that was registered at run time.
        target: The provider class, as `module:name`.
    """

    name: str
    distribution: str
    version: str
    target: str

    @property
    def origin(self) -> str:
        """The distribution and its version, or the class if it was registered at run time."""
        return f"{self.distribution} {self.version}" if self.distribution else self.target

    @classmethod
    def of_entry_point(cls, point: EntryPoint) -> Self:
        """Create the description of an installed provider.

        Args:
            point: The entry point of the provider.

        Returns:
            The description.
        """
        return cls(
            name=point.name,
            distribution=point.dist.name if point.dist else "",
            version=point.dist.version if point.dist else "",
            target=point.value,
        )

    @classmethod
    def of_class(cls, name: str, found: object) -> Self:
        """Create the description of a provider that was registered at run time.

        Args:
            name: The name of the provider.
            found: The provider class, or another object that was passed instead of a class.

        Returns:
            The description, without a distribution.
        """
        named = f"{found.__module__}:{found.__qualname__}" if isinstance(found, type) else ""
        target = named or f"an instance of {type(found).__qualname__}"
        return cls(name=name, distribution="", version="", target=target)


def validate_provider(found: object, info: ProviderInfo) -> ProviderClass:
    """Check that an object is a complete provider class for this version of the provider API.

    The function `check_provider_class` finds most mistakes earlier, when Python creates the class.

    Args:
        found: The object that an entry point refers to, or that the user registered.
        info: The description of the provider.

    Returns:
        `found`, as a provider class.

    Raises:
        ProviderLoadError: `found` is not a provider class, or the class is incomplete.
        ApiVersionError: The class was written for another version of the provider API.
    """
    from avatar_core.settings import ProviderSettings

    def fault(what: str, hint: str = "") -> ProviderLoadError:
        """Create the error about the provider class.

        Args:
            what: The predicate of the sentence whose subject is the class.
            hint: The next step of the author, as a sentence.

        Returns:
            The error.
        """
        target = f"{info.target} of {info.distribution}" if info.distribution else info.target
        return ProviderLoadError(
            f"the provider cannot be used, because {target} {what}",
            provider=info.name,
            hint=hint,
            code=ErrorCode.INVALID_PROVIDER,
        )

    if not (isinstance(found, type) and issubclass(found, AvatarProvider)):
        raise fault(
            "is not a subclass of avatar_core.AvatarProvider.",
            "Write: class Provider(AvatarProvider[Settings])",
        )
    declared = getattr(found, "name", None)
    if declared != info.name:
        raise fault(f"has the name {declared!r}.", f"Write in the class: name = {info.name!r}")
    api = getattr(found, "api_version", None)
    if not (isinstance(api, tuple) and [type(part) for part in api] == [int, int]):
        hint = f"Write in the class: api_version = {PROVIDER_API_VERSION}"
        raise fault("does not state its version of the provider API.", hint)
    if api[0] != PROVIDER_API_VERSION[0] or api[1] > PROVIDER_API_VERSION[1]:
        behind = "avatar-core" if api > PROVIDER_API_VERSION else info.distribution
        raise ApiVersionError(
            f"{info.origin} needs version {api[0]}.{api[1]} of the provider API, but avatar-core "
            f"{_core_version()} has version {PROVIDER_API_VERSION[0]}.{PROVIDER_API_VERSION[1]}.",
            provider=info.name,
            hint=f"Install matching versions: pip install --upgrade {behind}" if behind else "",
        )
    settings_cls = getattr(found, "settings_cls", None)
    if not (isinstance(settings_cls, type) and issubclass(settings_cls, ProviderSettings)):
        hint = "Write in the class: settings_cls = <a subclass of avatar_core.ProviderSettings>"
        raise fault("does not name the class of its settings.", hint)
    if inspect.isabstract(found):
        absent = sorted(found.__abstractmethods__)
        raise fault(
            f"does not implement {' and '.join(absent)}.",
            f"Write in the class: {', '.join(f'async def {name}' for name in absent)}",
        )
    return found


def import_fault(info: ProviderInfo, error: BaseException) -> ProviderLoadError:
    """Create the error for an entry point that cannot be imported.

    The error distinguishes three causes: the module of the entry point is missing, a requirement of
    the distribution is missing, or the module raised an exception.

    Args:
        info: The description of the provider or command.
        error: The exception of the import.

    Returns:
        The error, with a hint that says what to install or upgrade.
    """
    missing = error.name or "" if isinstance(error, ImportError) else ""
    absent = missing if isinstance(error, ModuleNotFoundError) else ""
    own = info.target.partition(":")[0].strip()
    if missing.partition(".")[0] == "avatar_core":
        what = f"{info.origin} is not compatible with avatar-core {_core_version()}: {error}."
        hint = f"Install matching versions: pip install --upgrade avatar-core {info.distribution}"
    elif absent and f"{own}.".startswith(f"{absent}."):
        what = f"{info.origin} declares {info.target}, but does not contain the module {absent}."
        hint = f"Reinstall the distribution: pip install --force-reinstall {info.distribution}"
    elif absent:
        what = f"{info.origin} needs the module {absent}, which is not installed."
        hint = f"Install the module: pip install {_requirement(info.distribution, absent)}"
    else:
        text = f"{type(error).__name__}: {str(error)[:MOST_TEXT]}".removesuffix(": ")
        stop = "" if text.endswith((".", "?", "!")) else "."
        what = f"importing {info.target} of {info.origin} raised {text}{stop}"
        hint = f"Upgrade {info.distribution}, or report this error to its author."
    return ProviderLoadError(what, provider=info.name, hint=hint)


def _requirement(distribution: str, module: str) -> str:
    """Return the arguments of pip that install a module.

    The function uses only requirements of the distribution, and never guesses the name of a
    package.
    """
    top = module.partition(".")[0].lower()
    try:
        lines = requires(distribution) or ()
    except PackageNotFoundError:  # a plugin whose distribution has another name than its module
        lines = ()
    for line in lines:
        spec = line.partition(";")[0].strip()
        named = re.match(r"[\w.-]+", spec)
        if named and re.sub(r"[-_.]+", "_", named[0]).lower() == top:
            return f"'{spec}'"
    return f"--force-reinstall {distribution}"


def _core_version() -> str:
    try:
        return version("avatar-core")
    except PackageNotFoundError:
        return "(not installed)"
