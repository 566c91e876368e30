#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2154 # expanded on the node; output is run's
# Announcements by BGP, and lb drain: a load balancer and a router, with BIRD on both, and checks whose answers are files.

load ../lib/helper

setup_file() {
	scripts/node destroy --all
	scripts/node create lb eth0=lan:192.168.178.10/24,2001:db8:178::10/64 via 192.168.178.2
	scripts/node create gateway eth0=lan:192.168.178.2/24,2001:db8:178::2/64
	on lb sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	# IPv6, and a log; what is commented out stays so
	{
		echo 'log "/run/bird.log" all;'
		sed '/^#protocol bgp router6/,/^#}/s/^#//' scripts/etc/bird.conf
	} | on lb tee /run/bird.conf >/dev/null
	on gateway tee /run/bird.conf >/dev/null <<-'END'
		router id 192.168.178.2;
		protocol device {}
		protocol kernel { ipv4 { export all; }; }
		protocol kernel { ipv6 { export all; }; }
		protocol bgp lb4 { local 192.168.178.2 as 65000; neighbor 192.168.178.10 as 65001; ipv4 { import all; export none; }; }
		protocol bgp lb6 { local 2001:db8:178::2 as 65000; neighbor 2001:db8:178::10 as 65001; ipv6 { import all; export none; }; }
	END
	start_bird gateway
	start_bird lb # nothing is there that it could announce
	printf '#!/bin/sh\nexec test ! -e "/run/ill.$LB_VIP.$LB_BACKEND"\n' | on lb tee /run/is_well >/dev/null
	on lb chmod +x /run/is_well
}

teardown_file() {
	scripts/node destroy --all
}

# What is there already takes no time. Watch goes on from one test to the next.
setup() {
	on lb bash -c 'rm -f /run/ill.*'
	has_xdp eth0 || lb attach ipip eth0
	services
}

# After a failure: what everybody has said and seen.
teardown() {
	[ -z "$BATS_TEST_COMPLETED" ] || return 0
	on lb bash -c 'tail -n 20 /run/watch.log /run/bird.log; head /run/xdp-lb/bird/*.conf; birdc show protocols; scripts/lb service show'
	on gateway birdc show protocols
	on gateway birdc show route
} 2>&1

start_bird() {
	on "$1" bash -c 'mkdir -p /run/bird && bird -c /run/bird.conf'
}

check="check exec /run/is_well interval 1 fast-interval 0.1 timeout 1 fall 2 rise 2"

# services: two VIPs of IPv4, one of which has a service without checks, too; and one of IPv6, with a backend of IPv4.
services() {
	lb restore - <<-END
		service tcp 192.168.178.15:80
		  $check
		  backend 172.16.0.10
		  backend 172.16.0.11
		service udp 192.168.178.15:53
		  backend 172.16.0.10
		service tcp 192.168.178.16:80
		  $check
		  backend 172.16.0.10
		service tcp [2001:db8::15]:80
		  $check
		  backend 172.16.0.10
	END
}

# falls_ill VIP BACKEND..., gets_well VIP BACKEND...
falls_ill() {
	local backend
	for backend in "${@:2}"; do on lb touch "/run/ill.$1.$backend"; done
}
gets_well() {
	local backend
	for backend in "${@:2}"; do on lb rm "/run/ill.$1.$backend"; done
}

start_watch() {
	background lb bash -c 'exec scripts/lb watch >>/run/watch.log 2>&1'
	wait_for 10 on lb test -s /run/xdp-lb/watch/pid
}

stop_watch() {
	on lb bash -c 'read -r pid </run/xdp-lb/watch/pid && kill $pid' 2>/dev/null || return 0
	wait_for 10 on lb bash -c '[[ ! -e /sys/class/net/lbprobe && ! -e /run/xdp-lb/watch/pid ]]'
}

# everything_is_announced: as a test begins.
everything_is_announced() {
	[[ $(lb show) == *"announce withdraw"* ]] || lb set announce withdraw
	on lb test -e /run/xdp-lb/watch/pid || start_watch
	wait_for 10 router_has "${all[@]}"
}

