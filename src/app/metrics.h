/*
 * The metrics page: Prometheus text, every number of the service, summed over the workers. Names
 * start with ringcast_; units are seconds and bytes; durations are histograms.
 */
#ifndef RINGCAST_APP_METRICS_H
#define RINGCAST_APP_METRICS_H

#include "service.h"

/* Appends the page. ERROR_NO_MEMORY leaves it incomplete. */
enum error metrics_append(const struct service *service, struct buffer *out);

#endif
