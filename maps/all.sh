# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# all: everything that the shell knows of the maps. Sourced, from anywhere.

for encoder in "${BASH_SOURCE[0]%/*}"/types/*.sh "${BASH_SOURCE[0]%/*}"/*.sh; do
	# shellcheck source=/dev/null
	[[ $encoder == */all.sh ]] || . "$encoder"
done
unset encoder
