#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# xdp_nat, packet by packet: the table in the program's header comment, row by row, and the mistakes of the
# tutorial's program.

load ../lib/helper

setup_file() {
	one_load_balancer
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	on lb ip neigh replace 192.168.178.12 dev eth0 lladdr 02:00:00:00:00:12 nud permanent
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	lb attach nat eth0
	lb restore - <<-END
		service tcp 192.168.178.15:80
		backend 192.168.178.11:8080
		service udp 192.168.178.15:53
		backend 192.168.178.11:5353
		service tcp 192.168.178.15:8001
		backend 172.20.0.20
		service tcp 192.168.178.15:8002
		service tcp 192.168.178.15:8003
		backend 172.20.0.99
	END
}

teardown_file() {
	scripts/node destroy --all
}

setup() {
	# Each test starts without connections, and with the default settings.
	lb nat set ports 10000-65535 handshake 30 established 7440 closing 30 udp 300
	on lb tests/lib/clear.sh
}

# connections: how many conntrack holds.
connections() {
	on lb bpftool -j map dump pinned "$MAPS/conntrack" | jq 'length / 2'
}

# event NAME: a counter of nat_events.
event() {
	lb --json nat stats | jq --arg name "$1" '.[] | select(.name == $name).connections'
}

# open_connection PORT LENT: sends a connection's first three packets, from this port of the client. The load balancer
# must lend this port of its own.
open_connection() {
	packets <<-END
		came()/client()/TCP(sport=$1,dport=80,flags="S",seq=100)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=$2,dport=8080,flags="S",seq=100)
		from_backend()/theirs()/TCP(sport=8080,dport=$2,flags="SA",seq=500,ack=101)
		=> tx forwarded leaves()/answer(ttl=63)/TCP(sport=80,dport=$1,flags="SA",seq=500,ack=101)
		came()/client()/TCP(sport=$1,dport=80,flags="A",seq=101,ack=501)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=$2,dport=8080,flags="A",seq=101,ack=501)
	END
}

# client:40000 -> VIP:80   =>  lb:40000 -> backend:8080,  and back
@test "addresses and ports of requests and replies are rewritten, and the client's port is kept" {
	open_connection 40000 40000
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="PA",seq=101,ack=501)/"GET"
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="PA",seq=101,ack=501)/"GET"
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="PA",seq=501,ack=104)/"200"
		=> tx forwarded leaves()/answer(ttl=63)/TCP(sport=80,dport=40000,flags="PA",seq=501,ack=104)/"200"
	END
	[ "$(connections)" -eq 1 ]
	[ -z "$(on lb tests/lib/handshakes.py list)" ]
	[ "$(on lb bash -c '. maps/all.sh; bpftool -j map dump pinned '"$MAPS"'/conntrack | conntrack_decode')" = \
		'[{"protocol":"tcp","client":"10.0.0.20:40000","vip":"192.168.178.15:80","lb":"192.168.178.10:40000","backend":"192.168.178.11:8080"}]' ]
}

@test "two clients with the same source port behind one backend have a connection each" {
	open_connection 40000 40000
	lb nat set ports 41000-41000 # so that the test knows which port is next
	packets <<-'END'
		came()/client(src="10.0.0.21")/TCP(sport=40000,dport=80,flags="S",seq=1)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=41000,dport=8080,flags="S",seq=1)
		from_backend()/theirs()/TCP(sport=8080,dport=41000,flags="SA",seq=7,ack=2)
		=> tx forwarded leaves()/answer(dst="10.0.0.21",ttl=63)/TCP(sport=80,dport=40000,flags="SA",seq=7,ack=2)
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="A",seq=501,ack=101)
		=> tx forwarded leaves()/answer(ttl=63)/TCP(sport=80,dport=40000,flags="A",seq=501,ack=101)
	END
}

