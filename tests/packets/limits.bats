#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A limit for new connections from one prefix of clients: who is counted, what passes, and in every mode the same.

load ../lib/helper

setup() {
	one_load_balancer
	speak_ipv6
}

teardown() {
	scripts/node destroy --all
}

# services: of a limit of 5 a second
services() {
	printf '%s\n' 'service tcp 192.168.178.15:8000 limit 5' 'backend 172.20.0.20' \
		'service udp 192.168.178.15:443 quic 2 limit 5 per /32' 'backend 172.20.0.20 id beef' \
		'service tcp [2001:db8:178::15]:8000 limit 5' 'backend 2001:db8:20::20' \
		'service tcp 192.168.178.15:8001' 'backend 172.20.0.20' \
		'service udp 192.168.178.15:53 limit 5' 'backend 172.20.0.20' | lb restore -
	on lb ip neigh replace 172.20.0.20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
	on lb ip neigh replace 2001:db8:20::20 dev eth1 lladdr 02:00:00:00:01:20 nud permanent
}

# fill PROTOCOL VIP:PORT PREFIX WHEN: the bucket of a prefix is full at this time: 0 is long ago, and never is far away.
fill() {
	local id family when=${4/never/4611686018427387904}
	family_of "$3"
	id=$(on lb awk -v protocol="$([[ $1 == tcp ]] && echo 6 || echo 17)" -v vip="$2" '$2 == protocol && $3 " " $4 == vip { print $1 }' /sys/fs/bpf/xdp/lists/services)
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/buckets" key $(encode bucket_key "$id" "$family" "$3") value $(encode bucket "$when")
}

# The buckets of 10.0.0.0/24 and so on are empty, and stay so, until they are filled.
empty_buckets() {
	fill tcp "192.168.178.15 8000" 10.0.0.0 never
	fill udp "192.168.178.15 443" 10.0.0.20 never
	fill tcp "2001:db8:178::15 8000" 2001:db8:10:: never
}

# what is limited then, and what is not, with any way to the backend
rows='
	came()/client()/TCP(dport=8000,flags="S") => drop limited
	came()/client(src="10.0.0.255")/TCP(dport=8000,flags="S") => drop limited
	came()/client6()/TCP(dport=8000,flags="S") => drop limited
	came()/client6(src="2001:db8:10:ff::1")/TCP(dport=8000,flags="S") => drop limited
	came()/client()/UDP(sport=5000,dport=443)/long(cid("dead"),kind=0xC0) => drop limited
	came()/client()/UDP(sport=5000,dport=443)/long(cid("beef",config=7),kind=0xC0) => drop limited
	came()/client(src="10.0.1.0")/TCP(dport=8000,flags="S") => redirect redirected anything()
	came()/client6(src="2001:db8:10:100::1")/TCP(dport=8000,flags="S") => redirect redirected anything()
	came()/client(src="10.0.0.21")/UDP(sport=5000,dport=443)/long(cid("dead"),kind=0xC0) => redirect redirected anything()
	came()/client()/UDP(sport=5000,dport=443)/short(cid("beef")) => redirect redirected anything()
	came()/client()/TCP(dport=8001,flags="S") => redirect redirected anything()'

