/*
 * What follows when steps of a case's clocks fire: whom to tell what, which
 * steps come next.  Pure over case, configuration and time.
 */
#ifndef DESK_ESCALATE_H
#define DESK_ESCALATE_H

#include "edge/conf.h"
#include "model/casefile.h"
#include "model/order.h"

#include <glib.h>
#include <stdbool.h>

#define ESCALATE_NEXT 8

/* A step that is set because another fired; step is owned. */
struct next_step {
	const char *clock;
	char *step;
	moment fires_at;
};

struct escalation {
	GPtrArray *owed; /* struct told with phrases "due-..." */
	bool owner;	 /* with deputy */
	bool handlers;
	bool lead;
	bool management;
	bool privacy;
	bool late_mail;	    /* to the reporter: we are late */
	bool progress_mail; /* to the reporter: still at work */
	GArray *next;	    /* struct next_step */
};

/*
 * All steps of a case that are due, fired together.  What several steps of
 * the answer clock say is said once, by the last of them.
 */
void escalate_decide(const struct conf *conf, const struct casefile *file,
	const struct deadline *steps, guint count, moment now,
	struct escalation *escalation);

void escalation_clear(struct escalation *escalation);

/*
 * The handlers of a case's mailbox (struct staff, borrowed), its owner first,
 * without the one with the address except (or NULL).
 */
GPtrArray *escalate_handlers(const struct conf *conf,
	const struct casefile *file, const char *except);

/*
 * Where all of a level are away, the next one is told as well: deputy, all
 * handlers, lead, management.  absent: lower-case addresses of who is away.
 */
void escalate_widen(const struct conf *conf, const struct casefile *file,
	const GPtrArray *absent, struct escalation *escalation);

/* Who is told, as struct staff (borrowed): those who work on the case. */
GPtrArray *escalate_workers(const struct conf *conf,
	const struct casefile *file, const struct escalation *escalation);

/* The same of management and privacy, without those in workers. */
GPtrArray *escalate_others(const struct conf *conf,
	const struct casefile *file, const struct escalation *escalation,
	const GPtrArray *workers);

#endif
