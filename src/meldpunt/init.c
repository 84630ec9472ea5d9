/*
 * meldpunt init: from nothing to a mailbox that works: configuration, key,
 * staff's keys, database, logins tried.  Asks for what no flag gave, if
 * there is somebody to ask.
 */
#include "meldpunt/command.h"
#include "meldpunt/init.h"

#include "base/fault.h"
#include "base/secret.h"
#include "edge/imap.h"
#include "edge/privileges.h"
#include "edge/schema.h"
#include "edge/smtp.h"
#include "meldpunt/key_home.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct answers {
	char *mailbox, *prefix, *address, *display_name, *policy_url;
	char *imap_host, *imap_port, *imap_tls, *imap_user, *imap_password_file;
	char *smtp_host, *smtp_port, *smtp_tls, *smtp_user, *smtp_password_file;
	char *ca_file, *key_file, *database, *state_dir, *user;
	char *start;	/* "all", "now" */
	char *since;	/* what came of it */
	char **staff; /* "Name <address> KEYFILE" */
	gboolean force, no_test;
	struct facts facts; /* what has been reached */
};

static void
answers_clear(struct answers *a)
{
	char *const all[] = {a->mailbox, a->prefix, a->address, a->display_name,
		a->policy_url, a->imap_host, a->imap_port, a->imap_tls,
		a->imap_user, a->imap_password_file, a->smtp_host, a->smtp_port,
		a->smtp_tls, a->smtp_user, a->smtp_password_file, a->ca_file,
		a->key_file, a->database, a->state_dir, a->user, a->start,
		a->since};

	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		g_free(all[i]);
	g_strfreev(a->staff);
}
typedef struct answers answers_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(answers_auto, answers_clear)

/* Asks on the terminal; an empty answer takes the default. */
static bool
ask(char **answer, const char *question, const char *preset)
{
	char line[1024];

	if (*answer != NULL)
		return true;
	if (isatty(STDIN_FILENO)) {
		printf("%s%s%s%s: ", question, preset ? " [" : "",
			preset ? preset : "", preset ? "]" : "");
		fflush(stdout);
		if (fgets(line, sizeof(line), stdin) != NULL &&
			*g_strstrip(line) != '\0') {
			*answer = g_strdup(line);
			return true;
		}
	}
	*answer = g_strdup(preset);
	return preset != NULL;
}

static bool
ask_all(struct answers *a, GError **error)
{
	const struct {
		char **answer;
		const char *flag, *question, *preset;
	} questions[] = {
		{&a->mailbox, "mailbox", "Short name of the mailbox", "security"},
		{&a->prefix, "prefix", "Prefix of case numbers", "CVD"},
		{&a->address, "address", "Address that reports go to", NULL},
		{&a->display_name, "display-name", "Name before that address",
			"Security Team"},
		{&a->policy_url, "policy-url", "URL of the disclosure policy",
			NULL},
		{&a->imap_host, "imap-host", "IMAP server", NULL},
		{&a->imap_port, "imap-port", "IMAP port", "993"},
		{&a->imap_tls, "imap-tls", "IMAP TLS (implicit, starttls)",
			"implicit"},
		{&a->imap_user, "imap-user", "IMAP login", a->address},
		{&a->imap_password_file, "imap-password-file",
			"File with the IMAP password", NULL},
		{&a->smtp_host, "smtp-host", "SMTP server", NULL},
		{&a->smtp_port, "smtp-port", "SMTP port", "465"},
		{&a->smtp_tls, "smtp-tls", "SMTP TLS (implicit, starttls)",
			"implicit"},
		{&a->smtp_user, "smtp-user", "SMTP login", NULL},
		{&a->smtp_password_file, "smtp-password-file",
			"File with the SMTP password", NULL},
		{&a->ca_file, "ca-file", "Authorities to trust (empty: system's)",
			""},
		{&a->database, "database", "Database", "embedded"},
		{&a->state_dir, "state-dir", "State directory",
			"/var/lib/meldpunt"},
		{&a->user, "user", "System user", "meldpunt"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(questions); i++) {
		const char *preset = questions[i].preset;

		/* what is the same at most providers */
		if (questions[i].answer == &a->imap_user)
			preset = a->address;
		else if (questions[i].answer == &a->smtp_host)
			preset = a->imap_host;
		else if (questions[i].answer == &a->smtp_user)
			preset = a->imap_user;
		else if (questions[i].answer == &a->smtp_password_file)
			preset = a->imap_password_file;
		if (!ask(questions[i].answer, questions[i].question, preset))
			return fault_set(error, FAULT_SETUP,
				"--%s is needed", questions[i].flag);
	}
	return true;
}

static void
put(GString *out, const char *name, const char *value)
{
	g_string_append_printf(out, "%s = \"", name);
	for (const char *p = value; *p; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *p);
	}
	g_string_append(out, "\"; ");
}

