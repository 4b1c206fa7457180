# The torture: every allocation failed in turn. The ordinary tests leave some out in the scenarios
# that have hundreds; ./dev torture takes them all.
file(GLOB torture_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/torture/*.c)
# c-ares has a clock of its own: on the simulated machine it reads that machine's
add_executable(torture ${torture_sources} ${CMAKE_SOURCE_DIR}/tests/sim/machine_clocks.c)
set_target_properties(torture PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_include_directories(torture PRIVATE ${CMAKE_SOURCE_DIR}/src/app)
# How many blocks wolfSSL may lose in a run: torture.c says which. 5.5.4 was watched at every site;
# for later ones, which were not, the bound is wider.
set(tls_loses_most 8)
if(wolfssl_VERSION VERSION_LESS_EQUAL 5.5.4)
    set(tls_loses_most 6)
endif()
target_compile_definitions(torture PRIVATE TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data"
                           TLS_LOSES_MOST=${tls_loses_most})
target_link_libraries(torture PRIVATE app dependency::zlib)
add_test(NAME torture COMMAND torture --shallow)
set_tests_properties(torture PROPERTIES TIMEOUT 300 LABELS torture)
