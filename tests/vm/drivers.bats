#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The programs on network cards that QEMU has, in native mode: DRIVER=igb, or virtio_net. make test-drivers starts the virtual
# machines. Four cards, on two cables, and a veth:
#
#   client 10.1.0.20 eth0 ------ eth0 10.1.0.1 lb 10.2.0.1 eth1 ------ eth0 10.2.0.11 far
#                                                 10.3.0.1 veth0 ===== veth0 10.3.0.11 near

load ../lib/helper
load nodes

setup_file() {
	modprobe -qa "$DRIVER" veth bridge
	wait_for 10 test -e /sys/class/net/eth3
	scripts/node destroy --all
	scripts/node create lb veth0=inside:10.3.0.1/24
	scripts/node create near veth0=inside:10.3.0.11/24 via 10.3.0.1
	scripts/node create client
	scripts/node create far
	know_nodes lb near client far
	card eth0 client eth0 10.1.0.20/24 via 10.1.0.1
	card eth1 lb eth0 10.1.0.1/24
	card eth2 lb eth1 10.2.0.1/24
	card eth3 far eth0 10.2.0.11/24 via 10.2.0.1
	on lb bash -ec 'sysctl -qw net.ipv4.ip_forward=1; ip addr add 10.9.0.15/32 dev eth0'
	background far tests/lib/server.py http 0.0.0.0 8000
	background near tests/lib/server.py http 0.0.0.0 8000
	lb attach nat eth0
	lb attach nat eth1
	lb attach nat veth0
	lb restore - <<-END
		service tcp 10.9.0.15:8000
		backend 10.2.0.11
		service tcp 10.9.0.15:8001
		backend 10.3.0.11:8000
	END
	ready
}

teardown_file() {
	scripts/node destroy --all
}

