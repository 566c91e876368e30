# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# destinations.h for the shell: sourced, with bytes.sh.

# destination_key ADDRESS: of its last two octets.
destination_key() {
	local octets
	IFS=. read -ra octets <<<"$1"
	u32 $((octets[2] * 256 + octets[3]))
}

# destination VIPS [LENT [CHANGES]]: how many VIPs end in these octets; NAT: 1 if an address does whose ports
# have been lent; how often their services have changed.
destination() {
	echo "$(u32 "$1")" "$(u32 "${2-0}")" "$(u32 "${3-0}")" 0 0 0 0
}

# destinations_decode: some elements on stdin, as an array -> [{octets, vips, lent, changes}]
destinations_decode() {
	jq -c '[.[] | .formatted | {octets: "\(.key / 256 | floor).\(.key % 256)"} + (.value | del(.unused))]'
}
