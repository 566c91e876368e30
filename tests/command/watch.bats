#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lb watch: two backends on one network with the load balancer and a client (l2dsr), with servers that can fall ill.

load ../lib/helper

setup_file() {
	local i
	scripts/node destroy --all
	scripts/node create lb eth0=lan:192.168.178.10/24
	scripts/node create client eth0=lan:192.168.178.20/24
	# A strict reverse path filter, and the VIP as an address of its own: both break checks that come from the machine.
	on lb sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1
	on lb ip addr add 192.168.178.15/32 dev eth0
	for i in 1 2; do
		scripts/node create backend-0$i eth0=lan:192.168.178.1$i/24
		on backend-0$i sysctl -qw net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.arp_announce=2
		on backend-0$i ip addr add 192.168.178.15/32 dev lo
		on backend-0$i mkdir -p /run/xdp-lb
		on backend-0$i labs/health/server.py 8000 "Hello from backend-0$i"
	done
}

teardown_file() {
	scripts/node destroy --all
}

setup() {
	lb attach l2dsr eth0
	on lb rm -rf /run/ran
	mood 1 well
	mood 2 well
}

teardown() {
	stop_watch
	lb detach eth0
}

# How quickly everything shall be noticed.
quickly="interval 0.5 fast-interval 0.1 timeout 0.5 fall 2 rise 2"
# The same for checks of which each has its answer at once: however long a busy machine takes to start dig.
surely="interval 10 fast-interval 0.1 timeout 10 fall 2 rise 2"

# service [OPTION...] [CHECK]...: one service of both backends; checks begin with "check".
service() {
	local check options=''
	while [[ ${1-check} != check* ]]; do
		options+=" $1"
		shift
	done
	{
		echo "service tcp 192.168.178.15:8000$options"
		for check; do echo "  $check"; done
		echo "  backend 192.168.178.11"
		echo "  backend 192.168.178.12"
	} | lb restore -
}

# mood BACKEND MOOD: of its server, see labs/health/server.py.
mood() {
	on "backend-0$1" bash -c 'echo "$1" >/run/xdp-lb/mood' - "$2"
}

start_watch() {
	on lb rm -f /run/watch.log
	background lb bash -c 'exec scripts/lb watch >/run/watch.log 2>&1'
	wait_for 10 logged "watching" || {
		on lb cat /run/watch.log
		false
	}
}

stop_watch() {
	on lb bash -c 'read -r pid </run/xdp-lb/watch/pid && kill $pid' 2>/dev/null || return 0
	wait_for 10 on lb bash -c '[[ ! -e /sys/class/net/lbprobe ]]'
	wait_for 10 nobody_watches
}

# nobody_watches: no process of lb watch is left on the node.
nobody_watches() {
	! on lb bash -c 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\0" " "' | grep -E "scripts/lb watch|ip monitor|unshare --net|curl -q"
}

# logged TEXT: what watch has said.
logged() {
	on lb grep -qF -- "$1" /run/watch.log
}

# health HEALTH HEALTH: what the maps say of the two backends.
health() {
	[ "$(lb --json service show | jq -r '[.[0].backends[].health] | join(" ")')" = "$*" ]
}

# asked N: N requests of the client; prints how many each backend has answered.
asked() {
	on client curl -s --max-time 20 "http://192.168.178.15:8000/?[1-$1]" | sort | uniq -c | awk '{ print $4, $1 }' | paste -sd ' '
}

# verdict NAME: a counter.
verdict() {
	lb --json stats | jq --arg name "$1" '.verdicts[] | select(.name == $name).packets'
}

