# shellcheck shell=bash
# Local servers for the demo and the tests: source this file, then call
#
#   servers_cleanup_on_exit         stops what this shell started when it ends, Ctrl-C included
#   pg_start DIR                    a PostgreSQL cluster in DIR/pg with a database "loans"; made by the first call,
#                                   started again by the next; sets PG_URI (over TCP), PG_SOCKET_URI and PG_PORT
#   pg_psql DIR ARGUMENT...         psql on that database
#   pg_restart DIR [fast|immediate] the port stays
#   pg_stop DIR [fast|immediate]
#   dynoxide_start DIR [FILE]       a DynamoDB-compatible engine, in memory or in FILE; started again in the same DIR it
#                                   keeps its port; sets DYNOXIDE_URL and DYNOXIDE_PID
#   dynoxide_stop DIR [SIGNAL]
#   dynalite_start DIR              another such engine, in memory; sets DYNALITE_URL and DYNALITE_PID
#   dynalite_stop DIR [SIGNAL]
#   free_port                       prints a TCP port of the loopback that nobody listens on now
#   pg_bindir                       prints the folder of PostgreSQL's server programs (HLUA_PG_BINDIR: that one)
#
# All listen on 127.0.0.1 and unix sockets only, and each is stopped by its own process id. A function that fails says
# why on standard error and returns non-zero. PostgreSQL refuses to run as root: then its server runs as the user
# postgres, or nobody, and DIR is made passable for it (mode 711). `scripts/setup demo` (dynalite: test) installs what
# these need. Not for data that somebody wants to keep: nothing here waits for the disk.

servers_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
servers_stops=()                # what this shell started: the functions that stop it, and their folders
servers_dirs=()

servers_fail() {
    printf 'servers: %s\n' "$*" >&2
    return 1
}

servers_remember() {
    servers_stops+=("$1")
    servers_dirs+=("$2")
}

