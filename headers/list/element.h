/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists: a map as text, a line for each element. `bpftool iter pin` makes a file of a program and a
 * map. Whenever somebody reads that file, the kernel calls the program once for each element (a BPF
 * iterator, Linux 5.9). So what is not in use is never seen by the shell, which would take seconds
 * to read all of a large map. */
#ifndef HEADERS_LIST_ELEMENT_H
#define HEADERS_LIST_ELEMENT_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* The kernel's own structs, as far as they are needed: libbpf finds out where their members are. */
struct seq_file {
	__kernel_size_t count; /* bytes of text so far, of this read */
} __attribute__((preserve_access_index));

struct bpf_map {
	__u32 id;
} __attribute__((preserve_access_index));

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 seq_num;
} __attribute__((preserve_access_index));

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;   /* both are NULL in the call after the last element, which is the only one if
			there */
	void *value; /* is none */
} __attribute__((preserve_access_index));

/* Begins the list, once, with the line "map ID": so that a reader can tell whether this is the map
 * that is pinned now, or one that somebody has replaced. Returns where the text goes. */
static __always_inline struct seq_file *begin_list(struct bpf_iter__bpf_map_elem *element)
{
	struct seq_file *list = element->meta->seq;

	/* The call after a single element has its number, 0, too. */
	if (!element->meta->seq_num && !list->count)
		BPF_SEQ_PRINTF(list, "map %u\n", element->map->id);
	return list;
}

#endif
