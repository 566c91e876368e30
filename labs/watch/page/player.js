// SPDX-License-Identifier: GPL-2.0-only
// Lets packets move on the map. In stretched time one connection is played after the other, hop by hop, so that a request
// takes as many seconds as somebody has chosen; live, everything moves at once. What there is no time or room for is
// counted, and the page says so.
import {byId, svg} from "./dom.js";
import {along, way} from "./layout.js";

const WAITING = 400; // hops that may wait to be played
const PATIENCE = 3; // connections that may wait to be played
const AT_ONCE = 120; // packets that move live
const COLLECT = 250; // ms until most of a request has come, so that we know how many hops share its time
const HEAVY = 4; // the hops of a SYN and its answer, which are looked at first, get so many parts of the time
const QUICKEST = 40, LIVE = 500; // ms for one hop

export class Player {
	constructor(show) {
		this.show = show; // (journey, index): this hop is on its way
		this.places = null;
		this.queue = [];
		this.speed = 5;
		this.paused = this.isStep = false;
		this.steps = 0;
		this.now = null;
		this.live = [];
		this.skipped = 0;
		this.ending = null; // see after()
		this.still = matchMedia("(prefers-reduced-motion: reduce)");
		this.frame = 0;
	}

	setSpeed(value) {
		this.isStep = value === "step";
		this.speed = Number(value) || 0;
		this.steps = 0;
		if (value === "live") this.queue.length = 0;
		this.checkEnd();
		this.wake();
	}

	// Calls tell when none of the hops that isMeant says yes to is on its way, or waits for its turn.
	after(isMeant, tell) {
		this.ending = {isMeant, tell};
		this.checkEnd();
	}

	// What is drawn now, and what waits to be.
	get toCome() {
		return this.now && !this.now.done ? [this.now.hop, ...this.queue] : [...this.queue];
	}

	checkEnd() {
		if (!this.ending || (!this.isLive && this.toCome.some(this.ending.isMeant))) return;
		const {tell} = this.ending;
		this.ending = null;
		tell();
	}

	get isLive() {
		return !this.isStep && this.speed === 0;
	}

	clear() {
		this.queue.length = this.live.length = 0;
		this.now = this.ending = null;
		byId("moving").replaceChildren();
	}

	// A hop has been seen: the last frame of this journey.
	add(journey) {
		const hop = {journey, index: journey.frames.length - 1, frame: journey.frames[journey.frames.length - 1], since: performance.now()};
		if (this.isLive) {
			if (this.live.length >= AT_ONCE || this.paused) this.skipped += 1;
			else this.live.push({hop, begun: performance.now(), parts: this.draw(hop)});
			this.show(journey, hop.index);
		} else if (this.queue.length >= WAITING || this.isLate(journey)) this.skipped += 1;
		else this.insert(hop);
		this.wake();
	}

	// Whether so many connections wait already that nobody would sit through this one, too. If so, none of it is played.
	isLate({connection}) {
		if (!connection || connection.isPlayed) return false;
		if (connection.isPlayed === undefined) connection.isPlayed = new Set(this.queue.map((hop) => hop.journey.connection)).size < PATIENCE;
		return !connection.isPlayed;
	}

	// Behind the hops of its own journey and connection, so that they are played together.
	insert(hop) {
		const same = (other) => other.journey === hop.journey ||
			(hop.journey.connection && other.journey.connection === hop.journey.connection);
		const own = this.queue.findLastIndex((other) => other.journey === hop.journey);
		const kin = this.queue.findLastIndex(same);
		this.queue.splice((own >= 0 ? own : kin >= 0 ? kin : this.queue.length - 1) + 1, 0, hop);
	}

	step() {
		this.steps += 1;
		this.wake();
	}

	pause(paused) {
		this.paused = paused;
		this.wake();
	}

	wake() {
		if (!this.frame && this.places) this.frame = requestAnimationFrame((time) => this.tick(time));
	}

	tick(time) {
		this.frame = 0;
		if (this.live.length) this.moveLive(time);
		if (!this.now) this.begin(time);
		else this.move(time);
		byId("map").dataset.waiting = this.queue.length;
		const waits = this.queue.length && !(this.paused && !this.steps) && !(this.isStep && !this.steps);
		if (this.live.length || waits || (this.now && !this.now.done)) this.wake();
	}

