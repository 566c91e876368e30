# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the test files share: loaded first in each of them.

bats_require_minimum_version 1.5.0
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
# Every file has a lab of its own, so that it disturbs no other file and no lab that a person has set up.
LAB=test-$(basename "$BATS_TEST_FILENAME" .bats | tr _ -)
export LAB
unset LAB_ENV DECAP MODE FAMILY TUNNEL
# What is sorted here, and how decimals are written, is compared.
export LC_ALL=C.UTF-8
export MAPS=/sys/fs/bpf/xdp/globals # where `ip link set xdp` pins them

# shellcheck source=tests/lib/node.bash
. tests/lib/node.bash

# background NODE COMMAND...: starts a server on a node; it ends with the node.
background() {
	scripts/node exec "$1" setsid "${@:2}" </dev/null >/dev/null 2>&1 3>&- &
}

# as_nobody COMMAND...: runs one of our scripts as a user who is not root. Such a user may not be able to read the
# repository where it is (below /root, say): they get a copy, on an empty place of a mount namespace.
as_nobody() {
	# shellcheck disable=SC2016 # expanded over there
	unshare --mount bash -ec 'mount -t tmpfs tmpfs /mnt
		cp -r bpf labs maps scripts /mnt
		chmod -R a+rX /mnt
		cd /mnt
		exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"' - "$@"
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local end=$((SECONDS + $1 * 4))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS <= end)) || return 1
		sleep 0.05
	done
}

# has_xdp DEV: whether a program runs on a device of the node lb.
has_xdp() {
	on lb ip -j -d link show dev "$1" | jq -e '.[0].xdp' >/dev/null
}

# packet IN ACTION COUNTER [OUT]: sends one frame through the program on the lb's eth0, and expects
# an XDP action, one count in one counter and nowhere else, and a frame: Python expressions over
# scapy and the words of tests/lib/packet.py. Without OUT the frame must stay as it was.
packet() {
	packets eth0 <<<"$1"$'\n'"=> ${*:2}"
}

# packets [DEV]: reads several frames from standard input and sends them one after the other, until one goes wrong.
# Each has two lines, or one if it is short:
#	IN
#	=> ACTION COUNTER [OUT]
packets() {
	local answer
	packet_server
	{
		echo "${1-eth0}"
		cat
	} | timeout 60 tee "$BATS_FILE_TMPDIR/requests" >/dev/null # which opens a pipe: that waits for the server
	mapfile -t answer < <(timeout 60 cat "$BATS_FILE_TMPDIR/answers")
	[[ ${answer[-1]-nothing} == right ]] || {
		printf '%s\n' "${answer[@]}"
		false
	}
}

# packet_server: one tests/lib/packet.py for the node lb, started when the first frame is to be sent. It ends with the
# node.
packet_server() {
	! packet_server_runs || return 0
	rm -f "$BATS_FILE_TMPDIR/requests" "$BATS_FILE_TMPDIR/answers"
	mkfifo "$BATS_FILE_TMPDIR/requests" "$BATS_FILE_TMPDIR/answers"
	background lb tests/lib/packet.py serve "$BATS_FILE_TMPDIR/requests" "$BATS_FILE_TMPDIR/answers"
	echo $! >"$BATS_FILE_TMPDIR/packet_server"
}

# packet_server_runs: with its file of requests on the command line. (A number alone may be that of another process by now.)
packet_server_runs() {
	local words
	[[ -e $BATS_FILE_TMPDIR/packet_server ]] || return 1
	mapfile -d '' -t words <"/proc/$(<"$BATS_FILE_TMPDIR/packet_server")/cmdline"
	[[ " ${words[*]} " == *" $BATS_FILE_TMPDIR/requests "* ]]
} 2>/dev/null

# tcp_and_udp VIP:PORT BACKEND: two services, as lb restore reads them.
tcp_and_udp() {
	printf 'service %s %s\nbackend %s\n' tcp "$1" "$2" udp "$1" "$2"
}

# What the labs' tests ask: the VIP. Those of IPv6 set another one.
vip=192.168.178.15

# bracketed ADDRESS: as it is written in front of a port.
bracketed() {
	if [[ $1 == *:* ]]; then echo "[$1]"; else echo "$1"; fi
}

# set_up_lab NAME: runs the lab's setup.sh, and keeps what it prints in setup.out.
set_up_lab() {
	"labs/$1/setup.sh" >"$BATS_FILE_TMPDIR/setup.out" 2>&1 || {
		cat "$BATS_FILE_TMPDIR/setup.out"
		false
	}
}

