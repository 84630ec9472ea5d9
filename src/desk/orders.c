#include "desk/orders.h"

#include "base/text.h"
#include "desk/calendar.h"
#include "desk/own_words.h"
#include "desk/severity.h"

#include <string.h>

#define MAX_LINES 5000

const struct order_form order_forms[] = {
	{ORDER_SEVERITY, "severity ernst", false, false,
		"severity low|medium|high|critical|none | CVSS:3.1/...",
		"how severe we find it", "hoe ernstig wij het vinden"},
	{ORDER_OWNER, "owner eigenaar", false, false,
		"owner me|ADDRESS|none", "who answers for the case",
		"wie over de zaak gaat"},
	{ORDER_FIX_DATE, "fix-date hersteldatum", false, false,
		"fix-date 2026-02-01 | 1 feb | +14d | friday",
		"when we expect the fix", "wanneer wij de oplossing verwachten"},
	{ORDER_ASSESSMENT, "assessment beoordeling", false, true,
		"assessment TEXT", "our assessment, for the reporter",
		"onze beoordeling, voor de melder"},
	{ORDER_STATUS, "status", false, false, "status fixing|fixed|received",
		"what the reporter is told of the state; received takes up what was closed as spam",
		"wat de melder over de stand hoort; received neemt weer op wat als spam gesloten was"},
	{ORDER_CLOSE, "close sluit", true, false,
		"close fixed|duplicate NUMBER|not-a-vulnerability|out-of-scope|wont-fix|withdrawn|spam [NUMBERS]",
		"ends the case; spam tells the reporter nothing",
		"sluit de zaak; bij spam hoort de melder niets"},
	{ORDER_REPLY, "reply antwoord", true, true, "reply",
		"the lines until a single . go to the reporter",
		"de regels tot een enkele . gaan naar de melder"},
	{ORDER_ASK, "ask vraag", false, true, "ask",
		"the same, as a question; never counts as the answer",
		"idem, als vraag; telt nooit als het antwoord"},
	{ORDER_NOTE, "note notitie", false, true, "note",
		"the lines until a single . stay among staff",
		"de regels tot een enkele . blijven binnen het team"},
	{ORDER_SEND, "send verstuur", true, false, "send D-TOKEN",
		"releases a draft as previewed",
		"verstuurt een concept zoals getoond"},
	{ORDER_DISCARD, "discard verwerp", false, false, "discard D-TOKEN",
		"throws a draft away", "gooit een concept weg"},
	{ORDER_FORCE, "force forceer", true, false, "force REASON",
		"overrides a hold, on record",
		"zet een bezwaar opzij; wordt vastgelegd"},
	{ORDER_ATTACH, "attach bijlage", false, false, "attach NAME",
		"sends along an attachment of this mail",
		"stuurt een bijlage van deze mail mee"},
	{ORDER_CASE, "case zaak", false, false, "case NUMBER",
		"names the case that the orders are about",
		"noemt de zaak waarover het gaat"},
	{ORDER_REPORTER, "reporter melder", false, false,
		"reporter accept MESSAGE",
		"takes over address and key of a message; a lead confirms",
		"neemt adres en sleutel van een bericht over; een lead bevestigt"},
	{ORDER_CLOCK, "clock klok", false, false, "clock gdpr",
		"starts a legal clock", "start een wettelijke termijn"},
	{ORDER_AWAY, "away afwezig", false, false, "away UNTIL | none",
		"until then the deputy is reminded",
		"tot dan wordt de vervanger herinnerd"},
	{ORDER_LIST, "list lijst", false, false, "list [open|mine|overdue|late]",
		"lists cases", "toont zaken"},
	{ORDER_SHOW, "show toon", false, false, "show [NUMBER]",
		"shows a case", "toont een zaak"},
	{ORDER_HELP, "help hulp", false, false, "help", "this table",
		"deze tabel"},
};
const size_t order_form_count = G_N_ELEMENTS(order_forms);

/* Where the parser stands in a mail. */
struct parser {
	const struct conf *conf;
	moment now;
	char *const *footers;
	char **lines;
	guint next;
	struct order_mail *mail;
};

/* A refusal about the line just read. */
static bool
refuse(struct parser *p, const char *phrase, const char *value)
{
	p->mail->fault = phrase;
	p->mail->fault_line = p->next;
	g_free(p->mail->fault_value);
	p->mail->fault_value = text_line(value, 200);
	return false;
}