@test "UDP becomes a connection with the client's packet after the first answer" {
	packets <<-'END'
		came()/client()/UDP(sport=40000,dport=53)/"question"
		=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40000,dport=5353)/"question"
		from_backend()/theirs()/UDP(sport=5353,dport=40000)/"answer"
		=> tx forwarded leaves()/answer(ttl=63)/UDP(sport=53,dport=40000)/"answer"
	END
	[ "$(connections)" -eq 0 ]
	packets <<-'END'
		came()/client()/UDP(sport=40000,dport=53)/"more"
		=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40000,dport=5353)/"more"
	END
	[ "$(connections)" -eq 1 ]
}

@test "checksums are right for odd lengths, dirty padding, UDP without a checksum, large packets and IP options" {
	open_connection 40000 40000
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="A")/"odd"/Padding("\xff"*7)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="A")/"odd"/Padding("\xff"*7)
		came()/client()/UDP(sport=40001,dport=53,chksum=0)/"x"
		=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40001,dport=5353,chksum=0)/"x"
		came()/client()/TCP(sport=40000,dport=80,flags="A")/("z"*1460)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="A")/("z"*1460)
		came()/client(options=[IPOption_NOP()]*8)/TCP(sport=40000,dport=80,flags="A")
		=> tx forwarded to_backend()/ours(ttl=63,options=[IPOption_NOP()]*8)/TCP(sport=40000,dport=8080,flags="A")
		came(5)/client()/TCP(sport=40000,dport=80,flags="A")
		=> tx forwarded Ether(src=LB_MAC,dst="02:00:00:00:00:11")/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="A")
	END
}

@test "a UDP checksum of 0 is written as 0xffff, for each of many payloads" {
	on lb tests/lib/packet.py eth0 --udp-sums
}

@test "what is not for a service passes untouched on any port" {
	packets <<-'END'
		came()/client(dst=LB)/TCP(sport=8080,dport=22,flags="S") => pass not_ours
		came()/client(dst=LB)/TCP(sport=40000,dport=80,flags="S") => pass not_ours
		came()/client(src="192.168.178.11",dst=LB)/TCP(sport=8080,dport=2000,flags="SA") => pass not_ours
		came()/client(dst="192.168.178.11")/TCP(sport=40000,dport=80,flags="S") => pass not_ours
		came()/client()/TCP(sport=80,dport=40000,flags="S") => pass not_ours
		came()/client()/ICMP()/"ping" => pass not_ours
		came()/client(dst=LB,flags=0,frag=3)/Raw("x") => pass not_ours
		came()/client(dst=LB,ihl=4)/TCP(dport=80) => pass not_ours
	END
}

@test "a late reply is dropped, never balanced as a request" {
	packets <<-'END'
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="PA")/"late" => drop late_reply
		from_backend()/theirs()/UDP(sport=5353,dport=65535)/"late" => drop late_reply
		from_backend()/theirs()/TCP(sport=8080,dport=9999,flags="A") => pass not_ours
	END
}

@test "a socket on the load balancer gets its packets, even on a port of the pool" {
	on lb ip addr add 192.168.178.10/32 dev lo
	background lb /usr/bin/python3 -c '
import socket, time
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("192.168.178.10", 40000))
t = socket.socket(); t.bind(("192.168.178.10", 40000)); t.listen()
time.sleep(60)'
	wait_for 5 on lb grep -q ":9C40 " /proc/net/udp
	packets <<-'END'
		came()/client(dst=LB)/TCP(sport=999,dport=40000,flags="S") => pass not_ours
		came()/client(dst=LB)/UDP(sport=999,dport=40000) => pass not_ours
	END
	# and that port is lent to nobody
	lb nat set ports 40000-40000
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="S") => drop ports_exhausted
	END
	on lb pkill -f 40000
	wait_for 5 bash -c '! scripts/node exec lb grep -q ":9C40 " /proc/net/udp'
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="S")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="S")
	END
	on lb ip addr del 192.168.178.10/32 dev lo
}

@test "TCP for a service is dropped if it belongs to no connection and begins none" {
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="A") => drop no_connection
		came()/client()/TCP(sport=40000,dport=80,flags="SA") => drop no_connection
		came()/client()/TCP(sport=40000,dport=80,flags="FA") => drop no_connection
		came()/client()/TCP(sport=40000,dport=80,flags="R") => drop no_connection
	END
}

