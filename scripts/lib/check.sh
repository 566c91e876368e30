# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# check: the commands of checks. Sourced by lb.

# quote WORD...: words as a line that can be read again; one with a blank in it is still one.
quote() {
	stage 'include "checks"; $ARGS.positional | map(quoted) | join(" ")' -nr --args "$@"
}

# check_add, check_del PROTOCOL VIP:PORT KIND...
check_add() {
	change "check add" "service ${*:1:2}" "check $(quote "${@:3}")"
}

check_del() {
	change "check del" "service ${*:1:2}" "check $(quote "${@:3}")"
}
