#!/usr/bin/env bash
# Every check, for both builds, in fresh virtual environments under $1 (default: a temporary folder).
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:-$(mktemp -d)}
python=${PYTHON:-python3}

install() { # name, variable that chooses the build
    "$python" -m venv "$work/$1"
    "$work/$1/bin/pip" install --quiet --disable-pip-version-check --upgrade pip
    env "$2=1" "$work/$1/bin/pip" install --quiet --disable-pip-version-check ".[test]"
}

check() { # name of the environment, expected core, pytest arguments
    local bin="$work/$1/bin"
    echo "== tests, core: $2 =="
    (cd tests && BUDDYSIM_EXPECT_CORE=$2 PATH="$bin:$PATH" \
        "$bin/python" -P -m pytest -q -p no:cacheprovider -n "${JOBS:-2}" "${@:3}")
}

install compiled REQUIRE_CYTHON
echo "== lint =="
"$work/compiled/bin/ruff" check buddysim tests
"$work/compiled/bin/ruff" format --check buddysim tests
"$work/compiled/bin/mypy"
check compiled compiled -m "not minutes"
install interpreted SKIP_CYTHON
check interpreted interpreted -m "not slow and not minutes"