@test "checks go through the program to the VIP, health is shown beside what a person has set, and is not saved" {
	service "check http / $quickly"
	[[ $(lb service show) == *"backend 192.168.178.11 weight 1 up"$'\n'* ]]
	start_watch
	wait_for 10 health healthy healthy
	[ "$(verdict probe)" -gt 8 ]
	[ "$(verdict probe_answer)" -gt 6 ]
	on backend-01 grep -q "^192.168.178.10 CHECK /" /run/xdp-lb/http.log
	[[ $(lb service show) == *"backend 192.168.178.11 weight 1 up  # healthy"* ]]
	[[ $(lb save) != *healthy* ]]
	# they are not counted as the backends' packets
	[ "$(lb --json stats | jq '.services[0].packets')" -eq 0 ]
	lb save | lb restore - # changes nothing
	health healthy healthy
	# a backend that is down is checked as well
	lb backend set tcp 192.168.178.15:8000 192.168.178.11 down
	mood 1 500
	wait_for 10 health failed healthy
	mood 1 well
	wait_for 10 health healthy healthy
}

@test "a failed backend gets nothing, and takes its own slots back when it is healthy again" {
	local before
	service "check http / $quickly"
	start_watch
	wait_for 10 health healthy healthy
	before=$(lb slots tcp 192.168.178.15:8000)
	mood 2 500
	wait_for 10 health healthy failed
	logged "tcp 192.168.178.15:8000: backend 192.168.178.12:8000 HAS FAILED: check http /: HTTP status 500"
	[ "$(asked 40)" = "backend-01 40" ]
	[[ $(lb slots tcp 192.168.178.15:8000) == "192.168.178.11:8000 512 of 512"* ]]
	mood 2 well
	wait_for 10 health healthy healthy
	logged "backend 192.168.178.12:8000 is healthy again"
	[ "$(lb slots tcp 192.168.178.15:8000 | cut -d, -f1)" = "$(cut -d, -f1 <<<"$before")" ]
	[[ $(asked 40) == "backend-01 "*" backend-02 "* ]]
}

@test "if all fail, the last healthy ones go on to get packets, unless the service is strict; a fallback comes first" {
	service "check http / $quickly"
	start_watch
	wait_for 10 health healthy healthy
	mood 1 500
	wait_for 10 health failed healthy
	mood 2 500
	wait_for 10 health failed failed
	logged "ALL BACKENDS HAVE FAILED; those that were healthy last go on to get packets: 192.168.178.12:8000"
	logged "THE SERVICE HAS FAILED: 0 of 2 backends are left"
	[[ $(lb service show) == *"192.168.178.12 weight 1 up  # failed  # gets packets"* ]]
	[ "$(asked 10)" = "backend-02 10" ]
	lb service set tcp 192.168.178.15:8000 strict
	run ! on client curl -s --max-time 0.5 http://192.168.178.15:8000/
	lb service set tcp 192.168.178.15:8000 open
	# whoever is healthy again gets everything
	mood 1 well
	wait_for 10 health healthy failed
	logged "it has healthy backends again"
	[ "$(asked 10)" = "backend-01 10" ]
	# the fallback is not checked
	lb backend set tcp 192.168.178.15:8000 192.168.178.11 weight 0
	lb backend del tcp 192.168.178.15:8000 192.168.178.12
	mood 1 500
	wait_for 10 health failed
	lb service set tcp 192.168.178.15:8000 fallback 192.168.178.12
	[ "$(asked 10)" = "backend-02 10" ]
	[[ $(lb service show) == *"# the fallback 192.168.178.12:8000 gets everything"* ]]
	[ "$(lb --json service show | jq -c '.[0].fallback')" = '{"address":"192.168.178.12","port":8000,"last_resort":true}' ]
}

@test "healthy ones that drain are better than failed ones" {
	service "check http / $quickly"
	start_watch
	wait_for 10 health healthy healthy
	lb backend set tcp 192.168.178.15:8000 192.168.178.12 weight 0
	[ "$(asked 10)" = "backend-01 10" ]
	mood 1 500
	wait_for 10 health failed healthy
	logged "only backends that drain are healthy; they get everything: 192.168.178.12:8000"
	[ "$(asked 10)" = "backend-02 10" ]
	mood 1 well
	wait_for 10 health healthy healthy
	[ "$(asked 10)" = "backend-01 10" ]
}