static void
put_server(GString *out, const char *name, const char *host, const char *port,
	const char *tls, const char *user, const char *password_file,
	const char *ca_file, const char *since)
{
	g_string_append_printf(out, "    %s = { ", name);
	put(out, "host", host);
	g_string_append_printf(out, "port = %s; ", port);
	put(out, "tls", tls);
	g_string_append(out, "\n             ");
	if (*ca_file)
		put(out, "ca_file", ca_file);
	put(out, "user", user);
	put(out, "password_file", password_file);
	if (since != NULL)
		put(out, "since", since);
	g_string_append(out, "};\n");
}

static void
put_mailbox(GString *out, const struct answers *a, const char *fingerprint)
{
	g_string_append(out, "mailboxes = ( {\n    ");
	put(out, "name", a->mailbox);
	put(out, "prefix", a->prefix);
	put(out, "address", a->address);
	g_string_append(out, "\n    ");
	put(out, "display_name", a->display_name);
	g_string_append(out, "\n    languages = [ \"nl\", \"en\" ];\n    ");
	put(out, "policy_url", a->policy_url);
	g_string_append(out, "\n    ");
	put(out, "key", fingerprint);
	g_string_append_c(out, '\n');
	put_server(out, "imap", a->imap_host, a->imap_port, a->imap_tls,
		a->imap_user, a->imap_password_file, a->ca_file, a->since);
	put_server(out, "smtp", a->smtp_host, a->smtp_port, a->smtp_tls,
		a->smtp_user, a->smtp_password_file, a->ca_file, NULL);
	g_string_append(out, "} );\n");
}

/* "Name <address> KEYFILE" into its three parts. */
static bool
split_staff(const char *text, char **name, char **address, char **file)
{
	const char *open = strchr(text, '<');
	const char *close = open ? strchr(open, '>') : NULL;

	if (close == NULL)
		return false;
	*name = g_strstrip(g_strndup(text, open - text));
	*address = g_strndup(open + 1, close - open - 1);
	*file = g_strstrip(g_strdup(close + 1));
	return **name && **file;
}

static bool
put_staff(GString *out, const struct answers *a, const struct key_home *home,
	GError **error)
{
	g_string_append(out, "\nstaff = (");
	for (char **p = a->staff; p && *p; p++) {
		g_autofree char *name = NULL;
		g_autofree char *address = NULL;
		g_autofree char *file = NULL;
		g_autofree char *print = NULL;

		if (!split_staff(*p, &name, &address, &file))
			return fault_set(error, FAULT_SETUP,
				"--staff must be 'Name <address> KEYFILE'");
		print = key_home_import(home, file, error);
		if (print == NULL)
			return false;
		g_string_append_printf(out, "%s\n  { ", p > a->staff ? "," : "");
		put(out, "name", name);
		put(out, "address", address);
		put(out, "key", print);
		g_string_append(out, p > a->staff
				? "roles = [ \"handler\" ]; }"
				: "roles = [ \"handler\", \"lead\" ]; }");
	}
	g_string_append(out, "\n);\n");
	return true;
}

static bool
write_configuration(const char *path, const GString *text,
	const struct answers *a, GError **error)
{
	g_autoptr(conf_auto) conf = conf_parse(text->str, path, error);
	g_autofree char *dir = g_path_get_dirname(path);
	g_autoptr(GError) why = NULL;

	if (conf == NULL)
		return false;
	g_mkdir_with_parents(dir, 0755);
	if (!g_file_set_contents_full(path, text->str, text->len,
		    G_FILE_SET_CONTENTS_CONSISTENT, 0640, &why))
		return fault_set(error, FAULT_SETUP, "%s", why->message);
	return privileges_give_group(path, a->user, error);
}

