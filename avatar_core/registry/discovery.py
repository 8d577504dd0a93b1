"""The class `ProviderRegistry`, which finds, imports and creates providers by name."""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import (
    AvatarError,
    ConfigError,
    ProviderConflictError,
    ProviderNotFoundError,
    SettingsError,
)
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.registry.validation import ProviderInfo, import_fault, validate_provider
from avatar_core.tasks import describe_error

if TYPE_CHECKING:
    from avatar_core.settings import ProviderSettings

    ProviderClass = type[AvatarProvider[Any]]

GROUP = "avatar_core.providers"
VOICE, LIVEKIT = "voice", "livekit"
RESERVED = frozenset({VOICE, LIVEKIT})
OWN = "avatar-core"
"""The only distribution that may offer the provider `livekit`, the bridge to LiveKit's plugins."""
NOT_INSTALLED = (
    "Correct the name, or install its package (avatar-provider-<name>) once you have checked "
    "who publishes it."
)
"""The hint contains no command to copy, because anybody can publish a package under a misspelt
name."""


class ProviderRegistry:
    """The installed providers by name, from the entry-point group `avatar_core.providers`.

    The registry reads the entry points at the first use, and again if a name is missing. Only
    `load` and `create` import a provider.
    """

    def __init__(self) -> None:
        self._registered: dict[str, ProviderClass] = {}
        self._read = False

    def names(self) -> tuple[str, ...]:
        """Return the names of all providers, sorted.

        Returns:
            The names, with the names of providers that `load` would refuse, and without `livekit`,
            which needs the name of a plugin.
        """
        offered = {point.name for point in self._offers() if not _is_bridge(point)}
        return tuple(sorted({*self._registered, *offered}))

    def describe(self, name: str) -> ProviderInfo:
        """Find the distribution of a provider, without an import of the provider.

        Args:
            name: The name of the provider.

        Returns:
            The distribution, its version and the provider class.

        Raises:
            ProviderNotFoundError: No installed distribution has a provider with this name.
            ProviderConflictError: Several distributions have a provider with this name, or the name
                is reserved.
        """
        if name in self._registered:
            return ProviderInfo.of_class(name, self._registered[name])
        found = self._offers(name)
        if not found:
            self.refresh()
            found = self._offers(name)
        if not found:
            raise self._not_found(name)
        infos = [ProviderInfo.of_entry_point(point) for point in found]
        if name in RESERVED and not all(map(_is_bridge, found)):
            infos = [ProviderInfo.of_entry_point(point) for point in found if not _is_bridge(point)]
            raise ProviderConflictError(
                f"{infos[0].origin} offers a provider with the reserved name {name!r}.",
                hint=f"Remove that distribution: pip uninstall {infos[0].distribution}",
            )
        if len(infos) > 1:
            raise ProviderConflictError(
                f"Several distributions offer a provider named {name!r}: "
                f"{', '.join(info.origin for info in infos)}.",
                hint="Keep only one of them. To remove another, run "
                f"{' or '.join(f'pip uninstall {info.distribution}' for info in infos)}",
            )
        return infos[0]

    def load(self, name: str) -> ProviderClass:
        """Import the class of a provider.

        Args:
            name: The name of the provider.

        Returns:
            The provider class.

        Raises:
            ProviderNotFoundError: No installed distribution has a provider with this name.
            ProviderConflictError: Several distributions have a provider with this name, or the name
                is reserved.
            ProviderLoadError: The import failed, or the imported object is not a complete provider
                class.
            ApiVersionError: The class was written for another version of the provider API.
        """
        if name in self._registered:
            return self._registered[name]
        info = self.describe(name)
        from stevedore.driver import DriverManager

        try:
            manager = DriverManager[Any](GROUP, name, invoke_on_load=False)
        except (Exception, SystemExit) as error:
            raise import_fault(info, error) from error
        return validate_provider(manager.extensions[0].plugin, info)

    def create(
        self, name: str, settings: ProviderSettings | None = None, *, variant: str = ""
    ) -> AvatarProvider[Any]:
        """Create a provider.

        Args:
            name: The name of the provider.
            settings: The settings, an instance of the provider's `settings_cls`. By default the
                registry reads the settings from the environment.
            variant: The value for the field `variant` of the settings; empty for providers without
                variants.

        Returns:
            The provider.

        Raises:
            SettingsError: A setting is missing or invalid, or `settings` belongs to another
                provider.
            ConfigError: `load` raised an error, the provider has no variants, or the provider
                cannot work with its settings.
        """
        cls = self.load(name)
        if variant and "variant" not in cls.settings_cls.model_fields:
            raise ConfigError(
                f"the provider has no variants, but the chain names the variant {variant!r}.",
                provider=name,
                hint=f"Write {name!r} without a variant.",
                code=ErrorCode.INVALID_CHAIN,
            )
        if settings is not None and not isinstance(settings, cls.settings_cls):
            raise SettingsError(
                f"the provider needs settings of the class {cls.settings_cls.__name__}, not "
                f"{type(settings).__name__}.",
                provider=name,
                hint=f"Pass {cls.settings_cls.__name__}(...), or only the name of the provider.",
            )
        try:
            if settings is None:
                settings = cls.settings_cls.load(**({"variant": variant} if variant else {}))
            return cls(settings)
        except ConfigError as error:
            error.provider = error.provider or name
            raise
        except Exception as error:
            said = error.message if isinstance(error, AvatarError) else describe_error(error)
            raise ConfigError(
                f"the set-up of the provider failed: {said.rstrip('.')}.",
                provider=name,
                hint=f"Report this error to the author of {self.describe(name).origin}.",
                code=ErrorCode.PROVIDER_BUG,
            ) from error

    def register(self, name: str, cls: ProviderClass, *, replace: bool = False) -> None:
        """Add a provider class to this registry, for tests and notebooks.

        Args:
            name: The name of the provider, which must be the attribute `name` of the class.
            cls: The provider class.
            replace: Whether the class replaces another provider with the same name.

        Raises:
            ProviderConflictError: The name is reserved, or another provider has the name and
                `replace` is False.
            ProviderLoadError: `cls` is not a complete provider class with this name.
            ApiVersionError: The class was written for another version of the provider API.
        """
        if name in RESERVED:
            raise ProviderConflictError(
                f"The provider name {name!r} is reserved.", hint="Choose another name."
            )
        if name in self.names() and not replace:
            raise ProviderConflictError(
                f"A provider named {name!r} exists already.",
                hint="Pass replace=True to replace that provider.",
            )
        self._registered[name] = validate_provider(cls, ProviderInfo.of_class(name, cls))

    def unregister(self, name: str) -> None:
        """Remove a provider class that `register` added.

        If an installed provider has the same name, the registry finds that provider again.

        Args:
            name: The name of the provider.

        Raises:
            ProviderNotFoundError: No class is registered under this name.
        """
        if self._registered.pop(name, None) is None:
            raise ProviderNotFoundError(
                f"The provider {name!r} was not registered at run time.",
                hint="To remove an installed provider, use pip uninstall.",
            )

    def refresh(self) -> None:
        """Read the entry points of the installed distributions again."""
        from stevedore.extension import ExtensionManager

        # stevedore's cache on disk misses changes of the last two minutes, and does not contain the
        # distributions. The managers of stevedore list and load the entry points stored here.
        importlib.invalidate_caches()
        ExtensionManager.ENTRY_POINT_CACHE[GROUP] = list(entry_points(group=GROUP))
        self._read = True

    def _offers(self, name: str | None = None) -> list[EntryPoint]:
        from stevedore.named import NamedExtensionManager

        if not self._read:
            self.refresh()
        listing = NamedExtensionManager[Any](GROUP, names=[], on_missing_entrypoints_callback=None)
        return [point for point in listing.list_entry_points() if name in (None, point.name)]

    def _not_found(self, name: str) -> ProviderNotFoundError:
        if name in RESERVED:
            return ProviderNotFoundError(
                f"The reserved name {name!r} is not the name of a provider.",
                hint="Use this name in a chain of providers, as in create_avatar('voice').",
            )
        installed = self.names()
        close = difflib.get_close_matches(name.lower(), [*installed, VOICE], n=1)
        return ProviderNotFoundError(
            f"No provider named {name!r} is installed. Installed providers: "
            f"{', '.join(installed) or 'none'}.",
            hint=f"Did you mean {close[0]!r}?" if close else NOT_INSTALLED,
        )


def _is_bridge(point: EntryPoint) -> bool:
    """Return whether an offer is avatar-core's own bridge to LiveKit's plugins."""
    return point.name == LIVEKIT and point.dist is not None and point.dist.name == OWN
