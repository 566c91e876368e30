#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The NAT lab: its own scripts, and real traffic through it.

load ../lib/helper

setup_file() {
	set_up_lab nat
	add_servers 192.168.178.11 192.168.178.12
	lb service add tcp 192.168.178.15:7000
	local i
	for i in 1 2; do
		lb backend add tcp 192.168.178.15:7000 192.168.178.1$i:7001
		background backend-0$i tests/lib/connections.py serve 0.0.0.0 7001
		wait_for 10 on backend-0$i bash -c ": </dev/tcp/127.0.0.1/7001"
	done
	on client ip addr add 10.0.0.21/16 dev eth0
}

teardown_file() {
	labs/nat/teardown.sh
}

# events NAME: how many connections have come so far.
events() {
	lb --json nat stats | jq --arg name "$1" '.[] | select(.name == $name).connections'
}

# verdicts NAME: how many packets.
verdicts() {
	lb --json stats | jq --arg name "$1" '.verdicts[] | select(.name == $name).packets'
}

@test "setup shows requests being answered by both backends" {
	grep -q "Hello from backend-01 (192.168.178.11)" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "Hello from backend-02 (192.168.178.12)" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "knows whose port that is" "$BATS_FILE_TMPDIR/setup.out"
}

@test "check.sh finds nothing wrong" {
	run -0 labs/nat/check.sh
	echo "$output"
	[ "$(grep -c '^ok' <<<"$output")" -eq 12 ]
}

@test "trace.sh shows both rewritings, and that the answer comes back the same way" {
	run -0 labs/nat/trace.sh
	echo "$output"
	grep -qE "^ 3 +\*lb +\*backend-0[12] +- +\*192.168.178.10 > 192.168.178.1[12] +[0-9]+ > 8000 +\*62$" <<<"$output"
	grep -qE "^ 1 +backend-0[12] +lb +- +192.168.178.1[12] > 192.168.178.10 +8000 > [0-9]+ +64$" <<<"$output"
	grep -qE "^ 2 +\*lb +\*gateway +- +\*192.168.178.15 > 10.0.0.20 +8000 > [0-9]+ +\*63$" <<<"$output"
	[ "$(wc -l <<<"$output")" -eq 9 ]
}

@test "1000 requests on 1000 connections are all answered, 40 to 60 % by each backend" {
	answers_1000_requests
}

@test "the web servers saw only the load balancer's address" {
	log_names 192.168.178.10
}

@test "a download of 100 MB has the right checksum" {
	downloads_100_mb
}

@test "an upload of 10 MB has the right checksum" {
	uploads 10000000
}

@test "1000 datagrams from 1000 ports are answered from the VIP, by both backends" {
	answers_1000_datagrams
}

@test "datagrams in fragments reach their backend and are answered" {
	answers_fragmented_datagrams
}

@test "20,000 connections work at once, from two clients with the same source ports" {
	local replaced kept
	replaced=$(events port_replaced)
	kept=$(events port_kept)
	on client sysctl -qw net.ipv4.ip_local_port_range="1024 1100" # out of the way
	local i askers=()
	mkfifo "$BATS_TEST_TMPDIR/say"
	for i in 0 1; do
		on client tests/lib/connections.py ask 192.168.178.15 7000 10000 20000 10.0.0.2$i \
			<"$BATS_TEST_TMPDIR/say" >"$BATS_TEST_TMPDIR/heard$i" 2>&1 3>&- &
		askers+=($!)
	done
	exec 9>"$BATS_TEST_TMPDIR/say"
	for i in 0 1; do # each keeps its connections open until both have all of them
		wait_for 60 grep -q "^open" "$BATS_TEST_TMPDIR/heard$i"
	done
	exec 9>&-
	wait "${askers[@]}"
	on client sysctl -qw net.ipv4.ip_local_port_range="32768 60999"
	head "$BATS_TEST_TMPDIR"/heard*
	grep -qx "open 10000" "$BATS_TEST_TMPDIR/heard0"
	grep -qx "open 10000" "$BATS_TEST_TMPDIR/heard1"
	replaced=$(($(events port_replaced) - replaced)) kept=$(($(events port_kept) - kept))
	echo "kept $kept, replaced $replaced"
	[ $((kept + replaced)) -eq 20000 ]
	[ "$replaced" -gt 1000 ] # both behind one backend: one of them cannot keep the port
	[ "$kept" -ge 10000 ]
}

