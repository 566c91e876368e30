# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# load_balancer.h for the shell: sourced, with bytes.sh.

# shellcheck disable=SC2034 # for whoever sources this
LB_DEBUG=1 DEFAULT_WINDOW=900

# random_hash_key: 32 bytes that nobody can guess.
random_hash_key() {
	od -An -N32 -tu1 -w32 /dev/urandom
}

# hex_bytes HEX: the bytes that pairs of hex digits stand for.
hex_bytes() {
	local i
	for ((i = 0; i < ${#1}; i += 2)); do
		echo $((16#${1:i:2}))
	done
}

# load_balancer ADDRESS FLAGS WINDOW BYTE*32: the last 32 words are the hash key.
load_balancer() {
	echo "$(address "$1")" "${@:4}" "$(u32 "$2")" "$(u32 "$3")"
}

# load_balancer_decode: the entry on stdin -> {address, hash_key: [32 bytes], flags, window}
load_balancer_decode() {
	decode '{
		address: (.formatted.value.address | address),
		hash_key: (.value[16:48] | map(byte)),
		flags: .formatted.value.flags,
		window: .formatted.value.window
	}'
}
