#include "edge/conf.h"
#include "tap.h"

static const char good[] =
	"mailboxes = ( { name = \"vgz\"; prefix = \"VGZ\"; address = \"s@example.org\";"
	" policy_url = \"https://example.org/\"; key = \"1AFA238B9FE0AE511B5B0C1B5C3EAFA02A030E8C\";"
	" imap = { host = \"h\"; user = \"u\"; password_file = \"p\"; };"
	" smtp = { host = \"h\"; user = \"u\"; password_file = \"p\"; }; } );\n"
	"staff = ( { name = \"S\"; address = \"a@example.org\";"
	" key = \"E21304813AA2A1C5ADBF2B06A8132DA02B0CE0B5\"; roles = [ \"handler\" ]; } );\n";

static const struct {
	const char *sentence;
	const char *extra;
	const char *wanted; /* in the message; NULL: it is accepted */
} rows[] = {
	{"what must be there is enough", "", NULL},
	{"an unknown key is refused, with a hint", "\nstate_dri = \"/x\";",
		"f:4: unknown option \"state_dri\", did you mean \"state_dir\"?"},
	{"an unknown key in a group too", "limits = { mesage = \"1M\"; };",
		"f:3: unknown option \"limits.mesage\", did you mean \"message\"?"},
	{"a key like no other gets no hint", "zzzzzzzzzz = 1;",
		"f:3: unknown option \"zzzzzzzzzz\""},
	{"a number that libconfig would cut is refused", "workers = 5000000000;",
		"f:3: the number 5000000000 is too large"},
	{"also as a long", "workers = 5000000000L;",
		"f:3: the number 5000000000L is too large"},
	{"but not in a string or a comment",
		"# 5000000000\ntime_zone = \"Europe/Amsterdam\"; /* 5000000000 */",
		NULL},
	{"a number out of range is refused", "workers = 65;",
		"f:3: workers must be between 0 and 64"},
	{"a duration is a number and a unit", "clocks = { answer = \"5 days\"; };",
		"f:3: answer must be a duration such as 5d, 12h, 30m or 60s"},
	{"a duration has a range", "clocks = { answer = \"1s\"; };",
		"f:3: answer must be between 1m and 90d"},
	{"a size is a number and a unit", "limits = { message = \"big\"; };",
		"f:3: message must be a size such as 30M or 256k"},
	{"a size has a range", "limits = { message = \"1k\"; };",
		"f:3: message must be between 64k and 1G"},
	{"an include is refused", "@include \"x\"", "@include is not supported"},
	{"a list is no string", "database = [ \"x\" ];",
		"f:3: database must be a single value"},
	{"a day has three letters", "working_hours = { days = [ \"monday\" ]; };",
		"\"monday\" is no day"},
	{"a holiday is a date", "working_hours = { holidays = [ \"2026-13-45\" ]; };",
		"no date like"},
	{"a string is no list", "working_hours = { days = \"mon\"; };",
		"f:3: days must be a list of strings"},
	{"a syntax error has a line", "\n\nx = ;", "f:5: syntax error"},
	{"an unknown time zone is refused", "time_zone = \"Europe/Nowhere\";",
		"time_zone \"Europe/Nowhere\" is not known"},
	{"a time is hours and minutes", "working_hours = { from = \"9\"; };",
		"f:3: from must be a time such as 09:00"},
	{"all faults come at once",
		"workers = 65; foo = 1;", "workers must be between 0 and 64\nf:3: "
					  "unknown option \"foo\""},
	{"the warnings come before the end", "clocks = { answer = \"2d\"; };",
		"clocks: the warnings must come before the end"},
};

static void
try_defaults(void)
{
	g_autoptr(conf_auto) conf = conf_parse(good, "f", NULL);
	const struct mailbox *box = conf_mailbox(conf, "vgz");

	is_number(conf->answer, 5 * CLOCK_DAY, "the answer is due in 5 days");
	is_number(conf->message, 30 << 20, "messages have 30 MiB");
	is_text(box->folders[0], "INBOX", "a list has its default");
	is_number(g_strv_length(box->folders), 1, "of one");
	is_number(g_strv_length(conf->holidays), 0, "or of none");
	is_number(box->imap.port, 993, "IMAP has its port");
	ok(conf_staff_has(conf->staff->pdata[0], "vgz", "handler"),
		"staff without mailboxes work on all");
	ok(!conf_staff_has(conf->staff->pdata[0], "vgz", "lead"),
		"in their roles only");
}

/* Every option's default must be a value that the option itself accepts. */
static void
try_table(void)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct option *o = &conf_options[i];
		char space[sizeof(struct conf) + sizeof(struct mailbox)] = {0};
		g_autoptr(GError) error = NULL;
		g_autofree char *sentence = g_strdup_printf(
			"%s.%s accepts its default", o->scope, o->name);

		if (o->preset == NULL)
			continue;
		ok(conf_set(o, space, o->preset, &error), sentence);
		conf_unset(o, space);
		ok(g_str_has_suffix(o->help, "."), "and has a help sentence");
	}
}

int
main(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = g_strconcat(good, rows[i].extra, NULL);
		g_autoptr(GError) error = NULL;
		g_autoptr(conf_auto) conf = conf_parse(text, "f", &error);
		const char *message = error ? error->message : "";

		if (!ok(rows[i].wanted ? strstr(message, rows[i].wanted) != NULL
				       : conf != NULL,
			    rows[i].sentence))
			printf("# %s\n", message);
	}
	try_defaults();
	try_table();
	return done();
}
