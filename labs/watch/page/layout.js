// SPDX-License-Identifier: GPL-2.0-only
// Where everything is on the map, computed from who is plugged into what. From left to right: the client, and from there
// network by network. Nothing here draws, or knows a lab by its name.

const WIDTH = 1200, ROW = 94, HEAD = 40, SMALL = [190, 84], WIDE = [372, 78]; // HEAD: for the name of the uppermost network

// layout(world) -> {width, height, boxes: {name: {x, y, w, h}}, buses: {network: {x, top, bottom}}, cables: {port: [point]}}
// A cable's points lead from its machine to its network.
export function layout(world) {
	const networksOf = (name) => Object.entries(world.cables)
		.filter(([port]) => machineOf(port) === name).map(([, network]) => network);
	const membersOf = (network) => Object.entries(world.cables)
		.filter(([, other]) => other === network).map(([port]) => machineOf(port));
	const networks = [...new Set(Object.values(world.cables))];
	const columns = walk(world, networksOf, membersOf);
	const rows = Math.max(...columns.map((column) => column.length), 1);
	const height = Math.max(480, rows * ROW + HEAD + 10);
	const boxes = place(columns, height);
	const buses = placeBuses(boxes, columns, networks, membersOf);
	const cables = {};
	for (const [port, network] of Object.entries(world.cables)) {
		const box = boxes[machineOf(port)];
		if (box && buses[network]) cables[port] = cable(box, buses[network], port, world.cables);
	}
	return {width: WIDTH, height, boxes, buses, cables};
}

export function machineOf(port) {
	return port.slice(0, port.lastIndexOf("."));
}

// Machines by their distance from the client, in networks; each column in the order of networks, then of names.
function walk(world, networksOf, membersOf) {
	const names = world.machines.map((machine) => machine.name);
	const first = ["client", "gateway", ...names].find((name) => names.includes(name));
	const columns = [], seen = new Set();
	let column = first ? [first] : [];
	while (column.length) {
		columns.push(column);
		column.forEach((name) => seen.add(name));
		const networks = column.flatMap(networksOf).filter((network, i, all) => all.indexOf(network) === i);
		networks.sort((a, b) => firstRole(membersOf(b)) - firstRole(membersOf(a)));
		column = networks.flatMap((network) => membersOf(network).sort(byRole)).filter((name, i, all) =>
			!seen.has(name) && names.includes(name) && all.indexOf(name) === i);
	}
	const rest = names.filter((name) => !seen.has(name)); // machines without a cable
	return rest.length ? [...columns, rest] : columns;
}

// Load balancers stand above backends.
function rank(name) {
	return name.startsWith("lb") ? 2 : name.startsWith("backend") ? 0 : 1;
}
function firstRole(names) {
	return Math.max(...names.map(rank));
}
function byRole(a, b) {
	return rank(b) - rank(a) || a.localeCompare(b);
}

function place(columns, height) {
	const boxes = {}, last = columns.length - 1;
	columns.forEach((column, i) => {
		const [w, h] = i === last && last > 0 ? WIDE : SMALL;
		const x = last === 0 ? WIDTH / 2 : i === last ? WIDTH - w / 2 - 8 : w / 2 + 8 + i * ((WIDTH - WIDE[0] - w - 16) / Math.max(1, last)) * 0.98;
		const pitch = Math.min((height - HEAD - 10) / column.length, 130);
		// the first two columns stand higher: below them is room for the packet that is on its way
		const middle = HEAD + (column.length === 1 && i < last ? height * 0.25 : (height - HEAD) / 2);
		column.forEach((name, row) => {
			boxes[name] = {x, y: middle + (row - (column.length - 1) / 2) * pitch, w, h};
		});
	});
	return boxes;
}

// A network is a bar between two columns, as long as its machines in the column behind it.
function placeBuses(boxes, columns, networks, membersOf) {
	const buses = {};
	for (let i = 0; i + 1 < columns.length; i++) {
		const left = boxes[columns[i][0]], right = boxes[columns[i + 1][0]];
		const x = (left.x + left.w / 2 + right.x - right.w / 2) / 2;
		for (const network of networks.filter((network) => joins(membersOf(network), columns[i], columns[i + 1]))) {
			const ys = membersOf(network).filter((name) => columns[i + 1].includes(name)).map((name) => boxes[name].y);
			buses[network] = {x, top: Math.min(...ys) - 34, bottom: Math.max(...ys) + 34};
		}
	}
	for (const network of networks) { // nobody is behind it: it stands above its machine
		const box = boxes[membersOf(network)[0]];
		if (!buses[network] && box) buses[network] = {x: box.x, top: 14, bottom: 50, isAside: true};
	}
	return buses;
}

