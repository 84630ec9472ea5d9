/* meldpunt check: every fault that can be found without mail moving. */
#include "meldpunt/command.h"

#include "base/fault.h"
#include "base/secret.h"
#include "edge/pgp.h"
#include "edge/privileges.h"
#include "outbox/letters.h"
#include "edge/schema.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* What has been found; the first fault's advice is the exit status. */
struct findings {
	int faults;
	int status;
};

static void
report_fault(struct findings *findings, GError **error)
{
	if (*error == NULL)
		return;
	fprintf(stderr, "fault: %s\n", (*error)->message);
	if (findings->faults++ == 0)
		findings->status = fault_exit_status(*error);
	g_clear_error(error);
}

static void
check_secret(struct findings *findings, const char *file)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(secret_auto) secret = NULL;

	if (*file == '\0')
		return;
	secret = secret_read_file(file, &error);
	report_fault(findings, &error);
}

static void
check_key(struct findings *findings, struct pgp *pgp, const char *key,
	const char *whose)
{
	g_autoptr(GError) error = NULL;
	GByteArray *exported;

	if (*key == '\0')
		return;
	exported = pgp_export(pgp, key, &error);
	if (exported != NULL)
		g_byte_array_unref(exported);
	else
		g_prefix_error(&error, "%s: ", whose);
	report_fault(findings, &error);
}

static void
check_keys(struct findings *findings, const struct conf *conf)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *runtime = privileges_runtime_dir(conf, &error);
	g_autoptr(pgp_auto) pgp = NULL;

	if (runtime != NULL)
		pgp = pgp_open(conf, runtime, "check", &error);
	report_fault(findings, &error);
	for (guint i = 0; pgp != NULL && i < conf->mailboxes->len; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];

		check_key(findings, pgp, box->key, box->name);
	}
	for (guint i = 0; pgp != NULL && i < conf->staff->len; i++) {
		const struct staff *staff = conf->staff->pdata[i];

		check_key(findings, pgp, staff->key, staff->address);
	}
}

/* A mailbox's own templates of a language. */
static void
check_templates(struct findings *findings, const struct mailbox *box,
	const char *language)
{
	g_autofree char *folder =
		g_build_filename(box->templates, language, NULL);
	g_autoptr(GDir) dir = *box->templates ? g_dir_open(folder, 0, NULL)
					      : NULL;
	const char *file;

	while (dir != NULL && (file = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, file, NULL);
		g_autofree char *text = NULL, *fault = NULL, *name = NULL;
		g_autoptr(GError) error = NULL;

		if (!g_str_has_suffix(file, ".txt"))
			continue;
		name = g_strndup(file, strlen(file) - 4);
		if (!g_file_get_contents(path, &text, NULL, NULL))
			fault = g_strdup("it cannot be read");
		else
			fault = letter_template_fault(text, language, name);
		if (fault == NULL)
			continue;
		fault_set(&error, FAULT_SETUP,
			"template %s: %s; the built-in one is used", path,
			fault);
		report_fault(findings, &error);
	}
}

static void
check_database(struct findings *findings, const struct command_line *line)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(session_auto) session = session_open(line, &error);

	report_fault(findings, &error);
	if (session != NULL && !conf_is_embedded(session->conf) &&
		db_names_user(session->conf->database))
		printf("warning: the database string names a user, so the "
		       "roles are not separated\n");
}

int
command_check(struct command_line *line)
{
	struct findings findings = {0};
	g_autoptr(conf_auto) conf = NULL;
	g_autoptr(GError) error = NULL;

	if (!command_parse(line, NULL, 0, 0))
		return EX_USAGE;
	conf = conf_load(line->conf_path, &error);
	if (conf == NULL) {
		fprintf(stderr, "%s\n", error->message);
		return EX_CONFIG;
	}
	for (guint i = 0; i < conf->mailboxes->len; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];

		check_secret(&findings, box->imap.password_file);
		check_secret(&findings, box->smtp.password_file);
		check_secret(&findings, box->passphrase_file);
	}
	if (!privileges_drop(conf, &error))
		report_fault(&findings, &error);
	else {
		check_keys(&findings, conf);
		for (guint i = 0; i < conf->mailboxes->len; i++) {
			check_templates(&findings, conf->mailboxes->pdata[i],
				"nl");
			check_templates(&findings, conf->mailboxes->pdata[i],
				"en");
		}
		check_database(&findings, line);
	}
	if (findings.faults == 0)
		printf("%s: no faults found\n", line->conf_path);
	return findings.status;
}
