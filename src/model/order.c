#include "model/order.h"

void
order_free(struct order *order)
{
	if (order == NULL)
		return;
	g_free(order->value);
	g_strfreev(order->numbers);
	g_free(order->text);
	g_free(order);
}

struct order_mail *
order_mail_new(void)
{
	struct order_mail *mail = g_new0(struct order_mail, 1);

	mail->orders =
		g_ptr_array_new_with_free_func((GDestroyNotify)order_free);
	return mail;
}

void
order_mail_free(struct order_mail *mail)
{
	if (mail == NULL)
		return;
	g_ptr_array_unref(mail->orders);
	g_free(mail->draft);
	g_free(mail->fault_value);
	g_free(mail);
}

const struct order *
order_find(const struct order_mail *mail, enum order_kind kind)
{
	for (guint i = 0; i < mail->orders->len; i++) {
		const struct order *order = mail->orders->pdata[i];

		if (order->kind == kind)
			return order;
	}
	return NULL;
}

void
told_add(GPtrArray *list, const char *phrase, const char *value,
	const char *more)
{
	struct told *told = g_new0(struct told, 1);

	told->phrase = phrase;
	told->value = g_strdup(value ? value : "");
	told->more = g_strdup(more ? more : "");
	g_ptr_array_add(list, told);
}

void
told_free(struct told *told)
{
	g_free(told->value);
	g_free(told->more);
	g_free(told);
}
