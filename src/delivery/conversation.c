/* What was said in an attempt that failed goes to the store's trail: once for all recipients of a
 * transaction that failed in it. Of a success nothing is kept. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/conversation.h"
#include "delivery/internal.h"
#include "store/trail.h"

static void fill_peer(struct conversation_head *head, const struct sockaddr_storage *sa)
{
    const struct sockaddr_in *v4 = (const void *)sa;
    const struct sockaddr_in6 *v6 = (const void *)sa;
    bool is_v6 = sa->ss_family == AF_INET6;
    const void *address = is_v6 ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr;
    if (!inet_ntop(sa->ss_family, address, head->address, sizeof(head->address)))
        head->address[0] = '\0';
    head->port = ntohs(is_v6 ? v6->sin6_port : v4->sin_port);
}

static void fill_head(struct conversation_head *head, const struct outbound *s)
{
    const struct hosts *h = s->site->hosts;
    *head = (struct conversation_head){.opened_at = s->opened_at};
    snprintf(head->ip, sizeof(head->ip), "%s", s->lane->source->address);
    snprintf(head->helo, sizeof(head->helo), "%s", s->helo);
    if (s->address >= h->n)
        return;
    fill_peer(head, &h->addresses[s->address].sa);
    const char *name = h->addresses[s->address].name;
    if (strncmp(name, head->address, strlen(head->address)) != 0) // a fixed hop's is its address
        snprintf(head->host, sizeof(head->host), "%s", name);
}

// `numbers` are the recipients' in their message.
static void keep(const struct outbound *s, struct message_id message, const uint32_t *numbers,
                 size_t n, struct bytes said)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    struct conversation_head head;
    fill_head(&head, s);
    conversation_format_head(&text, &head);
    buf_add_bytes(&text, said);
    trail_add(s->d->o.store, &(struct trail){.kind = TRAIL_CONVERSATION,
                                             .message = message,
                                             .recipient_no = numbers[0],
                                             .others = numbers + 1,
                                             .others_n = n - 1,
                                             .at = clock_wall(),
                                             .text = buf_bytes(&text)});
}

void conversation_failed(struct flight *f, uint32_t recipient)
{
    const struct parcel *p = f->parcel;
    if (!f->failed)
        f->failed = xcalloc(p->n, sizeof(*f->failed));
    f->failed[f->failed_n++] = p->letter->m->recipients[recipient].no;
}

void conversation_done(const struct flight *f, struct bytes said)
{
    if (f->failed_n && said.n)
        keep(f->outbound, f->parcel->letter->m->id, f->failed, f->failed_n, said);
}

void conversation_shut(const struct outbound *s, const struct parcel *p)
{
    const struct spool_message *m = p->letter->m;
    if (!s->over_said.n || !p->n)
        return;
    uint32_t *numbers = xcalloc(p->n, sizeof(*numbers));
    for (size_t i = 0; i < p->n; i++)
        numbers[i] = m->recipients[p->recipients[i]].no;
    keep(s, m->id, numbers, p->n, buf_bytes(&s->over_said));
    xfree(numbers);
}
