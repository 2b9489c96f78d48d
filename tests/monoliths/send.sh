#!/bin/sh
# A monolith of the old kind: `send.sh FILE` turns a file of flights into JSON Lines and posts them with curl.
#
# ENDPOINT is where to post; ROWS how many rows a request has (default 100); DECIMALS those of distance_km (default 3).
# A request that fails ends the run; the next run sends the whole file again.
set -eu

file=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -F, -v rows="${ROWS:-100}" -v decimals="${DECIMALS:-3}" -v work="$work" '
    function text(value) { return value == "" || value == "NA" ? "null" : "\"" value "\"" }
    function number(value) { return value == "" || value == "NA" ? "null" : value }
    function kilometres(miles,    result) {
        if (miles == "" || miles == "NA") return "null"
        result = sprintf("%." decimals "f", miles * 1.609344)
        if (decimals > 0) { sub(/0+$/, "", result); sub(/\.$/, ".0", result) }
        return result
    }
    FNR == 1 { next }
    {
        sub(/\r$/, "")
        scheduled = $18 == "" || $18 == "NA" ? "null" : sprintf("\"%s%02d:00Z\"", substr($19, 1, 14), $18)
        part = sprintf("%s/%06d", work, int((FNR - 2) / rows))
        printf "{\"flight\":\"%s%s\",\"tail\":%s,\"from\":\"%s\",\"to\":\"%s\",\"scheduled\":%s,", \
            $10, $11, text($12), $13, $14, scheduled > part
        printf "\"departure_delay_min\":%s,\"arrival_delay_min\":%s,\"distance_km\":%s}\n", \
            number($6), number($9), kilometres($16) > part
    }' "$file"

slot=0
for part in "$work"/*; do
    [ -e "$part" ] || break
    curl --silent --show-error --fail --max-time 60 --noproxy '*' --output /dev/null \
        --header 'Content-Type: application/jsonl' --header "Milepost-File: ${file##*/}" \
        --header "Milepost-Slot: $slot" \
        --data-binary "@$part" "$ENDPOINT"
    slot=$((slot + 1))
done
