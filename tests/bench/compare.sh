#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# compare: what would a user have instead? One network, one client, two web servers (nginx), and between
# them one load balancer after the other, each made anew:
#
#   client .20 ----+---- lb .10, VIP .15          direct: the client asks backend-01, nobody is between
#                  +---- backend-01 .11
#                  +---- backend-02 .12           all 192.168.178.0/24
#
# wrk asks over connections that stay, over a new one for each request, and, one by one, for the latency.
# For small UDP packets there are two cables: gen ---- lb ---- sink; XDP makes and counts the packets. Prints JSON.
# usage: tests/bench/compare.sh REPEATS SECONDS UDP_SECONDS    SECONDS: for each kind of request, whole ones
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh

repeats=$1 seconds=$2 udp_seconds=$3
contestants=(direct nginx haproxy nftables nat l2dsr ipip)
VIP=192.168.178.15
trap 'scripts/node destroy --all' EXIT

# is_ours CONTESTANT: whether it is one of our programs.
is_ours() {
	[[ $1 == @(nat|l2dsr|ipip) ]]
}

# background NODE COMMAND...: starts a server; it ends with the node.
background() {
	on "$1" setsid "${@:2}" </dev/null >/dev/null 2>&1 &
}

# start_nginx NODE TEXT: with one worker, and this configuration.
start_nginx() {
	printf '%s\n' "include /etc/nginx/modules-enabled/*.conf;" "daemon off;" "worker_processes 1;" "pid /run/nginx.pid;" \
		"error_log /dev/null;" "worker_rlimit_nofile 16384;" "events { worker_connections 12000; }" "$2" |
		on "$1" tee /run/nginx.conf >/dev/null
	background "$1" nginx -c /run/nginx.conf
}

# commas WORD...: joins them. numbered WORD...: "0 : WORD, 1 : WORD, ...".
commas() {
	local IFS=,
	echo "$*"
}
numbered() {
	local i=0 word list=()
	for word; do list+=("$((i++)) : $word"); done
	commas "${list[@]}"
}

# balance CONTESTANT PROTOCOL VIP BACKEND...: makes the node lb a load balancer of this kind, port 8000. Those
# that work in user space have one worker, as there is one client.
balance() {
	local kind=$1 protocol=$2 vip=$3 address udp=
	shift 3
	on lb ip addr add "$vip/32" dev lo
	on lb sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
	is_ours "$kind" || on lb ethtool -K eth0 gro on tx on >/dev/null # their best
	case $kind in
	nginx)
		[[ $protocol == tcp ]] || udp=" udp"
		start_nginx lb "stream { upstream u { $(printf 'server %s:8000; ' "$@") }
			server { listen $vip:8000$udp; proxy_pass u; ${udp:+proxy_responses 0; proxy_timeout 60s;} } }"
		;;
	haproxy)
		printf '%s\n' "global" "  nbthread 1" "  maxconn 1000" "defaults" "  mode tcp" "  timeout connect 5s" "  timeout client 30s" \
			"  timeout server 30s" "listen l" "  bind $vip:8000" "  balance roundrobin" |
			on lb tee /run/haproxy.cfg >/dev/null
		for address; do echo "  server s-$address $address:8000"; done | on lb tee -a /run/haproxy.cfg >/dev/null
		background lb haproxy -db -f /run/haproxy.cfg
		;;
	nftables)
		on lb nft -f - <<-END
			table ip lb {
				chain before {
					type nat hook prerouting priority dstnat
					ip daddr $vip $protocol dport 8000 dnat to numgen inc mod $# map { $(numbered "$@") }
				}
				chain after {
					type nat hook postrouting priority srcnat
					ip daddr { $(commas "$@") } masquerade
				}
			}
		END
		;;
	nat | l2dsr | ipip)
		[[ $kind != nat ]] || on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
		on lb scripts/lb attach "$kind" eth0
		{
			echo "service $protocol $vip:8000"
			printf 'backend %s\n' "$@"
		} | on lb scripts/lb restore -
		;;
	esac
}

# In a container the kernel's threads are not to be seen, and nothing is said about CPU time.
threads_seen=false
! grep -qsx kthreadd /proc/2/comm || threads_seen=true

