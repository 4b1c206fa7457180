/*
 * Keys as rows of tables, and reading JSON objects by them. A row says which key it is, the type of
 * its value, where it goes, its default and its range; nothing else in the program knows the key.
 */
#ifndef RINGCAST_APP_CONFIG_TABLE_H
#define RINGCAST_APP_CONFIG_TABLE_H

#include "config_report.h"

struct config_key;

/* How a value stands in an environment variable (and as a row's default). */
enum config_form {
    CONFIG_FORM_TEXT,            /* as it is */
    CONFIG_FORM_JSON,            /* as JSON */
    CONFIG_FORM_TEXT_OR_LIST,    /* in brackets an array in JSON, anything else one text */
    CONFIG_FORM_TEXT_OR_INTEGER, /* digits alone are a number, anything else a text */
};

struct config_type {
    /*
     * Reads `value` into `field`, which holds an earlier value or zeros; what it owned is freed. A
     * value that is refused gets a line and leaves the field; only want of memory is an error.
     */
    enum error (*read)(struct config_reader *reader, const struct config_key *key,
                       const struct json_value *value, void *field);
    /* Frees what the field owns and leaves zeros. NULL: it owns nothing. */
    void (*release)(void *field);
    enum config_form form;
};

struct config_key {
    const char *path; /* "hub.ping_interval" */
    const struct config_type *type;
    size_t offset;                               /* of the field in the table's struct */
    size_t size;                                 /* of the field */
    bool (*equal)(const void *a, const void *b); /* of two fields; config_compare.h */
    const char *default_text; /* in the form of a variable; NULL leaves the field alone */
    uint64_t minimum;         /* in the unit of the field; for a number, whole */
    uint64_t maximum;
    bool or_zero;               /* is 0 allowed below the minimum? */
    const char *const *choices; /* in the order of the field's enum, ended by NULL */
};

struct config_table {
    const struct config_key *keys; /* the keys of one group stand together */
    size_t count;
};

/* The types, each with the C type of its field. */
extern const struct config_type config_type_count;         /* unsigned */
extern const struct config_type config_type_count_or_auto; /* unsigned, 0 for "auto" */
extern const struct config_type config_type_number;        /* double */
extern const struct config_type config_type_duration;      /* uint64_t, nanoseconds */
extern const struct config_type config_type_size;          /* size_t, bytes */
extern const struct config_type config_type_size_or_auto;  /* size_t, CONFIG_SIZE_AUTO for "auto" */
extern const struct config_type config_type_choice;        /* an enum */
extern const struct config_type config_type_flag;          /* bool */
extern const struct config_type config_type_channel_name;  /* char *, owned, as those below */
extern const struct config_type config_type_listen;
extern const struct config_type config_type_file;
extern const struct config_type config_type_url;
extern const struct config_type config_type_method;
extern const struct config_type config_type_text;
extern const struct config_type config_type_proxy;
extern const struct config_type config_type_name_servers;
extern const struct config_type config_type_basic;   /* the value of Authorization */
extern const struct config_type config_type_bearer;  /* the same */
extern const struct config_type config_type_headers; /* struct config_headers */
extern const struct config_type config_type_word;    /* not empty */
extern const struct config_type config_type_origin;
extern const struct config_type config_type_listens;    /* struct config_listens */
extern const struct config_type config_type_identities; /* struct config_identities */
extern const struct config_type config_type_networks;   /* struct config_networks */
extern const struct config_type config_type_files;      /* struct config_texts */
extern const struct config_type config_type_origins;    /* struct config_texts */
extern const struct config_type config_type_urls;       /* struct config_urls */
extern const struct config_type config_type_channels;   /* struct config_channels */

/* A field that holds an owned text: a copy of `text` in place of the old one, and the end of it. */
enum error config_set_text(void *field, struct bytes text);
void config_release_text(void *field);

/* The tables of config_keys.c. */
extern const struct config_table config_keys;          /* struct config */
extern const struct config_table config_listen_keys;   /* struct config_listen */
extern const struct config_table config_identity_keys; /* struct config_identity */
extern const struct config_table config_url_keys;      /* struct config_url */
extern const struct config_table config_channel_keys;  /* struct config_channel */

/* Gives every field of `base` that has a default its default. */
enum error config_table_set_defaults(const struct config_table *table, void *base);

/* Reads an object into `base`, whose fields hold values or zeros. */
enum error config_table_read(struct config_reader *reader, const struct config_table *table,
                             const struct json_value *object, void *base);

/* Reads one value from a text in the type's form. */
enum error config_key_read_text(struct config_reader *reader, const struct config_key *key,
                                struct bytes text, void *base);

void config_table_release(const struct config_table *table, void *base);

/*
 * Steps into a member unless it repeats an earlier key, which gets a line: `*is_new` tells. Whoever
 * stepped in leaves again.
 */
enum error config_enter_member(struct config_reader *reader, const struct json_value *member,
                               bool *is_new);

/* 1 to 255 of A-Z a-z 0-9 . _ - ~ : */
bool config_channel_name_is_valid(struct bytes name);
#define CONFIG_CHANNEL_NAME_WORDS "a channel name of 1 to 255 of A-Z a-z 0-9 . _ - ~ :"

#endif
