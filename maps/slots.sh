# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# slots.h for the shell.

# shellcheck disable=SC2034 # for whoever sources this
MAX_SLOTS=4194304

struct slot now:u32 was:u32

# slot NOW [WAS]: ids of backends; nothing has changed if WAS is not given.
slot() {
	encode slot "$1" "${2-$1}"
}

# slots_decode: some elements on stdin, as an array -> [{slot, now, was}]
slots_decode() {
	jq -c '[.[] | .formatted | {slot: .key} + .value]'
}
