// SPDX-License-Identifier: GPL-2.0-only
// What stands beside the map: services, counters, connections, the log, and the details of what somebody has opened.
import {byId, el, endpoint, fill, number, percent, svg} from "./dom.js";
import {connectionState, describe} from "./frames.js";
import {pattern, VERDICTS} from "./words.js";

const CELLS = 64; // slots that are drawn one by one, with their owner's name
const LINES = 100; // of the log, and of packets

export function mark(i, name) {
	return svg("svg", {class: "swatch", width: 34, height: 20, viewBox: "0 0 34 20", "aria-hidden": "true"},
		svg("rect", {width: 34, height: 20, rx: 4, fill: pattern(i)}),
		svg("rect", {x: 7, y: 2, width: 20, height: 16, rx: 3, class: "plate"}), svg("text", {x: 17, y: 15}, name));
}

export function showServices(state) {
	const services = state.services;
	const errors = [...state.of.services.values()].map((one) => one.error).filter(Boolean);
	fill(byId("services"), ...errors.map((text) => el("p", {class: "bad"}, text)),
		...services.map(service),
		!services.length && !errors.length && el("p", {class: "quiet"}, "none yet"));
}

function service(one) {
	const healthy = one.failed ? "✗ FAILED: " : "";
	const filling = one.filling === "hash" ? "in turns" : "Maglev";
	return el("section", {class: "service", "aria-label": one.name},
		el("h3", {}, one.name),
		el("p", {class: one.failed ? "bad" : "quiet"},
			`${healthy}${one.healthy} of ${one.backends.filter((backend) => !backend.isFallback).length} backends can take connections; ` +
			`${number(one.slots?.total ?? one.slots ?? 0)} slots, ${filling}${one.sticky ? ", sticky" : ""}${one.machines.length > 1 ? `; counted by ${one.machines.length} load balancers` : ""}`),
		one.slots && strip(one),
		el("div", {class: "scrolls"}, el("table", {},
			el("thead", {}, el("tr", {}, ...["backend", "state", "slots", "conn.", "packets", "/s"].map((text, i) =>
				el("th", {scope: "col", class: i > 1 ? "number" : ""}, text)))),
			el("tbody", {}, ...one.backends.map(backendRow)))));
}

function backendRow(backend) {
	const [state, sign, word] = backend.is;
	return el("tr", {class: state, "data-server": backend.server},
		el("th", {scope: "row"}, mark(backend.mark, backend.short), ` ${backend.name}`,
			el("small", {}, backend.name !== backend.server && `${backend.server}, `, "weight ", el("span", {class: "weight"}, String(backend.weight ?? "–")))),
		el("td", {class: "state"}, `${sign} ${backend.isFallback ? `fallback, ${word}` : word}`),
		el("td", {class: "number slots"}, backend.slots ? `${number(backend.slots[0])} (${percent(...backend.slots)})` : "–"),
		el("td", {class: "number connections"}, number(backend.connections)),
		el("td", {class: "number packets"}, number(backend.packets)),
		el("td", {class: "number rate"}, backend.rate == null ? "–" : number(backend.rate)));
}

// The slots in their order. Few of them have their owner's name; of many, the pattern of the whole is to be seen.
function strip({backends, slots, name}) {
	const at = (i) => backends.find((backend) => backend.server === slots.owners[i]);
	const count = slots.now.length, few = count <= CELLS, width = 640, w = width / count;
	const rects = [];
	for (let i = 0, begin = 0; i < count; i++) {
		if (!few && i + 1 < count && slots.now[i + 1] === slots.now[i]) continue;
		const owner = at(slots.now[i]), left = few ? i : begin;
		rects.push(svg("rect", {x: left * w, y: 0, width: (i + 1 - left) * w - (few ? 2 : 0), height: 30, fill: owner ? pattern(owner.mark) : "none", class: few ? "cell" : "run"}));
		if (few && w > 30) rects.push(svg("rect", {x: i * w + w / 2 - 13, y: 6, width: 26, height: 18, rx: 3, class: "plate"}));
		if (few && w > 30) rects.push(svg("text", {x: i * w + w / 2, y: 20}, owner ? owner.short : "–"));
		begin = i + 1;
	}
	const memories = slots.memories ? `${number(slots.memories)} of ${number(slots.total)} slots remember who had them before` : "";
	const words = backends.filter((backend) => backend.slots).map((backend) => `${backend.name} ${number(backend.slots[0])}`).join(", ");
	return el("figure", {}, svg("svg", {class: "strip", viewBox: `0 0 ${width} 30`, preserveAspectRatio: "none", role: "img", "data-service": name,
		"aria-label": `slots: ${words}; ${memories}`}, ...rects),
	slots.memories ? el("figcaption", {}, memories) : null);
}

