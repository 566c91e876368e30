# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# decap_addresses.h for the shell: sourced, with bytes.sh.

# shellcheck disable=SC2034 # for whoever sources this
DECAP_LB=1 DECAP_HOST=2 DECAP_VIP=4

# decap_address ADDRESS: the key.
decap_address() {
	echo "$(address "$1")" "$(u32 4)"
}

# decap_role ROLES: the value; DECAP_LB, DECAP_HOST and DECAP_VIP, added up.
decap_role() {
	u32 "$1"
}

# decap_addresses_decode: a dump on stdin -> [{address, roles: ["lb", "host", "vip"]}]
decap_addresses_decode() {
	# shellcheck disable=SC2016 # these are jq's variables
	decode '[.[].formatted | .value.roles as $roles | {
		address: (.key.address | address),
		family: .key.family,
		roles: [
			("lb" | select($roles % 2 >= 1)),
			("host" | select($roles % 4 >= 2)),
			("vip" | select($roles % 8 >= 4))
		]
	}]'
}
