/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests/labs/quic_clients.bats: makes the connection ids of gtlsserver, the example server of
 * ngtcp2, name a server id. They are random numbers of 18 bytes, which GnuTLS makes; this library
 * stands in front of it (LD_PRELOAD) and writes $SERVER_ID into them: two bytes as hex digits. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECTION_ID_LENGTH                                                                       \
	18		 /* NGTCP2_SV_SCIDLEN of its examples; it asks for no other 18 bytes */
#define LENGTH_BITS 0x1f /* of the first byte; the others are the number of a config: 0 */

int gnutls_rnd(int level, void *data, size_t length)
{
	int (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "gnutls_rnd");
	const char *id = getenv("SERVER_ID");
	unsigned char *bytes = data;
	int error = real(level, data, length);

	if (error || !id || length != CONNECTION_ID_LENGTH)
		return error;
	bytes[0] &= LENGTH_BITS;
	return sscanf(id, "%2hhx%2hhx", bytes + 1, bytes + 2) == 2 ? 0 : -1;
}
