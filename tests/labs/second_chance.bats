#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A second chance (xdp_relay), with real connections: flows come by a load balancer that remembers nothing of them,
# after backends have changed.

load ../lib/helper

# shellcheck disable=SC2154 # vip is the helper's
setup_file() {
	set_up_lab ipip
	local node
	for node in backend-01 backend-02; do
		on $node sysctl -qw net.ipv4.conf.eth0.forwarding=1
		on $node sysctl -qw net.ipv6.conf.all.forwarding=1
		on $node scripts/lb attach relay eth0          # instead of decap
		on $node scripts/lb decap add lb 172.16.0.0/24 # each other
		background $node tests/lib/connections.py serve "$vip" 7000
	done
	echo 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff >"$BATS_FILE_TMPDIR/key"
}

teardown_file() {
	labs/ipip/teardown.sh
}

# configure NODE WEIGHT_OF_BACKEND_01: the same service everywhere; that backend drains if the weight is 0.
configure() {
	on "$1" scripts/lb set key "$(<"$BATS_FILE_TMPDIR/key")"
	printf 'service tcp %s\nbackend 172.16.0.10 weight %s\nbackend 172.16.0.11\n' "$vip:7000" "$2" | on "$1" scripts/lb restore -
}

# another_load_balancer WEIGHT: takes over, with the same configuration, and without any memory.
another_load_balancer() {
	lb detach eth0
	lb attach ipip eth0
	configure lb "$1"
}

# load_on_backends PROGRAM
load_on_backends() {
	on backend-01 ip -force link set dev eth0 xdp obj "bpf/$1.o" sec xdp.frags
	on backend-02 ip -force link set dev eth0 xdp obj "bpf/$1.o" sec xdp.frags
}

# connections_survive FIRST_PORT: opens 200 of them, drains backend-01 everywhere, lets another load balancer take over, and
# sets answered: how many of them answer now.
connections_survive() {
	local node heard=$BATS_TEST_TMPDIR/heard.$1
	for node in lb backend-01 backend-02; do configure $node 1; done
	mkfifo "$BATS_TEST_TMPDIR/say.$1"
	on client tests/lib/connections.py ask "$vip" 7000 200 "$1" 10.0.0.20 <"$BATS_TEST_TMPDIR/say.$1" >"$heard" 2>&1 3>&- &
	exec 9>"$BATS_TEST_TMPDIR/say.$1"
	wait_for 20 grep -qx "open 200" "$heard"
	for node in backend-01 backend-02 lb; do configure $node 0; done
	another_load_balancer 0
	echo go >&9
	wait_for 60 grep -qx "[0-9]*" "$heard"
	answered=$(grep -x "[0-9]*" "$heard")
	exec 9>&-
	grep -v Error "$heard"
}

# handed_on: how many packets both backends have handed on.
handed_on() {
	local node
	for node in backend-01 backend-02; do on $node scripts/lb --json decap stats; done | jq -s 'add | map(select(.name == "handed_on").packets) | add'
}

@test "without a second chance, the connections of a drained backend break when another load balancer gets them; with it, none" {
	local answered
	load_on_backends xdp_decap
	connections_survive 20000
	[ "$answered" -le 150 ]
	load_on_backends xdp_relay
	connections_survive 21000
	[ "$answered" -eq 200 ]
	[ "$(handed_on)" -gt 0 ]
}

@test "members disagree in every way: a packet that nobody wants is handed on once, and then answered by a reset" {
	local before answers
	load_on_backends xdp_relay
	another_load_balancer 1
	# Each backend is sure that the other one has all slots.
	configure backend-01 0
	printf 'service tcp %s\nbackend 172.16.0.10\nbackend 172.16.0.11 weight 0\n' "$vip:7000" | on backend-02 scripts/lb restore -
	before=$(handed_on)
	answers=$(on client tests/lib/sockets.py resets "$vip" 7000 10.0.0.20)
	echo "resets: $answers, handed on: $(handed_on) - $before"
	[ "$answers" -eq 100 ]
	[ $(($(handed_on) - before)) -eq 100 ]
}

@test "lb why, doctor and metrics on such a backend" {
	# backend-02 has no such connection; its slots are all those of backend-01
	on backend-02 scripts/lb why tcp 10.0.0.20:40000 "$vip:7000" ack tunnel 192.168.178.10 172.16.0.11 || true
	run -0 on backend-02 scripts/lb why tcp 10.0.0.20:40000 "$vip:7000" ack tunnel 192.168.178.10 172.16.0.11
	echo "$output"
	[[ $output == *"xdp_relay says handed_on (tx)"*"another backend may have the connection"* ]]
	run -0 on backend-02 scripts/lb why tcp 10.0.0.20:40000 "$vip:7000" syn tunnel 192.168.178.10 172.16.0.11
	[[ $output == *"xdp_relay says decapsulated (pass)"* ]]
	run on backend-02 scripts/lb doctor
	echo "$output"
	[[ $output == *"packets are unwrapped"*"by xdp_relay on eth0"* ]]
	[[ $output != *"is balanced"* ]]
	run -0 on backend-02 scripts/lb metrics text
	[[ $output == *'xdp_lb_program_info{device="eth0",mode="relay"'*'xdp_lb_decap_packets_total{verdict="handed_on"}'* ]]
}

@test "who is no load balancer of the group has no second chance, and reaches nobody by it" {
	# The client itself sends a tunnel packet to a backend, as if it were a load balancer.
	local before refused
	before=$(handed_on)
	refused=$(on backend-01 scripts/lb --json decap stats | jq '.[] | select(.name == "source_refused").packets')
	on client /usr/bin/python3 - "$vip" <<-'END'
		import sys
		from scapy.all import IP, TCP, send
		send(IP(dst="172.16.0.10") / IP(src="10.0.0.99", dst=sys.argv[1]) / TCP(sport=40000, dport=7000, flags="A"), count=10, verbose=False)
	END
	wait_for 5 bash -c "[[ \$(scripts/node exec backend-01 scripts/lb --json decap stats | jq '.[] | select(.name == \"source_refused\").packets') -eq $((refused + 10)) ]]"
	[ "$(handed_on)" -eq "$before" ]
}
