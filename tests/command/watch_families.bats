#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lb watch in both families: checks to VIPs of IPv4 and IPv6 whose backends are of either one, on one network; and what it
# heals of IPv6.

load ../lib/helper

VIP6=2001:db8:178::15

# join NODE N: both families on its eth0. (Addresses stay when the link goes down, as those of IPv4 do.)
join() {
	scripts/node create "$1" "eth0=lan:192.168.178.$2/24"
	on "$1" sysctl -qw net.ipv6.conf.all.keep_addr_on_down=1
	on "$1" ip addr add "2001:db8:178::$2/64" dev eth0 nodad
}

setup_file() {
	local i
	scripts/node destroy --all
	join lb 10
	join client 20
	on lb sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	on lb ip addr add 192.168.178.15/32 dev eth0
	on lb ip addr add $VIP6/128 dev eth0 nodad preferred_lft 0 # the machine's own checks (NAT) are not to come from it
	for i in 1 2; do
		join backend-0$i 1$i
		on backend-0$i sysctl -qw net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.arp_announce=2
		on backend-0$i ip addr add 192.168.178.15/32 dev lo
		on backend-0$i ip addr add $VIP6/128 dev lo
		on backend-0$i mkdir -p /run/xdp-lb
		on backend-0$i labs/health/server.py 8000 "Hello from backend-0$i"
	done
}

teardown_file() {
	scripts/node destroy --all
}

setup() {
	mood 1 well
	mood 2 well
}

teardown() {
	stop_watch
	lb detach eth0
	on backend-01 ip -force link set dev eth0 xdp off
	on backend-02 ip -force link set dev eth0 xdp off
}

quickly="interval 0.5 fast-interval 0.1 timeout 0.5 fall 2 rise 2"
# The same for checks of which each has its answer at once: however long a busy machine takes to start dig.
surely="interval 10 fast-interval 0.1 timeout 10 fall 2 rise 2"

# mood BACKEND MOOD: of its server, see labs/health/server.py.
mood() {
	on "backend-0$1" bash -c 'echo "$1" >/run/xdp-lb/mood' - "$2"
}

start_watch() {
	on lb rm -f /run/watch.log
	background lb bash -c 'exec scripts/lb watch >/run/watch.log 2>&1'
	wait_for 10 logged "watching"
}

stop_watch() {
	on lb bash -c 'read -r pid </run/xdp-lb/watch/pid && kill $pid' 2>/dev/null || return 0
	wait_for 10 on lb bash -c '[[ ! -e /sys/class/net/lbprobe ]]'
}

logged() {
	on lb grep -qF -- "$1" /run/watch.log
}

# health HEALTH...: of all backends of all services, in their order.
health() {
	[ "$(lb --json service show | jq -r '[.[].backends[].health] | join(" ")')" = "$*" ]
}

# becomes HEALTH...: before long.
becomes() {
	wait_for 10 health "$@" || {
		lb service show
		on lb cat /run/watch.log
		false
	}
}

verdict() {
	lb --json stats | jq --arg name "$1" '.verdicts[] | select(.name == $name).packets'
}

# services_of_all_combinations: of both families, each with a backend of either one.
services_of_all_combinations() {
	lb restore - <<-END
		service tcp 192.168.178.15:8000
		  check http / $quickly
		  backend 192.168.178.11
		  backend 2001:db8:178::12
		service tcp [$VIP6]:8000
		  check http / $quickly
		  backend 192.168.178.11
		  backend 2001:db8:178::12
	END
}

