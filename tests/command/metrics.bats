#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lb metrics: what Prometheus gets is what the other commands show, by both ways, and no counter falls.

load ../lib/helper
# shellcheck source=maps/all.sh
. maps/all.sh

setup_file() {
	one_load_balancer
	on lb mkdir -p /run/textfile
}

teardown_file() {
	scripts/node destroy --all
}

setup() {
	lb attach ipip eth0
	lb restore - <<-END
		service tcp 192.168.178.15:8000 need 2 fallback 172.20.0.99
		  backend 172.16.0.10 weight 3
		  backend 172.16.0.11
		  backend 172.16.0.12 weight 0
		  backend 172.20.0.30:8080 down
		service udp 192.168.178.15:any
		  backend 172.16.0.10
		service tcp 192.168.178.16:80
	END
}

teardown() {
	lb detach eth0
}

# sample NAME{LABELS}: its value, in the text format.
sample() {
	lb metrics text | awk -v sample="$1" '$1 == sample { print $2 }'
}

# of_service ADDRESS PORT PROTO [BACKEND PORT]: labels.
of_service() {
	local labels="local_address=\"$1\",local_port=\"$2\",proto=\"$3\""
	[[ -z ${4-} ]] || labels+=",remote_address=\"$4\",remote_port=\"$5\""
	echo "{$labels}"
}

