# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# load_balancer.h for the shell.

# shellcheck disable=SC2034 # for whoever sources this
DEFAULT_WINDOW=900

flags load_balancer_flags u32 debug announce worse draining backend
struct load_balancer address:address hash_key:bytes32 flags:load_balancer_flags window:u32 probe_device:u32 routes:u32 \
	address6:address6 source:address source6:address6 source_bits:u8 source6_bits:u8 port:be16 unused:pad4

# random_hash_key: 32 bytes that nobody can guess, in hex.
random_hash_key() {
	od -An -N32 -tx8 -w32 /dev/urandom | tr -d ' '
}

# load_balancer ADDRESS HASH_KEY FLAGS WINDOW [ADDRESS6]: the key in hex; flags are debug, say, or 0. Nobody checks. 0.0.0.0 and
# :: are no address.
load_balancer() {
	encode load_balancer "${@:1:4}" 0 0 "${5-::}" 0.0.0.0 :: 0 0 0
}

# load_balancer_decode: the entry on stdin -> {address, hash_key: [32 bytes], flags: ["debug"], window, probe_device, routes,
# address6, source, source6, source_bits, source6_bits, port}
load_balancer_decode() {
	decode '.value | bytes | decode("load_balancer")'
}