@test "a service with fewer healthy backends than it needs counts as failed, and goes on" {
	service need 2 "check http / $quickly"
	start_watch
	wait_for 10 health healthy healthy
	[ "$(lb --json service show | jq -c '.[0] | [.need, .healthy, .failed]')" = "[2,2,false]" ]
	mood 2 500
	wait_for 10 logged "tcp 192.168.178.15:8000: THE SERVICE HAS FAILED: 1 of 2 backends are left"
	wait_for 10 health healthy failed
	[ "$(lb --json service show | jq -c '.[0] | [.need, .healthy, .failed]')" = "[2,1,true]" ]
	[[ $(lb service show) == *"THE SERVICE HAS FAILED: it needs 2"* ]]
	[ "$(asked 10)" = "backend-01 10" ]
	mood 2 well
	wait_for 10 logged "the service is healthy again"
}

# each_kind CHECK_THAT_PASSES CHECK_THAT_FAILS REASON: of services PROTOCOL PORT in variables.
each_kind() {
	lb restore - <<<"# none"
	lb restore - <<-END
		service $protocol 192.168.178.15:$port
		  $1 $surely
		  backend 192.168.178.11
		service $protocol 192.168.178.15:$((port + 1))
		  $2 $surely
		  backend 192.168.178.11
	END
	start_watch
	wait_for 10 eval '[ "$(lb --json service show | jq -r "[.[].backends[0].health] | join(\" \")")" = "healthy failed" ]' || {
		lb service show
		on lb cat /run/watch.log
		false
	}
	logged "$3" || {
		on lb cat /run/watch.log
		false
	}
	stop_watch
}

@test "every kind of check passes and fails as it says" {
	local pem=$BATS_TEST_TMPDIR/pem protocol=tcp port=8000
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=shop.example -addext subjectAltName=DNS:shop.example \
		-keyout "$pem.key" -out "$pem.crt" 2>/dev/null
	cat "$pem.key" "$pem.crt" >"$pem"
	background backend-01 tests/lib/server.py http 192.168.178.15 8101
	background backend-01 tests/lib/server.py https 192.168.178.15 8110 "$pem"
	background backend-01 tests/lib/server.py https 192.168.178.15 8111 "$pem"
	background backend-01 tests/lib/server.py udp 192.168.178.15 8120
	background backend-01 tests/lib/server.py udp 192.168.178.15 8121
	background backend-01 tests/lib/server.py dns 192.168.178.15 8130
	background backend-01 tests/lib/server.py dns 192.168.178.15 8131
	wait_for 10 on backend-01 curl -sk -o /dev/null https://192.168.178.15:8111/bytes/1

	port=8000 # nobody listens on 8001
	each_kind "check tcp" "check tcp" "check tcp: Failed to connect"
	port=8100
	background backend-01 tests/lib/server.py http 192.168.178.15 8100
	wait_for 10 on backend-01 curl -s -o /dev/null http://192.168.178.15:8100/bytes/1
	each_kind "check http /bytes/3 expect 200" "check http /bytes/3 expect 201-299" "check http /bytes/3: HTTP status 200"
	each_kind 'check http /bytes/1 host www.example' 'check http /bytes/1 match "no such text"' 'the answer does not have "no such text" in it'
	port=8110
	each_kind "check https /bytes/1 insecure" "check https /bytes/1" "check https /bytes/1: SSL certificate problem"
	each_kind "check https /bytes/1 host shop.example verify $pem.crt" "check https /bytes/1 host other.example verify $pem.crt" \
		"check https /bytes/1: SSL"
	protocol=udp port=8120
	each_kind 'check udp "ping 1\n" "backend-01:ping 1\n"' "check udp ping pong" "check udp ping pong: it answers back"
	port=8130
	each_kind "check dns known.example" "check dns other.example" "check dns other.example: it has no answer, but NXDOMAIN"
	port=8140 # nobody is there
	each_kind "check exec /bin/true" "check exec /bin/false" "check exec /bin/false: exit status 1"
}

