#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Who may use a service: prefixes of clients that it allows or denies. The same in every mode and family; and with NAT,
# whose connections are kept elsewhere.

load ../lib/helper

KINDS='l2dsr ipip gre fou gue'

setup() {
	one_load_balancer
	speak_ipv6
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	on lb ip neigh replace 2001:db8:178::11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
}

teardown() {
	scripts/node destroy --all
}

# use KIND: another program on the same maps.
use() {
	on lb ip -force link set dev eth0 xdp obj "bpf/xdp_$1.o" sec "${2-xdp}"
}

# the services of all tests: 8000 denies some, 8001 is for some alone, 8002 is for everybody
services() {
	local protocol
	for protocol in tcp udp; do
		printf '%s\n' "service $protocol 192.168.178.15:8000" "client deny 10.0.0.0/8 192.0.2.77" "client allow 10.0.0.0/24" \
			"client deny 10.0.0.20" "backend $1" \
			"service $protocol 192.168.178.15:8001" "client allow 10.0.0.20 192.0.2.0/29" "client deny 192.0.2.6/31" "backend $1" \
			"service $protocol 192.168.178.15:8002" "backend $1" \
			"service $protocol [2001:db8:178::15]:8000" "client deny 2001:db8:10::/48 2001:db8:11::7" \
			"client allow 2001:db8:10::1:0/112" "backend $2" \
			"service $protocol [2001:db8:178::15]:8001" "client allow 2001:db8:10::20" "backend $2"
	done
}

@test "the longest prefix that a client is in decides: every DSR mode, both families, TCP and UDP, and errors" {
	local kind way
	lb attach ipip eth0
	lb set address 2001:db8:178::10
	services 172.20.0.20 2001:db8:20::20 | lb restore -
	on lb ip neigh replace 172.20.0.20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
	on lb ip neigh replace 2001:db8:20::20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
	way='=> redirect redirected anything()'
	packets <<-END
		came()/client()/TCP(dport=8000) => drop denied
		came()/client()/TCP(dport=8000,flags="A")/"of an old connection" => drop denied
		came()/client()/UDP(dport=8000) => drop denied
		came()/client(src="10.0.1.1")/TCP(dport=8000) => drop denied
		came()/client(src="192.0.2.77")/TCP(dport=8000) => drop denied
		came()/client(flags="MF",id=9)/TCP(dport=8000) => drop denied
		came()/client(flags=0,frag=3,id=9,proto=6)/Raw("x"*16) => drop fragment_unknown
		came(7)/client()/TCP(dport=8000) => drop denied
		came()/client(src="10.0.0.21")/TCP(dport=8000) $way
		came()/client(src="192.0.2.78")/TCP(dport=8000) $way
		came()/client(src="11.0.0.1")/UDP(dport=8000) $way
		came()/client()/TCP(dport=8001) $way
		came()/client(src="192.0.2.5")/TCP(dport=8001) $way
		came()/client(src="192.0.2.6")/TCP(dport=8001) => drop denied
		came()/client(src="192.0.2.8")/UDP(dport=8001) => drop denied
		came()/client(src="10.0.0.21")/TCP(dport=8001) => drop denied
		came()/client()/TCP(dport=8002) $way
		came()/client(src="10.0.0.9")/ICMP(type=3,code=4)/quote(IP(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=40000)) => drop denied
		came()/client(src="10.9.9.9")/ICMP(type=3,code=4)/quote(IP(src=VIP,dst="10.0.0.21")/TCP(sport=8000,dport=40000)) $way
		came()/client6()/TCP(dport=8000) => drop denied
		came()/client6()/UDP(dport=8000) => drop denied
		came()/client6(src="2001:db8:10:0:1::1")/TCP(dport=8000) => drop denied
		came()/client6(src="2001:db8:11::7")/TCP(dport=8000) => drop denied
		came()/client6(src="2001:db8:10::1:20")/TCP(dport=8000) $way
		came()/client6(src="2001:db8:11::8")/TCP(dport=8000) $way
		came()/client6()/TCP(dport=8001) $way
		came()/client6(src="2001:db8:10::21")/UDP(dport=8001) => drop denied
		came()/client6(src="2001:db8:99::1")/ICMPv6PacketTooBig(mtu=1300)/quote6(IPv6(src=VIP6,dst=CLIENT6)/TCP(sport=8000,dport=40000)) => drop denied
	END
	for kind in $KINDS; do
		use "$kind"
		packets <<-END
			came()/client()/TCP(dport=8000) => drop denied
			came()/client(src="10.0.0.21")/TCP(dport=8000) $way
			came()/client6()/UDP(dport=8000) => drop denied
			came()/client6(src="2001:db8:11::8")/UDP(dport=8000) $way
		END
	done
	use ipip xdp.frags
	packets <<<"came()/client()/TCP(dport=8000)/('x'*1400) => drop denied"
}

