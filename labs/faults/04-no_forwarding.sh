# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# The load balancer's kernel may not forward.
labs=(nat l2dsr ipip)
title="no request is answered, and nothing leaves lb, not even in part"
noticed="a request is answered"
shown="says forwarding_off (drop)"
hints=(
	"How far does a request come? trace.sh. And what do the counters of lb say about it?"
	"Each way out of the program has a counter with a name. One of them rises with every request: read its name literally."
	"The program asks the kernel for the way to a backend. To whom does a kernel tell ways? To routers. Is lb one?"
)

break_it() {
	on lb sysctl -qw net.ipv4.ip_forward=0
	feel_it
}

evidence() {
	ask_some
	look lb "scripts/lb stats | grep -E '^(verdict|forwarding_off)'"
	look lb "scripts/lb why tcp $CLIENT:40000 $VIP:$PORT | tail -n 2"
	look lb "scripts/lb doctor | grep -A 1 '^not ok'"
}

repair() {
	fix lb "sysctl -w net.ipv4.ip_forward=1"
}

story() {
	cat <<-END
		XDP comes long before the kernel's router, so why does it need ip_forward? The program calls bpf_fib_lookup(): which
		way to this backend, and at which MAC address is the next hop? It is a question about packets that are forwarded, and a
		kernel that does not forward says so: BPF_FIB_LKUP_RET_FWD_DISABLED.

		Why it matters: a sysctl is gone after a reboot if it stands in no file, and some tools (of containers, say) set it to what
		they want. The tutorials' programs print that number in their trace. Here the counter, lb why, and lb doctor say it.
	END
}
