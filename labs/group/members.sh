# shellcheck shell=bash disable=SC2154 # lbs
# SPDX-License-Identifier: GPL-2.0-only
# members: whether the machines of the group are well, and how one loses all that it knows. Sourced by experiment.sh and
# tests/soak, which set lbs to the names of the load balancers.

# has_ways N: the router has so many.
has_ways() {
	[[ $(on gateway ip route show "$VIP" | grep -c "via ") -eq $1 ]]
}

# is_well LB: checks have found that all backends are healthy: the 7th word of each line of the kernel's list. (lb service
# show says it in words, and takes ten times as long.)
is_well() {
	on "$1" awk 'NR > 1 && $7 != 1 { ill = 1 } END { exit ill || NR < 2 }' /sys/fs/bpf/xdp/lists/backends
}

# all_well: that is so on each load balancer, and the router has a way by each.
all_well() {
	local lb
	has_ways ${#lbs[@]} || return 1
	for lb in "${lbs[@]}"; do
		is_well "$lb" || return 1
	done
}

# forget_all LB: a machine that boots has its files, and nothing else. (Its program is still there.)
forget_all() {
	# shellcheck disable=SC2016 # expanded over there
	on "$1" bash -c 'kill -KILL $(cat /run/xdp-lb/watch/pid); birdc down; rm -rf /run/xdp-lb/watch /run/xdp-lb/bird' >/dev/null 2>&1 || true
}
