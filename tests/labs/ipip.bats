#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The IPIP lab: its own scripts, and real traffic through it.

load ../lib/helper

setup_file() {
	set_up_lab ipip
	add_servers 172.16.0.10 172.16.0.11
}

teardown_file() {
	labs/ipip/teardown.sh
}

@test "setup shows requests being answered, by both backends, and says what to try next" {
	grep -q "Hello from backend-01 (172.16.0.10)" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "Hello from backend-02 (172.16.0.11)" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "takes another way" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "labs/ipip/trace.sh" "$BATS_FILE_TMPDIR/setup.out"
}

@test "setup shows the commands that configure the load balancer, ready to be typed" {
	grep -q "^lb# ip -force link set dev eth0 xdp obj bpf/xdp_ipip.o sec xdp$" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "^lb# bpftool map update pinned $MAPS/slots key 0 0 0 0 value 1 0 1 0 2 0 2 0$" "$BATS_FILE_TMPDIR/setup.out"
}

@test "the lab has five nodes on three networks" {
	run -0 scripts/node list
	[ "$(grep -c -v switch <<<"$output")" -eq 5 ]
	grep -q "gateway.*eth0 192.168.178.2/24, eth1 10.0.0.2/16, eth2 172.16.0.2/24" <<<"$output"
	[ "$(on switch ip -br link show type bridge | wc -l)" -eq 3 ]
}

@test "check.sh finds nothing wrong" {
	run -0 labs/ipip/check.sh
	[ "$(grep -c '^ok' <<<"$output")" -eq 17 ]
	run ! grep "^not ok" <<<"$output"
}

@test "check.sh says what is wrong, and where to look" {
	on backend-02 kill "$(on backend-02 pgrep -f "http.server 8000")"
	# it gives up early when its first eight requests all go to the broken one: one time in 256
	run -1 labs/ipip/check.sh
	[[ $output == *"backend-02 serves"* ]] || run -1 labs/ipip/check.sh
	echo "$output"
	on backend-02 labs/ipip/backend.sh
	grep -q "^not ok: 40 of 40 requests are answered: only [0-9]*; " <<<"$output"
	grep -q "^not ok: backend-02 serves some of them (0): none; scripts/node exec lb" <<<"$output"
	grep -q "^ok: backend-01 serves some of them" <<<"$output"
	labs/ipip/check.sh
}

@test "trace.sh shows the wrapped packet on its way to the backend, and the answer on another way back" {
	run -0 labs/ipip/trace.sh
	echo "$output"
	grep -qE "1 +client +gateway +- +10.0.0.20 > 192.168.178.15 .* 64$" <<<"$output"
	grep -qE "2 +\*gateway +\*lb +- +10.0.0.20 > 192.168.178.15 .* \*63$" <<<"$output"
	grep -qE "3 +\*lb +\*gateway +\*192.168.178.10 > 172.16.0.1[01] +10.0.0.20 > 192.168.178.15 .* \*64/62$" <<<"$output"
	grep -qE "4 +\*gateway +\*backend-0[12] +192.168.178.10 > 172.16.0.1[01] +10.0.0.20 > 192.168.178.15 .* \*63/62$" <<<"$output"
	grep -qE "1 +backend-0[12] +gateway +- +192.168.178.15 > 10.0.0.20 .* 64$" <<<"$output"
	grep -qE "2 +\*gateway +\*client +- +192.168.178.15 > 10.0.0.20 .* \*63$" <<<"$output"
	[ "$(wc -l <<<"$output")" -eq 9 ]
}

@test "trace.sh --all shows the whole connection" {
	run -0 labs/ipip/trace.sh --all
	grep -q "^PA, .* bytes of data$" <<<"$output"
	grep -q "^FA, " <<<"$output"
	# whoever has read enough of it ("| head") gets no traceback
	run --separate-stderr bash -c 'labs/ipip/trace.sh --all | true'
	echo "$stderr"
	[ -z "$stderr" ]
}

