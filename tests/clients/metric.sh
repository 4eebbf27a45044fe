#!/bin/sh
# A command line tool as anybody writes one: asks a Prometheus behind the gateway.
# usage: metric.sh API QUERY
# The token goes to curl on its standard input, so that no list of processes shows it.
set -eu
token=$("${TOLLGATE_BIN:-tollgate}" token --resource "$1")
printf 'Authorization: Bearer %s\n' "$token" |
    curl --silent --show-error --fail --get --header @- --data-urlencode "query=$2" "$1/api/v1/query"
