#include "edge/html.h"

#include <glib.h>
#include <libxml/HTMLparser.h>
#include <libxml/HTMLtree.h>
#include <stdbool.h>
#include <string.h>

#define MAX_DEPTH 500

static bool
is_one_of(const xmlNode *node, const char *const *names)
{
	return node->name != NULL &&
		g_strv_contains(names, (const char *)node->name);
}

static void
end_line(GString *out)
{
	while (out->len > 0 && out->str[out->len - 1] == ' ')
		g_string_truncate(out, out->len - 1);
	if (out->len > 0 && out->str[out->len - 1] != '\n')
		g_string_append_c(out, '\n');
}

/* White space runs are one space, except in pre. */
static void
add_text(GString *out, const char *text, bool preformatted)
{
	for (const char *p = text; *p; p++) {
		bool space = g_ascii_isspace(*p);

		if (preformatted || !space)
			g_string_append_c(out, *p);
		else if (out->len > 0 && out->str[out->len - 1] != '\n' &&
			out->str[out->len - 1] != ' ')
			g_string_append_c(out, ' ');
	}
}

static void
add_link(GString *out, xmlNode *node, size_t start)
{
	xmlChar *href = xmlGetProp(node, (const xmlChar *)"href");
	const char *target = (const char *)href;

	if (target != NULL && *target != '#' &&
		strstr(out->str + start, target) == NULL)
		g_string_append_printf(out, " <%s>", target);
	xmlFree(href);
}

/* What a client quotes: marked as such, as in plain text. */
static bool
is_quotation(xmlNode *node)
{
	xmlChar *type, *class;
	bool is;

	if (strcmp((const char *)node->name, "blockquote") != 0)
		return false;
	type = xmlGetProp(node, (const xmlChar *)"type");
	class = xmlGetProp(node, (const xmlChar *)"class");
	is = g_strcmp0((const char *)type, "cite") == 0 ||
		(class != NULL && strstr((const char *)class, "quote") != NULL);
	xmlFree(type);
	xmlFree(class);
	return is;
}

static void
add_quoted(GString *out, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	end_line(out);
	for (char **p = lines; *p != NULL; p++)
		if (p[1] != NULL || **p != '\0')
			g_string_append_printf(out, "> %s\n", *p);
}

static void
walk(GString *out, xmlNode *node, bool preformatted, int depth)
{
	static const char *const hidden[] = {"script", "style", "head", "title",
		"template", "noscript", NULL};
	static const char *const blocks[] = {"p", "div", "br", "li", "tr", "h1",
		"h2", "h3", "h4", "h5", "h6", "pre", "blockquote", "table",
		"ul", "ol", "hr", "section", "article", "header", "footer",
		NULL};

	for (; node != NULL && depth < MAX_DEPTH; node = node->next) {
		bool pre = preformatted ||
			g_strcmp0((const char *)node->name, "pre") == 0;
		size_t start = out->len;

		if (node->type == XML_TEXT_NODE ||
			node->type == XML_CDATA_SECTION_NODE)
			add_text(out, (const char *)node->content,
				preformatted);
		if (node->type != XML_ELEMENT_NODE || is_one_of(node, hidden))
			continue;
		if (is_quotation(node)) {
			g_autoptr(GString) quoted = g_string_new(NULL);

			walk(quoted, node->children, pre, depth + 1);
			add_quoted(out, quoted->str);
			continue;
		}
		if (is_one_of(node, blocks))
			end_line(out);
		if (strcmp((const char *)node->name, "li") == 0)
			g_string_append(out, "- ");
		if (strcmp((const char *)node->name, "br") == 0 &&
			out->len > 0 && start == out->len)
			g_string_append_c(out, '\n');
		walk(out, node->children, pre, depth + 1);
		if (strcmp((const char *)node->name, "a") == 0)
			add_link(out, node, MIN(start, out->len));
		if (strcmp((const char *)node->name, "td") == 0)
			g_string_append_c(out, ' ');
		if (is_one_of(node, blocks))
			end_line(out);
		if (strcmp((const char *)node->name, "p") == 0)
			g_string_append_c(out, '\n');
	}
}

char *
html_to_text(const char *html, size_t length)
{
	GString *out = g_string_new(NULL);
	htmlDocPtr document = htmlReadMemory(html, length, NULL, "UTF-8",
		HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
			HTML_PARSE_NONET | HTML_PARSE_COMPACT);

	if (document != NULL) {
		walk(out, xmlDocGetRootElement(document), false, 0);
		xmlFreeDoc(document);
	}
	return g_strchug(g_string_free(out, FALSE));
}
