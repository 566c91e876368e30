#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The package and its units under a real systemd, from installing to purging. Each test goes on where the one before it
# has ended. Client, load balancer and two backends (IPIP) are on one network.

load ../lib/helper
load ../lib/chats

setup_file() {
	local lacks
	lacks=$(tests/lib/boot.sh can) || skip "the kernel has $lacks"
	scripts/node destroy --all
	scripts/node create lb eth0=lan:192.168.178.10/24 eth1=dc:172.20.0.10/24
	scripts/node create client eth0=lan:192.168.178.20/24
	local i
	for i in 1 2; do
		scripts/node create backend-0$i eth0=lan:192.168.178.1$i/24
		printf '%s\n' "attach decap eth0" "vip 192.168.178.15 dev lo" "decap add lb 192.168.178.10" \
			"decap add host 192.168.178.1$i" "decap add vip 192.168.178.15" >"$BATS_FILE_TMPDIR/decap$i"
		on backend-0$i scripts/lb start "$BATS_FILE_TMPDIR/decap$i"
		background backend-0$i tests/lib/connections.py serve 0.0.0.0 7000
	done
	packages
	power_on
}

teardown_file() {
	scripts/node destroy --all
	tests/lib/boot.sh clean "$LAB"
}

setup() {
	# shellcheck disable=SC2034 # chats.bash looks at them
	chats=() expected=0
}

# packages: three versions in $BATS_FILE_TMPDIR: 1; 2, whose program is another one; and 3, whose maps are, too.
packages() {
	local tree=$BATS_FILE_TMPDIR/tree n
	mkdir "$tree"
	cp -r --preserve=timestamps bpf headers maps scripts labs Makefile "$tree"
	for n in 1 2 3; do
		[ $n -ne 2 ] || make -s -C "$tree" -W bpf/xdp_ipip.c CFLAGS=-mcpu=v2 bpf/xdp_ipip.o
		[ $n -ne 3 ] || make -s -C "$tree" -W bpf/xdp_ipip.c CFLAGS=-DMAX_SLOTS=2097152 bpf/xdp_ipip.o
		make -s -C "$tree" deb VERSION=$n >/dev/null
		cp "$tree"/xdp-lb_${n}_*.deb "$BATS_FILE_TMPDIR/$n.deb"
	done
}

# power_on: boots, and waits until that is done.
power_on() {
	on lb setsid tests/lib/boot.sh up "$LAB" </dev/null >"$BATS_FILE_TMPDIR/boot.log" 2>&1 3>&- &
	wait_for 30 is_up || {
		cat "$BATS_FILE_TMPDIR/boot.log"
		booted systemctl --no-pager --failed
		false
	}
}

# booted COMMAND...: on the machine that was booted.
booted() {
	on lb tests/lib/boot.sh in "$LAB" "$@"
}

is_up() {
	[[ $(booted systemctl is-system-running) =~ ^(running|degraded)$ ]]
}

is_down() {
	[[ -z $(on lb ps -o pid= --ppid "$(on lb cat "/run/$LAB/pid")") ]]
}

# put FILE: standard input to a file in /etc/xdp-lb.
put() {
	booted sh -c "cat >/etc/xdp-lb/$1"
}

# install_version N: with dpkg, as root would. (The index of man pages takes seconds, and is not ours.)
install_version() {
	booted sh -c 'cat >/tmp/it.deb && dpkg --no-triggers -i /tmp/it.deb 2>&1' <"$BATS_FILE_TMPDIR/$1.deb"
}

# journal UNIT: what lb has said there, since mark was called.
journal() {
	booted journalctl --sync
	booted journalctl --no-pager -o cat -t lb -u "$1" --since "@$(<"$BATS_FILE_TMPDIR/mark")"
}

# mark: where the journal shall be read from.
mark() {
	booted journalctl --sync
	sleep 0.01
	printf '%s' "${EPOCHREALTIME/,/.}" >"$BATS_FILE_TMPDIR/mark"
}

