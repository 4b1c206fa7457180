# The fuzz targets: fuzz_NAME from tests/fuzz/fuzz_NAME.c. In the preset `fuzz` libFuzzer drives
# them. In every other build they replay their corpus and all inputs that ever failed, as the test
# fuzz_NAME.
#
# ringcast_fuzz(NAME LAYER [LEAST PERCENT] [LENGTH BYTES] [WITH TARGET...] [SOURCES FILE...]
# [LIBRARIES TARGET...] COVERS FILE...): COVERS are the sources that the target is there for, of
# whose lines its corpus runs LEAST percent at least, 95 if nothing else is said; `./dev fuzz
# coverage` looks.
# Sources that have two sides, as those of requests and responses, are run by the corpora WITH it
# too. No input is longer than LENGTH, which belongs into the first line: ./dev reads it there.
set(RINGCAST_FUZZ_FOLDER ${CMAKE_SOURCE_DIR}/tests/fuzz)

function(ringcast_fuzz name layer)
    cmake_parse_arguments(FUZZ "" "LEAST;LENGTH" "COVERS;SOURCES;LIBRARIES;WITH" ${ARGN})
    if(NOT FUZZ_LEAST)
        set(FUZZ_LEAST 95)
    endif()
    add_executable(fuzz_${name} ${RINGCAST_FUZZ_FOLDER}/fuzz_${name}.c ${FUZZ_SOURCES})
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                                  ${CMAKE_BINARY_DIR}/tests)
    target_include_directories(fuzz_${name} PRIVATE ${RINGCAST_FUZZ_FOLDER}/support
                                                    ${CMAKE_SOURCE_DIR}/src/${layer})
    target_link_libraries(fuzz_${name} PRIVATE ${layer} ${FUZZ_LIBRARIES})
    list(JOIN FUZZ_COVERS "\n" covers)
    list(JOIN FUZZ_WITH " " with)
    file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/tests/fuzz_${name}.covers
         CONTENT "${FUZZ_LEAST} ${with}\n${covers}\n")
    if(RINGCAST_SANITIZE MATCHES "fuzzer")
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        return()
    endif()
    target_sources(fuzz_${name} PRIVATE ${RINGCAST_FUZZ_FOLDER}/support/replay.c)
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${RINGCAST_FUZZ_FOLDER}/corpus/${name}
                                       ${RINGCAST_FUZZ_FOLDER}/regression/${name})
    set_tests_properties(fuzz_${name} PROPERTIES TIMEOUT 120 LABELS "unit;fuzz")
endfunction()

ringcast_fuzz(ws_frame ws COVERS src/ws/frame.c src/ws/frame_encode.c src/ws/mask.c)
ringcast_fuzz(ws_message ws COVERS src/ws/message.c src/ws/close.c)
ringcast_fuzz(http_response http WITH http_request COVERS src/http/response.c src/http/message.c
              src/http/head.c src/http/line.c src/http/framing.c src/http/characters.c
              src/http/fields.c)
ringcast_fuzz(http_request http WITH http_response COVERS src/http/request.c src/http/message.c
              src/http/head.c src/http/line.c src/http/framing.c src/http/characters.c)
ringcast_fuzz(ws_handshake ws WITH ws_deflate COVERS src/ws/handshake.c src/ws/extension.c
              src/digest/base64.c src/digest/sha1.c)
ringcast_fuzz(proxy_header server LENGTH 150 COVERS src/server/proxy_header.c)
ringcast_fuzz(url http COVERS src/http/url.c src/http/url_host.c src/http/url_ipv6.c
              src/http/url_domain.c src/http/url_percent.c src/http/url_print.c
              src/base/utf8.c)
ringcast_fuzz(title fetch LENGTH 250 COVERS src/fetch/title.c src/fetch/title_text.c
              src/fetch/title_tree.c src/fetch/title_tokenizer.c
              src/fetch/title_tokenizer_comment.c src/fetch/title_tokenizer_text.c
              src/fetch/character_reference.c
              src/fetch/encoding.c src/fetch/encoding_label.c src/fetch/encoding_prescan.c
              src/fetch/encoding_stream.c)
ringcast_fuzz(cookie fetch LENGTH 400 COVERS src/fetch/cookie.c src/fetch/cookie_date.c
              src/fetch/cookie_jar.c src/fetch/cookie_jar_take.c src/fetch/cookie_jar_send.c
              src/fetch/public_suffix.c)
