#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lb why: for each kind of packet it says what really happens to it, and its cause; and changes nothing.

load ../lib/helper

setup() {
	one_load_balancer
}

teardown_file() {
	scripts/node destroy --all
}

# frames: a process of tests/lib/packet.py's, for eth0 as it is now: "hex EXPRESSION" is answered by the bytes of that frame,
# "send EXPRESSION" by what really happens to it: ACTION VERDICT. Which bytes leave is for the tests of packets.
frames() {
	coproc FRAMES { on lb env PYTHONPATH=tests/lib /usr/bin/python3 -uc '
import sys
from packet import *
program = Program("eth0")
for line in sys.stdin:
    verb, expression = line.strip().split(" ", 1)
    frame = bytes(eval(expression))
    if verb == "send":
        before = program.counters()
        action, after = program.send(frame)[0], program.counters()
        print(action, *[name for name in after if after[name] != before[name]])
    else:
        print(frame.hex())' 2>/dev/null 3>&-; }
}

# ask_frames hex|send EXPRESSION: prints its answer.
ask_frames() {
	local answer
	echo "$*" >&"${FRAMES[1]}"
	read -r -t 20 answer <&"${FRAMES[0]}"
	echo "$answer"
}

# asks: reads lines IN|ACTION VERDICT|TEXT: asks lb why about the frame, then sends it, and compares. TEXT is a part of
# the explanation.
asks() {
	local expression expected text answer
	while IFS='|' read -r expression expected text; do
		answer=$(lb --json why frame "$(ask_frames hex "$expression")")
		[[ $(jq -r '"\(.action) \(.verdict)"' <<<"$answer") == "$expected" && $(jq -r '.steps[].text' <<<"$answer") == *"$text"* ]] || {
			echo "$expression: $answer, expected: $expected, $text"
			return 1
		}
		really "$expression" "$expected"
	done
}

# really EXPRESSION "ACTION VERDICT": the frame, sent through the program on the device, comes to this.
really() {
	[ "$(ask_frames send "$1")" = "$2" ]
}

# memories: all that the program on eth0 can write: its maps, those without pins too, but for the tables that it only reads.
memories() {
	local id
	for id in $(on lb bpftool -j prog show id "$(on lb ip -j -d link show eth0 | jq '.[0].xdp.prog.id')" | jq '.map_ids[]'); do
		[[ $(on lb bpftool -j map show id "$id" | jq -r .name) == @(slots|services|backends|probes) ]] ||
			on lb bpftool -j map dump id "$id" | sha256sum
	done
}

@test "xdp_ipip: each row of its table, and each cause of a drop" {
	lb attach ipip eth0
	frames
	lb restore - <<-END
		service tcp 192.168.178.15:8000
		backend 172.16.0.10
		service tcp 192.168.178.15:8001
		backend 172.20.0.20
		service tcp 192.168.178.15:8002
		service tcp 192.168.178.15:8003
		backend 172.30.0.1
		service tcp 192.168.178.15:8004
		backend 172.20.0.99
		service tcp 192.168.178.15:8005
		backend 172.16.0.11 down
		service tcp 192.168.178.15:8006
		backend 172.16.6.10
	END
	on lb ip route add 172.16.6.0/24 via 192.168.178.2 mtu lock 1400
	on lb ip neigh del 172.20.0.99 dev eth1
	asks <<-'END'
		came()/client()/TCP(sport=40000,dport=8000,flags="S")|tx forwarded|as 192.168.178.10 > 172.16.0.10
		came(7)/client()/TCP(sport=40000,dport=8001)|redirect redirected|by eth1, to 02:00:00:00:01:20
		came()/client()/TCP(dport=22)|pass not_ours|no service of it is tcp 22
		came()/client(dst=LB)/TCP(dport=8000)|pass not_ours|192.168.178.10 is no VIP here
		came()/IPv6(dst="fd00::15")/TCP(dport=8000)|pass not_ours|fd00::15 is no VIP here
		came()/client()/GRE()|pass not_ours|neither TCP nor UDP, nor an ICMP error about them
		came()/client(src="10.9.9.9")/ICMP(type=3,code=1)/quote(IP(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=40000))|tx forwarded|an ICMP error about a packet of tcp 10.0.0.20:40000
		came()/client(flags=0,frag=3,id=77)/Raw("x"*16)|drop fragment_unknown|its first fragment
		came()/client(flags="MF",id=78)/TCP(dport=8000)|tx forwarded|goes on to the backend
		came()/client(flags=0,frag=3,id=78,proto=6)/Raw("x"*16)|tx forwarded|its first fragment was seen: it belongs to 172.16.0.10:8000
		came()/client(len=41)/TCP(dport=8000)|drop malformed|lengths in its headers disagree
		came()/client(ttl=1)/TCP(dport=8000)|tx ttl_answered|its TTL ends here
		came()/client(ttl=1,src="224.0.0.1")/TCP(dport=8000)|drop ttl_expired|its sender cannot be told
		came()/client(flags="DF")/TCP(dport=8000)/("x"*1450)|tx too_big_answered|too big for the way to 172.16.0.10
		came()/client(flags=0)/TCP(dport=8000)/("x"*1450)|drop too_big|has no DF
		came()/client(flags="DF")/TCP(dport=8006)/("x"*1400)|tx too_big_answered|to 172.16.6.10 via 192.168.178.2, by eth0, MTU 1400
		came()/client()/TCP(dport=8002)|drop no_backend|has no usable backend
		came()/client()/TCP(dport=8005)|drop no_backend|has no usable backend
		came()/client()/TCP(dport=8004)|drop no_neighbour|172.20.0.99 is NOT KNOWN
	END
	on lb ip route add unreachable 172.30.0.0/24
	lb refresh
	asks <<<'came()/client()/TCP(dport=8003)|drop no_route|ip route get 172.30.0.1'
	on lb sysctl -qw net.ipv4.ip_forward=0
	lb refresh
	asks <<<'came()/client()/TCP(dport=8000)|drop forwarding_off|sysctl -w net.ipv4.ip_forward=1'
}

@test "xdp_ipip: the rows of IPv6, and of the other family's backends" {
	speak_ipv6
	lb attach ipip eth0
	frames
	lb restore - <<-END
		service tcp [2001:db8:178::15]:8000
		backend 2001:db8:16::10
		service tcp [2001:db8:178::15]:8001
		backend 2001:db8:20::20
		service tcp [2001:db8:178::15]:8002
		service tcp [2001:db8:178::15]:8003
		backend 2001:db8:30::1
		service tcp [2001:db8:178::15]:8004
		backend 2001:db8:20::99
		service tcp [2001:db8:178::15]:8006
		backend 2001:db8:6::10
		service tcp [2001:db8:178::15]:8400
		backend 172.16.0.10
		service tcp 192.168.178.15:8600
		backend 2001:db8:16::10
	END
	on lb ip route add 2001:db8:6::/64 via 2001:db8:178::2 dev eth0 mtu lock 1400
	on lb ip neigh del 2001:db8:20::99 dev eth1
	asks <<-'END'
		came()/client6()/TCP(sport=40000,dport=8000,flags="S")|tx forwarded|tcp SYN [2001:db8:10::20]:40000 > [2001:db8:178::15]:8000
		came()/client6()/TCP(sport=40000,dport=8000,flags="S")|tx forwarded|to 02:00:00:00:00:02, as 2001:db8:178::10 > 2001:db8:16::10
		came(7)/client6()/TCP(sport=40000,dport=8000)|tx forwarded|to 2001:db8:16::10 via 2001:db8:178::2, by eth0, MTU 1500
		came()/client6()/TCP(sport=40000,dport=8400)|tx forwarded|to 02:00:00:00:00:02, as 192.168.178.10 > 172.16.0.10
		came()/client()/TCP(sport=40000,dport=8600)|tx forwarded|to 02:00:00:00:00:02, as 2001:db8:178::10 > 2001:db8:16::10
		came(7)/client6()/TCP(sport=40000,dport=8001)|redirect redirected|by eth1, to 02:00:00:00:01:20
		came()/client6()/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/TCP(sport=40000,dport=8000)|tx forwarded|of [2001:db8:16::10]:8000, and nobody else's before
		came()/client6()/TCP(dport=22)|pass not_ours|2001:db8:178::15 is a VIP, but no service of it is tcp 22
		came()/client6(dst=LB6)/TCP(dport=8000)|pass not_ours|2001:db8:178::10 is no VIP here
		came()/client6()/ICMPv6EchoRequest()|pass not_ours|neither TCP nor UDP, nor an ICMP error about them
		came()/client6(src="2001:db8::2")/ICMPv6TimeExceeded()/quote6(client6(src=VIP6,dst=CLIENT6)/TCP(sport=8000,dport=40000))|tx forwarded|an ICMP error about a packet of tcp [2001:db8:10::20]:40000 > [2001:db8:178::15]:8000
		came()/client6()/IPv6ExtHdrFragment(offset=3,id=77,nh=6)/Raw("x"*16)|drop fragment_unknown|a later fragment 2001:db8:10::20 > 2001:db8:178::15; it has no ports
		came()/client6()/IPv6ExtHdrFragment(m=1,id=78)/TCP(dport=8000)|tx forwarded|goes on to the backend
		came()/client6()/IPv6ExtHdrFragment(offset=3,id=78,nh=6)/Raw("x"*16)|tx forwarded|its first fragment was seen: it belongs to [2001:db8:16::10]:8000
		came()/client6(plen=21)/TCP(dport=8000)|drop malformed|lengths in its headers disagree
		came()/client6()/IPv6ExtHdrRouting(segleft=1,addresses=["2001:db8::1"])/TCP(dport=8000)|drop unreadable|with more IPv6 extension headers in front of its ports than are read
		came()/client6(hlim=1)/TCP(dport=8000)|tx ttl_answered|its hop limit ends here: the sender is told (ICMP time exceeded), to 02:00:00:00:00:02, as 2001:db8:178::10 > 2001:db8:10::20
		came()/client6(hlim=1,src="ff02::1")/TCP(dport=8000)|drop ttl_expired|its sender cannot be told
		came()/client6()/TCP(dport=8000)/("x"*1450)|tx too_big_answered|too big for the way to 2001:db8:16::10: the sender is told (ICMPv6 packet too big)
		came()/client6(src="ff02::1")/TCP(dport=8000)/("x"*1450)|drop too_big|its sender cannot be told
		came()/client6()/TCP(dport=8006)/("x"*1350)|tx too_big_answered|to 2001:db8:6::10 via 2001:db8:178::2, by eth0, MTU 1400
		came()/client6()/TCP(dport=8002)|drop no_backend|has no usable backend
		came()/client6()/TCP(dport=8004)|drop no_neighbour|2001:db8:20::99 is NOT KNOWN
	END
	on lb ip route add unreachable 2001:db8:30::/64
	lb refresh
	asks <<<'came()/client6()/TCP(dport=8003)|drop no_route|ip route get 2001:db8:30::1'
	on lb sysctl -qw net.ipv6.conf.all.forwarding=0
	lb refresh
	asks <<-'END'
		came()/client6()/TCP(dport=8000)|drop forwarding_off|eth0 does not forward IPv6; run: sysctl -w net.ipv6.conf.all.forwarding=1
		came()/client6()/TCP(sport=40000,dport=8400)|tx forwarded|as 192.168.178.10 > 172.16.0.10
	END
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/load_balancer" key 0 0 0 0 \
		value $(. maps/all.sh && load_balancer 192.168.178.10 "$(random_hash_key)" 0 0)
	asks <<<'came()/client6()/TCP(dport=8000)|drop no_address|no IPv6 address to send from; run: lb set address ADDRESS'
}

@test "connections on slots in transition: whose they are, and why" {
	lb attach ipip eth0
	frames
	lb restore - <<<$'service tcp 192.168.178.15:8000\nbackend 172.16.0.10'
	really 'came()/client()/TCP(sport=40000,dport=8000,flags="S")' "tx forwarded" # it is busy
	lb restore - <<<$'service tcp 192.168.178.15:8000\nbackend 172.16.0.10 weight 0\nbackend 172.16.0.11'
	asks <<-'END'
		came()/client()/TCP(sport=40001,dport=8000,flags="A")|tx forwarded|s more, such a packet is taken for one of an old connection
		came()/client()/TCP(sport=40001,dport=8000,flags="A")|tx forwarded|one packet of this flow was seen: it belongs to 172.16.0.10:8000
		came()/client()/TCP(sport=40001,dport=8000,flags="A")|tx forwarded|the flow is known: it belongs to 172.16.0.10:8000
		came()/client()/TCP(sport=40002,dport=8000,flags="S")|tx forwarded|as 192.168.178.10 > 172.16.0.11
	END
}

@test "health checks and their answers; a load balancer without an address" {
	local id value
	lb attach ipip eth0
	lb attach ipip eth1
	lb restore - <<<$'service tcp 192.168.178.15:8000\nbackend 172.16.0.10\nbackend 172.16.0.11 down'
	id=$(listed_id 172.16.0.11)
	probes_come_from eth1
	on lb bpftool map update pinned "$MAPS/probes" key 0 0 0 0 value "$id" 0 0 0
	run -0 lb why tcp 192.168.178.10:61000 192.168.178.15:8000 dev eth1
	[[ $output == *"a health check; its port says which backend is checked: 172.16.0.11:8000"*"xdp_ipip says probe (redirect)"* ]]
	run -0 lb why tcp 192.168.178.15:8000 192.168.178.10:61000 ack dev eth0
	[[ $output == *"xdp_ipip says probe_answer (redirect)"* ]]
	lb detach eth1
	mapfile -t value < <(on lb bpftool -j map lookup pinned "$MAPS/load_balancer" key 0 0 0 0 | jq -r '.value[]')
	on lb bpftool map update pinned "$MAPS/load_balancer" key 0 0 0 0 value 0 0 0 0 "${value[@]:4}"
	frames
	asks <<<'came()/client()/TCP(dport=8000)|drop no_address|lb set address ADDRESS'
}

@test "xdp_l2dsr: each row of its table" {
	lb attach l2dsr eth0
	frames
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	lb restore - <<-END
		service tcp 192.168.178.15:8000
		backend 192.168.178.11
		service tcp 192.168.178.15:8001
		backend 172.16.0.10
		service tcp 192.168.178.15:8002
		service tcp 192.168.178.15:8003
		backend 192.168.178.12
		service tcp 192.168.178.15:8004
		backend 172.20.0.20
	END
	on lb ip neigh del 192.168.178.12 dev eth0
	asks <<-'END'
		came()/client()/TCP(dport=8000)|tx forwarded|to 02:00:00:00:00:11, as 10.0.0.20 > 192.168.178.15
		came()/client()/TCP(dport=8004)|redirect redirected|by eth1
		came()/client()/TCP(dport=8001)|drop loop|it came from where it would be sent to
		came()/client()/TCP(dport=22)|pass not_ours|no service of it
		came()/client(src="10.9.9.9")/ICMP(type=3,code=1)/quote(IP(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=40000))|tx forwarded|an ICMP error about a packet
		came()/client(flags=0,frag=3,id=77)/Raw("x"*16)|drop fragment_unknown|its first fragment
		came()/client(flags="MF",id=78)/TCP(dport=8000)|tx forwarded|goes on to the backend
		came()/client(flags=0,frag=3,id=78,proto=6)/Raw("x"*16)|tx forwarded|its first fragment was seen
		came()/client(len=41)/TCP(dport=8000)|drop malformed|lengths in its headers disagree
		came()/client(flags="DF")/TCP(dport=8000)/("x"*1470)|tx too_big_answered|too big for the way to 192.168.178.11
		came()/client(flags=0)/TCP(dport=8000)/("x"*1470)|drop too_big|has no DF
		came()/client()/TCP(dport=8002)|drop no_backend|has no usable backend
		came()/client()/TCP(dport=8003)|drop no_neighbour|192.168.178.12 is NOT KNOWN
	END
}

@test "xdp_l2dsr: the rows of IPv6" {
	speak_ipv6
	lb attach l2dsr eth0
	frames
	on lb ip neigh replace 2001:db8:178::11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	lb restore - <<-END
		service tcp [2001:db8:178::15]:8000
		backend 2001:db8:178::11
		service tcp [2001:db8:178::15]:8001
		backend 2001:db8:16::10
		service tcp [2001:db8:178::15]:8002
		service tcp [2001:db8:178::15]:8003
		backend 2001:db8:178::12
		service tcp [2001:db8:178::15]:8004
		backend 2001:db8:20::20
	END
	on lb ip neigh del 2001:db8:178::12 dev eth0
	asks <<-'END'
		came()/client6()/TCP(dport=8000)|tx forwarded|to 02:00:00:00:00:11, as 2001:db8:10::20 > 2001:db8:178::15
		came()/client6()/TCP(dport=8004)|redirect redirected|by eth1
		came()/client6()/TCP(dport=8001)|drop loop|it came from where it would be sent to
		came()/client6()/TCP(dport=22)|pass not_ours|no service of it
		came()/client6(src="2001:db8::2")/ICMPv6TimeExceeded()/quote6(client6(src=VIP6,dst=CLIENT6)/TCP(sport=8000,dport=40000))|tx forwarded|an ICMP error about a packet
		came()/client6()/IPv6ExtHdrFragment(offset=3,id=77,nh=6)/Raw("x"*16)|drop fragment_unknown|its first fragment
		came()/client6()/IPv6ExtHdrFragment(m=1,id=78)/TCP(dport=8000)|tx forwarded|goes on to the backend
		came()/client6()/IPv6ExtHdrFragment(offset=3,id=78,nh=6)/Raw("x"*16)|tx forwarded|its first fragment was seen
		came()/client6(plen=21)/TCP(dport=8000)|drop malformed|lengths in its headers disagree
		came()/client6()/IPv6ExtHdrRouting(segleft=1,addresses=["2001:db8::1"])/TCP(dport=8000)|drop unreadable|extension headers
		came()/client6(hlim=1)/TCP(dport=8000)|tx forwarded|as 2001:db8:10::20 > 2001:db8:178::15
		came()/client6()/TCP(dport=8000)/("x"*1441)|tx too_big_answered|too big for the way to 2001:db8:178::11
		came()/client6()/TCP(dport=8002)|drop no_backend|has no usable backend
		came()/client6()/TCP(dport=8003)|drop no_neighbour|2001:db8:178::12 is NOT KNOWN
	END
}

@test "xdp_nat: each row of its table" {
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	lb attach nat eth0
	lb nat set handshake 3600 # a busy machine takes its time to ask
	frames
	lb restore - <<-END
		service tcp 192.168.178.15:8000
		backend 172.20.0.20
		service tcp 192.168.178.15:8002
		service tcp 192.168.178.15:8003
		backend 172.30.0.1
		service udp 192.168.178.15:8000
		backend 172.20.0.20
	END
	on lb ip route add unreachable 172.30.0.0/24
	asks <<-'END'
		came()/client()/TCP(sport=40000,dport=8000,flags="A")|drop no_connection|neither of a connection, nor the first packet
		came()/client()/TCP(sport=40000,dport=8000,flags="S")|redirect redirected|as 192.168.178.10 > 172.20.0.20
		came()/client()/TCP(sport=40000,dport=8000,flags="S")|redirect redirected|it is of a connection: it belongs to 172.20.0.20:8000
		came()/IP(src="172.20.0.20",dst=LB)/TCP(sport=8000,dport=40000,flags="SA",seq=7,ack=1)|tx forwarded|it is of a connection
		came()/client()/TCP(sport=40000,dport=8000,flags="A",seq=1,ack=8)|redirect redirected|it is of a connection
		came()/IP(src="172.20.0.20",dst=LB)/TCP(sport=8000,dport=40009,flags="SA")|drop late_reply|a port that is lent to connections
		came()/IP(src="172.20.0.1",dst=LB)/ICMP(type=3,code=1)/quote(IP(src=LB,dst="172.20.0.20")/TCP(sport=40000,dport=8000))|tx forwarded|an ICMP error about a packet
		came()/client()/UDP(sport=40000,dport=8000)|redirect redirected|goes on to the backend
		came()/client()/TCP(dport=22)|pass not_ours|no service of it
		came()/client(flags=0,frag=3,id=77,proto=17)/Raw("x"*16)|drop fragment_unknown|its first fragment
		came()/client(flags="MF",id=78)/UDP(sport=40000,dport=8000,len=40)/("x"*16)|redirect redirected|it is of a connection
		came()/client(flags=0,frag=3,id=78,proto=17)/Raw("x"*16)|redirect redirected|its first fragment was seen
		came()/client(len=41)/TCP(dport=8000)|drop malformed|lengths in its headers disagree
		came()/client(ttl=1)/TCP(sport=40000,dport=8000,flags="A")|tx ttl_answered|its TTL ends here
		came()/client(flags="DF")/TCP(sport=40000,dport=8000,flags="A")/("x"*1470)|tx too_big_answered|too big for the way
		came()/client(flags=0)/TCP(sport=40000,dport=8000,flags="A")/("x"*1470)|drop too_big|has no DF
		came()/client()/TCP(sport=40000,dport=8002)|drop no_backend|has no usable backend
		came()/client()/TCP(sport=40000,dport=8003)|drop no_route|ip route get 172.30.0.1
	END
	lb backend set tcp 192.168.178.15:8000 172.20.0.20 down
	asks <<<'came()/client()/TCP(sport=40000,dport=8000,flags="A",seq=1,ack=8)|tx reset|told by a TCP reset'
	lb backend set tcp 192.168.178.15:8000 172.20.0.20 up
	lb nat set ports 40000-40000
	asks <<-'END'
		came()/client()/TCP(sport=40001,dport=8000,flags="S")|redirect redirected|goes on to the backend
		came()/client()/TCP(sport=40002,dport=8000,flags="S")|drop ports_exhausted|lb nat set ports
	END
}

@test "xdp_nat: IPv6, and clients and backends of different families" {
	speak_ipv6
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	on lb ip neigh replace 2001:db8:178::11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	lb attach nat eth0
	lb nat set handshake 3600 # a busy machine takes its time to ask
	frames
	lb restore - <<-END
		service tcp [2001:db8:178::15]:80
		backend [2001:db8:178::11]:8080
		service tcp [2001:db8:178::15]:64
		backend 192.168.178.11:8080
		service tcp 192.168.178.15:46
		backend [2001:db8:178::11]:8046
		service tcp [2001:db8:178::15]:8002
	END
	asks <<-'END'
		came()/client6()/TCP(sport=40000,dport=80,flags="A")|drop no_connection|neither of a connection, nor the first packet
		came()/client6()/TCP(sport=40000,dport=80,flags="S",seq=100)|tx forwarded|as 2001:db8:178::10 > 2001:db8:178::11
		came()/client6()/TCP(sport=40000,dport=80,flags="S",seq=100)|tx forwarded|it is of a connection: it belongs to [2001:db8:178::11]:8080
		from_backend()/theirs6()/TCP(sport=8080,dport=40000,flags="SA",seq=500,ack=101)|tx forwarded|as 2001:db8:178::15 > 2001:db8:10::20
		came()/client6()/TCP(sport=40000,dport=80,flags="A",seq=101,ack=501)|tx forwarded|it is of a connection
		came()/client6()/TCP(sport=40001,dport=64,flags="S",seq=100)|tx forwarded|as 192.168.178.10 > 192.168.178.11
		from_backend()/theirs()/TCP(sport=8080,dport=40001,flags="SA",seq=500,ack=101)|tx forwarded|as 2001:db8:178::15 > 2001:db8:10::20
		came()/client6()/TCP(sport=40001,dport=64,flags="A",seq=101,ack=501)|tx forwarded|it is of a connection
		came()/client()/TCP(sport=40002,dport=46,flags="S",seq=100)|tx forwarded|as 2001:db8:178::10 > 2001:db8:178::11
		from_backend()/theirs6()/TCP(sport=8046,dport=40002,flags="SA",seq=500,ack=101)|tx forwarded|as 192.168.178.15 > 10.0.0.20
		from_backend()/theirs6()/TCP(sport=8080,dport=40009,flags="SA")|drop late_reply|a port that is lent to connections
		came()/client6()/TCP(sport=40000,dport=22)|pass not_ours|no service of it
		came()/client6()/TCP(sport=40000,dport=8002,flags="S")|drop no_backend|has no usable backend
		came()/client6()/IPv6ExtHdrFragment(offset=3,id=77,nh=6)/Raw("x"*16)|drop fragment_unknown|its first fragment
		came()/client6(plen=21)/TCP(dport=80)|drop malformed|lengths in its headers disagree
		came()/client6(hlim=1)/TCP(sport=40000,dport=80,flags="A")|tx ttl_answered|its hop limit ends here
		came()/client6()/IPv6ExtHdrFragment(offset=0,m=1,id=79)/IPv6ExtHdrDestOpt()/TCP(sport=40001,dport=64)/("x"*4)|drop untranslatable|a packet of the other family cannot have
		came()/client6()/TCP(sport=40000,dport=80,flags="A")/("x"*1441)|tx too_big_answered|ICMPv6 packet too big
	END
}

@test "xdp_decap: each row of its table, and the command that lets a packet in" {
	local expression expected answer kind packet
	lb attach decap eth0
	frames
	while IFS='|' read -r expression expected; do
		answer=$(lb --json why frame "$(ask_frames hex "$expression")")
		[ "$(jq -r '"\(.action) \(.verdict)"' <<<"$answer")" = "$expected" ]
		really "$expression" "$expected"
	done <<-'END'
		came()/client()/TCP(dport=8000)|pass plain
		came()/IP(src="192.168.178.10",dst="172.16.0.10",proto=4,flags="MF")/client()/TCP(dport=8000)|drop outer_fragment
		came()/IP(src="192.168.178.10",dst="172.16.0.10",proto=4)/client(len=2000)/TCP(dport=8000)|drop malformed
	END
	# mends COMMAND WORD...: lb why of these words says the command that lets the packet in, and it is typed.
	mends() {
		run -0 lb why "${@:2}"
		[[ $output == *"run: lb decap add $1" ]] || {
			echo "$output"
			return 1
		}
		# shellcheck disable=SC2086 # words
		lb ${output##*run: lb }
	}
	# let_in WORD...: nothing is missing any more.
	let_in() {
		run -0 lb why "$@"
		[[ $output == *"says decapsulated (pass)"*"the kernel gets what is inside, for ${3%:*}"* ]] || {
			echo "$output"
			return 1
		}
	}
	speak_ipv6
	packet=(tcp 10.0.0.20:40000 192.168.178.15:8000)
	mends "lb 192.168.178.10" "${packet[@]}" tunnel 192.168.178.10 172.16.0.10
	mends "host 172.16.0.10" "${packet[@]}" tunnel 192.168.178.10 172.16.0.10
	mends "vip 192.168.178.15" "${packet[@]}" tunnel 192.168.178.10 172.16.0.10
	mends "host 172.16.0.10 gre" "${packet[@]}" tunnel gre 192.168.178.10 172.16.0.10
	mends "host 172.16.0.10 fou:5555" "${packet[@]}" tunnel fou 192.168.178.10 172.16.0.10
	mends "host 172.16.0.10 gue:7777" "${packet[@]}" tunnel gue:7777 192.168.178.10 172.16.0.10
	mends "lb 2001:db8:178::10" "${packet[@]}" tunnel gre 2001:db8:178::10 2001:db8:16::10
	mends "host 2001:db8:16::10 gre" "${packet[@]}" tunnel gre 2001:db8:178::10 2001:db8:16::10
	for kind in ipip gre fou gue:7777; do let_in "${packet[@]}" tunnel $kind 192.168.178.10 172.16.0.10; done
	let_in "${packet[@]}" tunnel gre 2001:db8:178::10 2001:db8:16::10
	packet=(tcp "[2001:db8:10::20]:40000" "[2001:db8:178::15]:8000")
	run -0 lb why "${packet[@]}" tunnel gre 2001:db8:178::10 2001:db8:16::10
	[[ $output == *"gre 2001:db8:178::10 > 2001:db8:16::10, inside for 2001:db8:178::15, "* ]]
	mends "vip 2001:db8:178::15" "${packet[@]}" tunnel gre 2001:db8:178::10 2001:db8:16::10
	mends "host 2001:db8:16::10 gue:6080" "${packet[@]}" tunnel gue 2001:db8:178::10 2001:db8:16::10
	mends "host 2001:db8:16::10 fou:7" "${packet[@]}" tunnel fou:7 2001:db8:178::10 2001:db8:16::10
	mends "host 2001:db8:16::10 ipip" "${packet[@]}" tunnel 2001:db8:178::10 2001:db8:16::10
	for kind in ipip gre fou:7 gue; do
		run -0 lb why "${packet[@]}" tunnel $kind 2001:db8:178::10 2001:db8:16::10
		[[ $output == *"says decapsulated (pass)"*"the kernel gets what is inside, for 2001:db8:178::15"* ]]
	done
	answer=$(lb --json why frame "$(ask_frames hex 'came()/tunnel6(nh=60)/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/IPv6ExtHdrDestOpt()/client()/TCP()')")
	[ "$(jq -r .verdict <<<"$answer")" = unreadable ]
	run -0 lb why tcp 10.0.0.20:40000 192.168.178.15:8000 tunnel 192.168.178.10 172.16.0.10
	[[ $output == *"the kernel gets what is inside, for 192.168.178.15"* ]]
	answer=$(lb --json why frame "$(ask_frames hex 'came()/IP(src="192.168.178.10",dst="172.16.0.10",proto=4)/client(proto=4)/IP()/TCP(dport=8000)')")
	[ "$(jq -r .verdict <<<"$answer")" = nested ]
	answer=$(lb --json why frame "$(ask_frames hex 'came()/IP(src="192.168.178.10",dst="172.16.0.10",proto=4,tos=3)/client()/TCP(dport=8000)')")
	[ "$(jq -r .verdict <<<"$answer")" = congested ]
}

@test "a packet in words: options; what it is, is what leaves" {
	lb attach ipip eth0
	frames
	lb restore - <<<$'service tcp 192.168.178.15:8000\nbackend 172.16.0.10\nservice udp 192.168.178.15:8000\nbackend 172.16.0.10'
	run -0 lb why tcp 10.0.0.20:40000 192.168.178.15:8000
	[[ $output == *"tcp SYN 10.0.0.20:40000 > 192.168.178.15:8000"*"forwarded (tx)"* ]]
	run -0 lb why tcp 10.0.0.20:40000 192.168.178.15:8000 ack ttl 1
	[[ $output == *"packet     tcp 10.0.0.20"*"ttl_answered"* ]]
	run -0 lb why udp 10.0.0.20:40000 192.168.178.15:8000 size 1481
	[[ $output == *"too_big_answered"* ]]
	run -0 lb why udp 10.0.0.20:40000 192.168.178.15:8000 size 1481 nodf dev eth0
	[[ $output == *"too_big (drop)"* ]]
	# the slot is the one that the table has
	[ "$(lb --json why tcp 10.0.0.20:40000 192.168.178.15:8000 | jq '.slot < 512')" = true ]
}

# frame_of WORD...: the bytes that lb why makes of these words, from 02:00:00:00:00:02 to 02:00:00:00:00:10.
frame_of() {
	# shellcheck source=/dev/null
	. maps/all.sh
	stage_folders+=(scripts/lib)
	stage 'include "frame"; def hex: "0123456789abcdef"[. / 16 | floor:][:1] + "0123456789abcdef"[. % 16:][:1];
		$ARGS.positional | frame_words | frame_bytes("02:00:00:00:00:10"; "02:00:00:00:00:02") | map(hex) | join("")' \
		-nr --argjson tunnel_ports '{"fou": 5555, "gue": 6080}' --args "$@"
}

@test "the bytes of a packet in words are those of scapy, in both families and all tunnels" {
	local words expression
	lb attach ipip eth0
	frames
	while IFS='|' read -r words expression; do
		# shellcheck disable=SC2086 # words
		[ "$(frame_of $words)" = "$(ask_frames hex "$expression")" ] || {
			echo "$words: $(frame_of $words)"
			echo "expected: $(ask_frames hex "$expression")"
			return 1
		}
	done <<-'END'
		tcp 10.0.0.20:40000 192.168.178.15:80|came()/client(id=0)/TCP(sport=40000,dport=80,flags="S",seq=1,window=64240)
		tcp [2001:db8:10::20]:40000 [2001:db8:178::15]:80|came()/client6(fl=0)/TCP(sport=40000,dport=80,flags="S",seq=1,window=64240)
		tcp [2001:DB8:10::20]:40000 [2001:db8:178:0::15]:80 ack ttl 7|came()/client6(fl=0,hlim=7)/TCP(sport=40000,dport=80,flags="A",seq=1,ack=1,window=64240)
		udp 10.0.0.20:40000 192.168.178.15:53 size 31 nodf|came()/client(id=0,flags=0)/UDP(sport=40000,dport=53)/("\x00"*3)
		udp [2001:db8:10::20]:40000 [2001:db8:178::15]:53 size 51|came()/client6(fl=0)/UDP(sport=40000,dport=53)/("\x00"*3)
		udp 10.0.0.20:40000 192.168.178.15:53 tunnel 192.168.178.10 172.16.0.10|came()/tunnel()/client(id=0)/UDP(sport=40000,dport=53)
		udp [2001:db8:10::20]:40000 [2001:db8:178::15]:53 tunnel ipip 192.168.178.10 172.16.0.10|came()/tunnel(proto=41)/client6(fl=0)/UDP(sport=40000,dport=53)
		udp 10.0.0.20:40000 192.168.178.15:53 tunnel 2001:db8:178::10 2001:db8:16::10|came()/tunnel6(nh=4)/client(id=0)/UDP(sport=40000,dport=53)
		udp [2001:db8:10::20]:40000 [2001:db8:178::15]:53 tunnel gre 192.168.178.10 172.16.0.10|came()/tunnel(proto=47)/GRE(proto=0x86dd)/client6(fl=0)/UDP(sport=40000,dport=53)
		udp 10.0.0.20:40000 192.168.178.15:53 tunnel gre 2001:db8:178::10 2001:db8:16::10|came()/tunnel6(nh=47)/GRE(proto=0x0800)/client(id=0)/UDP(sport=40000,dport=53)
		udp 10.0.0.20:40000 192.168.178.15:53 tunnel fou 192.168.178.10 172.16.0.10|came()/tunnel(proto=17)/UDP(sport=50000,dport=5555)/Raw(bytes(client(id=0)/UDP(sport=40000,dport=53)))
		udp [2001:db8:10::20]:40000 [2001:db8:178::15]:53 tunnel fou:7777 2001:db8:178::10 2001:db8:16::10|came()/tunnel6(nh=17)/UDP(sport=50000,dport=7777)/Raw(bytes(client6(fl=0)/UDP(sport=40000,dport=53)))
		udp 10.0.0.20:40000 192.168.178.15:53 tunnel gue 2001:db8:178::10 2001:db8:16::10|came()/tunnel6(nh=17)/UDP(sport=50000,dport=6080)/Raw(bytes([0,4,0,0])+bytes(client(id=0)/UDP(sport=40000,dport=53)))
		udp [2001:db8:10::20]:40000 [2001:db8:178::15]:53 tunnel gue:7 192.168.178.10 172.16.0.10|came()/tunnel(proto=17)/UDP(sport=50000,dport=7)/Raw(bytes([0,41,0,0])+bytes(client6(fl=0)/UDP(sport=40000,dport=53)))
	END
}

@test "nothing is counted, noted or asked: all that the program can write is as before" {
	local before mode
	for mode in ipip nat; do
		lb attach $mode eth0 2>/dev/null
		frames
		lb restore - <<<$'service tcp 192.168.178.15:8000\nbackend 172.20.0.20'
		really 'came()/client()/TCP(sport=40000,dport=8000,flags="S")' "redirect redirected"
		before=$(memories)
		lb why tcp 10.0.0.20:40000 192.168.178.15:8000
		lb why tcp 10.0.0.20:40001 192.168.178.15:8000 ttl 1
		diff <(echo "$before") <(memories)
		[ -z "$(on lb find /sys/fs/bpf -name 'tried*' -o -name 'why*')" ]
		kill "$FRAMES_PID"
		lb detach eth0
	done
}

@test "what cannot be asked is refused" {
	refuses 1 "no program of ours is on a device" why tcp 10.0.0.20:40000 192.168.178.15:8000
	loaded
	refuses 2 "why what?" why
	refuses 1 "'sctp' is no protocol" why sctp 10.0.0.20:40000 192.168.178.15:8000
	refuses 1 "'10.0.0.20' has no port" why tcp 10.0.0.20 192.168.178.15:8000
	refuses 1 "'0' is no size of an IP packet" why tcp 10.0.0.20:40000 192.168.178.15:8000 size 0
	refuses 1 "'59' is no size of an IP packet here; take one from 60 to 9000" why tcp "[2001:db8::20]:40000" "[2001:db8::15]:80" size 59
	refuses 1 "'[2001:db8::20]' has no port; write ADDRESS:PORT, like 10.0.0.20:40000 or [2001:db8::20]:40000" why tcp "[2001:db8::20]" "[2001:db8::15]:80"
	refuses 1 "10.0.0.20 and 2001:db8::15 are of two families; a packet has one" why tcp 10.0.0.20:40000 "[2001:db8::15]:80"
	refuses 1 "'nodf' is of IPv4" why tcp "[2001:db8::20]:40000" "[2001:db8::15]:80" nodf
	refuses 1 "are of two families; an outer header has one" why tcp 10.0.0.20:40000 192.168.178.15:8000 tunnel 192.168.178.10 2001:db8::10
	refuses 1 "gre has no ports; fou and gue have" why tcp 10.0.0.20:40000 192.168.178.15:8000 tunnel gre:5 192.168.178.10 172.16.0.10
	refuses 2 "which tunnel? [ipip|gre|fou|gue] LB BACKEND" why tcp 10.0.0.20:40000 192.168.178.15:8000 tunnel gre 192.168.178.10
	refuses 2 "unexpected word 'syn'" why udp 10.0.0.20:40000 192.168.178.15:8000 syn
	refuses 1 "this is no frame" why frame xyz
	refuses 1 "no program of ours is on eth1" why tcp 10.0.0.20:40000 192.168.178.15:8000 dev eth1
	lb attach ipip eth1
	refuses 1 "say which one the packet comes in by: dev eth" why tcp 10.0.0.20:40000 192.168.178.15:8000
	refuses 0 "comes in by eth1" why tcp 10.0.0.20:40000 192.168.178.15:8000 dev eth1
}