	begin(time) {
		const hop = this.queue[0];
		const mayGo = this.isStep || this.paused ? this.steps > 0 : hop && time - hop.since > COLLECT;
		if (!hop || !mayGo) return;
		if (this.steps) this.steps -= 1;
		this.queue.shift();
		byId("moving").replaceChildren();
		this.now = {hop, begun: time, duration: this.duration(hop), parts: this.draw(hop), done: false};
		this.show(hop.journey, hop.index);
		this.move(time);
	}

	// This hop's share of the seconds that its connection may take.
	duration(hop) {
		if (this.isStep || this.paused) return 700;
		const weight = (one) => (one.frame.flags?.includes("SYN") ? HEAVY : 1);
		const connection = hop.journey.connection;
		if (connection && !connection.played) {
			const waiting = this.queue.filter((other) => other.journey.connection === connection);
			connection.played = Math.max(20, [hop, ...waiting].reduce((sum, one) => sum + weight(one), 0));
		}
		return Math.max(QUICKEST, (this.speed * 1000 * weight(hop)) / (connection?.played || 20));
	}

	move(time) {
		const {hop, begun, duration, parts} = this.now;
		const part = this.still.matches ? 1 : Math.min(1, (time - begun) / duration);
		parts.forEach(({points, shape}) => shift(shape, along(points, ease(part))));
		if ((time - begun) / duration < 1) return;
		this.now.done = true;
		this.checkEnd();
		const next = this.queue[0];
		if (next && (this.isStep || this.paused ? this.steps : true)) {
			this.now = null;
			next.since = Math.min(next.since, time - COLLECT - 1);
			this.begin(time);
		} else if (!hop.frame.to.length) parts.forEach(({shape}) => shape.classList.add("lost"));
	}

	moveLive(time) {
		this.live = this.live.filter(({begun, parts}) => {
			const part = Math.min(1, (time - begun) / LIVE);
			parts.forEach(({points, shape}) => (part < 1 ? shift(shape, along(points, part)) : shape.remove()));
			return part < 1;
		});
	}

	// One picture for each receiver: a frame to everybody has several.
	draw(hop) {
		const ways = hop.frame.to.length ? hop.frame.to.map((to) => way(this.places, hop.frame.from, to)) : [way(this.places, hop.frame.from, "")];
		return ways.filter(Boolean).map((points) => {
			const shape = glyph(hop);
			byId("moving").append(shape);
			shift(shape, points[0]);
			return {points, shape};
		});
	}
}

function ease(part) {
	return part < 0.5 ? 2 * part * part : 1 - (2 - 2 * part) ** 2 / 2;
}

function shift(shape, [x, y]) {
	shape.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
}

// A packet: its flags in a box, with a second box around it while it is in a tunnel, and an arrow for its direction.
function glyph({frame, journey}) {
	const text = frame.l4 === "tcp" || frame.l4 === "arp" ? short(frame) : frame.l4;
	const w = 44 + 9.5 * text.length, h = 28, answer = isAnswer(journey);
	return svg("g", {class: `packet ${frame.kind} ${answer ? "answer" : ""} ${frame.outer ? "wrapped" : ""}`},
		frame.outer && svg("rect", {x: -w / 2 - 8, y: -h / 2 - 18, width: w + 16, height: h + 26, rx: 5, class: "envelope"}),
		frame.outer && svg("text", {x: 0, y: -h / 2 - 4, class: "tunnel"}, frame.outer.kind),
		svg("rect", {x: -w / 2, y: -h / 2, width: w, height: h, rx: 4, class: "inner"}),
		svg("text", {x: 0, y: 6}, answer ? `◀ ${text}` : `${text} ▶`));
}

function short(frame) {
	return frame.l4 === "arp" ? "ARP" : frame.data ? frame.text.split(" ")[0].replace(/\d+ bytes/, "data") : frame.text;
}

export function isAnswer(journey) {
	const first = journey.frames[0], connection = journey.connection;
	return Boolean(connection && first.ip && !(first.ip.src === connection.client && first.ports[0] === connection.port));
}