# add_servers BACKEND_ADDRESS...: beside a lab's own web server, one that takes uploads (VIP:8080) and
# one for UDP (VIP:9000) on every backend.
add_servers() {
	local service address i=0
	for service in tcp:8080 udp:9000; do
		lb service add "${service%:*}" "$(bracketed "$vip"):${service#*:}"
		for address; do
			lb backend add "${service%:*}" "$(bracketed "$vip"):${service#*:}" "$address"
		done
	done
	for address; do
		i=$((i + 1))
		background "backend-0$i" tests/lib/server.py http "$([[ ! -e /proc/sys/net/ipv6 ]] || echo ::)" 8080
		# UDP answers come from the address that the server is bound to
		if on "backend-0$i" ip addr show dev lo | grep -qF "$vip/"; then
			background "backend-0$i" tests/lib/server.py udp "$vip" 9000
		else
			background "backend-0$i" tests/lib/server.py udp "$address" 9000
		fi
		wait_for 10 on "backend-0$i" curl -s -o /dev/null http://127.0.0.1:8080/bytes/1
	done
}

# ---- For the tests of scripts/lb, on a node as one_load_balancer makes it. ----

# state: everything that a command could have changed. Of neighbours, these are those that somebody has put there: others come and
# go as the kernel likes.
state() {
	# shellcheck disable=SC2016 # expanded over there
	on lb bash -c '
		ip -d link show eth0 | sed "s/prog.xdp.*//"
		ip -j -d link | jq ".[].xdp.prog.id"
		ip neigh show nud permanent
		ip neigh | grep managed | cut -d " " -f 1-3
		ip route; find /sys/fs/bpf | sort
		cd /sys/fs/bpf/xdp/globals || exit 0
		for map in services load_balancer decap_addresses; do
			[[ ! -e $map ]] || bpftool -j map dump pinned "$PWD/$map"
		done
		# of the large ones, what comes first
		[[ ! -e slots ]] || printf "map lookup pinned $PWD/%s 0 0 0\n" {backends,slots}" key "{0..15} | bpftool batch file -' 2>/dev/null
}

# refuses STATUS TEXT ARGUMENT...: the command fails with this status and says this, and nothing changed.
refuses() {
	local before
	before=$(state)
	run "-$1" lb "${@:3}"
	# shellcheck disable=SC2154 # output is run's
	[[ $output == *"$2"* ]] || {
		echo "said: $output"
		echo "expected: $2"
		false
	}
	diff <(echo "$before") <(state)
}

# managed ADDRESS: whether the kernel keeps this neighbour's MAC address known.
managed() {
	on lb ip neigh show "$1" | grep -q managed
}

# loaded: one service with one backend.
loaded() {
	lb attach ipip eth0
	lb restore - <<<$'service tcp 192.168.178.15:8000\nbackend 172.16.0.10'
}

# listed_id ADDRESS: the id of the last backend with this address.
listed_id() {
	on lb awk -v address="$1" '$3 == address { id = $2 } END { print id }' /sys/fs/bpf/xdp/lists/backends
}

# probes_come_from DEV: what lb watch would tell the programs.
probes_come_from() {
	local value
	mapfile -t value < <(on lb bpftool -j map lookup pinned "$MAPS/load_balancer" key 0 0 0 0 | jq -r '.value[]')
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/load_balancer" key 0 0 0 0 \
		value "${value[@]:0:56}" $(. maps/all.sh && u32 "$(on lb cat "/sys/class/net/$1/ifindex")") "${value[@]:60}"
}

# answers_go_to_the_prober: a test's body, for every program whose probes go to the VIP.
answers_go_to_the_prober() {
	probes_come_from eth1
	packets <<-END
		came()/client(src=VIP,dst=LB)/TCP(sport=8000,dport=61000,flags="SA")
		=> redirect probe_answer to_prober()/client(src=VIP,dst=LB)/TCP(sport=8000,dport=61000,flags="SA")
		came()/client(src=VIP,dst=LB)/UDP(sport=8000,dport=65095)/"x"
		=> redirect probe_answer to_prober()/client(src=VIP,dst=LB)/UDP(sport=8000,dport=65095)/"x"
		came(7)/client(src=VIP,dst=LB)/TCP(sport=8000,dport=61000)
		=> redirect probe_answer to_prober()/client(src=VIP,dst=LB)/TCP(sport=8000,dport=61000)
		came()/client(src=VIP,dst=LB)/TCP(sport=8000,dport=60999) => pass not_ours
		came()/client(src=VIP,dst=LB)/TCP(sport=8000,dport=65096) => pass not_ours
		came()/client(dst=LB)/TCP(sport=8000,dport=61000) => pass not_ours
		came()/client(src=VIP,dst="192.168.178.9")/TCP(sport=8000,dport=61000) => pass not_ours
		came()/client(src=VIP,dst=LB,flags=0,frag=3)/Raw("x"*16) => pass not_ours
		came()/client(src=VIP,dst=LB,len=41)/TCP(sport=8000,dport=61000) => pass not_ours
		came()/client(src="10.0.0.2",dst=LB)/ICMP(type=3,code=3)/quote(client(src=LB)/TCP(sport=61000,dport=8000)) => pass not_ours
	END
	lb set address 192.168.178.10 # which changes nothing else
	packet 'came()/client(src=VIP,dst=LB)/TCP(sport=8000,dport=61000)' redirect probe_answer \
		'to_prober()/client(src=VIP,dst=LB)/TCP(sport=8000,dport=61000)'
}

