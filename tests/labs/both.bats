#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A small site: the load balancer is one of its own backends. Clients, both backends and the VIPs (of either family) are on
# one network; real connections, checks, and changes.

load ../lib/helper
load ../lib/chats

VIP6=2001:db8:178::15

setup_file() {
	local node i=9
	scripts/node destroy --all
	for node in lb backend-01; do
		i=$((i + 1))
		scripts/node create "$node" "eth0=lan:192.168.178.$i/24,2001:db8:178::$i/64"
	done
	scripts/node create client eth0=lan:10.0.0.20/24,192.168.178.20/24,2001:db8:178::20/64
	for node in lb backend-01; do on "$node" ip route add 10.0.0.0/24 dev eth0; done
	# strict, as most distributions have it
	on lb sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1
	on lb ip addr add 192.168.178.15/32 dev eth0
	on lb ip addr add $VIP6/128 dev eth0 nodad preferred_lft 0
	on backend-01 sysctl -qw net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.arp_announce=2
	on backend-01 ip addr add 192.168.178.15/32 dev lo
	on backend-01 ip addr add $VIP6/128 dev lo
	for node in lb backend-01; do
		on "$node" mkdir -p /run/xdp-lb
		on "$node" labs/health/server.py 8000 "Hello from $node"
		background "$node" tests/lib/server.py http :: 8080
		background "$node" tests/lib/server.py udp 192.168.178.15 9000
		background "$node" tests/lib/server.py udp $VIP6 9000
		background "$node" tests/lib/connections.py serve 0.0.0.0 7000
		background "$node" tests/lib/connections.py serve :: 7000
	done
	on client sysctl -qw net.ipv4.tcp_max_tw_buckets=0 # a port is free again at once
}

teardown_file() {
	scripts/node destroy --all
}

setup() {
	# shellcheck disable=SC2034 # chats.bash looks at them
	chats=() expected=0
}

teardown() {
	on lb bash -c 'read -r pid </run/xdp-lb/watch/pid && kill $pid' 2>/dev/null || true
	wait_for 10 on lb bash -c '[[ ! -e /sys/class/net/lbprobe ]]'
	on lb rm -f /run/xdp-lb/mood
	lb detach eth0
	on backend-01 scripts/lb detach eth0 2>/dev/null || true
}

# balance MODE [CHECK]...: every service with both backends, by addresses of its own family.
balance() {
	local service checks=()
	lb attach "$1" eth0
	for service in tcp:8000 tcp:8080 tcp:7000 udp:9000; do
		checks=()
		[[ $service != tcp:8000 ]] || checks=("${@:2}")
		printf '%s\n' "service ${service%:*} 192.168.178.15:${service#*:}" "backend 192.168.178.10" "backend 192.168.178.11" \
			"${checks[@]/#/check }" \
			"service ${service%:*} [$VIP6]:${service#*:}" "backend 2001:db8:178::10" "backend 2001:db8:178::11" \
			"${checks[@]/#/check }"
	done | lb restore -
	lb refresh
}

# decapsulate: the other backend takes tunnels.
decapsulate() {
	on backend-01 scripts/lb attach decap eth0
	on backend-01 scripts/lb decap add lb 192.168.178.10
	on backend-01 scripts/lb decap add lb 2001:db8:178::10
	on backend-01 scripts/lb decap add host 192.168.178.11
	on backend-01 scripts/lb decap add host 2001:db8:178::11
	on backend-01 scripts/lb decap add vip 192.168.178.15
	on backend-01 scripts/lb decap add vip $VIP6
}

# asked VIP: 200 requests; how many each has answered.
asked() {
	on client curl -sS --max-time 60 "http://$(bracketed "$1"):8000/?[1-200]" | sort | uniq -c | awk '{ print $4, $1 }'
}

# both_answer VIP: each has about half.
both_answer() {
	local answers count sum=0
	answers=$(asked "$1")
	echo "$1: $answers"
	while read -r _ count; do
		[ "$count" -ge 60 ]
		sum=$((sum + count))
	done <<<"$answers"
	[ "$(wc -l <<<"$answers")" -eq 2 ]
	[ "$sum" -eq 200 ]
}

# verdict NAME: a counter.
verdict() {
	lb --json stats | jq --arg name "$1" '.verdicts[] | select(.name == $name).packets'
}