# lb_cpu: nanoseconds of CPU that the node lb has used: its interfaces' threads and its processes.
lb_cpu() {
	{
		for thread in $lb_threads; do cat "/proc/$thread/schedstat"; done
		on lb bash -c 'cat /proc/[0-9]*/task/*/schedstat 2>/dev/null || true' # one may end before it is read
	} | awk '{ ns += $1 } END { printf "%.0f\n", ns }'
}

# lb_memory CONTESTANT: bytes: of its processes; of the maps and the program; of connections in the kernel.
lb_memory() {
	local id
	case $1 in
	nginx | haproxy)
		on lb bash -c "cat \$(printf '/proc/%s/smaps_rollup ' \$(pgrep $1))" | awk '/^Pss:/ { kb += $2 } END { print kb * 1024 }'
		;;
	nftables)
		echo $(($(on lb cat /proc/sys/net/netfilter/nf_conntrack_count) * $(awk '$1 == "nf_conntrack" { print $4 }' /proc/slabinfo)))
		;;
	direct) echo null ;;
	*)
		id=$(program_on lb eth0)
		{
			bpftool -j prog show id "$id"
			for id in $(bpftool -j prog show id "$id" | jq '.map_ids[]'); do bpftool -j map show id "$id"; done
		} | jq -s 'map(.bytes_memlock) | add'
		;;
	esac
}

