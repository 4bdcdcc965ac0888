/* SPDX-License-Identifier: MIT
 *
 * Writing to a descriptor that others share, without ever waiting for its reader: it may be a
 * terminal that is stopped, or a pipe that nobody empties.
 */
#ifndef HEC_SYS_OFFER_H
#define HEC_SYS_OFFER_H

#include <stddef.h>
#include <sys/types.h>

/* Writes what can be written now. Returns how many bytes; 0 when that is nothing: try again later;
 * -1 when nobody will ever read it. No SIGPIPE comes of it. The descriptor's own flags, which are
 * every holder's, stay as they are. Any thread. */
ssize_t hec__offer(int fd, const void *data, size_t n);

#endif
