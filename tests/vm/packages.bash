# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Debian packages that are unpacked for virtual machines, and never installed. Sourced by kernel and qemu.
cache=/var/cache/xdp-lb
suites="bookworm-backports trixie-backports sid"

# Options for apt that let it see these suites, and nothing of what is installed or configured here.
own=(-o "Dir::State=$cache/apt/state" -o "Dir::Cache=$cache/apt/cache"
	-o "Dir::Etc::sourcelist=$cache/apt/sources.list" -o Dir::Etc::sourceparts=-)

# update_own_state: what these suites have, from this machine's own mirror; once a day. A suite that it lacks is left out.
update_own_state() {
	local mirror suite
	[[ -z $(find "$cache/apt/updated" -mtime -1 2>/dev/null) ]] || return 0
	mirror=$(tests/fresh --mirror)
	[[ -n $mirror ]] || die "this machine has no source of Debian packages"
	mkdir -p "$cache"/apt/{state/lists/partial,cache/archives/partial}
	for suite in $suites; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
	done >"$cache/apt/sources.list"
	apt-get "${own[@]}" -o APT::Sandbox::User=root -qq update >&2 || true
	touch "$cache/apt/updated"
}

# unpack_packages FOLDER PACKAGE... -- APT_OPTION...: into this folder. False if one of them cannot be had.
unpack_packages() {
	local folder=$1 packages=() package
	shift
	while [[ $1 != -- ]]; do
		packages+=("$1")
		shift
	done
	mkdir -p "$folder/debs"
	(cd "$folder/debs" && apt-get "${@:2}" -o APT::Sandbox::User=root -qq download "${packages[@]}" >&2) || return 1
	for package in "$folder"/debs/*.deb; do
		dpkg-deb -x "$package" "$folder"
	done
	rm -rf "$folder/debs"
}

# one_at_a_time: until this process ends, as two may want the same thing.
one_at_a_time() {
	mkdir -p "$cache"
	exec {lock}>"$cache/lock"
	flock "$lock"
}
