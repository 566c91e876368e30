# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# services.h for the shell.

# shellcheck disable=SC2034 # for whoever sources this
MAX_SERVICES=4096

struct service_key address:address port:be16 protocol:protocol family:u8
flags service_flags u8 sticky hash sized strict listed limited
struct service id:u32 first:u32 slots:u32 flags:service_flags id_bytes:u8 need:u16 learns_until:u64

# service_key PROTOCOL ADDRESS PORT: port 0 is every port.
service_key() {
	local family
	family_of "$2"
	encode service_key "$2" "$3" "$1" "$family"
}

# vip_key ADDRESS: the entry that says "this is a VIP of ours" (port 0, protocol 0).
vip_key() {
	local family
	family_of "$1"
	encode service_key "$1" 0 0 "$family"
}

# service ID FIRST_SLOT SLOTS [FLAGS]: no flags if not given, several as sticky,hash; learning is over.
service() {
	encode service "$1" "$2" "$3" "${4-0}" 0 0 0
}
