#include <stdio.h>

#include "base/log.h"
#include "command.h"
#include "output.h"
#include "service.h"

int command_load_config(struct config *config, const char *path) {
    struct config_errors errors = {0};
    enum error error = config_load(config, path, &errors);
    for (size_t i = 0; i < errors.count; i++)
        fprintf(stderr, "%s\n", errors.lines[i]);
    if (errors.omitted > 0)
        fprintf(stderr, "and %zu more\n", errors.omitted);
    if (error != ERROR_NONE && errors.count == 0)
        output_complain("%s: %s", path == NULL ? "the configuration" : path, error_text(error));
    config_errors_fini(&errors);
    return error == ERROR_NONE ? EXIT_ALL_WELL : EXIT_USAGE;
}

static const char *only_path(const char *command, int count, char **arguments) {
    if (count > 1) {
        output_complain("%s takes one CONFIG", command);
        return NULL;
    }
    if (count == 1 && arguments[0][0] == '-') {
        output_complain("%s has no option %s", command, arguments[0]);
        return NULL;
    }
    return count == 1 ? arguments[0] : "config.json";
}

int command_serve(int count, char **arguments) {
    const char *path = only_path("serve", count, arguments);
    struct config config;
    if (path == NULL || command_load_config(&config, path) != EXIT_ALL_WELL)
        return EXIT_USAGE;
    log_configure(config.log.level, config.log.format);
    int code = service_run(&config, path);
    config_fini(&config);
    return code;
}

int command_check(int count, char **arguments) {
    const char *path = only_path("check", count, arguments);
    struct config config;
    if (path == NULL || command_load_config(&config, path) != EXIT_ALL_WELL)
        return EXIT_USAGE;
    struct rules rules;
    struct rules_detail detail;
    struct tls_identities *identities = NULL;
    struct tls_detail tls;
    enum error error = rules_init(&rules, &config.hub, &detail);
    if (error != ERROR_NONE)
        output_complain("%s", detail.text);
    else if ((error = identities_load(&config.hub.tls, &identities, &tls)) != ERROR_NONE)
        output_complain("%s", tls.text);
    else
        printf("%s is good\n", path);
    tls_identities_free(identities);
    rules_fini(&rules);
    config_fini(&config);
    return error == ERROR_NONE ? EXIT_ALL_WELL : EXIT_USAGE;
}
