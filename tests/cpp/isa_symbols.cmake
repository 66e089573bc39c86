# cmake -DNM=nm -DOBJECTS=a.o,b.o -P isa_symbols.cmake
#
# Fails if an object compiled for one instruction set defines a weak symbol: the linker keeps one copy of those for
# everyone, and the one with AVX-512 in it would crash the processors without.
string(REPLACE "," ";" objects "${OBJECTS}")
list(FILTER objects INCLUDE REGEX "_avx[^/]*$")
foreach(object IN LISTS objects)
  execute_process(COMMAND "${NM}" --defined-only "${object}" OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  if(symbols MATCHES " [WVu] ([^\n]+)")
    message(FATAL_ERROR "${object} defines the weak symbol ${CMAKE_MATCH_1}")
  endif()
  message(STATUS "${object}: no weak symbols")
endforeach()