# web CONTESTANT: the network, and the load balancer in it.
web() {
	local i name
	url=http://$VIP:8000/
	scripts/node destroy --all
	scripts/node create lb eth0=lan:192.168.178.10/24
	scripts/node create client eth0=lan:192.168.178.20/24
	for i in 1 2; do
		name=backend-0$i
		scripts/node create $name eth0=lan:192.168.178.1$i/24
		on $name sysctl -qw net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.arp_announce=2 net.ipv4.tcp_max_tw_buckets=100000
		on $name ip addr add $VIP/32 dev lo
		start_nginx $name "http { access_log off; keepalive_requests 100000000;
			server { listen 8000; location / { return 200 \"Hello from $name\\n\"; } } }"
		[[ $1 == ipip ]] || continue
		on $name scripts/lb attach decap eth0
		on $name scripts/lb decap add lb 192.168.178.10
		on $name scripts/lb decap add host 192.168.178.1$i
		on $name scripts/lb decap add vip $VIP
	done
	for name in client backend-01 backend-02; do
		thread $name
	done
	balance "$1" tcp $VIP 192.168.178.11 192.168.178.12
	thread switch
	thread lb
	lb_threads=$threads
	[[ -n $lb_threads || $threads_seen == false ]] || die "the kernel gives lb's interface no thread of its own"
	[[ $1 != direct ]] || url=http://192.168.178.11:8000/
	on client curl -s --retry 10 --retry-connrefused --retry-delay 1 --max-time 2 -o /dev/null "$url" || die "$1 does not answer"
}

# ask WHAT CONNECTIONS [WRK_OPTION...]: asks for some seconds; prints what came of it, CPU time of lb included.
ask() {
	local before
	before=$(lb_cpu)
	on client wrk -t 1 -c "$2" -d "${seconds}s" -s tests/bench/report.lua "${@:3}" "$url" | tail -1 >"$build/wrk"
	jq -c --arg contestant "$contestant" --arg what "$1" --argjson cpu $(($(lb_cpu) - before)) --argjson seen $threads_seen \
		'. + {$contestant, $what, cpu: (if $seen then $cpu else null end)}' "$build/wrk"
}

# cables: gen ---- [eth0] lb [eth1] ---- sink, one CPU moves a packet all the way, unless a process has to.
cables() {
	local i
	scripts/node destroy --all
	for i in gen lb sink; do
		scripts/node create $i
		on $i sysctl -eqw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
		load_tools $i
	done
	ip link add eth0 netns "$(pid_of lb)" type veth peer name eth0 netns "$(pid_of gen)"
	ip link add eth1 netns "$(pid_of lb)" type veth peer name eth0 netns "$(pid_of sink)"
	on lb ip link set eth0 address 02:00:00:00:00:10
	on lb ip addr add 192.168.178.10/24 dev eth0
	on lb ip addr add 10.2.255.1/16 dev eth1
	for i in eth0 eth1; do on lb ip link set $i up; done
	for i in gen sink; do
		on $i ip link set eth0 up
		on $i ip link set dev eth0 xdp pinned $floors/sink
	done
	on lb ip route add default via 192.168.178.2
	settle_in lb
	on lb ip neigh replace 10.2.0.0 dev eth1 lladdr 02:00:00:00:00:80 nud permanent
	is_ours "$1" || on lb ethtool -K eth1 gro on >/dev/null
	balance "$1" udp 10.1.0.0 10.2.0.0
}

# drained: waits until no frame arrives any more. Sets came, how many have arrived so far.
drained() {
	local before=
	until [[ ${came-} == "$before" && -n $before ]]; do
		sleep 0.1
		before=${came-}
		came=$(sunk sink)
	done
}

# flood: small UDP packets of 4096 clients; prints how many went in and came out.
flood() {
	local before sent took came
	on gen "$build/packets" send eth0 0.5 /sys/fs/bpf/deal/deal_and_send "$(deck 4096 1 udp)" >/dev/null # warm
	drained
	before=$came
	read -r sent took < <(on gen taskset -c 0 "$build/packets" send eth0 "$udp_seconds" /sys/fs/bpf/deal/deal_and_send "$(deck 4096 1 udp)")
	drained
	jq -nc --arg contestant "$contestant" --argjson sent "$sent" --argjson came $((came - before)) --argjson seconds "$took" \
		'{$contestant, what: "udp", $sent, $came, $seconds}'
}

for ((i = 0; i < repeats; i++)); do
	for contestant in "${contestants[@]}"; do
		web "$contestant"
		ask warm 16 >/dev/null
		ask requests 16
		ask connections 16 -H "Connection: close"
		ask latency 1 -H "Connection: close"
		jq -nc --arg contestant "$contestant" --argjson bytes "$(lb_memory "$contestant")" '{$contestant, what: "memory", $bytes}'
		[[ $contestant != @(direct|haproxy) ]] || continue # HAProxy does not balance UDP
		cables "$contestant"
		flood
	done
done >"$build/compared"

jq -s --argjson contestants "$(jq -nc '$ARGS.positional' --args "${contestants[@]}")" '
	def median: if length == 0 then null else sort | .[(length - 1) / 2 | floor] end;
	def round1: if . == null then null else . * 10 | round / 10 end;
	def round2: . * 100 | round / 100;
	. as $all
	| def all_of($contestant; $what; value): [$all[] | select(.contestant == $contestant and .what == $what) | value];
	def of($contestant; $what; value): all_of($contestant; $what; value) | median | round1;
	def cpu($contestant; $what): if $contestant == "direct" then null
		else of($contestant; $what; if .cpu then .cpu / .requests / 1000 else null end) end;
	# what the direct way reached in the same round is 1
	def of_direct($contestant; $what): [all_of($contestant, "direct"; $what; .requests / .seconds)]
		| transpose | map(.[0] / .[1]) | median | round2;
	# a busy machine may let one time out; more than that is no measurement
	(group_by(.contestant)[] | (map(.errors // 0) | add) as $errors
		| if $errors > (map(.requests // 0) | add) / 100 then error("\(.[0].contestant): \($errors) requests failed") else empty end),
	[$contestants[] as $c | {contestant: $c,
		errors: ([all_of($c; "requests", "connections", "latency"; .errors)] | flatten | add),
		requests_per_second: of($c; "requests"; .requests / .seconds),
		requests_of_direct: of_direct($c; "requests"),
		lb_cpu_us_per_request: cpu($c; "requests"),
		connections_per_second: of($c; "connections"; .requests / .seconds),
		connections_of_direct: of_direct($c; "connections"),
		lb_cpu_us_per_connection: cpu($c; "connections"),
		latency_us: {p50: of($c; "latency"; .p50), p99: of($c; "latency"; .p99)},
		udp_frames_per_second: of($c; "udp"; .came / .seconds),
		udp_lost_percent: of($c; "udp"; (.sent - .came) / .sent * 100),
		memory_bytes: of($c; "memory"; .bytes)}]
' "$build/compared"