@test "connections stay with their backends while backends come and go" {
	mkfifo "$BATS_TEST_TMPDIR/say"
	on client tests/lib/connections.py ask 192.168.178.15 7000 100 30000 10.0.0.20 \
		<"$BATS_TEST_TMPDIR/say" >"$BATS_TEST_TMPDIR/heard" 2>&1 3>&- &
	local asker=$!
	exec 9>"$BATS_TEST_TMPDIR/say"
	wait_for 10 grep -q "^open 100$" "$BATS_TEST_TMPDIR/heard"
	lb backend del tcp 192.168.178.15:7000 192.168.178.12:7001
	echo go >&9
	wait_for 10 grep -q "^100$" "$BATS_TEST_TMPDIR/heard"
	lb backend add tcp 192.168.178.15:7000 192.168.178.12:7001
	echo go >&9
	wait_for 10 bash -c "[[ \$(grep -c '^100\$' '$BATS_TEST_TMPDIR/heard') -eq 2 ]]"
	exec 9>&-
	wait $asker
}

# bats test_tags=alone
@test "a flood of 2 million spoofed SYNs leaves established connections alone" {
	mkfifo "$BATS_TEST_TMPDIR/say"
	on client tests/lib/connections.py ask 192.168.178.15 7000 100 31000 10.0.0.20 \
		<"$BATS_TEST_TMPDIR/say" >"$BATS_TEST_TMPDIR/heard" 2>&1 3>&- &
	local asker=$! flood rounds=1 started full
	exec 9>"$BATS_TEST_TMPDIR/say"
	wait_for 10 grep -q "^open 100$" "$BATS_TEST_TMPDIR/heard"
	started=$(events started)
	full=$(verdicts connections_full)
	on gateway tests/lib/syn_flood.py eth0 "$(on lb cat /sys/class/net/eth0/address)" 192.168.178.15 7000 2000000 \
		>"$BATS_TEST_TMPDIR/flood" 3>&- &
	flood=$!
	while kill -0 $flood 2>/dev/null; do
		echo go >&9
		wait_for 60 bash -c "[[ \$(grep -c '^100\$' '$BATS_TEST_TMPDIR/heard') -ge $rounds ]]"
		rounds=$((rounds + 1))
		sleep 0.5
	done
	wait $flood
	[ "$(cat "$BATS_TEST_TMPDIR/flood")" -ge 2000000 ]
	echo go >&9
	wait_for 60 bash -c "[[ \$(grep -c '^100\$' '$BATS_TEST_TMPDIR/heard') -ge $rounds ]]"
	exec 9>&-
	wait $asker
	echo "rounds $rounds, handshakes started $(($(events started) - started)), ports exhausted $(verdicts ports_exhausted)"
	[ $(($(events started) - started)) -gt 100000 ] # it was a flood
	[ "$(verdicts connections_full)" -eq "$full" ]  # and none of it got where connections are
	# and new connections are possible again
	on client curl -s -o /dev/null --max-time 5 --retry 3 --retry-all-errors http://192.168.178.15:8000/
}

@test "the backend learns of a smaller MTU near the client" {
	on gateway ip link set eth1 mtu 1300
	downloads_100_mb
	on gateway ip link set eth1 mtu 1500
	on backend-01 ip route get 192.168.178.10 | grep -q "mtu 1300" || on backend-02 ip route get 192.168.178.10 | grep -q "mtu 1300"
}

@test "the client learns of a smaller MTU near the backend" {
	# what the backends have learned in the last test, they would tell the client (by their MSS)
	on backend-01 ip route flush cache
	on backend-02 ip route flush cache
	on lb ip route replace 192.168.178.11 dev eth0 mtu lock 1300
	on lb ip route replace 192.168.178.12 dev eth0 mtu lock 1300
	sleep 3 # the next hop is kept for up to 2.5 s
	uploads 1000000
	on client ip route get 192.168.178.15 | grep -q "mtu 1300"
	on lb ip route del 192.168.178.11
	on lb ip route del 192.168.178.12
	on client ip route flush cache
}