# everything_works: HTTP, downloads, uploads and datagrams, by both families.
everything_works() {
	local before vip
	before=$(verdict local)
	for vip in 192.168.178.15 $VIP6; do
		both_answer "$vip"
		uploads 3000000
		downloads
		answers_half_each
	done
	[ "$(verdict local)" -gt $((before + 1000)) ]
	# which are just those of the backends here
	[ "$(lb --json stats | jq '[.services[].backends[] | select(.address | endswith("10")).packets] | add')" -eq "$(verdict local)" ]
	# and nothing was dropped (an upload learns from too_big_answered that there is a tunnel)
	[ "$(lb --json stats | jq '[.verdicts[] | select(.name | IN("not_ours", "local", "forwarded", "redirected", "too_big_answered") | not).packets] | add')" -eq 0 ]
}

# downloads: six of them, so that both backends have some.
downloads() {
	local want
	want=$(on backend-01 curl -sS http://127.0.0.1:8080/bytes/3000000 | sha256sum)
	for _ in {1..6}; do
		[ "$(on client curl -sS --max-time 30 "http://$(bracketed "$vip"):8080/bytes/3000000" | sha256sum)" = "$want" ]
	done
}

answers_half_each() {
	run -0 on client tests/lib/server.py ask-udp "$vip" 9000 200
	echo "$output"
	[ "$(jq '.lb + ."backend-01"' <<<"$output")" -eq 200 ]
	[ "$(jq '.lb >= 60 and ."backend-01" >= 60' <<<"$output")" = true ]
}

@test "l2dsr: both answer, by either family" {
	balance l2dsr
	everything_works
}

@test "ipip: the other backend gets its packets by a tunnel, this one as they came" {
	balance ipip
	decapsulate
	everything_works
}

@test "connections stay where they are while the backend here comes, drains and goes" {
	balance l2dsr
	lb backend del tcp 192.168.178.15:7000 192.168.178.10
	open_chats 20000 50
	lb backend add tcp 192.168.178.15:7000 192.168.178.10
	open_chats 30000 50
	all_answer
	grep -q "^by lb " "$BATS_TEST_TMPDIR/heard30000"
	lb backend set tcp 192.168.178.15:7000 192.168.178.10 weight 0
	all_answer
	open_chats 40000 50
	all_answer
	run ! grep -q "^by lb " "$BATS_TEST_TMPDIR/heard40000"
	hang_up
}

# health HEALTH HEALTH: of the backend here and of the other one, in both services with checks.
health() {
	[ "$(lb --json service show | jq -r '[.[] | select(.checks != []) | [.backends[].health] | join(" ")] | unique | join(", ")')" = "$*" ]
}

start_watch() {
	on lb rm -f /run/watch.log
	background lb bash -c 'exec scripts/lb watch >/run/watch.log 2>&1'
}

@test "checks find out that the server here fails, and is well again; everything goes to the other one meanwhile" {
	local mode quickly="interval 0.5 fast-interval 0.1 timeout 0.5 fall 2 rise 2"
	for mode in l2dsr ipip; do
		balance "$mode" "http / $quickly" "tcp $quickly"
		[ "$mode" = l2dsr ] || decapsulate
		start_watch
		wait_for 20 health healthy healthy || { on lb cat /run/watch.log && false; }
		# the checks, too, came to this kernel by the program, and are not counted as the backends' packets
		[ "$(verdict local)" -gt 10 ]
		[ "$(lb --json stats | jq '[.services[].packets] | add')" -eq 0 ]
		on lb grep -q "^169.254.108.98 CHECK /" /run/xdp-lb/http.log
		on lb grep -q "^fd6c:6270:6c62::62 CHECK /" /run/xdp-lb/http.log
		on backend-01 grep -q "^192.168.178.10 CHECK /" /run/xdp-lb/http.log
		on lb bash -c 'echo 500 >/run/xdp-lb/mood'
		wait_for 20 health failed healthy
		[ "$(asked 192.168.178.15)" = "backend-01 200" ]
		[ "$(asked $VIP6)" = "backend-01 200" ]
		on lb rm /run/xdp-lb/mood
		wait_for 20 health healthy healthy
		both_answer 192.168.178.15
		[ "$mode" = ipip ] || teardown
	done
	# without the VIP, the kernel here takes nothing
	on lb ip addr del 192.168.178.15/32 dev eth0
	wait_for 20 bash -c "LAB=$LAB scripts/node exec lb scripts/lb service show | grep -q 'backend 192.168.178.10 .*failed; this machine'"
	on lb ip addr add 192.168.178.15/32 dev eth0
	wait_for 20 health healthy healthy
}

@test "checks of every kind reach the server here" {
	balance l2dsr
	on lb bash -c 'printf "%s\n" "#!/bin/bash" "env | grep ^LB_ >>/run/ran" \
		"nsenter --net=\$LB_PROBE_NAMESPACE curl -s --max-time 0.5 --interface \"host!\$LB_PROBE_ADDRESS\" --local-port \$LB_PROBE_PORT-\$((LB_PROBE_PORT + 3)) http://\$LB_VIP:8000/ | grep Hello >>/run/ran" >/run/check
		chmod +x /run/check'
	lb check add tcp 192.168.178.15:8000 exec /run/check interval 0.5 timeout 0.5 fall 1
	lb check add udp 192.168.178.15:9000 udp hello lb:hello interval 0.3 fall 1
	lb check add udp "[$VIP6]:9000" udp hello lb:hello interval 0.3 fall 1
	start_watch
	# the other one says its own name, and so fails
	wait_for 20 bash -c "LAB=$LAB scripts/node exec lb scripts/lb --json service show | jq -e '[.[] | select(.protocol == \"udp\" and .checks != []).backends[].health] == [\"healthy\", \"failed\", \"healthy\", \"failed\"]'"
	wait_for 10 on lb grep -q "Hello from lb" /run/ran
	wait_for 10 on lb grep -q "Hello from backend-01" /run/ran
	on lb grep -qx "LB_PROBE_ADDRESS=169.254.108.98" /run/ran
	on lb grep -qx "LB_PROBE_ADDRESS=192.168.178.10" /run/ran
}

@test "lb why and lb trace tell it" {
	local mode
	for mode in l2dsr ipip; do
		balance $mode
		lb service add tcp 192.168.178.15:8003
		lb backend add tcp 192.168.178.15:8003 192.168.178.10
		run -0 lb why tcp 192.168.178.20:40000 192.168.178.15:8003
		[[ $output == *"route      to 192.168.178.10: it is an address of this machine"$'\n'"program    xdp_$mode says local (pass)"$'\n'* ]]
		[[ $output == *"the kernel of this machine gets it, unchanged: it is the backend. 192.168.178.15 must be on lo or another device"* ]]
		[ "$mode" = ipip ] || lb detach eth0
	done
	lb set debug on
	background lb bash -c 'exec scripts/lb trace >/run/traced'
	# the log is the whole kernel's, and may be asked for late
	wait_for 20 bash -c "LAB=$LAB scripts/node exec client curl -s --max-time 1 --local-port 40123 http://192.168.178.15:8003/
		LAB=$LAB scripts/node exec lb grep -E '192.168.178.20:40123 > 192.168.178.15:8003 backend [0-9]+ 192.168.178.10: local$' /run/traced"
	lb set debug off
}

@test "doctor: whether the program knows, and a server listens" {
	balance l2dsr
	on lb bash -c 'scripts/lb doctor || true' >"$BATS_TEST_TMPDIR/doctor"
	grep "^ok: the program knows which backends are this machine (192.168.178.10, 2001:db8:178::10)" "$BATS_TEST_TMPDIR/doctor"
	grep "^ok: a server listens here for each service with a backend on this machine" "$BATS_TEST_TMPDIR/doctor"
	grep "^ok: every backend is on a network of this machine" "$BATS_TEST_TMPDIR/doctor"
	lb service add tcp 192.168.178.15:8001
	lb backend add tcp 192.168.178.15:8001 192.168.178.10:8000
	on lb ip addr add 192.168.178.30/24 dev eth0
	lb service add udp 192.168.178.15:8002
	lb backend add udp 192.168.178.15:8002 192.168.178.30
	on lb ip addr del 192.168.178.30/24 dev eth0
	on lb ip addr del 192.168.178.15/32 dev eth0
	on lb bash -c 'scripts/lb doctor || true' >"$BATS_TEST_TMPDIR/doctor"
	grep "^not ok: a server listens here for each service with a backend on this machine: none for tcp 192.168.178.15 port 8001" "$BATS_TEST_TMPDIR/doctor"
	grep -A 1 "^not ok: this machine answers ARP for every VIP" "$BATS_TEST_TMPDIR/doctor" | grep -x "    ip addr add 192.168.178.15/32 dev eth0"
	grep -A 1 "^not ok: the program knows which backends are this machine" "$BATS_TEST_TMPDIR/doctor" | grep -x "    lb refresh"
	on lb ip addr add 192.168.178.15/32 dev eth0
	lb refresh 2>/dev/null
	on lb bash -c 'scripts/lb doctor || true' | grep "^ok: the program knows which backends are this machine"
}

@test "lb watch marks what moves" {
	balance l2dsr "tcp interval 0.5"
	start_watch
	wait_for 20 health healthy healthy
	on lb ip addr add 192.168.178.30/24 dev eth0
	lb backend add tcp 192.168.178.15:8080 192.168.178.30
	[ "$(lb service show | grep -c 'backend 192.168.178.30 .*this machine')" -eq 1 ]
	on lb ip addr del 192.168.178.30/24 dev eth0
	wait_for 10 bash -c "! LAB=$LAB scripts/node exec lb scripts/lb service show | grep 'backend 192.168.178.30 .*this machine'"
	on lb ip addr add 192.168.178.30/24 dev eth0
	wait_for 10 bash -c "LAB=$LAB scripts/node exec lb scripts/lb service show | grep 'backend 192.168.178.30 .*this machine'"
	on lb ip addr del 192.168.178.30/24 dev eth0
}

# answers_by_port: who answers to each of 40 ports of the client.
answers_by_port() {
	on client bash -c 'for port in {30000..30039}; do
		echo "$port $(curl -sS --max-time 5 --local-port "$port" http://192.168.178.15:8000/ 2>&1)"
	done'
}

@test "a group of two that are each other's backends (l2dsr): whoever gets a packet, it is answered, and by the same one" {
	local key answers
	key=$(printf 'ab%.0s' {1..32})
	balance l2dsr
	lb set key "$key"
	on backend-01 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	on backend-01 scripts/lb attach l2dsr eth0
	on backend-01 scripts/lb set key "$key"
	lb save | on backend-01 scripts/lb restore -
	on backend-01 scripts/lb refresh
	[ "$(lb fingerprint)" = "$(on backend-01 scripts/lb fingerprint)" ]
	answers=$(answers_by_port)
	[ "$(cut -d ' ' -f 2- <<<"$answers" | sort -u | wc -l)" -eq 2 ]
	# the router (here: the client's neighbour entry) sends everything to the other one now
	on client ip neigh replace 192.168.178.15 dev eth0 lladdr "$(on backend-01 cat /sys/class/net/eth0/address)" nud permanent
	diff <(answers_by_port) <(echo "$answers")
	[ "$(on backend-01 scripts/lb --json stats | jq '[.verdicts[] | select(.name | IN("local", "forwarded")).packets > 50] | all')" = true ]
	on client ip neigh del 192.168.178.15 dev eth0
}

@test "nat: it is refused, with the reason" {
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	lb attach nat eth0
	lb service add tcp 192.168.178.15:8000
	refuses 1 "192.168.178.10 is this machine's own address: with nat, answers of a server here would not pass the program" \
		backend add tcp 192.168.178.15:8000 192.168.178.10
	refuses 1 "2001:db8:178::10 is this machine's own address: with nat" backend add tcp 192.168.178.15:8000 2001:db8:178::10
	printf '%s\n' "service tcp 192.168.178.15:8001" "backend 192.168.178.10" >"$BATS_TEST_TMPDIR/file"
	refuses 1 "with nat, answers of a server here would not pass the program" restore "$BATS_TEST_TMPDIR/file"
	# one that has come here later
	lb backend add tcp 192.168.178.15:8000 192.168.178.40
	on lb ip addr add 192.168.178.40/24 dev eth0
	on lb bash -c 'scripts/lb doctor || true' >"$BATS_TEST_TMPDIR/doctor"
	on lb ip addr del 192.168.178.40/24 dev eth0
	grep "^not ok: no backend is this machine: 192.168.178.40: with nat, answers of a server here do not pass the program" "$BATS_TEST_TMPDIR/doctor"
}