# ---- What every lab must do. Each function is a test's body. ----

answers_1000_requests() {
	local answers first
	answers=$(on client curl -sS --max-time 60 "http://$(bracketed "$vip"):8000/?[1-1000]")
	[ "$(grep -c "^Hello from" <<<"$answers")" -eq 1000 ]
	first=$(grep -c "backend-01" <<<"$answers")
	echo "backend-01: $first"
	[ "$first" -ge 400 ]
	[ "$first" -le 600 ]
}

downloads_100_mb() {
	local want got
	want=$(on backend-01 curl -sS http://127.0.0.1:8080/bytes/100000000 | sha256sum)
	got=$(on client curl -sS --max-time 120 "http://$(bracketed "$vip"):8080/bytes/100000000" | sha256sum)
	[ "$got" = "$want" ]
}

# uploads BYTES
uploads() {
	head -c "$1" /dev/urandom >"$BATS_TEST_TMPDIR/upload"
	[ "$(on client curl -sS --max-time 60 -T "$BATS_TEST_TMPDIR/upload" "http://$(bracketed "$vip"):8080/")" = \
		"$(sha256sum <"$BATS_TEST_TMPDIR/upload" | cut -d' ' -f1)" ]
}

# shellcheck disable=SC2154 # output is run's
answers_1000_datagrams() {
	run -0 on client tests/lib/server.py ask-udp "$vip" 9000 1000
	echo "$output"
	[ "$(jq '."backend-01" + ."backend-02"' <<<"$output")" -eq 1000 ]
	[ "$(jq 'length' <<<"$output")" -eq 2 ]
	[ "$(jq '."backend-01" >= 400 and ."backend-02" >= 400' <<<"$output")" = true ]
}

# 2000 bytes in fragments of 1400, because the client's route says so.
answers_fragmented_datagrams() {
	local gateway
	gateway=$(on client ip -j route get "$vip" | jq -r '.[0].gateway')
	on client ip route replace default via "$gateway" mtu lock 1400
	run -0 on client python3 -c '
import socket, sys
vip = sys.argv[1]
family, level, option = (socket.AF_INET6, 41, 23) if ":" in vip else (socket.AF_INET, 0, 10)
for i in range(20):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.setsockopt(level, option, 0) # MTU_DISCOVER: PMTUDISC_DONT
        s.settimeout(3)
        s.sendto(b"x" * 2000, (vip, 9000))
        answer, source = s.recvfrom(65536)
        assert source[:2] == (vip, 9000) and answer.endswith(b":" + b"x" * 2000), answer
' "$vip"
	on client ip route replace default via "$gateway"
}

# log_names ADDRESS: every backend's web server must have logged this client and no other, apart from itself.
log_names() {
	local backend
	# shellcheck disable=SC2016 # awk's
	for backend in backend-01 backend-02; do
		[ "$(on $backend awk -v mine="$(on $backend hostname -I)" \
			'/GET/ && !index(mine, $1) { print $1 }' /run/xdp-lb/http.log | sort -u)" = "$1" ]
	done
}

# outlives_a_link_flap: the load balancer's cable is out for a moment. After `lb refresh` every request is answered.
outlives_a_link_flap() {
	local answers
	on switch ip link set lb.eth0 down
	wait_for 5 on lb bash -c '[[ $(cat /sys/class/net/eth0/carrier) -eq 0 && -z $(ip neigh show dev eth0 nud reachable) ]]'
	on switch ip link set lb.eth0 up
	wait_for 5 on lb bash -c '[[ $(cat /sys/class/net/eth0/carrier) -eq 1 ]]'
	run -0 lb refresh
	# shellcheck disable=SC2154 # output is run's
	[ -z "$output" ]
	answers=$(on client curl -sS --max-time 5 "http://$(bracketed "$vip"):8000/?[1-30]")
	[ "$(grep -c "^Hello from" <<<"$answers")" -eq 30 ]
}
