#include "intake/fields.h"
#include "tap.h"

static const struct {
	const char *sentence;
	const char *text;
	const char *wanted; /* "kind value|kind value" */
} assets[] = {
	{"a URL", "see https://a.example/x?y=1.", "url https://a.example/x?y=1"},
	{"a URL in brackets", "(https://a.example/x)", "url https://a.example/x"},
	{"a URL with brackets of its own", "https://a.example/x(1)",
		"url https://a.example/x(1)"},
	{"a defanged URL", "hxxps://a[.]example/x", "url https://a.example/x"},
	{"a host", "on db.example.org there is", "host db.example.org"},
	{"a mail address is no host", "mail me: bob@example.com", ""},
	{"a file name is no host", "see poc.py and x.png", ""},
	{"an IPv4 address", "at 203.0.113.7.", "ip 203.0.113.7"},
	{"a version is no address", "version 1.2.3.4.5", ""},
	{"an address out of range is none", "at 300.1.1.1", ""},
	{"a network", "in 198.51.100.0/24", "network 198.51.100.0/24"},
	{"an IPv6 address", "at 2001:db8::1 and", "ip 2001:db8::1"},
	{"an IPv6 network", "in 2001:db8::/32", "network 2001:db8::/32"},
	{"a time is no address", "at 12:30:45", ""},
	{"quoted lines do not count", "> https://a.example/\nx", ""},
	{"nor does a signature", "x\n-- \nhttps://a.example/", ""},
	{"each counts once", "a.example.org a.example.org", "host a.example.org"},
};

static const struct {
	const char *sentence;
	const char *subject;
	const char *text;
	const char *wanted;
} titles[] = {
	{"a subject is the title", "XSS in search", "body", "XSS in search"},
	{"answers' tags go", "Re: AW: [EXT] Fwd: XSS", "body", "XSS"},
	{"Dutch ones too", "Antw: Betr: XSS", "body", "XSS"},
	{"a placeholder gives the first line", "...", "Dear team\nx",
		"Dear team"},
	{"so does an empty one", "", "\n\nDear team\nx", "Dear team"},
	{"also as an answer", "Re: [...]", "Dear team", "Dear team"},
	{"and Thunderbird's", "Encrypted Message", "Dear team", "Dear team"},
	{"nothing gives nothing", NULL, "", ""},
};

static void
try_assets(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(assets); i++) {
		g_autoptr(reading_auto) reading = reading_new();
		g_autoptr(GString) found = g_string_new(NULL);

		fields_assets(assets[i].text, reading->assets);
		for (guint j = 0; j < reading->assets->len; j++) {
			const struct asset *a = reading->assets->pdata[j];

			g_string_append_printf(found, "%s%s %s", j ? "|" : "",
				a->kind, a->value);
		}
		is_text(found->str, assets[i].wanted, assets[i].sentence);
	}
}

static void
try_unflow(void)
{
	g_autofree char *flowed = fields_unflow("a \nb\n> c \n> d\n\n-- \nx",
		false);
	g_autofree char *deleted = fields_unflow("a \nb", true);
	g_autofree char *stuffed = fields_unflow(" From x\n", false);

	is_text(flowed, "a b\n> c d\n\n-- \nx", "soft breaks are undone");
	is_text(deleted, "ab", "DelSp takes the space");
	is_text(stuffed, "From x\n", "space-stuffing is undone");
}

int
main(void)
{
	g_autofree char *cvss =
		fields_cvss("it is CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H.");
	g_autofree char *none = fields_cvss("CVSS is high");

	try_assets();
	try_unflow();
	for (size_t i = 0; i < G_N_ELEMENTS(titles); i++) {
		g_autofree char *title =
			fields_title(titles[i].subject, titles[i].text);

		is_text(title, titles[i].wanted, titles[i].sentence);
	}
	is_text(cvss, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
		"a vector is found");
	is_text(none, NULL, "a word is no vector");
	return done();
}