@test "a connection stays with its backend when other backends come and when it is deleted itself" {
	open_connection 40000 40000
	lb backend add tcp 192.168.178.15:80 192.168.178.12:8080
	lb backend del tcp 192.168.178.15:80 192.168.178.11:8080
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="A")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="A")
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="A")
		=> tx forwarded leaves()/answer(ttl=63)/TCP(sport=80,dport=40000,flags="A")
		came()/client()/TCP(sport=40001,dport=80,flags="S")
		=> tx forwarded Ether(src=LB_MAC,dst="02:00:00:00:00:12")/ours(dst="192.168.178.12",ttl=63)/TCP(sport=40001,dport=8080,flags="S")
	END
	lb backend add tcp 192.168.178.15:80 192.168.178.11:8080
	lb backend del tcp 192.168.178.15:80 192.168.178.12:8080
}

@test "connections survive a change of the load balancer's own address" {
	open_connection 40000 40000
	lb set address 192.168.178.9
	packet 'from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="A")' tx forwarded \
		'leaves()/answer(ttl=63)/TCP(sport=80,dport=40000,flags="A")'
	packet 'came()/client()/TCP(sport=40000,dport=80,flags="A")' tx forwarded \
		'to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="A")'
	lb set address 192.168.178.10
}

@test "only an ACK that fits the backend's answer confirms a connection" {
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="S",seq=100)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="S",seq=100)
		came()/client()/TCP(sport=40000,dport=80,flags="A",seq=101,ack=501)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="A",seq=101,ack=501)
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="SA",seq=500,ack=101)
		=> tx forwarded leaves()/answer(ttl=63)/TCP(sport=80,dport=40000,flags="SA",seq=500,ack=101)
		came()/client()/TCP(sport=40000,dport=80,flags="A",seq=101,ack=500)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="A",seq=101,ack=500)
		came()/client()/TCP(sport=40000,dport=80,flags="A",seq=101,ack=90000)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="A",seq=101,ack=90000)
		came()/client()/TCP(sport=40000,dport=80,flags="S",seq=100)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="S",seq=100)
	END
	[ "$(connections)" -eq 0 ]
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="A",seq=101,ack=501)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="A",seq=101,ack=501)
	END
	[ "$(connections)" -eq 1 ]
}

@test "a handshake that the backend refuses is forgotten" {
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="S",seq=100)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="S",seq=100)
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="RA",ack=101)
		=> tx forwarded leaves()/answer(ttl=63)/TCP(sport=80,dport=40000,flags="RA",ack=101)
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="RA",ack=101) => drop late_reply
	END
	[ -z "$(on lb tests/lib/handshakes.py list)" ]
}

@test "a handshake of which a flood has pushed out one direction begins anew, on the same port" {
	local direction
	for direction in request reply; do
		packets <<-'END'
			came()/client()/TCP(sport=40000,dport=80,flags="S",seq=100)
			=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="S",seq=100)
			came()/client()/UDP(sport=40000,dport=53)/"question"
			=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40000,dport=5353)/"question"
		END
		[ "$(on lb tests/lib/handshakes.py list | sort)" = "reply 192.168.178.11:5353 192.168.178.10:40000
reply 192.168.178.11:8080 192.168.178.10:40000
request 10.0.0.20:40000 192.168.178.15:53
request 10.0.0.20:40000 192.168.178.15:80" ]
		on lb tests/lib/handshakes.py clear $direction
		open_connection 40000 40000
		packets <<-'END'
			came()/client()/UDP(sport=40000,dport=53)/"question"
			=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40000,dport=5353)/"question"
			from_backend()/theirs()/UDP(sport=5353,dport=40000)/"answer"
			=> tx forwarded leaves()/answer(ttl=63)/UDP(sport=53,dport=40000)/"answer"
		END
		on lb tests/lib/clear.sh
	done
}

