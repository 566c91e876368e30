# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# backends.h for the shell.

# shellcheck disable=SC2034 # for whoever sources this
MAX_BACKENDS=32768 # with id 0, which is nobody's

enum backend_state u8 free up down
enum backend_health u8 unchecked healthy failed
flags backend_flags u8 last_resort fallback local listed
struct backend address:address port:be16 family:u8 state:backend_state weight:u16 health:backend_health flags:backend_flags service:u32

# backend ADDRESS PORT SERVICE_ID [WEIGHT [STATE [HEALTH [FLAGS]]]]: weight 1, up and unchecked if not given.
backend() {
	local family
	family_of "$1"
	encode backend "$1" "$2" "$family" "${5-up}" "${4-1}" "${6-unchecked}" "${7-0}" "$3"
}
