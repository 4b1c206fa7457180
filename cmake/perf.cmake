# The load tests' programs: PERF_NAME from perf/NAME.c, in the build folder's perf/. They measure
# ringcast from outside and link nothing of it, but for offload; include/base's constants are
# theirs too.
function(ringcast_perf_program name)
    list(TRANSFORM ARGN PREPEND ${CMAKE_SOURCE_DIR}/perf/)
    add_executable(perf_${name} ${ARGN})
    target_include_directories(perf_${name} PRIVATE ${CMAKE_SOURCE_DIR}/include)
    set_target_properties(perf_${name} PROPERTIES OUTPUT_NAME ${name}
                                                  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/perf)
endfunction()

ringcast_perf_program(hub_load hub_load.c broadcast.c churn.c client.c message.c usage.c)
ringcast_perf_program(origin origin.c)
ringcast_perf_program(trickle trickle.c)
ringcast_perf_program(floor floor.c)
target_link_libraries(perf_floor PRIVATE dependency::uring)
ringcast_perf_program(offload offload.c)
target_link_libraries(perf_offload PRIVATE loop digest)
ringcast_perf_program(measure measure.c usage.c)
