/* Orders and drafts in a staff member's signed text. */
#include "desk/orders.h"
#include "fuzz.h"

static struct conf *conf;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char text[] =
		"mailboxes = ({name=\"m\"; prefix=\"CVD\"; address=\"m@example.org\";"
		" policy_url=\"https://example.org\";"
		" key=\"0000000000000000000000000000000000000000\";"
		" imap={host=\"h\"; user=\"u\"; password_file=\"/f\";};"
		" smtp={host=\"h\"; user=\"u\"; password_file=\"/f\";};});"
		"staff = ({name=\"S\"; address=\"s@example.org\";"
		" key=\"0000000000000000000000000000000000000000\";"
		" roles=[\"handler\"];});";
	g_autoptr(GError) error = NULL;

	(void)argc;
	(void)argv;
	conf = conf_parse(text, "fuzz", &error);
	if (conf == NULL)
		g_error("%s", error->message);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = fuzz_text(data, size);

	order_mail_free(orders_parse(conf, text,
		INT64_C(1795600000) * CLOCK_SECOND, NULL));
	return 0;
}