# traces: all that the package could leave on the machine.
traces() {
	# shellcheck disable=SC2016 # expanded over there
	booted bash -c 'find /etc /usr/sbin /usr/lib/systemd /lib/systemd /usr/lib/xdp-lb /usr/share/doc/xdp-lb \
			/usr/share/man/man8 /usr/share/bash-completion /var/lib/systemd /var/lib/dpkg/info /run/xdp-lb 2>/dev/null | sort
		ls /var/lib/prometheus/node-exporter 2>/dev/null
		find /sys/fs/bpf -type f # folders are of iproute2
		ip -4 -br addr; ip -j -d link | jq -c ".[].xdp.prog.id"; ip neigh show nud permanent; ip neigh | grep managed
		grep -r . /proc/sys/net/ipv4/conf /proc/sys/net/ipv4/ip_forward 2>/dev/null'
}

# program: the tag of the program on eth0.
program() {
	booted bash -c 'bpftool -j prog show id "$(ip -j -d link show eth0 | jq ".[0].xdp.prog.id")" | jq -r .tag'
}

main_pid() {
	booted systemctl show -P MainPID xdp-lb-watch
}

# watched_by_another PID: lb watch is ready, and it is not this process.
watched_by_another() {
	[[ $(booted systemctl is-active xdp-lb-watch) == active && $(main_pid) != "$1" ]]
}

# meanwhile COMMAND...: every connection has its answers before, while and after a command runs. Sets output.
meanwhile() {
	local running
	all_answer
	"$@" >"$BATS_TEST_TMPDIR/meanwhile" 2>&1 3>&- &
	running=$!
	while kill -0 $running 2>/dev/null; do all_answer; done
	status=0
	wait $running || status=$?
	output=$(<"$BATS_TEST_TMPDIR/meanwhile")
	all_answer
}

@test "the package is installed: nothing is started, and a start without a configuration says in one line why" {
	traces >"$BATS_FILE_TMPDIR/before"
	install_version 1
	[ "$(booted systemctl is-enabled xdp-lb xdp-lb-watch xdp-lb-decap | uniq)" = disabled ]
	mark
	run -1 booted systemctl start xdp-lb
	[ "$(journal xdp-lb)" = "/etc/xdp-lb/config: it says nothing; write what this machine is, like: attach ipip eth0" ] || {
		journal xdp-lb
		false
	}
	put config <<<$'attach ipip eth0\nattach nat eth7'
	mark
	run -1 booted systemctl start xdp-lb
	journal xdp-lb
	[ "$(journal xdp-lb)" = "/etc/xdp-lb/config:2: there is no device eth7; 'ip -br link' lists those that are there" ]
	run ! has_xdp eth0
	[ ! "$(booted ls /run/xdp-lb/started)" ]
}

@test "systemd-analyze finds nothing in the units, and little that they may do without need" {
	local unit
	for unit in xdp-lb-metrics.socket xdp-lb-metrics.timer; do
		run -0 booted systemd-analyze verify --man=no /lib/systemd/system/$unit
		[ -z "$output" ]
	done
	for unit in xdp-lb xdp-lb-watch xdp-lb-decap xdp-lb-metrics xdp-lb-metrics@; do
		run -0 booted systemd-analyze verify --man=no /lib/systemd/system/$unit.service
		[ -z "$output" ]
		unit=${unit/%@/@x}
		booted systemd-analyze security --no-pager "$unit" | tail -1
		booted systemd-analyze security --no-pager --threshold=35 "$unit" >/dev/null
	done
}

@test "a boot: packets are balanced before xdp-lb is active" {
	put config <<-'END'
		attach ipip eth0
		set window 60
		key key
		restore services
		vip 192.168.178.15 dev eth0
	END
	put services <<-'END'
		service tcp 192.168.178.15:7000
		  check tcp interval 0.5
		  backend 192.168.178.11
		  backend 192.168.178.12
	END
	booted sh -c "umask 077; printf '%064d\n' 7 >/etc/xdp-lb/key"
	booted sh -c 'cat >/etc/systemd/system/after.service' <<-'END'
		[Unit]
		After=xdp-lb.service
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=sh -c 'lb service show >/run/after; ip addr show eth0 >>/run/after'
		[Install]
		WantedBy=multi-user.target
	END
	booted systemctl --quiet enable xdp-lb xdp-lb-watch after
	booted systemctl --no-block poweroff
	wait_for 20 is_down
	power_on
	booted cat /run/after | grep "backend 192.168.178.11"
	booted journalctl --sync
	booted journalctl --no-pager -o json DEVICE=eth0 | jq -r '"\(.OLD) > \(.NEW)"' | grep -x "none > xdp_ipip"
	booted cat /run/after | grep 192.168.178.15/32
	[ "$(booted systemctl is-active xdp-lb xdp-lb-watch | uniq)" = active ]
	[ "$(booted lb --json show | jq -c '[.window, .hash_key[-1]]')" = "[60,7]" ]
	[ "$(booted cat /proc/sys/net/ipv4/conf/eth0/forwarding)" -eq 1 ]
	wait_for 10 booted sh -c '[ "$(lb service show | grep -c "# healthy")" -eq 2 ]'
	open_chats 20000 20 192.168.178.20
	hang_up
}

