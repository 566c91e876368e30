# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# advice: where a program cannot be attached, or a driver refuses it: what to do. Sourced by lb.

# check_place MODE: whether packets go their way from there. dev, kind, below, port_of and master are those of read_device.
# (Who says native or generic knows better, and is not asked.)
check_place() {
	[[ $kind != vlan || $below == - ]] || die "$dev is a VLAN device, and its packets come in by $below: lb attach $1 $below." \
		"What is routed through $dev leaves with its tag. (Slower, and only for this VLAN: lb attach $1 $dev generic)"
	case $port_of in
	bond) die "$dev is a port of the bond $master, which gives its program to all its ports: lb attach $1 $master" ;;
	bridge | team)
		# What only comes in is not in the way of a bridge.
		[[ $1 != decap ]] || return 0
		die "$dev is a port of $master, so routes lead through $master, and a native program cannot send out of a $port_of: lb attach $1 $master generic." \
			"(If no route of yours does: lb attach $1 $dev native)"
		;;
	esac
}

# other_program: what to do about a program that is not ours.
other_program() {
	if [[ $xdp_name == xdp_dispatcher ]]; then
		echo "programs of xdp-tools run on $dev (xdp_dispatcher, id $xdp_id): 'xdp-loader status $dev' lists them, and if nobody needs them: xdp-loader unload $dev --all." \
			"How to put ours behind them is in README.md, 'Other XDP programs'"
	else
		echo "another XDP program ($xdp_name, id $xdp_id) runs on $dev; if nobody needs it: ip link set dev $dev $xdp_flavour off"
	fi
}

# driver_of DEV: as ethtool has it; a device that is made of others has its kind instead.
driver_of() {
	{ ethtool -i "$1" 2>/dev/null || true; } | sed -n 's/^driver: //p'
}

# offload DEV NAME: on or off, as ethtool has it; "fixed" behind it if that cannot be changed.
offload() {
	ethtool -k "$1" 2>/dev/null | sed -n "s/^$2: \([a-z]*\)\( \[fixed\]\)\?.*/\1\2/p" | tr -d '[]'
}

# channels DEV: sets most and combined, how many queues it may have and has; 0 if it does not say.
channels() {
	read -r most combined < <(ethtool -l "$1" 2>/dev/null | awk '/^Combined:/ && $2 + 0 { n[++i] = $2 } END { print n[1] + 0, n[2] + 0 }')
}

# largest_mtu DEV: sets room to the largest MTU whose frames fit into one of the pieces that its driver has for XDP; empty if
# it takes frames in several pieces.
largest_mtu() {
	room=3498
	case $(driver_of "$1") in
	igb | ixgbe | ixgbevf) room=3046 ;; # pieces of 3072 bytes
	vmxnet3) room=3494 ;;
	virtio_net) ! is_new_enough "$(</proc/sys/kernel/osrelease)" 6 3 || room='' ;;
	veth | mlx5_core | i40e | ice | bnxt_en | mvneta | ena) room='' ;;
	esac
}

# programs_of_ports BOND: commands that take the programs off its ports.
programs_of_ports() {
	ip -j -d link show master "$1" | jq -r '[.[] | select(.xdp) | "ip link set dev \(.ifname) xdp\({"1": "drv", "2": "generic"}[.xdp.mode | tostring] // "") off"] | join(" && ")'
}

# joins_packets: what mends it that the driver joins packets. A guest may not be able to tell its host.
joins_packets() {
	if [[ $(offload "$dev" large-receive-offload) == on ]]; then
		echo "ethtool -K $dev lro off"
	elif [[ $(offload "$dev" rx-gro-hw) == on ]]; then
		echo "ethtool -K $dev rx-gro-hw off"
	else
		echo "this is set where the machine is started (QEMU: -device virtio-net-pci,guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off," \
			"or ctrl_guest_offloads=on, so that the guest may do it)"
	fi
}

# advise MODE ERROR: what to do about what the kernel or the driver has said. Needs dev.
advise() {
	local generic="lb attach $1 $dev generic" room most combined
	case ${2,,} in
	*"bonding mode"*)
		echo "The modes balance-rr, active-backup, balance-xor and 802.3ad have it, the last two not with xmit_hash_policy vlan+srcmac: ip link set dev $dev type bond mode ..." \
			"Or: $generic"
		;;
	*"slave device does not support"*) echo "The driver of one of its ports has no native mode (ip -br link show master $dev; ethtool -i PORT). Try: $generic" ;;
	*"slave has xdp program"*) echo "First: $(programs_of_ports "$dev")" ;;
	*"upper device already has"*) echo "It is a port of $master, which has given it its program: lb attach $1 $master" ;;
	*mtu*large* | *buffer*too*small* | *mtu*xdp* | *"single buffer"*)
		largest_mtu "$dev"
		echo "With XDP, frames of an MTU of $(<"/sys/class/net/$dev/mtu") do not fit into what the driver has for one. Run: ip link set dev $dev mtu ${room:-3498} (or less). Or: $generic"
		;;
	*lro* | *gro_hw* | *"guest offload"*) echo "The driver would join packets before the program sees them: $(joins_packets). Or: $generic" ;;
	*queue* | *ring* | *channel*)
		channels "$dev"
		echo "XDP needs queues of its own to send: ethtool -L $dev combined $((most > 1 ? most / 2 : 1)). Or: $generic"
		;;
	*native* | *generic* | *"not supported"*) echo "The driver ($(driver_of "$dev")) has no native mode, or not as the device is set now. Try: $generic" ;;
	esac
}
