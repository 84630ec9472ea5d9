/* What a staff member's mail orders, as parsed; nothing is decided yet. */
#ifndef MODEL_ORDER_H
#define MODEL_ORDER_H

#include <glib.h>
#include <stdbool.h>

enum order_kind {
	ORDER_SEVERITY,
	ORDER_OWNER,
	ORDER_FIX_DATE,
	ORDER_ASSESSMENT,
	ORDER_STATUS,
	ORDER_CLOSE,
	ORDER_REPLY,
	ORDER_ASK,
	ORDER_NOTE,
	ORDER_SEND,
	ORDER_DISCARD,
	ORDER_FORCE,
	ORDER_ATTACH,
	ORDER_CASE,
	ORDER_REPORTER,
	ORDER_CLOCK,
	ORDER_AWAY,
	ORDER_LIST,
	ORDER_SHOW,
	ORDER_HELP,
};

struct order {
	enum order_kind kind;
	int line;	/* in the mail, from 1 */
	char *value;	/* normalised: a word, date, vector, number, address */
	char **numbers; /* of cases, NULL-terminated; or NULL */
	char *text;	/* of a block, or NULL */
};

/* The orders at the top of a mail; fault set: none of them counts. */
struct order_mail {
	GPtrArray *orders;  /* struct order */
	char *draft;	    /* free text, or a block that was never closed */
	bool draft_is_question;
	const char *fault;  /* a phrase of the templates, or NULL */
	int fault_line;
	char *fault_value;
};

struct order_mail *order_mail_new(void);
void order_mail_free(struct order_mail *mail);
typedef struct order_mail order_mail_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(order_mail_auto, order_mail_free)

void order_free(struct order *order);

/* The first order of this kind, or NULL. */
const struct order *order_find(const struct order_mail *mail,
	enum order_kind kind);

/*
 * What carrying out an order did, or why it was refused: a phrase of the
 * templates and up to two values for it.
 */
struct told {
	const char *phrase;
	char *value;
	char *more;
};

void told_add(GPtrArray *list, const char *phrase, const char *value,
	const char *more);
void told_free(struct told *told);

#endif
