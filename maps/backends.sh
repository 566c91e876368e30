# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# backends.h for the shell: sourced, with bytes.sh.

# shellcheck disable=SC2034 # for whoever sources this
MAX_BACKENDS=32768 BACKEND_FREE=0 BACKEND_UP=1 BACKEND_DOWN=2

# backend ADDRESS PORT SERVICE_ID [WEIGHT [STATE]]: weight 1 and state up if not given.
backend() {
	echo "$(address "$1")" "$(be16 "$2")" 4 "${5-$BACKEND_UP}" "$(u32 "${4-1}")" "$(u32 "$3")"
}

# backends_decode: a dump on stdin -> [{id, address, port, weight, state, service}], without the
# free ones. They are nearly all of the array, so they are left out before jq has to read them.
backends_decode() {
	sed 's/},{"key":\[/},\n{"key":[/g' |
		sed -n '/"state":[1-9]/{s/^\[//; s/[],]*$//; p}' |
		decode '[.[] | {
			id: .formatted.key,
			address: (.formatted.value.address | address),
			port: (.value[16:18] | be16),
			family: .formatted.value.family,
			weight: .formatted.value.weight,
			state: (.formatted.value.state | {"1": "up", "2": "down"}[tostring] // tostring),
			service: .formatted.value.service
		}]' -s
}
