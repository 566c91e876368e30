# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# nexthops.h for the shell: sourced, with bytes.sh. Only the programs write this map.

# nexthops_decode: one element on stdin -> [{cpu, destination, source, ifindex, address, mtu, expires}]
nexthops_decode() {
	# shellcheck disable=SC2016 # these are jq's variables
	decode '
	def mac: map(ltrimstr("0x")) | join(":");
	[.values[] | {cpu, raw: .value}] as $raw
	| [.formatted.values[] | . as $v | ($raw[] | select(.cpu == $v.cpu).raw) as $bytes | {
		cpu,
		destination: ($bytes[0:6] | mac),
		source: ($bytes[6:12] | mac),
		ifindex: .value.ifindex,
		address: ($bytes[16:20] | map(byte | tostring) | join(".")),
		mtu: .value.mtu,
		expires: .value.expires
	}]'
}
