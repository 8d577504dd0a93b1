"""The GitHub workflows call commands that exist, and hold no more permissions than they need."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.release import read_distributions

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))
WRITES = {
    ("docs.yml", "deploy"): {"pages", "id-token"},
    ("release.yml", "attest"): {"attestations", "id-token"},
    ("release.yml", "publish"): {"id-token"},
}
"""The only jobs that may write anything, and what."""
SYSTEM = {"cd", "test", "sudo", "python", "build/empty/bin/pip", "empty/bin/avatar"}
"""Programs of the runner, or of an environment that the workflow has just made."""
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")

BAD = """
name: Bad
on: {pull_request_target: {}}
permissions: write-all
jobs:
  work:
    runs-on: ubuntu-latest
    permissions: {contents: write}
    steps:
      - uses: actions/checkout@v4
      - run: make everything SIZE=3
      - run: tools/missing.sh "${{ github.head_ref }}"
      - run: .venv/bin/python -m tests.long.missing
        env: {KEY: "${{ secrets.KEY }}"}
"""


def load(path: Path) -> dict[str, Any]:
    """Parse a file; YAML 1.1 reads the key `on` as True."""
    loaded = yaml.safe_load(path.read_text())
    return {str(key) if key is not True else "on": value for key, value in loaded.items()}


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def command_problems(script: str) -> Iterator[str]:
    """Yield each command of a step's script that does not exist."""
    makefile = (ROOT / "Makefile").read_text()
    for line in script.splitlines():
        program, *arguments = shlex.split(line)
        if program == "make":
            for argument in arguments:
                name, is_variable, _ = argument.partition("=")
                if is_variable and not re.search(rf"\$\((or \$\()?{name}\)", makefile):
                    yield f"the Makefile does not use {name}"
                elif not is_variable and name not in targets():
                    yield f"there is no target {name}"
        elif program.startswith("tools/"):
            if not (ROOT / program).is_file():
                yield f"there is no {program}"
        elif program not in SYSTEM:
            yield f"{program} is not a program that a workflow may call"
        for module in re.findall(r"-m (tests[\w.]+|benchmarks[\w.]+)", line):
            yield from module_problems(module)


def module_problems(module: str) -> Iterator[str]:
    path = ROOT / module.replace(".", "/")
    if not path.with_suffix(".py").is_file() and not (path / "__main__.py").is_file():
        yield f"there is no module {module}"


def text_problems(text: str) -> Iterator[str]:
    for line in text.splitlines():
        used = re.search(r"uses: (.*)", line)
        if used and not used[1].startswith("./") and not PINNED.search(line):
            yield f"not pinned to a commit with its version: {used[1]}"
    if re.search(r"\bsecrets\b", text):
        yield "uses a secret"


def problems(path: Path) -> list[str]:
    """Return every problem of a workflow."""
    workflow, found = load(path), list(text_problems(path.read_text()))
    if workflow.get("permissions") != {}:
        found.append("the workflow as a whole has permissions")
    if not workflow.get("concurrency", {}).get("group"):
        found.append("has no concurrency group")
    if "pull_request_target" in workflow["on"]:
        found.append("runs the code of strangers with write access")
    for name, job in workflow["jobs"].items():
        granted = job.get("permissions")
        wrote = {what for what, level in (granted or {}).items() if level == "write"}
        if granted is None or wrote != WRITES.get((path.name, name), set()):
            found.append(f"{name}: permissions are {granted}")
        if not isinstance(job.get("timeout-minutes"), int):
            found.append(f"{name}: has no timeout")
        for step in job["steps"]:
            found += step_problems(name, step)
    return found


def step_problems(job: str, step: dict[str, Any]) -> Iterator[str]:
    used, script = step.get("uses", ""), step.get("run", "")
    if used.startswith("./") and not (ROOT / used / "action.yml").is_file():
        yield f"{job}: there is no action {used}"
    keeps_token = step.get("with", {}).get("persist-credentials") is not False
    if used.startswith("actions/checkout@") and keeps_token:
        yield f"{job}: checkout keeps the token in the clone"
    if "${{" in script:
        yield f"{job}: an expression is pasted into a script; pass it by env"
    yield from (f"{job}: {problem}" for problem in command_problems(script))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_has_no_problem(path: Path) -> None:
    assert problems(path) == []


