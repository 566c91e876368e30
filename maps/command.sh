# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# command.h for the shell: sourced, with bytes.sh, services.sh and backends.sh.

# shellcheck disable=SC2034 # for whoever sources this
MAX_SERVICE_BACKENDS=1024 MAX_SERVICE_SLOTS=65537 COMMAND_BUILD=1 COMMAND_DELETE=2 COMMAND_SETTLE=3
COMMAND_MALFORMED=$((0xfffffff0))

# commands_encode: JSON on stdin, [{operation: NUMBER, protocol, address, port, id, first, slots, flags,
# is_vip: BOOLEAN, changes: [{id, address, port, state, weight, service}]}] -> for each of them a line of
# bytes.
commands_encode() {
	encode '.[] | [
		(.operation | u32),
		service_key,
		([.id, .first, .slots, .flags] | map(u32)), (0 | u32, u32),
		(if .is_vip then 1 else 0 end | u32),
		(.changes | length | u32),
		(.changes[] | [(.id | u32), backend])
	] | flatten | map(tostring) | join(" ")'
}
