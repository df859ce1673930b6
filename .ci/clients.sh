#!/bin/sh
# Installs the clients that nobody here wrote: Python libraries into .venv-clients, packages for Node.js beside their lock.
# What cannot be installed is said, and ends this with a failure: nothing is skipped.
set -eu
cd "$(dirname "$0")/.."
venv=.venv-clients
folder=tests/clients

main() {
    command -v npm >/dev/null || stop "npm is not installed. sudo apt-get install npm"
    [ -x "$venv/bin/python" ] || make_venv
    echo "  Installing client libraries from $folder/requirements.lock"
    quietly install -r "$folder/requirements.lock"
    echo "  Installing client packages from $folder/package-lock.json"
    cd "$folder"
    quietly npm ci --no-audit --no-fund --ignore-scripts
}

make_venv() {
    if has_uv; then
        uv venv -q --python .venv/bin/python "$venv"
    else
        .venv/bin/python -m venv "$venv"
    fi
}

install() {
    if has_uv; then
        uv pip install -q --python "$venv/bin/python" --require-hashes "$@"
    else
        "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-input --require-hashes "$@"
    fi
}

has_uv() {
    uv --version >/dev/null 2>&1
}

quietly() {
    log=$(mktemp)
    "$@" >"$log" 2>&1 || { tail -n 20 "$log" >&2; stop "$1 did not work; the lines above are its last."; }
    rm -f "$log"
}

stop() {
    printf 'starscoo: %s\n' "$*" >&2
    exit 1
}

main