/* The mailbox's key: from a file, of an attempt before this one, or new. */
static char *
obtain_key(const struct answers *a, const struct key_home *home, GError **error)
{
	char *fingerprint = a->key_file
		? key_home_import(home, a->key_file, error)
		: key_home_find(home, a->address);

	if (fingerprint != NULL || a->key_file != NULL)
		return fingerprint;
	return key_home_generate(home, a->display_name, a->address, error);
}

static bool
fill_home(const char *path, struct answers *a, const struct key_home *home,
	GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *fingerprint = obtain_key(a, home, error);

	if (fingerprint == NULL)
		return false;
	g_string_append(text, "# Written by meldpunt init; every option is "
			      "explained in meldpunt.conf(5).\n\n");
	put(text, "database", a->database);
	g_string_append_c(text, '\n');
	put(text, "state_dir", a->state_dir);
	g_string_append_c(text, '\n');
	put(text, "user", a->user);
	g_string_append(text, "\ntime_zone = \"Europe/Amsterdam\";\n\n");
	put_mailbox(text, a, fingerprint);
	if (!put_staff(text, a, home, error) ||
		!write_configuration(path, text, a, error))
		return false;
	facts_say(&a->facts, "configuration", path);
	facts_say(&a->facts, "key", fingerprint);
	return true;
}

static bool
make_configuration(const char *path, struct answers *a, GError **error)
{
	g_autofree char *gnupg =
		g_build_filename(a->state_dir, "gnupg", NULL);
	const struct key_home home = {gnupg, a->user, NULL};
	bool good;

	if (!privileges_make_dir(a->state_dir, a->user, error) ||
		!privileges_make_dir(gnupg, a->user, error))
		return false;
	good = fill_home(path, a, &home, error);
	key_home_close(&home);
	return good;
}

static bool
prepare_database(const struct conf *conf, struct facts *facts, GError **error)
{
	g_autofree char *version =
		g_strdup_printf("schema version %d", schema_wanted());
	g_autofree char *conninfo = cluster_conninfo(conf);
	g_autoptr(secret_auto) password =
		cluster_password(conf, "admin", error);
	bool embedded = conf_is_embedded(conf);
	g_autoptr(cluster_auto) cluster = NULL;
	g_autoptr(db_auto) db = NULL;

	if (password == NULL)
		return false;
	if (embedded && (cluster = cluster_start(conf, false, error)) == NULL)
		return false;
	db = db_open(conninfo, embedded ? "meldpunt_admin" : NULL,
		embedded ? password : NULL, error);
	if (db == NULL ||
		!schema_migrate(db, conf, !db_names_user(conninfo), false,
			NULL, error))
		return false;
	facts_say(facts, "database", version);
	return true;
}

static bool
try_imap(const struct conf *conf, const struct mailbox *box, const char *secret,
	GError **error)
{
	g_autoptr(imap_auto) imap =
		imap_dial(&box->imap, conf->network_time, error);

	return imap != NULL &&
		imap_login(imap, &box->imap, secret, false, error);
}

static bool
try_smtp(const struct conf *conf, const struct mailbox *box, const char *secret,
	GError **error)
{
	g_autoptr(smtp_auto) smtp =
		smtp_dial(&box->smtp, conf->network_time, error);

	return smtp != NULL &&
		smtp_login(smtp, &box->smtp, strrchr(box->address, '@') + 1,
			secret, false, error);
}

static bool
try_logins(const struct conf *conf, const char *imap_secret,
	const char *smtp_secret, struct facts *facts, GError **error)
{
	const struct mailbox *box = conf->mailboxes->pdata[0];

	if (!try_imap(conf, box, imap_secret, error))
		return false;
	facts_say(facts, "IMAP", "login accepted");
	if (!try_smtp(conf, box, smtp_secret, error))
		return false;
	facts_say(facts, "SMTP", "login accepted");
	return true;
}

static bool
find_start(struct answers *a, const char *secret, GError **error)
{
	const struct server server = {.host = a->imap_host,
		.port = atoi(a->imap_port),
		.tls = strcmp(a->imap_tls, "starttls") == 0 ? TLS_STARTTLS
			: strcmp(a->imap_tls, "none") == 0  ? TLS_NONE
							    : TLS_IMPLICIT,
		.ca_file = a->ca_file,
		.user = a->imap_user};

	if (a->no_test && g_strcmp0(a->start, "now") == 0)
		return fault_set(error, FAULT_SETUP,
			"--start=now needs a login: leave --no-test out");
	return a->no_test ||
		init_find_start(&server, secret, a->start, &a->since, error);
}

