"""A `__getattr__` for packages, which imports a public name at its first use."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def find_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a function that serves as the `__getattr__` of a package.

    Args:
        package: The name of the package.
        homes: The public names that each module defines, separated by spaces. The keys are the
            names of the modules, relative to `avatar_core`.

    Returns:
        A function that takes a name, imports the module that defines the name, and returns the
        object. The function raises `AttributeError` for a name that is not public.
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def find_name(name: str) -> Any:
        """Import a public name, and store the object as an attribute of the package.

        Args:
            name: The public name.

        Returns:
            The object with that name.

        Raises:
            AttributeError: The name is not public.
            ImportError: The module that defines the name cannot be imported.
        """
        home = home_of.get(name)
        if home is None:
            raise AttributeError(_explain_miss(package, name, home_of))
        found = getattr(import_module(f"avatar_core.{home}"), name)
        setattr(import_module(package), name, found)
        return found

    return find_name


def _explain_miss(package: str, name: str, names: Mapping[str, str]) -> str:
    message = f"module {package!r} has no attribute {name!r}"
    if name.startswith("_"):
        return message  # Python and its tools look for such names often
    from difflib import get_close_matches

    close = get_close_matches(name, names, n=1)
    return f"{message}. Did you mean {close[0]!r}?" if close else message