# card CARD NODE DEV ADDRESS [via GATEWAY]: gives it to the node.
card() {
	ip link set "$1" netns "$(<"$BATS_FILE_TMPDIR/$2.pid")"
	[[ $1 == "$3" ]] || on "$2" ip link set "$1" name "$3"
	on "$2" bash -ec "ip addr add $4 dev $3; ip link set $3 up; sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.$3.rp_filter=0"
	[[ $# -eq 4 ]] || on "$2" ip route add default via "$6"
}

# ready: cables are in (a driver that gets a program, or another MTU, begins anew), and next hops are known.
ready() {
	wait_for 20 on lb bash -c '[[ $(cat /sys/class/net/eth0/carrier) -eq 1 && $(cat /sys/class/net/eth1/carrier) -eq 1 ]]'
	on client ip neigh flush all
	lb refresh || true
	wait_for 20 knows_neighbours
	wait_for 20 asks 8000 1
}

# asks PORT BYTES [TIMES]
asks() {
	[ "$(on client curl -sS --max-time $((10 * ${SLOW:-1})) "http://10.9.0.15:$1/bytes/$2?[1-${3-1}]" | wc -c)" -eq $(($2 * ${3-1})) ]
}

# counted NAME: packets of a verdict: of each CPU.
counted() {
	local number
	number=$(. maps/all.sh && words=" ${ENUMS[verdict]#* } " && words=${words%% "$1" *} && wc -w <<<"$words")
	# shellcheck disable=SC2046 # bytes
	on lb bpftool -j map lookup pinned "$MAPS/stats" key $(. maps/all.sh && u32 "$number") | jq -c '[.formatted.values[].value.packets]'
}

flavours() {
	on lb ip -j -d link | jq -c '[.[] | select(.ifname | test("^eth")) | .xdp.mode]'
}

@test "native: XDP_REDIRECT between two cards, and between a card and a veth, in both directions" {
	local before
	[ "$(flavours)" = "[1,1]" ]
	before=$(counted redirected | jq add)
	asks 8000 300000
	asks 8001 300000
	# 600 kB are more than 400 packets, and there is no other way than redirection
	[ $(($(counted redirected | jq add) - before)) -gt 400 ]
	[ "$(counted forwarded | jq add)" -eq 0 ]
}

@test "connections are spread over all queues that there are (RSS), and none is lost" {
	local queues
	queues=$(on lb ethtool -l eth0 | awk '/^Combined:/ { n = $2 } END { print n + 0 }')
	asks 8000 100 40
	on lb ethtool -S eth0 | grep -E 'rx_?(queue_)?[0-9]+_?packets:' | tee "$BATS_TEST_TMPDIR/queues"
	[ "$(awk '$2 > 0' "$BATS_TEST_TMPDIR/queues" | wc -l)" -ge "$queues" ]
}

@test "XDP_TX: each packet is counted once, on one CPU or another" {
	local packets=60
	lb detach veth0
	lb detach eth1
	lb detach eth0
	lb attach ipip eth0
	# the client is its own backend, so what it sends comes back to it, in an envelope
	lb restore - <<<$'service udp 10.9.0.15:9\nbackend 10.1.0.20'
	on client bash -ec 'scripts/lb attach decap eth0; scripts/lb decap add lb 10.1.0.1; scripts/lb decap add host 10.1.0.20; scripts/lb decap add vip 10.9.0.15'
	wait_for 20 on client bash -c '[[ $(cat /sys/class/net/eth0/carrier) -eq 1 ]]'
	on client ping -c 1 -w 60 10.1.0.1
	wait_for 20 knows_neighbours
	on client bash -c "for ((i = 0; i < $packets; i++)); do echo >/dev/udp/10.9.0.15/9; done"
	wait_for 10 came_back $packets
	echo "by CPU: $(counted forwarded)"
	[ "$(counted forwarded | jq add)" -eq $packets ]
	on client scripts/lb detach eth0
	lb detach eth0
}

came_back() {
	[ "$(on client scripts/lb --json decap stats | jq '[.. | objects | select(.name? == "decapsulated") | .packets] | add')" -eq "$1" ]
}

# again: as in setup_file.
again() {
	lb attach nat eth0
	lb attach nat eth1
	lb restore - <<<$'service tcp 10.9.0.15:8000\nbackend 10.2.0.11'
	ready
}

@test "a link that was down, a program that was taken off under traffic: afterwards packets go on" {
	again
	on lb bash -ec 'ip link set eth1 down; ip link set eth1 up'
	ready
	background client bash -c 'echo $$ >/run/asking; while :; do curl -s -m 2 -o /dev/null http://10.9.0.15:8000/bytes/100000; done'
	lb detach eth0
	lb attach nat eth0
	ready
	on client bash -c 'kill $(</run/asking)'
	asks 8000 100000 3
	on lb bash -c '! dmesg | grep -E "BUG|WARNING: CPU"'
}

# came: packets and bytes that the client's card has received.
came() {
	on client ip -s -j link show dev eth0 | jq -c '.[0].stats64.rx'
}

# frames_of MTU: the load balancer's cards have it as long as anybody sends such frames. igb takes no larger one while a program
# is there.
frames_of() {
	local machine dev order=(lb client far)
	[[ $1 -gt 1500 ]] || order=(client far lb)
	for machine in "${order[@]}"; do
		for dev in eth0 eth1; do
			[[ $machine == lb || $dev == eth0 ]] || continue
			[[ $machine != lb || $DRIVER != igb ]] || lb detach $dev
			on "$machine" ip link set $dev mtu "$1"
			[[ $machine != lb || $DRIVER != igb ]] || lb attach nat $dev
		done
	done
	ready
}

@test "another MTU while the program is there, as far as the driver takes it, and frames of that size" {
	local before
	frames_of 3000
	before=$(came)
	asks 8000 1000000
	# a megabyte in frames that are larger than 1500 bytes, on average, with what else came
	came | jq -e --argjson before "$before" '(.bytes - $before.bytes) / (.packets - $before.packets) > 1700'
	frames_of 1500
	if [[ $DRIVER == igb ]]; then
		run -2 on lb ip link set eth0 mtu 3000
	else
		# Linux 6.1 allows it, and such frames are lost: doctor knows
		on lb ip link set eth0 mtu 9000
		run -1 lb doctor eth0
		[[ $output == *"not ok: frames of eth0 fit into what its driver has for one with XDP: an MTU of 9000"*"ip link set dev eth0 mtu 3498"* ]]
		on lb ip link set eth0 mtu 1500
	fi
	asks 8000 1000
}

@test "lb doctor has nothing to say about a card as it is, and no program on the way out is a trouble" {
	lb doctor eth0 | tee "$BATS_TEST_TMPDIR/said"
	[ "$(grep -c '^not ok' "$BATS_TEST_TMPDIR/said")" -eq 0 ]
	lb detach eth0
	lb detach eth1
	lb attach ipip eth0
	lb restore - <<<$'service tcp 10.9.0.15:8000\nbackend 10.2.0.11'
	wait_for 20 knows_neighbours
	run -1 lb doctor
	[[ $output == *"not ok: cards that are sent out of have a program, too: eth1 has none"*"ip link set dev eth1 xdpdrv obj "*"xdp_pass.o sec xdp"* ]]
	lb detach eth0
}
