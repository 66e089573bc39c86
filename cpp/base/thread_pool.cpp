#include "base/thread_pool.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace dnnaccel::base {

namespace {

struct Shared {
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> done{0};
  std::mutex mutex;
  std::condition_variable progress;
  unsigned running = 0;
  std::exception_ptr error;
};

void work(Shared& shared, std::size_t count, const std::function<void(std::size_t)>& task,
          std::atomic<bool>& stop) {
  try {
    while (!stop.load(std::memory_order_relaxed)) {
      const std::size_t i = shared.next.fetch_add(1);
      if (i >= count) break;
      task(i);
      shared.done.fetch_add(1);
      shared.progress.notify_one();
    }
  } catch (...) {
    const std::lock_guard lock(shared.mutex);
    if (!shared.error) shared.error = std::current_exception();
    stop = true;
  }
  const std::lock_guard lock(shared.mutex);
  --shared.running;
  shared.progress.notify_one();
}

}  // namespace

unsigned default_threads() { return std::max(1U, std::thread::hardware_concurrency()); }

bool run_tasks(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& task,
               const std::function<bool(std::size_t)>& poll, std::atomic<bool>& stop) {
  Shared shared;
  // std::thread, not jthread: the standard library of older macOS toolchains lacks the latter.
  std::vector<std::thread> workers;
  const auto wanted = static_cast<unsigned>(std::min<std::size_t>(std::max(1U, threads), count));
  shared.running = wanted;
  workers.reserve(wanted);
  for (unsigned i = 0; i < wanted; ++i) {
    workers.emplace_back([&] { work(shared, count, task, stop); });
  }
  bool go_on = true;
  try {
    std::unique_lock lock(shared.mutex);
    while (shared.running > 0) {
      shared.progress.wait_for(lock, std::chrono::milliseconds(50));
      lock.unlock();
      if (go_on && !poll(shared.done.load())) {
        go_on = false;
        stop = true;
      }
      lock.lock();
    }
  } catch (...) {
    stop = true;
    for (std::thread& worker : workers) worker.join();
    throw;
  }
  for (std::thread& worker : workers) worker.join();
  if (shared.error) std::rethrow_exception(shared.error);
  return go_on;
}

}  // namespace dnnaccel::base
