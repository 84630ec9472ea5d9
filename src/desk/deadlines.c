#include "desk/deadlines.h"

moment
deadline_answer_due(const struct conf *conf, moment arrived_at)
{
	return arrived_at + conf->answer;
}

void
deadline_answer_steps(const struct conf *conf, moment arrived_at,
	struct deadline steps[DEADLINE_ANSWER_STEPS])
{
	moment due = deadline_answer_due(conf, arrived_at);

	steps[0] = (struct deadline){
		"answer", "owner", arrived_at + conf->answer_owner};
	steps[1] = (struct deadline){
		"answer", "lead", arrived_at + conf->answer_lead};
	steps[2] = (struct deadline){
		"answer", "management", due - conf->answer_management};
	steps[3] = (struct deadline){"answer", "end", due};
}
