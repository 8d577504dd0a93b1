"""`ProviderRegistry`: finds, imports and builds providers by name."""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

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
NOT_INSTALLED = (
    "Correct the name, or install its package (avatar-provider-<name>) once you have checked "
    "who publishes it."
)
"""No command to copy: under a misspelt name anybody may have published anything."""


class ProviderRegistry:
    """The providers of the entry-point group `avatar_core.providers`, by name.

    It reads the entry points at the first use, and again when a name is missing. `load` imports
    one provider; nothing else imports any.
    """

    def __init__(self) -> None:
        self._registered: dict[str, ProviderClass] = {}
        self._read = False

    def names(self) -> tuple[str, ...]:
        """All names, sorted; also those that `load` would refuse."""
        return tuple(sorted({*self._registered, *(point.name for point in self._offers())}))

    def describe(self, name: str) -> ProviderInfo:
        """Find the origin of `name`, without an import.

        Raises:
            ProviderNotFoundError: No distribution offers it.
            ProviderConflictError: Several distributions offer it, or the name is reserved.
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
        if name in RESERVED:
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
        """Import the class behind `name`.

        Raises:
            ProviderNotFoundError: No distribution offers it.
            ProviderConflictError: Several distributions offer it, or the name is reserved.
            ProviderLoadError: The import failed, or did not yield a provider class.
            ApiVersionError: It was written for another provider API.
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
        """Build a provider.

        Args:
            name: The name of the provider.
            settings: An instance of its `settings_cls`; by default from the environment.
            variant: The value of the settings' field `variant`.

        Raises:
            SettingsError: A setting is missing or malformed, or belongs to another provider.
            ConfigError: An error of `load`, or the provider cannot work with its settings.
        """
        cls = self.load(name)
        if variant and "variant" not in cls.settings_cls.model_fields:
            raise ConfigError(
                f"the provider has no variants, but the chain names the variant {variant!r}.",
                provider=name,
                hint=f"Write {name!r} without a variant.",
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
            ) from error

    def register(self, name: str, cls: ProviderClass, *, replace: bool = False) -> None:
        """Offer `cls` in this registry only, for tests and notebooks.

        Raises:
            ProviderConflictError: The name is reserved, or taken and `replace` is not set.
            ProviderLoadError: `cls` is not a provider of that name.
            ApiVersionError: It was written for another provider API.
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
        """Undo `register`; an installed provider of that name is found again.

        Raises:
            ProviderNotFoundError: It was not registered.
        """
        if self._registered.pop(name, None) is None:
            raise ProviderNotFoundError(
                f"The provider {name!r} was not registered at run time.",
                hint="To remove an installed provider, use pip uninstall.",
            )

    def refresh(self) -> None:
        """Read the entry points again."""
        from stevedore.extension import ExtensionManager

        # stevedore's cache on disk misses edits of the last two minutes, and knows no
        # distribution; what we put here is what its managers list and load.
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