@test "what is no check is refused, with its line, and nothing changes" {
	service "check http / $quickly"
	refuses 1 "line 3: 'htp' is no check; take tcp, http, https, udp, dns or exec" restore - <<-'END'
		service tcp 192.168.178.15:8000
		  check tcp
		  check htp /
		  backend 192.168.178.11
	END
	refuses 1 "line 2: the timeout (3 s) is longer than the interval (2 s)" restore - <<<$'service tcp 192.168.178.15:8000\ncheck tcp timeout 3'
	refuses 1 "line 2: a quoted word begins and ends" restore - <<<$'service tcp 192.168.178.15:8000\ncheck http "/a'
	refuses 1 "check tcp of tcp 192.168.178.15:8000 is there twice" restore - <<<$'service tcp 192.168.178.15:8000\ncheck tcp\ncheck tcp fall 1'
	refuses 1 "together they may have 1020 bytes" check add tcp 192.168.178.15:8000 http "/$(printf 'x%.0s' {1..1020})"
	refuses 1 "has a check http / already" check add tcp 192.168.178.15:8000 http / interval 9
	refuses 1 "has no check tcp" check del tcp 192.168.178.15:8000 tcp
	refuses 1 "there is no service tcp 192.168.178.15:1" check add tcp 192.168.178.15:1 tcp
	refuses 2 "check what?" check add tcp 192.168.178.15:8000
	refuses 2 "which fallback?" service set tcp 192.168.178.15:8000 fallback
	refuses 1 "192.168.178.15 is the VIP" service set tcp 192.168.178.15:8000 fallback 192.168.178.15
	refuses 1 "backend 192.168.178.11:8000 of tcp 192.168.178.15:8000 is there twice" service set tcp 192.168.178.15:8000 fallback 192.168.178.11
	refuses 1 "'0' is no number of backends" service set tcp 192.168.178.15:8000 need 0
	refuses 2 "--dry-run does not go with it" --dry-run watch
	[[ $(lb save) == *"check http / interval 0.5 fast-interval 0.1 timeout 0.5 rise 2 fall 2"* ]]
}

@test "all checks of a service must pass" {
	service "check http / $quickly" "check http /second expect 404 $quickly"
	start_watch
	wait_for 10 health failed failed
	lb check del tcp 192.168.178.15:8000 http /second
	wait_for 10 health healthy healthy
	lb check del tcp 192.168.178.15:8000 http /
	health unchecked unchecked # as if there had never been any
}

@test "a command knows what it checks, and one that hangs, floods, forks or cannot be executed harms nobody" {
	local script=$BATS_TEST_TMPDIR/check
	cat >"$script" <<-'END'
		#!/bin/bash
		case $LB_BACKEND in
		192.168.178.11) env | grep ^LB_ | sort >/run/ran; exit 0 ;;
		*) case $(</run/kind) in
			hang) exec sleep 1000 ;;
			flood) exec yes ;;
			fork) for i in {1..20}; do setsid sleep 1000 & done; exit 1 ;;
			die) kill -KILL $$ ;;
			esac ;;
		esac
	END
	chmod +x "$script"
	on lb bash -c 'echo hang >/run/kind'
	service "check exec $script $quickly"
	start_watch
	wait_for 10 health healthy failed
	logged "192.168.178.12:8000 HAS FAILED: check exec $script: no answer within 0.5 s"
	[ "$(on lb grep -v -E 'NAMESPACE|PROBE_PORT' /run/ran | paste -sd ' ')" = \
		"LB_BACKEND=192.168.178.11 LB_BACKEND_PORT=8000 LB_PROBE_ADDRESS=192.168.178.10 LB_PROTOCOL=tcp LB_VIP=192.168.178.15 LB_VIP_PORT=8000" ]
	# it can go where other probes go
	on lb bash -c 'eval "$(</run/ran)"; nsenter --net=$LB_PROBE_NAMESPACE curl -s --max-time 2 --local-port $LB_PROBE_PORT http://$LB_VIP:$LB_VIP_PORT/' |
		grep -q "Hello from backend-01"
	for kind in flood fork; do
		on lb bash -c "echo $kind >/run/kind"
		sleep 0.7
		health healthy failed
	done
	wait_for 5 eval '[ -z "$(on lb ps -C sleep,yes -o args= | grep -E "sleep 1000|yes")" ]'
	service "check exec /run/no-such-command $quickly" "check http / $quickly"
	wait_for 10 health failed failed
	logged "/run/no-such-command cannot be executed"
	lb restore - <<<"# none"
	service "check exec /etc/passwd $quickly"
	wait_for 10 logged "/etc/passwd cannot be executed"
}

