# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# flows.h for the shell. Only the programs write this map.

struct tracked_flow backend:u32 closing:u32 seen:u64

# flows_decode: a dump on stdin -> [{protocol, client, service, backend: ID, closing, seen}], addresses
# with ports, `seen` in seconds since boot.
flows_decode() {
	decode 'elements("connection_key"; "tracked_flow") | map({
		protocol: .key.protocol, client: (.key | source), service: (.key | destination),
		backend: .value.backend, closing: (.value.closing == 1), seen: (.value.seen / 1e9 | floor)})'
}
