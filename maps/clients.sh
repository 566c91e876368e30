# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# clients.h for the shell.

# shellcheck disable=SC2034 # for whoever sources this
MAX_CLIENTS=16384

enum client_rule u32 unknown allow deny
struct client_key bits:u32 service:u16 family:u8 unused:pad1 address:address
struct client_entry rule:client_rule

# client_key SERVICE_ID PREFIX: an address, or ADDRESS/BITS; 0.0.0.0/0 is everybody.
client_key() {
	local family address=${2%/*} bits
	family_of "$address"
	bits=$((family == 6 ? 128 : 32))
	[[ $2 != */* ]] || bits=${2#*/}
	encode client_key $((32 + bits)) "$1" "$family" "$address"
}