@test "a handshake whose answers a flood has pushed out never shares its port with the next one" {
	packets <<-'END'
		came()/client()/UDP(sport=40000,dport=53)/"question"
		=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40000,dport=5353)/"question"
		came()/client()/TCP(sport=40000,dport=80,flags="S")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="S")
	END
	on lb tests/lib/handshakes.py clear reply
	lb nat set ports 40000-40001 # so that the test knows which port is next
	packets <<-'END'
		came()/client(src="10.0.0.21")/UDP(sport=40000,dport=53)/"another"
		=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40000,dport=5353)/"another"
		came()/client(src="10.0.0.21")/TCP(sport=40000,dport=80,flags="S")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="S")
		came()/client()/UDP(sport=40000,dport=53)/"question"
		=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40001,dport=5353)/"question"
		from_backend()/theirs()/UDP(sport=5353,dport=40000)/"answer"
		=> tx forwarded leaves()/answer(dst="10.0.0.21",ttl=63)/UDP(sport=53,dport=40000)/"answer"
		came()/client()/TCP(sport=40000,dport=80,flags="A") => drop no_connection
		came()/client()/TCP(sport=40000,dport=80,flags="S")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40001,dport=8080,flags="S")
	END
}

@test "an idle connection ends and its port is free again; one in use does not end" {
	lb nat set established 2 ports 40000-40001
	open_connection 40000 40000
	open_connection 40001 40001
	packets <<-'END'
		came()/client(src="10.0.0.21")/TCP(sport=40000,dport=80,flags="S") => drop ports_exhausted
	END
	for _ in 1 2 3 4 5 6; do # one direction is enough to keep it
		packets <<-'END'
			from_backend()/theirs()/TCP(sport=8080,dport=40001,flags="A")
			=> tx forwarded leaves()/answer(ttl=63)/TCP(sport=80,dport=40001,flags="A")
		END
		sleep 0.4
	done
	packets <<-'END'
		came()/client()/TCP(sport=40001,dport=80,flags="A")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40001,dport=8080,flags="A")
		came()/client(src="10.0.0.21")/TCP(sport=40000,dport=80,flags="S")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="S")
		came()/client()/TCP(sport=40000,dport=80,flags="A") => drop no_connection
	END
	[ "$(connections)" -eq 1 ]
}

@test "UDP has its own idle time" {
	lb nat set udp 1
	packets <<-'END'
		came()/client()/UDP(sport=40000,dport=53)
		=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40000,dport=5353)
		from_backend()/theirs()/UDP(sport=5353,dport=40000)
		=> tx forwarded leaves()/answer(ttl=63)/UDP(sport=53,dport=40000)
		came()/client()/UDP(sport=40000,dport=53)
		=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40000,dport=5353)
	END
	[ "$(connections)" -eq 1 ]
	sleep 2
	packets <<-'END'
		from_backend()/theirs()/UDP(sport=5353,dport=40000) => drop late_reply
	END
	[ "$(connections)" -eq 0 ]
}

@test "a reply on an idle connection is dropped as late" {
	lb nat set established 1
	open_connection 40000 40000
	sleep 2
	packets <<-'END'
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="A") => drop late_reply
	END
	[ "$(connections)" -eq 0 ]
}

@test "a FIN from both sides closes a connection; a FIN from one side does not" {
	lb nat set closing 1
	open_connection 40000 40000
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="FA")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="FA")
	END
	sleep 2
	packets <<-'END'
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="FA")
		=> tx forwarded leaves()/answer(ttl=63)/TCP(sport=80,dport=40000,flags="FA")
		came()/client()/TCP(sport=40000,dport=80,flags="A")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="A")
	END
	sleep 2
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="A") => drop no_connection
	END
	[ "$(connections)" -eq 0 ]
}

@test "an RST closes a connection, unless its sender goes on: then somebody else sent the RST" {
	lb nat set closing 1
	open_connection 40000 40000
	open_connection 40001 40001
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="R")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="R")
		came()/client()/TCP(sport=40001,dport=80,flags="R")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40001,dport=8080,flags="R")
		came()/client()/TCP(sport=40001,dport=80,flags="A")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40001,dport=8080,flags="A")
	END
	sleep 2
	packets <<-'END'
		came()/client()/TCP(sport=40001,dport=80,flags="A")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40001,dport=8080,flags="A")
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="A") => drop late_reply
	END
}

