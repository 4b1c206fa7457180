/*
 * How the subscriptions of a client of the JSON subprotocol take turns: who has waited longest is
 * next, and where others wait too it gets a bounded range only.
 */
#include "dialog.h"

enum { FAIR_SHARE = 64 * 1024 }; /* bytes of a seat's turn where others wait */

void dialog_seat_ready(struct seat *seat) {
    struct dialog_seat *own = dialog_seat_of(seat);
    if (!list_is_linked(&own->turn))
        list_append(&seat->client->dialog->ready, &own->turn);
}

static bool is_alone(const struct dialog_seat *seat) {
    return seat->turn.next == seat->turn.previous && list_is_linked(&seat->turn);
}

/* The next range of who has waited longest. Where others wait too it is a bounded one. */
static struct bytes take_turn(struct dialog *dialog) {
    while (!list_is_empty(&dialog->ready)) {
        struct dialog_seat *next = container_of(dialog->ready.next, struct dialog_seat, turn);
        bool alone = is_alone(next);
        struct bytes range = {0};
        if (!next->leaving)
            range = seat_next_range(&next->seat);
        list_remove(&next->turn);
        if (range.size > 0) {
            list_append(&dialog->ready, &next->turn);
            dialog->current = &next->seat;
            return bytes_make(range.data,
                              !alone && range.size > FAIR_SHARE ? FAIR_SHARE : range.size);
        }
        subscription_set_busy(&next->seat.subscription, false);
    }
    return (struct bytes){0};
}

struct bytes dialog_next(struct client *client, bool only_finish, struct seat **seat) {
    struct dialog *dialog = client->dialog;
    struct bytes range = {0};
    const struct dialog_seat *current =
        dialog->current == NULL ? NULL : dialog_seat_of(dialog->current);
    if (current != NULL && cursor_is_inside_message(&current->seat.subscription.cursor) &&
        (only_finish || current->leaving || !is_alone(current)))
        range = cursor_rest_of_message(&current->seat.subscription.cursor);
    else if (!only_finish)
        range = take_turn(dialog);
    *seat = dialog->current;
    return range;
}
