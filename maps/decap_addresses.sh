# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# decap_addresses.h for the shell.

struct decap_address address:address family:u32
flags decap_roles u32 lb host vip
struct decap_role roles:decap_roles

# decap_address ADDRESS: the key.
decap_address() {
	encode decap_address "$1" 4
}

# decap_role ROLES: the value: lb, host or vip; several as host,vip.
decap_role() {
	encode decap_role "$1"
}

# decap_addresses_decode: a dump on stdin -> [{address, roles: ["lb", "host", "vip"]}], sorted by address
decap_addresses_decode() {
	decode 'elements("decap_address"; "decap_role") | map({address: .key.address, roles: .value.roles}) | sort_by(.address)'
}
