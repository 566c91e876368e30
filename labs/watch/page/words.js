// SPDX-License-Identifier: GPL-2.0-only
// What the page says in words: verdicts, states of backends, and the marks that tell backends apart.

// What the program has done with a packet (maps/stats.h): [sign, what it means]. ✗ is a packet that is lost.
export const VERDICTS = {
	not_ours: ["→", "for nobody here: the kernel gets it as it came"],
	local: ["→", "to a backend that is this machine itself"],
	forwarded: ["✓", "sent to a backend (NAT: or back to the client)"],
	redirected: ["✓", "sent, by another device"],
	probe: ["♥", "a health check on its way to a backend"],
	probe_answer: ["♥", "the answer to a health check"],
	ttl_answered: ["↩", "its TTL has ended; the client was told"],
	too_big_answered: ["↩", "too big for the tunnel; the client was told the MTU"],
	reset: ["↩", "its backend is dead; the client was reset, so that it tries again"],
	malformed: ["✗", "its lengths do not agree"],
	unreadable: ["✗", "too many headers in front of the ports"],
	fragment_unknown: ["✗", "a fragment whose first one was never seen"],
	no_backend: ["✗", "no backend that could take it"],
	no_address: ["✗", "this machine has no address to send from"],
	forwarding_off: ["✗", "the kernel may not forward: ip_forward"],
	no_route: ["✗", "no route to the backend"],
	no_neighbour: ["✗", "the MAC address of the next hop is not known"],
	ttl_expired: ["✗", "its TTL has ended"],
	too_big: ["✗", "too big for the tunnel, and it cannot be told"],
	loop: ["✗", "it came back: it was wrapped by us before"],
	no_connection: ["✗", "NAT: of no connection that is known"],
	late_reply: ["✗", "NAT: an answer that nobody waits for any more"],
	ports_exhausted: ["✗", "NAT: no port is left to lend"],
	connections_full: ["✗", "NAT: the table is full"],
	untranslatable: ["✗", "NAT: has no counterpart in the other family"],
	denied: ["✗", "the service does not want this client"],
	limited: ["✗", "too many new connections from such addresses"],
	icmp_limited: ["✗", "too many such messages in a second"],
	bug: ["✗", "the program has ended in a way that it never should"],
};

// How a backend is, as lb --json service show has it: [class, sign, word].
export function backendState(backend) {
	if (backend.state === "down") return ["down", "■", "set down"];
	if (backend.health === "failed") return backend.last_resort ? ["failed", "✗", "failed, last resort"] : ["failed", "✗", "FAILED"];
	if (backend.weight === 0) return ["drains", "▽", "drains"];
	if (backend.health === "healthy") return ["up", "✓", "healthy"];
	return ["up", "✓", "up"];
}

// Each backend has a colour, a pattern and a short name: each of the three is enough to know it.
const COLOURS = ["#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2", "#999999"];
const LINES = ["", "M0 8L8 0M-2 2L2-2M6 10L10 6", "M4 2.5A1.5 1.5 0 1 0 4 5.5A1.5 1.5 0 1 0 4 2.5Z", "M0 4H8", "M0 0L8 8M-2 6L2 10M6-2L10 2", "M0 4H8M4 0V8", "M4 0V8", "M0 2L2 0L6 4L8 2M0 6L2 4L6 8L8 6"];

export function drawPatterns(defs, svg) {
	COLOURS.forEach((colour, i) => defs.append(svg("pattern", {id: `pattern${i}`, width: 8, height: 8, patternUnits: "userSpaceOnUse"},
		svg("rect", {width: 8, height: 8, fill: colour}),
		svg("path", {d: LINES[i], stroke: "#111", "stroke-width": 1.3, fill: i === 2 ? "#111" : "none"}))));
}

export function pattern(i) {
	return `url(#pattern${i % COLOURS.length})`;
}

// "backend-02" -> "02"; what has no such name gets a letter.
export function shortName(name, i) {
	const match = /-(\d\d)$/.exec(name);
	return match ? match[1] : String.fromCharCode(65 + (i % 26));
}
