#pragma once

#include <atomic>
#include <cstdint>

#include "kernels/pool.hpp"

// How threads go through a job of many short steps, of which each needs all of the one before.
namespace dnnaccel::kernels {

/// The pieces of every step in shares, one for each thread that is asked for: a thread takes those
/// of its own share, whose weights its cache may still hold, then what the others have left. So a
/// thread that never comes, or that the system puts aside between two pieces, holds nobody up.
///
/// Odd steps go through a share backwards: what the last pieces of a step left in the cache are the
/// first of the next.
class Steps {
 public:
  static constexpr unsigned kMaxShares = 64;

  /// `shares` is at most kMaxShares, and at most `pieces`.
  Steps(std::int64_t steps, std::int32_t pieces, unsigned shares)
      : steps_(steps), pieces_(pieces), count_(shares) {}

  /// compute(step, piece) for all pieces of all steps, with whoever else calls it.
  template <class Compute>
  void work(unsigned worker, const Compute& compute) noexcept {
    std::int64_t step = done_.load(std::memory_order_acquire) / pieces_;
    while (step < steps_) {
      std::int64_t computed = 0;
      for (unsigned i = 0; i < count_; ++i)
        computed += take_share((worker + i) % count_, step, compute);
      if (computed != 0) done_.fetch_add(computed, std::memory_order_release);
      step = wait_beyond(step);
    }
  }

 private:
  struct alignas(64) Share {
    std::atomic<std::int64_t> taken{0};  // of all steps together
  };

  std::int32_t begin_of(unsigned share) const {
    return static_cast<std::int32_t>(std::int64_t{pieces_} * share / count_);
  }

  template <class Compute>
  std::int64_t take_share(unsigned index, std::int64_t step, const Compute& compute) noexcept {
    std::atomic<std::int64_t>& taken = shares_[index].taken;
    const std::int32_t begin = begin_of(index);
    const std::int32_t size = begin_of(index + 1) - begin;
    const std::int64_t before = step * size;
    std::int64_t computed = 0;
    std::int64_t next = taken.load(std::memory_order_relaxed);
    // Every step before this one is done, so `next` is at least `before`. It is beyond this step if
    // the others have gone on without this thread.
    while (next < before + size) {
      if (!taken.compare_exchange_weak(next, next + 1, std::memory_order_relaxed)) continue;
      const auto at = static_cast<std::int32_t>(next - before);
      compute(step, begin + (step % 2 == 0 ? at : size - 1 - at));
      ++computed;
      ++next;
    }
    return computed;
  }

  std::int64_t wait_beyond(std::int64_t step) const noexcept;

  std::int64_t steps_;
  std::int32_t pieces_;
  unsigned count_;
  alignas(64) std::atomic<std::int64_t> done_{0};  // pieces of all steps together
  Share shares_[kMaxShares];
};

/// compute(step, piece) for all pieces of all steps, on up to `threads` threads: see Steps.
template <class Compute>
void run_steps(std::int64_t steps, std::int32_t pieces, unsigned threads, const Compute& compute) {
  if (threads <= 1) {
    for (std::int64_t step = 0; step < steps; ++step) {
      for (std::int32_t i = 0; i < pieces; ++i) compute(step, step % 2 == 0 ? i : pieces - 1 - i);
    }
    return;
  }
  Steps job(steps, pieces, threads);
  auto work = [&](unsigned worker) noexcept { job.work(worker, compute); };
  run_on_workers(threads, work);
}

}  // namespace dnnaccel::kernels
