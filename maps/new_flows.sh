# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# new_flows.h for the shell. Only the programs write this map; its struct is that of flows.

# new_flows_decode: a dump on stdin -> what flows_decode prints
new_flows_decode() {
	flows_decode
}
