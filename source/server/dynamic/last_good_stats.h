// Thread: any (constant tables)
#pragma once

#include "source/observe/stats_block.h"

// Ours, "server.": the configuration kept on disk.
//   last_good_in_use            1 while what was loaded from disk is served and the control plane has not answered
//   last_good_age_seconds       how old that is; 0 while it is not in use
//   last_good_generation        of the file written last, or loaded
//   last_good_refused           files that were there at the start and could not be used
//   last_good_resources_refused resources of the file in use that could not be used
//   last_good_written           files written; last_good_write_failures: tries that failed
//   last_good_left_out          resources that the file written last lacks, because they hold secrets and no key is
//   given
#define OUTRIGGER_LAST_GOOD_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(last_good_refused)                                              \
  COUNTER(last_good_resources_refused)                                    \
  COUNTER(last_good_write_failures)                                       \
  COUNTER(last_good_written)                                              \
  GAUGE(last_good_age_seconds)                                            \
  GAUGE(last_good_generation)                                             \
  GAUGE(last_good_in_use)                                                 \
  GAUGE(last_good_left_out)

namespace outrigger::observe {
OUTRIGGER_STATS_BLOCK(LastGoodStats, OUTRIGGER_LAST_GOOD_STATS)
}  // namespace outrigger::observe
