// SPDX-License-Identifier: GPL-2.0-only
// All that is known of the machines: what the feeder's messages say (../feed.py, ../readings.py), and what follows from it.
import {endpoint} from "./dom.js";
import {machineOf} from "./layout.js";
import {backendState, shortName} from "./words.js";
import {shareText} from "./map.js";

export class State {
	constructor() {
		this.world = {machines: [], cables: {}, up: false, console: false, name: "", prefix: ""};
		this.of = {services: new Map(), stats: new Map(), slots: new Map(), metrics: new Map(), facts: new Map()};
		this.rates = {}; // port -> packets in a second
		this.counted = null; // the message before
		this.past = new Map(); // machine -> the stats before
		this.leftOut = 0;
		this.clock = 0; // the machines' time, less ours, in s
		this.names = new Map(); // MAC address -> machine
		this.owners = new Map(); // address -> machine
	}

	// Takes a message in. True if it was one that says how things are.
	take(message) {
		if (message.at) this.clock = message.at - Date.now() / 1000;
		if (message.type === "world") this.setWorld(message);
		else if (message.type === "rates") this.count(message);
		else if (message.type === "stats") {
			this.past.set(message.machine, this.of.stats.get(message.machine));
			this.of.stats.set(message.machine, message);
		} else if (this.of[message.type]) this.of[message.type].set(message.machine, message);
		else return false;
		return true;
	}

	setWorld(world) {
		this.world = world;
		const here = new Set(world.machines.map((machine) => machine.name));
		for (const map of [...Object.values(this.of), this.past]) for (const name of map.keys()) if (!here.has(name)) map.delete(name);
		this.names = new Map([["ff:ff:ff:ff:ff:ff", "everybody"]]);
		this.owners.clear();
		for (const machine of world.machines) for (const device of machine.devices) {
			if (device.name === "lo") continue;
			this.names.set(device.mac, machine.name);
			for (const address of device.addresses) this.owners.set(address.split("/")[0], machine.name);
		}
	}

	count(message) {
		const seconds = this.counted ? message.at - this.counted.at : 0;
		this.rates = {};
		for (const [port, counts] of Object.entries(message.cables)) {
			const before = this.counted?.cables[port];
			if (before && seconds > 0.2) this.rates[port] = Math.max(0, (counts[0] + counts[1] - before[0] - before[1]) / seconds);
		}
		this.counted = message;
		this.leftOut = message.left_out;
	}

	get now() {
		return Date.now() / 1000 + this.clock;
	}

	macName = (mac) => this.names.get(mac) || (mac.startsWith("33:33:") || mac.startsWith("01:00:5e") ? "a group" : mac);

	// A switch that does not know a MAC address yet sends a frame to everybody; only its owner takes it.
	findReceiver(frame) {
		frame.seenBy = frame.to;
		const owner = this.names.get(frame.dst), receivers = frame.to.filter((port) => machineOf(port) === owner);
		if (owner && owner !== "everybody") frame.to = receivers;
	}

	// The machine where a packet got lost, if it did: it was not meant for that one, and did not come out again.
	lostAt({frames}) {
		const last = frames[frames.length - 1];
		if (last.kind !== "request" || !last.ports || !last.to.length || this.now - last.at < 1) return null;
		const machine = this.world.machines.find((one) => one.name === machineOf(last.to[0]));
		const owns = machine?.devices.some((device) => device.addresses.some((address) => address.split("/")[0] === last.ip.dst));
		const isBackend = this.services.some((service) => service.backends.some((backend) => backend.name === machine?.name));
		const isForwarder = machine?.role === "lb" && !isBackend && frames[0].ip.dst === last.ip.dst; // it has the VIP for others
		return machine && (!owns || isForwarder) ? machine.name : null;
	}

	// 192.168.178.0/24 of a network: of the first machine in it.
	prefixOf(network) {
		for (const machine of this.world.machines) for (const device of machine.devices) {
			if (this.world.cables[`${machine.name}.${device.name}`] !== network) continue;
			const address = device.addresses.find((one) => one.includes(".")) || device.addresses[0] || "";
			const [host, bits] = address.split("/");
			if (!host.includes(".")) return address && `${host.split("::")[0]}::/${bits}`;
			const keep = Math.floor(bits / 8);
			return `${host.split(".").map((byte, i) => (i < keep ? byte : 0)).join(".")}/${bits}`;
		}
		return "";
	}