@test "a client may use the port of a closed connection again at once" {
	open_connection 40000 40000
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="FA")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="FA")
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="FA")
		=> tx forwarded leaves()/answer(ttl=63)/TCP(sport=80,dport=40000,flags="FA")
	END
	open_connection 40000 40000
	[ "$(connections)" -eq 1 ]
	# but one that is not closed stays as it is: the backend itself answers such a SYN
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="S")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="S")
	END
	[ "$(connections)" -eq 1 ]
}

@test "when all ports are lent, new connections are refused and old ones go on" {
	lb nat set ports 40000-40002
	local before
	before=$(event started)
	open_connection 40000 40000
	open_connection 40001 40001
	open_connection 40002 40002
	packets <<-'END'
		came()/client()/TCP(sport=40003,dport=80,flags="S") => drop ports_exhausted
		came()/client()/TCP(sport=40000,dport=80,flags="A")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="A")
		from_backend()/theirs()/TCP(sport=8080,dport=40002,flags="A")
		=> tx forwarded leaves()/answer(ttl=63)/TCP(sport=80,dport=40002,flags="A")
		came()/client()/UDP(sport=40000,dport=53)
		=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40000,dport=5353)
	END
	[ $(($(event started) - before)) -eq 4 ]
}

@test "an unanswered handshake gives its port back after its time" {
	lb nat set ports 40000-40000 handshake 1
	packets <<-'END'
		came()/client()/TCP(sport=40000,dport=80,flags="S")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="S")
		came()/client(src="10.0.0.21")/TCP(sport=40000,dport=80,flags="S") => drop ports_exhausted
	END
	sleep 1.1
	packets <<-'END'
		came()/client(src="10.0.0.21")/TCP(sport=40000,dport=80,flags="S")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="S")
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="SA")
		=> tx forwarded leaves()/answer(dst="10.0.0.21",ttl=63)/TCP(sport=80,dport=40000,flags="SA")
	END
}

@test "later fragments are translated like their first one, both ways" {
	packets <<-'END'
		came()/client(flags="MF",id=77)/UDP(sport=40000,dport=53,len=40,chksum=0x1234)/("x"*16)
		=> tx forwarded to_backend()/ours(flags="MF",id=77,ttl=63)/UDP(sport=40000,dport=5353,len=40,chksum=mended(0x1234))/("x"*16)
		came()/client(flags=0,frag=3,id=77,proto=17)/Raw("y"*16)
		=> tx forwarded to_backend()/ours(flags=0,frag=3,id=77,ttl=63,proto=17)/Raw("y"*16)
		came()/client(flags=0,frag=3,id=78,proto=17)/Raw("y"*16) => drop fragment_unknown
		from_backend()/theirs(flags="MF",id=9)/UDP(sport=5353,dport=40000,len=40,chksum=0)/("x"*16)
		=> tx forwarded leaves()/answer(flags="MF",id=9,ttl=63)/UDP(sport=53,dport=40000,len=40,chksum=0)/("x"*16)
		from_backend()/theirs(flags=0,frag=3,id=9,proto=17)/Raw("y"*16)
		=> tx forwarded leaves()/answer(flags=0,frag=3,id=9,ttl=63,proto=17)/Raw("y"*16)
	END
}

