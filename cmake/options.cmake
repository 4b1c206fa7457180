# Compiler settings that every target shares.
# RINGCAST_SANITIZE: a list for -fsanitize=, empty for none. RINGCAST_COVERAGE: line coverage.
set(RINGCAST_SANITIZE "" CACHE STRING "sanitizers to build with, as for -fsanitize=")
option(RINGCAST_COVERAGE "instrument for line coverage" OFF)
# For fuzzing: see include/base/bound.h and cmake/fuzz.cmake.
option(RINGCAST_TINY_BOUNDS "bring far bounds near, for fuzzing" OFF)

add_compile_options(
    -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes
    -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough -Wwrite-strings
    -fno-strict-aliasing -fno-common -fvisibility=hidden)
# clang has it for `{0}` too when a name stands for the 0
add_compile_options($<$<C_COMPILER_ID:Clang>:-Wno-missing-field-initializers>)
add_compile_definitions(_GNU_SOURCE RINGCAST_VERSION="${PROJECT_VERSION}")
if(RINGCAST_TINY_BOUNDS)
    add_compile_definitions(RINGCAST_TINY_BOUNDS)
endif()
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# Assertions stay on in every build: a bug stops the program before it does harm.
foreach(build DEBUG RELEASE RELWITHDEBINFO MINSIZEREL)
    string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${build} "${CMAKE_C_FLAGS_${build}}")
endforeach()

if(RINGCAST_SANITIZE)
    add_compile_options(-fsanitize=${RINGCAST_SANITIZE} -fno-sanitize-recover=all
                        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${RINGCAST_SANITIZE})
elseif(RINGCAST_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
else()
    add_compile_options(-fstack-protector-strong -fstack-clash-protection)
    add_compile_options($<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
    add_compile_options($<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection>)
    add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()
