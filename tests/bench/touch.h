/* SPDX-License-Identifier: GPL-2.0-only */
/* Which memory does a packet touch? The programs themselves are compiled once more with this header
 * in front of them (`clang -include`): each element of a map that they look up is written into a
 * log, and touch.c makes cache lines of it. */
#ifndef BENCH_TOUCH_H
#define BENCH_TOUCH_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define MAX_TOUCHES 64 /* of one packet */

struct touch {
	__u64 map;     /* the first 8 letters of its name */
	__u64 address; /* of the value */
	__u32 before;  /* bytes in front of it that are read too: a hash's element, up to its value
			*/
	__u32 size;    /* of the value */
	__u32 type;    /* enum bpf_map_type */
	__u32 index;   /* in an array */
};

struct touches {
	__u64 count;
	struct touch touch[MAX_TOUCHES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct touches);
} touch_log SEC(".maps");

static const __u32 touch_log_key = 0;
static void *(*const really_look_up)(void *map, const void *key) = (void *)1;

/* Notes an element, if it was found: `value` is where its value is. Returns it. Nothing of this may
 * be on the stack: the programs need nearly all of it. */
static __always_inline void *touched(void *value, __u64 map, __u32 before, __u32 size, __u32 type,
				     __u32 index)
{
	struct touches *log;
	__u64 n;

	if (!value)
		return NULL;
	log = really_look_up(&touch_log, &touch_log_key);
	if (!log)
		return value;
	n = log->count;
	if (n >= MAX_TOUCHES)
		return value;
	log->touch[n].map = map;
	log->touch[n].address = (__u64)value;
	log->touch[n].before = before;
	log->touch[n].size = size;
	log->touch[n].type = type;
	log->touch[n].index = index;
	log->count = n + 1;
	return value;
}

/* What stands in front of a hash's key in the kernel (struct htab_elem). */
#define HASH_HEADER 48

/* A map that is only known as a pointer, as in count(): it is one of counters. */
struct some_map {
	int (*type)[BPF_MAP_TYPE_PERCPU_ARRAY];
	__u32 *key;
	__u64 (*value)[2];
};

#define KNOWN(map)                                                                                 \
	((typeof(__builtin_choose_expr(__builtin_types_compatible_p(typeof(map), void *),          \
				       (struct some_map *)0, (map))))(map))
#define TYPE(map) (sizeof(*KNOWN(map)->type) / sizeof(int))
#define IS_HASH(map) (TYPE(map) == BPF_MAP_TYPE_HASH || TYPE(map) == BPF_MAP_TYPE_LRU_HASH)

/* Returns the first 8 letters of a map's name, as it stands in the program: `&name` or `name`. */
static __always_inline __u64 name_of(const char *text, __u32 size)
{
	__u32 from = text[0] == '&';
	__u64 name = 0;

	for (__u32 i = 0; i < 8; i++)
		if (from + i < size - 1)
			name |= (__u64)text[from + i] << 8 * i;
	return name;
}

#define bpf_map_lookup_elem(m, k)                                                                  \
	touched(really_look_up(m, k), name_of(#m, sizeof(#m)),                                     \
		IS_HASH(m) ? HASH_HEADER + sizeof(*KNOWN(m)->key) : 0, sizeof(*KNOWN(m)->value),   \
		TYPE(m), IS_HASH(m) ? 0 : *(const __u32 *)(k))

#endif
