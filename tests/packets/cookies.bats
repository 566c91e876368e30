#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# SYN cookies of xdp_decap and xdp_relay, packet by packet. tests/labs/flood.bats has real connections.

load ../lib/helper

setup_file() {
	one_load_balancer # here the node plays a backend
	speak_ipv6
	on lb ip addr add 192.168.178.15/32 dev lo
	on lb ip addr add 2001:db8:178::15/128 dev lo
	load_program xdp_decap
	local host
	lb decap add lb 192.168.178.10
	lb decap add lb 2001:db8:178::10
	for host in 172.16.0.10 2001:db8:16::10; do lb decap add host $host ipip gre fou gue; done
	lb decap add vip 192.168.178.15
	lb decap add vip 2001:db8:178::15
	background lb python3 -c 'import signal, socket
listener = socket.create_server(("::", 8000), family=socket.AF_INET6, dualstack_ipv6=True)
signal.pause()'
	wait_for 10 listens
}

teardown_file() {
	scripts/node destroy --all
}

listens() {
	on lb ss -Hlt 'sport = 8000' | grep -q LISTEN
}

load_program() {
	on lb ip -force link set dev eth0 xdp obj "bpf/$1.o" sec xdp
}

ready() {
	on lb sysctl -qw net.ipv4.tcp_syncookies=2 net.ipv4.conf.lo.forwarding=1 net.ipv6.conf.lo.forwarding=1
}

# spend SPENT: as if so many SYNs had come to each port in this second, which does not end: a test that sends them itself
# would depend on how fast it is.
spend() {
	local id budgets
	id=$(program_on_lb)
	budgets=$(for id in $(bpftool -j prog show id "$id" | jq '.map_ids[]'); do bpftool -j map show id "$id"; done |
		jq 'select(.name == "syn_budgets").id')
	python3 -c 'import sys
values = " ".join(str(byte) for value in ((1 << 63) - 1, int(sys.argv[2])) for byte in value.to_bytes(8, "little"))
for key in range(256): print(f"map update id {sys.argv[1]} key {key} 0 0 0 value {values}")' "$budgets" "$1" | bpftool batch file - >/dev/null
}

program_on_lb() {
	on lb ip -j -d link show dev eth0 | jq '.[0].xdp.prog.id'
}

# flood: every SYN from here on is one too many.
flood() {
	ready
	lb decap set cookies 1000
	spend 1000
}

# cookie4 [FIELDS], cookie6 [FIELDS]: the answer, as a word of packets; fields of its TCP header that are not the usual ones.
cookie4() {
	echo "IP(src=VIP,dst=CLIENT,ttl=64,id=0)/TCP(**{'sport':8000,'dport':40000,'flags':'SA','seq':Ether(got)[TCP].seq,'ack':8,'window':14600,'options':[('MSS',1440)],$1})"
}
cookie6() {
	echo "IPv6(src=VIP6,dst=CLIENT6,hlim=64)/TCP(**{'sport':8000,'dport':40000,'flags':'SA','seq':Ether(got)[TCP].seq,'ack':8,'window':14600,'options':[('MSS',1420)],$1})"
}

SYN='TCP(sport=40000,dport=8000,seq=7)'

@test "cookies are off at first, and a machine that is not ready for them is told what to do" {
	packet "came()/tunnel()/client()/$SYN" pass decapsulated "came()/client()/$SYN"
	on lb sysctl -qw net.ipv4.tcp_syncookies=1 net.ipv4.conf.lo.forwarding=0 net.ipv6.conf.lo.forwarding=0
	run -1 lb decap set cookies 1000
	echo "$output"
	[[ $output == *"not ready for SYN cookies: net.ipv4.tcp_syncookies=1 "*"run: sysctl -w net.ipv4.tcp_syncookies=2 net.ipv4.conf.lo.forwarding=1 net.ipv6.conf.lo.forwarding=1" ]]
	[[ $(lb decap show) != *cookies* ]]
	on lb bash -c "${output##*run: }"
	lb decap set cookies 1000
	[[ $(lb decap show) == *$'\ncookies 1000' ]]
	lb decap set cookies off
	[[ $(lb decap show) != *cookies* ]]
}