ringcast_fuzz(config app LENGTH 300 COVERS src/app/config.c src/app/config_table.c
              src/app/config_types.c src/app/config_lists.c src/app/config_texts.c
              src/app/config_environment.c src/app/config_report.c src/app/config_nearest.c
              src/json/text.c src/json/document.c)
ringcast_fuzz(ws_deflate ws WITH ws_handshake COVERS src/ws/deflate.c src/ws/deflate_offer.c
              src/ws/extension.c)
ringcast_fuzz(coding coding LENGTH 300 LIBRARIES dependency::zlib dependency::zstd
              COVERS src/coding/decoder.c src/coding/zlib.c src/coding/brotli.c src/coding/zstd.c)

ringcast_fuzz(json json COVERS src/json/text.c src/json/document.c src/base/json.c)
ringcast_fuzz(tls_hello tls COVERS src/tls/hello.c)
# The rest is the other side's, and what happens when the library has no memory.
ringcast_fuzz(tls_server tls LEAST 85 LENGTH 2000 COVERS src/tls/tls.c)
target_compile_definitions(fuzz_tls_server PRIVATE TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
ringcast_fuzz(target hub COVERS src/hub/target.c)
ringcast_fuzz(forwarded server COVERS src/server/forwarded.c src/net/network.c)
ringcast_fuzz(retry_after fetch COVERS src/http/date.c src/fetch/retry.c)
ringcast_fuzz(line_editor app LENGTH 300 COVERS src/app/chat_line_editor.c)

ringcast_fuzz(command hub LIBRARIES json COVERS src/hub/command.c)
ringcast_fuzz(token token LIBRARIES dependency::nettle
              COVERS src/token/token.c src/token/claims.c src/token/base64url.c)
ringcast_fuzz(hop fetch COVERS src/fetch/hop.c src/fetch/bad_port.c)
ringcast_fuzz(address_policy net LENGTH 200 COVERS src/net/address_policy.c src/net/address.c)

file(GLOB session_sources ${CMAKE_SOURCE_DIR}/tests/sim/*.c)
list(REMOVE_ITEM session_sources ${CMAKE_SOURCE_DIR}/tests/sim/main.c)
# What the input of a session chooses: the simulated ring itself, and above it everything between a
# completion and a broadcast or a fetch that has ended. What the simulation's clients do not ask for
# (the hub over HTTP and as JSON, histories, tokens, cookies) is other targets' and tests' business.
ringcast_fuzz(session app LEAST 85 LENGTH 2000 SOURCES ${session_sources}
              LIBRARIES dependency::nettle dependency::zlib COVERS
              src/ring/sim.c src/ring/sim_ring.c src/ring/sim_submit.c src/ring/sim_entry.c
              src/ring/sim_socket.c src/ring/sim_datagram.c src/ring/sim_peer.c
              src/ring/sim_kernel.c src/ring/multishot.c src/ring/ring.c
              src/loop/loop.c src/loop/timer.c src/loop/scope.c
              src/net/stream.c src/net/listener.c src/net/dialer.c src/net/resolver.c
              src/net/ares_channel.c src/transport/transport.c src/transport/secure.c
              src/server/server.c src/server/connection.c src/server/admission.c
              src/hub/hub.c src/hub/handshake.c src/hub/client.c src/hub/client_receive.c
              src/hub/client_send.c src/hub/client_rates.c src/hub/subscription.c
              src/hub/own_ranges.c src/hub/dialog_turns.c src/hub/publish.c src/hub/channel.c
              src/hub/home.c src/hub/home_readers.c src/hub/view.c src/hub/log.c src/hub/drain.c
              src/hub/close_reason.c src/hub/accounts.c
              src/fetch/fetch.c src/fetch/attempt.c src/fetch/attempt_response.c
              src/fetch/connect.c src/fetch/connection.c src/fetch/session.c src/fetch/schedule.c
              src/fetch/round.c src/fetch/body.c src/fetch/hop.c src/fetch/tunnel.c)
target_compile_definitions(fuzz_session PRIVATE TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
include(${CMAKE_SOURCE_DIR}/cmake/simulation_probes.cmake)
target_link_options(fuzz_session PRIVATE ${SIMULATION_PROBES})
target_include_directories(fuzz_session PRIVATE ${CMAKE_SOURCE_DIR}/tests/sim
                                                ${CMAKE_SOURCE_DIR}/src/hub
                                                ${CMAKE_SOURCE_DIR}/src/net)
