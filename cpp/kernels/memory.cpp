#include "kernels/memory.hpp"

#include <new>

#if defined(__linux__)
#include <sys/mman.h>

#include <cstdint>
#endif

namespace dnnaccel::kernels {

namespace {

constexpr std::align_val_t kLine{64};

#if defined(__linux__)
constexpr std::size_t kLarge = std::size_t{1} << 20;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kPage = 4096;

/// What is left over beyond whole huge pages gets one of its own if it fills at least half of it.
std::size_t mapped_bytes(std::size_t bytes) {
  const std::size_t unit = bytes % kHugePage >= kHugePage / 2 ? kHugePage : kPage;
  return (bytes + unit - 1) / unit * unit;
}

void* map_aligned(std::size_t bytes) {
  // Room to begin at a multiple of a huge page; what is before and behind goes back.
  void* const room = ::mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) throw std::bad_alloc();
  const std::size_t before =
      (kHugePage - reinterpret_cast<std::uintptr_t>(room) % kHugePage) % kHugePage;
  char* const begin = static_cast<char*>(room) + before;
  if (before != 0) ::munmap(room, before);
  if (before != kHugePage) ::munmap(begin + bytes, kHugePage - before);
  // A system without them says no: small pages do as well.
  ::madvise(begin, bytes, MADV_HUGEPAGE);
  return begin;
}
#endif

}  // namespace

void* allocate(std::size_t bytes) {
#if defined(__linux__)
  if (bytes >= kLarge) {
    if (bytes > SIZE_MAX / 2) throw std::bad_alloc();
    return map_aligned(mapped_bytes(bytes));
  }
#endif
  return ::operator new(bytes, kLine);
}

void release(void* memory, std::size_t bytes) noexcept {
#if defined(__linux__)
  if (bytes >= kLarge) {
    ::munmap(memory, mapped_bytes(bytes));
    return;
  }
#endif
  static_cast<void>(bytes);
  ::operator delete(memory, kLine);
}

}  // namespace dnnaccel::kernels
