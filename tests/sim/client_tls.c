/* What clients of a hub under TLS do beside what all do, most of it wrong. */
#include <string.h>

#include "world.h"

void client_begin_tls(struct client *client) {
    bool other = sim_below(client->link.sim, 3) == 0;
    link_begin_tls(&client->link, other ? "elsewhere.test" : "good.test", client->world->ticket);
}

/* ---- what no server of TLS takes ------------------------------------------------------------- */

/* RFC 4346: TLS 1.1 at most, a random, no session, two suites, no compression, no extensions. */
void client_say_old_hello(struct client *client) {
    static const uint8_t head[] = {22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2};
    static const uint8_t rest[] = {0, 0, 4, 0xc0, 0x13, 0xc0, 0x09, 1, 0};
    uint8_t random[32];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)sim_below(client->link.sim, 256);
    link_write_plain(&client->link, head, sizeof head);
    link_write_plain(&client->link, random, sizeof random);
    link_write_plain(&client->link, rest, sizeof rest);
}

/* One record, which may be none that TLS has room for. */
void client_babble(struct client *client) {
    struct sim *sim = client->link.sim;
    uint8_t record[600] = {22, 3, 1};
    size_t size = 5 + sim_below(sim, sizeof record - 5);
    for (size_t i = 3; i < size; i++)
        record[i] = (uint8_t)sim_below(sim, 256);
    if (sim_below(sim, 4) > 0) {
        record[3] = (uint8_t)((size - 5) >> 8);
        record[4] = (uint8_t)(size - 5);
    }
    if (size >= 9 && sim_below(sim, 2) == 0) { /* a ClientHello of that size, and nonsense in it */
        record[5] = 1;
        record[6] = 0;
        record[7] = (uint8_t)((size - 9) >> 8);
        record[8] = (uint8_t)(size - 9);
    }
    link_write_plain(&client->link, record, size);
}

/* A message that nobody may get. */
void client_say_falsified(struct client *client) {
    client->link.falsifies = true;
    client_send_frame(client, 0x81, bytes_of("not what was sent"));
}

/* ---- what comes of it ------------------------------------------------------------------------ */

/* RFC 8446, section 6: an alert's record has the type 21. */
void client_take_alert(struct client *client) {
    struct buffer *in = &client->link.in;
    if (in->size == 0)
        return;
    if (in->data[0] != 21)
        world_fail(client->world, "client %u, who speaks no TLS that is any good, is answered",
                   client->number);
    world_saw(client->world,
              client->kind == CLIENT_OUTDATED ? SOMETIMES_TLS_TOO_OLD : SOMETIMES_TLS_BABBLE);
    buffer_clear(in);
}

void client_check_tls(struct client *client) {
    struct world *world = client->world;
    struct link *link = &client->link;
    if (link->tls == NULL)
        return;
    if (tls_error(link->tls) != ERROR_NONE && link->falsifies)
        world_saw(world, SOMETIMES_TLS_FALSIFIED);
    else if (tls_error(link->tls) != ERROR_NONE && !world_was_short_of_memory(world))
        world_fail(world, "client %u: TLS failed: %s", client->number, tls_error_detail(link->tls));
    if (link->tls_open && world->ticket == NULL)
        world->ticket = tls_session_take(link->tls);
}
