#include "desk/orders.h"
#include "desk/severity.h"
#include "desk/words.h"
#include "tap.h"

#include <string.h>

#define NOW (INT64_C(1795600000) * CLOCK_SECOND) /* 2026-11-25 */

/* All orders of a mail as "kind=value|text;", then draft or fault. */
static char *
describe(const struct order_mail *mail)
{
	GString *out = g_string_new(NULL);

	if (mail->fault != NULL) {
		g_string_printf(out, "%s@%d", mail->fault, mail->fault_line);
		return g_string_free(out, FALSE);
	}
	for (guint i = 0; i < mail->orders->len; i++) {
		const struct order *order = mail->orders->pdata[i];

		g_string_append_printf(out, "%s%s%s",
			order->value ? order->value : "",
			order->text ? "|" : "", order->text ? order->text : "");
		for (char **n = order->numbers; n && *n; n++)
			g_string_append_printf(out, " %s", *n);
		g_string_append(out, ";");
	}
	if (mail->draft != NULL)
		g_string_append_printf(out, "%s%s",
			mail->draft_is_question ? "?" : "!", mail->draft);
	return g_string_free(out, FALSE);
}

static const struct {
	const char *sentence;
	const char *text;
	const char *wanted;
} mails[] = {
	{"orders stand at the top", "severity high\nowner me\n", "high;me;"},
	{"blank lines between them are skipped",
		"\nseverity high\n\n\nowner me", "high;me;"},
	{"case, colon and equals are forgiven",
		"Severity: HIGH\nOWNER=me\nfix-date = 2027-01-02",
		"high;me;2027-01-02;"},
	{"Dutch words mean the same",
		"ernst hoog\neigenaar ik\nhersteldatum 1 feb", "high;me;2027-02-01;"},
	{"unique prefixes will do", "sev low\nass it is real", "low;|it is real;"},
	{"but not for what sends or ends", "repl\nclos fixed", "!repl\nclos fixed"},
	{"the first line that is none ends them",
		"severity high\nhello\nowner me", "high;"},
	{"a block ends with a dot", "reply\nDear you,\n\nbye.\n.\nowner me",
		"|Dear you,\n\nbye.;me;"},
	{"quotes and footers in a block are cut",
		"reply\nYes.\n> old words\n-- \nSanne\n.\n", "|Yes.;"},
	{"without its dot a block is a draft, cut at the quote",
		"reply\nDear you.\n\nOn Monday, you wrote:\n> x", "!Dear you."},
	{"so is an unfinished question", "ask\nWhich one?", "?Which one?"},
	{"text without orders is a draft", "Dear you,\nwe look.\n-- \nSanne",
		"!Dear you,\nwe look."},
	{"a quotation alone is nothing", "> severity high\n", ""},
	{"orders in a quotation are none", "> severity high\nowner me", "!owner me"},
	{"prose that begins with such a word is prose",
		"reply to this will follow\n", "!reply to this will follow"},
	{"a wrong value refuses all", "owner me\nseverity hihg", "fault-severity@2"},
	{"a date in the past", "fix-date 2020-01-01", "fault-date@1"},
	{"the same twice", "severity low\nseverity high", "fault-twice@2"},
	{"a stranger cannot own", "owner x@example.net", "fault-owner@1"},
	{"an empty block", "reply\n.\n", "fault-empty-block@2"},
	{"a duplicate needs its number", "close duplicate", "fault-duplicate@1"},
	{"duplicates", "close duplicate vgz-2026-0017",
		"duplicate VGZ-2026-0017;"},
	{"spam in bulk", "close spam VGZ-2026-0001 VGZ-2026-0003..0009",
		"spam VGZ-2026-0001 VGZ-2026-0003..0009;"},
	{"no bulk for the rest", "close fixed VGZ-2026-0001", "fault-close@1"},
	{"a reason that is none", "close whatever", "fault-close@1"},
	{"lists", "list\nlist mine", "open;mine;"},
	{"a clock of the configuration", "clock gdpr", "gdpr;"},
	{"no other clock", "clock nis2", "fault-clock@1"},
	{"a message number is a number", "reporter accept 12'; --",
		"fault-reporter@1"},
	{"an order cannot be smuggled by a carriage return",
		"severity low\rowner me", "fault-severity@1"},
};

static const struct {
	const char *sentence;
	const char *value;
	const char *wanted;
	const char *word;
} severities[] = {
	{"a word", "High", "high", NULL},
	{"in Dutch", "kritiek", "critical", NULL},
	{"no word", "huge", NULL, NULL},
	{"a CVSS 3.1 vector, rated 9.8",
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "critical"},
	{"rated 6.1", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N",
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", "medium"},
	{"rated 0", "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N",
		"CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", "none"},
	{"a metric is missing", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
		NULL, NULL},
	{"a metric stands twice",
		"CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", NULL, NULL},
	{"a value that is none",
		"CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", NULL, NULL},
	{"CVSS 4.0 says no word",
		"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
		"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
		NULL},
	{"CVSS 2 is not taken", "AV:N/AC:L/Au:N/C:C/I:C/A:C", NULL, NULL},
};

static const struct {
	const char *sentence;
	const char *text;
	enum word word;
	const char *value;
	bool more;
} reporters[] = {
	{"status", "status\n", WORD_STATUS, NULL, false},
	{"in Dutch, with a quotation", "Stand\n\n> old", WORD_STATUS, NULL,
		false},
	{"a language", "taal: NL", WORD_LANGUAGE, "nl", false},
	{"no language", "language klingon", WORD_NONE, NULL, false},
	{"a name", "credit Alice A.", WORD_CREDIT, "Alice A.", false},
	{"nobody", "vermelding geen", WORD_CREDIT, "", false},
	{"prose is no word", "status is unclear to me", WORD_NONE, NULL, false},
	{"words below it are read", "withdraw\nIt was my mistake.",
		WORD_WITHDRAW, NULL, true},
	{"only at the top", "Hello\nstatus", WORD_NONE, NULL, false},
};

int
main(void)
{
	static char *legal[] = {(char *)"gdpr=72h", NULL};
	static char *none[] = {NULL};
	char nl[] = "nl";
	g_autoptr(GTimeZone) zone = g_time_zone_new_utc();
	g_autoptr(GPtrArray) staff = g_ptr_array_new();
	const struct conf conf = {.zone = zone,
		.legal = legal,
		.holidays = none,
		.working_days = none,
		.public_holidays = nl,
		.staff = staff};

	for (size_t i = 0; i < G_N_ELEMENTS(mails); i++) {
		g_autoptr(order_mail_auto) mail =
			orders_parse(&conf, mails[i].text, NOW, NULL);
		g_autofree char *found = describe(mail);

		is_text(found, mails[i].wanted, mails[i].sentence);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(severities); i++) {
		g_autofree char *found = severity_read(severities[i].value);

		ok(g_strcmp0(found, severities[i].wanted) == 0 &&
				(found == NULL || g_strcmp0(severity_is_vector(found)
						 ? severity_of_vector(found)
						 : NULL,
					 severities[i].word) == 0),
			severities[i].sentence);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(reporters); i++) {
		struct words words;

		words_parse(reporters[i].text, &words);
		ok(words.word == reporters[i].word &&
				words.more == reporters[i].more &&
				g_strcmp0(words.value, reporters[i].value) == 0,
			reporters[i].sentence);
		g_free(words.value);
	}
	return done();
}
