/* Tells whether a record is of a suppressed person, for events that become no records. */
#include "spool/spool.h"
#include "spool/spool_private.h"

enum hs_result hs_spool_suppresses(struct hs_spool *spool, struct hs_slice record, bool *suppressed)
{
	struct spool_view *v;
	bool active;
	enum hs_result r = hs_spool_borrow(spool, &v);

	*suppressed = false;
	if (r != HS_OK)
		return r;
	pthread_mutex_lock(&v->asking);
	r = hs_suppression_list_follow(v->asked, &active);
	if (r == HS_OK && record.n == 0)
		*suppressed = active;
	else if (r == HS_OK && active)
		r = hs_suppression_list_find(v->asked, record, suppressed);
	pthread_mutex_unlock(&v->asking);
	hs_spool_give_back(spool);
	return r;
}
