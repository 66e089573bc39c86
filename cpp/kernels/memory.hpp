#pragma once

#include <cstddef>

namespace dnnaccel::kernels {

/// Memory that begins at a cache line. From a mebibyte up it is in huge pages, where the system has
/// them: what streams through weights then waits for fewer translations of addresses, and the
/// processor fetches ahead past the end of a small page. (Measured, Zen 5: weights come a seventh
/// faster from DRAM, a fifth from the caches.) Throws std::bad_alloc.
void* allocate(std::size_t bytes);

/// Give back what allocate(bytes) returned.
void release(void* memory, std::size_t bytes) noexcept;

}  // namespace dnnaccel::kernels
