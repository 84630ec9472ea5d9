/*
 * The mailer of one alarm: from the supervisor to a mail server, past
 * database and keys, which may be the trouble.  What it says is content-free
 * and in clear.
 */
#include "meldpuntd/roles.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "edge/jail.h"
#include "edge/mime.h"
#include "edge/smtp.h"
#include "model/trouble.h"
#include "outbox/letters.h"

#include <sysexits.h>

static struct bytes *
compose(const struct launch *launch, const struct mailbox *box,
	const struct trouble *trouble)
{
	const struct postbox postbox = {.conf = launch->conf, .mailbox = box};
	g_autoptr(letter_auto) letter =
		letter_alarm(&postbox, trouble, clock_now());

	for (char **to = launch->conf->alarm_addresses; *to != NULL; to++)
		g_ptr_array_add(letter->to, g_strdup(*to));
	return mime_write_clear(letter);
}

/* Sockets first, then the filter, then the peer's first byte. */
static struct smtp *
reach(const struct launch *launch, const struct mailbox *box, GError **error)
{
	const struct server *server = &box->smtp;
	g_autoptr(secret_auto) secret = launch_secret(launch, server, error);
	g_autoptr(smtp_auto) smtp = NULL;

	if (secret == NULL)
		return NULL;
	smtp = smtp_dial(server, launch->conf->network_time, error);
	if (smtp == NULL || !jail_talker(server->ca_file, error) ||
		!smtp_login(smtp, server, strrchr(box->address, '@') + 1,
			secret, *server->token_command != '\0', error))
		return NULL;
	return g_steal_pointer(&smtp);
}

/* Good once one of the operators' servers has it. */
static bool
deliver(struct smtp *smtp, const struct launch *launch,
	const struct mailbox *box, const struct bytes *bytes, GError **error)
{
	char **to = launch->conf->alarm_addresses;
	size_t count = g_strv_length(to);
	g_autofree struct smtp_recipient *all =
		g_new0(struct smtp_recipient, count);
	const struct envelope envelope = {
		.from = box->null_sender ? "" : box->address,
		.recipients = all,
		.count = count};
	bool accepted = false;

	for (size_t i = 0; i < count; i++)
		all[i].address = to[i];
	smtp_send(smtp, &envelope, bytes);
	for (size_t i = 0; i < count; i++) {
		accepted |= all[i].accepted;
		g_free(all[i].text);
	}
	return accepted ||
		fault_set(error, FAULT_LATER, "no server has taken the alarm");
}

int
alarm_run(const struct launch *launch)
{
	const struct mailbox *box = conf_mailbox(launch->conf, launch->mailbox);
	struct trouble trouble = {0};
	g_autoptr(GPtrArray) faults = letter_templates_load(launch->conf);
	g_autoptr(bytes_auto) bytes = NULL;
	g_autoptr(smtp_auto) smtp = NULL;
	g_autoptr(GError) error = NULL;
	bool good;

	log_mailbox(launch->mailbox);
	if (!trouble_read(&trouble, launch->task))
		return EX_USAGE;
	bytes = compose(launch, box, &trouble);
	trouble_clear(&trouble);
	smtp = reach(launch, box, &error);
	good = smtp != NULL && deliver(smtp, launch, box, bytes, &error);
	if (good)
		log_info("alarm mailed");
	return good ? EX_OK : role_failed(error);
}
