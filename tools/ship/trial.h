/* trial: tries servers, stream and rights for `hookspool check`: verdict, finding and remedy, divided by tabs. */
#ifndef HS_SHIP_TRIAL_H
#define HS_SHIP_TRIAL_H

#include "tools/ship/options.h"

/* Prints the findings. 0, or an exit code if one is bad. */
int hs_ship_trial(const struct hs_ship_run *run, const struct hs_engine_options *options);

#endif
