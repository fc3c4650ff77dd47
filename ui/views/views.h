/* All views: the tables by their digit, and the pages by the kind of what they show. A view that
 * does not exist does not show. */
#pragma once
#include <stddef.h>

#include "ui/console.h"

extern const struct view *const views_roots[CONSOLE_VIEWS];

struct view_page {
    const char *kind; // what stands before the colon of a target
    const struct view *view;
};
extern const struct view_page views_pages[];
extern const size_t views_pages_n;

extern const struct view view_incidents, view_ips, view_customers, view_queue, view_providers,
    view_events, view_ledger;
extern const struct view page_incident, page_report, page_ip, page_customer, page_queue,
    page_message, page_provider, page_lane, page_event, page_conversation, page_entry;
