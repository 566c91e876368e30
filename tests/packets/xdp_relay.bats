#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# xdp_relay, packet by packet: the table in the program's header comment, row by row. The node plays the backend
# 172.16.0.10; services have one slot, so that it is known whose a flow is.

load ../lib/helper

A=172.16.0.10 B=172.16.0.11 C=172.20.0.20
A6=2001:db8:16::10 B6=2001:db8:16::11

setup_file() {
	one_load_balancer
	speak_ipv6
	on lb ip addr add 192.168.178.15/32 dev lo
	on lb ip addr add 10.0.0.20/32 dev lo
	on lb ip addr add 2001:db8:178::15/128 dev lo nodad
	on lb ip addr add 2001:db8:10::20/128 dev lo nodad
	lb attach relay eth0
	on lb sysctl -qw net.ipv4.tcp_syncookies=1
	local entry
	for entry in "lb 192.168.178.10" "lb 2001:db8:178::10" "host $A ipip gre fou gue" "host $A6" "vip 192.168.178.15" "vip 2001:db8:178::15"; do
		# shellcheck disable=SC2086 # words
		lb decap add $entry
	done
	background lb tests/lib/sockets.py 192.168.178.15 8000 10.0.0.20 "$BATS_FILE_TMPDIR/ready"
	background lb tests/lib/sockets.py 2001:db8:178::15 8000 2001:db8:10::20 "$BATS_FILE_TMPDIR/ready6"
	wait_for 10 test -e "$BATS_FILE_TMPDIR/ready"
	wait_for 10 test -e "$BATS_FILE_TMPDIR/ready6"
}

teardown_file() {
	scripts/node destroy --all
}

# slot_of BACKEND...: the slot belongs to the first of them; the others drain. The same for each service.
slot_of() {
	local vip backend
	for vip in "tcp 192.168.178.15:8000" "tcp [2001:db8:178::15]:8000" "udp 192.168.178.15:8000" "tcp 192.168.178.15:8001"; do
		echo "service $vip hash slots 1"
		for backend; do
			echo "backend $backend weight $([[ $backend != "$1" ]] && echo 0 || echo 1)"
		done
	done | lb restore -
}

# for_me PORT [FLAGS]: a packet of TCP to A, as the load balancer sends it; for_b the same as A hands it on to B.
for_me() {
	echo "came()/tunnel()/client()/TCP(sport=$1,dport=8000,flags=\"${2-A}\")"
}
for_b() {
	echo "leaves()/tunnel(to=\"$B\",id=1)/client()/TCP(sport=$1,dport=8000,flags=\"${2-A}\")"
}
inside() {
	echo "came()/client()/TCP(sport=$1,dport=8000,flags=\"${2-A}\")"
}

@test "without services, everything is as with xdp_decap" {
	packets <<-END
		$(for_me 50000)
		=> pass decapsulated $(inside 50000)
		came()/tunnel(src="192.168.178.11")/client()/TCP(dport=8000) => drop source_refused
		came()/tunnel()/client(dst="10.0.0.9")/TCP(dport=8000) => drop vip_refused
		came()/client()/TCP(dport=8000) => pass plain
	END
}

@test "while the slot is this backend's, and nobody had it before, everything is for the kernel" {
	slot_of $A
	packets <<-END
		$(for_me 50000)
		=> pass decapsulated $(inside 50000)
		$(for_me 40001)
		=> pass decapsulated $(inside 40001)
	END
}

@test "the slot has gone to another backend: what is no connection of this one goes there, and what is stays" {
	slot_of $A $B
	slot_of $B $A
	packets <<-END
		$(for_me 50000)
		=> tx handed_on $(for_b 50000)
		$(for_me 50000 FA)
		=> tx handed_on $(for_b 50000 FA)
		$(for_me 50000 R)
		=> tx handed_on $(for_b 50000 R)
		$(for_me 50000 S)
		=> pass decapsulated $(inside 50000 S)
		$(for_me 40001)
		=> pass decapsulated $(inside 40001)
		$(for_me 40002)
		=> pass decapsulated $(inside 40002)
		$(for_me 40003)
		=> pass decapsulated $(inside 40003)
		came(7)/tunnel()/client(options=[IPOption_NOP()]*4)/TCP(sport=50000,dport=8000,flags="A")/Padding("x"*7)
		=> tx handed_on leaves()/tunnel(to="$B",id=1)/client(options=[IPOption_NOP()]*4)/TCP(sport=50000,dport=8000,flags="A")/Padding("x"*7)
		came()/tunnel()/client(flags="MF")/TCP(sport=50000,dport=8000,flags="A")
		=> tx handed_on leaves()/tunnel(to="$B",id=1)/client(flags="MF")/TCP(sport=50000,dport=8000,flags="A")
	END
}

