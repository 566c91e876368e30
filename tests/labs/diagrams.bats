#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The drawings of the lessons. (What is on the cables in them is compared with trace.sh in lessons.bats.)

load ../lib/helper

@test "every committed drawing is what its description says" {
	run -0 labs/common/diagram.py --check
	[ "$(find labs -name 'diagram*.txt' | wc -l)" -ge 8 ]
	[ "$(find labs -name 'diagram*.svg' | wc -l)" -eq "$(find labs -name 'diagram*.txt' | wc -l)" ]
}

@test "a drawing that was edited, or a description that was not drawn, is noticed" {
	mkdir -p "$BATS_TEST_TMPDIR/labs/common"
	cp labs/common/diagram.py "$BATS_TEST_TMPDIR/labs/common"
	cp -r labs/nat labs/ipip "$BATS_TEST_TMPDIR/labs"
	cd "$BATS_TEST_TMPDIR"
	run -0 labs/common/diagram.py --check
	sed -i 's/10.0.0.20/10.0.0.21/' labs/nat/diagram.svg
	echo "note 18 300 more" >>labs/ipip/diagram.txt
	run -1 labs/common/diagram.py --check
	[ "$output" = "diagram.py: not what is described: labs/ipip/diagram.svg labs/nat/diagram.svg; run labs/common/diagram.py" ]
	run -0 labs/common/diagram.py
	run -0 labs/common/diagram.py --check
	# what cannot be drawn is refused, and the drawing stays
	local before
	before=$(sha256sum labs/nat/diagram.svg)
	echo "hop request client nobody" >>labs/nat/diagram.txt
	run -1 labs/common/diagram.py labs/nat/diagram.txt
	[[ $output == "diagram.py: labs/nat/diagram.txt:"*"'hop request client nobody' cannot be drawn"* ]]
	sed -i '$d' labs/nat/diagram.txt
	echo "machine a 60 60 | much longer than the box of a machine" >>labs/nat/diagram.txt
	run -1 labs/common/diagram.py labs/nat/diagram.txt
	[[ $output == *"there is room for 124"* ]]
	[ "$(sha256sum labs/nat/diagram.svg)" = "$before" ]
}

@test "drawings are for everybody: a title and a text, no letters below 12 px, lines that differ without colour" {
	python3 - <<-'END'
		import glob, re
		import xml.etree.ElementTree as xml
		ns = "{http://www.w3.org/2000/svg}"
		for file in glob.glob("labs/*/diagram*.svg"):
		    root = xml.parse(file).getroot()
		    assert root.get("width") == "800" and root.get("role") == "img", file
		    assert root.get("aria-labelledby") == "t d" and len(root.find(ns + "desc").text) > 100, file
		    assert root[0].tag == ns + "title" and root[0].text, file
		    style = root.find(ns + "style").text
		    assert min(map(int, re.findall(r"(\d+)px", style))) >= 12, file
		    dashes = [re.search(rf"\.{kind} {{ stroke: #\w+(; stroke-dasharray: [\d ]+)? }}", style)[1] for kind in ("request", "answer", "check")]
		    assert len(set(dashes)) == 3, dashes
		    # dark letters on a light card of their own, whatever is behind it
		    card = next(e for e in root if e.get("class") == "card")
		    assert float(card.get("width")) >= 799 and ".card { fill: #ffffff" in style, file
	END
}

@test "every drawing is shown somewhere, with a text for who cannot see it" {
	local file name
	for file in labs/*/diagram*.svg; do
		name=${file##*/}
		grep -qE "!\[.{40,}\]\($name\)" "${file%/*}/README.md" || grep -qE "!\[.{40,}\]\($file\)" README.md
	done
}

@test "what is on the cables in the drawings is what the lessons' traces show (and those are compared with real ones)" {
	python3 - <<-'END'
		import re
		for lab in ("nat", "l2dsr", "ipip"):
		    text = open(f"labs/{lab}/README.md").read()
		    trace = text[text.index("the request: SYN"):].split("```")[0]
		    traced = []
		    for line in trace.splitlines():
		        if hop := re.match(r" \d+  ([ *])(\S+) +(\*?)(\S+) +(\*?)(-|\S+ > \S+) +(\*?)(\S+ > \S+) +(\d+ > \d+) ", line):
		            source, destination = hop[2].lstrip("*"), hop[4]
		            traced.append((hop[1] == "*" or hop[3] == "*", f"{source} > {destination}", hop[5] == "*" and hop[6] != "-", hop[6], hop[7] == "*", hop[8]))
		    drawn = []
		    for line in open(f"labs/{lab}/diagram.txt"):
		        if line.startswith("frame "):
		            _, ethernet, *outer, ip, ports = (part.strip() for part in line.split("|"))
		            outer = outer[0] if outer else "-"
		            drawn.append((ethernet[0] == "*", ethernet.lstrip("*"), outer[0] == "*", outer.lstrip("*"), ip[0] == "*", ip.lstrip("*")))
		    one = lambda rows: [tuple(re.sub(r"backend-02", "backend-01", re.sub(r"(172\.16\.0\.1|192\.168\.178\.1)(?=[12]\b)[12]", r"\1N", str(x))) for x in row) for row in rows]
		    norm = lambda rows: [tuple(x.replace("172.16.0.10", "172.16.0.1N") for x in row) for row in one(rows)]
		    assert len(traced) >= 5, (lab, traced)
		    assert norm(traced) == norm(drawn), "\n".join(map(str, [lab, *norm(traced), *norm(drawn)]))
	END
}

@test "the slots in the drawing of Maglev are those of the model" {
	PYTHONPATH=tests/lib python3 - <<-'END'
		import maglev, re
		five = [(f"192.168.178.2{i}", 8000, 1) for i in range(1, 6)]
		rows = [line.split("|")[1].split() for line in open("labs/maglev/diagram.txt") if line.startswith("slots ")]
		texts = [line for line in open("labs/maglev/diagram.txt") if line.startswith("slots ")]
		for i, table in enumerate((maglev.hash_table, maglev.maglev_table)):
		    before, after = ([n + 1 for n in table(backends, 23)] for backends in (five, five[:4]))
		    sign = lambda was, now: f"{'' if was == now else '-' if was == 5 else '*'}{now}"
		    assert rows[2 * i] == [str(n) for n in before], rows[2 * i]
		    assert rows[2 * i + 1] == [sign(*pair) for pair in zip(before, after)], rows[2 * i + 1]
		    moved = sum(word.startswith("*") for word in rows[2 * i + 1])
		    assert f"{moved} slots of others have moved" in texts[2 * i + 1], moved
	END
}
