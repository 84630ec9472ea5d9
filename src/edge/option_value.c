/* One option's value: from the words of a file into a struct, and back. */
#include "edge/conf.h"

#include "base/fault.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AT(base, option, type) ((type *)((char *)(base) + (option)->offset))

static const char *const tls_words[] = {"implicit", "starttls", "none", NULL};

static const struct {
	char letter;
	int64_t factor;
} durations[] = {{'d', CLOCK_DAY}, {'h', CLOCK_HOUR}, {'m', CLOCK_MINUTE},
	{'s', CLOCK_SECOND}, {0, 0}},
  sizes[] = {{'G', INT64_C(1) << 30}, {'M', 1 << 20}, {'k', 1 << 10},
	  {'\0', 1}};

/* A whole number in words; false if it is none or too large to say. */
static bool
parse_whole(const char *value, const char **rest, int64_t *number)
{
	char *end;

	if (!g_ascii_isdigit(*value))
		return false;
	errno = 0;
	*number = strtoll(value, &end, 10);
	*rest = end;
	return errno == 0;
}

static bool
parse_scaled(const struct option *option, const char *value, int64_t *number)
{
	const char *rest;

	if (!parse_whole(value, &rest, number))
		return false;
	if (option->type == OPTION_NUMBER)
		return *rest == '\0';
	if (*rest != '\0' && rest[1] != '\0')
		return false;
	if (option->type == OPTION_SIZE) {
		for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
			if (*rest == sizes[i].letter)
				return !__builtin_mul_overflow(*number,
					sizes[i].factor, number);
		return false;
	}
	for (size_t i = 0; durations[i].letter; i++)
		if (*rest == durations[i].letter)
			return !__builtin_mul_overflow(*number,
				durations[i].factor, number);
	return false;
}

bool
conf_duration(const char *value, int64_t *duration)
{
	const struct option form = {.type = OPTION_DURATION};

	return parse_scaled(&form, value, duration);
}

static char *
scaled_text(const struct option *option, int64_t number)
{
	if (option->type == OPTION_DURATION) {
		for (size_t i = 0; durations[i].letter; i++)
			if (number % durations[i].factor == 0)
				return g_strdup_printf("%" PRId64 "%c",
					number / durations[i].factor,
					durations[i].letter);
	} else if (option->type == OPTION_SIZE && number > 0) {
		for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
			if (sizes[i].letter && number % sizes[i].factor == 0)
				return g_strdup_printf("%" PRId64 "%c",
					number / sizes[i].factor,
					sizes[i].letter);
	}
	return g_strdup_printf("%" PRId64, number);
}

static bool
set_number(const struct option *option, void *base, const char *value,
	GError **error)
{
	static const char *const forms[] = {
		[OPTION_NUMBER] = "a whole number",
		[OPTION_DURATION] = "a duration such as 5d, 12h, 30m or 60s",
		[OPTION_SIZE] = "a size such as 30M or 256k",
	};
	int64_t number;

	if (!parse_scaled(option, value, &number))
		return fault_set(error, FAULT_SETUP, "%s must be %s",
			option->name, forms[option->type]);
	if (number < option->min || number > option->max) {
		g_autofree char *low = scaled_text(option, option->min);
		g_autofree char *high = scaled_text(option, option->max);

		return fault_set(error, FAULT_SETUP,
			"%s must be between %s and %s", option->name, low,
			high);
	}
	*AT(base, option, int64_t) = number;
	return true;
}

static bool
set_text(const struct option *option, void *base, const char *value,
	GError **error)
{
	int64_t length = strlen(value);

	bool may_lack = option->preset != NULL && *option->preset == '\0';

	if (option->type == OPTION_ADDRESS && !(may_lack && *value == '\0') &&
		!text_is_address(value))
		return fault_set(error, FAULT_SETUP,
			"%s must be a plain mail address", option->name);
	if (option->type == OPTION_FINGERPRINT && *value &&
		!text_is_fingerprint(value))
		return fault_set(error, FAULT_SETUP,
			"%s must be a full fingerprint of 40 hexadecimal digits",
			option->name);
	if (option->type == OPTION_TIME &&
		!g_regex_match_simple("^([01][0-9]|2[0-3]):[0-5][0-9]$", value,
			0, 0))
		return fault_set(error, FAULT_SETUP,
			"%s must be a time such as 09:00", option->name);
	if (option->type == OPTION_TEXT &&
		(length < option->min || length > option->max))
		return fault_set(error, FAULT_SETUP,
			"%s must have %" PRId64 " to %" PRId64 " characters",
			option->name, option->min, option->max);
	if (strpbrk(value, "\r\n") != NULL)
		return fault_set(error, FAULT_SETUP, "%s must be one line",
			option->name);
	g_free(*AT(base, option, char *));
	*AT(base, option, char *) = option->type == OPTION_FINGERPRINT
		? g_ascii_strup(value, -1)
		: g_strdup(value);
	return true;
}

