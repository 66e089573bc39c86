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
    announce(kStop);
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
    const std::uint64_t number = (job_.load(std::memory_order_relaxed) >> kCountBits) + 1;
    joined_.store(number << kCountBits, std::memory_order_release);
    announce(number << kCountBits | threads);
    work(context, 0);
    // Who has not joined by now would find nothing left to do: no waiting for a worker that sleeps.
    joined_.fetch_or(kClosed, std::memory_order_relaxed);
    const auto done = [this] {
      return (joined_.load(std::memory_order_acquire) & (kClosed - 1)) == 0;
    };
    // A worker that the system has put aside comes back sooner if this thread lets it.
    while (!spin_until(done)) std::this_thread::yield();
  }

 private:
  // A job is one word: a number that grows in the upper bits, how many threads may take part in the
  // lower. Who has joined is another: the number of the job, whether it is closed, and how many are
  // at work. A worker reads what the job is only once it has joined, and the next job is not
  // written before all have left.
  static constexpr int kCountBits = 16;
  static constexpr std::uint64_t kClosed = std::uint64_t{1} << (kCountBits - 1);

  void announce(std::uint64_t job) {
    job_.store(job);
    // Both this pair and the sleeper's (count up, then look at the job) are in one total order:
    // either the sleeper sees the job or this thread sees the sleeper.
    if (sleepers_.load() == 0) return;
    {
      const std::lock_guard lock(mutex_);
    }
    wake_.notify_all();
  }

  bool join(std::uint64_t number) {
    std::uint64_t joined = joined_.load(std::memory_order_relaxed);
    do {
      if (joined >> kCountBits != number || (joined & kClosed) != 0) return false;
    } while (!joined_.compare_exchange_weak(joined, joined + 1, std::memory_order_acquire,
                                            std::memory_order_relaxed));
    return true;
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
      if (seen == kStop) return;
      const std::uint64_t threads = seen & ((std::uint64_t{1} << kCountBits) - 1);
      if (worker >= threads || !join(seen >> kCountBits)) continue;
      work_(context_, worker);
      joined_.fetch_sub(1, std::memory_order_release);
    }
  }

  static constexpr std::uint64_t kStop = ~std::uint64_t{0};
  std::atomic<std::uint64_t> job_{0};
  std::atomic<std::uint64_t> joined_{kClosed};
  std::atomic<unsigned> sleepers_{0};
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
  work(context, 0);
}

}  // namespace pool

}  // namespace dnnaccel::kernels