static bool
set_up(const char *path, struct answers *a, GError **error)
{
	g_autoptr(secret_auto) imap = NULL;
	g_autoptr(secret_auto) smtp = NULL;
	g_autoptr(conf_auto) conf = NULL;

	imap = secret_read_file(a->imap_password_file, error);
	smtp = imap ? secret_read_file(a->smtp_password_file, error) : NULL;
	if (smtp == NULL || !find_start(a, imap, error) ||
		!make_configuration(path, a, error))
		return false;
	conf = conf_load(path, error);
	return conf != NULL &&
		privileges_give_group(a->imap_password_file, a->user, error) &&
		privileges_give_group(a->smtp_password_file, a->user, error) &&
		privileges_drop(conf, error) &&
		prepare_database(conf, &a->facts, error) &&
		(a->no_test ||
			try_logins(conf, imap, smtp, &a->facts, error));
}

static int
init(const struct command_line *line, struct answers *a)
{
	g_autoptr(GError) error = NULL;
	bool good;

	a->facts.json = line->json;
	good = ask_all(a, &error) && set_up(line->conf_path, a, &error);
	facts_end(&a->facts);
	if (!good)
		return command_failed(error);
	if (!line->json)
		printf("Start the daemon: systemctl start meldpunt, or "
		       "meldpuntd -c %s\n", line->conf_path);
	return EX_OK;
}

int
command_init(struct command_line *line)
{
	g_auto(answers_auto) a = {0};
#define TEXT(flag, field, help)                                                \
	{                                                                      \
		flag, 0, 0, G_OPTION_ARG_STRING, &a.field, help, "TEXT"        \
	}
	const GOptionEntry entries[] = {
		TEXT("mailbox", mailbox, "Short name of the mailbox"),
		TEXT("prefix", prefix, "Prefix of case numbers"),
		TEXT("address", address, "Address that reports go to"),
		TEXT("display-name", display_name, "Name before that address"),
		TEXT("policy-url", policy_url, "URL of the policy"),
		TEXT("imap-host", imap_host, "IMAP server"),
		TEXT("imap-port", imap_port, "IMAP port"),
		TEXT("imap-tls", imap_tls, "implicit, starttls or none"),
		TEXT("imap-user", imap_user, "IMAP login"),
		TEXT("imap-password-file", imap_password_file,
			"File with the IMAP password"),
		TEXT("smtp-host", smtp_host, "SMTP server"),
		TEXT("smtp-port", smtp_port, "SMTP port"),
		TEXT("smtp-tls", smtp_tls, "implicit, starttls or none"),
		TEXT("smtp-user", smtp_user, "SMTP login"),
		TEXT("smtp-password-file", smtp_password_file,
			"File with the SMTP password"),
		TEXT("ca-file", ca_file, "PEM file of authorities to trust"),
		TEXT("key", key_file,
			"File with the mailbox's secret key (else one is made)"),
		TEXT("database", database, "embedded or a libpq string"),
		TEXT("state-dir", state_dir, "State directory"),
		TEXT("user", user, "System user of the daemon"),
		{"staff", 0, 0, G_OPTION_ARG_STRING_ARRAY, &a.staff,
			"A handler and a file with the public key; the first "
			"is lead too", "'NAME <ADDRESS> KEYFILE'"},
		{"start", 0, 0, G_OPTION_ARG_STRING, &a.start,
			"Whether messages that are there already are reports",
			"all|now"},
		{"force", 0, 0, G_OPTION_ARG_NONE, &a.force,
			"Overwrite an existing configuration", NULL},
		{"no-test", 0, 0, G_OPTION_ARG_NONE, &a.no_test,
			"Do not try the logins", NULL},
		{0}};
#undef TEXT

	if (!command_parse(line, entries, 0, 0))
		return EX_USAGE;
	if (!a.force && access(line->conf_path, F_OK) == 0) {
		fprintf(stderr, "meldpunt: %s exists already: edit it, or use "
				"--force\n", line->conf_path);
		return EX_CANTCREAT;
	}
	if (a.staff == NULL) {
		fprintf(stderr, "meldpunt: at least one --staff='Name "
				"<address> KEYFILE' is needed\n");
		return EX_USAGE;
	}
	return init(line, &a);
}
