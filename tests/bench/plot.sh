#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# plot: draws the results of the benchmark: per_packet.svg, driver.svg, compare.svg.
# usage: tests/bench/plot.sh RESULTS.json FOLDER
set -euo pipefail

results=$1 folder=$2
# Without the date, the same figures make the same picture.
label=$(jq -r '"\(.date), Linux \(.kernel), \(.cpus) x \(.cpu)"' "$results")
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT

jq -r '(.per_packet[] | .mode as $mode | .cases[] | select(.name | startswith("ladder") | not)
	| ["\($mode): \(.name)", .multiple.median]) | @tsv' "$results" | tac >"$data/packets"
jq -r '.driver[0].points[] | select(.name | test("^(flows|services|backends)="))
	| [(.name | split("=")[]), .of_floor] | @tsv' "$results" >"$data/growth"
jq -r '.compare[] | select(.contestant != "direct")
	| [.contestant, (.lb_cpu_us_per_request // 0), (.udp_frames_per_second // 0) / 1000] | @tsv' "$results" >"$data/compared"

gnuplot <<END
set terminal svg size 900,640 noenhanced font "sans-serif,13" background "white"
set datafile separator "\t"

set output "$folder/per_packet.svg"
set title "Cost of a packet, as a multiple of swapping two MAC addresses\n$label"
set yrange [-0.7:$(wc -l <"$data/packets")]
set xrange [0.5:128]
set logscale x 2
set grid x
set lmargin 38
unset key
set style fill solid 0.7
plot "$data/packets" using (0):0:(0.5):2:(\$0-0.35):(\$0+0.35):ytic(1) with boxxyerror lc rgb "#3b6ea5", \
	"" using 2:0:(sprintf("  %.1f", \$2)) with labels left notitle

reset
set output "$folder/driver.svg"
set title "Frames per second of xdp_ipip through veth, of what swapping MAC addresses reaches\n$label"
set logscale x 2
set format x "%.0f"
set xrange [0.8:2000000]
set yrange [0:1.2]
set grid
set key bottom left
set xlabel "how many"
plot for [what in "flows services backends"] "< grep ^" . what . " $data/growth" using 2:3 with linespoints lw 2 pt 7 title what

reset
set terminal svg size 900,420 noenhanced font "sans-serif,13" background "white"
set output "$folder/compare.svg"
set multiplot layout 1,2 title "$label"
set style fill solid 0.7
set boxwidth 0.6
set yrange [0:*]
set grid y
set offsets 0, 0, graph 0.1, 0
unset key
set title "CPU of the load balancer per HTTP request, µs"
plot "$data/compared" using 0:2:xtic(1) with boxes lc rgb "#3b6ea5", "" using 0:2:(sprintf("%.1f", \$2)) with labels offset 0,0.7
set title "UDP packets forwarded per second, thousands"
plot "$data/compared" using 0:3:xtic(1) with boxes lc rgb "#3b6ea5", "" using 0:3:(\$3 > 0 ? sprintf("%.0f", \$3) : "no UDP") with labels offset 0,0.7
unset multiplot
END

# What is drawn is named after the file that it comes from, whose folder is gone.
sed -i "s|<title>\"$data/\([a-z_]*\)\".*</title>|<title>\1</title>|" "$folder"/{per_packet,driver,compare}.svg
