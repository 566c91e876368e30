#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# chart: draws how many slots each backend has after one of them has left: those that it had before, those that it has
# taken over from the one that left, and those that moved needlessly. For hash % n and for Maglev.
# usage: [LAB=NAME] labs/maglev/chart.sh [FILE.svg]    with a file: gnuplot draws it there, too
set -euo pipefail
[[ ${1-} != [!/]* ]] || set -- "$PWD/$1" "${@:2}"
cd "$(dirname "$0")/../.."
. labs/common/lab.sh maglev
. labs/common/playground.sh
[[ $# -le 1 ]] || usage
need_playground

data=$(mktemp)
trap 'rm -f "$data"' EXIT

# configure FILLING WEIGHT: the service, with this weight for the last backend.
configure() {
	{
		echo "service tcp $VIP:$PORT $1 slots 16381"
		printf '  backend %s weight 1 up\n' "${BACKENDS[@]}" | sed "\$s/weight 1/weight $2/"
	} | on lb scripts/lb restore -
}

# slots_now: the owner of each slot.
slots_now() {
	on lb scripts/lb --json slots tcp "$VIP:$PORT" | jq -r '.[].now'
}

for filling in hash maglev; do
	configure $filling 1
	before=$(slots_now)
	configure $filling 0
	# BACKEND, and how many of its slots it had before, has taken over, or got from one that is still there
	paste <(echo "$before") <(slots_now) | awk -v backends="${BACKENDS[*]}" -v port="$PORT" '
		BEGIN { n = split(backends, address, " ") }
		{ if ($1 == $2) had[$2]++; else if ($1 == address[n] ":" port) taken[$2]++; else moved[$2]++ }
		END {
			for (i = 1; i < n; i++) {
				key = address[i] ":" port
				printf "backend-%02d %d %d %d\n", i, had[key], taken[key], moved[key]
			}
			print "\n" # two empty lines: the next data set
		}'
done >"$data"
configure maglev 1

echo "Slots, after $(backend_name $((${#BACKENDS[@]} - 1))) has left:  # had before   + taken over from it   . moved needlessly"
awk 'function bar(n, sign) { while (n-- > 0) printf sign }
	BEGIN { print "\nhash % n" }
	/^$/ { if (!titled++) print "\nMaglev"; next }
	{
		printf "%s  ", $1
		bar(int($2 / 64 + 0.5), "#"); bar(int($3 / 64 + 0.5), "+"); bar(int($4 / 64 + 0.5), ".")
		printf " %d + %d + %d\n", $2, $3, $4
	}' "$data"

[[ $# -eq 1 ]] || exit 0
gnuplot >"$1" <<END
set terminal svg size 800,400 background "white"
set style data histograms
set style histogram rowstacked title offset 0,-1
set style fill solid border -1
set boxwidth 0.8
set bmargin 5
set key outside top center horizontal
set ylabel "slots"
set xtics rotate by -20
set yrange [0:*]
plot newhistogram "hash % n" lt 1, '$data' index 0 using 2:xtic(1) lc rgb "#4477aa" title "had before", \
	'' index 0 using 3 lc rgb "#ddcc77" title "taken over", '' index 0 using 4 lc rgb "#cc3311" title "moved needlessly", \
	newhistogram "Maglev" lt 1, '' index 1 using 2:xtic(1) lc rgb "#4477aa" notitle, \
	'' index 1 using 3 lc rgb "#ddcc77" notitle, '' index 1 using 4 lc rgb "#cc3311" notitle
END
echo "
$1 shows the same."
