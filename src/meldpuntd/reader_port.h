/*
 * The worker's side of the readers: a zygote process keeps one reader ready;
 * each layer gets a fresh one.
 */
#ifndef MELDPUNTD_READER_PORT_H
#define MELDPUNTD_READER_PORT_H

#include "edge/conf.h"
#include "intake/unseal.h"

#define LAUNCH_READER_FD 3 /* the zygote's end of its socket */

struct readers;

/* The zygote is started at the first reading; conf is kept. */
struct readers *readers_new(const struct conf *conf);
void readers_free(struct readers *readers);

/* For unseal(). */
struct reader_port readers_port(struct readers *readers);

#endif
