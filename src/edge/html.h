/* HTML to text through libxml2; only in the reader. */
#ifndef EDGE_HTML_H
#define EDGE_HTML_H

#include <stddef.h>

/* Text as a person would read it, links behind their words; caller frees. */
char *html_to_text(const char *html, size_t length);

#endif
