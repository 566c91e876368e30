# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# slots.h for the shell.

# shellcheck disable=SC2034 # for whoever sources this
MAX_SLOTS=4194304

struct slot now:u16 was:u16
struct slot_pair even:slot odd:slot

# slot_pair EVEN [ODD]: an element of the map, two slots: ids of backends. Nothing has changed: that is whose they were.
slot_pair() {
	encode slot_pair "$1" "$1" "${2-0}" "${2-0}"
}

# slots_decode: some elements on stdin, as an array -> [{slot, now, was}]
slots_decode() {
	jq -c '[.[] | .formatted | (.key * 2) as $even | {slot: $even} + .value.even, {slot: ($even + 1)} + .value.odd]'
}
