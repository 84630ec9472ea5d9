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

/* The mailboxes' own templates. */
static void
check_templates(struct findings *findings, const struct conf *conf)
{
	g_autoptr(GPtrArray) faults = letter_templates_load(conf);

	for (guint i = 0; i < faults->len; i++) {
		g_autoptr(GError) error = NULL;

		fault_set(&error, FAULT_SETUP, "%s",
			(const char *)faults->pdata[i]);
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
		check_templates(&findings, conf);
		check_database(&findings, line);
	}
	if (findings.faults == 0)
		printf("%s: no faults found\n", line->conf_path);
	return findings.status;
}