# all_combinations MODE: checks of all of them, by the packet's own road.
all_combinations() {
	lb attach "$1" eth0
	services_of_all_combinations
	start_watch
	becomes healthy healthy healthy healthy
	[ "$(verdict probe)" -gt 16 ]
	[ "$(verdict probe_answer)" -gt 12 ]
	[ "$(lb --json stats | jq '[.services[].packets] | add')" -eq 0 ]
	# The road is the packet's own: what the check finds is what a client finds.
	mood 2 500
	becomes failed healthy failed healthy # 2001:... comes first
	logged "tcp 192.168.178.15:8000: backend [2001:db8:178::12]:8000 HAS FAILED: check http /: HTTP status 500"
	logged "tcp [$VIP6]:8000: backend [2001:db8:178::12]:8000 HAS FAILED: check http /: HTTP status 500"
	[ "$(on client curl -s --max-time 20 "http://[$VIP6]:8000/?[1-10]" | sort | uniq -c | xargs)" = "10 Hello from backend-01" ]
	[ "$(on client curl -s --max-time 20 "http://192.168.178.15:8000/?[1-10]" | sort | uniq -c | xargs)" = "10 Hello from backend-01" ]
	mood 2 well
	becomes healthy healthy healthy healthy
	on backend-02 ip addr del $VIP6/128 dev lo
	becomes healthy healthy failed healthy
	on backend-02 ip addr add $VIP6/128 dev lo
	becomes healthy healthy healthy healthy
	on backend-02 grep -q "^192.168.178.10 CHECK /" /run/xdp-lb/http.log
	on backend-02 grep -q "^2001:db8:178::10 CHECK /" /run/xdp-lb/http.log
}

@test "l2dsr: VIPs of both families, backends of both families" {
	all_combinations l2dsr
}

@test "every tunnel: VIPs of both families, backends of both families" {
	local i mode
	for i in 1 2; do
		on backend-0$i scripts/lb attach decap eth0
		on backend-0$i scripts/lb decap add lb 192.168.178.10
		on backend-0$i scripts/lb decap add lb 2001:db8:178::10
		on backend-0$i scripts/lb decap add host 192.168.178.1$i ipip gre fou gue
		on backend-0$i scripts/lb decap add host 2001:db8:178::1$i ipip gre fou gue
		on backend-0$i scripts/lb decap add vip 192.168.178.15
		on backend-0$i scripts/lb decap add vip $VIP6
	done
	for mode in ipip gre fou gue; do
		echo "# $mode"
		all_combinations $mode
		stop_watch
		lb detach eth0
	done
	lb attach ipip eth0 # for teardown
}

@test "nat: VIPs of both families, backends of both families; checks go to the backend's own address" {
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	lb attach nat eth0
	services_of_all_combinations
	start_watch
	becomes healthy healthy healthy healthy
	mood 2 500
	becomes failed healthy failed healthy # 2001:... comes first
	logged "tcp 192.168.178.15:8000: backend [2001:db8:178::12]:8000 HAS FAILED: check http /: HTTP status 500"
	[ "$(on client curl -s --max-time 20 "http://[$VIP6]:8000/?[1-10]" | sort | uniq -c | xargs)" = "10 Hello from backend-01" ]
	[ "$(on client curl -s --max-time 20 "http://192.168.178.15:8000/?[1-10]" | sort | uniq -c | xargs)" = "10 Hello from backend-01" ]
	mood 2 well
	mood 1 500
	becomes healthy failed healthy failed
	[ "$(on client curl -s --max-time 20 "http://[$VIP6]:8000/?[1-10]" | sort | uniq -c | xargs)" = "10 Hello from backend-02" ]
	[ "$(on client curl -s --max-time 20 "http://192.168.178.15:8000/?[1-10]" | sort | uniq -c | xargs)" = "10 Hello from backend-02" ]
}

# each_kind CHECK_THAT_PASSES CHECK_THAT_FAILS REASON: of services PROTOCOL PORT in variables.
each_kind() {
	lb restore - <<<"# none"
	lb restore - <<-END
		service $protocol [$VIP6]:$port
		  $1 $surely
		  backend 2001:db8:178::11
		service $protocol [$VIP6]:$((port + 1))
		  $2 $surely
		  backend 2001:db8:178::11
	END
	becomes healthy failed
	wait_for 5 logged "$3" || {
		on lb cat /run/watch.log
		false
	}
}

@test "every kind of check, to a VIP of IPv6" {
	local pem=$BATS_TEST_TMPDIR/pem script=$BATS_TEST_TMPDIR/check protocol=tcp port=8000 kind
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=shop.example -addext "subjectAltName=IP:$VIP6" \
		-keyout "$pem.key" -out "$pem.crt" 2>/dev/null
	cat "$pem.key" "$pem.crt" >"$pem"
	for kind in "https 8110 $pem" "https 8111 $pem" "udp 8120" "udp 8121" "dns 8130" "dns 8131"; do
		# shellcheck disable=SC2086 # words
		background backend-01 tests/lib/server.py ${kind%% *} $VIP6 ${kind#* }
	done
	wait_for 10 on backend-01 curl -sk -o /dev/null "https://[$VIP6]:8111/bytes/1"
	lb attach l2dsr eth0
	start_watch
	each_kind "check tcp" "check tcp" "[$VIP6]:8001: backend [2001:db8:178::11]:8001 HAS FAILED: check tcp: Failed to connect"
	port=8110
	# a certificate of this address
	each_kind "check https /bytes/1 verify $pem.crt" "check https /bytes/1" "check https /bytes/1: SSL certificate problem"
	each_kind "check https /bytes/1 insecure" "check https /bytes/1 host shop.example verify $pem.crt" "check https /bytes/1: SSL"
	protocol=udp port=8120
	each_kind 'check udp "ping 1\n" "backend-01:ping 1\n"' "check udp ping pong" "check udp ping pong: it answers back"
	# a probe that has its answer gives its port back, long before its timeout: another check may need it
	wait_for 1 eval '[ -z "$(on lb pgrep -x socat)" ]'
	port=8130
	each_kind "check dns known.example" "check dns other.example" "check dns other.example: it has no answer, but NXDOMAIN"
	printf '#!/bin/sh\nenv | grep ^LB_ | sort >/run/ran\n' >"$script"
	chmod +x "$script"
	protocol=tcp port=8000
	each_kind "check exec $script" "check exec /bin/false" "check exec /bin/false: exit status 1"
	[ "$(on lb grep -v -E 'NAMESPACE|PROBE_PORT' /run/ran | paste -sd ' ')" = \
		"LB_BACKEND=2001:db8:178::11 LB_BACKEND_PORT=8000 LB_PROBE_ADDRESS=2001:db8:178::10 LB_PROTOCOL=tcp LB_VIP=$VIP6 LB_VIP_PORT=8000" ]
	# it can go where other probes go
	goes_there() {
		on lb bash -c 'eval "$(</run/ran)"; nsenter --net=$LB_PROBE_NAMESPACE curl -s --max-time 2 --local-port $LB_PROBE_PORT http://[$LB_VIP]:8000/' |
			grep -q "Hello from backend-01"
	}
	wait_for 5 goes_there
}

@test "services of a family without an own address are left out, until there is one" {
	lb attach l2dsr eth0
	no_ipv6_address
	lb restore - <<-END
		service tcp 192.168.178.15:8000
		  check http / $quickly
		  backend 192.168.178.11
		service tcp [$VIP6]:8000
		  check http / $quickly
		  backend 192.168.178.11
	END
	start_watch
	becomes healthy unchecked
	logged "the load balancer has no IPv6 address to check from: services of $VIP6 are not checked; run: lb set address ADDRESS"
	lb backend add tcp 192.168.178.15:8000 192.168.178.12
	becomes healthy healthy unchecked
	[ "$(on lb grep -c "no IPv6 address" /run/watch.log)" -eq 1 ]
	lb set address 2001:db8:178::10
	becomes healthy healthy healthy
	# and another one
	on lb ip addr add 2001:db8:178::1010/64 dev eth0 nodad
	lb set address 2001:db8:178::1010
	wait_for 10 on backend-01 grep -q "^2001:db8:178::1010 CHECK /" /run/xdp-lb/http.log
	becomes healthy healthy healthy
	on lb ip addr del 2001:db8:178::1010/64 dev eth0
	wait_for 10 logged "2001:db8:178::1010 IS NO ADDRESS OF THIS MACHINE any more"
}

# no_ipv6_address: the load balancer has forgotten its own.
no_ipv6_address() {
	local value
	mapfile -t value < <(on lb bpftool -j map lookup pinned "$MAPS/load_balancer" key 0 0 0 0 | jq -r '.value[]')
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/load_balancer" key 0 0 0 0 \
		value "${value[@]:0:64}" 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "${value[@]:80}"
}

# answered SECONDS: within that time the VIP of IPv6 answers 10 requests in a row.
answered() {
	wait_for "$1" on client curl -sSf --max-time 1 "http://[$VIP6]:8000/?[1-10]"
}

@test "what is healed of IPv6: a link that flaps, a route, a MAC address; forwarding is the administrator's" {
	lb attach l2dsr eth0
	lb restore - <<-END
		service tcp [$VIP6]:8000
		  check tcp $quickly
		  backend 2001:db8:178::11
	END
	on lb ip -6 neigh show 2001:db8:178::11 | grep -q managed
	start_watch
	becomes healthy
	answered 5
	# the cable
	on switch ip link set lb.eth0 down
	sleep 0.3
	on switch ip link set lb.eth0 up
	becomes healthy
	answered 10
	# set down on the machine itself, which forgets the neighbours
	on lb ip link set eth0 down
	on lb ip link set eth0 up
	becomes healthy
	answered 10
	wait_for 5 eval 'on lb ip -6 neigh show 2001:db8:178::11 | grep -q managed'
	# another MAC address, and nobody says a word
	on backend-01 ip link set dev eth0 address 02:00:00:00:99:11
	wait_for 10 logged "2001:db8:178::11 on eth0 has another MAC address now: 02:00:00:00:99:11" || {
		on lb ip neigh
		on lb cat /run/watch.log
		false
	}
	becomes healthy
	answered 10
	# what is no next hop is no news
	on lb sysctl -qw net.ipv6.conf.all.forwarding=0
	wait_for 10 logged "eth0 DOES NOT FORWARD IPv6 any more: packets are dropped as forwarding_off; run: sysctl -w net.ipv6.conf.all.forwarding=1"
	wait_for 10 eval '! answered 0'
	on lb sysctl -qw net.ipv6.conf.all.forwarding=1
	wait_for 10 logged "eth0 forwards IPv6 again"
	answered 10
	# without keep_addr_on_down, a link that is set down loses its addresses
	on lb sysctl -qw net.ipv6.conf.all.keep_addr_on_down=0 net.ipv6.conf.eth0.keep_addr_on_down=0
	on lb ip link set eth0 down
	wait_for 10 logged "$VIP6 IS NO ADDRESS OF THIS MACHINE any more" || {
		on lb ip -6 addr
		on lb cat /run/watch.log
		false
	}
	on lb sysctl -qw net.ipv6.conf.all.keep_addr_on_down=1 net.ipv6.conf.eth0.keep_addr_on_down=1
	on lb ip link set eth0 up
	on lb ip addr add 2001:db8:178::10/64 dev eth0 nodad
	on lb ip addr add $VIP6/128 dev eth0 nodad preferred_lft 0 # the machine's own checks (NAT) are not to come from it
	wait_for 10 logged "$VIP6 is an address of this machine again"
	becomes healthy
	answered 10
}
