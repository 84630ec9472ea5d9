#include "intake/fields.h"

#include "base/text.h"

#include <gio/gio.h>
#include <stdbool.h>
#include <string.h>

#define MAX_ASSETS 50
#define MAX_LOOK (256 << 10)

static bool
is_known(const GPtrArray *assets, const char *value)
{
	for (guint i = 0; i < assets->len; i++) {
		const struct asset *asset = assets->pdata[i];

		if (strcmp(asset->value, value) == 0)
			return true;
	}
	return false;
}

static void
add(GPtrArray *assets, const char *kind, const char *value)
{
	if (assets->len < MAX_ASSETS && *value && !is_known(assets, value))
		g_ptr_array_add(assets, asset_new(kind, value));
}

/* A network as PostgreSQL's cidr wants it: no bits right of the mask. */
static void
add_address(GPtrArray *assets, const char *word)
{
	g_autoptr(GInetAddressMask) mask = NULL;
	g_autoptr(GInetAddress) address = NULL;

	if (strchr(word, '/') == NULL) {
		address = g_inet_address_new_from_string(word);
		if (address != NULL) {
			g_autofree char *text =
				g_inet_address_to_string(address);

			add(assets, "ip", text);
		}
		return;
	}
	mask = g_inet_address_mask_new_from_string(word, NULL);
	if (mask != NULL) {
		g_autofree char *text = g_inet_address_mask_to_string(mask);

		add(assets, strchr(text, '/') ? "network" : "ip", text);
	}
}

/* "poc.py" and its like are files, though .py is a country. */
static bool
is_file_name(const char *host)
{
	static const char *const endings[] = {"png", "jpg", "jpeg", "gif", "txt",
		"pdf", "zip", "gz", "tar", "html", "htm", "php", "js", "py",
		"sh", "pl", "rb", "java", "c", "h", "go", "rs", "md", "json",
		"xml", "csv", "log", "exe", "dll", "so", "asc", "sig", "gpg",
		"eml", "mp4", "mov", "svg", "css", "asp", "aspx", "jsp", "bin",
		"cfg", "conf", "ini", "yml", "yaml", "sql", "doc", "docx", "xls",
		"xlsx", "cs", "ts", "har", "pcap", NULL};
	const char *dot = strrchr(host, '.');

	return dot != NULL && g_strv_contains(endings, dot + 1);
}

static void
add_host(GPtrArray *assets, const char *word)
{
	g_autofree char *host = g_ascii_strdown(word, -1);

	if (!is_file_name(host) && strlen(host) <= 253)
		add(assets, "host", host);
}

static void
add_url(GPtrArray *assets, const char *word)
{
	g_autofree char *url = g_strndup(word, ASSET_MAX);
	size_t n = strlen(url);
	const char *end;

	/* not in the middle of a character */
	if (!g_utf8_validate(url, n, &end))
		url[n = end - url] = '\0';

	/* the sentence around it is no part of it */
	while (n > 0 && (strchr(".,;:!?*_", url[n - 1]) ||
				(url[n - 1] == ')' && !strchr(url, '(')) ||
				(url[n - 1] == ']' && !strchr(url, '[')) ||
				(url[n - 1] == '}' && !strchr(url, '{'))))
		url[--n] = '\0';
	if (g_uri_is_valid(url, G_URI_FLAGS_PARSE_RELAXED, NULL))
		add(assets, "url", url);
}

/* hxxp://evil[.]example -> http://evil.example, for the look only. */
static char *
refang(const char *text)
{
	static const char *const changes[][2] = {{"[.]", "."}, {"(.)", "."},
		{"[dot]", "."}, {"[:]", ":"}, {"hxxp", "http"}, {"hXXp", "http"}};
	GString *out = g_string_new(NULL);

	while (*text) {
		size_t i = 0;

		while (i < G_N_ELEMENTS(changes) &&
			!g_str_has_prefix(text, changes[i][0]))
			i++;
		if (i < G_N_ELEMENTS(changes)) {
			g_string_append(out, changes[i][1]);
			text += strlen(changes[i][0]);
		} else
			g_string_append_c(out, *text++);
	}
	return g_string_free(out, FALSE);
}

