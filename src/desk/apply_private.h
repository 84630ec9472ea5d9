/* Between the files of apply: one kind of order, one function. */
#ifndef DESK_APPLY_PRIVATE_H
#define DESK_APPLY_PRIVATE_H

#include "desk/apply.h"

/* Says why nothing is done; true, since it is no trouble. */
bool apply_refuse(struct applied *a, const char *phrase, const char *value);

/* Whether the reporter can be written to; else refuses. */
bool apply_check_address(struct applied *a);

/* Whether these words may go to the reporter; else refuses. */
bool apply_check_words(struct applied *a, const char *text, moment written,
	bool forced, GError **error);

/* Words for a reporter without who wrote them at their end; caller frees. */
char *apply_cut_name(const struct applied *a, const char *text);

bool apply_close(struct applied *a, const struct order *order, GError **error);
bool apply_list(struct applied *a, const struct order *order, GError **error);
bool apply_show(struct applied *a, const struct order *order, GError **error);
bool apply_send(struct applied *a, const struct order *order, bool forced,
	GError **error);
bool apply_discard(struct applied *a, const struct order *order,
	GError **error);
bool apply_reporter(struct applied *a, const struct order *order,
	GError **error);

#endif
