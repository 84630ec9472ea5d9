/* The language of a text through libexttextcat; only in the reader. */
#ifndef EDGE_LANGUAGE_H
#define EDGE_LANGUAGE_H

/* Loads what is needed from files; without it every answer is "". */
void language_init(void);

/* "nl", "en" or "" when unsure or when it is another one. */
const char *language_of(const char *text);

#endif
