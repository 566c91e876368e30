// SPDX-License-Identifier: GPL-2.0-only
// Draws the map: machines, networks, cables, and what each machine says of itself. What moves on it is player.js.
import {byId, fill, number, percent, svg} from "./dom.js";
import {describe} from "./frames.js";
import {ratePlaces} from "./layout.js";
import {pattern} from "./words.js";

const ICONS = { // in a square of 32
	client: "M5 6h22v15H5zM2 25h28",
	gateway: "M16 4a12 12 0 1 0 .01 0M9 16h14M19 12l4 4-4 4M13 12l-4 4 4 4",
	lb: "M4 16h8M12 16L26 7M12 16l14 0M12 16l14 9",
	backend: "M6 4h20v7H6zM6 12.5h20v7H6zM6 21h20v7H6zM10 7.5h3M10 16h3M10 24.5h3",
};

// draw(state, places, open): state has machines, cables and what is known of them; open(kind, name) shows details.
export function drawMap(state, places, open) {
	const map = byId("map");
	const rates = ratePlaces(places, (name) => Math.max(14 * name.length, 9.6 * state.prefixOf(name).length),
		(port) => Math.max(52, 10.4 * rateText(state, port).length)); // 52: so that they stay where they are up to 999/s
	map.setAttribute("viewBox", `0 0 ${places.width} ${places.height}`);
	fill(byId("things"), ...Object.entries(places.buses).map(([name, bus]) => drawBus(state, name, bus)),
		...Object.keys(places.cables).map((port) => drawCable(state, port, places.cables[port], rates[port])),
		...Object.keys(places.boxes).map((name) => drawBox(state, name, places.boxes[name])));
	map.onclick = (event) => opened(event.target, open);
	map.onkeydown = (event) => {
		if (event.key === "Enter" || event.key === " ") {
			if (opened(event.target, open)) event.preventDefault();
		} else if (event.key.startsWith("Arrow")) moveFocus(event);
	};
}

function opened(target, open) {
	const thing = target.closest("[data-key]");
	if (!thing) return false;
	open(...thing.dataset.key.split(" "));
	return true;
}

function drawBus(state, name, bus) {
	const height = bus.bottom - bus.top;
	if (bus.isAside) return svg("g", {class: "bus"}, svg("rect", {x: bus.x - 9, y: bus.top, width: 18, height, rx: 9}),
		svg("text", {x: bus.x + 45, y: bus.top + 14, class: "name"}, name), svg("text", {x: bus.x + 76, y: bus.top + 33, class: "small"}, state.prefixOf(name)));
	return svg("g", {class: "bus"},
		svg("rect", {x: bus.x - 9, y: bus.top, width: 18, height, rx: 9}),
		svg("text", {x: bus.x, y: bus.top - 24, class: "name"}, name),
		svg("text", {x: bus.x, y: bus.top - 7, class: "small"}, state.prefixOf(name)));
}

function drawCable(state, port, points, [x, y]) {
	const path = `M${points.map((point) => point.map((value) => value.toFixed(1)).join(" ")).join("L")}`;
	const rate = state.rateOf(port);
	const label = `cable ${port}, ${number(rate)} packets in a second`;
	return svg("g", {class: "cable", tabindex: 0, role: "button", "aria-label": label, "data-key": `cable ${port}`, id: `cable ${port}`},
		svg("title", {}, `${port}: its last packets`),
		svg("path", {d: path, class: "touch"}), svg("path", {d: path, class: "wire"}),
		rate >= 0.5 && svg("text", {x, y, class: "rate"}, rateText(state, port)));
}

function rateText(state, port) {
	return `${number(state.rateOf(port))}/s`;
}

