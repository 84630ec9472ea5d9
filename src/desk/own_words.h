/* What somebody wrote above quotes and footer: pure. */
#ifndef DESK_OWN_WORDS_H
#define DESK_OWN_WORDS_H

#include <glib.h>
#include <stdbool.h>

/*
 * Lines (NULL-terminated) up to the first that begins a footer or introduces
 * a quotation, without quoted lines and blank ends; footers are beginnings
 * of lines, NULL-terminated, or NULL.  finished: who wrote it has said where
 * it ends, so that only what is marked as a quotation or footer is one.
 * Caller frees.
 */
char *own_words_of(char *const *lines, char *const *footers, bool finished);

/*
 * The text without the lines at its end that say who wrote it: name, address.
 * Caller frees.
 */
char *own_words_unsigned(const char *text, const char *name, const char *address);

#endif
