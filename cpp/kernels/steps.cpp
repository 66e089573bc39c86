#include "kernels/steps.hpp"

#include <thread>

namespace dnnaccel::kernels {

/// Wait until all pieces of a step are done; return the first step that is not.
std::int64_t Steps::wait_beyond(std::int64_t step) const noexcept {
  // Whoever has the last pieces is at work on them, for some microseconds; if the system has put
  // that thread aside, it comes back sooner if this one lets it.
  constexpr int kRounds = 2000;
  for (int round = 0;; ++round) {
    const std::int64_t first = done_.load(std::memory_order_acquire) / pieces_;
    if (first > step) return first;
    if (round >= kRounds) {
      std::this_thread::yield();
      continue;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
}

}  // namespace dnnaccel::kernels
