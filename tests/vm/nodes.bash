# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the test files for virtual machines share. There, each process that starts takes 20 times as long, so nodes are
# entered without looking for them, and many commands go into one shell.

# know_nodes NODE...: notes their first processes.
know_nodes() {
	local node process
	for node; do
		# unshare has these words, too, and grep itself, which is gone by then
		while IFS=/ read -r _ _ process _; do
			case $(cat "/proc/$process/comm" 2>/dev/null) in
			unshare | '') ;;
			*) echo "$process" >"$BATS_FILE_TMPDIR/$node.pid" ;;
			esac
		done < <(grep -lzxF "xdp-lb-node:$LAB:$node" /proc/[0-9]*/cmdline 2>/dev/null)
	done
}

# on NODE COMMAND...: as in helper.bash, for a node that know_nodes has noted.
on() {
	nsenter --target "$(<"$BATS_FILE_TMPDIR/$1.pid")" --net --mount --uts --pid -- env --chdir="$PWD" "${@:2}"
}

# background NODE COMMAND...: a server, which ends with the node.
background() {
	on "$1" setsid "${@:2}" </dev/null >/dev/null 2>&1 3>&- &
}

# use MODE DEV: the program of another mode on the same maps, which all modes but nat have in common.
use() {
	on lb ip -force link set dev "$2" xdp obj "bpf/xdp_$1.o" sec xdp.frags
}

# knows_neighbours: the kernel of lb has the MAC addresses of all next hops.
knows_neighbours() {
	! on lb ip neigh show | grep managed | grep -v lladdr
}
