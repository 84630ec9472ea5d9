/* The doctor's visits to mail servers. */
#include "meldpunt/doctor.h"

#include "edge/imap.h"
#include "edge/smtp.h"

#include <string.h>

void
doctor_imap(struct doctor *doctor, const struct mailbox *box,
	const char *secret)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *check = g_strdup_printf("imap %s", box->name);
	g_autofree char *lacks = NULL;
	g_autoptr(imap_auto) imap =
		imap_dial(&box->imap, doctor->conf->network_time, &error);
	struct imap_folder folder = {0};

	if (imap == NULL ||
		!imap_login(imap, &box->imap, secret,
			*box->imap.token_command != '\0', &error) ||
		!imap_select(imap, box->folders[0], &folder, &error)) {
		doctor_blame(doctor, check, &error);
		return;
	}
	doctor_say(doctor, VERDICT_OK, check, "login accepted, %u messages in %s",
		folder.exists, box->folders[0]);
	lacks = imap_lacks(imap);
	if (*lacks != '\0')
		doctor_say(doctor, VERDICT_WARN, check,
			"the server lacks %s: slower, or moved messages stay "
			"behind", lacks);
	if (imap_ensure_folder(imap, box->done_folder, &error) &&
		imap_ensure_folder(imap, box->failed_folder, &error))
		return;
	doctor_blame(doctor, check, &error);
}

void
doctor_smtp(struct doctor *doctor, const struct mailbox *box,
	const char *secret)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *check = g_strdup_printf("smtp %s", box->name);
	g_autoptr(smtp_auto) smtp =
		smtp_dial(&box->smtp, doctor->conf->network_time, &error);

	if (smtp == NULL ||
		!smtp_login(smtp, &box->smtp, strrchr(box->address, '@') + 1,
			secret, *box->smtp.token_command != '\0', &error)) {
		doctor_blame(doctor, check, &error);
		return;
	}
	doctor_say(doctor, VERDICT_OK, check,
		"login accepted, letters up to %" G_GUINT64_FORMAT " bytes",
		smtp_size_limit(smtp));
	if (box->smtp.tls == TLS_NONE)
		doctor_say(doctor, VERDICT_WARN, check,
			"without TLS no answer goes out in clear, even where "
			"the reporter asks for it");
}
