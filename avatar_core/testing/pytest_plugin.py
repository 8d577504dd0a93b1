"""The pytest plugin of avatar-core: calls of an agent with an avatar, in virtual time.

    async def test_agent_survives_a_dead_avatar(avatar_call) -> None:
        async with avatar_call(MyAgent(), session=make_session, fault="worker dies") as call: ...

A test with the fixture `avatar_call` or the marker `virtual_time` runs in virtual time. With the
option `--avatar-server`, such a test runs in real time, and its calls take place on a
livekit-server on loopback.

An `async def` test with the marker runs on a `VirtualLoop`, and needs no other plugin. Under
pytest-asyncio the test shares that loop with its async fixtures, as it does without the marker.
Loops and fixtures of a wider scope than the test keep the true time. In a `def` test with the
marker, every loop that the test creates is virtual, for example by `asyncio.run`.

The plugin imports asyncio and the virtual clock only if a test has the marker.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from avatar_core.testing.call.fixture import CallFactory

MARKER = "virtual_time"
FIXTURE = "avatar_call"
SERVER_OPTION = "--avatar-server"
RESULTS = "avatar_check"
"""The name of the property that holds the result of a check of a suite."""

_results: list[tuple[str, bool]] = []
"""The results of the checks of this run, and whether pytest reported a failure."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suites, such as `ProviderSuite`, and of `avatar_call`.

    Args:
        parser: The parser of the command line.
    """
    group = parser.getgroup("avatar-core", "suites of avatar-core")
    group.addoption(
        "--avatar-report",
        action="append",
        default=[],
        metavar="PATH",
        help="write a report of the suites; PATH ends with .json or .md (may be repeated)",
    )
    group.addoption(
        "--avatar-update-golden",
        action="store_true",
        help="write the golden requests of the suites instead of comparing them",
    )
    group.addoption(
        SERVER_OPTION,
        action="store_true",
        help="run the calls of avatar_call on a livekit-server on loopback, in real time",
    )
    group.addoption(
        "--avatar-live",
        action="store_true",
        help="also run the live checks, which call the real vendor with the keys of the "
        "environment and may cost money",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers `virtual_time` and `avatar` with pytest.

    Args:
        config: The configuration of the pytest run.
    """
    config.addinivalue_line(
        "markers", f"{MARKER}: run the test in virtual time, in which timers need no waiting"
    )
    config.addinivalue_line(
        "markers", "avatar(provider, fault): the provider and the faults of avatar_call"
    )
    for path in config.getoption("--avatar-report"):
        if not path.endswith((".json", ".md")):
            raise pytest.UsageError(
                f"--avatar-report: {path} has an unknown format. Write a path that ends with "
                ".json or .md."
            )


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the result of a check, also of a check that another process of pytest-xdist ran.

    Args:
        report: The report of one phase of a test.
    """
    _results.extend(
        (str(text), report.failed) for name, text in report.user_properties if name == RESULTS
    )


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the level of each suite, and write the reports.

    Args:
        terminalreporter: The plugin that prints the summary.
        config: The configuration of the pytest run.
    """
    paths = config.getoption("--avatar-report")
    if not paths and not _results:
        return
    from avatar_core.testing.suites.report import Report

    report = Report(_results)
    for line in report.describe_levels():
        terminalreporter.write_line(line)
    report.write(paths)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Register the hooks that choose the clock, if any collected test needs them.

    Args:
        config: The configuration of the pytest run.
        items: The collected tests.
    """
    for item in items:
        if FIXTURE in getattr(item, "fixturenames", ()) and not _is_marked(item):
            item.add_marker(MARKER)
    if any(map(_is_marked, items)) and not config.pluginmanager.has_plugin(MARKER):
        config.pluginmanager.register(_VirtualTime(config.getoption(SERVER_OPTION)), MARKER)


@pytest.fixture
def avatar_call(request: pytest.FixtureRequest) -> CallFactory:
    """A function that creates a call of a user with an agent, with the arguments of `AvatarCall`.

    The marker `avatar` can give the provider and the faults.

    Args:
        request: The request, whose node is the test.

    Returns:
        The function.

    Raises:
        pytest.fail.Exception: The marker has an unknown argument.
    """
    from avatar_core.contracts.errors import ConfigError
    from avatar_core.testing.call.fixture import CallFactory

    marker = request.node.get_closest_marker("avatar")
    marked, positional = (marker.kwargs, marker.args) if marker else ({}, ())
    try:
        return CallFactory(marked, positional, on_server=request.config.getoption(SERVER_OPTION))
    except ConfigError as error:
        pytest.fail(str(error), pytrace=False)


class _VirtualTime:
    """A plugin that makes the loops of marked tests virtual.

    Args:
        is_real: Whether marked tests run in real time.

    `asyncio.Runner`, which pytest-asyncio uses too, takes its loop from `asyncio.new_event_loop`.
    The hooks replace that function while pytest runs a marked test, or a fixture whose scope is
    that test.
    """

    def __init__(self, is_real: bool) -> None:
        import asyncio

        from avatar_core.testing import clock, virtual_loop

        self._clock = clock
        self._make_true_loop = asyncio.new_event_loop
        self._make_loop = self._make_true_loop if is_real else virtual_loop.VirtualLoop
        self._run = asyncio.run if is_real else clock.run
        self._loops = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Reset the count of virtual loops before each test."""
        self._loops = 0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Make the loops of a fixture virtual if its scope is one marked test.

        Args:
            fixturedef: The definition of the fixture.
            request: The request, whose node is the test.

        Yields:
            None, to let pytest set up the fixture.

        Returns:
            The value of the fixture.
        """
        is_virtual = fixturedef.scope == "function" and _is_marked(request.node)
        with self._new_loops(is_virtual):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(
        self, pyfuncitem: pytest.Function
    ) -> Generator[None, bool | None, bool | None]:
        """Run a marked test with virtual loops; leave other tests unchanged.

        Args:
            pyfuncitem: The test.

        Yields:
            None, to let pytest run the test.

        Returns:
            The result of the other plugins' hooks.

        Raises:
            pytest.fail.Exception: The test is marked, but its loop belongs to a wider scope.
        """
        if not _is_marked(pyfuncitem):
            return (yield)
        test = pyfuncitem.obj
        if inspect.iscoroutinefunction(test):
            pyfuncitem.obj = self._as_function(test)
        elif inspect.iscoroutinefunction(inspect.unwrap(test)) and not self._loops:
            pytest.fail(
                f"The test {pyfuncitem.nodeid} is marked {MARKER}, but may share an event loop in "
                "real time with other tests. Also mark the test with "
                'pytest.mark.asyncio(loop_scope="function").',
                pytrace=False,
            )
        try:
            with self._new_loops(is_virtual=True):
                return (yield)
        finally:
            pyfuncitem.obj = test

    def _as_function(self, test: Callable[..., Coroutine[Any, Any, object]]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**fixtures: object) -> None:
            """Run the test on a new loop.

            Args:
                fixtures: The fixtures of the test, by name.

            Raises:
                Exception: Any exception of the test.
            """
            self._run(test(**fixtures))

        return run

    def _new_loops(self, is_virtual: bool) -> AbstractContextManager[None]:
        make = self._make_virtual_loop if is_virtual else self._make_true_loop
        return self._clock.make_loops_by(make)

    def _make_virtual_loop(self) -> AbstractEventLoop:
        self._loops += 1
        return self._make_loop()


def _is_marked(node: pytest.Item) -> bool:
    return node.get_closest_marker(MARKER) is not None
