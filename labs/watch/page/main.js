// SPDX-License-Identifier: GPL-2.0-only
// Begins here: takes the messages of the server, keeps what they say, and draws it. Buttons and keys are at the end.
import {byId, fill, number, svg} from "./dom.js";
import {Journeys} from "./frames.js";
import {consoleLayout, layout} from "./layout.js";
import {drawHeaders, drawMap} from "./map.js";
import * as panels from "./panels.js";
import {isAnswer, Player} from "./player.js";
import {State} from "./state.js";
import {drawPatterns} from "./words.js";

const LISTED = 300; // lines of packets in 3 s
const LOOK_AGAIN = 4000; // ms
const PATIENCE = 3000; // ms without a connection, until the page says what to check
const PACKETS_LATER = 600; // ms: the client has its answer before we have seen the last packets of it
const MAPPED = 12; // backends on the console's map; all of them are in the table

const state = new State(), journeys = new Journeys();
const player = new Player(hopPlayed);
let places = null, opened = null, requests = 0, played = [], listed = [], drawing = false;

// ---- messages ----

const handlers = {
	world: begin,
	frames: ({frames}) => frames.forEach((frame) => frameSeen(frame, true)),
	past: ({frames}) => frames.forEach((frame) => frameSeen(frame, false)),
	log: (message) => panels.logLines(state, message),
	answer: answered,
};

function connect() {
	const events = new EventSource("events");
	let timer = setTimeout(unreachable, PATIENCE);
	events.onopen = () => {
		clearTimeout(timer);
		timer = null;
		byId("log").replaceChildren(); // what comes first are all the lines there are
	};
	events.onmessage = ({data}) => {
		const message = JSON.parse(data);
		if (state.take(message) || handlers[message.type]) {
			handlers[message.type]?.(message);
			drawSoon();
		}
	};
	events.onerror = () => {
		status("lost", "✗ no connection to watch.sh");
		timer ??= setTimeout(unreachable, PATIENCE);
	};
}

// The server is gone, or somebody's way to it. The page tries again by itself; when there is a connection, begin() takes this away.
function unreachable() {
	status("lost", "✗ no connection to watch.sh");
	byId("message").hidden = false;
	byId("message").textContent = `This page cannot reach its server, and tries again. Please check: is ${state.world.console ? "lb-console (or labs/watch.sh --console)" : "labs/watch.sh"} still running? ` +
		`If it runs on another machine: is this still connected there? ssh -L ${location.port || 8088}:127.0.0.1:${location.port || 8088} root@machine`;
}

function begin(world) {
	document.body.classList.toggle("console", world.console);
	byId("lab").textContent = byId("lab").title = world.console ? world.name : world.up ? `${world.name}` : "xdp-lb";
	if (world.console) document.querySelector("aside").before(byId("log-section")); // there is room below the map
	document.title = `${byId("lab").textContent}: xdp-lb`;
	for (const id of ["controls", "journey", "connections-section"]) byId(id).hidden = world.console;
	if (world.up) status("up", world.console ? "● console: read-only" : "● the playground is up");
	else {
		status("gone", "○ no playground is up");
		journeys.clear();
		player.clear();
		played = [];
		for (const id of ["hops", "packets", "headers"]) byId(id).replaceChildren();
	}
	byId("message").hidden = world.up;
	byId("message").textContent = world.up ? "" : "No playground is up. Start one (labs/ipip/setup.sh): it appears here by itself.";
}

function status(name, text) {
	const place = byId("status");
	if (place.textContent !== text) place.textContent = text;
	place.className = name;
}

// The end is not told first: what the client got is said when the drawn answer has arrived there. If there was no answer, then
// when what was seen until now has been drawn.
function answered({ok, text, port}) {
	const latest = ++requests;
	setTimeout(() => {
		if (latest !== requests) return;
		const seen = new Set(player.toCome);
		const isOfAnswer = ({journey, frame}) => journey.connection?.port === port && isAnswer(journey) && frame.data > 0;
		player.after(ok ? isOfAnswer : (hop) => seen.has(hop), () => say(ok ? `✓ the client got: ${text}` : `✗ the client got no answer: ${text}`));
	}, player.isLive ? 0 : PACKETS_LATER);
}

function say(text) {
	byId("notes").textContent = text;
}

function frameSeen(frame, isNew) {
	state.findReceiver(frame);
	const journey = journeys.add(frame);
	if (!isShown(frame)) return;
	listed = listed.filter((one) => one.at > performance.now() - 3000);
	if (listed.length < LISTED) { // nobody can read more, or listen to it
		panels.packetLine(state, journey, choose);
		listed.push({at: performance.now(), journey});
	}
	if (isNew && places) player.add(journey);
}

