# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares words with labs/common/faults.sh
# SPDX-License-Identifier: GPL-2.0-only
# The VIP is missing on lo of a backend.
labs=(l2dsr ipip tunnels maglev)
title="some requests are answered at once, others never"
noticed="requests are answered"
shown="not $VIP"
hints=(
	"Who answers, and who never does? Ask twenty times and count."
	"trace.sh a request that is not answered (ask until you have one). Its packets reach a backend, unharmed. So what does that backend think about them?"
	"A machine takes a packet for itself only if it has the address that the packet is for. Compare the addresses of both backends."
)

break_it() {
	on backend-02 ip addr del "$VIP/32" dev lo
}

evidence() {
	look backend-02 "ip -br addr show dev lo"
	look backend-01 "ip -br addr show dev lo"
	look backend-02 "ip route get $VIP"
	if [[ ${lab##*/} == l2dsr || ${lab##*/} == maglev ]]; then
		look backend-02 "scripts/lb doctor backend l2dsr $VIP | grep -A 1 '^not ok'"
	else
		look backend-02 "scripts/lb doctor | grep -A 1 '^not ok'"
	fi
}

repair() {
	fix backend-02 "ip addr replace $VIP/32 dev lo"
}

story() {
	cat <<-END
		backend-02 got packets for $VIP, which was none of its addresses. To such packets a machine is a router, and it either
		drops them, or sends them where it thinks they belong.

		Why it matters: an address that was added by "ip addr" is gone after a reboot. So this is what the first reboot of a
		backend looks like, months after somebody has set it up. lb why says that all is well: its knowledge ends where the
		packet leaves lb. lb doctor on the backend has a line for it. A check that asks the backend's own address finds
		nothing wrong, either: checks of lb watch ask for the VIP, through the same tunnel (labs/health).
	END
}
