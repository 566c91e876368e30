# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# backend_stats.h for the shell. bpf/list_traffic.c prints it, summed over the CPUs.

struct backend_counter packets:u64 bytes:u64 connections:u64
