# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# client: the commands of clients: who may use a service. Sourced by lb.

# client_add, client_del PROTOCOL VIP:PORT allow|deny PREFIX...
client_add() {
	change "client add" "service ${*:1:2}" "client ${*:3}"
}

client_del() {
	change "client del" "service ${*:1:2}" "client ${*:3}"
}