@test "what is no number, or no word, changes nothing" {
	ready
	run -1 lb decap set cookies 0
	[[ $output == *"'0' is no number of SYNs a second; take one from 1 to 4294967295"* ]]
	run -1 lb decap set cookies many
	run -2 lb decap set cookies
	run -2 lb decap set
	run -2 lb decap set crumbs 1
	[[ $output == *"Write: lb decap set cookies N"* ]]
	[[ $(lb decap show) != *cookies* ]]
}

@test "below the limit, the kernel gets every SYN" {
	ready
	lb decap set cookies 1000
	spend 999
	packet "came()/tunnel()/client()/$SYN" pass decapsulated "came()/client()/$SYN"
}

@test "above it, the client gets a cookie from the VIP, and its segments will fit into the tunnel that the SYN came by" {
	local kind host outer
	flood
	packets <<-END
		came()/tunnel()/client()/$SYN => tx syn_answered leaves()/$(cookie4)
		came()/tunnel(proto=41)/client6()/$SYN => tx syn_answered leaves()/$(cookie6)
	END
	for host in BACKEND BACKEND6; do
		outer=20
		[[ $host == BACKEND ]] || outer=40
		while read -r kind more; do
			packets <<-END
				came()/envelope("$kind",$host,client()/$SYN) => tx syn_answered leaves()/$(cookie4 "'options':[('MSS',$((1460 - outer - more)))]")
				came()/envelope("$kind",$host,client6()/$SYN) => tx syn_answered leaves()/$(cookie6 "'options':[('MSS',$((1440 - outer - more)))]")
			END
		done <<-END
			ipip 0
			gre 4
			fou 8
			gue 12
		END
	done
}

@test "options, payload, padding and whatever else a SYN has do not come back" {
	flood
	packets <<-END
		came()/tunnel()/client()/TCP(sport=40000,dport=8000,seq=7,options=[("MSS",1460),("SAckOK",b""),("Timestamp",(5,0)),("NOP",None),("WScale",7)]) => tx syn_answered leaves()/$(cookie4)
		came()/tunnel()/client()/TCP(sport=40000,dport=8000,seq=7,options=[("NOP",None)]*40) => tx syn_answered leaves()/$(cookie4)
		came()/tunnel()/client()/$SYN/("x"*1000) => tx syn_answered leaves()/$(cookie4)
		came()/tunnel()/client()/$SYN/Padding("x"*40) => tx syn_answered leaves()/$(cookie4)
		came()/tunnel()/client(options=[IPOption_NOP()]*4)/$SYN => tx syn_answered leaves()/$(cookie4)
		came()/tunnel(proto=41)/client6()/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/$SYN => tx syn_answered leaves()/$(cookie6)
		came()/tunnel(tos=1)/client(tos=2)/TCP(sport=40000,dport=8000,seq=7,flags="SEC") => tx syn_answered leaves()/$(cookie4)
		came()/tunnel()/client()/TCP(sport=40000,dport=8000,seq=4294967295) => tx syn_answered leaves()/$(cookie4 "'ack':0")
	END
}

@test "the answer takes the kernel's way to the client: another device, too, and then without VLAN tags" {
	flood
	packets <<-END
		came()/tunnel()/client(src="172.20.0.20")/$SYN => redirect syn_answered_aside Ether(src=LB_MAC1,dst=FAR_MAC1)/$(cookie4 | sed 's/dst=CLIENT/dst="172.20.0.20"/')
		came(5)/tunnel(proto=41)/client6(src="2001:db8:20::20")/$SYN => redirect syn_answered_aside Ether(src=LB_MAC1,dst=FAR_MAC1)/$(cookie6 | sed 's/dst=CLIENT6/dst="2001:db8:20::20"/')
	END
	on lb ip link set eth1 mtu 1400
	packet "came()/tunnel()/client(src='172.20.0.20')/$SYN" redirect syn_answered_aside \
		"Ether(src=LB_MAC1,dst=FAR_MAC1)/$(cookie4 | sed 's/dst=CLIENT/dst="172.20.0.20"/; s/1440/1340/')"
	on lb ip link set eth1 mtu 1500
}

