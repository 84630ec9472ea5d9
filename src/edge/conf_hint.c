/* "Did you mean": the option or group nearest to a misspelt one. */
#include "edge/conf.h"

#include <string.h>

/* Levenshtein distance of two short names. */
static size_t
distance(const char *a, const char *b)
{
	size_t m = strlen(a), n = strlen(b);
	size_t row[64];

	if (n >= G_N_ELEMENTS(row))
		return n;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; i <= m; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j];
			size_t best = corner + (a[i - 1] != b[j - 1]);

			best = MIN(best, MIN(above, row[j - 1]) + 1);
			corner = above;
			row[j] = best;
		}
	}
	return row[n];
}

/* Takes over candidate as the nearest if it is nearer than what was. */
static void
nearer(const char *name, const char *candidate, size_t length, char **nearest,
	size_t *least)
{
	g_autofree char *word = g_strndup(candidate, length);
	size_t far = distance(name, word);

	if (far >= *least || far >= strlen(name))
		return;
	*least = far;
	g_free(*nearest);
	*nearest = g_steal_pointer(&word);
}

char *
conf_nearest(const char *scope, const char *name)
{
	size_t inside = strlen(scope);
	char *nearest = NULL;
	size_t least = 4;

	for (size_t i = 0; i < conf_option_count; i++) {
		const struct option *o = &conf_options[i];
		const char *rest = o->scope + inside;

		if (strncmp(o->scope, scope, inside) != 0)
			continue;
		if (*rest == '\0')
			nearer(name, o->name, strlen(o->name), &nearest,
				&least);
		else if (inside == 0 || *rest == '.') {
			rest += inside > 0;
			nearer(name, rest, strcspn(rest, "."), &nearest,
				&least);
		}
	}
	return nearest;
}
