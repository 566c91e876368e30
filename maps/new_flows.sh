# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# new_flows.h for the shell. Only the programs write this map; its struct is that of flows.