def test_planted_problems_of_a_workflow_are_found(tmp_path: Path) -> None:
    path = tmp_path / "bad.yml"
    path.write_text(BAD)
    assert problems(path) == [
        "not pinned to a commit with its version: actions/checkout@v4",
        "uses a secret",
        "the workflow as a whole has permissions",
        "has no concurrency group",
        "runs the code of strangers with write access",
        "work: permissions are {'contents': 'write'}",
        "work: has no timeout",
        "work: checkout keeps the token in the clone",
        "work: there is no target everything",
        "work: the Makefile does not use SIZE",
        "work: an expression is pasted into a script; pass it by env",
        "work: there is no tools/missing.sh",
        "work: .venv/bin/python is not a program that a workflow may call",
        "work: there is no module tests.long.missing",
    ]


def test_repository_has_the_four_expected_workflows() -> None:
    names = [path.name for path in WORKFLOWS]
    assert names == ["ci.yml", "docs.yml", "nightly.yml", "release.yml"]


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.parent.name)
def test_action_has_no_problem(path: Path) -> None:
    assert list(text_problems(path.read_text())) == []
    for step in load(path)["runs"]["steps"]:
        assert list(step_problems(path.parent.name, step)) == []


def test_cache_key_names_files_that_exist() -> None:
    keys = re.findall(r"hashFiles\(([^)]*)\)", ACTIONS[0].read_text())
    patterns = [pattern for key in keys for pattern in re.findall(r"'([^']+)'", key)]
    assert len(patterns) == 3
    assert all(any(ROOT.glob(pattern)) for pattern in patterns)


def supported_pythons() -> list[str]:
    """Return the versions in `requires-python`, from the first to the last."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    first, last = map(int, re.findall(r"3\.(\d+)", project["requires-python"]))
    return [f"3.{minor}" for minor in range(first, last)]


@pytest.mark.parametrize("job", ["test", "packaging"])
def test_every_supported_python_is_tested(job: str) -> None:
    matrix = load(ROOT / ".github/workflows/ci.yml")["jobs"][job]["strategy"]["matrix"]
    assert matrix["python"] == supported_pythons()


def test_nightly_run_installs_the_wheels_on_every_supported_python() -> None:
    steps = load(ROOT / ".github/workflows/nightly.yml")["jobs"]["packaging"]["steps"]
    installed = steps[1]["with"]["python-version"].split()
    assert sorted(installed) == supported_pythons()
    assert steps[2]["run"] == f'make packaging PYTHONS="{" ".join(supported_pythons())}"'


def test_required_check_waits_for_every_job() -> None:
    jobs = load(ROOT / ".github/workflows/ci.yml")["jobs"]
    passed = jobs.pop("passed")
    assert passed["needs"] == [*jobs]
    assert passed["steps"][0]["run"].count("success") == len(jobs)


def test_modules_of_the_long_runs_exist() -> None:
    modules = re.findall(r"-m ((?:tests|benchmarks)\.[\w.]+)", (ROOT / "Makefile").read_text())
    assert {"tests.long.provisioning", "benchmarks.bench.soak"} <= {*modules}
    assert [problem for module in modules for problem in module_problems(module)] == []


def test_every_long_run_belongs_to_make_long() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (runs,) = re.findall(r"^LONG_RUNS := (.*)$", makefile, re.MULTILINE)
    programs = {
        path.stem for path in ROOT.glob("tests/long/*.py") if "__main__" in path.read_text()
    }
    started = {*re.findall(r"-m tests\.long\.(\w+)", makefile)}
    helpers = {"prefork", "line_listener"}
    assert started == programs - helpers, "other programs start the helpers"
    assert {*runs.split()} == {name for name in targets() if name.startswith("long-")} | {
        "soak",
        "strain",
    }


def test_release_publishes_every_distribution_and_the_library_first() -> None:
    jobs = load(ROOT / ".github/workflows/release.yml")["jobs"]
    strategy = jobs["publish"]["strategy"]
    named = strategy["matrix"]["distribution"]
    assert sorted(named) == sorted(one.name for one in read_distributions(ROOT))
    assert (named[0], strategy["max-parallel"]) == ("avatar-core", 1)


def test_release_uploads_the_files_that_it_attested() -> None:
    jobs = load(ROOT / ".github/workflows/release.yml")["jobs"]
    assert (jobs["attest"]["needs"], jobs["publish"]["needs"]) == ("build", "attest")
    assert jobs["attest"]["if"] == "github.event_name == 'push'"
    builds = [name for name, job in jobs.items() if "make dist" in str(job)]
    assert builds == ["build"]
    for name in ("attest", "publish"):
        fetch = jobs[name]["steps"][0]
        assert fetch["uses"].startswith("actions/download-artifact@")
        assert fetch["with"] == {"name": "dist", "path": "dist"}
        assert not any("run" in step for step in jobs[name]["steps"])
