# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# decap_addresses.h for the shell.

# shellcheck disable=SC2034 # for whoever sources this
FOU_PORT=5555 GUE_PORT=6080 # UDP; 6080 is GUE's at IANA, 5555 is what ip-fou(8) shows

enum decap_role u8 - lb host - vip
flags decap_tunnels u8 ipip gre fou gue
struct decap_key bits:u32 role:decap_role family:u8 unused:pad2 address:address
struct decap_entry tunnels:decap_tunnels unused:pad1 fou_port:be16 gue_port:be16 unused2:pad2

# decap_key ROLE PREFIX: lb, host or vip; an address, or ADDRESS/BITS.
decap_key() {
	local family address=${2%/*} bits
	family_of "$address"
	bits=$((family == 6 ? 128 : 32))
	[[ $2 != */* ]] || bits=${2#*/}
	encode decap_key $((32 + bits)) "$1" "$family" "$address"
}

# decap_entry [TUNNEL...]: of a host: ipip, gre, fou, fou:PORT, gue, gue:PORT; of the others: none.
decap_entry() {
	local tunnel kind flags=0 fou=0 gue=0
	for tunnel; do
		kind=${tunnel%:*} flags+=,$kind
		case $tunnel in
		fou) fou=$FOU_PORT ;;
		gue) gue=$GUE_PORT ;;
		fou:*) fou=${tunnel#*:} ;;
		gue:*) gue=${tunnel#*:} ;;
		esac
	done
	encode decap_entry "${flags#0,}" "$fou" "$gue"
}

# decap_addresses_decode: a dump on stdin -> [{address, roles: ["lb", "host", "vip"], tunnels}], sorted by address, which is
# a prefix if it has a length; tunnels, of a host: ["ipip", "gre", "fou:PORT", "gue:PORT"].
decap_addresses_decode() {
	decode 'include "address";
		def tunnels: [.tunnels[] as $of | if $of == "fou" then "fou:\(.fou_port)" elif $of == "gue" then "gue:\(.gue_port)" else $of end];
		elements("decap_key"; "decap_entry")
		| group_by(.key | [.family, (.address | by_address), .bits])
		| map({address: (.[0].key | .bits -= 32 | prefix_text), roles: (map(.key.role) as $roles | ["lb", "host", "vip"] | map(select(IN($roles[])))) }
			+ ([.[] | select(.key.role == "host") | {tunnels: (.value | tunnels)}] | add // {}))'
}