@test "a path, a name and a text are data, and never code" {
	service 'check http "/$(touch /run/ran)`touch /run/ran`;\"\\ & x=%41" match "$(touch /run/ran) '"'"'; touch /run/ran" '"$quickly"
	[[ $(lb save) == *'check http "/$(touch /run/ran)`touch /run/ran`;\"\\ & x=%41" match "$(touch /run/ran) '"'"'; touch /run/ran" '* ]]
	start_watch
	wait_for 10 health failed failed
	logged 'the answer does not have'
	on backend-01 grep -qF 'CHECK /$(touch%20/run/ran)%60touch%20/run/ran%60;%22%5C%20&%20x=%41' /run/xdp-lb/http.log
	lb restore - <<<"# none"
	protocol=udp
	lb restore - <<-'END'
		service udp 192.168.178.15:9000
		  check udp "$(touch /run/ran)\t`touch /run/ran`\\t%s" "'; touch /run/ran; '" interval 0.3 timeout 0.2 fall 1
		  check dns "a.example"
		  backend 192.168.178.11
	END
	wait_for 10 health failed
	[ ! -e /run/ran ]
	on lb test ! -e /run/ran
}

@test "one watch at a time; it needs a program; it ends cleanly, and with the load balancer" {
	service "check http / $quickly"
	start_watch
	wait_for 10 health healthy healthy
	[[ $(on lb head -1 /run/watch.log) == "lb: watching; "* ]] # no warning before
	run -1 lb watch
	[[ $output == *"another lb watch is running (process "*"; one is enough"* ]]
	stop_watch
	health healthy healthy
	nobody_watches
	[ "$(lb --json show | jq .probe_device)" -eq 0 ]
	[ "$(on lb ip -br link | wc -l)" -eq 2 ]
	run -2 lb watch now
	# one that was killed, whose child has not ended yet; no process has this number
	on lb bash -c 'echo 99999999 >/run/xdp-lb/watch/pid'
	background lb flock /run/xdp-lb/watch sleep 2
	start_watch
	lb detach eth0
	wait_for 10 logged "the load balancer was taken off this machine"
	wait_for 10 nobody_watches
	[ "$(on lb ip -br link | wc -l)" -eq 2 ]
	run -1 lb watch
	[[ $output == *"no load balancer is loaded on this machine"* ]]
	lb attach l2dsr eth0
}

