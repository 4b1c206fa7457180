# Programs that put a piece of ringcast beside somebody else's of the same kind. Each is built where
# that is installed, and a short run of it is a test.
pkg_check_modules(gumbo IMPORTED_TARGET gumbo)
if(gumbo_FOUND)
    add_executable(title_gumbo ${CMAKE_SOURCE_DIR}/tests/differential/title_gumbo.c)
    set_target_properties(title_gumbo PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(title_gumbo PRIVATE fetch PkgConfig::gumbo)
    add_test(NAME title_gumbo COMMAND title_gumbo 20000)
    # gumbo itself leaks a little
    set_tests_properties(title_gumbo PROPERTIES TIMEOUT 120 LABELS unit ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)
endif()
