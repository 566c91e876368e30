#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Just enough tracking: which backend a packet goes to after backends have changed. Single packets; the
# service has one slot, so that a change moves every flow that is not remembered.

load ../lib/helper

A=172.16.0.10 B=172.16.0.11 C=172.16.0.12

setup() {
	one_load_balancer
	lb attach ipip eth0
	to $A
	expect <<-END
		1 A $A
		1 udp $A
	END
}

teardown() {
	scripts/node destroy --all
}

# to BACKEND [down BACKEND]: gives the slot to this backend. The others drain; one of them may be down.
to() {
	local backend weight state
	{
		echo "service tcp 192.168.178.15:8000 hash slots 1"
		for backend in $A $B $C; do
			weight=0 state=up
			[[ $backend != "$1" ]] || weight=1
			[[ $backend != "${3-}" ]] || state=down
			echo "backend $backend weight $weight $state"
		done
		echo "service udp 192.168.178.15:53 hash slots 1"
		for backend in $A $B $C; do
			weight=0
			[[ $backend != "$1" ]] || weight=1
			echo "backend $backend weight $weight"
		done
	} | lb restore -
}

# expect: reads lines PORT FLAGS BACKEND. A packet with these TCP flags (or udp) from this port of the client must go
# to this backend. If BACKEND is "none", it must be dropped, because no backend may have it.
expect() {
	local port flags backend packet
	while read -r port flags backend; do
		packet="TCP(sport=$port,dport=8000,flags=\"$flags\")"
		[[ $flags != udp ]] || packet="UDP(sport=$port,dport=53)/b\"x\""
		if [[ $backend == none ]]; then
			echo "came()/client()/$packet => drop no_backend"
		else
			echo "came()/client()/$packet"
			echo "=> tx forwarded leaves()/tunnel(\"$backend\")/client(ttl=63)/$packet"
		fi
	done | packets
}

# end_learning: makes the services as they are when the window is over.
end_learning() {
	local entry key value
	entry=$(on lb bpftool -j map dump pinned "$MAPS/services" | jq -c '.[] | select(.formatted.value.id != 0)')
	while read -r entry; do
		key=$(jq -r '.key | join(" ")' <<<"$entry") value=$(jq -r '.value[:16] | join(" ")' <<<"$entry")
		# shellcheck disable=SC2086 # bytes
		on lb bpftool map update pinned "$MAPS/services" key $key value $value 0 0 0 0 0 0 0 0
		# ... and counts up the change, so that the next packet sees it
		on lb bpftool map update pinned "$MAPS/destinations" key 15 178 0 0 value 1 0 0 0 0 0 0 0 "$((RANDOM % 256))" "$((RANDOM % 256))" 0 1 0 0 0 0
	done <<<"$entry"
}

# flows: how many flows are noted after one packet, and how many are remembered after two.
flows() {
	echo "$(on lb bpftool -j map dump pinned "$MAPS/new_flows" | jq length) $(lb flows --json | jq length)"
}

@test "no flow is noted while nothing changes" {
	for port in $(seq 1001 1050); do
		echo "$port S $A"
		echo "$port A $A"
		echo "$port udp $A"
	done | expect
	[ "$(flows)" = "0 0" ]
}

