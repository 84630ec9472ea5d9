#include "base/log.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *process_role = "meldpunt";
static const char *process_mailbox;
static bool journal; /* standard error is the journal */

/* A level as syslog(3) numbers it. */
static const char *
priority(GLogLevelFlags level)
{
	if (level & G_LOG_LEVEL_DEBUG)
		return "7";
	return level & G_LOG_LEVEL_WARNING ? "4" : "6";
}

static const char *
level_name(GLogLevelFlags level)
{
	if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
		return "error: ";
	if (level & G_LOG_LEVEL_WARNING)
		return "warning: ";
	return "";
}

static void
write_line(GLogLevelFlags level, const char *number, const char *text)
{
	g_autofree char *line = NULL;
	ssize_t ignored;

	line = g_strdup_printf("meldpuntd[%d] %s%s%s: %s%s%s%s\n",
		(int)getpid(), process_role, process_mailbox ? " " : "",
		process_mailbox ? process_mailbox : "", level_name(level),
		number ? number : "", number ? ": " : "", text);
	/* one write a line, so that lines of several processes do not mix */
	ignored = write(STDERR_FILENO, line, strlen(line));
	(void)ignored;
}

static void
emit(GLogLevelFlags level, const char *event, const char *number,
	const char *format, va_list arguments)
{
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	const GLogField fields[] = {
		{"MESSAGE", text, -1},
		{"PRIORITY", priority(level), -1},
		{"SYSLOG_IDENTIFIER", "meldpuntd", -1},
		{"ROLE", process_role, -1},
		{"MAILBOX", process_mailbox ? process_mailbox : "", -1},
		{"CASE", number ? number : "", -1},
		{"EVENT", event ? event : "", -1},
	};

	if (journal && g_log_writer_journald(level, fields, G_N_ELEMENTS(fields),
			       NULL) == G_LOG_WRITER_HANDLED)
		return;
	if (!(level & G_LOG_LEVEL_DEBUG))
		write_line(level, number, text);
}

/* Libraries log through GLib; what they say keeps its level, not its form. */
static GLogWriterOutput
from_library(GLogLevelFlags level, const GLogField *fields, gsize count,
	gpointer unused)
{
	const char *text = "library message without text";

	(void)unused;
	if (level & (G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG))
		return G_LOG_WRITER_HANDLED;
	for (gsize i = 0; i < count; i++)
		if (strcmp(fields[i].key, "MESSAGE") == 0)
			text = fields[i].value;
	write_line(level, NULL, text);
	return G_LOG_WRITER_HANDLED;
}

static void G_GNUC_PRINTF(1, 2)
log_debug(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	emit(G_LOG_LEVEL_DEBUG, NULL, NULL, format, arguments);
	va_end(arguments);
}

void
log_open(const char *role)
{
	process_role = role;
	g_log_set_writer_func(from_library, NULL, NULL);
	journal = g_log_writer_is_journald(STDERR_FILENO);
	/* opens the journal's socket: later this process may open none */
	log_debug("started");
}

void
log_mailbox(const char *mailbox)
{
	process_mailbox = mailbox;
}

void
log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	emit(G_LOG_LEVEL_MESSAGE, NULL, NULL, format, arguments);
	va_end(arguments);
}

void
log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	emit(G_LOG_LEVEL_WARNING, NULL, NULL, format, arguments);
	va_end(arguments);
}

void
log_case(const char *event, const char *number, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	emit(G_LOG_LEVEL_MESSAGE, event, number, format, arguments);
	va_end(arguments);
}