function drawBox(state, name, {x, y, w, h}) {
	const info = state.machine(name), left = x - w / 2, top = y - h / 2;
	const wide = w > 300;
	return svg("g", {class: `machine ${info.role} ${info.state || ""}`, tabindex: 0, role: "button", "data-key": `machine ${name}`,
		"aria-label": [name, info.word, ...info.lines, info.share].filter(Boolean).join(", ")},
	svg("title", {}, `${name}: its state, and the commands that show it`),
	svg("rect", {x: left, y: top, width: w, height: h, rx: 10, class: "box"}),
	info.mark != null && svg("rect", {x: left, y: top + 8, width: 12, height: h - 16, rx: 4, fill: pattern(info.mark), class: "mark"}),
	svg("path", {d: ICONS[info.role] || ICONS.backend, class: "icon", transform: `translate(${left + 20} ${top + 10})`}),
	svg("text", {x: left + 62, y: top + 30, class: name.length > 15 ? "name long" : "name"}, name),
	...info.lines.slice(0, 2).map((line, i) => svg("text", {x: left + (i && w < 250 ? 20 : 62), y: top + 51 + 19 * i, class: "small"}, line)),
	wide && info.word && svg("text", {x: left + w - 14, y: top + 30, class: "word"}, `${info.sign} ${info.word}`),
	wide && info.share != null && share(info, left + w - 150, top + 42));
}

// The packet that is on its way, header in header. What this hop has changed is marked.
export function drawHeaders(state, journey, index, places) {
	const frame = journey.frames[index], cells = Object.fromEntries(describe(frame, journey.frames[index - 1], state.macName).map((one) => [one.name, one]));
	const layers = [["Ethernet", `${cells["from MAC"].value} → ${cells["to MAC"].value}`, cells["from MAC"].changed || cells["to MAC"].changed, ""]];
	if (frame.outer) layers.push([`outer IP`, cells["outer IP"].value, cells["outer IP"].changed, `, TTL ${frame.outer.ttl}`]);
	if (frame.ip) layers.push(["IP", cells.IP.value, cells.IP.changed, `, TTL ${frame.ip.ttl}`]);
	layers.push([frame.l4.toUpperCase(), [frame.ports && cells.ports.value, frame.text].filter(Boolean).join("  "), cells.ports.changed, ""]);
	const w = 570, row = 32, x = 10, bottom = places.height - 12, top = bottom - layers.length * (row + 8);
	byId("headers").replaceChildren(...layers.map(([name, text, changed, ttl], i) => svg("g", {class: `layer ${changed ? "changed" : ""} ${name === "outer IP" ? "outer" : ""}`},
		svg("rect", {x: x + 12 * i, y: top + (row + 6) * i, width: w - 24 * i, height: bottom - top - (row + 6) * i - 6 * i, rx: 6}),
		svg("text", {x: x + 12 * i + 10, y: top + (row + 6) * i + 24}, svg("tspan", {class: "kind"}, `${name}  `), `${changed ? "✱ " : ""}${text}${ttl}`))));
}

// How many of the slots a backend has, as a bar and in words.
function share(info, x, y) {
	const part = info.slots ? info.slots[0] / info.slots[1] : 0;
	return svg("g", {class: "share"},
		svg("rect", {x, y, width: 136, height: 12, rx: 3, class: "frame"}),
		svg("rect", {x, y, width: 136 * part, height: 12, rx: 3, fill: pattern(info.mark)}),
		svg("text", {x: x + 136, y: y + 28, class: "small end"}, info.share));
}

export function shareText(slots) {
	return slots ? `${number(slots[0])} of ${number(slots[1])} slots, ${percent(...slots)}` : null;
}

// An arrow key goes to the nearest machine or cable in its direction.
function moveFocus(event) {
	const [dx, dy] = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
	const centre = (thing) => {
		const box = thing.getBoundingClientRect();
		return [box.x + box.width / 2, box.y + box.height / 2];
	};
	const here = event.target.closest("[data-key]");
	if (!here) return;
	event.preventDefault();
	const [x, y] = centre(here);
	let best = null, distance = Infinity;
	for (const thing of byId("map").querySelectorAll("[data-key]")) {
		const [tx, ty] = centre(thing), ahead = (tx - x) * dx + (ty - y) * dy, aside = Math.abs((tx - x) * dy) + Math.abs((ty - y) * dx);
		if (thing !== here && ahead > 4 && ahead + 2 * aside < distance) [best, distance] = [thing, ahead + 2 * aside];
	}
	best?.focus();
}
