/*
 * The grammar of orders (DESIGN section 9): one table, from which the parser
 * works and which help mail and manual show.  Pure functions over text whose
 * signature was found good.
 */
#ifndef DESK_ORDERS_H
#define DESK_ORDERS_H

#include "edge/conf.h"
#include "model/order.h"

/* One row of the table. */
struct order_form {
	enum order_kind kind;
	const char *names; /* English, then Dutch, apart by spaces */
	bool exact;	   /* no prefixes: it sends or ends something */
	bool block;	   /* on a line of its own a text follows, until "." */
	const char *usage;
	const char *help; /* English */
	const char *hulp; /* Dutch */
};

extern const struct order_form order_forms[];
extern const size_t order_form_count;

/*
 * Orders stand at the top; the first line that is none ends them, and what
 * follows is a draft (or nothing, if it is quote and footer only).  footers:
 * lines that begin a footer, NULL-terminated, or NULL.  Dates count from now.
 */
struct order_mail *orders_parse(const struct conf *conf, const char *text,
	moment now, char *const *footers);

/* The table as text for people. */
char *orders_help(const char *language);

#endif