# kill_some: kill -9 of watch, or of one of what it has started.
kill_some() {
	# shellcheck disable=SC2016 # expanded over there
	on lb bash -c 'pids=($(ps -e -o pid=,args= | grep -E "scripts/lb watch|ip monitor|sleep infinity|curl -q|jq --argjson|arping|ndisc6|timeout -s" |
		grep -v grep | awk "\$1 > 12 { print \$1 }")); ((${#pids[@]} == 0)) || kill -KILL ${pids[RANDOM % ${#pids[@]}]}' 2>/dev/null || true
}

@test "kill -9 of watch and of its children, 100 times: health changes by results alone, and the next watch goes on" {
	local i
	service "check http / $quickly"
	mood 2 500
	start_watch
	wait_for 10 health healthy failed
	for ((i = 0; i < 100; i++)); do
		kill_some
		nobody_watches >/dev/null || true
		[ $((i % 10)) -ne 0 ] || {
			health healthy failed
			[ "$(asked 5)" = "backend-01 5" ]
			on lb bash -c 'read -r pid </run/xdp-lb/watch/pid && kill -0 $pid' 2>/dev/null || start_watch
		}
	done
	health healthy failed
	stop_watch
	wait_for 10 nobody_watches
	start_watch
	mood 2 well
	wait_for 20 health healthy healthy
	mood 1 500
	wait_for 20 health failed healthy
}

@test "if its helpers are killed, watch makes them anew" {
	service "check http / $quickly"
	start_watch
	wait_for 10 health healthy healthy
	on lb bash -c 'read -r pid </run/xdp-lb/watch/pid; for child in $(pgrep -P $pid); do kill -KILL $child 2>/dev/null || true; done'
	wait_for 10 logged "the namespace that probes come from is gone"
	mood 1 500
	wait_for 10 health failed healthy
	on lb ip link set dev eth0 xdp off
	wait_for 10 has_xdp eth0
}

@test "news from the kernel are acted on at most once a second, however many come" {
	local before after begun
	service "check http / $quickly"
	start_watch
	wait_for 10 health healthy healthy
	before=$(lb --json show | jq .routes) begun=$(on lb cut -d . -f 1 /proc/uptime)
	on lb bash -c 'for i in {1..400}; do ip route add 10.9.0.0/24 via 192.168.178.20; ip route del 10.9.0.0/24; sleep 0.005; done'
	wait_for 10 eval '[ "$(lb --json show | jq .routes)" -gt "$before" ]'
	sleep 1.2
	after=$(lb --json show | jq .routes)
	[ $((after - before)) -ge 2 ]
	[ $((after - before)) -le $(($(on lb cut -d . -f 1 /proc/uptime) - begun + 1)) ]
	health healthy healthy
}

@test "a program that was taken off comes on again; what is the administrator's stays, and is said" {
	service "check http / $quickly"
	start_watch
	wait_for 10 health healthy healthy
	# not after lb detach, though
	on lb ip link add spare0 type veth peer name spare1
	lb attach l2dsr spare0 generic
	sleep 1.5
	lb detach spare0
	sleep 1.5
	run ! has_xdp spare0
	run ! logged "taken off"
	on lb ip link set dev eth0 xdp off
	wait_for 10 logged "xdp_l2dsr was taken off eth0; it comes on again"
	wait_for 10 has_xdp eth0
	on lb sysctl -qw net.ipv4.ip_forward=0
	wait_for 10 logged "eth0 DOES NOT FORWARD any more"
	[ "$(on lb cat /proc/sys/net/ipv4/ip_forward)" -eq 0 ]
	on lb sysctl -qw net.ipv4.ip_forward=1
	wait_for 10 logged "eth0 forwards again"
	on lb ip link set eth0 down
	on lb ip link set eth0 name lan0
	on lb ip link set lan0 up
	wait_for 10 logged "eth0 is called lan0 now" || {
		on lb cat /run/watch.log
		false
	}
	wait_for 10 health healthy healthy
	[[ $(asked 10) == "backend-0"* ]]
	on lb ip link set lan0 down
	on lb ip link set lan0 name eth0
	on lb ip link set eth0 up
	wait_for 10 health healthy healthy
	# a program of somebody else (in one step: an empty device would get ours again)
	on lb ip -force link set dev eth0 xdp obj bpf/xdp_pass.o sec xdp
	wait_for 30 logged "another program (xdp_pass) is on eth0 instead of xdp_l2dsr; it stays"
	on lb ip link set dev eth0 xdp off
	on lb ip link del spare0
}
