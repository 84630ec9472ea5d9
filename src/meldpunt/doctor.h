/* What meldpunt doctor finds, and its checks of mail servers. */
#ifndef MELDPUNT_DOCTOR_H
#define MELDPUNT_DOCTOR_H

#include "edge/conf.h"

#include <glib.h>
#include <stdbool.h>

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

struct doctor {
	const struct conf *conf;
	bool json;
	bool any; /* a line was printed */
	enum verdict worst;
};

/* One line; what to do belongs into the text. */
void doctor_say(struct doctor *doctor, enum verdict verdict, const char *check,
	const char *format, ...) G_GNUC_PRINTF(4, 5);

/* Fails with the error's text if there is one, and clears it. */
bool doctor_blame(struct doctor *doctor, const char *check, GError **error);

/* Logs in at the mailbox's servers; secrets were read before root was left. */
void doctor_imap(struct doctor *doctor, const struct mailbox *box,
	const char *secret);
void doctor_smtp(struct doctor *doctor, const struct mailbox *box,
	const char *secret);

#endif
