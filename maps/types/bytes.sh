# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# How the structs of the maps are written down for the shell: once, in the order of the C struct beside them.
#
#   struct backend address:address port:be16 family:u8 state:backend_state weight:u16 ...
#   enum backend_state u8 free up down             the numbers 0, 1, 2
#   flags service_flags u8 sticky hash             the bits 1, 2
#
# The types of fields:
#   u8 u16 u32 u64   a number in the byte order of this machine
#   be16             a number in network byte order
#   address          an IP address in 16 bytes, IPv4 in the first four: a field `family` of the struct says what it is, 4
#                    or 6; without such a field, it is IPv4
#   address6         an IPv6 address
#   ipv4             an IPv4 address in four bytes
#   mac              a MAC address
#   protocol         one byte: tcp or udp
#   bytes32          that many bytes; the shell writes them as hex digits, jq has them as a list
#   pad3             that many bytes of zero; they have no value
#   NAME             an enum, flags, or another struct
#
# `encode` makes bytes from values; with `encoder`, jq does the same for many at once; `decode` makes values from bytes.

declare -gA STRUCTS=() ENUMS=() FLAGS=()
types=${BASH_SOURCE[0]%/*}
endian=$(printf '\1\0' | od -An -tu2) # of this machine: 1 if it writes a number's last byte first

# struct NAME FIELD:TYPE...; enum NAME TYPE WORD...; flags NAME TYPE WORD...: - is a word that is not in use.
struct() {
	STRUCTS[$1]=${*:2}
}
enum() {
	ENUMS[$1]=${*:2}
}
flags() {
	FLAGS[$1]=${*:2}
}

# number SIZE N: appends a number of SIZE bytes, in the byte order of this machine, to `bytes`.
number() {
	local i
	for ((i = 0; i < $1; i++)); do
		bytes+=($(($2 >> 8 * (endian == 1 ? i : $1 - 1 - i) & 255)))
	done
}

# word_number WORD WORD...: which of the others the first word is, from 0 on.
word_number() {
	local i words=("${@:2}")
	for i in "${!words[@]}"; do
		[[ ${words[i]} != "$1" ]] || word=$i
	done
}

# family_of ADDRESS: sets family to 4 or 6.
# shellcheck disable=SC2034 # for whoever calls it
family_of() {
	family=4
	[[ $1 != *:* ]] || family=6
}

# ipv6 ADDRESS: appends its 16 bytes to `bytes`. It may have :: in it, and end in an IPv4 address.
# shellcheck disable=SC2206 # words
ipv6() {
	local text=$1 octets head tail i
	if [[ $text == *.* ]]; then
		octets=(${text##*:}) octets=(${octets//./ })
		printf -v text '%s:%x:%x' "${text%:*}" $((octets[0] << 8 | octets[1])) $((octets[2] << 8 | octets[3]))
	fi
	head=${text%%::*} tail=
	[[ $text != *::* ]] || tail=${text#*::}
	head=(${head//:/ }) tail=(${tail//:/ })
	for ((i = ${#head[@]} + ${#tail[@]}; i < 8; i++)); do head+=(0); done
	for i in "${head[@]}" "${tail[@]}"; do bytes+=($((16#$i >> 8)) $((16#$i & 255))); done
}

# ipv6_text BYTE...: sets text to an IPv6 address as it is written here (RFC 5952, as address.jq has it): :: stands for the
# longest run of zeros.
ipv6_text() {
	local i group zeros=:0:0:0:0:0:0:0:0:
	text=:
	for ((i = 1; i < 16; i += 2)); do
		printf -v group '%x:' $(($1 << 8 | $2))
		text+=$group
		shift 2
	done
	for ((i = 8; i > 1; i--)); do
		[[ $text != *"${zeros: -2*i-1}"* ]] || break
	done
	((i == 1)) || text=${text/"${zeros: -2*i-1}"/::}
	[[ $text == ::* ]] || text=${text#:}
	[[ $text == *:: ]] || text=${text%:}
}

# value TYPE VALUE: appends the bytes of one value to `bytes`. Enums and flags may be given as numbers, too; several
# flags are joined by commas.
value() {
	local i word flag
	case $1 in
	u8 | u16 | u32 | u64) number $((${1#u} / 8)) "$2" ;;
	be16) bytes+=($(($2 >> 8 & 255)) $(($2 & 255))) ;;
	address) if [[ $2 == *:* ]]; then ipv6 "$2"; else value ipv4 "$2" && bytes+=(0 0 0 0 0 0 0 0 0 0 0 0); fi ;;
	address6) ipv6 "$2" ;;
	ipv4) for i in ${2//./ }; do bytes+=("$i"); done ;;
	mac) for i in ${2//:/ }; do bytes+=($((16#$i))); done ;;
	bytes*) for ((i = 0; i < ${#2}; i += 2)); do bytes+=($((16#${2:i:2}))); done ;;
	protocol)
		case $2 in
		tcp) bytes+=(6) ;;
		udp) bytes+=(17) ;;
		*) bytes+=("$2") ;;
		esac
		;;
	*)
		word=$2
		if [[ -n ${ENUMS[$1]-} ]]; then
			# shellcheck disable=SC2086 # words
			word_number "$2" ${ENUMS[$1]#* }
			value "${ENUMS[$1]%% *}" "$word"
		elif [[ $2 == [0-9]* ]]; then
			value "${FLAGS[$1]%% *}" "$2"
		else
			i=0
			for flag in ${2//,/ }; do
				# shellcheck disable=SC2086 # words
				word_number "$flag" ${FLAGS[$1]#* }
				i=$((i | 1 << word))
			done
			value "${FLAGS[$1]%% *}" "$i"
		fi
		;;
	esac
}

# append STRUCT VALUE...: appends a struct to `bytes`. Sets `values` to those that are left.
append() {
	local field type fields=${STRUCTS[$1]}
	values=("${@:2}")
	for field in $fields; do
		type=${field#*:}
		if [[ $type == pad* ]]; then
			number "${type#pad}" 0
		elif [[ -n ${STRUCTS[$type]-} ]]; then
			append "$type" "${values[@]}"
		else
			value "$type" "${values[0]}"
			values=("${values[@]:1}")
		fi
	done
}

# encode STRUCT VALUE...: prints a struct as decimal bytes, ready to be typed after bpftool's `key` or `value`. The
# values are in the order of its fields, those of structs inside it too. They have been checked by the caller.
encode() {
	local bytes=() values
	append "$@"
	echo "${bytes[@]}"
}

# u32 N: a number in the byte order of this machine: the key of an array.
u32() {
	local bytes=()
	number 4 "$1"
	echo "${bytes[@]}"
}

# contract: all structs, enums and flags as JSON, for bytes.jq:
# {structs: {NAME: [[FIELD, TYPE]...]}, enums: {NAME: [TYPE, WORD...]}, flags: {NAME: [TYPE, WORD...]}, little: 1 or 0}
contract() {
	local name words structs='' enums='' flags=''
	for name in "${!STRUCTS[@]}"; do
		words=${STRUCTS[$name]//:/\",\"}
		structs+=",\"$name\":[[\"${words// /\"],[\"}\"]]"
	done
	for name in "${!ENUMS[@]}"; do enums+=",\"$name\":[\"${ENUMS[$name]// /\",\"}\"]"; done
	for name in "${!FLAGS[@]}"; do flags+=",\"$name\":[\"${FLAGS[$name]// /\",\"}\"]"; done
	echo "{\"structs\":{${structs:1}},\"enums\":{${enums:1}},\"flags\":{${flags:1}},\"little\":$((endian == 1))}"
}

# stage FILTER [JQ_OPTION...]: a jq filter that may begin with includes of files of these folders. They go to jq as one text,
# because jq 1.6 takes twice as long for what it has to include itself: a quarter of a second for a change of a service.
stage_folders=("$types")
stage() {
	local text='' included=' ' filter=$1 name
	while [[ $filter == 'include "'* ]]; do
		name=${filter#*\"} filter=${filter#*;}
		add_stage "${name%%\"*}"
		filter=${filter#"${filter%%[![:space:]]*}"}
	done
	jq --argjson contract "$(contract)" -f <(printf %s "$text$filter") "${@:2}"
}

# add_stage NAME: adds what a file includes, and then its definitions, to `text`; once.
add_stage() {
	local folder line definitions
	[[ $included != *" $1 "* ]] || return 0
	included+="$1 "
	for folder in "${stage_folders[@]}"; do
		[[ ! -e $folder/$1.jq ]] || break
	done
	{
		while IFS= read -r line; do
			case $line in
			'' | '#'*) ;;
			include*) line=${line#*\"} && add_stage "${line%\"*}" ;;
			*) break ;;
			esac
		done
		IFS= read -r -d '' definitions || true
	} <"$folder/$1.jq"
	text+=$line$'\n'$definitions
}

# decode FILTER [JQ_OPTION...]: JSON of bpftool on stdin through a jq filter that may use bytes.jq.
decode() {
	stage "include \"bytes\"; $1" -c "${@:2}"
}

# numbered 0|1 WORD...: which number each word is, as an object of jq: that of an enum (0), or a flag (1).
numbered() {
	local i=0 word object=''
	for word in "${@:2}"; do
		object+=",\"$word\":$(($1 == 0 ? i : 1 << i))"
		i=$((i + 1))
	done
	echo "{${object:1}}"
}

# encoder STRUCT: a jq filter that makes text of an object, as bytes.jq and $hex have it: the way back of `decode`. It is
# made anew from the fields each time, because one that looks at them for each object takes three times as long.
encoder() {
	local field name type filter=''
	for field in ${STRUCTS[$1]}; do
		name=${field%%:*} type=${field#*:}
		filter+=' + '
		# shellcheck disable=SC2086 # words
		if [[ $type == pad* ]]; then
			filter+="\$hex[0] * ${type#pad}"
		elif [[ -n ${STRUCTS[$type]-} ]]; then
			filter+="(.$name | $(encoder "$type"))"
		elif [[ -n ${ENUMS[$type]-} ]]; then
			filter+="($(numbered 0 ${ENUMS[$type]#* })[.${name}] | ${ENUMS[$type]%% *}(\$hex))"
		elif [[ -n ${FLAGS[$type]-} ]]; then
			filter+="(reduce .${name}[] as \$flag (0; . + $(numbered 1 ${FLAGS[$type]#* })[\$flag]) | ${FLAGS[$type]%% *}(\$hex))"
		elif [[ $type == protocol ]]; then
			filter+="({\"tcp\":6,\"udp\":17}[.$name] | u8(\$hex))"
		elif [[ $type == bytes* ]]; then
			filter+="(.$name | bytes(\$hex))"
		else
			filter+="(.$name | $type(\$hex))"
		fi
	done
	echo "${filter# + }"
}
