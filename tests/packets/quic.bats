#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# QUIC: packets go to the server that their connection id names, whatever address they come from. The backend that is
# named drains here, so that no hash would ever choose it.

load ../lib/helper

KINDS='l2dsr ipip gre fou gue'

setup() {
	one_load_balancer
	speak_ipv6
}

teardown() {
	scripts/node destroy --all
}

# services: two backends, 20 and 21. 21 has a server id of somebody's choice, 20 the end of its address.
services() {
	printf '%s\n' 'service udp 192.168.178.15:443 quic 2' 'backend 172.20.0.20' 'backend 172.20.0.21 weight 0 id BEEF' \
		'service udp [2001:db8:178::15]:443 quic 3' 'backend 2001:db8:20::20' 'backend 2001:db8:20::21 weight 0 id beef99' \
		'service udp 192.168.178.15:53' 'backend 172.20.0.20' 'backend 172.20.0.21 weight 0' | lb restore -
	on lb ip neigh replace 172.20.0.20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
	on lb ip neigh replace 172.20.0.21 dev eth1 lladdr 02:00:00:00:01:21 nud permanent
	on lb ip neigh replace 2001:db8:20::20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
	on lb ip neigh replace 2001:db8:20::21 dev eth1 lladdr 02:00:00:00:01:21 nud permanent
}

# Where a packet goes.
to_20='=> redirect redirected to_mac("02:00:00:00:01:20")'
to_21='=> redirect redirected to_mac("02:00:00:00:01:21")'

@test "each kind of id: named servers, unknown ones, none, and what is too short" {
	lb attach ipip eth0
	services
	packets <<-END
		came()/client()/UDP(sport=5000,dport=443)/short(cid("beef")) $to_21
		came()/client(src="10.9.9.9")/UDP(sport=6000,dport=443)/short(cid("beef")) $to_21
		came()/client()/UDP(sport=5000,dport=443)/short(cid("beef",config=6,length=20)) $to_21
		came()/client()/UDP(sport=5000,dport=443)/long(cid("beef")) $to_21
		came()/client()/UDP(sport=5000,dport=443)/long(cid("beef",length=7)) $to_21
		came()/client()/UDP(sport=5000,dport=443)/long(cid("beef"),kind=0xC0) $to_21
		came(7)/client()/UDP(sport=5000,dport=443)/short(cid("beef")) => redirect redirected to_mac("02:00:00:00:01:21")
		came()/client(options=[IPOption_RR(routers=["0.0.0.0"]*3)])/UDP(sport=5000,dport=443)/short(cid("beef")) $to_21
		came()/client()/UDP(sport=5000,dport=443)/short(cid("0014")) $to_20
		came()/client()/UDP(sport=5000,dport=443)/short(cid("beef",config=7)) $to_20
		came()/client()/UDP(sport=5000,dport=443)/long(cid("beef",config=7)) $to_20
		came()/client()/UDP(sport=5000,dport=443)/short(cid("dead")) $to_20
		came()/client()/UDP(sport=5000,dport=443)/long(cid("dead"),kind=0xC0) $to_20
		came()/client()/UDP(sport=5000,dport=443)/long(cid("beef",length=6)) $to_20
		came()/client()/UDP(sport=5000,dport=443)/"\x40\x00\xbe\xef" $to_20
		came()/client()/UDP(sport=5000,dport=443) $to_20
		came()/client()/UDP(sport=5000,dport=53)/short(cid("beef")) $to_20
		came()/client(flags="MF",id=5)/UDP(sport=5000,dport=443,len=2000)/short(cid("beef")) $to_21
		came()/client(flags=0,frag=5,id=5,proto=17)/Raw("x"*16) $to_21
		came()/client6()/UDP(sport=5000,dport=443)/short(cid("beef99")) $to_21
		came()/client6(src="2001:db8:99::1")/UDP(sport=6000,dport=443)/long(cid("beef99")) $to_21
		came()/client6()/IPv6ExtHdrDestOpt()/UDP(sport=5000,dport=443)/short(cid("beef99")) $to_21
		came()/client6()/UDP(sport=5000,dport=443)/short(cid("beef98")) $to_20
		came()/client6()/UDP(sport=5000,dport=443)/long(cid("beef99",length=7)) $to_20
	END
	# what it is made of changes: the others stay
	lb backend add udp 192.168.178.15:443 172.20.0.22
	lb backend del udp 192.168.178.15:443 172.20.0.22
	packets <<<"came()/client(src='10.7.7.7')/UDP(sport=5000,dport=443)/short(cid('beef')) $to_21"
	lb backend set udp 192.168.178.15:443 172.20.0.21 id 0102
	packets <<-END
		came()/client()/UDP(sport=5000,dport=443)/short(cid("beef")) $to_20
		came()/client()/UDP(sport=5000,dport=443)/short(cid("0102")) $to_21
	END
	lb backend set udp 192.168.178.15:443 172.20.0.21 down
	packets <<<"came()/client()/UDP(sport=5000,dport=443)/short(cid('0102')) $to_20"
	lb backend del udp 192.168.178.15:443 172.20.0.21
	packets <<<"came()/client()/UDP(sport=5000,dport=443)/short(cid('0102')) $to_20"
	[ "$(on lb tail -n +2 /sys/fs/bpf/xdp/lists/server_ids | wc -l)" -eq 3 ]
	lb service set udp 192.168.178.15:443 quic off
	lb service del udp '[2001:db8:178::15]:443'
	[ "$(on lb bpftool -j map dump pinned "$MAPS/server_ids" | jq length)" -eq 0 ]
}