@test "kill -9 of everything: packets go on, and lb watch is back" {
	local pid
	open_chats 21000 50 192.168.178.20
	pid=$(main_pid)
	[ "$pid" -ne 0 ]
	meanwhile booted systemctl kill --signal=KILL xdp-lb-watch xdp-lb
	wait_for 20 watched_by_another "$pid"
	meanwhile booted sh -c "kill -KILL $(main_pid)"
	wait_for 20 booted sh -c '[ "$(lb service show | grep -c "# healthy")" -eq 2 ]'
	hang_up
}

# lines FIELD=VALUE...: what the journal has of that since mark was called, as "OLD > NEW".
lines() {
	booted journalctl --sync
	booted journalctl --no-pager -o json --since "@$(<"$BATS_FILE_TMPDIR/mark")" "$@" | jq -r '"\(.OLD) > \(.NEW)"'
}

# said UNIT FIELD=VALUE... TEXT: one of these lines is the text.
said() {
	lines "${@:1:$#-1}" | grep -qx "${!#}"
}

@test "the journal: what commands and lb watch have changed, by service and backend" {
	mark
	wait_for 20 booted systemctl is-active xdp-lb-watch
	booted lb backend set tcp 192.168.178.15:7000 192.168.178.12 weight 2
	[ "$(lines SERVICE="tcp 192.168.178.15:7000" BACKEND=192.168.178.12:7000)" = "weight 1 up healthy > weight 2 up healthy" ]
	run -1 booted lb backend set tcp 192.168.178.15:7000 192.168.178.19 down
	booted journalctl --sync
	booted journalctl --no-pager -o json --since "@$(<"$BATS_FILE_TMPDIR/mark")" BACKEND=192.168.178.19:7000 | jq -r .WHY |
		grep "192.168.178.19:7000 is no backend of"
	on backend-02 ip addr del 192.168.178.15/32 dev lo
	wait_for 20 said -u xdp-lb-watch BACKEND=192.168.178.12:7000 "healthy > failed"
	on backend-02 ip addr add 192.168.178.15/32 dev lo
	wait_for 20 said -u xdp-lb-watch BACKEND=192.168.178.12:7000 "failed > healthy"
	booted lb backend set tcp 192.168.178.15:7000 192.168.178.12 weight 1
}

@test "BIRD, which runs as another user, is told by lb watch what to announce; when that unit stops, it withdraws" {
	announced() {
		booted birdc show route | grep '^192.168.178.15/32'
	}
	booted sh -c 'cp /etc/xdp-lb/bird.conf /etc/bird/bird.conf && systemctl start bird'
	[ "$(booted stat -c %U /run/bird/bird.ctl)" = bird ]
	run ! announced
	booted lb set announce withdraw
	wait_for 20 announced
	booted systemctl stop xdp-lb-watch
	run ! announced
	booted systemctl start xdp-lb-watch
	wait_for 20 announced
	booted lb set announce off
	wait_for 20 eval '! announced'
	booted systemctl stop bird
}

@test "figures: by the socket, and by the timer" {
	booted systemctl start xdp-lb-metrics.socket xdp-lb-metrics.timer
	wait_for 20 booted systemctl is-active xdp-lb-watch
	booted curl -sS --max-time 20 -H "Accept: application/openmetrics-text; version=1.0.0" http://127.0.0.1:9097/metrics >"$BATS_TEST_TMPDIR/metrics"
	[ "$(tail -1 "$BATS_TEST_TMPDIR/metrics")" = "# EOF" ]
	grep -F 'remote_address="192.168.178.12"' "$BATS_TEST_TMPDIR/metrics" | grep xdp_lb_backend_packets_total
	grep -x "xdp_lb_watch_running 1" "$BATS_TEST_TMPDIR/metrics"
	wait_for 20 booted test -s /var/lib/prometheus/node-exporter/xdp_lb.prom
	booted cat /var/lib/prometheus/node-exporter/xdp_lb.prom | promtool check metrics
	booted systemctl stop xdp-lb-metrics.socket
	booted systemctl enable xdp-lb-metrics.timer
}

