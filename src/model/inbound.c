#include "model/inbound.h"

void
inbound_free(struct inbound *inbound)
{
	if (inbound == NULL)
		return;
	g_free(inbound->mailbox);
	g_free(inbound->number);
	g_free(inbound);
}
