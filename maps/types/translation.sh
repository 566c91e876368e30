# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# translation.h for the shell. Only the program writes it.

enum direction u8 request reply
struct translation source:address destination:address source_port:be16 destination_port:be16 backend:u16 direction:direction \
	protocol:protocol family:u8 unused:pad3