@test "the slot has come from another backend: the same" {
	slot_of $B $A
	slot_of $A $B
	packets <<-END
		$(for_me 50000)
		=> tx handed_on $(for_b 50000)
		$(for_me 40001)
		=> pass decapsulated $(inside 40001)
	END
}

@test "it is handed on once: what has the mark stays here, in every tunnel" {
	packets <<-END
		came()/tunnel(id=1)/client()/TCP(sport=50000,dport=8000,flags="A")
		=> pass decapsulated $(inside 50000)
		came()/tunnel(id=1,proto=47)/GRE(proto=0x800)/client()/TCP(sport=50000,dport=8000,flags="A")
		=> pass decapsulated $(inside 50000)
		came()/tunnel(proto=47)/GRE(proto=0x800)/client()/TCP(sport=50000,dport=8000,flags="A")
		=> tx handed_on $(for_b 50000)
		came()/tunnel(proto=17)/UDP(sport=5,dport=5555,chksum=0)/client()/TCP(sport=50000,dport=8000,flags="A")
		=> tx handed_on $(for_b 50000)
		came()/tunnel(id=7)/client()/TCP(sport=50000,dport=8000,flags="A")
		=> tx handed_on $(for_b 50000)
	END
}

@test "what else there is: UDP, later fragments, other ports, other protocols" {
	packets <<-END
		came()/tunnel()/client()/UDP(sport=50000,dport=8000)
		=> pass decapsulated came()/client()/UDP(sport=50000,dport=8000)
		came()/tunnel()/client(flags=0,frag=5,proto=6)/Raw("x"*24)
		=> pass decapsulated came()/client(flags=0,frag=5,proto=6)/Raw("x"*24)
		came()/tunnel()/client()/TCP(sport=50000,dport=8009,flags="A")
		=> pass decapsulated came()/client()/TCP(sport=50000,dport=8009,flags="A")
		came()/tunnel()/client(src="10.0.0.2")/ICMP(type=8)
		=> pass decapsulated came()/client(src="10.0.0.2")/ICMP(type=8)
	END
}

@test "where nobody listens, a server in another network namespace may have the connection: for the kernel" {
	packet 'came()/tunnel()/client()/TCP(sport=50000,dport=8001,flags="A")' pass decapsulated \
		'came()/client()/TCP(sport=50000,dport=8001,flags="A")'
}

@test "ICMP errors follow their flow" {
	local error='client(src="10.0.0.2")/ICMP(type=3,code=4,nexthopmtu=1400)/quote(IP(src=VIP,dst=CLIENT)/TCP(sport=8000,dport=%s))' mine others
	# shellcheck disable=SC2059 # the format is above
	mine=$(printf "$error" 40001) others=$(printf "$error" 50000)
	packets <<-END
		came()/tunnel()/$others
		=> tx handed_on leaves()/tunnel(to="$B",id=1)/$others
		came()/tunnel()/$mine
		=> pass decapsulated came()/$mine
	END
}

@test "the end of a handshake that is remembered in a SYN cookie alone" {
	local cookie
	on lb sysctl -qw net.ipv4.tcp_syncookies=2 # always
	cookie=$(on lb tests/lib/sockets.py cookie 192.168.178.15 8000 10.0.0.20)
	on lb sysctl -qw net.ipv4.tcp_syncookies=1
	packets <<-END
		came()/tunnel()/client()/TCP(sport=40004,dport=8000,flags="A",seq=100,ack=$((cookie + 1)))
		=> pass decapsulated came()/client()/TCP(sport=40004,dport=8000,flags="A",seq=100,ack=$((cookie + 1)))
		came()/tunnel()/client()/TCP(sport=40004,dport=8000,flags="A",seq=100,ack=$((cookie + 77)))
		=> tx handed_on leaves()/tunnel(to="$B",id=1)/client()/TCP(sport=40004,dport=8000,flags="A",seq=100,ack=$((cookie + 77)))
	END
}

@test "who is neither the slot's backend now nor was it before hands on to the one that is" {
	slot_of $B
	packet "$(for_me 50000)" tx handed_on "$(for_b 50000)"
}

