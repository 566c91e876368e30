# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# links: what the programs have to know of devices that are made of others (maps/links.h): VLAN devices, and ports of
# bonds. Sourced by lb.

# link_changes: what is to be changed, so that the map is as the devices are; lines as links.jq has them.
link_changes() {
	{ ip -j -d link && dump links; } | stage "include \"bytes\"; include \"links\"; decimal as \$hex | link_changes($(encoder link))" -rs
}

# keep_links: the map becomes as the devices are.
keep_links() {
	local change
	[[ -e $maps/links ]] || return 0
	while read -r -a change; do
		case ${change[0]} in
		update) update links key "${change[@]:1:4}" value "${change[@]:5}" ;;
		delete) delete links key "${change[@]:1}" ;;
		esac
	done < <(link_changes)
}
