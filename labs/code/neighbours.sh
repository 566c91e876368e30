#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# neighbours: on the machine for single packets: tells it the MAC addresses of the others, who are not really there. `lb` makes
# the kernel look for backends: call this after it.
# usage: labs/code/neighbours.sh
set -euo pipefail

{
	echo 192.168.178.2 dev eth0 lladdr 02:00:00:00:00:02
	for i in 1 2 3 4; do echo "192.168.178.1$i dev eth0 lladdr 02:00:00:00:00:1$i"; done
	echo 172.20.0.20 dev eth1 lladdr 02:00:00:00:01:20
} | sed 's/.*/neigh replace & nud permanent/' | ip -batch -