@test "in ICMP errors to the client the outer and the quoted packet are translated back" {
	# what the client sent, and what it became
	local sent='client()/TCP(sport=40000,dport=80,flags="A")/("x"*1400)'
	local became='ours()/TCP(sport=40000,dport=8080,flags="A")/("x"*1400)'
	open_connection 40000 40000
	packets <<-END
		came()/client()/UDP(sport=40000,dport=53)/"question"
		=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40000,dport=5353)/"question"
		from_backend()/IP(src="172.16.9.9",dst=LB,id=5)/ICMP(type=3,code=4,nexthopmtu=1300)/quote($became)
		=> tx forwarded leaves()/IP(src="172.16.9.9",dst=CLIENT,id=5,ttl=63)/ICMP(type=3,code=4,nexthopmtu=1300)/quote($sent)
		from_backend()/IP(src="172.16.9.9",dst=LB,id=5)/ICMP(type=11)/quote($became,300)
		=> tx forwarded leaves()/IP(src="172.16.9.9",dst=CLIENT,id=5,ttl=63)/ICMP(type=11)/quote($sent,300)
		from_backend()/theirs()/ICMP(type=3,code=3)/quote(ours()/UDP(sport=40000,dport=5353)/"question",16)
		=> tx forwarded leaves()/answer(ttl=63)/ICMP(type=3,code=3)/quote(client()/UDP(sport=40000,dport=53)/"question",16)
		from_backend()/theirs()/ICMP(type=3,code=3)/quote(ours()/UDP(sport=40009,dport=5353)/"question",16) => pass not_ours
	END
}

@test "in ICMP errors to the backend the outer and the quoted packet are translated, too" {
	# what the backend sent, and what it became
	local sent='theirs()/TCP(sport=8080,dport=40000,flags="A")/("x"*1400)'
	local became='answer()/TCP(sport=80,dport=40000,flags="A")/("x"*1400)'
	open_connection 40000 40000
	packets <<-END
		came()/client(src="10.0.0.2")/ICMP(type=3,code=4,nexthopmtu=1300)/quote($became)
		=> tx forwarded to_backend()/client(src="10.0.0.2",dst="192.168.178.11",ttl=63)/ICMP(type=3,code=4,nexthopmtu=1300)/quote($sent)
		came()/client()/ICMP(type=3,code=2)/quote($became)
		=> tx forwarded to_backend()/ours(ttl=63)/ICMP(type=3,code=2)/quote($sent)
		came()/client(src="10.0.0.2")/ICMP(type=3,code=4)/quote(answer()/TCP(sport=80,dport=40009,flags="A")) => pass not_ours
	END
}

@test "TTL 1 is answered with time exceeded to its sender, client or backend" {
	open_connection 40000 40000
	packets <<-'END'
		came()/client(ttl=1)/TCP(sport=40000,dport=80,flags="A")
		=> tx ttl_answered leaves()/IP(src=LB,dst=CLIENT,id=0,ttl=64)/ICMP(type=11)/quote(client(ttl=1)/TCP(sport=40000,dport=80,flags="A"))
		from_backend()/theirs(ttl=1)/TCP(sport=8080,dport=40000,flags="A")
		=> tx ttl_answered to_backend()/IP(src=LB,dst="192.168.178.11",id=0,ttl=64)/ICMP(type=11)/quote(theirs(ttl=1)/TCP(sport=8080,dport=40000,flags="A"))
	END
}

@test "a packet above the MTU of the backend's interface is answered with fragmentation needed, or dropped without DF" {
	local sent='client()/TCP(sport=40000,dport=8001,flags="S")/("x"*1361)'
	on lb ip link set eth1 mtu 1400
	packets <<-END
		came()/$sent
		=> tx too_big_answered leaves()/IP(src=VIP,dst=CLIENT,id=0,ttl=64)/ICMP(type=3,code=4,nexthopmtu=1400)/quote($sent)
		came()/client(flags=0)/TCP(sport=40000,dport=8001,flags="S")/("x"*1361) => drop too_big
	END
	on lb ip link set eth1 mtu 1500
}

@test "a backend on another interface is reached by redirect, and so is the client for the answer" {
	packets <<-'END'
		came(7)/client()/TCP(sport=40000,dport=8001,flags="S")
		=> redirect redirected Ether(src=LB_MAC1,dst=FAR_MAC1)/ours(dst="172.20.0.20",ttl=63)/TCP(sport=40000,dport=8001,flags="S")
	END
	lb attach nat eth1
	packets eth1 <<-'END'
		Ether(src=FAR_MAC1,dst=LB_MAC1)/theirs(src="172.20.0.20")/TCP(sport=8001,dport=40000,flags="SA")
		=> redirect redirected leaves()/answer(ttl=63)/TCP(sport=8001,dport=40000,flags="SA")
	END
	lb detach eth1
}