@test "every DSR mode, both families: a client that has changed its address keeps its server" {
	local kind
	lb attach ipip eth0
	lb set address 2001:db8:178::10
	services
	for kind in $KINDS; do
		on lb ip -force link set dev eth0 xdp obj "bpf/xdp_$kind.o" sec xdp
		packets <<-END
			came()/client(src="10.1.0.7")/UDP(sport=7000,dport=443)/short(cid("beef")) $to_21
			came()/client(src="10.2.0.7")/UDP(sport=7001,dport=443)/long(cid("beef")) $to_21
			came()/client(src="10.2.0.7")/UDP(sport=7001,dport=443)/short(cid("dead")) $to_20
			came()/client6(src="2001:db8:1::7")/UDP(sport=7000,dport=443)/short(cid("beef99")) $to_21
			came()/client6(src="2001:db8:2::7")/UDP(sport=7000,dport=443)/short(cid("0000")) $to_20
		END
	done
	on lb ip -force link set dev eth0 xdp obj bpf/xdp_gue.o sec xdp.frags
	packets <<<"came()/client(src='10.3.0.7')/UDP(sport=7000,dport=443)/short(cid('beef')) $to_21"
}

@test "NAT, both families: the same, with a new connection from a port of ours" {
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 3999"
	lb attach nat eth0
	lb set address 2001:db8:178::10
	services
	packets <<-END
		came()/client(src="10.1.0.7")/UDP(sport=7000,dport=443)/short(cid("beef")) $to_21
		came()/client(src="10.2.0.7")/UDP(sport=7001,dport=443)/long(cid("beef")) $to_21
		came()/client(src="10.2.0.7")/UDP(sport=7001,dport=443)/short(cid("beef")) $to_21
		came()/client(src="10.3.0.7")/UDP(sport=7001,dport=443)/short(cid("dead")) $to_20
		came()/client6(src="2001:db8:1::7")/UDP(sport=7000,dport=443)/short(cid("beef99")) $to_21
		came()/client6(src="2001:db8:2::7")/UDP(sport=7000,dport=443)/short(cid("beef",config=7)) $to_20
	END
}

@test "server ids are shown, saved and restored; what cannot be is refused, and says what to write" {
	local saved=$BATS_TEST_TMPDIR/saved before
	lb attach ipip eth0
	services
	lb save | grep -v '^#' >"$saved"
	diff "$saved" - <<-'END'
		service udp 192.168.178.15:53 maglev
		  backend 172.20.0.20 weight 1 up
		  backend 172.20.0.21 weight 0 up
		service udp 192.168.178.15:443 maglev quic 2
		  backend 172.20.0.20 weight 1 up id 0014
		  backend 172.20.0.21 weight 0 up id beef
		service udp [2001:db8:178::15]:443 maglev quic 3
		  backend 2001:db8:20::20 weight 1 up id 000020
		  backend 2001:db8:20::21 weight 0 up id beef99
	END
	run -0 lb -v restore "$saved" # all is so already
	[[ $output != *"prog run"* ]]
	[ "$(lb --json service show | jq -c '.[1] | [.quic, .backends[].server_id]')" = '[2,"0014","beef"]' ]
	[ "$(lb --json service show | jq -c '.[0] | [.quic, .backends[].server_id]')" = '[null,null,null]' ]
	refuses 1 "'beefs' is no server id; write 1 to 4 bytes as hex digits, like 0a2b" backend add udp 192.168.178.15:443 172.20.0.22 id beefs
	refuses 1 "server id be of 172.20.0.22:443 has 1 bytes; those of udp 192.168.178.15:443 have 2" backend add udp 192.168.178.15:443 172.20.0.22 id be
	refuses 1 "would both have server id beef; give one of them another: id HEX" backend add udp 192.168.178.15:443 172.20.0.22 id beef
	refuses 1 "would both have server id 0014; give one of them another: id HEX" backend add udp 192.168.178.15:443 10.9.0.20
	refuses 1 "udp 192.168.178.15:53 has no server ids; say first: lb service set udp 192.168.178.15:53 quic BYTES" backend add udp 192.168.178.15:53 172.20.0.22 id beef
	refuses 1 "server id beef of 172.20.0.21:443 has 2 bytes; those of udp 192.168.178.15:443 have 3" service set udp 192.168.178.15:443 quic 3
	refuses 1 "QUIC is UDP, and tcp 192.168.178.15:443 is not" service add tcp 192.168.178.15:443 quic 2
	refuses 1 "'5' is no number of bytes; take one from 1 to 4" service add udp 192.168.178.15:444 quic 5
	refuses 2 "of how many bytes are the server ids? quic BYTES, or quic off" service add udp 192.168.178.15:444 quic
	# an id that follows from the address follows the length, too
	lb backend set udp 192.168.178.15:443 172.20.0.21 id 0015
	before=$(lb fingerprint)
	lb service set udp 192.168.178.15:443 quic 4
	[ "$(lb save | grep -c 'id ac1400')" -eq 2 ]
	[ "$(lb fingerprint)" != "$before" ]
	lb service set udp 192.168.178.15:443 quic 2
	[ "$(lb fingerprint)" = "$before" ]
	run -0 lb why frame "$(/usr/bin/python3 -c 'import sys; sys.path.insert(0, "tests/lib")
from packet import *
print(bytes(came()/client()/UDP(sport=5000,dport=443)/short(cid("0015"))).hex())')"
	[[ $output == *"memory     its connection id has the server id of a backend: it belongs to 172.20.0.21:443"* ]]
	[[ $output == *"redirected (redirect)"* ]]
}