/* The form that a first word means, by name, synonym or unique prefix. */
static const struct order_form *
form_of(const char *word)
{
	const struct order_form *found = NULL;

	for (size_t i = 0; i < order_form_count; i++) {
		const struct order_form *form = &order_forms[i];
		g_auto(GStrv) names = g_strsplit(form->names, " ", -1);

		for (char **name = names; *name; name++) {
			if (strcmp(*name, word) == 0)
				return form;
			if (form->exact || strlen(word) < 3 ||
				!g_str_has_prefix(*name, word))
				continue;
			if (found != NULL && found != form)
				return NULL;
			found = form;
		}
	}
	return found;
}

/* Takes a line apart: first word in lower case, and what follows it. */
static const struct order_form *
read_form(const char *line, char **rest)
{
	g_autofree char *trimmed = g_strstrip(g_strdup(line));
	size_t length = strcspn(trimmed, " \t:=");
	g_autofree char *word = g_ascii_strdown(trimmed, length);
	const char *value = trimmed + length;

	value += strspn(value, " \t:=");
	*rest = g_strdup(value);
	return length == 0 ? NULL : form_of(word);
}

static bool is_order_inside(struct parser *, const char *, enum order_kind);

/* A block until its single "."; without one it is the rest, as a draft. */
static bool
read_block(struct parser *p, struct order *order)
{
	guint end = p->next;

	while (p->lines[end] != NULL) {
		g_autofree char *line = g_strchomp(g_strdup(p->lines[end]));

		if (strcmp(line, ".") == 0)
			break;
		if (is_order_inside(p, line, order->kind)) {
			p->next = end + 1;
			return refuse(p, "fault-order-inside", line);
		}
		end++;
	}
	if (p->lines[end] == NULL) {
		g_autofree char *words =
			own_words_of(p->lines + p->next, p->footers, false);

		if (order->kind == ORDER_ASSESSMENT)
			return refuse(p, "fault-no-end", "assessment");
		if (order->kind == ORDER_NOTE)
			order->text = g_steal_pointer(&words);
		else {
			p->mail->draft = g_steal_pointer(&words);
			p->mail->draft_is_question = order->kind == ORDER_ASK;
		}
		p->next = end;
		return true;
	}
	g_clear_pointer(&p->lines[end], g_free);
	/* for colleagues all of it stays */
	order->text = order->kind == ORDER_NOTE
		? g_strstrip(g_strjoinv("\n", p->lines + p->next))
		: own_words_of(p->lines + p->next, p->footers, true);
	p->lines[end] = g_strdup(".");
	p->next = end + 1;
	return *order->text ? true
			    : refuse(p, "fault-empty-block", p->lines[end]);
}

/* English for one of a list of words with its synonyms, or NULL. */
static const char *
choose(const char *const words[][2], const char *value)
{
	g_autofree char *lower = g_ascii_strdown(value, -1);

	for (size_t i = 0; words[i][0] != NULL; i++)
		if (strcmp(words[i][0], lower) == 0 ||
			(words[i][1] && strcmp(words[i][1], lower) == 0))
			return words[i][0];
	return NULL;
}

static const char *const statuses[][2] = {{"fixing", "herstel"},
	{"fixed", "hersteld"}, {"received", "ontvangen"}, {NULL, NULL}};
static const char *const resolutions[][2] = {{"fixed", "hersteld"},
	{"duplicate", "dubbel"}, {"not-a-vulnerability", "geen-kwetsbaarheid"},
	{"out-of-scope", "buiten-scope"}, {"wont-fix", "geen-herstel"},
	{"spam", NULL}, {"withdrawn", "ingetrokken"}, {NULL, NULL}};
static const char *const lists[][2] = {{"open", NULL}, {"mine", "mijn"},
	{"overdue", "verlopen"}, {"late", "laat"}, {NULL, NULL}};

/* Case numbers; a range A..B stays one word. */
static char **
read_numbers(const char *value)
{
	g_autofree char *upper = g_ascii_strup(value, -1);
	g_auto(GStrv) words = g_strsplit_set(upper, " ,;\t", -1);
	GPtrArray *numbers = g_ptr_array_new();

	for (char **p = words; *p && numbers->len < 500; p++)
		if (**p)
			g_ptr_array_add(numbers, g_strdup(*p));
	g_ptr_array_add(numbers, NULL);
	return (char **)g_ptr_array_free(numbers, FALSE);
}

