# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# backend: the commands of backends. Sourced by lb.

# backend_add PROTOCOL VIP:PORT ADDRESS[:PORT] [weight N] [up|down] [id HEX]
backend_add() {
	change "backend add" "service ${*:1:2}" "backend ${*:3}"
}

# backend_set PROTOCOL VIP:PORT ADDRESS[:PORT] [weight N] [up|down] [id HEX]
backend_set() {
	[[ $# -ne 3 ]] || usage "set what? weight N, up, down or id HEX"
	change "backend set" "service ${*:1:2}" "backend ${*:3}"
}

# backend_del PROTOCOL VIP:PORT ADDRESS[:PORT]
backend_del() {
	no_more "${@:4}"
	change "backend del" "service ${*:1:2}" "backend ${*:3}"
}
