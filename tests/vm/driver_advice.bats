#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What drivers refuse, in their own words, and what lb attach says then: on the cards of QEMU. make test-drivers starts the
# virtual machine: one virtio_net card whose host joins packets, one e1000e, one plain virtio_net, one vmxnet3, and an igb if QEMU has it.

load ../lib/helper

setup_file() {
	modprobe -qa virtio_net e1000e vmxnet3 igb
	wait_for 10 test -e /sys/class/net/eth2
	local dev
	for dev in /sys/class/net/eth*; do
		ip link set "${dev##*/}" up
	done
	sysctl -qw net.ipv4.ip_forward=1
	mount -t bpf bpf /sys/fs/bpf 2>/dev/null || true
}

# cards DRIVER: the devices that have it.
cards() {
	local dev
	for dev in /sys/class/net/eth*; do
		[[ $(ethtool -i "${dev##*/}" | sed -n 's/^driver: //p') != "$1" ]] || echo "${dev##*/}"
	done
}

# refuses_to DEV WORDS... ADVICE: in the command's answer, in this order.
refuses_to() {
	run -1 scripts/lb attach ipip "$1" native
	echo "$output"
	[[ $output == *"$2"*"$3"* ]]
	[ -z "$(ls "$MAPS" 2>/dev/null)" ]
}

# takes_it DEV: now.
takes_it() {
	scripts/lb attach ipip "$1" native 2>/dev/null
	[ "$(ip -j -d link show "$1" | jq '.[0].xdp.mode')" = 1 ]
	scripts/lb detach "$1"
}

@test "e1000e has no native mode: generic, which lb attach takes by itself" {
	local dev
	dev=$(cards e1000e)
	refuses_to "$dev" "does not support XDP in native mode" "The driver (e1000e) has no native mode, or not as the device is set now. Try: lb attach ipip $dev generic"
	scripts/lb attach ipip "$dev" 2>/dev/null
	[ "$(ip -j -d link show "$dev" | jq '.[0].xdp.mode')" = 2 ]
	scripts/lb detach "$dev"
	run scripts/lb doctor "$dev"
	[[ $output == *"hint: the driver of $dev has native XDP: e1000e; not that is known here"*"lb attach ipip $dev generic"* ]]
}

@test "a virtual machine's host that joins packets, and cannot be told not to" {
	local dev
	for dev in $(cards virtio_net); do
		run scripts/lb attach ipip "$dev" native
		[[ $output != *GRO_HW* ]] || break
		scripts/lb detach "$dev" || true
	done
	refuses_to "$dev" "Can't set XDP while host is implementing GRO_HW" "guest_tso4=off"
	scripts/lb attach ipip "$dev" generic 2>/dev/null
	scripts/lb detach "$dev"
}

# too_large DEV MTU WORDS: an MTU above what the driver takes; with the one that lb names, it takes the program.
too_large() {
	local mend
	ip link set "$1" mtu "$2"
	refuses_to "$1" "$3" "ip link set dev $1 mtu "
	[[ $(scripts/lb doctor "$1" || true) == *"not ok: frames of $1 fit into what its driver has for one with XDP: an MTU of $2"* ]]
	mend=$({ scripts/lb attach ipip "$1" native || true; } 2>&1 | sed -n 's/.*Run: \(ip link set dev [a-z0-9]* mtu [0-9]*\).*/\1/p')
	$mend
	takes_it "$1"
	ip link set "$1" mtu 1500
}

@test "an MTU too large for one page: virtio_net" {
	[[ $(uname -r) == 6.1.* ]] || skip "since Linux 6.3, virtio_net takes frames in several pages"
	too_large "$(cards virtio_net | tail -n 1)" 9000 "MTU too large to enable XDP"
}

@test "an MTU too large for the card's buffers: igb" {
	local dev
	dev=$(cards igb | head -n 1)
	[[ -n $dev ]] || skip "this QEMU has no igb"
	too_large "$dev" 3400 "The RX buffer size is too small for the frame size"
}

@test "LRO, which vmxnet3 turns off itself, and lb doctor says so before; an MTU too large for one page" {
	local dev
	dev=$(cards vmxnet3)
	[[ $(uname -r) != 6.1.* ]] || skip "vmxnet3 has native XDP since Linux 6.6"
	sysctl -qw net.ipv4.ip_forward=0 # on who forwards, the kernel turns LRO off
	ethtool -K "$dev" lro on
	run scripts/lb doctor "$dev"
	[[ $output == *"not ok: $dev does not join packets before the program sees them: lro: on"*"ethtool -K $dev lro off"* ]]
	run -0 scripts/lb attach ipip "$dev" native
	[[ $output == *"LRO is not supported with XDP"* ]]
	[[ $(ethtool -k "$dev") == *"large-receive-offload: off"* ]]
	scripts/lb detach "$dev"
	sysctl -qw net.ipv4.ip_forward=1
	too_large "$dev" 9000 "too large for XDP"
}

@test "a program of others, and one of ours in another mode" {
	local dev
	dev=$(cards virtio_net | tail -n 1)
	ip link set "$dev" xdpgeneric obj bpf/xdp_pass.o sec xdp
	refuses_to "$dev" "another XDP program (xdp_pass" "ip link set dev $dev xdpgeneric off"
	ip link set dev "$dev" xdpgeneric off
	scripts/lb attach ipip "$dev" generic 2>/dev/null
	run -1 scripts/lb attach ipip "$dev" native
	[[ $output == *"$dev runs xdp_ipip in another way (xdpgeneric); run: lb detach $dev"* ]]
	scripts/lb detach "$dev"
}