@test "a reload under 200 connections breaks none; with a mistake in a file it changes nothing" {
	local before
	open_chats 22000 200 192.168.178.20
	put services <<-'END'
		service tcp 192.168.178.15:7000
		  check tcp interval 0.5
		  backend 192.168.178.11 weight 3
		  backend 192.168.178.12
		service udp 192.168.178.15:53
		  backend 192.168.178.11
	END
	before=$(program)
	meanwhile booted systemctl reload xdp-lb
	[ "$status" -eq 0 ]
	booted lb service show | grep -q "192.168.178.11 weight 3"
	booted lb service show | grep -q "^service udp"
	before=$(booted lb save)
	booted sh -c 'echo "service tcp 192.168.178.15:7000" >>/etc/xdp-lb/services'
	mark
	meanwhile booted systemctl reload xdp-lb
	[ "$status" -ne 0 ]
	[ "$(journal xdp-lb)" = "/etc/xdp-lb/services:7: service tcp 192.168.178.15:7000 is there twice" ]
	[ "$(booted lb save)" = "$before" ]
	[ "$(booted systemctl is-active xdp-lb)" = active ]
	booted sed -i '$d' /etc/xdp-lb/services
	hang_up
}

@test "an upgrade under 200 connections: another program, the same maps; one with other maps waits for a restart" {
	local tag ids pid
	open_chats 23000 200 192.168.178.20
	tag=$(program) pid=$(main_pid)
	ids=$(booted sh -c "bpftool -j map show pinned $MAPS/flows; bpftool -j map show pinned $MAPS/services" | jq .id)
	meanwhile install_version 2
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(program)" != "$tag" ]
	[ "$(booted sh -c "bpftool -j map show pinned $MAPS/flows; bpftool -j map show pinned $MAPS/services" | jq .id)" = "$ids" ]
	wait_for 20 watched_by_another "$pid"
	tag=$(program)
	mark
	meanwhile install_version 3
	echo "$output"
	[[ $output == *"xdp-lb goes on with the old program; see: journalctl -u xdp-lb"* ]]
	booted journalctl --no-pager -o cat -u xdp-lb | grep "systemctl restart xdp-lb"
	[ "$(program)" = "$tag" ]
	[ "$(booted dpkg-query -W -f '${Status}' xdp-lb)" = "install ok installed" ]
	hang_up
}

@test "xdp-lb-decap: the decapsulator, VIPs on lo and no ARP for them, and back" {
	put decap <<-'END'
		attach decap eth1
		decap add lb 192.168.178.10
		decap add host 172.20.0.10
		vip 10.99.0.1 dev lo
	END
	booted systemctl start xdp-lb-decap
	[ "$(booted lb decap show)" = $'host 172.20.0.10\nlb 192.168.178.10' ]
	booted ip addr show dev lo | grep -q 10.99.0.1/32
	[ "$(booted cat /proc/sys/net/ipv4/conf/all/arp_ignore /proc/sys/net/ipv4/conf/all/arp_announce | paste -sd ' ')" = "1 2" ]
	booted systemctl stop xdp-lb-decap
	run ! booted sh -c 'ip addr show dev lo | grep 10.99.0.1'
	[ "$(booted cat /proc/sys/net/ipv4/conf/all/arp_ignore /proc/sys/net/ipv4/conf/all/arp_announce | paste -sd ' ')" = "0 0" ]
}

knows_no_unit() {
	[ -z "$(booted systemctl --no-legend --plain list-units --all 'xdp-lb*')" ]
}

@test "removing stops everything, and purging leaves nothing" {
	booted rm /etc/systemd/system/after.service /etc/systemd/system/multi-user.target.wants/after.service
	booted dpkg --no-triggers -r xdp-lb
	run ! has_xdp eth0
	booted test -e /etc/xdp-lb/key
	booted dpkg --no-triggers -P xdp-lb
	diff "$BATS_FILE_TMPDIR/before" <(traces)
	# systemd forgets units without a file a moment later
	wait_for 10 knows_no_unit || {
		booted systemctl --no-legend --plain list-units --all 'xdp-lb*'
		false
	}
}