@test "a packet without a backend or a MAC address, or with wrong lengths, is dropped, each with its own counter" {
	packets <<-'END'
		came()/client()/TCP(dport=8002,flags="S") => drop no_backend
		came()/client()/TCP(dport=8003,flags="S") => drop no_neighbour
		came()/client(ihl=4)/TCP(dport=80) => drop malformed
		came()/client()/TCP(dport=80,dataofs=4) => drop malformed
		came()/client(len=41)/TCP(dport=80) => drop malformed
	END
}

@test "a connection whose backend has failed is reset, and then begins anew; UDP goes to another one at once" {
	lb service add tcp 192.168.178.15:8004
	lb backend add tcp 192.168.178.15:8004 192.168.178.11:8080
	lb service add udp 192.168.178.15:8004
	lb backend add udp 192.168.178.15:8004 192.168.178.11:8080
	packets <<-END
		came()/client()/TCP(sport=40000,dport=8004,flags="S",seq=100)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="S",seq=100)
		from_backend()/theirs()/TCP(sport=8080,dport=40000,flags="SA",seq=500,ack=101)
		=> tx forwarded leaves()/answer(ttl=63)/TCP(sport=8004,dport=40000,flags="SA",seq=500,ack=101)
		came()/client()/TCP(sport=40000,dport=8004,flags="A",seq=101,ack=501)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="A",seq=101,ack=501)
		came()/client()/TCP(sport=40001,dport=8004,flags="S",seq=100)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40001,dport=8080,flags="S",seq=100)
		came()/client()/UDP(sport=40002,dport=8004)/"x"
		=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40002,dport=8080)/"x"
	END
	[ "$(connections)" -eq 1 ]
	for protocol in tcp udp; do
		lb backend add $protocol 192.168.178.15:8004 192.168.178.11:8081
		lb backend set $protocol 192.168.178.15:8004 192.168.178.11:8080 down
	done
	packets <<-END
		came()/client()/TCP(sport=40000,dport=8004,flags="PA",seq=101,ack=501,options=[("NOP",0)]*4)/"more"
		=> tx reset leaves()/answer(ttl=64,id=0,flags=0)/TCP(sport=8004,dport=40000,flags="R",seq=501,window=0)
		came()/client()/TCP(sport=40000,dport=8004,flags="PA",seq=101,ack=501)/"more"
		=> drop no_connection
		came()/client()/TCP(sport=40001,dport=8004,flags="S",seq=100)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40001,dport=8081,flags="S",seq=100)
		came()/client()/UDP(sport=40002,dport=8004)/"x"
		=> tx forwarded to_backend()/ours(ttl=63)/UDP(sport=40002,dport=8081)/"x"
	END
	[ "$(connections)" -eq 0 ]
	lb service del tcp 192.168.178.15:8004
	lb service del udp 192.168.178.15:8004
}

# with_seats N: the same program with so many seats.
with_seats() {
	mkdir "$BATS_TEST_TMPDIR/bpf"
	cp -r scripts maps headers "$BATS_TEST_TMPDIR/"
	cp bpf/xdp_nat.c bpf/xdp_maglev.c bpf/list_*.c "$BATS_TEST_TMPDIR/bpf/"
	make -s -C "$BATS_TEST_TMPDIR" -f "$PWD/Makefile" CFLAGS=-DMAX_CONNECTIONS="$1"
	lb detach eth0
	on lb "$BATS_TEST_TMPDIR/scripts/lb" attach nat eth0
}

