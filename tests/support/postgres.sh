# A throwaway PostgreSQL cluster: says "ready" when it accepts connections, lives as long as standard input is open, leaves nothing behind.
# $1 is the folder of the programs, $2 the port.
trap '' INT HUP TERM
dir=$(mktemp -d "${TMPDIR:-/tmp}/tollgate-postgres-XXXXXX") || exit 1
cd "$dir" || exit 1
if "$1/initdb" -D "$dir/data" -U tollgate -A trust -N -E UTF8 --no-locale >"$dir/log" 2>&1 &&
   "$1/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 \
     -o "-k $dir -p $2 -c listen_addresses=127.0.0.1 -c max_connections=300 -c fsync=off -c full_page_writes=off" \
     start >>"$dir/log" 2>&1
then echo ready; cat >/dev/null
else cat "$dir/log" >&2
fi
"$1/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1
cd / && rm -rf "$dir"
