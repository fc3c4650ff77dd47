#include "ui/views/views.h"

const struct view *const views_roots[CONSOLE_VIEWS] = {
    &view_incidents, &view_ips,    &view_customers, &view_queue,
    &view_providers, &view_events, &view_ledger,
};

const struct view_page views_pages[] = {
    {"incident", &page_incident}, {"provider", &page_provider},
    {"lane", &page_lane},         {"ip", &page_ip},
    {"customer", &page_customer}, {"queue", &page_queue},
    {"message", &page_message},   {"event", &page_conversation},
    {"log", &page_entry},
};
const size_t views_pages_n = ARRAY_LEN(views_pages);