@test "1000 requests on 1000 connections are all answered, 40 to 60 % by each backend" {
	answers_1000_requests
}

@test "both web servers saw only the client's own address" {
	log_names 10.0.0.20
}

@test "a download of 100 MB has the right checksum" {
	downloads_100_mb
}

@test "an upload of 10 MB has the right checksum" {
	uploads 10000000
}

@test "without smaller segments the client learns the tunnel's MTU from the load balancer" {
	local backend too_big
	for backend in backend-01 backend-02; do
		on $backend ip route replace default via 172.16.0.2 dev eth0
	done
	uploads 1000000
	too_big=$(lb --json stats | jq '.verdicts[] | select(.name == "too_big_answered").packets')
	[ "$too_big" -gt 0 ]
	on client ip route get 192.168.178.15 | grep -q "mtu 1480"
	on client ip route flush cache
	for backend in backend-01 backend-02; do
		on $backend ip route replace default via 172.16.0.2 dev eth0 advmss 1440
	done
}

@test "1000 datagrams from 1000 ports are answered from the VIP, by both backends" {
	answers_1000_datagrams
}

@test "a datagram in fragments reaches its backend and is answered" {
	answers_fragmented_datagrams
}

@test "the load balancer's kernel answers a ping to the VIP" {
	on client ping -c 1 -W 2 192.168.178.15
}

@test "traceroute sees the load balancer as a hop" {
	run -0 on client /usr/bin/python3 -c '
from scapy.layers.inet import IP, UDP, ICMP
from scapy.sendrecv import sr1
answer = sr1(IP(dst="192.168.178.15", ttl=2) / UDP(dport=9000), timeout=3, verbose=0)
print(answer.src, answer[ICMP].type)'
	[ "$output" = "192.168.178.10 11" ]
}

@test "only the load balancer can use the tunnel" {
	run on client /usr/bin/python3 -c '
from scapy.layers.inet import IP, TCP
from scapy.sendrecv import send
send(IP(dst="172.16.0.10") / IP(src="10.0.0.99", dst="192.168.178.15") / TCP(dport=8000), verbose=0)'
	wait_for 3 bash -c "[[ \$(scripts/node exec backend-01 scripts/lb --json decap stats | jq '.[] | select(.name == \"source_refused\").packets') -eq 1 ]]"
}

@test "a single role script can run again on its node, and setup.sh on a node runs only that role" {
	run -0 on lb labs/ipip/setup.sh
	grep -q "^lb# ip -force link set dev eth0 xdp" <<<"$output"
	[[ $output != *"client#"* ]]
	run -0 on backend-02 labs/ipip/setup.sh
	grep -q "^backend-02# " <<<"$output"
	run -0 on gateway labs/ipip/setup.sh
	run -0 on client labs/ipip/setup.sh
	[ "$(grep -c "^Hello from" <<<"$output")" -eq 8 ]
}

@test "the program writes a line about each packet to the trace log" {
	on lb timeout 3 scripts/lb trace >"$BATS_TEST_TMPDIR/log" 3>&- &
	local reader=$!
	wait_for 2 bash -c "scripts/node exec client curl -s -o /dev/null http://192.168.178.15:8000/; grep -q '^10.0.0.20:' '$BATS_TEST_TMPDIR/log'"
	wait $reader || true
	grep -qE "^10.0.0.20:[0-9]+ > 192.168.178.15:8000 backend [12] 172.16.0.1[01]: forwarded$" "$BATS_TEST_TMPDIR/log"
}

@test "lb trace says how to turn debug on when it is off" {
	lb set debug off
	run -1 lb trace
	[[ $output == *"nothing is told while debug is off; run: lb set debug on"* ]]
	lb set debug on
}

@test "running setup twice gives the same lab" {
	labs/ipip/setup.sh >/dev/null
	[ "$(scripts/node list | grep -c -v switch)" -eq 5 ]
	labs/ipip/check.sh
}

@test "after its link was down, the load balancer finds all next hops again by lb refresh" {
	outlives_a_link_flap
}
