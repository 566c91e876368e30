# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# decap_settings.h for the shell.

struct decap_settings cookies:u32

# decap_settings COOKIES: 0 is off.
decap_settings() {
	encode decap_settings "$@"
}

# decap_settings_decode: the entry on stdin -> {cookies}
decap_settings_decode() {
	decode '.value | bytes | decode("decap_settings")'
}