# router_has [VIP[:MED]]...: the routes of the router's BIRD, and of its kernel, are these.
router_has() {
	local routes
	routes=$(on gateway birdc show route all | awk '
		/^[0-9a-f.:]+\/(32|128) / { sub("/.*", "", $1); vip = $1; med[vip] = "" }
		/BGP.med:/ { med[vip] = ":" $2 }
		END { for (vip in med) print vip med[vip] }' | sort | xargs)
	[ "$routes" = "$*" ]
	[ "$(on gateway bash -c 'ip route; ip -6 route' | awk '/proto bird/ { print $1 }' | sort | xargs)" = "${*//:100/}" ]
}

# configured: how often BIRD on the lb was told to read its configuration.
configured() {
	on lb grep -c "Reconfiguring" /run/bird.log || true
}

all=(192.168.178.15 192.168.178.16 2001:db8::15)

@test "what is wrong is refused, and nothing changes; flags are set each by itself" {
	lb set announce worse debug on
	[ "$(lb --json show | jq -c .flags)" = '["debug","announce","worse"]' ]
	lb set debug off
	[ "$(lb --json show | jq -c .flags)" = '["announce","worse"]' ]
	lb set announce withdraw
	[ "$(lb --json show | jq -c .flags)" = '["announce"]' ]
	refuses 2 "announce is off, withdraw or worse" set announce maybe
	refuses 2 "'announce' needs a value" set announce
	refuses 2 "unexpected word 'now'" drain now 1
	refuses 2 "'wait' needs a value" drain wait
	refuses 1 "'0' is no number of seconds" drain idle 0
	refuses 2 "unexpected word 'now'" drain off now
	run -0 lb --dry-run drain
	[[ $(lb show) != *draining* ]]
	lb set announce off
	lb detach eth0
	run -1 lb drain
	[[ $output == *"no load balancer is loaded on this machine"* ]]
}

@test "VIPs of both families are announced once their backends are found healthy, and withdrawn when watch ends" {
	falls_ill 192.168.178.15 172.16.0.10 172.16.0.11
	start_watch
	wait_for 10 eval '[[ $(lb --json service show) == *failed*healthy* ]]'
	router_has # announce is off
	lb set announce withdraw
	[[ $(lb show) == *"announce withdraw"* ]]
	wait_for 10 router_has 192.168.178.16 2001:db8::15
	gets_well 192.168.178.15 172.16.0.10
	wait_for 10 router_has "${all[@]}"
	run -0 lb doctor
	[[ $output == *"ok: BIRD runs, and lb watch can tell it what to announce (Daemon is up and running)"*"ok: every VIP is announced by BGP (192.168.178.15, 192.168.178.16, 2001:db8::15)"* ]]
	# no black hole on this machine, and no black hole for its own connections
	on lb bash -c '! { ip route; ip -6 route; } | grep -E "blackhole|bird"'
	on gateway ip route get 192.168.178.15 | grep -q "via 192.168.178.10 "
	on gateway ip route get 2001:db8::15 | grep -q "via 2001:db8:178::10 "
	# nothing changes: nobody is told
	local before
	before=$(configured)
	sleep 1
	[ "$(configured)" -eq "$before" ]
	lb set debug on
	lb set debug off
	falls_ill 192.168.178.15 172.16.0.10 # it is ill again, but the other one is well
	gets_well 192.168.178.15 172.16.0.11
	wait_for 10 eval '[[ $(lb service show) == *"172.16.0.11 weight 1 up  # healthy"* ]]'
	router_has "${all[@]}"
	[ "$(configured)" -le $((before + 2)) ]
	stop_watch
	wait_for 2 router_has
	[ ! "$(on lb cat /run/xdp-lb/bird/vip4.conf /run/xdp-lb/bird/vip6.conf)" ]
}

@test "a VIP is withdrawn when one of its services has less than it needs, or announced as a worse way; others stay" {
	everything_is_announced
	falls_ill 192.168.178.15 172.16.0.10
	wait_for 10 eval '[[ $(lb service show) == *"172.16.0.10 weight 1 up  # failed"* ]]'
	router_has "${all[@]}" # one is enough
	lb service set tcp 192.168.178.15:80 need 2
	wait_for 10 router_has 192.168.178.16 2001:db8::15
	on lb grep -qF "192.168.178.15 IS WITHDRAWN: tcp 192.168.178.15:80 has not enough healthy backends" /run/watch.log
	lb set announce worse
	wait_for 10 router_has 192.168.178.15:100 192.168.178.16 2001:db8::15
	gets_well 192.168.178.15 172.16.0.10
	falls_ill 2001:db8::15 172.16.0.10
	wait_for 10 router_has 192.168.178.15 192.168.178.16 2001:db8::15:100
	lb set announce withdraw
	wait_for 10 router_has 192.168.178.15 192.168.178.16
	# a service that nobody checks counts by what a person has set
	lb backend set udp 192.168.178.15:53 172.16.0.10 down
	wait_for 10 router_has 192.168.178.16
	lb backend set udp 192.168.178.15:53 172.16.0.10 up
	lb service del tcp 192.168.178.16:80
	wait_for 10 router_has 192.168.178.15
	# a new check takes nothing away before it has found something
	lb check add udp 192.168.178.15:53 exec /run/is_well interval 3600 fast-interval 1 fall 2 rise 2
	sleep 1
	router_has 192.168.178.15
	lb set announce off
	wait_for 10 router_has
}

# came_at: when the routes to VIPs came that nobody has taken away in the test.
came_at() {
	on gateway birdc show route | grep -E '^(192.168.178.15|2001:db8::15)/'
}

@test "watch that is killed leaves what is announced, the next one goes on from there, and lb detach withdraws" {
	local before
	everything_is_announced
	before=$(came_at)
	on lb bash -c 'kill -KILL $(cat /run/xdp-lb/watch/pid)'
	sleep 1
	router_has "${all[@]}"
	start_watch
	wait_for 10 eval '[[ $(on lb tail -1 /run/watch.log) == *"watching; services with checks: 3"* ]]'
	falls_ill 192.168.178.16 172.16.0.10
	wait_for 10 router_has 192.168.178.15 2001:db8::15
	# the others were never away: a route has the time when it came
	[ "$(came_at)" = "$before" ]
	on lb rm /run/watch.log
	run -0 lb detach eth0
	[[ $output == *"all VIPs are withdrawn: the program is taken off eth0"* ]]
	wait_for 2 router_has
	wait_for 10 on lb test ! -e /run/xdp-lb/watch/pid
}

@test "BIRD that does not run, or has another error in its configuration: watch says so, and tries it again" {
	everything_is_announced
	on lb bash -c 'cp /run/bird.conf /run/bird.good; echo "what is this" >>/run/bird.conf'
	falls_ill 192.168.178.16 172.16.0.10
	wait_for 10 on lb grep -q "BIRD does not take which VIPs it shall announce: .*syntax error" /run/watch.log
	on lb mv /run/bird.good /run/bird.conf
	wait_for 10 router_has 192.168.178.15 2001:db8::15
	wait_for 10 on lb grep -q "BIRD listens again" /run/watch.log
	on lb birdc down
	wait_for 5 router_has
	start_bird lb
	wait_for 10 router_has 192.168.178.15 2001:db8::15
}

# send N: at most so many datagrams for the VIP, which the router sends to the lb whatever BGP says; until stop_sending.
send() {
	on gateway bash -c 'touch /run/sends
		for ((i = 0; i < $1; i++)); do [ -e /run/sends ] || break; echo hello >/dev/udp/192.168.178.15/53; sleep 0.2; done' - "$1"
}
stop_sending() {
	on gateway rm /run/sends
}

@test "lb drain withdraws first, and waits until the machine is idle; the next watch knows; lb drain off ends it" {
	everything_is_announced
	on gateway ip route add 192.168.178.15 via 192.168.178.10
	send 1
	wait_for 5 eval 'lb stats | grep -qE "^forwarded +[1-9]"'
	send 200 3>&- &
	run -1 lb drain wait 4 idle 2
	echo "$output"
	[[ $output =~ "lb watch has withdrawn the VIPs".*lb:\ [2-9]\ s:\ [1-9][0-9]*\ packets\ in.*after\ 4\ s\ this\ machine\ is\ not\ idle:\ the\ last\ packet\ came\ [0-3]\ s\ ago ]]
	stop_sending
	router_has
	[[ $(lb show) == *draining* ]]
	run -0 lb drain idle 1
	[[ $output == *"this machine is idle: no packet for 1 s"* ]]
	# watch that is started again does not announce
	stop_watch
	start_watch
	wait_for 10 eval '[[ $(on lb tail -1 /run/watch.log) == *"watching; "* ]]'
	sleep 1
	router_has
	lb drain off
	wait_for 10 router_has "${all[@]}"
	refuses 1 "this machine is not draining" drain off
	# without watch
	on lb bash -c 'kill -KILL $(cat /run/xdp-lb/watch/pid)'
	router_has "${all[@]}"
	run -0 lb drain idle 1
	[[ $output == *"lb watch does not run"*"all VIPs are withdrawn: this machine is draining"*"is idle"* ]]
	wait_for 2 router_has
	run -0 lb drain idle 1
	[[ $output == *"nothing is announced by lb watch"* ]]
	run -0 lb drain off
	[[ $output == *"lb watch does not run: nothing is announced"* ]]
	on gateway ip route del 192.168.178.15 via 192.168.178.10
}
