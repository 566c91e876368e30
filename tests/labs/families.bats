#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Every family over every family, in every tunnel: requests, datagrams, and 100 MB in each direction, with the default MTU
# of 1500 everywhere. One playground, in which the program is changed. (Health checks: tests/command/watch_families.bats.)

load ../lib/helper

requests=200 megabytes=100
vips=([4]=192.168.178.15 [6]=2001:db8:178::15)
behind_router=([4]=172.16.0.10 [6]=2001:db8:172::10)
on_the_network=([4]=192.168.178.11 [6]=2001:db8:178::11)

# A backend's servers. Datagrams are answered from the address that a server is bound to.
serve_all() {
	local port address
	for port in 8004 8006; do background "$1" tests/lib/server.py http :: $port; done
	for address in "${@:2}" "${vips[@]}"; do
		for port in 9004 9006; do background "$1" tests/lib/server.py udp "$address" $port; done
	done
	wait_for 20 on "$1" curl -s -o /dev/null http://127.0.0.1:8006/bytes/1
	# shellcheck disable=SC2016 # expanded over there
	wait_for 20 on "$1" bash -c '[[ $(ss -Hlun | wc -l) -eq $1 ]]' - $((2 * $# + 2))
}

setup_file() {
	local node
	scripts/node destroy --all
	scripts/node create gateway eth0=lan:192.168.178.2/24,2001:db8:178::2/64 eth1=wan:10.0.0.2/16,2001:db8:10::2/64 \
		eth2=dc:172.16.0.2/24,2001:db8:172::2/64
	scripts/node create lb eth0=lan:192.168.178.10/24,2001:db8:178::10/64 via 192.168.178.2 via 2001:db8:178::2
	scripts/node create client eth0=wan:10.0.0.20/16,2001:db8:10::20/64 via 10.0.0.2 via 2001:db8:10::2
	scripts/node create backend-01 eth0=dc:172.16.0.10/24,2001:db8:172::10/64 via 172.16.0.2 via 2001:db8:172::2
	scripts/node create backend-02 eth0=lan:192.168.178.11/24,2001:db8:178::11/64 via 192.168.178.2 via 2001:db8:178::2
	for node in lb gateway; do
		on $node sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=2
	done
	on lb ip addr add 192.168.178.15/32 dev eth0
	on lb ip addr add 2001:db8:178::15/128 dev eth0 nodad
	for node in backend-01 backend-02; do
		on $node sysctl -qw net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.arp_announce=2
		on $node ip addr add 192.168.178.15/32 dev lo
		on $node ip addr add 2001:db8:178::15/128 dev lo
	done
	on backend-01 scripts/lb attach decap eth0
	for address in 192.168.178.10 2001:db8:178::10; do on backend-01 scripts/lb decap add lb $address; done
	for address in "${behind_router[@]}"; do on backend-01 scripts/lb decap add host "$address" ipip gre fou gue; done
	for address in "${vips[@]}"; do on backend-01 scripts/lb decap add vip "$address"; done
	serve_all backend-01 "${behind_router[@]}"
	serve_all backend-02 "${on_the_network[@]}"
	on backend-01 curl -s http://127.0.0.1:8004/bytes/${megabytes}000000 | sha256sum >"$BATS_FILE_TMPDIR/sum"
	head -c ${megabytes}000000 /dev/urandom >"$BATS_FILE_TMPDIR/upload"
	sha256sum <"$BATS_FILE_TMPDIR/upload" | cut -d' ' -f1 >"$BATS_FILE_TMPDIR/upload.sum"
	printf '%-8s %-5s %-8s %9s %9s %12s %12s\n' program VIP backend "TCP /$requests" "UDP /$requests" \
		"$megabytes MB down" "$megabytes MB up" >"$BATS_FILE_TMPDIR/table"
}

teardown_file() {
	sed 's/^/# /' "$BATS_FILE_TMPDIR/table" >&3
	scripts/node destroy --all
}

# services MODE BACKEND4 BACKEND6: the program runs, with four services: port 8004 of either VIP has the backend of IPv4,
# 8006 that of IPv6; so have 9004 and 9006 for datagrams.
services() {
	local family of
	! has_xdp eth0 || lb detach eth0
	lb attach "$1" eth0
	for family in 4 6; do
		for of in 4 6; do
			echo "service tcp $(bracketed "${vips[family]}"):800$of"$'\n'"backend ${*:of/2:1}"
			echo "service udp $(bracketed "${vips[family]}"):900$of"$'\n'"backend ${*:of/2:1}"
		done
	done | lb restore -
}

# transfer SUM COMMAND...: "ok" and how many seconds it took, or what was wrong.
transfer() {
	local started=${EPOCHREALTIME/[.,]/} got ms
	got=$("${@:2}" 2>&1 | sed 's/ .*//') || true
	ms=$(((${EPOCHREALTIME/[.,]/} - started) / 1000))
	if [[ $got == "$1" ]]; then printf 'ok %d.%d s' $((ms / 1000)) $((ms % 1000 / 100)); else echo "WRONG (${got::30})"; fi
}
downloaded() {
	on client curl -sS --max-time 60 "$1/bytes/${megabytes}000000" | sha256sum
}
uploaded() {
	on client curl -sS --max-time 60 -T "$BATS_FILE_TMPDIR/upload" "$1/"
}

# forget: nobody knows of an MTU that is smaller than that of the own cable.
forget() {
	local node
	for node in client backend-01 backend-02; do
		on $node ip route flush cache
		on $node ip -6 route flush cache
	done
}

# cell MODE VIP_FAMILY BACKEND_FAMILY: one line of the table. Fails if anything did.
cell() {
	local vip=${vips[$2]} url answered tcp udp down up line
	url="http://$(bracketed "$vip"):800$3"
	forget
	answered=$BATS_TEST_TMPDIR/answered
	on client tests/lib/server.py ask-udp "$vip" "900$3" $requests >"$answered" 3>&- &
	tcp=$(on client curl -s --max-time 30 -o /dev/null -w '%{http_code}\n' "$url/[1-$requests]/bytes/100" | grep -c 200) || true
	wait $! || true
	udp=$(jq '[to_entries[] | select(.key | startswith("backend-")).value] | add // 0' "$answered")
	down=$(transfer "$(cut -d' ' -f1 "$BATS_FILE_TMPDIR/sum")" downloaded "$url")
	up=$(transfer "$(<"$BATS_FILE_TMPDIR/upload.sum")" uploaded "$url")
	line=$(printf '%-8s %-5s %-8s %9s %9s %12s %12s' "$1" "IPv$2" "IPv$3" "$tcp" "$udp" "$down" "$up")
	echo "$line" | tee -a "$BATS_FILE_TMPDIR/table"
	[[ "$tcp $udp $down $up" == "$requests $requests ok"*"ok"* ]] && [[ $line != *WRONG* ]]
}

# table MODE BACKEND4 BACKEND6: four lines of it.
table() {
	local family of failed=0
	services "$@"
	for family in 4 6; do
		for of in 4 6; do
			cell "$1" $family $of || failed=1
		done
	done
	if [ $failed -ne 0 ]; then
		lb stats
		on backend-01 scripts/lb decap stats
	fi
	[ $failed -eq 0 ]
}

@test "IPIP: 4in4, 6in6, 4in6, 6in4" {
	table ipip "${behind_router[@]}"
}

@test "GRE: IPv4 and IPv6 in IPv4 and IPv6" {
	table gre "${behind_router[@]}"
}

@test "FOU: IPv4 and IPv6 in IPv4 and IPv6" {
	table fou "${behind_router[@]}"
}

@test "GUE: IPv4 and IPv6 in IPv4 and IPv6" {
	table gue "${behind_router[@]}"
}

@test "L2 DSR: VIPs and backends of either family" {
	table l2dsr "${on_the_network[@]}"
}

@test "NAT: NAT44, NAT64, NAT46, NAT66" {
	table nat "${behind_router[@]}"
}