static bool
set_texts(const struct option *option, void *base, const char *value,
	GError **error)
{
	/* a file's list comes as \x1f before each item, a preset as words */
	bool listed = *value == '\x1f';
	const char *items = value + listed;
	g_auto(GStrv) list = NULL;
	int64_t count;

	list = *items ? g_strsplit(items, listed ? "\x1f" : " ", -1)
		      : g_new0(char *, 1);
	count = g_strv_length(list);
	if (count < option->min || count > option->max)
		return fault_set(error, FAULT_SETUP,
			"%s must be a list of %" PRId64 " to %" PRId64
			" strings", option->name, option->min, option->max);
	g_strfreev(*AT(base, option, char **));
	*AT(base, option, char **) = g_steal_pointer(&list);
	return true;
}

bool
conf_set(const struct option *option, void *base, const char *value,
	GError **error)
{
	switch (option->type) {
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_SIZE:
		return set_number(option, base, value, error);
	case OPTION_TEXTS:
		return set_texts(option, base, value, error);
	case OPTION_FLAG:
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return fault_set(error, FAULT_SETUP,
				"%s must be true or false", option->name);
		*AT(base, option, bool) = *value == 't';
		return true;
	case OPTION_TLS:
		for (int64_t i = 0; tls_words[i] != NULL; i++)
			if (strcmp(value, tls_words[i]) == 0) {
				*AT(base, option, int64_t) = i;
				return true;
			}
		return fault_set(error, FAULT_SETUP,
			"%s must be implicit, starttls or none", option->name);
	case OPTION_TEXT:
	case OPTION_ADDRESS:
	case OPTION_FINGERPRINT:
	case OPTION_TIME:
		break;
	}
	return set_text(option, base, value, error);
}

static char *
quote(const char *text)
{
	g_autofree char *escaped = g_strescape(text, NULL);

	return g_strdup_printf("\"%s\"", escaped);
}

char *
conf_format(const struct option *option, const void *base)
{
	g_autoptr(GString) list = NULL;

	switch (option->type) {
	case OPTION_NUMBER:
		return scaled_text(option, *AT(base, option, int64_t));
	case OPTION_DURATION:
	case OPTION_SIZE: {
		g_autofree char *text =
			scaled_text(option, *AT(base, option, int64_t));

		return quote(text);
	}
	case OPTION_FLAG:
		return g_strdup(*AT(base, option, bool) ? "true" : "false");
	case OPTION_TLS:
		return quote(tls_words[*AT(base, option, int64_t)]);
	case OPTION_TEXTS:
		list = g_string_new("[");
		for (char **p = *AT(base, option, char **); p && *p; p++) {
			g_autofree char *item = quote(*p);

			g_string_append_printf(list, "%s %s",
				list->len > 1 ? "," : "", item);
		}
		g_string_append(list, " ]");
		return g_string_free(g_steal_pointer(&list), FALSE);
	default:
		return quote(*AT(base, option, char *));
	}
}

char *
conf_plain(const struct option *option, const void *base)
{
	char **list;

	switch (option->type) {
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_SIZE:
		return scaled_text(option, *AT(base, option, int64_t));
	case OPTION_TLS:
		return g_strdup(tls_words[*AT(base, option, int64_t)]);
	case OPTION_TEXTS:
		list = *AT(base, option, char **);
		return list ? g_strjoinv("\n", list) : g_strdup("");
	case OPTION_FLAG:
		return conf_format(option, base);
	case OPTION_TEXT:
	case OPTION_ADDRESS:
	case OPTION_FINGERPRINT:
	case OPTION_TIME:
		break;
	}
	return g_strdup(*AT(base, option, char *));
}

void
conf_unset(const struct option *option, void *base)
{
	switch (option->type) {
	case OPTION_TEXTS:
		g_clear_pointer(AT(base, option, char **), g_strfreev);
		break;
	case OPTION_TEXT:
	case OPTION_ADDRESS:
	case OPTION_FINGERPRINT:
	case OPTION_TIME:
		g_clear_pointer(AT(base, option, char *), g_free);
		break;
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_SIZE:
	case OPTION_FLAG:
	case OPTION_TLS:
		break;
	}
}