@test "traceroute sees the load balancer as a hop" {
	run -0 on client /usr/bin/python3 -c '
from scapy.layers.inet import IP, UDP, ICMP
from scapy.sendrecv import sr1
answer = sr1(IP(dst="192.168.178.15", ttl=2) / UDP(sport=40000, dport=9000), timeout=3, verbose=0)
print(answer.src, answer[ICMP].type)'
	[ "$output" = "192.168.178.10 11" ]
}

@test "the client learns that nobody listens on the backend's port" {
	lb service add udp 192.168.178.15:9999
	lb backend add udp 192.168.178.15:9999 192.168.178.11
	run -0 on client python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.connect(("192.168.178.15", 9999))
s.send(b"anybody there?")
try:
    s.recv(100)
except ConnectionRefusedError:
    print("refused")'
	[ "$output" = refused ]
}

@test "the VIP answers ping" {
	on client ping -c 1 -W 2 192.168.178.15
}

@test "the load balancer's own services and connections on the same ports are not touched" {
	background lb python3 -m http.server 8000 --bind 192.168.178.10 --directory /sys/class/net
	wait_for 5 on lb curl -s -o /dev/null http://192.168.178.10:8000/
	on client curl -s --max-time 3 http://192.168.178.10:8000/ | grep -q "eth0"
	on lb curl -s --max-time 3 http://192.168.178.11:8000/ | grep -q "Hello from backend-01"
	on client curl -s --max-time 3 http://192.168.178.15:8000/ | grep -q "Hello from"
}

@test "a service may have another port than its backends" {
	lb service add tcp 192.168.178.15:80
	lb backend add tcp 192.168.178.15:80 192.168.178.11:8000
	on client curl -s --max-time 3 http://192.168.178.15/ | grep -q "Hello from backend-01"
}

@test "running setup twice gives the same lab" {
	labs/nat/setup.sh >/dev/null
	labs/nat/check.sh
}

@test "three labs can be up at the same time without disturbing each other, and leave nothing behind" {
	local name
	for name in ipip l2dsr nat; do
		LAB=$LAB-$name labs/$name/setup.sh >/dev/null
	done
	for name in ipip l2dsr nat; do
		LAB=$LAB-$name labs/$name/check.sh
	done
	for name in ipip l2dsr nat; do
		LAB=$LAB-$name labs/$name/teardown.sh
	done
	run -0 bash -c 'LAB= scripts/node list'
	[[ $output != *"$LAB-"* ]]
}

@test "teardown removes a lab that was set up only in part" {
	local name delay setup
	for name in l2dsr nat; do
		for delay in 0.2 0.6 1.2; do
			setsid env LAB="$LAB-half" labs/$name/setup.sh >/dev/null 2>&1 3>&- &
			setup=$!
			sleep $delay
			kill -KILL -- -"$setup" 2>/dev/null || true
			wait $setup 2>/dev/null || true
			LAB=$LAB-half labs/$name/teardown.sh
			run ! pgrep -f "xdp-lb-node:$LAB-half:"
		done
	done
}

@test "after its link was down, the load balancer finds all next hops again by lb refresh" {
	outlives_a_link_flap
}

@test "with FAMILY=64, an IPv6 client has IPv4 servers" {
	FAMILY=64 run -0 labs/nat/setup.sh
	[ "$(grep -c "^Hello from backend-0[12] (192.168.178.1[12])" <<<"$output")" -eq 8 ]
	run -0 labs/nat/check.sh
	[ "$(grep -c '^ok' <<<"$output")" -eq 12 ]
	grep -q "^ok: backend-01 sees the client as 192.168.178.10$" <<<"$output"
	run -0 labs/nat/trace.sh
	echo "$output"
	grep -qE "^ 2 +\*gateway +\*lb +- +2001:db8:10::20 > 2001:db8:178::15 +[0-9]+ > 8000 +\*63$" <<<"$output"
	grep -qE "^ 3 +\*lb +\*backend-0[12] +- +\*192.168.178.10 > 192.168.178.1[12] +[0-9]+ > 8000 +\*62$" <<<"$output"
	grep -qE "^ 2 +\*lb +\*gateway +- +\*2001:db8:178::15 > 2001:db8:10::20 +8000 > [0-9]+ +\*63$" <<<"$output"
}
