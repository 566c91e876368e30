# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# backends.h for the shell.

# shellcheck disable=SC2034 # for whoever sources this
MAX_BACKENDS=32768 # with id 0, which is nobody's

enum backend_state u8 free up down
struct backend address:address port:be16 family:u8 state:backend_state weight:u32 service:u32

# backend ADDRESS PORT SERVICE_ID [WEIGHT [STATE]]: weight 1 and state up if not given.
backend() {
	encode backend "$1" "$2" 4 "${5-up}" "${4-1}" "$3"
}
