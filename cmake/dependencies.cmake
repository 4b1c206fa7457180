# Third-party libraries, each behind one imported target: dependency::NAME.
find_package(PkgConfig REQUIRED)

# "name version, ..." of all of them, for `ringcast --version`.
set(RINGCAST_LIBRARIES "")

# ringcast_dependency(NAME PKG_CONFIG_SPEC)
macro(ringcast_dependency name specification)
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET "${specification}")
    list(APPEND RINGCAST_LIBRARIES "${${name}_MODULE_NAME} ${${name}_VERSION}")
    add_library(dependency_${name} INTERFACE)
    target_link_libraries(dependency_${name} INTERFACE PkgConfig::${name})
    add_library(dependency::${name} ALIAS dependency_${name})
endmacro()

ringcast_dependency(uring "liburing>=2.3")
ringcast_dependency(cares "libcares>=1.18")
ringcast_dependency(wolfssl "wolfssl>=5.5")
ringcast_dependency(nettle "nettle>=3.8")
ringcast_dependency(hogweed "hogweed>=3.8") # the public-key part of nettle, over GMP
target_link_libraries(dependency_hogweed INTERFACE gmp)
ringcast_dependency(idn2 "libidn2>=2.3")
ringcast_dependency(psl "libpsl>=0.21")
ringcast_dependency(zlib "zlib>=1.2.13")
ringcast_dependency(brotli "libbrotlidec>=1.0.9")
ringcast_dependency(zstd "libzstd>=1.5.4")
ringcast_dependency(cjson "libcjson>=1.7.15")

# llhttp: Debian 13 has libllhttp-dev. Debian 12 has only the C sources that node-llhttp installs
# (8.1.0), compiled here as a static library.
find_library(LLHTTP_LIBRARY llhttp)
find_path(LLHTTP_INCLUDE llhttp.h PATHS /usr/include /usr/share/include/llhttp NO_DEFAULT_PATH)
if(NOT LLHTTP_INCLUDE)
    message(FATAL_ERROR "llhttp.h not found: install libllhttp-dev, or node-llhttp on Debian 12 "
                        "(./dev build does)")
endif()
add_library(dependency_llhttp INTERFACE)
if(LLHTTP_LIBRARY)
    target_link_libraries(dependency_llhttp INTERFACE ${LLHTTP_LIBRARY})
else()
    set(LLHTTP_SOURCES /usr/share/llhttp)
    add_library(llhttp STATIC ${LLHTTP_SOURCES}/api.c ${LLHTTP_SOURCES}/http.c
                              ${LLHTTP_SOURCES}/llhttp.c)
    target_compile_options(llhttp PRIVATE -w)
    target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE})
    target_link_libraries(dependency_llhttp INTERFACE llhttp)
endif()
target_include_directories(dependency_llhttp SYSTEM INTERFACE ${LLHTTP_INCLUDE})
add_library(dependency::llhttp ALIAS dependency_llhttp)

file(STRINGS ${LLHTTP_INCLUDE}/llhttp.h llhttp_versions REGEX "define LLHTTP_VERSION_(MAJOR|MINOR|PATCH)")
string(REGEX REPLACE "[^;0-9]" "" llhttp_version "${llhttp_versions}")
string(REPLACE ";" "." llhttp_version "${llhttp_version}")
list(APPEND RINGCAST_LIBRARIES "llhttp ${llhttp_version}")
list(JOIN RINGCAST_LIBRARIES ", " RINGCAST_LIBRARIES)