@test "a check comes from the machine itself: nobody denies it" {
	loaded
	lb attach ipip eth1
	probes_come_from eth1
	lb client add tcp 192.168.178.15:8000 deny 192.168.178.10
	on lb bpftool map update pinned "$MAPS/probes" key 0 0 0 0 value "$(listed_id 172.16.0.10)" 0 0 0
	packet 'came()/client(src=LB)/TCP(sport=61000,dport=8000)' drop denied
	packets eth1 <<<'came()/client(src=LB)/TCP(sport=61000,dport=8000) => redirect probe anything()'
}

@test "a client that is denied is cut at once, and goes on when it is not any more; nothing is noted of it" {
	loaded
	lb backend add tcp 192.168.178.15:8000 172.16.0.11 # from here on, slots are in transition
	packets <<<'came()/client()/TCP(sport=40000,dport=8000,flags="A") => tx forwarded anything()'
	lb client add tcp 192.168.178.15:8000 deny 10.0.0.0/24
	on lb bash -c 'for map in flows new_flows; do bpftool -j map dump pinned '"$MAPS"'/$map; done' | jq -s 'map(length) | add' >"$BATS_TEST_TMPDIR/noted"
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=8000,flags="A") => drop denied
		came()/client()/TCP(sport=40001,dport=8000,flags="A") => drop denied
		came()/client()/TCP(sport=40002,dport=8000,flags="S") => drop denied
		came()/client(src="10.0.1.20")/TCP(sport=40000,dport=8000,flags="A") => tx forwarded anything()
	END
	lb client del tcp 192.168.178.15:8000 deny 10.0.0.0/24
	packets <<<'came()/client()/TCP(sport=40000,dport=8000,flags="A") => tx forwarded anything()'
	[ "$(on lb bpftool -j map dump pinned "$MAPS/clients" | jq length)" -eq 0 ]
	[ "$(on lb bpftool -j map dump pinned "$MAPS/prefixes" | jq length)" -eq 0 ]
}

@test "NAT: no new connection, the old ones are cut at once, also half-open ones; both families" {
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	lb attach nat eth0
	lb set address 2001:db8:178::10
	printf '%s\n' 'service tcp 192.168.178.15:80' 'backend 192.168.178.11:8080' 'service udp 192.168.178.15:53' 'backend 192.168.178.11:5353' \
		'service tcp [2001:db8:178::15]:80' 'backend 192.168.178.11:8080' | lb restore -
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	lb nat set ports 40000-65535
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="S",seq=100) => tx forwarded anything()
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="SA",seq=500,ack=101) => tx forwarded anything()
		came()/client()/TCP(sport=40000,dport=80,flags="A",seq=101,ack=501) => tx forwarded anything()
		came()/client()/TCP(sport=40001,dport=80,flags="S",seq=100) => tx forwarded anything()
		came()/client()/UDP(sport=40002,dport=53)/"x" => tx forwarded anything()
		came()/client6()/TCP(sport=40003,dport=80,flags="S",seq=100) => tx forwarded anything()
		from_backend()/theirs()/TCP(sport=8080,dport=40003,flags="SA",seq=500,ack=101) => tx forwarded anything()
		came()/client6()/TCP(sport=40003,dport=80,flags="A",seq=101,ack=501) => tx forwarded anything()
	END
	lb client add tcp 192.168.178.15:80 deny 10.0.0.0/24
	lb client add udp 192.168.178.15:53 allow 10.0.1.0/24
	lb client add tcp '[2001:db8:178::15]:80' deny 2001:db8:10::/64
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="A",seq=101,ack=501)/"GET" => drop denied
		came()/client()/TCP(sport=40000,dport=80,flags="FA",seq=101,ack=501) => drop denied
		came()/client()/TCP(sport=40001,dport=80,flags="S",seq=100) => drop denied
		came()/client()/TCP(sport=41000,dport=80,flags="S",seq=100) => drop denied
		came()/client()/UDP(sport=40002,dport=53)/"x" => drop denied
		came()/client()/UDP(sport=41002,dport=53)/"x" => drop denied
		came()/client6()/TCP(sport=40003,dport=80,flags="A",seq=101,ack=501)/"GET" => drop denied
		came()/client6()/TCP(sport=41003,dport=80,flags="S") => drop denied
		came()/client(src="10.9.9.9")/ICMP(type=3,code=1)/quote(IP(src=VIP,dst=CLIENT)/TCP(sport=80,dport=40000)) => drop denied
		came()/client(src="10.0.1.20")/TCP(sport=42000,dport=80,flags="S") => tx forwarded anything()
		came()/client(src="10.0.1.20")/UDP(sport=42000,dport=53) => tx forwarded anything()
	END
	lb client del tcp 192.168.178.15:80 deny 10.0.0.0/24
	packets <<<'came()/client()/TCP(sport=40000,dport=80,flags="A",seq=101,ack=501)/"GET" => tx forwarded anything()'
}