@test "the kernel gets a SYN for which there is no cookie: nobody listens, no way, no sender" {
	flood
	local frame
	for frame in "client()/TCP(dport=8001)" "client6()/TCP(dport=8001)" "client(src='172.20.0.99')/$SYN" "client(src=VIP)/$SYN" "client(src='127.0.0.1')/$SYN" \
		"client(src='224.0.0.1')/$SYN" "client(src='0.0.0.0')/$SYN" "client(src='255.255.255.255')/$SYN" "client6(src='::')/$SYN" "client6(src='ff02::1')/$SYN" \
		"client6(src=VIP6)/$SYN" "client(flags='MF')/TCP(sport=40000,dport=8000,seq=7)/('x'*12)" "client()/TCP(dport=8000,dataofs=4)"; do
		packet "came()/envelope('ipip',BACKEND,$frame)" pass syn_unanswered "came()/$frame"
	done
}

@test "what is no SYN goes to the kernel" {
	flood
	local frame
	for frame in "client()/TCP(dport=8000,flags='A')" "client()/TCP(dport=8000,flags='SA')" "client()/TCP(dport=8000,flags='SR')" "client()/TCP(dport=8000,flags='SF')" \
		"client6()/TCP(dport=8000,flags='PA')/'x'" "client()/UDP(dport=8000)" "client(flags=0,frag=5,proto=6)/Raw(bytes($SYN))" \
		"client6()/IPv6ExtHdrFragment(offset=3,id=7,nh=6)/Raw(bytes($SYN))"; do
		packet "came()/envelope('ipip',BACKEND,$frame)" pass decapsulated "came()/$frame"
	done
	packet "came()/tunnel(src='8.8.8.8')/client()/$SYN" drop source_refused
	packet "came()/client()/$SYN" pass plain
}

@test "without the kernel's consent there is no cookie: it gets the SYN" {
	flood
	on lb sysctl -qw net.ipv4.tcp_syncookies=0
	packet "came()/tunnel()/client()/$SYN" pass syn_unanswered "came()/client()/$SYN"
	run lb doctor
	echo "$output"
	[[ $output == *"not ok: SYN cookies can be sent: net.ipv4.tcp_syncookies=0 "*$'\n    sysctl -w net.ipv4.tcp_syncookies=2\n'* ]]
	ready
	on lb sysctl -qw net.ipv4.conf.lo.forwarding=0
	packet "came()/tunnel()/client()/$SYN" pass syn_unanswered "came()/client()/$SYN"
	ready
	packet "came()/tunnel()/client()/$SYN" tx syn_answered "leaves()/$(cookie4)"
}

@test "xdp_relay does the same" {
	on lb ip link set dev eth0 xdp off
	load_program xdp_relay
	flood
	packets <<-END
		came()/tunnel()/client()/$SYN => tx syn_answered leaves()/$(cookie4)
		came()/tunnel(id=1)/client()/$SYN => tx syn_answered leaves()/$(cookie4)
		came()/envelope("gue",BACKEND6,client6()/$SYN) => tx syn_answered leaves()/$(cookie6 | sed s/1420/1388/)
		came()/tunnel()/client()/TCP(dport=8000,flags="A") => pass decapsulated came()/client()/TCP(dport=8000,flags="A")
	END
	lb decap set cookies off
	packet "came()/tunnel()/client()/$SYN" pass decapsulated "came()/client()/$SYN"
}
