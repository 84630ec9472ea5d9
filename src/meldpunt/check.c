/* meldpunt check: every fault that can be found without mail moving. */
#include "meldpunt/command.h"

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"
#include "edge/pgp.h"
#include "edge/privileges.h"
#include "outbox/letters.h"
#include "edge/schema.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* What has been found; the first fault's advice is the exit status. */
struct findings {
	GPtrArray *faults, *warnings; /* char * */
	int status;
};

static void
findings_clear(struct findings *findings)
{
	g_ptr_array_unref(findings->faults);
	g_ptr_array_unref(findings->warnings);
}
typedef struct findings findings_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(findings_auto, findings_clear)

static void
report_fault(struct findings *findings, GError **error)
{
	if (*error == NULL)
		return;
	if (findings->faults->len == 0)
		findings->status = fault_exit_status(*error);
	g_ptr_array_add(findings->faults, g_strdup((*error)->message));
	g_clear_error(error);
}

/* All faults of a configuration, a line each. */
static void
report_lines(struct findings *findings, GError **error)
{
	g_auto(GStrv) lines = g_strsplit((*error)->message, "\n", -1);

	for (char **p = lines; *p != NULL; p++) {
		g_autoptr(GError) fault = g_error_copy(*error);

		g_free(fault->message);
		fault->message = g_strdup(*p);
		report_fault(findings, &fault);
	}
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
		g_ptr_array_add(findings->warnings,
			g_strdup("the database string names a user, so the "
				 "roles are not separated"));
}

/* Once more as the daemon's user, which the unit starts the daemon as. */
static void
check_readable(struct findings *findings, const struct conf *conf)
{
	for (guint i = 0; i < conf->mailboxes->len; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];
		const char *const files[] = {box->imap.password_file,
			box->smtp.password_file, box->passphrase_file};

		for (size_t k = 0; k < G_N_ELEMENTS(files); k++)
			if (*files[k] != '\0' && !secret_is_readable(files[k]))
				g_ptr_array_add(findings->warnings,
					g_strdup_printf("%s cannot be read by "
						"user %s: a daemon that is not "
						"started by root needs "
						"LoadCredential= in its unit, "
						"or chgrp and chmod 640",
						files[k], conf->user));
	}
}

static void
check_all(struct findings *findings, const struct command_line *line,
	const struct conf *conf)
{
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < conf->mailboxes->len; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];

		check_secret(findings, box->imap.password_file);
		check_secret(findings, box->smtp.password_file);
		check_secret(findings, box->passphrase_file);
	}
	if (!privileges_drop(conf, &error)) {
		report_fault(findings, &error);
		return;
	}
	check_readable(findings, conf);
	check_keys(findings, conf);
	check_templates(findings, conf);
	check_database(findings, line);
}

static void
print_strings(const char *name, const GPtrArray *strings)
{
	printf(", \"%s\": [", name);
	for (guint i = 0; i < strings->len; i++) {
		g_autofree char *string = text_json(strings->pdata[i]);

		printf("%s%s", i > 0 ? ", " : "", string);
	}
	fputs("]", stdout);
}

static void
print_findings(const struct findings *findings, const struct command_line *line)
{
	g_autofree char *path = text_json(line->conf_path);

	if (line->json) {
		printf("{\"configuration\": %s", path);
		print_strings("faults", findings->faults);
		print_strings("warnings", findings->warnings);
		puts("}");
		return;
	}
	for (guint i = 0; i < findings->faults->len; i++)
		fprintf(stderr, "fault: %s\n",
			(const char *)findings->faults->pdata[i]);
	for (guint i = 0; i < findings->warnings->len; i++)
		printf("warning: %s\n",
			(const char *)findings->warnings->pdata[i]);
	if (findings->faults->len == 0)
		printf("%s: no faults found\n", line->conf_path);
}

int
command_check(struct command_line *line)
{
	g_auto(findings_auto) findings = {
		.faults = g_ptr_array_new_with_free_func(g_free),
		.warnings = g_ptr_array_new_with_free_func(g_free)};
	g_autoptr(conf_auto) conf = NULL;
	g_autoptr(GError) error = NULL;

	if (!command_parse(line, NULL, 0, 0))
		return EX_USAGE;
	conf = conf_load(line->conf_path, &error);
	if (conf != NULL)
		check_all(&findings, line, conf);
	else if (line->json)
		report_lines(&findings, &error);
	else {
		fprintf(stderr, "%s\n", error->message);
		return EX_CONFIG;
	}
	print_findings(&findings, line);
	return findings.status;
}