servers_stop_all() {
    local i
    for ((i = ${#servers_stops[@]} - 1; i >= 0; i--)); do
        "${servers_stops[i]}" "${servers_dirs[i]}" || true
    done
    servers_forget_all
}

# Leaves them running: they outlive this shell.
servers_forget_all() {
    servers_stops=()
    servers_dirs=()
}

servers_cleanup_on_exit() {
    trap servers_stop_all EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

free_port() {
    perl -MIO::Socket::INET -e \
        'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => 0)->sockport, "\n"'
}

# --- PostgreSQL ------------------------------------------------------------------------------------------------------

pg_bindir() {
    local newest initdb
    if [ -n "${HLUA_PG_BINDIR:-}" ]; then
        printf '%s\n' "$HLUA_PG_BINDIR"
        return
    fi
    newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
    if [ ! -x "$newest" ]; then
        initdb=$(command -v initdb) || return 1
        newest=$(readlink -f "$initdb")
    fi
    dirname "$newest"
}

# Runs a command as the user of the server: this one, or for root an unprivileged one.
pg_as_server_user() {
    if [ "$(id -u)" = 0 ]; then runuser -u "$(pg_server_user)" -- "$@"; else "$@"; fi
}

pg_server_user() {
    if [ "$(id -u)" != 0 ]; then id -un; elif id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}

# Runs pg_ctl on DIR's cluster, from a folder that the server's user may be in.
pg_control() {
    local dir=$1 bin
    shift
    bin=$(pg_bindir) || servers_fail "no PostgreSQL server here; scripts/setup demo installs it" || return
    (cd "$dir/pg" && pg_as_server_user "$bin/pg_ctl" "$@" --silent --wait --pgdata=data --log=log) </dev/null >/dev/null
}

pg_initialise() {
    local dir=$1 bin socket_dir=$1/pg
    bin=$(pg_bindir) || servers_fail "no PostgreSQL server here; scripts/setup demo installs it" || return
    mkdir -p "$dir/pg" && chmod 700 "$dir/pg" || return
    if [ "$(id -u)" = 0 ]; then
        chmod 711 "$dir" && chown "$(pg_server_user)" "$dir/pg" || return
        pg_as_server_user test -w "$dir/pg" ||
            servers_fail "user $(pg_server_user) cannot reach $dir; choose a folder that others may pass" || return
    fi
    # The socket is guarded by the folder's mode, the port by a password of this cluster alone.
    (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$dir/pg/password") || return
    if [ "$(id -u)" = 0 ]; then chown "$(pg_server_user)" "$dir/pg/password" || return; fi
    (cd "$dir/pg" && pg_as_server_user "$bin/initdb" --pgdata=data --username=hlua --pwfile=password --auth-local=trust \
        --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync) </dev/null >"$dir/pg-initdb.log" 2>&1 ||
        servers_fail "initdb failed: $(tail -n 1 "$dir/pg-initdb.log")" || return
    if [ "${#socket_dir}" -gt 85 ]; then socket_dir=; fi        # the system's limit is 107 bytes with the socket's name
    cat >>"$dir/pg/data/postgresql.conf" <<CONFIGURATION
listen_addresses = '127.0.0.1'
unix_socket_directories = '$socket_dir'
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = '4GB'
wal_level = logical
CONFIGURATION
}

pg_start() {
    local dir attempt new=''
    dir=$(realpath "$1") || return
    if [ ! -e "$dir/pg/data/PG_VERSION" ]; then
        new=yes
        pg_initialise "$dir" || return
    fi
    # Somebody may take the port between the question and its use: then the next one is tried.
    for attempt in 1 2 3; do
        if [ -n "$new" ]; then free_port >"$dir/pg-port"; fi
        PG_PORT=$(cat "$dir/pg-port")
        if pg_control "$dir" start --options="-p $PG_PORT"; then break; fi
        if [ "$attempt" = 3 ]; then
            servers_fail "PostgreSQL did not start: $(tail -n 1 "$dir/pg/log")" || return
        fi
    done
    servers_remember pg_stop "$dir"
    PG_URI="postgresql://hlua:$(cat "$dir/pg/password")@127.0.0.1:$PG_PORT/loans"
    # shellcheck disable=SC2034  # for the caller
    PG_SOCKET_URI="postgresql:///loans?host=$dir/pg&port=$PG_PORT&user=hlua"
    if [ -n "$new" ]; then "$(pg_bindir)/psql" -qX "${PG_URI%/loans}/postgres" -c 'CREATE DATABASE loans'; fi
}

pg_psql() {
    local dir=$1
    shift
    PGPASSWORD=$(cat "$dir/pg/password") "$(pg_bindir)/psql" -X -P pager=off -h 127.0.0.1 -p "$(cat "$dir/pg-port")" -U hlua -d loans "$@"
}

pg_restart() {
    pg_control "$1" restart --mode="${2:-fast}" || servers_fail "PostgreSQL did not restart: $(tail -n 1 "$1/pg/log")"
}

pg_stop() {
    if [ -e "$1/pg/data/postmaster.pid" ]; then pg_control "$1" stop --mode="${2:-fast}"; fi
}

# --- DynamoDB-compatible engines -------------------------------------------------------------------------------------

# Starts one: engine_start NAME DIR COMMAND..., where the word PORT stands for its port. It is ready when its log says
# where it listens. A first start tries another port when somebody was faster; a later one keeps its port.
engine_start() {
    local name=$1 dir port pid attempt new='' tries command
    dir=$(realpath "$2") || return
    shift 2
    if [ ! -e "$dir/$name-port" ]; then new=yes; fi
    for attempt in 1 2 3; do
        if [ -n "$new" ]; then free_port >"$dir/$name-port"; fi
        port=$(cat "$dir/$name-port")
        command=("${@/#PORT/$port}")
        setsid "${command[@]}" </dev/null >"$dir/$name.log" 2>&1 &
        pid=$!
        disown "$pid"           # or the shell would report its death
        echo "$pid" >"$dir/$name.pid"
        for ((tries = 0; tries < 300; tries++)); do
            if grep -q -i "listening" "$dir/$name.log"; then break 2; fi
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.05
        done
        kill "$pid" 2>/dev/null || true
        if [ "$attempt" = 3 ]; then servers_fail "$name did not start: $(tail -n 1 "$dir/$name.log")" || return; fi
    done
    servers_remember "${name}_stop" "$dir"
}

# Stops one, by the id in its file if that is still its process: engine_stop NAME DIR [SIGNAL].
engine_stop() {
    local name=$1 dir=$2 signal=${3:-TERM} pid tries
    pid=$(cat "$dir/$name.pid" 2>/dev/null) || return 0
    rm -f "$dir/$name.pid"
    engine_runs "$name" "$pid" || return 0
    kill -s "$signal" "$pid" 2>/dev/null || return 0
    for ((tries = 0; tries < 100; tries++)); do
        engine_runs "$name" "$pid" || return 0
        sleep 0.05
    done
    kill -s KILL "$pid" 2>/dev/null || true
}

# The command line of a process that has ended and was not waited for is empty.
engine_runs() {
    grep -q -s "$1" "/proc/$2/cmdline"
}

dynoxide_start() {
    local program=$servers_root/build/tools/dynoxide/node_modules/@dynoxide/linux-x64/dynoxide
    test -x "$program" || servers_fail "no dynoxide here; scripts/setup demo installs it" || return
    engine_start dynoxide "$1" "$program" --host 127.0.0.1 --port PORT ${2:+--db-path "$2"} || return
    # shellcheck disable=SC2034  # for the caller
    DYNOXIDE_URL="http://127.0.0.1:$(cat "$1/dynoxide-port")"
    # shellcheck disable=SC2034  # for the caller
    DYNOXIDE_PID=$(cat "$1/dynoxide.pid")
}

dynoxide_stop() {
    engine_stop dynoxide "$@"
}

dynalite_start() {
    local program=$servers_root/build/tools/dynalite/node_modules/dynalite/cli.js
    test -e "$program" || servers_fail "no dynalite here; scripts/setup test installs it" || return
    engine_start dynalite "$1" node "$program" --host 127.0.0.1 --port PORT --createTableMs 10 --deleteTableMs 10 \
        --updateTableMs 10 || return
    # shellcheck disable=SC2034  # for the caller
    DYNALITE_URL="http://127.0.0.1:$(cat "$1/dynalite-port")"
    # shellcheck disable=SC2034  # for the caller
    DYNALITE_PID=$(cat "$1/dynalite.pid")
}

dynalite_stop() {
    engine_stop dynalite "$@"
}
