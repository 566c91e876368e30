# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The words that the maps' encoders are made of. An encoder prints decimal bytes, ready to be typed
# after bpftool's `key` or `value`; its numbers have been checked by the caller. A decoder reads
# bpftool's JSON (`bpftool -j map dump|lookup`) and prints JSON with the fields' names.

# little_endian: whether this machine writes a number's last byte first.
little_endian() {
	[[ $(printf '\1\0' | od -An -tu2) -eq 1 ]]
}

# u16 N, u32 N: a number in the byte order of this machine.
u16() {
	if little_endian; then
		echo $(($1 & 255)) $(($1 >> 8 & 255))
	else
		be16 "$1"
	fi
}
u32() {
	local n=$1
	if little_endian; then
		echo $((n & 255)) $((n >> 8 & 255)) $((n >> 16 & 255)) $((n >> 24 & 255))
	else
		echo $((n >> 24 & 255)) $((n >> 16 & 255)) $((n >> 8 & 255)) $((n & 255))
	fi
}

# be16 N: a number of 16 bits in network byte order.
be16() {
	echo $(($1 >> 8 & 255)) $(($1 & 255))
}

# address A.B.C.D: 16 bytes, IPv4 in the first four.
address() {
	echo "${1//./ }" 0 0 0 0 0 0 0 0 0 0 0 0
}

# protocol_number tcp|udp
protocol_number() {
	case $1 in
	tcp) echo 6 ;;
	udp) echo 17 ;;
	*) return 1 ;;
	esac
}

# decode FILTER [JQ_OPTION...]: JSON on stdin through a jq filter that may use the inverse of the
# functions above.
decode() {
	jq -c "${@:2}" '
		def byte: ascii_downcase | explode | map(if . >= 97 then . - 87 else . - 48 end)
			| .[2] * 16 + .[3];
		def be16: (.[0] | byte) * 256 + (.[1] | byte);
		def address: .octets[:4] | map(tostring) | join(".");
		def protocol: {"6": "tcp", "17": "udp"}[tostring] // tostring;
		'"$1"
}
