#include "model/report.h"

static void
attachment_free(struct attachment *attachment)
{
	g_free(attachment->name);
	g_free(attachment->type);
	g_free(attachment);
}

static void
candidate_free(struct candidate *candidate)
{
	g_free(candidate->signer);
	g_free(candidate);
}

struct report *
report_new(void)
{
	struct report *report = g_new0(struct report, 1);

	report->layers =
		g_ptr_array_new_with_free_func((GDestroyNotify)reading_free);
	report->sources =
		g_ptr_array_new_with_free_func((GDestroyNotify)bytes_free);
	report->attachments =
		g_ptr_array_new_with_free_func((GDestroyNotify)attachment_free);
	report->candidates = 
		g_ptr_array_new_with_free_func((GDestroyNotify)candidate_free);
	return report;
}

void
report_free(struct report *report)
{
	if (report == NULL)
		return;
	g_ptr_array_unref(report->candidates);
	g_ptr_array_unref(report->attachments);
	g_ptr_array_unref(report->layers);
	g_ptr_array_unref(report->sources);
	g_free(report->fingerprint);
	g_free(report->failure);
	g_free(report);
}

bool
report_is_sealed(const struct report *report)
{
	return report->protection == PROTECTION_ENCRYPTED ||
		report->protection == PROTECTION_ENCRYPTED_SIGNED ||
		report->protection == PROTECTION_UNDECRYPTABLE;
}

const char *
protection_word(enum protection protection)
{
	static const char *const words[] = {"clear", "signed", "encrypted",
		"encrypted+signed", "undecryptable"};

	return words[protection];
}

const char *
signature_word(enum signature signature)
{
	static const char *const words[] = {"none", "good", "bad",
		"unknown-key", "expired"};

	return words[signature];
}

const char *
report_title(const struct report *report, bool signed_text)
{
	const char *title = report->outer->subject;

	for (guint i = 1; i < report->layers->len; i++) {
		const struct reading *layer = report->layers->pdata[i];

		if (layer->protected_header &&
			(!signed_text || layer == report->inner))
			title = layer->subject;
		if (layer == report->inner)
			break;
	}
	return title;
}
