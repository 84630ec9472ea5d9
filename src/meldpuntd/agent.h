/*
 * gpg-agent under the supervisor (--supervised): the supervisor holds the
 * listening socket, so that an agent that dies or is ended is replaced
 * without anybody seeing a refused connection.
 */
#ifndef MELDPUNTD_AGENT_H
#define MELDPUNTD_AGENT_H

#include "edge/conf.h"

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * One daemon with workers on one state_dir: the lock lasts as long as the
 * process.  False if another one has it.
 */
bool agent_lock(const struct conf *conf, GError **error);

/*
 * The listening socket in state_dir/gnupg, taken over from who had it; -1 with
 * FAULT_SETUP, also if there are no public keys.
 */
int agent_listen(const struct conf *conf, GError **error);

/* Starts an agent on it; -1 on failure. */
pid_t agent_start(const struct conf *conf, int listener);

/* Gives the running agent the passphrase of a mailbox's key. */
bool agent_unlock(const struct conf *conf, const struct mailbox *box,
	const char *passphrase, GError **error);

#endif