/* Whether this looks like PREFIX-YEAR-NNNN, or such with "..". */
static bool
is_number(const char *word)
{
	const char *year = strchr(word, '-');
	const char *last = year ? strchr(year + 1, '-') : NULL;

	return last != NULL && year > word && last - year == 5 &&
		strspn(year + 1, "0123456789") == 4 &&
		g_ascii_isdigit(last[1]) &&
		strspn(last + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") ==
			strlen(last + 1);
}

static bool
are_numbers(char *const *numbers)
{
	for (; *numbers != NULL; numbers++)
		if (!is_number(*numbers))
			return false;
	return true;
}

static bool
read_close(struct parser *p, struct order *order, const char *value)
{
	size_t length = strcspn(value, " \t,");
	g_autofree char *word = g_strndup(value, length);
	const char *resolution = choose(resolutions, word);

	order->numbers = read_numbers(value + length);
	if (resolution == NULL)
		return refuse(p, "fault-close", value);
	order->value = g_strdup(resolution);
	if (!are_numbers(order->numbers))
		return refuse(p, "fault-number", value + length);
	if (strcmp(resolution, "duplicate") == 0)
		return g_strv_length(order->numbers) == 1
			? true
			: refuse(p, "fault-duplicate", value);
	if (*order->numbers != NULL && strcmp(resolution, "spam") != 0)
		return refuse(p, "fault-close", value);
	return true;
}

static bool
read_owner(struct parser *p, struct order *order, const char *value)
{
	static const char *const words[][2] = {
		{"me", "ik"}, {"none", "geen"}, {NULL, NULL}};
	const char *word = choose(words, value);

	if (word == NULL && conf_staff_by_address(p->conf, value) == NULL)
		return refuse(p, "fault-owner", value);
	order->value = word ? g_strdup(word) : g_ascii_strdown(value, -1);
	return true;
}

static bool
read_date(struct parser *p, struct order *order, const char *value)
{
	static const char *const back[][2] = {
		{"none", "terug"}, {"back", NULL}, {NULL, NULL}};

	if (order->kind == ORDER_AWAY && choose(back, value) != NULL)
		order->value = g_strdup("none");
	else
		order->value = calendar_parse(p->conf, value, p->now);
	return order->value ? true : refuse(p, "fault-date", value);
}

static bool
read_choice(struct parser *p, struct order *order, const char *value,
	const char *const words[][2], const char *fault)
{
	order->value = g_strdup(choose(words, value));
	return order->value ? true : refuse(p, fault, value);
}

static bool
read_case(struct parser *p, struct order *order, const char *value)
{
	order->value = g_ascii_strup(value, -1);
	return is_number(order->value) ? true
				       : refuse(p, "fault-number", value);
}

static bool
read_text(struct parser *p, struct order *order, const char *value)
{
	order->value = g_strdup(value);
	return *value ? true : refuse(p, "fault-no-value", p->lines[p->next - 1]);
}

static bool
read_reporter(struct parser *p, struct order *order, const char *value)
{
	g_auto(GStrv) words = g_strsplit_set(value, " \t", 2);
	static const char *const accept[][2] = {
		{"accept", "accepteer"}, {NULL, NULL}};

	if (words[0] == NULL || words[1] == NULL || !choose(accept, words[0]) ||
		strspn(words[1], "0123456789") != strlen(words[1]) ||
		strlen(words[1]) > 15)
		return refuse(p, "fault-reporter", value);
	order->value = g_strdup(words[1]);
	return true;
}

static bool
read_value(struct parser *p, struct order *order, const char *value)
{
	switch (order->kind) {
	case ORDER_SEVERITY:
		order->value = severity_read(value);
		return order->value ? true : refuse(p, "fault-severity", value);
	case ORDER_OWNER:
		return read_owner(p, order, value);
	case ORDER_FIX_DATE:
	case ORDER_AWAY:
		return read_date(p, order, value);
	case ORDER_STATUS:
		return read_choice(p, order, value, statuses, "fault-status");
	case ORDER_CLOSE:
		return read_close(p, order, value);
	case ORDER_CASE:
		return read_case(p, order, value);
	case ORDER_REPORTER:
		return read_reporter(p, order, value);
	case ORDER_LIST:
		return read_choice(p, order, *value ? value : "open", lists,
			"fault-list");
	case ORDER_SHOW:
		return *value == '\0' || read_case(p, order, value);
	case ORDER_HELP:
		return true;
	case ORDER_CLOCK:
		order->value = g_ascii_strdown(value, -1);
		return conf_legal_clock(p->conf, order->value) > 0
			? true
			: refuse(p, "fault-clock", value);
	default:
		return read_text(p, order, value);
	}
}

/*
 * An order inside a block: the "." in front of it was forgotten.  Prose may
 * begin with such a word; with a value that it takes, or alone, it rarely does.
 */
static bool
is_order_inside(struct parser *p, const char *line, enum order_kind block)
{
	static const enum order_kind kinds[] = {ORDER_SEVERITY, ORDER_OWNER,
		ORDER_FIX_DATE, ORDER_STATUS, ORDER_CLOSE, ORDER_CASE};
	g_autofree char *value = NULL;
	const struct order_form *form = read_form(line, &value);
	g_autofree char *first = NULL;
	struct order order = {0};
	struct order_mail scratch = {0};
	struct parser try = *p;
	bool good = false;

	if (form == NULL || block == ORDER_ASSESSMENT)
		return false;
	if (block == ORDER_NOTE)
		return *value == '\0' &&
			(form->kind == ORDER_REPLY || form->kind == ORDER_ASK);
	if (form->kind == ORDER_NOTE || form->kind == ORDER_REPLY ||
		form->kind == ORDER_ASK)
		return *value == '\0' || line[strcspn(line, " :=")] == ':';
	first = g_strndup(value, strcspn(value, " \t"));
	try.mail = &scratch;
	order.kind = form->kind;
	for (size_t i = 0; *first && i < G_N_ELEMENTS(kinds); i++)
		if (form->kind == kinds[i])
			good = read_value(&try, &order, first);
	g_free(order.value);
	g_strfreev(order.numbers);
	g_free(scratch.fault_value);
	return good;
}

/* False ends the orders: by a refusal, or by a line that is none. */
static bool
read_order(struct parser *p)
{
	g_autofree char *value = NULL;
	const struct order_form *form =
		read_form(p->lines[p->next], &value);
	struct order *order;
	const char *line = p->lines[p->next];
	bool good;

	if (form == NULL)
		return false;
	/* prose may begin with such a word, but not behind orders and with ":" */
	if (form->block && *value && form->kind != ORDER_ASSESSMENT)
		return p->mail->orders->len > 0 &&
			line[strcspn(line, " :=")] == ':' && ++p->next &&
			refuse(p, "fault-text-behind", line);
	if (form->kind == ORDER_HELP && *value)
		return false;
	order = g_new0(struct order, 1);
	order->kind = form->kind;
	order->line = ++p->next;
	if (form->block && *value == '\0')
		good = read_block(p, order);
	else if (form->block) {
		order->text = g_strdup(value);
		good = true;
	} else
		good = read_value(p, order, value);
	if (good && (order->text != NULL || order->value != NULL ||
			    !form->block))
		g_ptr_array_add(p->mail->orders, order);
	else
		order_free(order);
	return good;
}

/* Twice the same word with one meaning a case is no order to follow. */
static void
check_twice(struct parser *p)
{
	static const enum order_kind once[] = {ORDER_SEVERITY, ORDER_OWNER,
		ORDER_FIX_DATE, ORDER_ASSESSMENT, ORDER_STATUS, ORDER_CLOSE,
		ORDER_REPLY, ORDER_ASK, ORDER_CASE, ORDER_FORCE};

	for (size_t k = 0; k < G_N_ELEMENTS(once); k++) {
		int seen = 0;

		for (guint i = 0; i < p->mail->orders->len; i++) {
			const struct order *order = p->mail->orders->pdata[i];

			if (order->kind != once[k] || ++seen < 2)
				continue;
			p->next = order->line;
			refuse(p, "fault-twice", p->lines[order->line - 1]);
			return;
		}
	}
}

struct order_mail *
orders_parse(const struct conf *conf, const char *text, moment now,
	char *const *footers)
{
	g_autoptr(GString) plain = g_string_new(text);
	g_auto(GStrv) lines = NULL;
	struct parser p = {.conf = conf,
		.now = now,
		.footers = footers,
		.mail = order_mail_new()};

	/* spaces that look like one are one: HTML mails are full of them */
	g_string_replace(plain, "\302\240", " ", 0);
	p.lines = lines = g_strsplit(plain->str, "\n", MAX_LINES);

	for (;;) {
		while (lines[p.next] != NULL && *g_strchug(lines[p.next]) == '\0')
			p.next++;
		if (lines[p.next] == NULL || !read_order(&p))
			break;
	}
	if (p.mail->fault == NULL)
		check_twice(&p);
	if (p.mail->fault == NULL && p.mail->draft == NULL &&
		lines[p.next] != NULL && p.mail->orders->len == 0)
		p.mail->draft = own_words_of(lines + p.next, p.footers, false);
	if (p.mail->draft != NULL && *p.mail->draft == '\0')
		g_clear_pointer(&p.mail->draft, g_free);
	return p.mail;
}

char *
orders_help(const char *language)
{
	bool dutch = strcmp(language, "nl") == 0;
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < order_form_count; i++)
		g_string_append_printf(out, "  %s\n      %s\n",
			order_forms[i].usage,
			dutch ? order_forms[i].hulp : order_forms[i].help);
	return g_string_free(out, FALSE);
}