@test "after a change SYNs go to the new backend, everything else goes to the old one, and all flows stay" {
	to $B
	expect <<-END
		1001 S $B
		1001 S $B
		1001 A $B
		1001 PA $B
		1002 A $A
		1002 PA $A
		1003 SA $A
		1004 R $A
		1005 udp $A
		1005 udp $A
	END
	[ "$(flows)" = "2 3" ] # 1003 and 1004 have sent one packet each
	[ "$(lb flows | sort)" = "tcp 10.0.0.20:1001 > 192.168.178.15:8000 at $B:8000
tcp 10.0.0.20:1002 > 192.168.178.15:8000 at $A:8000
udp 10.0.0.20:1005 > 192.168.178.15:53 at $A:53" ]
}

@test "after the window unknown flows go to the new backend, and known ones stay" {
	to $B
	expect <<-END
		1001 A $A
		1001 A $A
		1002 A $A
	END
	end_learning
	expect <<-END
		1001 A $A
		1002 A $A
		1003 A $B
		1004 udp $B
	END
}

@test "flows keep their backends when a second change comes within the window" {
	to $B
	expect <<-END
		1001 S $B
		1001 A $B
		1002 A $A
	END
	to $C
	expect <<-END
		1001 A $B
		1002 A $A
		1003 A $A
		1004 S $C
		1004 A $C
	END
}

@test "flows keep their backends when a change is taken back at once" {
	to $B
	expect <<-END
		1001 S $B
		1001 A $B
		1002 S $B
	END
	to $A
	expect <<-END
		1001 A $B
		1002 A $B
		1003 A $A
		1004 S $A
		1004 A $A
	END
	to $C
	expect <<-END
		1001 A $B
		1004 A $A
		1005 A $A
		1006 S $C
	END
}

@test "flows keep their backends when a second change comes after the window" {
	to $B
	expect <<-END
		1001 A $A
		1001 A $A
	END
	end_learning
	expect <<<"1002 A $B"
	to $C
	expect <<-END
		1001 A $A
		1002 A $B
		1003 A $B
		1004 S $C
	END
	# and with one that leaves the slot alone
	end_learning
	lb backend add tcp 192.168.178.15:8000 172.16.0.13 weight 0
	expect <<<"1005 A $C"
}

@test "a backend that is down gets no packet, not even of its own flows" {
	to $B
	expect <<-END
		1001 A $A
		1001 A $A
	END
	to $B down $A
	expect <<-END
		1001 A $B
		1002 A $B
		1003 S $B
	END
	to $B # up again
	expect <<-END
		1001 A $B
		1003 A $B
		1004 A $B
	END
}

@test "a backend that comes back takes no flow from the others" {
	to $B down $A
	expect <<-END
		1001 A $B
		1001 A $B
		1002 S $B
		1002 A $B
	END
	to $A
	expect <<-END
		1001 A $B
		1002 A $B
		1003 A $B
		1004 S $A
	END
}

@test "when all backends drain, old connections go on and new ones are refused" {
	to nobody
	expect <<-END
		1001 A $A
		1002 S none
		1001 A $A
	END
}

@test "a deleted backend is forgotten, and no other backend inherits its flows" {
	to $B
	expect <<-END
		1001 A $A
		1001 A $A
		1002 A $A
	END
	lb backend del tcp 192.168.178.15:8000 $A
	[ "$(flows)" = "0 0" ]
	lb service add tcp 192.168.178.15:81
	lb backend add tcp 192.168.178.15:81 172.16.0.99 # takes the id
	[ "$(lb stats --json | jq -c '.services[] | select(.port == 81).packets')" -eq 0 ]
	expect <<-END
		1001 A $B
		1002 A $B
	END
}

@test "a SYN after a FIN or RST is a new connection from the same port" {
	to $B
	expect <<-END
		1001 A $A
		1001 A $A
		1001 S $A
		1001 FA $A
		1001 A $A
		1001 S $B
		1001 A $B
		1002 A $A
		1002 A $A
		1002 R $A
		1002 S $B
	END
}

@test "an ICMP error goes to the backend that has the flow, and is not noted" {
	to $B
	expect <<-END
		1001 S $B
		1001 A $B
	END
	local port to error
	while read -r port to; do
		error="ICMP(type=3,code=4,nexthopmtu=1400)/quote(IP(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=$port))"
		packet "came()/IP(src='10.9.9.9',dst=VIP)/$error" \
			tx forwarded "leaves()/tunnel('$to')/IP(src='10.9.9.9',dst=VIP,ttl=63)/$error"
	done <<-END
		1001 $B
		1002 $A
	END
	[ "$(flows)" = "0 1" ]
}

@test "fragments follow their flow" {
	to $B
	expect <<<"1001 S $B"
	packets <<-END
		came()/client(flags="MF",id=7)/TCP(sport=1001,dport=8000,flags="A")/Raw(b"x"*12)
		=> tx forwarded leaves()/tunnel("$B")/client(flags="MF",id=7,ttl=63)/TCP(sport=1001,dport=8000,flags="A")/Raw(b"x"*12)
		came()/client(flags=0,frag=4,id=7,proto=6)/Raw(b"x"*9)
		=> tx forwarded leaves()/tunnel("$B")/client(flags=0,frag=4,id=7,ttl=63,proto=6)/Raw(b"x"*9)
		came()/client(flags="MF",id=8)/TCP(sport=1002,dport=8000,flags="A")/Raw(b"x"*12)
		=> tx forwarded leaves()/tunnel("$A")/client(flags="MF",id=8,ttl=63)/TCP(sport=1002,dport=8000,flags="A")/Raw(b"x"*12)
		came()/client(flags=0,frag=4,id=8,proto=6)/Raw(b"x"*9)
		=> tx forwarded leaves()/tunnel("$A")/client(flags=0,frag=4,id=8,ttl=63,proto=6)/Raw(b"x"*9)
	END
}

@test "with a window of 0 nothing is tracked" {
	lb set window 0
	to $B
	expect <<-END
		1001 A $B
		1002 S $B
	END
	[ "$(flows)" = "0 0" ]
	[ "$(on lb bpftool -j map lookup pinned "$MAPS/slots" key 0 0 0 0 | jq -c .formatted.value.even)" = '{"now":2,"was":2}' ]
}

@test "settle waits for the window, then for flows on other backends, and then resets the slots" {
	to $B
	expect <<-END
		1001 A $A
		1001 A $A
		1002 udp $A
	END
	run -0 lb settle
	[[ $output == *"tcp 192.168.178.15:8000: 1 slots still learn whose flows they have, for "*" s"* ]]
	end_learning
	run -0 lb settle
	[ "$output" = "udp 192.168.178.15:53: 1 slots have flows of other backends
tcp 192.168.178.15:8000: 1 slots have flows of other backends" ]
	expect <<-END
		1001 A $A
		1002 udp $A
	END
	lb backend set tcp 192.168.178.15:8000 $A down
	run -0 lb settle
	[[ $output == *"tcp 192.168.178.15:8000: settled"* ]]
	[ "$(on lb bpftool -j map lookup pinned "$MAPS/slots" key 0 0 0 0 | jq '.formatted.value.even | .now == .was' | sort -u)" = true ]
	expect <<<"1003 A $B"
	[ "$(lb flows --json | jq 'map(select(.protocol == "tcp")) | length')" -eq 0 ]
}

@test "settle does not wait for a flow that has been silent for too long" {
	to $B
	expect <<-END
		1001 A $A
		1001 A $A
	END
	end_learning
	# the same flow, last seen in the first nanosecond after the boot
	local key
	key=$(on lb bpftool -j map dump pinned "$MAPS/flows" | jq -r '.[0].key | join(" ")')
	# shellcheck disable=SC2086 # bytes
	on lb bpftool map update pinned "$MAPS/flows" key $key value 1 0 0 0 1 0 0 0 1 0 0 0 0 0 0 0
	run -0 lb settle
	[[ $output == *"tcp 192.168.178.15:8000: settled"* || $(cut -d. -f1 /proc/uptime) -lt 240 ]]
}

@test "IPv6 flows are tracked in the same way, on backends of either family" {
	local error='ICMPv6PacketTooBig(mtu=1400)/quote6(client6(src=VIP6,dst=CLIENT6)/TCP(sport=8000,dport=1001))'
	local A6=2001:db8:16::10
	speak_ipv6
	lb set address 2001:db8:178::10
	printf 'service tcp [2001:db8:178::15]:8000 hash slots 1\nbackend %s\nbackend %s weight 0\n' $A6 $B | lb restore -
	packets <<-END
		came()/client6()/TCP(sport=1001,dport=8000,flags="S")
		=> tx forwarded leaves()/tunnel6("$A6")/client6(hlim=63)/TCP(sport=1001,dport=8000,flags="S")
	END
	[ "$(flows)" = "0 0" ]
	printf 'service tcp [2001:db8:178::15]:8000 hash slots 1\nbackend %s weight 0\nbackend %s\n' $A6 $B | lb restore -
	packets <<-END
		came()/client6()/TCP(sport=1001,dport=8000,flags="A")
		=> tx forwarded leaves()/tunnel6("$A6")/client6(hlim=63)/TCP(sport=1001,dport=8000,flags="A")
		came()/client6()/IPv6ExtHdrDestOpt()/TCP(sport=1001,dport=8000,flags="A")
		=> tx forwarded leaves()/tunnel6("$A6")/client6(hlim=63)/IPv6ExtHdrDestOpt()/TCP(sport=1001,dport=8000,flags="A")
		came()/client6()/TCP(sport=1002,dport=8000,flags="S")
		=> tx forwarded leaves()/tunnel("$B",proto=41)/client6(hlim=63)/TCP(sport=1002,dport=8000,flags="S")
		came()/client6()/TCP(sport=1002,dport=8000,flags="A")
		=> tx forwarded leaves()/tunnel("$B",proto=41)/client6(hlim=63)/TCP(sport=1002,dport=8000,flags="A")
		came()/client6(src="2001:db8::2")/$error
		=> tx forwarded leaves()/tunnel6("$A6")/client6(src="2001:db8::2",hlim=63)/$error
		came()/client6()/IPv6ExtHdrFragment(m=1,id=77)/TCP(sport=1001,dport=8000,flags="A")/("x"*20)
		=> tx forwarded leaves()/tunnel6("$A6")/client6(hlim=63)/IPv6ExtHdrFragment(m=1,id=77)/TCP(sport=1001,dport=8000,flags="A")/("x"*20)
		came()/client6()/IPv6ExtHdrFragment(offset=5,id=77,nh=6)/Raw("y"*9)
		=> tx forwarded leaves()/tunnel6("$A6")/client6(hlim=63)/IPv6ExtHdrFragment(offset=5,id=77,nh=6)/Raw("y"*9)
	END
	[ "$(flows)" = "0 2" ]
	[ "$(lb flows | sort)" = "tcp [2001:db8:10::20]:1001 > [2001:db8:178::15]:8000 at [$A6]:8000
tcp [2001:db8:10::20]:1002 > [2001:db8:178::15]:8000 at $B:8000" ]
	lb backend set tcp "[2001:db8:178::15]:8000" $A6 down
	packet 'came()/client6()/TCP(sport=1001,dport=8000,flags="A")' tx forwarded \
		"leaves()/tunnel(\"$B\",proto=41)/client6(hlim=63)/TCP(sport=1001,dport=8000,flags=\"A\")"
}

@test "L2 DSR tracks flows in the same way" {
	lb detach eth0
	lb attach l2dsr eth0
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	on lb ip neigh replace 192.168.178.12 dev eth0 lladdr 02:00:00:00:00:12 nud permanent
	printf 'service tcp 192.168.178.15:8000 hash slots 1\nbackend 192.168.178.11\nbackend 192.168.178.12 weight 0\n' | lb restore -
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'Ether(src=LB_MAC,dst="02:00:00:00:00:11")/client()/TCP(dport=8000)'
	printf 'service tcp 192.168.178.15:8000 hash slots 1\nbackend 192.168.178.11 weight 0\nbackend 192.168.178.12\n' | lb restore -
	packets <<-'END'
		came()/client()/TCP(sport=1001,dport=8000,flags="S")
		=> tx forwarded Ether(src=LB_MAC,dst="02:00:00:00:00:12")/client()/TCP(sport=1001,dport=8000,flags="S")
		came()/client()/TCP(sport=1001,dport=8000,flags="A")
		=> tx forwarded Ether(src=LB_MAC,dst="02:00:00:00:00:12")/client()/TCP(sport=1001,dport=8000,flags="A")
		came()/client()/TCP(sport=1002,dport=8000,flags="A")
		=> tx forwarded Ether(src=LB_MAC,dst="02:00:00:00:00:11")/client()/TCP(sport=1002,dport=8000,flags="A")
	END
	[ "$(flows)" = "1 1" ]
}

@test "a sticky service looks only at the client's address" {
	lb service add tcp 192.168.178.15:80 sticky
	lb backend add tcp 192.168.178.15:80 $A
	lb backend add tcp 192.168.178.15:80 $B
	lb backend add tcp 192.168.178.15:80 $C
	local port to i
	mapfile -t to < <(on lb tests/lib/maglev.py place tcp 192.168.178.15:80 10.0.0.{20..25}:1)
	for i in {0..5}; do
		for port in 1001 1002 1003 1004; do
			echo "came()/client(src=\"10.0.0.2$i\")/TCP(sport=$port,dport=80)"
			echo "=> tx forwarded leaves()/tunnel(\"${to[i]%:*}\")/client(src=\"10.0.0.2$i\",ttl=63)/TCP(sport=$port,dport=80)"
		done
	done | packets
}

@test "a service of every port gets what no other service takes, including ICMP errors and fragments" {
	lb service add tcp 192.168.178.15:any
	lb backend add tcp 192.168.178.15:any $C
	expect <<<"1001 S $A"
	packets <<-END
		came()/client()/TCP(sport=1001,dport=22)
		=> tx forwarded leaves()/tunnel("$C")/client(ttl=63)/TCP(sport=1001,dport=22)
		came()/client()/TCP(sport=1001,dport=65535)
		=> tx forwarded leaves()/tunnel("$C")/client(ttl=63)/TCP(sport=1001,dport=65535)
		came()/client(flags="MF",id=7)/TCP(sport=1001,dport=22,flags="A")/Raw(b"x"*12)
		=> tx forwarded leaves()/tunnel("$C")/client(flags="MF",id=7,ttl=63)/TCP(sport=1001,dport=22,flags="A")/Raw(b"x"*12)
		came()/client(flags=0,frag=4,id=7,proto=6)/Raw(b"x"*9)
		=> tx forwarded leaves()/tunnel("$C")/client(flags=0,frag=4,id=7,ttl=63,proto=6)/Raw(b"x"*9)
		came()/client()/UDP(sport=1001,dport=22) => pass not_ours
		came()/client()/ICMP() => pass not_ours
	END
	lb service del tcp 192.168.178.15:any
	packet 'came()/client()/TCP(sport=1001,dport=22)' pass not_ours
}

@test "no flow is kept for a backend that never got a packet" {
	to $B
	to $C # B got nothing meanwhile, but A did
	expect <<<"1001 A $A"
	lb service add tcp 192.168.178.15:80
	lb backend add tcp 192.168.178.15:80 $A
	lb backend add tcp 192.168.178.15:80 $B
	lb backend set tcp 192.168.178.15:80 $B weight 3
	[ "$(lb slots tcp 192.168.178.15:80 --json | jq 'map(select(.now != .was)) | length')" -eq 0 ]
}

@test "a slot that loses its backend for a second time still knows its flows" {
	to nobody
	expect <<-END
		1001 A $A
		1001 A $A
	END
	end_learning
	expect <<<"1001 A $A"
	lb backend add tcp 192.168.178.15:8000 172.16.0.13 weight 0 # moves no slot
	expect <<-END
		1001 A $A
		1002 A none
	END
	to $B
	lb backend set tcp 192.168.178.15:8000 $B down
	expect <<-END
		1001 A $A
		1002 S none
	END
}

@test "a FIN or RST ends a flow even as its first packet after the change" {
	to $B
	expect <<-END
		1001 FA $A
		1001 A $A
		1001 S $B
		1002 A $A
		1002 FA $A
		1002 A $A
		1002 S $B
		1003 R $A
		1003 S $B
	END
}

@test "noted flows are forgotten when their slot settles for any reason" {
	# reason 1: another number of slots, which is no multiple
	lb restore - <<-END
		service tcp 192.168.178.15:8000 hash slots 2
		backend $A weight 0
		backend $B
		backend $C weight 0
	END
	expect <<-END
		1001 A $A
		1001 A $A
	END
	lb restore - <<-END
		service tcp 192.168.178.15:8000 hash slots 3
		backend $A weight 0
		backend $B
		backend $C weight 0
	END
	[ "$(flows)" = "0 0" ]
	expect <<-END
		1001 S $B
		1001 A $B
	END
	lb restore - <<-END
		service tcp 192.168.178.15:8000 hash slots 3
		backend $A weight 0
		backend $B weight 0
		backend $C
	END
	expect <<<"1001 A $B"
	# reason 2: no window
	lb set window 0
	to $A
	[ "$(flows)" = "0 0" ]
}

@test "a service that is added for one port takes no flow from the service of every port" {
	lb restore - <<-END
		service tcp 192.168.178.15:any hash slots 1
		backend $A
	END
	expect <<<"1001 A $A"
	lb restore - <<-END
		service tcp 192.168.178.15:any hash slots 1
		backend $A weight 0
		backend $B
	END
	expect <<-END
		1001 A $A
		1001 A $A
	END
	lb service add tcp 192.168.178.15:8000 hash slots 1
	lb backend add tcp 192.168.178.15:8000 $C
	expect <<-END
		1001 S $C
		1001 A $C
	END
	lb restore - <<-END
		service tcp 192.168.178.15:any hash slots 1
		backend $A weight 0
		backend $B
		service tcp 192.168.178.15:8000 hash slots 1
		backend $C weight 0
		backend 172.16.0.13
	END
	expect <<<"1001 A $C"
}

@test "a shorter window does not shorten the one that is open" {
	to $B
	lb set window 1
	to $C
	sleep 1.5
	expect <<<"1001 A $A"
}

@test "a service that gets more slots keeps its flows: each slot becomes several, which remember what it did" {
	to $B
	expect <<-END
		1001 A $A
		1001 A $A
		1002 S $B
		1002 A $B
	END
	# 1 slot becomes 512, and their backend is another one again
	lb restore - <<-END
		service tcp 192.168.178.15:8000
		backend $A weight 0
		backend $B weight 0
		backend $C
	END
	[ "$(lb --json slots tcp 192.168.178.15:8000 | jq -c 'map([.now, .was]) | unique')" = "[[\"$C:8000\",\"$A:8000\"]]" ]
	expect <<-END
		1001 A $A
		1002 A $B
		1003 A $A
		1004 S $C
		1004 A $C
	END
	# 512 become 4096
	many 8 | lb restore -
	expect <<-END
		1001 A $A
		1002 A $B
		1003 A $A
		1004 A $C
	END
	# 4096 stay 4096: each table slot is four of them, with memories of their own
	many 5 | lb restore -
	[ "$(lb --json slots tcp 192.168.178.15:8000 | jq length)" -eq 4096 ]
	expect <<-END
		1001 A $A
		1002 A $B
		1003 A $A
		1004 A $C
	END
	# and what is settled in all of them needs no flow any more
	end_learning
	lb settle
}

# many N: A, B, C, and so many others.
many() {
	echo "service tcp 192.168.178.15:8000"
	printf 'backend %s\n' $A $B $C
	seq -f 'backend 172.16.1.%g' "$1"
}

@test "no flow moves while a service grows from one backend to 170 and becomes small again" {
	local i n flows=() before
	lb restore - <<<$'service tcp 192.168.178.15:8000\nbackend '$A$'\nbackend '$B
	for ((i = 0; i < 60; i++)); do
		flows+=("10.0.0.20:$((2000 + 7 * i))")
	done
	# each begins with a SYN, before anything grows; half of them are seen in each step
	mapfile -t before < <(on lb tests/lib/maglev.py place tcp 192.168.178.15:8000 "${flows[@]}" | cut -d : -f 1)
	for ((i = 0; i < 60; i++)); do echo "$((2000 + 7 * i)) S ${before[i]}"; done | expect
	for n in 9 30 60 167 30 2; do
		many "$n" | lb restore -
		for ((i = n % 2; i < 60; i += 2)); do echo "$((2000 + 7 * i)) A ${before[i]}"; done | expect
	done
	for ((i = 0; i < 60; i++)); do echo "$((2000 + 7 * i)) A ${before[i]}"; done | expect
}
