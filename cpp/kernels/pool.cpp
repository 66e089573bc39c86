#include "kernels/pool.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace dnnaccel::kernels {

namespace {

using Clock = std::chrono::steady_clock;

/// How long a worker waits awake for the next job: longer than the gap between two layers of a
/// network, short enough not to be in the way of whoever comes after.
constexpr auto kSpin = std::chrono::microseconds(40);
/// Rounds of waiting between two looks at the clock.
constexpr int kRoundsPerLook = 32;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Wait awake until `ready()` or the time is up; returns ready().
template <class Ready>
bool spin_until(Ready ready) {
  const auto end = Clock::now() + kSpin;
  do {
    for (int round = 0; round < kRoundsPerLook; ++round) {
      if (ready()) return true;
      relax();
    }
  } while (Clock::now() < end);
  return ready();
}

class Workers {
 public:
  Workers() = default;
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers() {
    announce(0, true);
    for (std::thread& thread : threads_) thread.join();
  }

  /// Have at least `count` of them.
  void start(unsigned count) {
    // Worker numbers begin at 1: 0 is whoever calls.
    while (threads_.size() < count)
      threads_.emplace_back([this, worker = static_cast<unsigned>(threads_.size()) + 1,
                             seen = job_.load()] { live(worker, seen); });
  }

  /// There must be `threads` - 1 of them at least.
  void run(unsigned threads, void (*work)(void*, unsigned), void* context) {
    work_ = work;
    context_ = context;
    pending_.store(threads - 1, std::memory_order_relaxed);
    announce(threads, false);
    work(context, 0);
    const auto done = [this] { return pending_.load(std::memory_order_acquire) == 0; };
    // A worker that the system has put aside comes back sooner if this thread lets it.
    while (!spin_until(done)) std::this_thread::yield();
  }

 private:
  // A job is one word: a number that grows in the upper bits, how many threads take part in the
  // lower. So a worker that takes no part never reads what the next job may be writing.
  static constexpr int kThreadBits = 16;

  void announce(unsigned threads, bool stop) {
    stop_.store(stop, std::memory_order_relaxed);
    const std::uint64_t number = (job_.load(std::memory_order_relaxed) >> kThreadBits) + 1;
    job_.store(number << kThreadBits | threads);
    // Both this pair and the sleeper's (count up, then look at the job) are in one total order:
    // either the sleeper sees the job or this thread sees the sleeper.
    if (sleepers_.load() == 0) return;
    {
      const std::lock_guard lock(mutex_);
    }
    wake_.notify_all();
  }

  void live(unsigned worker, std::uint64_t seen) {
    while (true) {
      if (!spin_until([&] { return job_.load(std::memory_order_acquire) != seen; })) {
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return job_.load() != seen; });
        sleepers_.fetch_sub(1);
      }
      seen = job_.load(std::memory_order_acquire);
      if (stop_.load(std::memory_order_relaxed)) return;
      const unsigned threads = seen & ((1U << kThreadBits) - 1);
      if (worker >= threads) continue;
      work_(context_, worker);
      pending_.fetch_sub(1, std::memory_order_release);
    }
  }

  std::atomic<std::uint64_t> job_{0};
  std::atomic<unsigned> pending_{0};
  std::atomic<unsigned> sleepers_{0};
  std::atomic<bool> stop_{false};
  void (*work_)(void*, unsigned) = nullptr;
  void* context_ = nullptr;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> threads_;
};

/// The workers of this process, and who has them.
struct Pool {
  std::mutex in_use;
  std::unique_ptr<Workers> workers;
  std::atomic<unsigned> threads{0};  // 0: not said
};

Pool& shared_pool() {
  static Pool& pool = [&]() -> Pool& {
    static Pool made;
#if defined(__unix__) || defined(__APPLE__)
    // A child process has no threads but the one that forked. The workers' memory is a picture of
    // theirs at that moment, with locks that nobody will open: it is left alone, and the next job
    // starts new ones.
    pthread_atfork([] { shared_pool().in_use.lock(); }, [] { shared_pool().in_use.unlock(); },
                   [] {
                     static_cast<void>(shared_pool().workers.release());
                     shared_pool().in_use.unlock();
                   });
#endif
    return made;
  }();
  return pool;
}

/// True in a thread that is at work on a job: locking the pool a second time would never end.
thread_local bool in_job = false;

unsigned usable_processors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    return std::max(1U, static_cast<unsigned>(CPU_COUNT(&set)));
#endif
  return std::max(1U, std::thread::hardware_concurrency());
}

unsigned default_threads() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    char* end = nullptr;
    const unsigned long asked = std::strtoul(text, &end, 10);
    // OMP_NUM_THREADS may be a list, one number for each level of nesting: the first counts here.
    if (end != text && asked >= 1 && asked <= kMaxThreads) return static_cast<unsigned>(asked);
  }
  return std::min(usable_processors(), kMaxThreads);
}

}  // namespace

unsigned num_threads() {
  const unsigned said = shared_pool().threads.load(std::memory_order_relaxed);
  return said != 0 ? said : default_threads();
}

void set_num_threads(unsigned threads) {
  if (threads < 1 || threads > kMaxThreads)
    throw std::invalid_argument("threads must be from 1 to " + std::to_string(kMaxThreads) +
                                ", not " + std::to_string(threads));
  shared_pool().threads.store(threads, std::memory_order_relaxed);
}

void start_workers(unsigned threads) {
  if (threads <= 1 || in_job) return;
  Pool& pool = shared_pool();
  const std::lock_guard lock(pool.in_use);
  if (!pool.workers) pool.workers = std::make_unique<Workers>();
  pool.workers->start(std::min(threads, kMaxThreads) - 1);
}

namespace pool {

void run(unsigned threads, void (*work)(void*, unsigned), void* context) {
  if (threads > 1 && !in_job) {
    Pool& pool = shared_pool();
    const std::unique_lock lock(pool.in_use, std::try_to_lock);
    if (lock.owns_lock()) {
      if (!pool.workers) pool.workers = std::make_unique<Workers>();
      pool.workers->start(std::min(threads, kMaxThreads) - 1);
      in_job = true;
      pool.workers->run(std::min(threads, kMaxThreads), work, context);
      in_job = false;
      return;
    }
  }
  for (unsigned worker = 0; worker < threads; ++worker) work(context, worker);
}

}  // namespace pool

}  // namespace dnnaccel::kernels
