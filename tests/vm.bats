#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tests/vm/run: whether what happens in the virtual machine comes out of it, the worst included.

load lib/helper

setup_file() {
	[[ $(dpkg --print-architecture 2>/dev/null) == amd64 ]] || skip "the kernels are for amd64"
	scripts/deps vm
	tests/vm/kernel 6.1
}

@test "another kernel, this repository, two network cards on a cable, every byte of output, and the exit status" {
	run -7 --separate-stderr tests/vm/run --nics 1 virtio-net-pci 6.1 -c bash -ec '
		uname -r
		cat scripts/node | sha256sum
		touch scripts/node bpf/new
		modprobe virtio_net
		ip link set eth0 up
		ip link set eth1 up
		until [[ $(cat /sys/class/net/eth[01]/carrier | paste -s) == 1*1 ]]; do sleep 0.1; done
		unshare --net bash -c "ip link add name ipip0 type ipip external"
		seq 20000
		exit 7'
	# shellcheck disable=SC2154 # lines is that of run
	[[ ${lines[0]} == 6.1.*-amd64 ]]
	[ "${lines[1]}" = "$(sha256sum <scripts/node)" ]
	[ "$(tail -n +3 <<<"$output" | sha256sum)" = "$(seq 20000 | sha256sum)" ]
	[ ! -e bpf/new ]
}

@test "a panic is a failure, and the kernel's last words are shown" {
	run -254 tests/vm/run 6.1 -c bash -c 'echo so far; echo c >/proc/sysrq-trigger'
	[[ ${lines[0]} == "so far" ]]
	[[ $output == *"Kernel panic - not syncing: sysrq triggered crash"* ]]
	[[ $output != *"once more"* ]] # it had come up
}

@test "a machine that hangs is ended at the limit, and nothing stays" {
	export TMPDIR=$BATS_TEST_TMPDIR
	run -124 tests/vm/run --limit 1 6.1 -c sleep infinity
	[[ $output == *"ended without saying how its command ended"* ]]
	run ! pgrep -f "qemu-system.*path=$BATS_TEST_TMPDIR"
	[ -z "$(find "$BATS_TEST_TMPDIR" -name 'xdp-lb-vm*')" ]
}

@test "what cannot be is refused before anything starts" {
	run -2 tests/vm/run
	[[ $output == "usage: tests/vm/run"* ]]
	run -2 tests/vm/run --nics one 6.1
	run -2 tests/vm/run 6.1 -c
	run -1 tests/vm/run 6.1 tests/packets/none.bats
	[ "$output" = "vm: there is no file tests/packets/none.bats" ]
	run -1 tests/vm/run 5.99 -c true
	[[ $output == *"there is no package of a kernel 5.99; tests/vm/kernel --list shows what there is" ]]
}

@test "tests/vm/load.py: an object that the kernel does not take is named, with the reason" {
	cat >"$BATS_TEST_TMPDIR/careless.c" <<-END
		#include <linux/bpf.h>
		#include <bpf/bpf_helpers.h>
		SEC("xdp") int careless(struct xdp_md *ctx) { return *(int *)(long)ctx->data; }
		char _license[] SEC("license") = "GPL";
	END
	clang -target bpf -O2 -g -idirafter "/usr/include/$(uname -m)-linux-gnu" -c "$BATS_TEST_TMPDIR/careless.c" -o "$BATS_TEST_TMPDIR/careless.o"
	run -1 tests/vm/load.py "$BATS_TEST_TMPDIR"
	[ "${lines[0]}" = "$BATS_TEST_TMPDIR careless refused" ]
	[[ $output == *"invalid access to packet"* ]]
}