export function showCounters(state) {
	const rows = state.verdicts.filter(({name, packets}) => packets || name === "forwarded").sort((a, b) => b.packets - a.packets);
	fill(byId("counters"), el("div", {class: "scrolls"}, el("table", {}, el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "verdict"),
		el("th", {scope: "col", class: "number"}, "packets"), el("th", {scope: "col", class: "number"}, "/s"))),
	el("tbody", {}, ...rows.map(({name, packets, rate}) => {
		const [sign, text] = VERDICTS[name] || ["?", ""];
		return el("tr", {"data-verdict": name, class: `${sign === "✗" ? "lost" : ""} ${rate ? "rises" : ""}`},
			el("th", {scope: "row"}, el("span", {class: "sign", "aria-label": sign === "✗" ? "dropped" : false}, sign), ` ${name}`, el("small", {}, ` ${text}`)),
			el("td", {class: "number packets"}, number(packets)), el("td", {class: "number"}, rate ? `+${number(Math.max(1, rate))}` : "0"));
	})))));
}

export function showHealth(state) {
	const lines = [];
	for (const [machine, said] of state.of.metrics) {
		const who = state.of.metrics.size > 1 ? `${machine}: ` : "";
		for (const {device, mode, flavour} of said.programs) lines.push(["✓", `${who}xdp_${mode} runs on ${device} (${flavour})`]);
		if (!said.programs.length) lines.push(["✗", `${who}no program of ours runs on any device`]);
		lines.push(said.watch ? ["✓", `${who}lb watch runs: backends are checked`] : ["–", `${who}lb watch does not run: nobody checks backends`]);
		for (const {address, device, known} of said.neighbours) {
			lines.push(known ? ["✓", `${who}the MAC address of ${address} (${device}) is known`] : ["!", `${who}the MAC address of ${address} (${device}) is not known; if packets need it: lb refresh`]);
		}
		for (const [map, [used, room]] of Object.entries(said.maps)) if (used > room * 0.8) lines.push(["!", `${who}the map ${map} is ${percent(used, room)} full`]);
		if (said.flows) lines.push(["–", `${who}${number(said.flows)} connections are remembered`]);
		if (said.fingerprint) lines.push(["–", `${who}fingerprint ${said.fingerprint}`]);
	}
	fill(byId("health"), el("ul", {}, ...lines.map(([sign, text]) => el("li", {class: sign === "✗" ? "bad" : ""}, el("b", {}, sign), ` ${text}`))));
}

export function showConnections(state, journeys) {
	const all = [...journeys.connections.values()].slice(-8).reverse();
	const backends = state.services.flatMap((one) => one.backends);
	fill(byId("connections"), all.length ? el("table", {}, el("thead", {}, el("tr", {}, ...["client", "backend", "state"].map((text) => el("th", {scope: "col"}, text)))),
		el("tbody", {}, ...all.map((one) => {
			const name = state.macName(one.target?.dst || ""), backend = backends.find((other) => other.name === name);
			const [sign, word] = connectionState(one, state.now);
			return el("tr", {class: sign === "✗" ? "bad" : ""}, el("td", {}, endpoint(one.client, one.port), state.services.length > 1 && el("small", {}, ` to ${endpoint(one.server, one.serverPort)}`)),
				el("td", {}, backend ? [mark(backend.mark, backend.short), ` ${name}`] : "–"), el("td", {class: "state"}, `${sign} ${word}`));
		}))) : el("p", {class: "quiet"}, "none yet"));
}

// Journeys as a table, as labs/*/trace.sh prints them, the latest one last. Hops that have not been played yet are not there.
export function showJourneys(state, played) {
	const heads = describe(played[0].journey.frames[0], null, state.macName).map(({name}) => el("th", {scope: "col"}, name));
	byId("hops").replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, el("th", {scope: "col"}, ""), ...heads)),
		...[...played].reverse().map((one) => hopRows(state, one, one === played[0]))));
	const place = byId("journey"), row = byId("hops").querySelector(".now")?.getBoundingClientRect();
	const below = row ? row.bottom - place.getBoundingClientRect().bottom + 8 : 0;
	if (below > 0) place.scrollTop += below; // where there is little room, the hop that is played stays in sight
}