	rateOf(port) {
		if (!this.world.console) return this.rates[port] || 0;
		return this.services.flatMap((service) => service.backends).filter((one) => one.name === port).reduce((sum, one) => sum + (one.rate || 0), 0);
	}

	// The services of all load balancers. In a group each of them has the same: what they have counted is added up.
	get services() {
		const services = new Map();
		for (const [machine, {services: list}] of this.of.services) for (const service of list) {
			const key = `${service.protocol} ${endpoint(service.address, service.port)}`;
			if (!services.has(key)) services.set(key, this.serviceOf(machine, key, service));
			this.addUp(services.get(key), machine, service);
		}
		return [...services.values()];
	}

	serviceOf(machine, name, service) {
		const slots = this.of.slots.get(machine)?.services.find((one) => one.name === name);
		const all = [...service.backends, ...(service.fallback ? [{...service.fallback, isFallback: true}] : [])];
		const backends = all.map((backend, i) => {
			const owner = this.owners.get(backend.address), server = endpoint(backend.address, backend.port);
			const title = owner || (backend.port === service.port ? backend.address : server);
			return {...backend, mark: i, name: title, server, short: shortName(title, i), packets: 0, bytes: 0, connections: 0, rate: null,
				slots: slots ? [slots.counts[server] || 0, slots.total] : null, is: backendState(backend)};
		});
		return {...service, name, slots, backends, machines: []};
	}

	addUp(service, machine, {protocol, address, port}) {
		const find = (message) => message?.stats.services.find((one) => one.protocol === protocol && one.address === address && one.port === port);
		const now = this.of.stats.get(machine), past = this.past.get(machine);
		service.machines.push(machine);
		for (const counted of find(now)?.backends || []) {
			const backend = service.backends.find((one) => one.address === counted.address && one.port === counted.port);
			if (!backend) continue;
			for (const what of ["packets", "bytes", "connections"]) backend[what] += counted[what];
			const before = find(past)?.backends.find((one) => one.address === counted.address && one.port === counted.port);
			if (before) backend.rate = (backend.rate || 0) + Math.max(0, counted.packets - before.packets) / (now.at - past.at);
		}
	}

	// What of each verdict was counted, by all load balancers: [{name, packets, rate}]
	get verdicts() {
		const sums = new Map();
		for (const [machine, now] of this.of.stats) {
			const past = this.past.get(machine);
			for (const {name, packets} of now.stats.verdicts) {
				const sum = sums.get(name) || {name, packets: 0, rate: 0}, before = past?.stats.verdicts.find((one) => one.name === name);
				sum.packets += packets;
				if (before) sum.rate += Math.max(0, packets - before.packets) / (now.at - past.at);
				sums.set(name, sum);
			}
		}
		return [...sums.values()];
	}

	// What the map shows of a machine.
	machine(name) {
		const machine = this.world.machines.find((one) => one.name === name);
		const backend = this.services.flatMap((service) => service.backends).find((one) => one.name === name);
		const info = {role: machine?.role || "backend", lines: machine ? ownAddresses(machine, this.world.console) : [], state: "", word: ""};
		if (backend) {
			const [state, sign, word] = backend.is;
			Object.assign(info, {state, sign, word, mark: backend.mark, slots: backend.slots, share: shareText(backend.slots)});
			if (this.world.console) info.lines = [`weight ${backend.weight}`];
		} else if (info.role === "lb") {
			const {programs = []} = this.of.metrics.get(name) || {};
			Object.assign(info, {sign: "", word: programs.map(({mode}) => `xdp_${mode}`).join(", ")});
			const vips = [...new Set((this.of.services.get(name)?.services || []).map((service) => service.address))];
			if (vips.length) info.lines.push(`VIP ${vips.slice(0, 2).join(", ")}${vips.length > 2 ? " …" : ""}`);
		}
		return info;
	}
}

// Its addresses on cables; of more than one family or device, those of the first come first.
function ownAddresses(machine, isConsole) {
	const addresses = machine.devices.filter((device) => device.name !== "lo").flatMap((device) => device.addresses.map((one) => one.split("/")[0]));
	if (machine.role === "gateway") return [];
	return addresses.filter((one) => !one.startsWith("fe80")).slice(0, isConsole ? 2 : 1);
}
