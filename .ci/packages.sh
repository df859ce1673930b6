#!/bin/sh
# What the tests need besides Python: a browser, PostgreSQL, Redis, Node.js, nginx. Installs what is missing through
# apt-get when it may (root, or sudo without a password); otherwise says exactly what to install.
# Then the tests of it are skipped, except where CI is set: there a missing program is a failure.
set -eu
cd "$(dirname "$0")/.."

main() {
    programs
    javascript
}

programs() {
    missing=
    has chromium chromium-browser google-chrome || need chromium
    has postgres /usr/lib/postgresql/*/bin/postgres || need postgresql
    has redis-server || need redis-server
    has node || need nodejs
    has npm || need npm
    has nginx /usr/sbin/nginx || need nginx
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null && may_install && install && return
    printf '  Not installed, and not mine to install:%s. Tests that need them are skipped. To run them:\n    %s\n' \
        "$missing" "$(how)" >&2
    [ -z "${CI:-}" ]
}

# What the JavaScript samples import, by its own lock.
javascript() {
    has npm || return 0
    [ tests/javascript/node_modules/.package-lock.json -nt tests/javascript/package-lock.json ] && return
    printf '  Installing what the JavaScript samples import\n'
    log=$PWD/.venv/npm.log
    (cd tests/javascript && npm ci --no-audit --no-fund --ignore-scripts) >"$log" 2>&1 && return
    tail -n 20 "$log" >&2
    [ -z "${CI:-}" ]
}

has() {
    for name; do
        command -v "$name" >/dev/null 2>&1 && return
    done
    return 1
}

need() {
    missing="$missing $1"
}

may_install() {
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

install() {
    printf '  Installing%s (a minute or two)\n' "$missing"
    log=.venv/packages.log
    as_root=
    [ "$(id -u)" = 0 ] || as_root='sudo -n'
    # The names are separate words on purpose.
    # shellcheck disable=SC2086
    $as_root apt-get update -q >"$log" 2>&1 &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >>"$log" 2>&1 &&
        return
    tail -n 20 "$log" >&2
    return 1
}

how() {
    if has apt-get; then
        echo "sudo apt-get install$missing"
    elif has brew; then
        echo "brew install$missing" | sed 's/redis-server/redis/; s/nodejs/node/; s/postgresql/postgresql@17/; s/ chromium/ --cask chromium/'
    elif has dnf; then
        echo "sudo dnf install$missing" | sed 's/redis-server/valkey-compat-redis/; s/postgresql/postgresql-server/'
    else
        echo "your package manager's names for:$missing"
    fi
}

main