function hopRows(state, {journey, index}, isLast) {
	const frames = journey.frames.slice(0, index + 1);
	return el("tbody", {class: isLast ? "latest" : "earlier"}, el("tr", {}, el("th", {colspan: 7, class: "title", scope: "rowgroup"}, title(journey))),
		...frames.map((frame, i) => el("tr", {class: isLast && i === index ? "now" : ""}, el("th", {scope: "row"}, String(i + 1)),
			...describe(frame, frames[i - 1], state.macName).map(cell),
			!frame.to.length && el("td", {class: "bad"}, "✗ nobody took it"))));
}

function cell({value, changed}) {
	return el("td", {class: changed ? "changed" : ""}, changed && el("span", {"aria-label": "changed: "}, "✱"), value);
}

function title({frames, again, connection}) {
	const first = frames[0];
	const side = connection ? (first.ip.src === connection.client && first.ports[0] === connection.port ? "the request: " : "the answer: ") : "";
	return `${side}${first.l4} ${first.text}${again ? ` (sent again: ${again})` : ""}`;
}

// One line for a journey; it grows with each hop.
export function packetLine(state, journey, open) {
	const list = byId("packets"), id = `packet-${journey.id}`;
	const stations = [state.macName(journey.frames[0].src)];
	for (const frame of journey.frames) stations.push(frame.outer ? "⇒" : "→", frame.to.length ? frame.to.map((to) => to.slice(0, to.lastIndexOf("."))).join(" + ") : "✗");
	const lost = state.lostAt(journey);
	const text = `${title(journey)}: ${stations.join(" ")}${lost ? ` ✗ it ends at ${lost}` : ""}`;
	const old = document.getElementById(id);
	if (old) {
		if (old.textContent !== text) old.firstChild.textContent = text;
		old.className = lost ? "bad" : "";
	} else {
		// one stop for the Tab key, at the latest line; arrows go from there to the others
		const last = list.lastElementChild?.firstChild;
		if (last && last !== document.activeElement) last.tabIndex = -1;
		list.append(el("li", {id}, el("button", {class: "line", onclick: () => open(journey)}, text)));
	}
	trim(list);
}

export function logLines(state, {machine, lines}) {
	const list = byId("log");
	byId("no-log").hidden = true;
	for (const {text, at} of lines) {
		const when = at ? new Date(at * 1000).toTimeString().slice(0, 8) : "";
		list.append(el("li", {class: /FAILED|REFUSED|cannot|no backend/.test(text) ? "bad" : ""}, [when, state.of.services.size > 1 ? `${machine}:` : "", text].filter(Boolean).join(" ")));
	}
	trim(list);
}

function trim(list) {
	const atEnd = list.scrollTop + list.clientHeight > list.scrollHeight - 60;
	while (list.children.length > LINES) list.firstChild.remove();
	if (atEnd) list.scrollTop = list.scrollHeight;
}

// The details of a machine: what commands print, and the commands.
export function showMachine(state, name) {
	const info = state.machine(name), facts = state.of.facts.get(name);
	fill(byId("details-title"), name);
	fill(byId("details-body"), info.word && el("p", {}, `${info.sign} ${info.word}${info.share ? `; ${info.share}` : ""}`),
		...(facts?.facts || []).flatMap(({command, output}) => [el("p", {class: "command"}, el("code", {}, command)), el("pre", {tabindex: 0}, output || "(nothing)")]),
		!facts && el("p", {class: "quiet"}, state.world.console ? "A backend: its own machine can say more." : "asking …"));
}

// The details of a cable: its last packets, decoded.
export function showCable(state, journeys, port, isShown) {
	const frames = (journeys.ofCable.get(port) || []).filter(isShown).reverse().slice(0, 15);
	const machine = port.slice(0, port.lastIndexOf("."));
	fill(byId("details-title"), `cable ${port}`);
	fill(byId("details-body"),
		el("p", {class: "command"}, el("code", {}, `${state.world.prefix}scripts/node exec switch tcpdump -ni ${port}`)),
		frames.length ? el("ol", {class: "frames", reversed: true}, ...frames.map((frame) => el("li", {},
			el("b", {}, `${frame.from === port ? "←" : "→"} ${frame.l4} ${frame.text}`), el("small", {}, ` ${frame.from === port ? "from" : "to"} ${machine}, ${number(frame.length)} bytes`),
			el("dl", {}, ...describe(frame, null, state.macName).filter(({value}) => value !== "–").flatMap(({name, value}) => [el("dt", {}, name), el("dd", {}, value)]))))) :
			el("p", {class: "quiet"}, "no packet has been seen here yet"));
}
