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
	# shellcheck disable=SC2016 # these are jq's variables
	jq -c "${@:2}" '
		def byte: ascii_downcase | explode | map(if . >= 97 then . - 87 else . - 48 end)
			| .[2] * 16 + .[3];
		def be16: (.[0] | byte) * 256 + (.[1] | byte);
		def address: .octets[:4] | map(tostring) | join(".");
		def endpoint($address; $port): (.[$address:$address + 4] | map(byte | tostring) | join("."))
			+ ":" + (.[$port:$port + 2] | be16 | tostring);
		def protocol: {"6": "tcp", "17": "udp"}[tostring] // tostring;
		'"$1"
}

# u32_keys: numbers on stdin, [N...] -> a line "key BYTE BYTE BYTE BYTE" for each
u32_keys() {
	encode '.[] | u32 | map(tostring) | "key " + join(" ")'
}

# encode FILTER [JQ_OPTION...]: the way back, for many at once: JSON on stdin through a jq filter that may
# use the functions above, and the structs that more than one map has.
encode() {
	local order='.'
	little_endian || order=reverse
	# shellcheck disable=SC2016 # these are jq's variables
	jq -r "${@:2}" '
		def byte($unit): . / $unit | floor % 256;
		def u32: [byte(1), byte(256), byte(65536), byte(16777216)] | '$order';
		def be16: [byte(256), byte(1)];
		def address: [split(".")[] | tonumber] + [range(12) | 0];
		def protocol: {tcp: 6, udp: 17}[.];
		def state: {free: 0, up: 1, down: 2}[.];
		def service_key: [(.address | address), (.port | be16), (.protocol | protocol), 4];
		def backend: [(.address | address), (.port | be16), 4, (.state | state),
			(.weight | u32), (.service | u32)];
		'"$1"
}