function joins(members, left, right) {
	return members.some((name) => left.includes(name)) && members.some((name) => right.includes(name));
}

// A curve from the edge of a box to the nearest place of the bar, as points.
function cable(box, bus, port, cables) {
	if (bus.isAside) return [[box.x, box.y - box.h / 2], [bus.x, (box.y - box.h / 2 + bus.bottom) / 2], [bus.x, bus.bottom]];
	const side = bus.x > box.x ? 1 : -1;
	const siblings = Object.keys(cables).filter((other) => machineOf(other) === machineOf(port));
	const start = [box.x + side * box.w / 2, box.y];
	const y = Math.min(Math.max(box.y, bus.top + 14), bus.bottom - 14);
	if (siblings.length > 2 && side > 0) start[1] += Math.sign(y - box.y) * 16;
	const end = [bus.x, y], half = (end[0] - start[0]) / 2, points = [];
	for (let t = 0; t <= 1.0001; t += 1 / 16) {
		points.push(bezier(t, start, [start[0] + half, start[1]], [end[0] - half, end[1]], end));
	}
	return points;
}

function bezier(t, a, b, c, d) {
	const s = 1 - t;
	return [0, 1].map((i) => s ** 3 * a[i] + 3 * s * s * t * b[i] + 3 * s * t * t * c[i] + t ** 3 * d[i]);
}

// Where the rate of each cable is written: {port: [x, y]}, of the text's foot and middle. As near to the cable's middle as there is
// room, above it or below: not on machines, not on the names of networks, nor on another rate. nameWidth(network) and rateWidth(port) say
// how wide these are.
export function ratePlaces({boxes, buses, cables}, nameWidth, rateWidth) {
	const taken = Object.values(boxes).map(({x, y, w, h}) => [x - w / 2, y - h / 2, x + w / 2, y + h / 2]);
	for (const [name, {x, top, bottom, isAside}] of Object.entries(buses)) {
		const half = nameWidth(name) / 2;
		taken.push(isAside ? [x, top - 8, x + 76 + half, bottom - 8] : [x - half, top - 46, x + half, top - 2]);
	}
	const rates = {};
	for (const [port, points] of Object.entries(cables)) {
		const middle = Math.floor(points.length / 2), w = rateWidth(port);
		const near = points.map((_, i) => i).sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
		const feet = near.flatMap((i) => [[points[i][0], points[i][1] - 8], [points[i][0], points[i][1] + 23]]);
		rates[port] = feet.find((foot) => !taken.some((other) => overlap(around(foot, w), other))) || feet[0];
		taken.push(around(rates[port], w));
	}
	return rates;
}

function around([x, y], w) {
	return [x - w / 2, y - 17, x + w / 2, y + 5];
}

function overlap([left, top, right, bottom], other) {
	return left < other[2] && other[0] < right && top < other[3] && other[1] < bottom;
}

// The way of a frame: out of the sender's cable, along the bar, into the receiver's cable.
export function way(places, from, to) {
	const out = places.cables[from];
	if (!out) return null;
	const into = places.cables[to];
	return into ? [...out, ...[...into].reverse()] : [...out];
}

// The point at a part (0..1) of a way.
export function along(points, part) {
	const lengths = points.slice(1).map((point, i) => Math.hypot(point[0] - points[i][0], point[1] - points[i][1]));
	let left = part * lengths.reduce((sum, length) => sum + length, 0);
	for (let i = 0; i < lengths.length; i++) {
		if (left <= lengths[i] && lengths[i] > 0) {
			const t = left / lengths[i];
			return [0, 1].map((k) => points[i][k] + t * (points[i + 1][k] - points[i][k]));
		}
		left -= lengths[i];
	}
	return points[points.length - 1];
}

// The console has no cables to look at: this machine, and the backends that it sends to.
export function consoleLayout(name, backends) {
	const height = Math.max(300, backends.length * ROW + 40);
	const boxes = {[name]: {x: 150, y: height / 2, w: 260, h: 96}}, cables = {};
	backends.forEach((backend, row) => {
		const y = height / 2 + (row - (backends.length - 1) / 2) * ROW;
		boxes[backend] = {x: WIDTH - WIDE[0] / 2 - 8, y, w: WIDE[0], h: WIDE[1]};
		const start = [280, height / 2], end = [WIDTH - WIDE[0] - 8, y], points = [];
		for (let t = 0; t <= 1.0001; t += 1 / 16) points.push(bezier(t, start, [540, start[1]], [540, end[1]], end));
		cables[backend] = points;
	});
	return {width: WIDTH, height, boxes, buses: {}, cables};
}