@test "every DSR mode, both families: a prefix without anything left begins no connection, and goes on with old ones" {
	local kind
	# shellcheck source=maps/all.sh
	. maps/all.sh
	lb attach ipip eth0
	lb set address 2001:db8:178::10
	services
	for kind in l2dsr ipip gre fou gue; do
		on lb ip -force link set dev eth0 xdp obj "bpf/xdp_$kind.o" sec xdp
		empty_buckets
		packets <<-END
			${rows//$'\n\t'/$'\n'}
			came()/client()/TCP(dport=8000,flags="A") => redirect redirected anything()
			came()/client()/TCP(dport=8000,flags="SA") => redirect redirected anything()
			came()/client()/UDP(sport=5000,dport=443)/short(cid("dead")) => redirect redirected anything()
		END
		fill tcp "192.168.178.15 8000" 10.0.0.0 0
		packets <<<'came()/client()/TCP(dport=8000,flags="S") => redirect redirected anything()'
	done
}

@test "NAT: the same, and UDP: its first packet begins a connection" {
	# shellcheck source=maps/all.sh
	. maps/all.sh
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 3999"
	lb attach nat eth0
	lb set address 2001:db8:178::10
	services
	packets <<<'came()/client(src="10.0.9.1")/UDP(sport=5000,dport=53)/"old" => redirect redirected anything()'
	empty_buckets
	fill udp "192.168.178.15 53" 10.0.9.0 never
	packets <<-END
		${rows//$'\n\t'/$'\n'}
		came()/client(src="10.0.9.1")/UDP(sport=5000,dport=53)/"old" => redirect redirected anything()
		came()/client(src="10.0.9.2")/UDP(sport=5000,dport=53)/"new" => drop limited
		came()/client(src="10.0.8.2")/UDP(sport=5000,dport=53)/"new" => redirect redirected anything()
	END
}

@test "a burst: as many pass as the bucket holds, and a flood from one prefix does not keep others from connecting" {
	lb attach ipip eth0
	services
	on lb tests/lib/burst.py eth0 1000 5 'came()/client(src="10.0.7.1")/TCP(dport=8000,flags="S")'
	lb service set tcp 192.168.178.15:8000 limit 100 per /16
	on lb tests/lib/burst.py eth0 20000 100 'came()/client(src="10.1.7.1")/TCP(dport=8000,flags="S")'
	packets <<<'came()/client(src="10.2.0.1")/TCP(dport=8000,flags="S") => redirect redirected anything()'
	on lb tests/lib/burst.py eth0 1000 100 'came()/client(src="10.3.7.1")/TCP(dport=8000,flags="S")'
}

@test "limits are shown, saved, changed, and end with their service; what cannot be is refused" {
	lb attach ipip eth0
	services
	diff <(lb save | grep ^service) - <<-'END'
		service udp 192.168.178.15:53 maglev limit 5 per /24
		service udp 192.168.178.15:443 maglev quic 2 limit 5 per /32
		service tcp 192.168.178.15:8000 maglev limit 5 per /24
		service tcp 192.168.178.15:8001 maglev
		service tcp [2001:db8:178::15]:8000 maglev limit 5 per /56
	END
	lb save >"$BATS_TEST_TMPDIR/saved"
	run -0 lb -v restore "$BATS_TEST_TMPDIR/saved" # all is so already
	[[ $output != *"prog run"* ]]
	[ "$(lb --json service show | jq -c 'map(.limit.rate)')" = "[5,5,5,null,5]" ]
	lb service set tcp 192.168.178.15:8000 limit none
	lb service set udp 192.168.178.15:53 limit 7 per 16
	lb service del udp 192.168.178.15:443
	[ "$(lb save | grep -c 'limit 5')" -eq 1 ]
	[ "$(lb save | grep -c 'limit 7 per /16')" -eq 1 ]
	[ "$(on lb tail -n +2 /sys/fs/bpf/xdp/lists/limits | wc -l)" -eq 2 ]
	refuses 1 "'0' is no number of connections a second; take one from 1 to 1000000" service set tcp 192.168.178.15:8000 limit 0
	refuses 1 "'33' is no length of a prefix; take one from 1 to 32" service set tcp 192.168.178.15:8000 limit 5 per /33
	refuses 2 "how many new connections a second? limit RATE, or limit none" service set tcp 192.168.178.15:8000 limit
	refuses 2 "per prefix of which length? limit RATE per /24" service set tcp 192.168.178.15:8000 limit 5 per
}

@test "lb why: a connection that is one too many; and nothing is taken out of the bucket" {
	# shellcheck source=maps/all.sh
	. maps/all.sh
	lb attach ipip eth0
	services
	run -0 lb why tcp 10.0.0.20:40000 192.168.178.15:8000 syn
	[[ $output == *"xdp_ipip says redirected (redirect)"* ]]
	[ "$(on lb bpftool -j map dump pinned "$MAPS/buckets" | jq length)" -eq 0 ]
	empty_buckets
	run -0 lb why tcp 10.0.0.20:40000 192.168.178.15:8000 syn
	[[ $output == *"xdp_ipip says limited (drop)"* ]]
	[[ $output == *"DROPPED: more than 5 connections a second begin from such addresses (/24); lb service set tcp 192.168.178.15:8000 limit RATE"* ]]
	run -0 lb why tcp 10.0.0.20:40000 192.168.178.15:8000 ack
	[[ $output == *"xdp_ipip says redirected (redirect)"* ]]
}
