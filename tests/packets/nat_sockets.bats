#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# xdp_nat between real sockets: a client and a backend, each with both families, on one network.

load ../lib/helper

VIP6=2001:db8:178::15

setup_file() {
	local node end
	scripts/node destroy --all
	for node in lb:10 backend:11 client:20; do
		end=${node#*:} node=${node%:*}
		scripts/node create "$node" "eth0=lan:192.168.178.$end/24"
		on "$node" sysctl -eqw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.disable_ipv6=0
		on "$node" ip addr replace "2001:db8:178::$end/64" dev eth0 nodad
	done
	on lb sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.ip_local_port_range="1024 9999"
	on lb ip addr add 192.168.178.15/32 dev eth0
	on lb ip addr add $VIP6/128 dev eth0 nodad
	lb attach nat eth0
	lb set address 192.168.178.10
	lb set address 2001:db8:178::10
	local protocol vip port
	for protocol in tcp udp; do
		for vip in 192.168.178.15 "[$VIP6]"; do
			for port in "4 192.168.178.11" "6 [2001:db8:178::11]"; do
				lb service add $protocol "$vip:800${port% *}"
				lb backend add $protocol "$vip:800${port% *}" "${port#* }:8080"
			done
		done
	done
	# echoes what it gets, over TCP and UDP, in both families
	background backend /usr/bin/python3 -c '
import socket, threading

def stream(connection):
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.close()

def datagrams():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        udp.bind(("::", 8080))
        while True:
            udp.sendto(*udp.recvfrom(65536))

threading.Thread(target=datagrams, daemon=True).start()
server = socket.create_server(("::", 8080), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    threading.Thread(target=stream, args=(server.accept()[0],), daemon=True).start()'
	wait_for 10 on backend grep -q ":1F90 " /proc/net/tcp6
	# An IPv4 fragment is longer by 28 bytes once it has become IPv6, and XDP cannot fragment it again.
	on client ip route add 192.168.178.15/32 dev eth0 mtu lock 1472
	on backend ip route add 192.168.178.10/32 dev eth0 mtu lock 1472
	# everybody knows everybody, or the first packets are dropped
	local address
	for address in 192.168.178.11 192.168.178.20 2001:db8:178::11 2001:db8:178::20; do
		wait_for 10 on lb ping -c 1 -W 1 $address
	done
}

teardown_file() {
	scripts/node destroy --all
}

# echoes VIP PORT: 2 MB over TCP, and datagrams of many lengths up to what has to be fragmented, come back as they were.
echoes() {
	on client timeout 60 python3 -c '
import os, socket, sys, threading
address = sys.argv[1], int(sys.argv[2])
data = os.urandom(2000001)
with socket.create_connection(address, 20) as tcp:
    threading.Thread(target=lambda: (tcp.sendall(data), tcp.shutdown(socket.SHUT_WR)), daemon=True).start()
    got = b""
    while part := tcp.recv(65536):
        got += part
assert got == data, len(got)
with socket.socket(socket.getaddrinfo(*address)[0][0], socket.SOCK_DGRAM) as udp:
    udp.settimeout(10)
    udp.connect(address)
    for length in [0, 1, 2, 999, 1000, 1400, 1401, 3001]:
        data = os.urandom(length)
        udp.send(data)
        assert udp.recv(65536) == data, length
' "$1" "$2"
}

@test "NAT44: TCP and UDP go there and back, in fragments, too" {
	echoes 192.168.178.15 8004
}

@test "NAT66: TCP and UDP go there and back, in fragments, too" {
	echoes $VIP6 8006
}

@test "NAT64: TCP and UDP go there and back, in fragments, too" {
	echoes $VIP6 8004
}

@test "NAT46: TCP and UDP go there and back, in fragments, too" {
	echoes 192.168.178.15 8006
}
