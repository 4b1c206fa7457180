# The fuzz targets: fuzz_NAME from tests/fuzz/fuzz_NAME.c. In the preset `fuzz` libFuzzer drives
# them. In every other build they replay their corpus and all inputs that ever failed, as the test
# fuzz_NAME.
#
# ringcast_fuzz(NAME LAYER COVERS FILE...): COVERS are the sources that the target is there for,
# whose coverage `./dev fuzz NAME coverage` shows.
set(RINGCAST_FUZZ_FOLDER ${CMAKE_SOURCE_DIR}/tests/fuzz)

function(ringcast_fuzz name layer)
    cmake_parse_arguments(FUZZ "" "" "COVERS" ${ARGN})
    add_executable(fuzz_${name} ${RINGCAST_FUZZ_FOLDER}/fuzz_${name}.c)
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                                  ${CMAKE_BINARY_DIR}/tests)
    target_include_directories(fuzz_${name} PRIVATE ${RINGCAST_FUZZ_FOLDER}/support
                                                    ${CMAKE_SOURCE_DIR}/src/${layer})
    target_link_libraries(fuzz_${name} PRIVATE ${layer})
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
              src/http/line.c src/http/framing.c src/http/characters.c)
ringcast_fuzz(http_request http COVERS src/http/request.c src/http/message.c src/http/head.c
              src/http/line.c src/http/framing.c src/http/characters.c)
ringcast_fuzz(ws_handshake ws COVERS src/ws/handshake.c src/ws/extension.c src/http/fields.c
              src/digest/base64.c src/digest/sha1.c)
ringcast_fuzz(url http COVERS src/http/url.c src/http/url_host.c src/http/url_ipv6.c
              src/http/url_domain.c src/http/url_percent.c src/http/url_print.c
              src/base/utf8.c)
ringcast_fuzz(title fetch COVERS src/fetch/title.c src/fetch/title_text.c src/fetch/title_tree.c
              src/fetch/title_tokenizer.c src/fetch/character_reference.c src/fetch/encoding.c
              src/fetch/encoding_label.c src/fetch/encoding_prescan.c src/fetch/encoding_stream.c)
ringcast_fuzz(config app COVERS src/app/config.c src/app/config_table.c src/app/config_types.c
              src/app/config_lists.c src/app/config_environment.c src/app/config_report.c
              src/app/config_nearest.c src/app/json_text.c src/app/json_document.c)
