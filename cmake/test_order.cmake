# In which order and beside what the tests run, so that neither processor idles. ./dev test gives ctest
# four places for two processors: what computes takes two places, what mostly waits takes one, and runs
# beside it.
#
# The long ones, longest first: the seconds that each takes under AddressSanitizer. They begin before
# all others, so that none of them is left alone at the end.
set(long_tests
    sim:124 torture:52 end_to_end_wss:38 end_to_end_fetch_command:29 end_to_end_fetch:28
    end_to_end_chat_client:26 end_to_end_serve:26 end_to_end_shutdown:23 end_to_end_fetch_ways:20
    end_to_end_load:17 end_to_end_fetch_names:16 end_to_end_fetch_schedule:16 end_to_end_tls:16
    end_to_end_access:14 end_to_end_chat:13 end_to_end_codings:13 coding_decoder:12
    end_to_end_reload:12 end_to_end_accounting:11 end_to_end_chat_terminal:11
    ring_both_operations:11 tls_tls:10 app_config_torture:8 end_to_end_framing:8
    end_to_end_limits:8 end_to_end_proxies:8 tls_context:8)
# Of the rest, those that compute for more than half of their time are short: a place each.
set(computing_tests
    sim torture end_to_end_wss end_to_end_fetch end_to_end_chat_client end_to_end_load
    end_to_end_tls end_to_end_chat end_to_end_codings coding_decoder end_to_end_accounting
    tls_tls app_config_torture end_to_end_framing end_to_end_limits tls_context)

foreach(entry ${long_tests})
    string(REPLACE ":" ";" entry ${entry})
    list(GET entry 0 test)
    list(GET entry 1 seconds)
    set_tests_properties(${test} PROPERTIES COST ${seconds})
endforeach()
set_tests_properties(${computing_tests} PROPERTIES PROCESSORS 2)