void
fields_assets(const char *text, GPtrArray *assets)
{
	static const char pattern[] =
		"(?<mail>[\\w.+-]+@[\\w.-]+)"
		"|(?<url>\\bhttps?://[^\\s<>\"'|\\\\^`]{3,2000})"
		"|(?<v4>(?<![\\w.])\\d{1,3}(?:\\.\\d{1,3}){3}(?:/\\d{1,2})?(?![\\w.]*\\w))"
		"|(?<v6>(?<![\\w:])(?=[0-9a-fA-F:.]{2,45}(?![0-9a-fA-F:.]))[0-9a-fA-F]{0,4}:[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]{0,40}(?:/\\d{1,3})?(?![\\w:]))"
		"|(?<host>(?<![\\w@/.-])(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\\.)+[a-zA-Z]{2,24}(?![\\w@]))";
	g_autofree char *start = g_strndup(text, MAX_LOOK);
	g_autofree char *own = fields_own_words(start);
	g_autofree char *plain = refang(own);
	g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_OPTIMIZE, 0,
		NULL);
	g_autoptr(GMatchInfo) match = NULL;
	char *end;
	bool more;

	/* cut in the middle of a character it is no text any more */
	g_utf8_validate(plain, -1, (const char **)&end);
	*end = '\0';
	more = g_regex_match(regex, plain, 0, &match);
	for (; more; more = g_match_info_next(match, NULL)) {
		g_autofree char *url = g_match_info_fetch_named(match, "url");
		g_autofree char *v4 = g_match_info_fetch_named(match, "v4");
		g_autofree char *v6 = g_match_info_fetch_named(match, "v6");
		g_autofree char *host = g_match_info_fetch_named(match, "host");

		if (url != NULL && *url)
			add_url(assets, url);
		else if (v4 != NULL && *v4)
			add_address(assets, v4);
		else if (v6 != NULL && *v6)
			add_address(assets, v6);
		else if (host != NULL && *host)
			add_host(assets, host);
	}
}

char *
fields_cvss(const char *text)
{
	g_autoptr(GRegex) regex = g_regex_new(
		"CVSS:(?:3\\.[01]|4\\.0)(?:/[A-Z]{1,3}:[A-Za-z]{1,6}){3,40}",
		0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;

	if (!g_regex_match(regex, text, 0, &match))
		return NULL;
	return g_match_info_fetch(match, 0);
}

char *
fields_own_words(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	GString *own = g_string_new(NULL);

	for (char **p = lines; *p != NULL; p++) {
		if (strcmp(*p, "-- ") == 0 || strcmp(*p, "--") == 0)
			break;
		if (**p != '>')
			g_string_append_printf(own, "%s\n", *p);
	}
	return g_string_free(own, FALSE);
}

char *
fields_unflow(const char *text, bool del_space)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	GString *out = g_string_new(NULL);
	size_t depth_before = 0;
	bool open = false; /* the line before was flowed */

	for (char **p = lines; *p != NULL; p++) {
		size_t depth = strspn(*p, ">");
		const char *line = *p + depth;
		size_t n;

		line += *line == ' '; /* space-stuffing, RFC 3676, 4.4 */
		if (open && depth != depth_before)
			g_string_append_c(out, '\n');
		if (!open || depth != depth_before) {
			g_string_append_len(out, *p, depth);
			if (depth > 0)
				g_string_append_c(out, ' ');
		}
		n = strlen(line);
		open = n > 0 && line[n - 1] == ' ' && strcmp(line, "-- ") != 0;
		g_string_append_len(out, line, open && del_space ? n - 1 : n);
		if (!open && p[1] != NULL)
			g_string_append_c(out, '\n');
		depth_before = depth;
	}
	return g_string_free(out, FALSE);
}

static bool
is_placeholder(const char *title)
{
	static const char *const words[] = {"...", "[...]", "…", "encrypted message",
		"encrypted mail", "encrypted subject", "pgp", NULL};
	g_autofree char *lower = g_utf8_strdown(title, -1);

	return *title == '\0' || g_strv_contains(words, lower);
}

char *
fields_title(const char *subject, const char *text)
{
	g_autoptr(GRegex) tags = g_regex_new(
		"^(?:\\s*(?:(?:re|fwd?|aw|wg|antw|betr|sv|vs|tr|rv)\\s*(?:\\[\\d+\\])?:"
		"|\\[(?:ext|external|extern|spam)\\]:?))+\\s*",
		G_REGEX_CASELESS, 0, NULL);
	g_autofree char *line = text_line(subject, 300);
	g_autofree char *title =
		g_regex_replace_literal(tags, line, -1, 0, "", 0, NULL);
	g_auto(GStrv) lines = NULL;

	if (title != NULL && !is_placeholder(title))
		return g_steal_pointer(&title);
	lines = g_strsplit(text, "\n", 50);
	for (char **p = lines; *p != NULL; p++) {
		g_autofree char *first = text_line(*p, 120);

		if (strlen(first) > 3 && **p != '>')
			return g_steal_pointer(&first);
	}
	return g_strdup("");
}

char *
fields_case_number(const char *prefix, const char *subject, const char *text)
{
	g_autofree char *form =
		g_strdup_printf("\\b%s-[0-9]{4}-[0-9]{4,9}\\b", prefix);
	g_autoptr(GRegex) regex = g_regex_new(form, G_REGEX_CASELESS, 0, NULL);
	const char *places[] = {subject, text};

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autofree char *start = places[i]
			? text_block(places[i], strlen(places[i]), 4000)
			: NULL;
		g_autoptr(GMatchInfo) match = NULL;

		if (start != NULL && g_regex_match(regex, start, 0, &match)) {
			g_autofree char *word = g_match_info_fetch(match, 0);

			return g_ascii_strup(word, -1);
		}
	}
	return NULL;
}
