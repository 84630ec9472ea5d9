/* What somebody wrote above quotes and footer: pure. */
#ifndef DESK_OWN_WORDS_H
#define DESK_OWN_WORDS_H

#include <glib.h>

/*
 * Lines (NULL-terminated) up to the first that begins a footer or introduces
 * a quotation, without quoted lines and blank ends; footers are beginnings
 * of lines, NULL-terminated, or NULL.  Caller frees.
 */
char *own_words_of(char *const *lines, char *const *footers);

/*
 * The text without the lines at its end that say who wrote it: name, address.
 * Caller frees.
 */
char *own_words_unsigned(const char *text, const char *name, const char *address);

#endif
