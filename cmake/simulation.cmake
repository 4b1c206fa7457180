# tests/sim: the whole service on the simulated machine. `sim` runs seeds; the ordinary test run has
# many of them under AddressSanitizer and some in every other build.
file(GLOB simulation_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/sim/*.c)
add_executable(sim ${simulation_sources})
set_target_properties(sim PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_include_directories(sim PRIVATE ${CMAKE_SOURCE_DIR}/tests/sim ${CMAKE_SOURCE_DIR}/src/app
                                       ${CMAKE_SOURCE_DIR}/src/hub ${CMAKE_SOURCE_DIR}/src/net)
target_compile_definitions(sim PRIVATE TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
include(${CMAKE_SOURCE_DIR}/cmake/simulation_probes.cmake)
target_link_options(sim PRIVATE ${SIMULATION_PROBES})
target_link_libraries(sim PRIVATE app dependency::nettle dependency::zlib)
add_test(NAME sim COMMAND sim --seeds 5000 --complete)
set_tests_properties(sim PROPERTIES TIMEOUT 300 LABELS simulation)
