#include "desk/words.h"

#include "base/text.h"
#include "desk/own_words.h"

#include <string.h>

#define MAX_LOOK 8192 /* bytes: a word stands at the top */
#define MAX_CREDIT 5  /* words of a name */

static const struct {
	enum word word;
	const char *names; /* English and Dutch */
	bool valued;
} table[] = {
	{WORD_STATUS, " status stand ", false},
	{WORD_HELP, " help hulp ", false},
	{WORD_LANGUAGE, " language taal ", true},
	{WORD_CREDIT, " credit vermelding ", true},
	{WORD_PLAIN, " plain onversleuteld ", false},
	{WORD_KEY, " key sleutel ", false},
	{WORD_WITHDRAW, " withdraw intrekken ", false},
};

/* A name, and no sentence that happens to begin with such a word. */
static bool
is_credit(const char *value)
{
	g_autofree char *trimmed = g_strstrip(g_strdup(value));
	g_auto(GStrv) words = g_strsplit(trimmed, " ", -1);
	size_t length = strlen(trimmed);

	return g_strv_length(words) <= MAX_CREDIT && length > 0 &&
		strchr(":;,!?", trimmed[length - 1]) == NULL &&
		!(length > 2 && trimmed[length - 1] == '.' &&
			g_ascii_islower(trimmed[length - 2]));
}

static bool
take_value(struct words *words, const char *value)
{
	static const char *const nobody[] = {"none", "geen", NULL};
	g_autofree char *lower = g_ascii_strdown(value, -1);

	if (words->word == WORD_LANGUAGE) {
		if (strcmp(lower, "nl") != 0 && strcmp(lower, "en") != 0)
			return false;
		words->value = g_steal_pointer(&lower);
		return true;
	}
	if (!is_credit(value))
		return false;
	words->value = g_strv_contains(nobody, lower) ? g_strdup("")
						      : text_line(value, 120);
	return *value != '\0';
}

/* One line that is such a word and nothing else. */
static bool
read_word(const char *line, struct words *words)
{
	size_t length = strcspn(line, " \t:=");
	g_autofree char *first = g_ascii_strdown(line, length);
	g_autofree char *name = g_strdup_printf(" %s ", first);
	const char *value = line + length + strspn(line + length, " \t:=");

	for (size_t i = 0; length > 0 && i < G_N_ELEMENTS(table); i++) {
		if (strstr(table[i].names, name) == NULL ||
			(!table[i].valued && *value != '\0'))
			continue;
		words->word = table[i].word;
		if (!table[i].valued || take_value(words, value))
			return true;
		words->word = WORD_NONE;
		g_clear_pointer(&words->value, g_free);
	}
	return false;
}

void
words_parse(const char *text, struct words *words)
{
	g_autofree char *start = g_strndup(text, MAX_LOOK);
	g_auto(GStrv) lines = g_strsplit(start, "\n", -1);
	g_autofree char *own = own_words_of(lines, NULL, false);
	const char *rest = own + strcspn(own, "\n");
	g_autofree char *first = g_strndup(own, rest - own);

	*words = (struct words){.word = WORD_NONE};
	g_strstrip(first);
	if (read_word(first, words))
		words->more = rest[strspn(rest, " \n")] != '\0';
}

bool
words_need_signature(enum word word)
{
	return word == WORD_CREDIT || word == WORD_KEY || word == WORD_WITHDRAW;
}
