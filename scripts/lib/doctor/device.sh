# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# device: facts of a network device, before a program is attached to it, see doctor.sh. What a driver says when it refuses
# a program, and what lb attach says then, is in advice.sh.

# drivers whose native mode is in Linux 6.1 or newer
native_drivers="veth virtio_net tun bonding igb igc ixgbe ixgbevf i40e ice idpf mlx4_en mlx5_core bnxt_en ena gve hv_netvsc mana vmxnet3 nfp \
qede sfc sfc-siena xen_netfront vif nicvf rvu_nicpf rvu_nicvf mvneta mvpp2 stmmac stmmaceth dwmac fsl_enetc fsl_enetc_vf fsl_dpaa2_eth fsl_dpa fec \
netsec atlantic tsnep lan966x-switch ti-cpsw am65-cpsw-nuss icssg-prueth mtk_soc_eth nfb funeth"

# examine_device DEV
examine_device() {
	local driver dev=$1 most combined room
	driver=$(driver_of "$dev")
	packets_begin_here
	nobody_else_is_here
	driver_knows_xdp
	device_is_up "$dev"
	packets_stay_apart "$dev"
	frames_fit
	queues_are_enough
	packets_are_spread
	memory_suffices
}

# packets_begin_here: it is no VLAN device, and no port of another one.
packets_begin_here() {
	local found='' master=${port[$dev]#*:}
	if [[ ${kind[$dev]} == vlan && $(beneath "$dev") != "$dev" ]]; then
		found="it is a VLAN device, and packets come in by $(beneath "$dev"): lb attach MODE $(beneath "$dev")"
	elif [[ ${port[$dev]} == bond:* ]]; then
		found="it is a port of $master: lb attach MODE $master"
	elif [[ ${port[$dev]} =~ ^(bridge|team): ]]; then
		found="it is a port of $master, which routes lead through, and native XDP cannot send out of: lb attach MODE $master generic"
	fi
	fact "$dev is where a program belongs" "$found" "" test -z "$found"
}

nobody_else_is_here() {
	local mend="ip link set dev $dev xdp off"
	[[ ${flavour[$dev]} != generic ]] || mend="ip link set dev $dev xdpgeneric off"
	[[ ${program[$dev]} != xdp_dispatcher ]] || mend="xdp-loader unload $dev --all"
	fact "no program of others is on $dev" "${program[$dev]}" "$mend" is_own_or_none "${program[$dev]}"
}

is_own_or_none() {
	[[ $1 == - ]] || is_ours "$1"
}

# driver_knows_xdp: a list, because before Linux 6.3 only an attempt would tell, and that would disturb who uses it.
driver_knows_xdp() {
	hint "the driver of $dev has native XDP" "${driver:-there is none}$(is_native_driver || echo "; not that is known here")" \
		"lb attach ipip $dev generic   # or another mode" is_native_driver
}

is_native_driver() {
	[[ -n $driver && " $native_drivers " == *" $driver "* ]]
}

# frames_fit: into what the driver has for one.
frames_fit() {
	is_native_driver || return 0
	largest_mtu "$dev"
	fact "frames of $dev fit into what its driver has for one with XDP" "an MTU of ${mtu[$dev]}" "ip link set dev $dev mtu ${room:-0}" \
		test -z "$room" -o "${mtu[$dev]}" -le "${room:-0}"
}

# queues_are_enough: virtio_net wants a queue for each CPU beside those that it receives by, and is slower without.
queues_are_enough() {
	local cpus free
	channels "$dev"
	[[ $driver == virtio_net && $combined -gt 0 && ${flavour[$dev]} != native ]] || return 0
	cpus=$(nproc --all) free=$((most - cpus))
	hint "$dev has a queue for each CPU to send by, beside $combined others" "$most queues in all, $cpus CPUs" \
		"$([[ $free -lt 1 ]] || echo "ethtool -L $dev combined $free")" test $((combined + cpus)) -le "$most"
}

# packets_are_spread: over several CPUs, if there are any.
packets_are_spread() {
	local cpus wanted used
	[[ $most -gt 1 ]] || return 0
	cpus=$(nproc --all) wanted=$((most < cpus ? most : cpus))
	# the others are for sending, see queues_are_enough
	[[ $driver != virtio_net || $wanted -le $((most - cpus)) ]] || wanted=$((most > cpus ? most - cpus : 1))
	hint "$dev receives by as many queues as there can be CPUs for them" "$combined of $most" "ethtool -L $dev combined $wanted" \
		test "$combined" -ge "$wanted"
	used=$({ ethtool -x "$dev" 2>/dev/null || true; } | awk '/^ +[0-9]+:/ { for (i = 2; i <= NF; i++) if (!seen[$i]++) n++ } END { print n + 0 }')
	[[ $used -gt 0 ]] || return 0
	hint "the card spreads packets over all of them (RSS)" "$used of $combined" "ethtool -X $dev equal $combined" test "$used" -eq "$combined"
}

# memory_suffices: a native program takes a page for each packet that a queue has room for; and maps are 150 MiB or less.
memory_suffices() {
	local slots need there
	slots=$({ ethtool -g "$dev" 2>/dev/null || true; } | awk '/^RX:/ { n = $2 } END { print n + 0 }')
	need=$((slots * (combined > 0 ? combined : 1) * 4 / 1024 + 150))
	there=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
	fact "there is memory for its queues, and for maps" "$need MiB of $there" "" test "$need" -le "$there"
}