// Requests and their answers; the rest (ARP, health checks, BGP) only if somebody wants to see it.
function isShown(frame) {
	return frame.kind === "request" || byId("everything").checked;
}

// The table has the journey that is played, and the one before it: a request and its answer, say.
function hopPlayed(journey, index) {
	if (played[0]?.journey !== journey) played = [{journey, index}, ...played.filter((one) => one.journey !== journey)].slice(0, 2);
	played[0].index = index;
	panels.showJourneys(state, played);
	if (places) drawHeaders(state, journey, index, places);
}

// ---- drawing ----

function drawSoon() {
	if (drawing) return;
	drawing = true;
	setTimeout(() => {
		drawing = false;
		draw();
	}, 100);
}

function draw() {
	places = state.world.console ? consolePlaces() : layout(state.world);
	player.places = places;
	drawMap(state, places, open);
	panels.showServices(state);
	panels.showCounters(state);
	panels.showHealth(state);
	if (!state.world.console) {
		panels.showConnections(state, journeys);
		for (const {journey} of listed) if (state.lostAt(journey)) panels.packetLine(state, journey, choose);
	}
	const skipped = state.leftOut + player.skipped;
	byId("stage").dataset.skipped = skipped;
	byId("left-out").textContent = skipped ? `${number(skipped)} packets were not drawn: too many at once. The counters have all of them.` : "";
	if (opened) showOpened();
}

function consolePlaces() {
	const names = [...new Set(state.services.flatMap((service) => service.backends.map((backend) => backend.name)))];
	const shown = names.slice(0, MAPPED);
	if (names.length > MAPPED) say(`The map has ${MAPPED} of ${names.length} backends; the table has all.`);
	return consoleLayout(state.world.name, shown);
}

// ---- details ----

function open(kind, name) {
	opened = [kind, name];
	look();
	byId("details").hidden = false;
	showOpened();
	byId("details").focus();
}

// Asks for news of the machine that is open; they come as a message.
function look() {
	if (opened?.[0] === "machine" && state.world.machines.some((one) => one.name === opened[1])) {
		fetch(`look/${opened[1]}`, {headers: {"X-Xdp-Lb": "look"}}).catch(() => {}); // events.onerror says it, too
	}
}

function showOpened() {
	const [kind, name] = opened;
	if (kind === "machine") panels.showMachine(state, name);
	else panels.showCable(state, journeys, name, isShown);
}

function close() {
	if (!opened) return;
	const key = opened.join(" ");
	opened = null;
	byId("details").hidden = true;
	document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

// A line of the list of packets: its whole journey, in the table.
function choose(journey) {
	played = [];
	hopPlayed(journey, journey.frames.length - 1);
}

// ---- buttons and keys ----

async function request() {
	requests += 1; // the one before will not be told any more
	say("the client sends a request …");
	played = [];
	player.clear(); // who presses this wants to see this one, not what still waits
	try {
		const answer = await fetch("request", {method: "POST", headers: {"X-Xdp-Lb": "request"}});
		if (!answer.ok) say(await answer.text());
	} catch {
		say("✗ the page cannot reach watch.sh; is it still running?");
	}
}

function pause() {
	player.pause(!player.paused);
	byId("pause").setAttribute("aria-pressed", player.paused);
}

function theme() {
	const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
	document.documentElement.dataset.theme = dark ? "light" : "dark";
}

// Up and down in the list of packets.
function lineKey(event) {
	const line = event.target.closest("li"), next = event.key === "ArrowUp" ? line?.previousElementSibling : event.key === "ArrowDown" ? line?.nextElementSibling : null;
	if (!next) return;
	next.firstChild.focus();
	event.preventDefault();
}

const keys = {r: request, p: pause, n: () => player.step(), Escape: close};

drawPatterns(byId("patterns"), svg);
byId("request").onclick = request;
byId("pause").onclick = pause;
byId("next").onclick = () => player.step();
byId("theme").onclick = theme;
byId("close").onclick = close;
byId("packets").onkeydown = lineKey;
byId("packets").addEventListener("focusout", ({target}) => {
	if (target !== byId("packets").lastElementChild?.firstChild) target.tabIndex = -1;
});
setInterval(look, LOOK_AGAIN);
byId("speed").onchange = (event) => player.setSpeed(event.target.value);
document.addEventListener("keydown", (event) => {
	const isTyping = event.target.matches("input, select, textarea") && event.key !== "Escape";
	const isOurs = !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping;
	if (!isOurs || !keys[event.key] || (state.world.console && event.key !== "Escape")) return;
	keys[event.key]();
	event.preventDefault();
});
fill(byId("services"), "…");
connect();