@test "a backend on another interface, and backends that cannot be reached" {
	slot_of $C $A
	packet "$(for_me 50000)" redirect handed_aside \
		'Ether(src=LB_MAC1,dst=FAR_MAC1)/tunnel(to="172.20.0.20",id=1)/client()/TCP(sport=50000,dport=8000,flags="A")'
	slot_of 172.20.0.99 $A
	packet "$(for_me 50000)" drop no_way
	slot_of $B $A
	on lb ip route add 172.16.0.0/16 via 192.168.178.2 mtu lock 1400
	lb refresh
	packet 'came()/tunnel()/client()/TCP(sport=50000,dport=8000,flags="A")/("x"*1341)' drop no_way
	packet 'came()/tunnel()/client()/TCP(sport=50000,dport=8000,flags="A")/("x"*1340)' tx handed_on \
		"leaves()/tunnel(to=\"$B\",id=1)/client()/TCP(sport=50000,dport=8000,flags=\"A\")/(\"x\"*1340)"
	on lb ip route del 172.16.0.0/16
	lb refresh
	printf 'service tcp 192.168.178.15:8000 hash slots 1\nbackend %s\nbackend %s down\n' $A $B | lb restore -
	packet "$(for_me 50000)" pass decapsulated "$(inside 50000)"
}

@test "IPv6, and either family in the other one's envelope" {
	slot_of $B6 $A6
	packets <<-END
		came()/tunnel6(dst="$A6")/client6()/TCP(sport=50000,dport=8000,flags="A")
		=> tx handed_on leaves()/tunnel6(dst="$B6",fl=1)/client6()/TCP(sport=50000,dport=8000,flags="A")
		came()/tunnel6(dst="$A6",fl=1)/client6()/TCP(sport=50000,dport=8000,flags="A")
		=> pass decapsulated came()/client6()/TCP(sport=50000,dport=8000,flags="A")
		came()/tunnel6(dst="$A6")/client6()/TCP(sport=40001,dport=8000,flags="A")
		=> pass decapsulated came()/client6()/TCP(sport=40001,dport=8000,flags="A")
		came()/tunnel6(dst="$A6")/client6()/TCP(sport=50000,dport=8000,flags="S")
		=> pass decapsulated came()/client6()/TCP(sport=50000,dport=8000,flags="S")
		came()/tunnel()/client()/TCP(sport=50000,dport=8000,flags="A")
		=> tx handed_on leaves()/tunnel6(dst="$B6",fl=1,nh=4)/client()/TCP(sport=50000,dport=8000,flags="A")
	END
	slot_of $B $A6
	packet "came()/tunnel6(dst=\"$A6\")/client6()/TCP(sport=50000,dport=8000,flags=\"A\")" tx handed_on \
		"leaves()/tunnel(to=\"$B\",id=1,proto=41)/client6()/TCP(sport=50000,dport=8000,flags=\"A\")"
}

@test "what the slot was before is kept at every change, also if the machine sees no flows" {
	slot_of $A $B $C
	slot_of $C $A $B
	slot_of $B $A $C # was C's, whose flows this backend has never seen
	packet "$(for_me 50000)" tx handed_on "$(for_b 50000)"
	slot_of $A $B $C # now its own; before that, B's
	packet "$(for_me 50000)" tx handed_on "$(for_b 50000)"
}

@test "what the slot was before is kept when a service changes and the slot does not, and when its backend is deleted" {
	slot_of $B $A $C
	slot_of $A $B $C # now its own; before that, B's
	lb check add tcp 192.168.178.15:8000 tcp
	packet "$(for_me 50000)" tx handed_on "$(for_b 50000)"
	lb backend set tcp 192.168.178.15:8000 $C down
	packet "$(for_me 50000)" tx handed_on "$(for_b 50000)"
	slot_of $C $A $B
	slot_of $A $B # B's, A's, C's, and C has left: only A can know anybody, and it has none
	packet "$(for_me 50000)" pass decapsulated "$(inside 50000)"
	slot_of $B $A
	slot_of $C $A $B
	slot_of $A $B # A's, B's, C's, and C has left
	packet "$(for_me 50000)" tx handed_on "$(for_b 50000)"
	slot_of $A # B has left, too: its id is nobody's
	packet "$(for_me 50000)" pass decapsulated "$(inside 50000)"
}

@test "a frame of several pages" {
	slot_of $B $A
	packets <<-END
		came()/tunnel()/client()/TCP(sport=50000,dport=8000,flags="A")/("x"*7000) => drop no_way
		came()/tunnel()/client()/TCP(sport=40001,dport=8000,flags="A")/("x"*7000)
		=> pass decapsulated came()/client()/TCP(sport=40001,dport=8000,flags="A")/("x"*7000)
	END
}