# frame PROTOCOL DESTINATION PORT: a SYN, or an empty datagram, of one client after the other, as it comes.
frame() {
	local length=28 number=17 rest='\0\x08\0\0' octets
	[[ $1 == udp ]] || length=40 number=6 rest='\0\0\0\1\0\0\0\0\x50\x02\x20\0\0\0\0\0'
	# shellcheck disable=SC2086 # words
	printf -v octets '\\x%02x' ${2//./ } $((clients / 256)) $((clients % 256)) $(($3 / 256)) $(($3 % 256))
	clients=$((clients + 1))
	# shellcheck disable=SC2059 # escapes
	printf '\2\0\0\0\0\x10\2\0\0\0\0\2\x08\0\x45\0\0\x'"$(printf %02x $length)"'\0\0\x40\0\x40\x'"$(printf %02x $number)"'\0\0\x0a\0\0\x14'"$octets$rest"
}

# send_some: packets of several clients to the services, and one that is for nobody.
send_some() {
	local i clients=40000 frames=$BATS_TEST_TMPDIR/frames id ifindex
	mkdir -p "$frames"
	for i in {1..12}; do
		frame tcp 192.168.178.15 8000 >"$frames/$i"
		frame udp 192.168.178.15 53 >"$frames/$((12 + i))"
	done
	frame tcp 192.168.178.16 80 >"$frames/25"
	frame tcp 192.168.178.200 80 >"$frames/26"
	read -r id ifindex < <(on lb ip -j -d link show dev eth0 | jq -r '.[0] | "\(.xdp.prog.id) \(.ifindex)"')
	for i in {1..26}; do
		# shellcheck disable=SC2059,SC2046 # escapes, bytes: a struct xdp_md
		printf "$(printf '\\x%02x' $(u32 0) $(u32 "$(stat -c %s "$frames/$i")") $(u32 0) $(u32 "$ifindex") $(u32 0) $(u32 0))" >"$frames/$i.ctx"
		echo "prog run id $id data_in $frames/$i ctx_in $frames/$i.ctx data_size_out 512"
	done >"$frames/batch"
	on lb bpftool batch file "$frames/batch" >/dev/null
}

# expected: every sample of packets, services and backends, as lb --json stats and service show have them: "NAME{LABELS} VALUE".
expected() {
	jq -nr --argjson stats "$(lb --json stats)" --argjson shown "$(lb --json service show)" '
		def port: if . == 0 then "any" else tostring end;
		def service: "local_address=\"\(.address)\",local_port=\"\(.port | port)\",proto=\"\(.protocol | ascii_upcase)\"";
		def backend: ",remote_address=\"\(.address)\",remote_port=\"\(.port | port)\"";
		def counters($of; $labels): "xdp_lb_\($of)packets_total{\($labels)} \(.packets)", "xdp_lb_\($of)bytes_total{\($labels)} \(.bytes)",
			(select($of != "") | "xdp_lb_\($of)connections_total{\($labels)} \(.connections)");
		def code: if .state == "down" then 2 elif .health == "failed" then 0 elif .weight == 0 then 3 else 1 end;
		($stats.verdicts[] | counters(""; "verdict=\"\(.name)\"")),
		($stats.services[] | service as $labels | counters("service_"; $labels),
			(.backends[] | counters("backend_"; $labels + backend))),
		($shown[] | service as $labels
			| "xdp_lb_service_backends{\($labels)} \(.backends | length)",
			  "xdp_lb_service_healthy_backends{\($labels)} \(.healthy)",
			  "xdp_lb_service_needed_backends{\($labels)} \([.need, 1] | max)",
			  "xdp_lb_service_slots{\($labels)} \(.slots)",
			  "xdp_lb_service_last_resort_backends{\($labels)} \([(.backends[], .fallback | values) | select(.last_resort)] | length)",
			  ((.backends[] | {code: code, weight, labels: ($labels + backend), health: ({failed: 0, healthy: 1, unchecked: 2}[.health])}),
			   (.fallback | values | {code: 1, weight: 0, labels: ($labels + backend), health: 2})
				| "xdp_lb_backend_state{\(.labels)} \(.code)", "xdp_lb_backend_weight{\(.labels)} \(.weight)",
				  "xdp_lb_backend_health{\(.labels)} \(.health)"))' | sort
}

# compared: the families that expected knows.
compared() {
	grep -E '^xdp_lb_((service|backend)_)?(packets|bytes|connections)_total|^xdp_lb_service_(backends|healthy_backends|needed_backends|slots|last_resort_backends)|^xdp_lb_backend_(state|weight|health){' | sort
}

@test "the text format is clean, and OpenMetrics has the same samples" {
	send_some
	lb metrics text >"$BATS_TEST_TMPDIR/text"
	run -0 promtool check metrics <"$BATS_TEST_TMPDIR/text"
	[ -z "$output" ]
	lb metrics >"$BATS_TEST_TMPDIR/open"
	[ "$(tail -1 "$BATS_TEST_TMPDIR/open")" = "# EOF" ]
	diff <(grep -v ^# "$BATS_TEST_TMPDIR/text") <(grep -v ^# "$BATS_TEST_TMPDIR/open")
	grep -qx "# TYPE xdp_lb_backend_bytes_total counter" "$BATS_TEST_TMPDIR/text"
	grep -qx "# TYPE xdp_lb_backend_bytes counter" "$BATS_TEST_TMPDIR/open"
	grep -qx "# UNIT xdp_lb_backend_bytes bytes" "$BATS_TEST_TMPDIR/open"
	# no sample twice, and each with a help and a type
	[ -z "$(grep -v ^# "$BATS_TEST_TMPDIR/text" | cut -d ' ' -f 1 | sort | uniq -d)" ]
	diff <(sed -nE 's/^# (HELP|TYPE) ([^ ]*) .*/\2/p' "$BATS_TEST_TMPDIR/text" | uniq -c | awk '{ print $1 }' | sort -u) <(echo 2)
}

@test "the figures are those of stats and service show" {
	send_some
	expected >"$BATS_TEST_TMPDIR/expected"
	[ "$(grep -c packets_total "$BATS_TEST_TMPDIR/expected")" -eq 38 ]
	diff "$BATS_TEST_TMPDIR/expected" <(lb metrics text | compared)
	[ "$(sample 'xdp_lb_packets_total{verdict="forwarded"}')" -gt 20 ]
	[ "$(sample 'xdp_lb_packets_total{verdict="no_backend"}')" -ge 1 ]
	[ "$(sample "xdp_lb_service_packets_total$(of_service 192.168.178.15 any UDP)")" -ge 12 ]
	[ "$(sample "xdp_lb_service_connections_total$(of_service 192.168.178.15 8000 TCP)")" -ge 12 ]
	# slots: 3 to 1
	[ "$(sample "xdp_lb_backend_slots$(of_service 192.168.178.15 8000 TCP 172.16.0.10 8000)")" -eq \
		"$(lb slots tcp 192.168.178.15:8000 | awk '$1 == "172.16.0.10:8000" { print $2 }')" ]
	[ "$(sample "xdp_lb_backend_slots$(of_service 192.168.178.15 8000 TCP 172.16.0.12 8000)")" -eq 0 ]
	[ "$(sample 'xdp_lb_map_entries{map="services"}')" -eq 5 ] # and two VIPs
	[ "$(sample 'xdp_lb_map_entries{map="backends"}')" -eq 6 ]
	[ "$(sample 'xdp_lb_map_max_entries{map="slots"}')" -eq 4194304 ]
	lb metrics text | grep -Eqx 'xdp_lb_program_info\{device="eth0",mode="ipip",flavour="native",id="[0-9]+",tag="[0-9a-f]{16}"\} 1'
}

@test "what a deleted backend has counted stays with its service, and a new service begins with nothing" {
	local name before after
	send_some
	lb metrics text | grep '^xdp.*_total' >"$BATS_TEST_TMPDIR/before"
	lb backend del tcp 192.168.178.15:8000 172.16.0.10
	lb backend add tcp 192.168.178.15:8000 172.16.0.10
	lb backend del tcp 192.168.178.15:8000 172.16.0.11
	lb service set tcp 192.168.178.15:8000 fallback none
	lb save | lb restore -
	lb metrics text | grep '^xdp.*_total' >"$BATS_TEST_TMPDIR/after"
	while read -r name before; do
		after=$(awk -v name="$name" '$1 == name { print $2 }' "$BATS_TEST_TMPDIR/after")
		[ "$after" = "$before" ] || {
			echo "$name was $before, and is $after"
			false
		}
	done < <(grep -v xdp_lb_backend "$BATS_TEST_TMPDIR/before")
	[ "$(sample "xdp_lb_backend_packets_total$(of_service 192.168.178.15 8000 TCP 172.16.0.10 8000)")" -eq 0 ]
	# more come on top of it
	before=$(sample "xdp_lb_service_packets_total$(of_service 192.168.178.15 8000 TCP)")
	[ "$before" -ge 12 ]
	send_some
	[ "$(sample "xdp_lb_service_packets_total$(of_service 192.168.178.15 8000 TCP)")" -ge $((before + 12)) ]
	diff <(expected) <(lb metrics text | compared)
	# another service gets its id
	lb service del tcp 192.168.178.15:8000
	lb service add tcp 192.168.178.17:8000
	[ "$(sample "xdp_lb_service_packets_total$(of_service 192.168.178.17 8000 TCP)")" -eq 0 ]
}

@test "the last change of a backend is when its state, health or weight changed, or it came" {
	local name now before
	name="xdp_lb_backend_last_change_timestamp_seconds$(of_service 192.168.178.15 8000 TCP 172.16.0.10 8000)"
	before=$(sample "$name")
	now=$(date +%s)
	[ "$before" -ge $((now - 60)) ]
	[ "$before" -le $((now + 1)) ]
	wait_for 5 bash -c "(( \$(date +%s) > $before + 1 ))"
	lb backend set tcp 192.168.178.15:8000 172.16.0.11 weight 5
	[ "$(sample "$name")" -eq "$before" ]
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 weight 5
	[ "$(sample "$name")" -gt "$before" ]
	[ "$(lb save | grep -c 'backend 172.16.0.10 weight 5 up$')" -eq 1 ]
}

@test "next hops: whether the kernel knows their MAC addresses" {
	lb backend add tcp 192.168.178.16:80 172.20.0.40
	on lb ip neigh replace 172.20.0.30 dev eth1 lladdr 02:00:00:00:01:30 nud reachable
	[ "$(sample 'xdp_lb_neighbour_known{address="172.20.0.30",device="eth1"}')" -eq 1 ]
	[ "$(sample 'xdp_lb_neighbour_known{address="172.20.0.40",device="eth1"}')" -eq 0 ]
}

@test "IPv6: addresses in labels are as they are written elsewhere, without brackets" {
	speak_ipv6
	lb restore - <<-END
		service tcp [2001:DB8:178::15]:8000 fallback 2001:db8:20::99
		  backend 2001:db8:16::10
		  backend 172.16.0.10
		service tcp 192.168.178.15:8000
		  backend 2001:db8:20::20
	END
	lb metrics text >"$BATS_TEST_TMPDIR/text"
	run -0 promtool check metrics <"$BATS_TEST_TMPDIR/text"
	[ -z "$output" ]
	diff <(expected) <(compared <"$BATS_TEST_TMPDIR/text")
	grep -qFx "xdp_lb_backend_weight$(of_service 2001:db8:178::15 8000 TCP 2001:db8:16::10 8000) 1" "$BATS_TEST_TMPDIR/text"
	grep -qFx "xdp_lb_backend_weight$(of_service 192.168.178.15 8000 TCP 2001:db8:20::20 8000) 1" "$BATS_TEST_TMPDIR/text"
	grep -qFx 'xdp_lb_neighbour_known{address="2001:db8:20::99",device="eth1"} 0' "$BATS_TEST_TMPDIR/text"
	on lb ip neigh replace 2001:db8:20::99 dev eth1 lladdr 02:00:00:00:01:99 nud reachable
	[ "$(sample 'xdp_lb_neighbour_known{address="2001:db8:20::99",device="eth1"}')" -eq 1 ]
}

# over: for how many seconds a connection of TCP has said nothing that has just come to its end (FLOW_IDLE_TCP, and what
# lb nat set has by default). If this machine has not been up for so long, the time of its last packet is before 0; what is
# added to it comes out right all the same. More than this might not.
over=7442

# tracked AGE: puts a flow of a client into the map of flows, whose last packet came AGE seconds ago.
tracked() {
	# shellcheck disable=SC2016 # expanded over there
	on lb bash -c '. maps/all.sh; read -r now _ </proc/uptime
		bpftool map update pinned '"$MAPS"'/flows key $(encode connection_key 10.0.0.20 192.168.178.15 "$1" 8000 tcp 4) \
			value $(encode tracked_flow 1 0 $(((${now%.*} - $1 + 1) * 1000000000)))' - "$1"
}

@test "flows that go on, and those that are over and still in the map" {
	tracked 1
	tracked 5
	tracked $over
	[ "$(sample xdp_lb_flows)" -eq 2 ] || on lb cat /sys/fs/bpf/xdp/lists/flows
	[ "$(sample xdp_lb_flows)" -eq 2 ]
	[ "$(sample 'xdp_lb_map_entries{map="flows"}')" -eq 3 ]
	[ "$(sample xdp_lb_new_flows)" -eq 0 ]
}

@test "NAT: connections, ports that are lent, and events" {
	lb detach eth0
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	lb attach nat eth0
	lb nat set ports 20000-20009
	lb restore - <<<$'service tcp 192.168.178.15:8000\nbackend 172.20.0.20\nservice tcp 192.168.178.15:8001\nbackend 172.20.0.20:8000\nbackend 172.20.0.21'
	# three connections to one backend's port, by two services, and one of long ago; the ids are those of the list
	# shellcheck disable=SC2016 # expanded over there
	on lb bash -c '. maps/all.sh; read -r now _ </proc/uptime
		ids=$(awk "\$3 == \"172.20.0.20\" { print \$2 }" /sys/fs/bpf/xdp/lists/backends)
		connect() { # PORT VIP_PORT LENT ID AGE
			local seen=$(((${now%.*} - $5) * 1000000000)) map="bpftool map update pinned '"$MAPS"'/conntrack"
			$map key $(encode ipv4_key 10.0.0.20 192.168.178.15 $1 $2 tcp) \
				value $(encode connection 192.168.178.10 172.20.0.20 $3 8000 $4 request tcp 4 0 $seen 0 0 0)
			$map key $(encode ipv4_key 172.20.0.20 192.168.178.10 8000 $3 tcp) \
				value $(encode connection 192.168.178.15 10.0.0.20 $2 $1 $4 reply tcp 4 0 $seen 0 0 0)
		}
		connect 40001 8000 20001 ${ids%%[!0-9]*} 1
		connect 40002 8000 20002 ${ids%%[!0-9]*} 1
		connect 40003 8001 20003 ${ids##*[!0-9]} 1
		connect 40004 8001 20004 ${ids##*[!0-9]} '$over
	lb metrics text >"$BATS_TEST_TMPDIR/text"
	run -0 promtool check metrics <"$BATS_TEST_TMPDIR/text"
	[ "$(sample xdp_lb_nat_connections)" -eq 3 ]
	[ "$(sample xdp_lb_nat_ports)" -eq 10 ]
	[ "$(sample xdp_lb_nat_ports_in_use)" -eq 3 ]
	[ "$(sample "xdp_lb_backend_open_connections$(of_service 192.168.178.15 8000 TCP 172.20.0.20 8000)")" -eq 2 ]
	[ "$(sample "xdp_lb_backend_open_connections$(of_service 192.168.178.15 8001 TCP 172.20.0.21 8001)")" -eq 0 ]
	[ "$(sample 'xdp_lb_map_entries{map="conntrack"}')" -eq 8 ]
	[ "$(sample 'xdp_lb_map_entries{map="seats"}')" -eq 4 ]
	diff <(lb --json nat stats | jq -r '.[] | "xdp_lb_nat_events_total{event=\"\(.name)\"} \(.connections)"') \
		<(grep ^xdp_lb_nat_events_total "$BATS_TEST_TMPDIR/text")
	diff <(expected) <(compared <"$BATS_TEST_TMPDIR/text")
	[ "$(lb flows | sort | head -1)" = "tcp 10.0.0.20:40001 > 192.168.178.15:8000 at 172.20.0.20:8000" ]
}

# entry FAMILY SOURCE DESTINATION PORT PORT VALUE: a TCP connection's, in the map of this family.
entry() {
	local map=conntrack key
	if [[ $1 == 4 ]]; then
		key=$(encode ipv4_key "${@:2:4}" tcp)
	else
		map=conntrack6 key=$(encode connection_key "${@:2:4}" tcp 6)
	fi
	# shellcheck disable=SC2086 # bytes
	on lb bpftool map update pinned "$MAPS/$map" key $key value $6
}

# connection CLIENT VIP OWN BACKEND: that has just been seen. Each of its two entries has the family of whose packets come.
connection() {
	local family client_family seen
	seen=$(($(cut -d . -f 1 /proc/uptime) * 1000000000))
	family_of "$1"
	client_family=$family
	family_of "$4"
	entry "$client_family" "$1" "$2" 40001 8000 "$(encode connection "$3" "$4" 20001 8000 1 request tcp "$family" 0 "$seen" 0 0 0)"
	entry "$family" "$4" "$3" 8000 20001 "$(encode connection "$2" "$1" 8000 40001 1 reply tcp "$client_family" 0 "$seen" 0 0 0)"
}

@test "NAT in both families and between them: connections, and entries of each map" {
	local map
	# shellcheck source=/dev/null
	. maps/all.sh
	lb detach eth0
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	lb attach nat eth0
	lb restore - <<<$'service tcp [2001:db8::15]:8000\nbackend 2001:db8:1::10\nbackend 172.20.0.20'
	connection 10.0.0.20 192.168.178.15 192.168.178.10 172.20.0.20
	connection 2001:db8:9::1 2001:db8::15 2001:db8::10 2001:db8:1::10
	connection 2001:db8:9::2 2001:db8::15 192.168.178.10 172.20.0.21
	connection 10.0.0.21 192.168.178.15 2001:db8::10 2001:db8:1::11
	diff <(lb flows | sort) - <<-'END'
		tcp 10.0.0.20:40001 > 192.168.178.15:8000 at 172.20.0.20:8000
		tcp 10.0.0.21:40001 > 192.168.178.15:8000 at [2001:db8:1::11]:8000
		tcp [2001:db8:9::1]:40001 > [2001:db8::15]:8000 at [2001:db8:1::10]:8000
		tcp [2001:db8:9::2]:40001 > [2001:db8::15]:8000 at 172.20.0.21:8000
	END
	lb metrics text >"$BATS_TEST_TMPDIR/text"
	run -0 promtool check metrics <"$BATS_TEST_TMPDIR/text"
	[ "$(sample xdp_lb_nat_connections)" -eq 4 ]
	for map in conntrack conntrack6; do
		[ "$(sample "xdp_lb_map_entries{map=\"$map\"}")" -eq "$(on lb bpftool -j map dump pinned "$MAPS/$map" | jq length)" ]
	done
	[ "$(sample 'xdp_lb_map_entries{map="conntrack"}')" -eq 4 ]
	[ "$(sample "xdp_lb_backend_weight$(of_service 2001:db8::15 8000 TCP 2001:db8:1::10 8000)")" -eq 1 ]
}

@test "checks: whether lb watch runs, how long they took, and which of them passed" {
	local health='remote_address="172.16.0.10",remote_port="53",check="udp \"a \\\"b\\\"\" x"'
	[ "$(sample xdp_lb_watch_running)" -eq 0 ]
	lb restore - <<-'END'
		service udp 192.168.178.15:53
		  check exec /bin/true interval 0.3
		  check udp "a \"b\"" x interval 0.3 timeout 0.1 fall 1
		  backend 172.16.0.10
		  backend 172.20.0.30 down
	END
	background lb scripts/lb watch
	wait_for 20 on lb test -s /run/xdp-lb/watch/durations
	wait_for 20 bash -c 'LAB='"$LAB"' scripts/node exec lb scripts/lb --json service show | jq -e ".[0].backends[0].health == \"failed\""'
	[ "$(sample xdp_lb_watch_running)" -eq 1 ]
	lb metrics text >"$BATS_TEST_TMPDIR/text"
	run -0 promtool check metrics <"$BATS_TEST_TMPDIR/text"
	grep -E '^xdp_lb_check_success\{.*172.16.0.10.*check="exec /bin/true"\} 1$' "$BATS_TEST_TMPDIR/text"
	grep -F "$health" "$BATS_TEST_TMPDIR/text" | grep -Eq '^xdp_lb_check_success.* 0$'
	grep -F "$health" "$BATS_TEST_TMPDIR/text" | grep -Eq '^xdp_lb_check_duration_seconds.* 0\.[1-9][0-9]*$'
	# failed by its checks, and set to down by a person
	[ "$(sample "xdp_lb_backend_state$(of_service 192.168.178.15 53 UDP 172.16.0.10 53)")" -eq 0 ]
	[ "$(sample "xdp_lb_backend_state$(of_service 192.168.178.15 53 UDP 172.20.0.30 53)")" -eq 2 ]
	diff <(expected | grep -v verdict) <(lb metrics text | compared | grep -v verdict) # probes go on
	on lb bash -c 'read -r pid </run/xdp-lb/watch/pid && kill $pid'
	wait_for 10 on lb bash -c '[[ ! -e /sys/class/net/lbprobe ]]'
	wait_for 10 on lb flock -n /run/xdp-lb/watch true
	[ "$(sample xdp_lb_watch_running)" -eq 0 ]
	[ "$(lb metrics text | grep -c "xdp_lb_check_duration_seconds{")" -eq 0 ]
}

@test "a backend with the decapsulator" {
	lb attach decap eth1
	lb metrics text >"$BATS_TEST_TMPDIR/text"
	grep -q 'xdp_lb_decap_packets_total{verdict="source_refused"} 0' "$BATS_TEST_TMPDIR/text"
	lb detach eth0
	lb metrics text >"$BATS_TEST_TMPDIR/text"
	run -0 promtool check metrics <"$BATS_TEST_TMPDIR/text"
	[ "$(grep -v ^# "$BATS_TEST_TMPDIR/text" | sed 's/[{].*//' | sort -u | paste -sd ' ')" = \
		"xdp_lb_decap_bytes_total xdp_lb_decap_packets_total xdp_lb_program_info" ]
	diff <(lb --json decap stats | jq -r '.[] | "xdp_lb_decap_packets_total{verdict=\"\(.name)\"} \(.packets)"') \
		<(grep ^xdp_lb_decap_packets_total "$BATS_TEST_TMPDIR/text")
	lb detach eth1
	refuses 1 "neither load balancer nor decap is loaded" metrics
	lb attach ipip eth0
}

# ask LINE...: an HTTP request.
ask() {
	printf '%s\r\n' "$@" "" | lb metrics http | tr -d '\r'
}

@test "HTTP: who asks for OpenMetrics gets it, others the text format, and what is no question for figures an answer, too" {
	run -0 ask "GET /metrics HTTP/1.1" "Host: lb" "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
	[ "${lines[0]}" = "HTTP/1.1 200 OK" ]
	[ "${lines[1]}" = "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8" ]
	[ "${lines[-1]}" = "# EOF" ]
	run -0 ask "GET /metrics HTTP/1.1" "Host: lb"
	[ "${lines[1]}" = "Content-Type: text/plain; version=0.0.4; charset=utf-8" ]
	[ "$(sed '1,/^$/d' <<<"$output" | wc -c)" -eq "$(sed -n 's/^Content-Length: //p' <<<"$output")" ]
	run -0 ask "GET /other HTTP/1.1" "Host: lb"
	[ "${lines[0]}" = "HTTP/1.1 404 Not Found" ]
	run -0 ask "POST /metrics HTTP/1.1" "Host: lb"
	[ "${lines[0]}" = "HTTP/1.1 405 Method Not Allowed" ]
	run -0 lb metrics http </dev/null
	[[ ${lines[0]} == "HTTP/1.1 405 "* ]]
	# who asks, and is gone before the answer comes, leaves nothing
	# shellcheck disable=SC2016 # expanded over there
	on lb env TMPDIR="$BATS_TEST_TMPDIR" bash -c 'set +o pipefail; printf "GET /metrics HTTP/1.1\r\n\r\n" | scripts/lb metrics http | true'
	[ -z "$(ls "$BATS_TEST_TMPDIR")" ]
	lb detach eth0
	run -0 --separate-stderr ask "GET /metrics HTTP/1.1"
	[ "${lines[0]}" = "HTTP/1.1 503 Service Unavailable" ]
	[[ ${lines[-1]} == *"neither load balancer nor decap is loaded"* ]]
	lb attach ipip eth0
	refuses 2 "unexpected word 'xml'" metrics xml
	refuses 2 "unexpected word 'now'" metrics text now
	refuses 2 "which file?" metrics file
}

@test "a file is there as a whole, and goes when there is nothing to say" {
	refuses 1 "there is no folder for the file /run/nowhere/xdp_lb.prom" metrics file /run/nowhere/xdp_lb.prom
	lb metrics file /run/textfile/xdp_lb.prom
	diff <(on lb cat /run/textfile/xdp_lb.prom) <(lb metrics text)
	[ "$(on lb stat -c %a /run/textfile/xdp_lb.prom)" = 644 ]
	lb detach eth0
	run -1 lb metrics file /run/textfile/xdp_lb.prom
	[ -z "$(on lb ls /run/textfile)" ]
	lb attach ipip eth0
}

# prometheus_has JOB: all samples of ours, as lb metrics prints them.
prometheus_has() {
	on lb curl -sS -G http://127.0.0.1:9090/api/v1/query --data-urlencode "query={__name__=~\"xdp_lb_.*\",job=\"$1\"}" |
		jq -r '.data.result[] | .value[1] as $value | .metric as $metric
			| "\(.metric.__name__)" + ([$metric | del(.__name__, .job, .instance) | to_entries[] | "\(.key)=\(.value)"] | sort | if . == [] then "" else "{\(join(","))}" end) + " \($value)"' | sort
}

# lb_has: the same of lb metrics.
lb_has() {
	lb metrics text | grep -v '^#' | jq -Rr 'capture("^(?<name>[a-z_]+)(?:[{](?<labels>.*)[}])? (?<value>.*)$")
		| .name + ([.labels // "" | scan("([a-z_]+)=\"((?:[^\"\\\\]|\\\\.)*)\"") | "\(.[0])=\(.[1])"] | sort | if . == [] then "" else "{\(join(","))}" end) + " \(.value)"' | sort
}

# same JOB: whether Prometheus has what lb has.
same() {
	diff <(prometheus_has "$1") "$BATS_FILE_TMPDIR/lb_has" >"$BATS_FILE_TMPDIR/difference"
}

@test "a real Prometheus gets every figure, by HTTP and by node_exporter" {
	local name
	send_some
	cat >"$BATS_FILE_TMPDIR/prometheus.yml" <<-END
		global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
		rule_files: ["$PWD/scripts/prometheus/xdp-lb.rules.yml"]
		scrape_configs:
		  - {job_name: http, static_configs: [{targets: ["127.0.0.1:9097"]}]}
		  - {job_name: file, static_configs: [{targets: ["127.0.0.1:9100"]}]}
	END
	background lb socat TCP-LISTEN:9097,bind=127.0.0.1,fork,reuseaddr EXEC:"scripts/lb metrics http"
	background lb prometheus-node-exporter --collector.disable-defaults --collector.textfile --collector.textfile.directory=/run/textfile \
		--web.listen-address=127.0.0.1:9100
	lb metrics file /run/textfile/xdp_lb.prom
	background lb prometheus --config.file="$BATS_FILE_TMPDIR/prometheus.yml" --storage.tsdb.path="$BATS_FILE_TMPDIR/tsdb" \
		--web.listen-address=127.0.0.1:9090
	lb_has >"$BATS_FILE_TMPDIR/lb_has"
	[ "$(wc -l <"$BATS_FILE_TMPDIR/lb_has")" -gt 100 ]
	wait_for 30 same http || { cat "$BATS_FILE_TMPDIR/difference" && false; }
	wait_for 30 same file || { cat "$BATS_FILE_TMPDIR/difference" && false; }
	# what it was told of them
	[ "$(on lb curl -sS -G http://127.0.0.1:9090/api/v1/metadata -d metric=xdp_lb_service_bytes_total | jq -r '.data[][0].type')" = counter ]
	# and no counter has fallen, though a backend has gone
	lb backend del tcp 192.168.178.15:8000 172.16.0.10
	lb_has >"$BATS_FILE_TMPDIR/lb_has"
	wait_for 30 same http || { cat "$BATS_FILE_TMPDIR/difference" && false; }
	for name in packets bytes service_packets service_bytes service_connections backend_packets; do
		[ "$(on lb curl -sS http://127.0.0.1:9090/api/v1/query -d "query=sum(resets(xdp_lb_${name}_total[5m]))" |
			jq -r '.data.result[0].value[1]')" = 0 ]
	done
	# it takes all of the alerts
	wait_for 30 bash -c "LAB=$LAB scripts/node exec lb curl -sS http://127.0.0.1:9090/api/v1/rules | jq -e '[.data.groups[].rules[] | select(.health != \"ok\")] == []'"
}

@test "alerts: each with its cause, and none without" {
	run -0 promtool check rules scripts/prometheus/xdp-lb.rules.yml
	run -0 promtool test rules tests/command/metrics_rules.yml
	# each of them is in that test
	diff <(sed -n 's/^ *- alert: //p' scripts/prometheus/xdp-lb.rules.yml | sort) \
		<(grep -A2 'alertname: \|exp_alerts' tests/command/metrics_rules.yml | sed -n 's/^ *alertname: //p' | sort -u)
}

# metric_names: all that lb metrics can print.
metric_names() {
	{
		sed -nE 's/.*(family|of_one|of_checks)\("([a-z_]+)", "gauge".*/\2/p; s/.*(of_one|of_checks)\("([a-z_]+)".*/\2/p
			s/.*(of_services|of_backends)\("([a-z_]+)", "gauge".*/\2/p
			s/.*(family|of_services|of_backends)\("([a-z_]+)", "counter".*/\2_total/p; s/.*of_verdicts\("([a-z_]+)".*/\1_total/p' scripts/lib/metrics.awk
	} | sed 's/^/xdp_lb_/' | sort -u
}

@test "the dashboard and the alerts ask for figures that there are, and Prometheus understands each question" {
	local expressions
	lb metrics text | sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' >"$BATS_TEST_TMPDIR/printed"
	[ -z "$(comm -23 <(sort "$BATS_TEST_TMPDIR/printed") <(metric_names))" ]
	expressions=$(jq -r '.. | .expr? // empty' scripts/prometheus/dashboard.json)
	[ "$(wc -l <<<"$expressions")" -ge 15 ]
	[ -z "$(comm -23 <({ echo "$expressions" && jq -r '.. | .query? // empty | .query? // .' scripts/prometheus/dashboard.json && cat scripts/prometheus/xdp-lb.rules.yml; } |
		grep -oE '\bxdp_lb_[a-z_]+' | sort -u) <(metric_names))" ]
	jq -r '.. | .expr? // empty' scripts/prometheus/dashboard.json | sed 's/\$__rate_interval/5m/g' |
		jq -Rn '{groups: [{name: "dashboard", rules: [inputs | {record: "a:b", expr: .}]}]}' >"$BATS_TEST_TMPDIR/rules.yml"
	run promtool check rules --lint=none "$BATS_TEST_TMPDIR/rules.yml"
	[ "$status" -eq 0 ]
}

@test "the units are well formed, and leave little" {
	local unit
	mkdir "$BATS_TEST_TMPDIR/units"
	for unit in scripts/systemd/xdp-lb-metrics*; do
		sed "s|/usr/sbin/lb|$PWD/scripts/lb|" "$unit" >"$BATS_TEST_TMPDIR/units/${unit##*/}"
	done
	run -0 systemd-analyze verify --man=no "$BATS_TEST_TMPDIR"/units/*
	[ -z "$output" ]
	for unit in "$BATS_TEST_TMPDIR"/units/*.service; do
		systemd-analyze security --offline=true --threshold=35 "$unit" >/dev/null
	done
}
