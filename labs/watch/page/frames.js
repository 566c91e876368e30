// SPDX-License-Identifier: GPL-2.0-only
// Frames become journeys (one packet, from cable to cable), and journeys become connections. Nothing here draws.

const KEPT = 400; // journeys, and frames of a cable
const OF_CABLE = 100;
const SENT_AGAIN = 130; // s: TCP waits for 2 minutes at most until it sends again

// What of a frame is compared with the hop before, in the order of the headers.
export const FIELDS = [
	["from MAC", (frame, names) => names(frame.src)],
	["to MAC", (frame, names) => names(frame.dst)],
	["outer IP", (frame) => frame.outer ? `${frame.outer.src} → ${frame.outer.dst}${tunnelText(frame.outer)}` : "–"],
	["IP", (frame) => frame.ip ? `${frame.ip.src} → ${frame.ip.dst}` : "–"],
	["ports", (frame) => frame.ports ? `${frame.ports[0]} → ${frame.ports[1]}` : "–"],
	["TTL", (frame) => !frame.ip ? "–" : frame.outer ? `${frame.outer.ttl}/${frame.ip.ttl}` : `${frame.ip.ttl}`],
];

function tunnelText(outer) {
	if (outer.kind === "ipip") return "";
	return outer.ports ? ` ${outer.kind}, UDP ${outer.ports[0]} → ${outer.ports[1]}` : ` ${outer.kind}`;
}

// The cells of a frame, and which of them differ from the hop before.
export function describe(frame, before, names) {
	return FIELDS.map(([name, text]) => {
		const value = text(frame, names);
		return {name, value, changed: Boolean(before) && value !== text(before, names)};
	});
}

export class Journeys {
	constructor() {
		this.list = []; // in the order of their beginning
		this.open = new Map(); // key -> the latest journey of this packet
		this.ofCable = new Map(); // port -> its last frames
		this.connections = new Map();
		this.tuples = new Map(); // addresses and ports, also those that NAT has made of them -> connection
	}

	clear() {
		for (const map of [this.open, this.ofCable, this.connections, this.tuples]) map.clear();
		this.list.length = 0;
	}

	// Returns the journey that the frame is part of, with it at its end.
	add(frame) {
		for (const port of [frame.from, ...frame.seenBy]) this.keep(port, frame);
		const key = `${frame.l4} ${frame.key}`;
		let journey = this.open.get(key);
		// seen from the first sender once more: sent again, so it is a journey of its own
		if (!journey || journey.frames[0].src === frame.src || frame.at - journey.frames[0].at > 2) {
			journey = {id: frame.id, frames: [], again: journey && frame.l4 === "tcp" && frame.at - journey.frames[0].at < SENT_AGAIN ? journey.again + 1 : 0};
			this.open.set(key, journey);
			this.list.push(journey);
			if (this.list.length > KEPT) this.forget(this.list.shift());
		}
		journey.frames.push(frame);
		this.connect(journey, frame);
		return journey;
	}

	forget(journey) {
		const key = `${journey.frames[0].l4} ${journey.frames[0].key}`;
		if (this.open.get(key) === journey) this.open.delete(key);
	}

	keep(port, frame) {
		if (!this.ofCable.has(port)) this.ofCable.set(port, []);
		const frames = this.ofCable.get(port);
		frames.push(frame);
		if (frames.length > OF_CABLE) frames.shift();
	}

	connect(journey, frame) {
		if (!frame.ports || !frame.ip || frame.kind !== "request") return;
		const tuple = frame.l4 + [`${frame.ip.src}|${frame.ports[0]}`, `${frame.ip.dst}|${frame.ports[1]}`].sort().join(" ");
		const isNew = frame.l4 === "tcp" && frame.flags === "SYN" && journey.frames.length === 1 && !journey.again;
		let connection = journey.connection || (isNew ? null : this.tuples.get(tuple));
		if (!connection) {
			connection = begin(frame);
			this.connections.set(connection.id, connection);
			if (this.connections.size > 100) this.drop(this.connections.values().next().value);
		}
		journey.connection = connection;
		this.tuples.set(tuple, connection);
		follow(connection, journey, frame);
	}

	drop(connection) {
		this.connections.delete(connection.id);
		for (const [tuple, other] of this.tuples) if (other === connection) this.tuples.delete(tuple);
	}
}

// A connection of which this frame is the first that we see. If that is no SYN, it was there before us, and the frame may be
// the server's: clients have the higher ports.
function begin(frame) {
	const isMiddle = frame.l4 === "tcp" && frame.flags !== "SYN";
	const ends = [[frame.ip.src, frame.ports[0]], [frame.ip.dst, frame.ports[1]]];
	if (isMiddle && ends[0][1] < ends[1][1]) ends.reverse();
	const [[client, port], [server, serverPort]] = ends;
	return {id: frame.id, begun: frame.at, l4: frame.l4, client, port, server, serverPort, state: isMiddle ? "middle" : "opening", hops: 0, again: 0,
		unanswered: null};
}

// What a frame tells about its connection.
function follow(connection, journey, frame) {
	connection.hops += 1;
	connection.last = frame.at;
	const fromClient = journey.frames[0].ip.src === connection.client && journey.frames[0].ports[0] === connection.port;
	if (fromClient) connection.target = frame; // the last hop of it has reached the backend
	if (journey.frames.length === 1) retry(connection, journey, frame, fromClient);
	if (connection.l4 === "udp") connection.state = fromClient ? connection.state : "answered";
	else if (frame.flags.includes("RST")) connection.state = connection.state === "done" ? "done" : "broken";
	else if (frame.flags.includes("FIN")) {
		connection.fins = (connection.fins || 0) | (fromClient ? 1 : 2);
		if (connection.fins === 3 && connection.state !== "broken") connection.state = "done";
	} else if (!fromClient && frame.flags === "SYN ACK" && connection.state === "opening") connection.state = "open";
	else if (!fromClient && frame.data && connection.state === "open") connection.state = "open";
}

// Which of the client's bytes get no answer, and since when: an answer, of whatever kind, ends that. (That ACKs come again is nothing bad.)
function retry(connection, journey, frame, fromClient) {
	if (journey.again) connection.again += 1;
	const before = connection.unanswered;
	if (!fromClient) connection.unanswered = null;
	else if (frame.data || frame.flags !== "ACK") {
		connection.unanswered = {since: before?.since ?? frame.at, again: Boolean(before?.again || journey.again)};
	}
}

// What a person sees of it: [sign, word]. now is the time of the machines, in seconds.
export function connectionState(connection, now) {
	if (connection.state === "opening" && now - connection.last > 3) return ["✗", "no answer"];
	if (connection.state === "broken") return ["✗", "broken: reset"];
	if (connection.state === "done") return ["✓", "done"];
	if (connection.state === "opening") return ["…", connection.again ? `SYN sent again (${connection.again})` : "opening"];
	if (connection.unanswered?.again && now - connection.unanswered.since > 1) return ["✗", "sent again, no answer"];
	if (connection.state === "middle") return ["●", "in the middle"];
	if (connection.again > 2) return ["!", `${connection.again} packets sent again`];
	return ["●", connection.state === "answered" ? "answered" : "open"];
}
