#include "base/fault.h"

#include <sysexits.h>

G_DEFINE_QUARK(meldpunt-fault, fault)

bool
fault_set(GError **error, enum fault_code code, const char *format, ...)
{
	va_list arguments;

	if (error == NULL)
		return false;
	g_clear_error(error);
	va_start(arguments, format);
	*error = g_error_new_valist(FAULT, code, format, arguments);
	va_end(arguments);
	return false;
}

bool
fault_is(const GError *error, enum fault_code code)
{
	return g_error_matches(error, FAULT, code);
}

int
fault_exit_status(const GError *error)
{
	if (error == NULL)
		return EX_OK;
	if (error->domain == G_FILE_ERROR)
		return EX_IOERR;
	if (error->domain != FAULT)
		return EX_SOFTWARE;
	switch ((enum fault_code)error->code) {
	case FAULT_SETUP:
		return EX_CONFIG;
	case FAULT_MAIL:
		return EX_DATAERR;
	case FAULT_REFUSED:
	case FAULT_LATER:
	case FAULT_UNSURE:
		break;
	}
	return EX_TEMPFAIL;
}
