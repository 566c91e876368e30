/* SPDX-License-Identifier: GPL-2.0-only */
/* The caches of the packet path: one explanation for all of them.
 *
 * Some questions cost as much as all the rest that is done for a packet: which way the kernel
 * routes it (lb/nexthop.h), which service a port belongs to (lb/services.h), whether a decapsulator
 * trusts three addresses (decap/trust.h). So an answer is kept for about a second, in a per-CPU
 * array: no other CPU sees it half written, and no lock is needed. The index is a backend's id or a
 * hash of the question. Two questions that share an element overwrite each other's answers, and
 * then have to be asked again.
 *
 * Each element has its own time of expiry, in jiffies, the ticks of the kernel. Reading them costs
 * nothing (bpf_jiffies64() becomes one load; bpf_ktime_get_ns() costs 26 ns). A tick is 1 to 10 ms,
 * and a program cannot know which: 250 of them are 0.25 to 2.5 s. */
#ifndef HEADERS_LB_CACHE_H
#define HEADERS_LB_CACHE_H

#define ABOUT_A_SECOND 250 /* jiffies */

#endif