@test "nearly all seats can be taken: 16384 connections fit in 16549" {
	local i deck=$BATS_TEST_TMPDIR/deck
	make -s bench-tools
	with_seats 16549
	for i in 0 1 2 3; do printf '%s\n' "service tcp 10.1.0.$i:8000" "backend 10.2.0.$i"; done | lb restore -
	on lb bpftool prog loadall tests/bench/build/deal.o /sys/fs/bpf/deal pinmaps /sys/fs/bpf/deal
	on lb ip -force link set dev eth0 xdp obj "$BATS_TEST_TMPDIR/bpf/xdp_nat.o" sec xdp
	tests/bench/frames.py 16384 4 syn synack established >"$deck"
	# Each flow's SYN, SYN ACK and ACK; the very first frame is no flow's. On one CPU: each has a place in the deck.
	on lb taskset -c 0 tests/bench/build/packets time eth0 1 $((1 + 3 * 16384)) \
		<<<"play xdp id:$(on lb ip -j -d link show dev eth0 | jq '.[0].xdp.prog.id') $deck"
	[ "$(event established)" -eq 16384 ]
	[ "$(connections)" -eq 16384 ]
	[ "$(lb --json stats | jq '.verdicts[] | select(.name == "connections_full").packets')" -eq 0 ]
	on lb rm -r /sys/fs/bpf/deal
}

# exchange PORT COUNTER: of the client's third packet, by which a flow of UDP is one.
exchange() {
	local out=''
	[[ $2 != forwarded ]] || out="to_backend()/ours(ttl=63)/UDP(sport=$1,dport=8080)/'c'"
	packets <<-END
		came()/client()/UDP(sport=$1,dport=53)/'a' => tx forwarded to_backend()/ours(ttl=63)/UDP(sport=$1,dport=8080)/'a'
		from_backend()/theirs()/UDP(sport=8080,dport=$1)/'b' => tx forwarded leaves()/answer(ttl=63)/UDP(sport=53,dport=$1)/'b'
		came()/client()/UDP(sport=$1,dport=53)/'c' => ${3-tx} $2 $out
	END
}

@test "a flood of UDP takes three of four seats: the last one is for TCP, which nobody can forge" {
	local port
	with_seats 4
	for port in "tcp 192.168.178.15:80" "udp 192.168.178.15:53"; do
		# shellcheck disable=SC2086 # two words
		lb service add $port
		# shellcheck disable=SC2086
		lb backend add $port 192.168.178.11:8080
	done
	for port in 40000 40001 40002; do exchange $port forwarded; done
	exchange 40003 connections_full drop
	open_connection 40004 40004
	[ "$(connections)" -eq 4 ]
}

@test "when all seats are taken, new connections wait, old ones go on, and expired or closed ones make room" {
	with_seats 4
	lb service add tcp 192.168.178.15:80
	lb backend add tcp 192.168.178.15:80 192.168.178.11:8080
	local port
	for port in 40000 40001 40002 40003; do
		open_connection $port $port
	done
	packets <<-END
		came()/client()/TCP(sport=40004,dport=80,flags="S",seq=100)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40004,dport=8080,flags="S",seq=100)
		from_backend()/theirs()/TCP(sport=8080,dport=40004,flags="SA",seq=500,ack=101)
		=> tx forwarded leaves()/answer(ttl=63)/TCP(sport=80,dport=40004,flags="SA",seq=500,ack=101)
		came()/client()/TCP(sport=40004,dport=80,flags="A",seq=101,ack=501) => drop connections_full
		came()/client()/TCP(sport=40000,dport=80,flags="A")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="A")
	END
	[ "$(connections)" -eq 4 ]
	lb nat set established 1
	sleep 2
	packets <<-END
		came()/client()/TCP(sport=40004,dport=80,flags="A",seq=101,ack=501)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40004,dport=8080,flags="A",seq=101,ack=501)
	END
	[ "$(connections)" -eq 4 ] # an expired one has made room
	# One that closes makes room when its time to close is over, however long others may be idle.
	lb nat set established 7440 closing 1
	packets <<-END
		came()/client()/TCP(sport=40004,dport=80,flags="R",seq=102)
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40004,dport=8080,flags="R",seq=102)
	END
	sleep 2.1
	open_connection 40005 40005
	[ "$(connections)" -eq 4 ]
}
