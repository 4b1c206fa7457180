# One cmocka program per tests/unit/LAYER/test_NAME.c, linked with its layer; the ctest name is
# LAYER_NAME. tests/unit/support/ is shared by all of them.
find_package(PkgConfig REQUIRED)
pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)

# all that is run under ThreadSanitizer
add_custom_target(threads)
file(GLOB unit_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/*/test_*.c)
foreach(source ${unit_tests})
    get_filename_component(folder ${source} DIRECTORY)
    get_filename_component(layer ${folder} NAME)
    get_filename_component(program ${source} NAME_WE)
    string(REPLACE "test_" "${layer}_" test ${program})
    add_executable(unit_${test} ${source})
    set_target_properties(unit_${test} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                                  ${CMAKE_BINARY_DIR}/tests)
    target_include_directories(unit_${test} PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit/support
                                                    ${CMAKE_SOURCE_DIR}/src/${layer})
    target_compile_definitions(unit_${test} PRIVATE
                               TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
    target_link_libraries(unit_${test} PRIVATE ${layer} PkgConfig::cmocka)
    add_test(NAME ${test} COMMAND unit_${test})
    # who starts threads is also run under ThreadSanitizer: ctest -L threads
    file(STRINGS ${source} starts_threads REGEX "pthread_create" LIMIT_COUNT 1)
    set(labels unit)
    if(starts_threads)
        list(APPEND labels threads)
        add_dependencies(threads unit_${test})
    endif()
    set_tests_properties(${test} PROPERTIES TIMEOUT 120 LABELS "${labels}")
endforeach()

find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME layers COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/cmake/check_layers.py
                             ${CMAKE_SOURCE_DIR})

# One ctest for each file of end-to-end tests: real clients and servers against the built program. The
# name is end_to_end_NAME.
file(GLOB end_to_end_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/end_to_end/test_*.py)
foreach(source ${end_to_end_tests})
    get_filename_component(name ${source} NAME_WE)
    string(REPLACE "test_" "end_to_end_" test ${name})
    add_test(NAME ${test} COMMAND Python3::Interpreter -m pytest -q -p no:cacheprovider ${source})
    set_tests_properties(${test} PROPERTIES
        ENVIRONMENT RINGCAST=$<TARGET_FILE:ringcast> TIMEOUT 300 LABELS end_to_end)
endforeach()

include(${CMAKE_SOURCE_DIR}/cmake/simulation.cmake)
