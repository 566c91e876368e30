/* SPDX-License-Identifier: GPL-2.0-only */
#include "judge.h"

#include <stddef.h>

const char *judge_nat(const struct trial *trial)
{
	(void)trial;
	return NULL;
}
