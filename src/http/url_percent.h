/* Percent-encoding, as the URL standard does it. Private to the http layer. */
#ifndef RINGCAST_HTTP_URL_PERCENT_H
#define RINGCAST_HTTP_URL_PERCENT_H

#include "base/bytes.h"

/* Which bytes are encoded differs by part. Controls and all above 0x7e are, everywhere. */
enum url_percent_set {
    URL_PERCENT_FRAGMENT = 1,
    URL_PERCENT_QUERY = 2, /* of http and https, which encode the apostrophe too */
    URL_PERCENT_PATH = 4,
    URL_PERCENT_USERINFO = 8,
};

/* Appends `text` with the bytes of the set as %XX. What is encoded already stays as it is. */
enum error url_percent_encode(struct bytes text, enum url_percent_set set, struct buffer *out);

/* Appends `text` with each %XX as its byte; a '%' without two hexadecimal digits stays. */
enum error url_percent_decode(struct bytes text, struct buffer *out);

/* The value of a hexadecimal digit, or -1. */
int url_hexadecimal(uint8_t byte);

#endif
