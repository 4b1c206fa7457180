# The fuzz targets: fuzz_NAME from tests/fuzz/fuzz_NAME.c. In the preset `fuzz` libFuzzer drives
# them. In every other build they replay their corpus and all inputs that ever failed, as the test
# fuzz_NAME.
#
# ringcast_fuzz(NAME LAYER [SOURCES FILE...] [LIBRARIES TARGET...] COVERS FILE...): COVERS are the
# sources that the target is there for, whose coverage `./dev fuzz NAME coverage` shows.
set(RINGCAST_FUZZ_FOLDER ${CMAKE_SOURCE_DIR}/tests/fuzz)

function(ringcast_fuzz name layer)
    cmake_parse_arguments(FUZZ "" "" "COVERS;SOURCES;LIBRARIES" ${ARGN})
    add_executable(fuzz_${name} ${RINGCAST_FUZZ_FOLDER}/fuzz_${name}.c ${FUZZ_SOURCES})
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                                  ${CMAKE_BINARY_DIR}/tests)
    target_include_directories(fuzz_${name} PRIVATE ${RINGCAST_FUZZ_FOLDER}/support
                                                    ${CMAKE_SOURCE_DIR}/src/${layer})
    target_link_libraries(fuzz_${name} PRIVATE ${layer} ${FUZZ_LIBRARIES})
    list(JOIN FUZZ_COVERS "\n" covers)
    file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/tests/fuzz_${name}.covers CONTENT "${covers}\n")
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
ringcast_fuzz(http_response http COVERS src/http/response.c src/http/message.c src/http/head.c
              src/http/line.c src/http/framing.c src/http/characters.c src/http/fields.c)
ringcast_fuzz(http_request http COVERS src/http/request.c src/http/message.c src/http/head.c
              src/http/line.c src/http/framing.c src/http/characters.c)
ringcast_fuzz(ws_handshake ws COVERS src/ws/handshake.c src/ws/extension.c src/http/fields.c
              src/digest/base64.c src/digest/sha1.c)
ringcast_fuzz(proxy_header server COVERS src/server/proxy_header.c)
ringcast_fuzz(url http COVERS src/http/url.c src/http/url_host.c src/http/url_ipv6.c
              src/http/url_domain.c src/http/url_percent.c src/http/url_print.c
              src/base/utf8.c)
ringcast_fuzz(title fetch COVERS src/fetch/title.c src/fetch/title_text.c src/fetch/title_tree.c
              src/fetch/title_tokenizer.c src/fetch/title_tokenizer_comment.c
              src/fetch/title_tokenizer_text.c src/fetch/character_reference.c src/fetch/encoding.c
              src/fetch/encoding_label.c src/fetch/encoding_prescan.c src/fetch/encoding_stream.c)
ringcast_fuzz(cookie fetch COVERS src/fetch/cookie.c src/fetch/cookie_date.c src/fetch/cookie_jar.c
              src/fetch/cookie_jar_take.c src/fetch/cookie_jar_send.c src/fetch/public_suffix.c)
ringcast_fuzz(config app COVERS src/app/config.c src/app/config_table.c src/app/config_types.c
              src/app/config_lists.c src/app/config_texts.c src/app/config_environment.c
              src/app/config_report.c src/app/config_nearest.c src/json/text.c src/json/document.c)
ringcast_fuzz(ws_deflate ws COVERS src/ws/deflate.c src/ws/deflate_offer.c src/ws/extension.c)
ringcast_fuzz(coding coding LIBRARIES dependency::zlib dependency::zstd
              COVERS src/coding/decoder.c src/coding/zlib.c src/coding/brotli.c src/coding/zstd.c)

ringcast_fuzz(command hub LIBRARIES json COVERS src/hub/command.c)
ringcast_fuzz(token token LIBRARIES dependency::nettle
              COVERS src/token/token.c src/token/claims.c src/token/base64url.c)
ringcast_fuzz(hop fetch COVERS src/fetch/hop.c)
ringcast_fuzz(address_policy net COVERS src/net/address_policy.c src/net/address.c)

file(GLOB session_sources ${CMAKE_SOURCE_DIR}/tests/sim/*.c)
list(REMOVE_ITEM session_sources ${CMAKE_SOURCE_DIR}/tests/sim/main.c)
file(GLOB session_covers RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/src/hub/*.c
     ${CMAKE_SOURCE_DIR}/src/server/*.c ${CMAKE_SOURCE_DIR}/src/net/[dls]*.c
     ${CMAKE_SOURCE_DIR}/src/loop/[lst]*.c)
ringcast_fuzz(session app SOURCES ${session_sources} LIBRARIES dependency::nettle dependency::zlib
              COVERS ${session_covers} src/fetch/fetch.c src/fetch/attempt.c src/fetch/attempt_response.c src/fetch/connect.c
              src/fetch/connection.c src/fetch/head.c src/fetch/hop.c src/fetch/session.c
              src/fetch/retry.c src/fetch/body.c)
target_compile_definitions(fuzz_session PRIVATE TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
target_include_directories(fuzz_session PRIVATE ${CMAKE_SOURCE_DIR}/tests/sim
                                                ${CMAKE_SOURCE_DIR}/src/hub)
