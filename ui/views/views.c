#include "ui/views/views.h"

const struct view *const views_roots[CONSOLE_VIEWS] = {
    &view_ips, &view_customers, &view_queue, &view_events, &view_ledger,
};

const struct view_page views_pages[] = {
    {"ip", &page_ip},           {"customer", &page_customer}, {"queue", &page_queue},
    {"message", &page_message}, {"event", &page_event},       {"log", &page_entry},
};
const size_t views_pages_n = ARRAY_LEN(views_pages);
