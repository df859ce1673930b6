#!/bin/sh
# Makes .venv hold exactly what a hash-locked list names: `sh .ci/venv.sh requirements.lock`.
# With uv when it is there, otherwise with nothing but python3: its venv module and pip.
set -eu
cd "$(dirname "$0")/.."
lock=$1
venv=.venv
log=$venv/install.log

main() {
    [ -x "$venv/bin/python" ] && "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || make_venv
    : >"$log"
    count=$(grep -c '^[a-z0-9].*==' "$lock")
    step "Installing up to $count packages from $lock" install --require-hashes -r "$lock"
    step "Installing the starscoo command" install --no-deps --no-build-isolation -e .
}

make_venv() {
    python=$(find_python) || stop "Starscoo needs Python 3.11 or newer, and $(too_old). Install it, or name one: make PYTHON=/path/to/python3.12"
    rm -rf "$venv"
    printf '  Making %s with %s\n' "$venv" "$("$python" --version)"
    if has_uv; then
        uv venv -q --python "$python" "$venv" && return
    fi
    "$python" -m venv "$venv" >/dev/null 2>&1 && return
    rm -rf "$venv"
    stop "$python cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install python3-venv"
}

install() {
    if has_uv; then
        uv pip install -q --python "$venv/bin/python" "$@"
    else
        "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip
        "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-input "$@"
    fi
}

# step WORDS COMMAND...: one line, a dot every two seconds, and the log only when it fails.
step() {
    printf '  %s ' "$1"
    shift
    (while sleep 2 >/dev/null 2>&1; do printf .; done) &
    ticker=$!
    trap 'kill $ticker 2>/dev/null || :' EXIT
    status=0
    "$@" >>"$log" 2>&1 || status=$?
    kill "$ticker" 2>/dev/null || :
    trap - EXIT
    if [ "$status" = 0 ]; then
        echo ' done'
        return
    fi
    echo ' failed'
    tail -n 20 "$log" >&2
    stop "That did not work; the lines above are the end of $log. Run the same command again to go on."
}

find_python() {
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    return 1
}

too_old() {
    name=${PYTHON:-python3}
    found=$("$name" --version 2>&1) && echo "$name is $found" || echo "there is no $name"
}

has_uv() {
    uv --version >/dev/null 2>&1
}

stop() {
    printf 'starscoo: %s\n' "$*" >&2
    exit 1
}

main
