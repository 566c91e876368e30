// SPDX-License-Identifier: GPL-2.0-only
// Makes elements. Text always goes in as text, never as HTML: what machines, packets and logs say is not to be trusted.

function make(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes)) {
		if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
		else if (value === true) element.setAttribute(name, "");
		else if (value !== false && value != null) element.setAttribute(name, value);
	}
	element.append(...children.flat().filter((child) => child != null && child !== false));
	return element;
}

// el("button", {class: "main", onclick: f}, "text", otherElement)
export function el(name, attributes = {}, ...children) {
	return make(document.createElement(name), attributes, children);
}

// The same for what is inside an SVG picture.
export function svg(name, attributes = {}, ...children) {
	return make(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

export function byId(id) {
	return document.getElementById(id);
}

// Replaces what is in an element, but only if it would look different: the keyboard's focus and a selection stay.
export function fill(parent, ...children) {
	const fresh = parent.cloneNode(false);
	fresh.append(...children.flat().filter((child) => child != null && child !== false));
	if (fresh.innerHTML === parent.innerHTML) return;
	const focused = parent.contains(document.activeElement) && document.activeElement.dataset.key;
	parent.replaceChildren(...fresh.childNodes);
	if (focused) parent.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({preventScroll: true});
}

// 1234567 -> "1 234 567", with narrow spaces that do not break.
export function number(value) {
	return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

export function percent(part, whole) {
	return whole ? `${Math.round((100 * part) / whole)}\u202f%` : "0\u202f%";
}

// ["192.168.178.15", 8000] -> "192.168.178.15:8000"; IPv6 has brackets, port 0 is every port.
export function endpoint(address, port) {
	return `${address.includes(":") ? `[${address}]` : address}:${port || "any"}`;
}
